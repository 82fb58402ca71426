//! What a handset that was away is told when it comes back: derived from the state, so that it
//! survives a restart and nothing has to be stored for peers that never return.

use kessai_terms::ids::{CustomerId, DeviceId};
use kessai_terms::reason::Reason;

use super::Shard;
use crate::command::Owed;

impl Shard {
    /// Gathers the open prompts and the notices after number `seen`, as far back as is kept.
    pub(crate) fn owed(
        &self,
        customer: &CustomerId,
        device: &DeviceId,
        seen: u64,
    ) -> Result<Owed, Reason> {
        let seat = self.customers.seat(customer).ok_or(Reason::IdentityNotOfKey)?;
        let (account, holder) = (self.customers.account(seat), self.customers.holder(seat));
        holder.device(device).ok_or(Reason::IdentityNotOfKey)?;
        let (mut notices, mut archived) = (Vec::new(), Vec::new());
        for (number, payment) in holder.recent.iter().filter(|(number, _)| *number > seen) {
            match self.payments.get(payment) {
                Some(here) => notices.push(here.view.clone()),
                None => archived.push((*number, *payment)),
            }
        }
        Ok(Owed {
            prompts: holder.open.clone(),
            notices,
            archived,
            latest: holder.notices,
            after: account.after,
        })
    }
}
