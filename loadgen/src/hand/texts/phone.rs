//! What the handset says.

use std::time::Duration;

use kessai_client::wire::{CaptureTerms, ForeignPrice, Notice, PaymentState};
use kessai_client::{CallError, ConnectError, Question};
use kessai_engine::terms::{Currency, CustomerId, Money, PresentmentCode, Rate};
use time::UtcOffset;
use tokio::time::Instant;

use super::{no_connection, sentence};
use crate::hand::page::{clock, items, rule};
use crate::hand::qr::Drawing;

pub(in crate::hand) const HELP: &str = "\
A purchase is shown as soon as a shop asks.
  pay      asks for the password, which is not shown, and pays; so does Enter alone
  cancel   refuses the purchase
  show     shows it again, with the time left
  code     shows a code to pay with, once and for a minute: the shop learns no customer id
  recent   lists the last payments, with how each ended
  quit     leaves; a purchase that waits goes on waiting until its time is up";

pub(in crate::hand) const UNTRUSTED: &str =
    "Something came that the gateway has not signed. It is not shown, and nothing is paid.";
pub(in crate::hand) const NOTHING_ASKED: &str = "No shop is asking for a payment.";
pub(in crate::hand) const NOT_UNDERSTOOD: &str = "That is not understood. Type `help`.";
pub(in crate::hand) const CODE_OVER: &str =
    "The code is not good any more. Type `code` for another one.";
pub(in crate::hand) const PASSWORD: &str = "Password (not shown; Enter alone goes back):";
pub(in crate::hand) const NO_PASSWORD: &str = "Nothing is paid yet. Type `pay`, or `cancel`.";
pub(in crate::hand) const PROVING: &str = "One moment ...";

pub(in crate::hand) fn ready(customer: CustomerId) -> String {
    format!("The handset of customer {customer} is ready. Type `help` to see what it can do.")
}

pub(in crate::hand) fn lost(why: &ConnectError) -> String {
    format!("The connection is lost: {}. Trying again ...", no_connection(why))
}

/// Shows a purchase, its total first.
pub(in crate::hand) fn question(question: &Question) -> String {
    let asked = &question.confirmation;
    let offset = UtcOffset::from_whole_seconds(i32::from(asked.utc_offset_minutes) * 60);
    let price = asked.basket.total().of(asked.currency);
    let foreign = match asked.exchange {
        Some(exchange) => {
            let total = exchange.total.currency;
            format!("{}\n", converted(price, exchange.rate, exchange.markup_bp, total))
        }
        None => String::new(),
    };
    let delivery = match asked.capture {
        CaptureTerms::AtApproval => String::new(),
        CaptureTerms::OnDelivery { within_ms } => format!(
            "You pay what the machine hands out within {} s, and nothing else.\n",
            within_ms.div_ceil(1_000)
        ),
    };
    format!(
        "{}\nPAY {}?\n{foreign}{} ({}), terminal {}\n{}\n{}{delivery}{}",
        rule(),
        asked.total(),
        asked.store_name,
        asked.merchant_name,
        asked.terminal,
        clock(asked.opened_at_ms, offset.unwrap_or(UtcOffset::UTC)),
        items(&asked.basket, asked.currency),
        what_now(question),
    )
}

fn what_now(question: &Question) -> String {
    let left = question.answer_by.saturating_duration_since(Instant::now());
    let tries = match question.tries_left {
        1 => "1 try".to_owned(),
        tries => format!("{tries} tries"),
    };
    let left = left.as_millis().div_ceil(1_000);
    format!("{left} s left, {tries}.\nType `pay` to enter the password, `cancel` to refuse.")
}

pub(in crate::hand) fn wrong_password(question: &Question) -> String {
    format!("Wrong password. {}", what_now(question))
}

/// Tells by which rate a price was converted.
fn converted(price: Money, rate: Rate, markup_bp: u16, into: Currency) -> String {
    let markup = match (markup_bp / 100, markup_bp % 100) {
        (0, 0) => "no mark-up".to_owned(),
        (whole, 0) => format!("a mark-up of {whole} % in it"),
        (whole, part) => {
            let part = format!("{part:02}");
            format!("a mark-up of {whole}.{} % in it", part.trim_end_matches('0'))
        }
    };
    let (from, into) = (price.currency.code(), into.code());
    format!("The price is {price}, at {rate} {into} for 1 {from}, {markup}.")
}

/// Tells what became of a payment, in a line.
pub(in crate::hand) fn notice(notice: &Notice) -> String {
    let (price, store) = (notice.price, &notice.store_name);
    let [captured, refunded] =
        [notice.captured, notice.refunded].map(|amount| amount.of(price.currency));
    let numbers = match notice.approval {
        Some(approval) => {
            format!(" Approval number {}, reference {}.", approval.number, approval.reference)
        }
        None => String::new(),
    };
    let told = match notice.state {
        PaymentState::Captured if captured == price => {
            format!("PAID: {price} at {store}.{numbers}")
        }
        PaymentState::Captured => format!(
            "PAID IN PART: {captured} of {price} at {store}. The rest was not handed out and is \
            yours again.{numbers}"
        ),
        PaymentState::Authorised => {
            format!("Approved: {price} at {store}, to be paid on delivery.{numbers}")
        }
        PaymentState::Pending
        | PaymentState::Declined
        | PaymentState::Cancelled
        | PaymentState::Expired => {
            format!("Not paid: {price} at {store}. {}", notice.reason.customer_text())
        }
        PaymentState::Reversed => {
            format!("TAKEN BACK: {price} at {store}. {}", notice.reason.customer_text())
        }
        PaymentState::Refunded => {
            format!("PAID BACK: {refunded} at {store}, all that you paid.{numbers}")
        }
        PaymentState::PartlyRefunded => {
            format!("PAID BACK IN PART: {refunded} of {captured} at {store}.{numbers}")
        }
    };
    match notice.foreign {
        Some(ForeignPrice { price: charged, rate, markup_bp }) => {
            format!("{told} {}", converted(charged, rate, markup_bp, price.currency))
        }
        None => told,
    }
}

/// Lists payments, each with what became of it.
pub(in crate::hand) fn recent(notices: &[Notice], offset: UtcOffset) -> String {
    if notices.is_empty() {
        return "No payments yet.".to_owned();
    }
    let line = |listed: &Notice| format!("{}  {}", clock(listed.at_ms, offset), notice(listed));
    notices.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Shows a code to pay with.
pub(in crate::hand) fn code(code: &PresentmentCode, left: Duration, drawing: Drawing) -> String {
    let left = left.as_millis().div_ceil(1_000);
    format!(
        "{}\nCode {}\nGood for {left} s, for one payment. Show it to the shop, or read it out.",
        drawing.draw(code),
        code.grouped()
    )
}

/// Says why there is no code, or no list.
pub(in crate::hand) fn nothing_given(why: &CallError) -> String {
    match why.reason() {
        Some(reason) => reason.customer_text().to_owned(),
        None => sentence(why),
    }
}

pub(in crate::hand) fn not_answered(why: &CallError) -> String {
    match (why, why.reason()) {
        (CallError::NotOpen, _) => "This purchase is not open any more.".to_owned(),
        (_, Some(reason)) => reason.customer_text().to_owned(),
        (CallError::Deadline | CallError::Untrusted(_), None) => {
            format!("{} Whether it is paid will be told.", sentence(why))
        }
        (_, None) => sentence(why),
    }
}
