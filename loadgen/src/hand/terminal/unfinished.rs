//! Finishes what was begun before: nothing else is begun until then.

use std::io::{self, Write};

use kessai_client::wire::PaymentState;

use super::{Desk, Done};
use crate::hand::errand::Errand;
use crate::hand::sales::Sale;
use crate::hand::texts::till as texts;

impl<W: Write> Desk<W> {
    /// Finishes what is unfinished, if anything is.
    pub(super) async fn finish(&mut self) -> io::Result<Done> {
        let Some(errand) = self.errands.open()? else { return Ok(Done::Yes) };
        self.last = Some(errand.payment());
        self.say(texts::unsettled(&errand));
        match errand {
            Errand::Payment(sale) => self.give_up(sale).await,
            Errand::Reversal { payment, cause, sale } => self.take_back(payment, cause, sale).await,
            Errand::Refund(intent) => self.pay_back(intent).await,
        }
    }

    /// Gives up a payment whose end was never learnt; one that was approved meanwhile stands.
    async fn give_up(&mut self, sale: Sale) -> io::Result<Done> {
        let end = match self.terminal.cancel(sale.payment).await {
            Ok(end) => end,
            Err(why) => {
                self.say(texts::not_answered(&why));
                return Ok(Done::NotYet);
            }
        };
        self.say(texts::standing(&end));
        match end.state {
            PaymentState::Authorised => self.dispense(&sale, &end).await,
            PaymentState::Captured if end.captured == sale.goods.total() => {
                self.sold(&sale, &sale.goods, &end)?;
                Ok(Done::Yes)
            }
            _ => {
                self.errands.forget()?;
                Ok(Done::Yes)
            }
        }
    }
}
