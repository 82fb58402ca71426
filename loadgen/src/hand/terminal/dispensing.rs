//! A machine's work after the approval: it hands the goods out, and reports what came.

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use kessai_client::Terminal;
use kessai_client::wire::{Delivery, Payment, PaymentState};
use kessai_engine::terms::{Basket, PaymentId};
use tokio::time::sleep;

use super::paying::ASK_AGAIN;
use super::{Desk, Done};
use crate::hand::Left;
use crate::hand::dispensed::{Dispensed, dispensed};
use crate::hand::errand::Cause;
use crate::hand::keyboard::Typed;
use crate::hand::sales::Sale;
use crate::hand::texts::news;
use crate::hand::texts::till as texts;

impl<W: Write> Desk<W> {
    /// Asks whoever plays the machine what came out, and reports it; or waits until the gateway has
    /// taken the payment back, because nothing was reported.
    pub(super) async fn dispense(&mut self, sale: &Sale, approved: &Payment) -> io::Result<Done> {
        let terminal = self.terminal.clone();
        let until_ms = approved.expires_at_ms;
        let left_ms = until_ms.map(|at| at.saturating_sub(terminal.gateway_time_ms()));
        self.say(texts::dispensing(sale.goods.total(), self.facts.currency, left_ms));
        let mut silence = pin!(silence(&terminal, sale.payment, until_ms));
        loop {
            let typed = tokio::select! {
                typed = self.keyboard.line() => typed,
                end = &mut silence => {
                    self.errands.forget()?;
                    self.say(texts::NOT_IN_TIME);
                    self.say(texts::reversed(&end));
                    return Ok(Done::Yes);
                }
                Some(told) = self.news.recv() => {
                    self.say(news(&told));
                    continue;
                }
            };
            let line = match typed {
                Typed::Line(line) => line,
                Typed::End => return Ok(self.say_nothing(Left::Quit)),
                Typed::Interrupted => return Ok(self.say_nothing(Left::Interrupted)),
            };
            let done = match dispensed(&line, &sale.goods) {
                Ok(Dispensed::Nothing) => {
                    let cause = Cause::NotDispensed;
                    return self.take_back(sale.payment, cause, Some(sale.clone())).await;
                }
                Ok(Dispensed::All) => self.report(sale, Delivery::All, &sale.goods).await?,
                Ok(Dispensed::Part(delivery, part)) => self.report(sale, delivery, &part).await?,
                Err(why) => {
                    self.say(texts::not_dispensed(why));
                    Done::NotYet
                }
            };
            if done == Done::Yes {
                return Ok(Done::Yes);
            }
        }
    }

    fn say_nothing(&mut self, left: Left) -> Done {
        self.say(texts::NOTHING_REPORTED);
        Done::Left(left)
    }

    /// Reports what came out; it may be reported again if there is no answer.
    async fn report(
        &mut self,
        sale: &Sale,
        delivery: Delivery,
        delivered: &Basket,
    ) -> io::Result<Done> {
        let end = match self.terminal.deliver(sale.payment, delivery).await {
            Ok(end) => end,
            Err(why) => {
                self.say(texts::not_answered(&why));
                return Ok(Done::NotYet);
            }
        };
        if end.state == PaymentState::Captured {
            self.sold(sale, delivered, &end)?;
            let total = sale.goods.total();
            self.say(texts::delivered(&end, self.facts.currency, total));
        } else {
            self.errands.forget()?;
            self.say(texts::reversed(&end));
        }
        Ok(Done::Yes)
    }
}

/// Waits until the time to report is over and the gateway has taken the payment back.
async fn silence(terminal: &Terminal, payment: PaymentId, until_ms: Option<u64>) -> Payment {
    if let Some(until_ms) = until_ms {
        let left_ms = until_ms.saturating_sub(terminal.gateway_time_ms());
        sleep(Duration::from_millis(left_ms)).await;
    }
    loop {
        match terminal.status(payment).await {
            Ok(end) if end.state != PaymentState::Authorised => return end,
            Ok(_) | Err(_) => sleep(ASK_AGAIN).await,
        }
    }
}
