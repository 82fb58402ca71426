//! How a till gets its answers: over one of two lines, again and again.

use kessai_client::wire::{Payment, PaymentState, Purchase, Refund, Retry};
use kessai_client::{CallError, Terminal};
use tokio::time::sleep;

use super::TillAtWork;
use crate::simulation::network::heard::RefundEnd;
use crate::simulation::network::station::{Station, options, persist};

impl TillAtWork {
    /// Asks until it is known how a purchase and its refunds ended.
    pub(super) async fn settle(&self, purchase: &Purchase) -> turmoil::Result {
        let payment = purchase.payment;
        loop {
            let asked = match self.dice() {
                0..=24 => self.ask(0, async |terminal| terminal.status(payment).await).await?,
                25..=39 => self.ask(0, async |terminal| terminal.cancel(payment).await).await?,
                _ => self.pay(0, purchase).await?,
            };
            if asked.is_some_and(|asked| is_over(asked.state)) {
                break;
            }
            sleep(self.pause(200..=1_000)).await;
        }
        let bought = self.heard.bought(payment).ok_or("a purchase that never began")?;
        for (refund, (amount, _)) in bought.refunds {
            while !self.give_back(Refund { refund, payment, amount }).await? {
                sleep(self.pause(200..=1_000)).await;
            }
        }
        loop {
            let asked = self.ask(0, async |terminal| terminal.status(payment).await).await?;
            if let Some(end) = asked {
                self.heard.ended(&end);
                return Ok(());
            }
            sleep(self.pause(200..=1_000)).await;
        }
    }

    pub(super) async fn pay(
        &self,
        line: usize,
        purchase: &Purchase,
    ) -> turmoil::Result<Option<Payment>> {
        self.ask(line, async |terminal| terminal.pay(purchase.clone()).await).await
    }

    /// Asks for a refund, and says whether it is known what became of it.
    pub(super) async fn give_back(&self, refund: Refund) -> turmoil::Result<bool> {
        let terminal = self.terminal(0).await?;
        let end = match terminal.refund(refund).await {
            Ok(answer) => {
                self.heard.answered(&answer);
                RefundEnd::Made
            }
            Err(CallError::Refused(refusal)) if refusal.retry == Retry::Never => RefundEnd::Refused,
            Err(error) => {
                self.hung_up(0, &error);
                return Ok(false);
            }
        };
        self.heard.refunded(refund.payment, refund.refund, end);
        Ok(true)
    }

    /// Asks something about a payment over one of the lines, and notes the answer, if any comes.
    pub(super) async fn ask(
        &self,
        line: usize,
        ask: impl AsyncFnOnce(Terminal) -> Result<Payment, CallError>,
    ) -> turmoil::Result<Option<Payment>> {
        match ask(self.terminal(line).await?).await {
            Ok(answer) => {
                self.heard.answered(&answer);
                Ok(Some(answer))
            }
            Err(error) => {
                self.heard.note(&("no answer", error.reason()));
                self.hung_up(line, &error);
                Ok(None)
            }
        }
    }

    /// The terminal on one of the lines, connected if it is not.
    pub(super) async fn terminal(&self, line: usize) -> turmoil::Result<Terminal> {
        let place = self.lines.get(line).ok_or("there are two lines")?;
        if let Some((_, terminal)) = &*place.borrow() {
            return Ok(terminal.clone());
        }
        let role = self.role();
        let station = Station::open(&role.peer, &self.around).await?;
        let connect = || Terminal::connect(station.connector(), role.id, options(&role.peer));
        let terminal = persist(connect).await?;
        *place.borrow_mut() = Some((station, terminal.clone()));
        Ok(terminal)
    }

    /// Gives a line up that has ended for good, as after the address has changed.
    pub(super) fn hung_up(&self, line: usize, error: &CallError) {
        if let (CallError::Ended(_), Some(place)) = (error, self.lines.get(line)) {
            place.borrow_mut().take();
        }
    }
}

/// Says whether a payment that stands so has ended, if it is not given back later.
const fn is_over(state: PaymentState) -> bool {
    match state {
        PaymentState::Pending | PaymentState::Authorised => false,
        PaymentState::Captured
        | PaymentState::Reversed
        | PaymentState::Refunded
        | PaymentState::PartlyRefunded
        | PaymentState::Declined
        | PaymentState::Cancelled
        | PaymentState::Expired => true,
    }
}
