//! What is checked of the whole: after every recovery, and now and then while all is well.

use std::collections::BTreeMap;

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::{Amount, Currency, Net};
use kessai_engine::{CustomerView, Engine, Lsn, PaymentView};

use super::{Judge, Violation, Wrong};
use crate::simulation::cast::Cast;
use crate::simulation::shelf::{Shelf, Unreadable};

impl Judge {
    /// Holds every customer against the books.
    pub(super) fn check_customers(&self, engine: &Engine, cast: &Cast) -> Result<(), Violation> {
        for (number, own) in self.books.customers() {
            let customer = cast.customers.get(number);
            let Some(found) = customer.and_then(|customer| engine.customer(customer)) else {
                return Err(Violation::new(format!("customer {number} is gone")));
            };
            let CustomerView { balance, held, wrong_in_row, notices, policy, .. } = found;
            let told = (balance.minor(), held.minor(), wrong_in_row, notices, policy.standing);
            let held = self.books.held(number);
            let expected = (own.balance, held, own.wrong_in_row, own.notices, own.standing);
            if told != expected {
                return Err(Violation::new(format!(
                    "customer {number}: balance, held, wrong proofs, notices and standing are \
                     {told:?} and must be {expected:?}"
                )));
            }
        }
        Ok(())
    }

    /// Holds the whole engine against the books and against all that was ever told.
    pub(in crate::simulation) fn check_whole(
        &self,
        (engine, shelf): (&Engine, &Shelf),
        cast: &Cast,
    ) -> Result<(), Violation> {
        self.check_customers(engine, cast)?;
        let mut views = BTreeMap::new();
        engine.each_payment(|view| {
            views.insert(view.payment, view.clone());
        });
        for (id, own) in self.books.payments() {
            let found = match views.remove(id) {
                Some(found) => found,
                // What has left the memory is in the archive, unless that cannot be read now.
                None => match self.archived(id, engine, shelf)? {
                    Some(found) => found,
                    None if shelf.has_failed() => continue,
                    None => {
                        let what = format!("{id} is gone: {own:?}");
                        return Err(Violation::of(Wrong::Lost, what));
                    }
                },
            };
            self.check_payment(&found, cast)?;
        }
        if let Some(view) = views.into_values().next() {
            return Err(Violation::new(format!("nobody asked for {view:?}")));
        }
        for told in self.facts.payments() {
            if self.books.payment(&told.payment).is_none() {
                let what = format!("told {told:?}, and it is gone");
                return Err(Violation::of(Wrong::Lost, what));
            }
        }
        self.check_sums(engine, cast)
    }

    /// A payment that is not in memory, as the archive has it.
    fn archived(
        &self,
        id: &PaymentId,
        engine: &Engine,
        shelf: &Shelf,
    ) -> Result<Option<PaymentView>, Violation> {
        if !engine.is_archived(id) {
            return Ok(None);
        }
        match shelf.find(id) {
            Ok(found) => Ok(found.map(|found| found.view().clone())),
            Err(Unreadable::Failed) => Ok(None),
            Err(Unreadable::Wrong(violation)) => Err(violation),
        }
    }

    fn check_payment(&self, found: &PaymentView, cast: &Cast) -> Result<(), Violation> {
        self.facts.check(found)?;
        let Some(own) = self.books.payment(&found.payment) else { return Ok(()) };
        let customer = own.asked.and_then(|asked| cast.customers.get(asked.customer).copied());
        let till = cast.till(own.till).id;
        // The archive does not number notices, and what comes back from there has lost its number.
        let notice = if found.notice == 0 { 0 } else { own.notice };
        let told = (found.state, found.reason, found.captured, found.refunded, found.notice);
        let (captured, refunded) = (amount(own.captured), amount(own.refunded));
        let expected = (own.state, own.reason, captured, refunded, notice);
        if told == expected && found.customer == customer && found.terminal == till {
            return Ok(());
        }
        Err(Violation::new(format!("{found:?} must be {own:?}")))
    }

    fn check_sums(&self, engine: &Engine, cast: &Cast) -> Result<(), Violation> {
        let books = engine.books();
        let books = books.map_err(|error| Violation::new(format!("the books: {error}")))?;
        if let Some(problem) = books.problems.first() {
            return Err(Violation::new(format!("the books: {problem}")));
        }
        let yen = books.currencies.get(&Currency::JPY).copied().unwrap_or_default();
        let funded = net(self.books.funded());
        if yen.funded != funded {
            let found = yen.funded;
            return Err(Violation::new(format!("{found:?} were put in, not {funded:?}")));
        }
        for (merchant, owed) in self.books.owed() {
            let till = cast.tills.iter().find(|till| till.merchant_no == *merchant);
            let id = till.map(|till| till.merchant);
            let found = id.and_then(|id| books.merchants.get(&(id, Currency::JPY)).copied());
            if found.unwrap_or_default() != net(*owed) {
                return Err(Violation::new(format!(
                    "merchant {merchant} is owed {found:?}, and must be {owed}"
                )));
            }
        }
        Ok(())
    }

    /// Follows a crash: the journal holds all up to `last`.
    ///
    /// Gives the records that were on the disk and are not any more.
    pub(in crate::simulation) fn recovered(&mut self, last: Lsn) -> u64 {
        let gone = self.synced.0.saturating_sub(last.0);
        self.books.take_back(last);
        // What was not synced and is there nevertheless is on the disk now.
        self.synced = last;
        self.before_batches.clear();
        gone
    }

    /// Forgets facts that the disk has lost where nothing was promised.
    pub(in crate::simulation) fn forgive(&mut self) -> u64 {
        let mut forgiven = 0_u64;
        let told: Vec<_> = self.facts.payments().copied().collect();
        for told in told {
            let stands = self.books.standpoint(&told);
            if stands.is_none_or(|now| super::facts::flaw(&told, &now).is_some()) {
                self.facts.forgive(&told.payment);
                forgiven = forgiven.saturating_add(1);
            }
        }
        forgiven
    }

    /// How many payments there were, and how many messages told of one.
    pub(in crate::simulation) fn counts(&self) -> (u64, u64) {
        let payments = u64::try_from(self.books.payments().count()).unwrap_or(u64::MAX);
        (payments, self.facts.count())
    }

    /// Checks that every payment has ended, once nothing goes wrong any more.
    pub(in crate::simulation) fn all_ended(&self) -> Result<(), Violation> {
        let waiting = self.books.customers().flat_map(|(_, customer)| &customer.waiting).next();
        match waiting {
            None => Ok(()),
            Some(payment) => Err(Violation::new(format!("{payment} never ends"))),
        }
    }
}

fn net(amount: u64) -> Net {
    Amount::new(amount).map(Net::from).unwrap_or_default()
}

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap_or(Amount::MAX)
}
