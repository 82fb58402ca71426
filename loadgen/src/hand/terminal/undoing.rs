//! Takes payments back, and pays money back.

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use kessai_client::CallError;
use kessai_client::wire::{Payment, PaymentState};
use kessai_engine::terms::{Amount, PaymentId};
use tokio::time::timeout;

use super::{Desk, Done};
use crate::hand::Left;
use crate::hand::errand::{Cause, Errand, Intent};
use crate::hand::keyboard::Typed;
use crate::hand::sales::Sale;
use crate::hand::slips::left_of;
use crate::hand::texts::news;
use crate::hand::texts::till as texts;

/// How long an answer is waited for before the clerk is heard again.
const PATIENCE: Duration = Duration::from_secs(3);

impl<W: Write> Desk<W> {
    /// Takes a payment back, or the last one.
    pub(super) async fn reverse(&mut self, payment: Option<PaymentId>) -> io::Result<Done> {
        let unfinished = self.errands.open()?;
        let Some(payment) = payment.or(self.last) else {
            self.say(texts::NO_LAST_PAYMENT);
            return Ok(Done::Yes);
        };
        let sale = match unfinished {
            // It need not be given up first: a reversal does that, too.
            Some(Errand::Payment(sale)) if sale.payment == payment => Some(sale),
            Some(_) => match self.finish().await? {
                Done::Yes => None,
                unfinished => return Ok(unfinished),
            },
            None => None,
        };
        let sale = sale.or_else(|| self.sales.find(payment).cloned());
        self.take_back(payment, Cause::OnRequest, sale).await
    }

    /// Takes a payment back, and asks until that is acknowledged or the clerk leaves.
    pub(super) async fn take_back(
        &mut self,
        payment: PaymentId,
        cause: Cause,
        sale: Option<Sale>,
    ) -> io::Result<Done> {
        self.errands.keep(&Errand::Reversal { payment, cause, sale: sale.clone() })?;
        self.say(texts::TAKING_BACK);
        let answer = match self.until_acknowledged(payment, cause).await {
            Ok(answer) => answer,
            Err(left) => {
                self.say(texts::GOES_ON_NEXT_TIME);
                return Ok(Done::Left(left));
            }
        };
        match answer {
            Ok(end) => {
                self.errands.forget()?;
                self.taken_back(sale.as_ref(), &end);
                Ok(Done::Yes)
            }
            Err(CallError::Refused(refusal)) => {
                self.errands.forget()?;
                self.say(refusal.reason.clerk_text());
                Ok(Done::Yes)
            }
            Err(why) => {
                self.say(texts::not_answered(&why));
                Ok(Done::NotYet)
            }
        }
    }

    fn taken_back(&mut self, sale: Option<&Sale>, end: &Payment) {
        if end.state != PaymentState::Reversed {
            // It had never been approved.
            return self.say(texts::standing(end));
        }
        let slip = self.slips.reversal(sale.map(|sale| &sale.goods), end);
        self.hand_out(slip);
        self.say(texts::reversed(end));
    }

    async fn until_acknowledged(
        &mut self,
        payment: PaymentId,
        cause: Cause,
    ) -> Result<Result<Payment, CallError>, Left> {
        let terminal = self.terminal.clone();
        let mut answer = pin!(terminal.reverse_until_acknowledged(payment, cause.into()));
        // As a rule the answer is there before the next line is looked at.
        if let Ok(answer) = timeout(PATIENCE, &mut answer).await {
            return Ok(answer);
        }
        loop {
            tokio::select! {
                answer = &mut answer => return Ok(answer),
                typed = self.keyboard.line() => match typed {
                    Typed::Line(line) if is_quit(&line) => return Err(Left::Quit),
                    Typed::Line(_) => self.say(texts::TAKING_BACK_STILL),
                    Typed::End => return Err(Left::Quit),
                    Typed::Interrupted => return Err(Left::Interrupted),
                },
                Some(told) = self.news.recv() => self.say(news(&told)),
            }
        }
    }

    /// Pays a part of a payment back, or all that is left of it.
    pub(super) async fn refund(
        &mut self,
        payment: PaymentId,
        amount: Option<Amount>,
    ) -> io::Result<Done> {
        if let Some(errand) = self.errands.open()? {
            let done = self.finish().await?;
            // To ask for the same once more must not pay back twice.
            let is_same = matches!(errand, Errand::Refund(intent)
                if intent.payment == payment && amount.is_none_or(|amount| amount == intent.amount));
            if is_same || done != Done::Yes {
                return Ok(done);
            }
        }
        let amount = match amount {
            Some(amount) => amount,
            None => match self.terminal.status(payment).await {
                Ok(found) if !left_of(&found).is_zero() => left_of(&found),
                Ok(_) => {
                    self.say(texts::NOTHING_LEFT);
                    return Ok(Done::Yes);
                }
                Err(CallError::Refused(_)) => {
                    self.say(texts::AMOUNT_NEEDED);
                    return Ok(Done::Yes);
                }
                Err(why) => {
                    self.say(texts::not_answered(&why));
                    return Ok(Done::Yes);
                }
            },
        };
        let refund = self.terminal.payment_id();
        self.pay_back(Intent { refund, payment, amount }).await
    }

    /// Pays money back under an id that is kept before it is sent.
    pub(super) async fn pay_back(&mut self, intent: Intent) -> io::Result<Done> {
        self.errands.keep(&Errand::Refund(intent))?;
        let currency = self.facts.currency;
        self.say(texts::refunding(intent.amount, currency, intent.payment));
        match self.terminal.refund(intent.into()).await {
            Ok(end) => {
                self.errands.forget()?;
                if let Some(done) = end.refund {
                    let goods = self.sales.find(intent.payment).map(|sale| &sale.goods);
                    let slip = self.slips.refund(intent, done.reference, goods, &end);
                    self.hand_out(slip);
                    self.say(texts::refunded(done, currency, &end));
                }
                Ok(Done::Yes)
            }
            Err(why) => match (why.may_pass(), why) {
                (false, CallError::Refused(refusal)) => {
                    self.errands.forget()?;
                    self.say(refusal.reason.clerk_text());
                    Ok(Done::Yes)
                }
                // Even a refusal may be that of a repetition, after the refund was made.
                (_, why) => {
                    self.say(texts::refund_unknown(&why));
                    Ok(Done::NotYet)
                }
            },
        }
    }
}

fn is_quit(line: &str) -> bool {
    ["quit", "exit", "q"].iter().any(|word| line.trim().eq_ignore_ascii_case(word))
}
