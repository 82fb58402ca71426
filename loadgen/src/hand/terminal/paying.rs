//! Asks for a payment, and waits for its end.

use std::future::pending;
use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::time::Duration;

use kessai_client::wire::{Payer, Payment, PaymentState, Purchase};
use kessai_client::{CallError, Terminal};
use kessai_engine::terms::{Basket, PaymentId};
use tokio::time::{interval, sleep};

use super::{Desk, Done};
use crate::hand::Left;
use crate::hand::errand::Errand;
use crate::hand::keyboard::Typed;
use crate::hand::sales::Sale;
use crate::hand::texts::news;
use crate::hand::texts::till as texts;

/// How often the time left is told.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How long to wait before the gateway is asked again how a payment stands.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(500);

impl<W: Write> Desk<W> {
    /// Asks for a payment and waits for its end.
    pub(super) async fn pay(&mut self, payer: Payer, goods: Basket) -> io::Result<Done> {
        match self.finish().await? {
            Done::Yes => {}
            unfinished => return Ok(unfinished),
        }
        let (payment, currency) = (self.terminal.payment_id(), self.facts.currency);
        let purchase = Purchase {
            payment,
            payer,
            lines: goods.lines().to_vec(),
            claimed_total: goods.total(),
            currency,
            capture: self.facts.kind.capture(),
        };
        let sale = Sale { payment, goods };
        self.errands.keep(&Errand::Payment(sale.clone()))?;
        self.last = Some(payment);
        self.say(texts::asking(sale.goods.total(), currency, payment));
        let (end, left) = self.wait(purchase).await;
        let done = match end {
            Ok(end) => self.ended(&sale, &end, left).await?,
            Err(CallError::Refused(refusal)) => {
                self.errands.forget()?;
                self.say(texts::refused(refusal.reason));
                Done::Yes
            }
            Err(why) => {
                self.say(texts::end_unknown(&why));
                Done::NotYet
            }
        };
        Ok(left.map_or(done, Done::Left))
    }

    /// Does what the end of a payment calls for: goods and receipt, a machine's work, or words.
    async fn ended(&mut self, sale: &Sale, end: &Payment, left: Option<Left>) -> io::Result<Done> {
        match (end.state, left) {
            (PaymentState::Authorised, None) => self.dispense(sale, end).await,
            (PaymentState::Authorised, Some(left)) => {
                self.say(texts::NOTHING_REPORTED);
                Ok(Done::Left(left))
            }
            (PaymentState::Captured, _) => {
                self.sold(sale, &sale.goods, end)?;
                self.say(texts::HAND_OVER);
                Ok(Done::Yes)
            }
            _ => {
                self.errands.forget()?;
                self.say(texts::not_paid(end));
                Ok(Done::Yes)
            }
        }
    }

    /// Prints the receipt of what was paid, and begins a new list.
    pub(super) fn sold(
        &mut self,
        sale: &Sale,
        delivered: &Basket,
        end: &Payment,
    ) -> io::Result<()> {
        self.sales.add(Sale { payment: sale.payment, goods: delivered.clone() })?;
        self.errands.forget()?;
        self.counter.cart.clear();
        let receipt = self.slips.sale(&sale.goods, delivered, end);
        self.hand_out(receipt);
        Ok(())
    }

    /// Waits for the end, tells the time left, and cancels if the clerk wishes or leaves.
    async fn wait(&mut self, purchase: Purchase) -> (Result<Payment, CallError>, Option<Left>) {
        let payment = purchase.payment;
        let terminal = self.terminal.clone();
        let mut end = pin!(terminal.pay(purchase));
        let mut deadline = pin!(deadline(&terminal, payment));
        let mut expires_at_ms = None;
        let mut cancelling: Option<Cancelling<'_>> = None;
        let mut left = None;
        let mut ticks = interval(TELL_EVERY);
        loop {
            tokio::select! {
                end = &mut end => return (end, left),
                found = &mut deadline, if expires_at_ms.is_none() => {
                    expires_at_ms = Some(found);
                    // From now on, and once at once.
                    ticks.reset_immediately();
                }
                _ = ticks.tick(), if expires_at_ms.is_some() && cancelling.is_none() => {
                    let until = expires_at_ms.unwrap_or_default();
                    let left_ms = until.saturating_sub(terminal.gateway_time_ms());
                    self.say(texts::waiting(left_ms));
                }
                typed = self.keyboard.line(), if left.is_none() => {
                    match typed {
                        Typed::Line(line) if !is_cancel(&line) => {
                            self.say(texts::PAYMENT_IS_OPEN);
                            continue;
                        }
                        Typed::Line(_) => {}
                        Typed::End => left = Some(Left::Quit),
                        Typed::Interrupted => left = Some(Left::Interrupted),
                    }
                    if cancelling.is_none() {
                        self.say(texts::CANCELLING);
                        cancelling = Some(Box::pin(terminal.cancel(payment)));
                    }
                }
                cancelled = answer(&mut cancelling) => {
                    cancelling = None;
                    // What it came to is told by the end of the payment itself.
                    if let Err(why) = cancelled {
                        self.say(texts::not_answered(&why));
                        if left.is_some() {
                            return (Err(why), left);
                        }
                    }
                }
                Some(told) = self.news.recv() => self.say(news(&told)),
            }
        }
    }
}

type Cancelling<'a> = Pin<Box<dyn Future<Output = Result<Payment, CallError>> + 'a>>;

async fn answer(cancelling: &mut Option<Cancelling<'_>>) -> Result<Payment, CallError> {
    match cancelling {
        Some(cancelling) => cancelling.await,
        None => pending().await,
    }
}

/// Finds out until when the customer can answer; never, once the payment has ended.
async fn deadline(terminal: &Terminal, payment: PaymentId) -> u64 {
    loop {
        match terminal.status(payment).await {
            Ok(Payment { state: PaymentState::Pending, expires_at_ms: Some(at_ms), .. }) => {
                return at_ms;
            }
            // The gateway may hear of the payment only now.
            Ok(_) | Err(_) => sleep(ASK_AGAIN).await,
        }
    }
}

fn is_cancel(line: &str) -> bool {
    ["cancel", "c"].iter().any(|word| line.trim().eq_ignore_ascii_case(word))
}
