//! What the processor does with customers while payments go on.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    AdminError, Credited, CustomerPolicy, Debited, Freshness, Lsn, PolicySet, Transferred,
};

use super::effects::Effect;
use super::{Around, Gateway, yen};
use crate::simulation::judge::Violation;
use crate::simulation::message::{Address, Ask, Tell};

impl Gateway {
    /// Does what the processor wants, and says so once it is durable.
    pub(super) fn administer(
        &mut self,
        from: Address,
        ask: &Ask,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        match *ask {
            Ask::Transfer { customer, reference, amount } => {
                self.transfer(from, (customer, reference, amount), around)
            }
            Ask::Unblock(customer) => {
                let (Some(slot), Some(id)) = (self.slot(), around.cast.customers.get(customer))
                else {
                    return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
                };
                let done = self.node.engine.unblock(*id, self.now_ms, slot);
                self.judged(around).unblocked(customer);
                self.done(from, customer, done, around)
            }
            Ask::SetStanding(customer, standing) => {
                let (Some(slot), Some(id)) = (self.slot(), around.cast.customers.get(customer))
                else {
                    return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
                };
                let policy = CustomerPolicy { standing, ..CustomerPolicy::default() };
                let set = PolicySet { customer: *id, policy };
                let done = self.node.engine.set_policy(set, self.now_ms, slot);
                self.judged(around).set_standing(customer, standing);
                self.done(from, customer, done, around)
            }
            Ask::Open(_)
            | Ask::Cancel(_)
            | Ask::Status(_)
            | Ask::Delivered(..)
            | Ask::Reverse(_)
            | Ask::Refund { .. }
            | Ask::Attach { .. }
            | Ask::Prove(_)
            | Ask::Refuse(_) => Err(Violation::new("the processor asks what only others may")),
        }
    }

    fn transfer(
        &mut self,
        from: Address,
        (customer, reference, amount): (usize, u64, i64),
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let (Some(slot), Some(id)) = (self.slot(), around.cast.customers.get(customer).copied())
        else {
            return self.tell(from, Tell::Refused(Reason::Busy), Lsn::NONE, around);
        };
        let text = format!("Transfer {reference}").parse();
        let text = text.map_err(|error| Violation::new(format!("a reference: {error:?}")))?;
        let (sum, engine, now_ms) = (yen(amount.unsigned_abs()), &self.node.engine, self.now_ms);
        let found = if amount < 0 {
            let debited = Debited { customer: id, amount: sum, reference: text };
            engine.debit(debited, now_ms, slot)
        } else {
            let credited = Credited { customer: id, amount: sum, reference: text };
            engine.credit(credited, now_ms, slot)
        };
        let freshness: Option<Freshness> = found.as_ref().ok().map(|done| done.freshness);
        self.judged(around).transferred((customer, reference, amount), freshness)?;
        match found {
            Ok(Transferred { after, .. }) => self.done(from, customer, Ok(after), around),
            Err(_) => {
                let refused = Tell::Refused(Reason::InsufficientFunds);
                let (after, basis) = (self.node.journal.latest(), self.node.log.latest());
                self.after(after, basis, Effect::Tell(from, refused), around)
            }
        }
    }

    fn done(
        &mut self,
        from: Address,
        customer: usize,
        done: Result<Lsn, AdminError>,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let after = done.map_err(|error| Violation::new(format!("{error}")))?;
        let basis = around.judge.basis_of_customer(customer);
        self.after(after, basis, Effect::Tell(from, Tell::Done), around)
    }
}
