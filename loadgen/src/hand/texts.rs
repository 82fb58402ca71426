//! Every sentence that the till and the handset say.

use std::fmt::Display;
use std::path::Path;

use kessai_client::terms::collation::PasswordError;
use kessai_client::wire::{CloseCode, GatewayAddress, Notice, Payment, PaymentState, Subject};
use kessai_client::{CallError, ConnectError, EnrolError, Guessable, Question};
use kessai_engine::terms::gtin::GtinError;
use kessai_engine::terms::{Amount, Currency, CustomerId, Line, PaymentId, Reason, TerminalId};
use time::UtcOffset;
use tokio::time::Instant;

use super::cart::CartError;
use super::receipt::{clock, items, money, rule};
use super::watched::News;

/// What a till by hand charges in.
pub(super) const CURRENCY: Currency = Currency::JPY;

pub(super) const TERMINAL_HELP: &str = "\
Scan or type a bar code to put a product on the list, with a quantity behind it for more than one.
  4901234567894          one
  4901234567894 3        three
  basket                 shows the list and the total
  remove 2               takes line 2 off the list
  clear                  takes everything off the list
  pay 1234-567-890       asks this customer to pay; without an id, asks for it
  cancel                 while the customer is asked: gives the payment up
  status                 tells how the last payment stands; or the one whose id follows
  quit                   leaves";
pub(super) const HANDSET_HELP: &str = "\
A purchase is shown as soon as a shop asks.
  pay      asks for the password, which is not shown, and pays; so does Enter alone
  cancel   refuses the purchase
  show     shows it again, with the time left
  list     lists the last payments that this handset knows
  quit     leaves; a purchase that waits goes on waiting until its time is up";

pub(super) const GOODBYE: &str = "Goodbye.";
pub(super) const CLEARED: &str = "The list is empty now.";
pub(super) const WHICH_CUSTOMER: &str = "Customer id (Enter alone goes back):";
pub(super) const NOT_PAID_NOW: &str = "Back to the list.";
pub(super) const NO_CUSTOMER_ID: &str =
    "That is no customer id: it has up to 23 letters, digits and hyphens.";
pub(super) const NO_PAYMENT_ID: &str = "That is no payment id. Type `status` for the last payment.";
pub(super) const NO_QUANTITY: &str =
    "A bar code may be followed by a quantity, and by nothing else.";
pub(super) const NOTHING_OPEN: &str = "No payment is open.";
pub(super) const NO_LAST_PAYMENT: &str = "There has been no payment yet.";
pub(super) const PAYMENT_IS_OPEN: &str = "A payment is open. Type `cancel` to give it up.";
pub(super) const CANCELLING: &str = "Giving the payment up ...";
pub(super) const HAND_OVER: &str = "Hand the goods over.";

pub(super) const CONNECTED_AGAIN: &str = "Connected again.";
pub(super) const UNTRUSTED: &str =
    "Something came that the gateway has not signed. It is not shown, and nothing is paid.";
pub(super) const NOTHING_ASKED: &str = "No shop is asking for a payment.";
pub(super) const HANDSET_NOT_UNDERSTOOD: &str = "That is not understood. Type `help`.";
pub(super) const PASSWORD: &str = "Password (not shown; Enter alone goes back):";
pub(super) const NO_PASSWORD: &str = "Nothing is paid yet. Type `pay`, or `cancel`.";
pub(super) const PROVING: &str = "One moment ...";

pub(super) const TYPE_ACTIVATION: &str = "Activation string:";
pub(super) const NEW_PASSWORD: &str = "New password (not shown, at least 6 characters):";
pub(super) const PASSWORD_AGAIN: &str = "The same again:";
pub(super) const PASSWORDS_DIFFER: &str = "These were two different passwords.";
pub(super) const NOT_ENROLLED_NOW: &str = "Nothing was enrolled.";

pub(super) fn connecting(gateway: &GatewayAddress) -> String {
    format!("Connecting to {gateway} ...")
}

pub(super) fn terminal_ready(id: TerminalId) -> String {
    format!("Terminal {id} is ready. Scan a product, or type `help`.")
}

pub(super) fn handset_ready(customer: CustomerId) -> String {
    format!("The handset of customer {customer} is ready. Type `help` to see what it can do.")
}

pub(super) fn enrolled(subject: Subject, folder: &Path) -> String {
    let folder = folder.display();
    format!("Enrolled as {subject}. The key is in {folder}: whoever has it can pose as this one.")
}

pub(super) fn not_understood(word: &str) -> String {
    format!("`{}` is not understood. Type `help`.", word.escape_debug())
}

pub(super) fn scanned(line: &Line, total: Amount) -> String {
    let (price, total) = (money(line.unit_price, CURRENCY), money(total, CURRENCY));
    format!("{}: {} x {price}. To pay: {total}.", line.name, line.quantity)
}

pub(super) fn removed(line: &Line) -> String {
    format!("Taken off: {}.", line.name)
}

pub(super) fn not_scanned(code: &str, why: CartError) -> String {
    let code = code.escape_debug();
    match why {
        CartError::Code(GtinError::CheckDigit { expected }) => {
            format!("{code} is misread: its last digit should be {expected}. Scan it again.")
        }
        CartError::Code(GtinError::Length) => {
            format!("{code} is no bar code: it has 8, 12, 13 or 14 digits.")
        }
        CartError::Code(GtinError::Digit) => format!("{code} is no bar code: it has digits only."),
        CartError::Code(GtinError::Zero) => format!("{code} is no bar code: it is all zeros."),
        CartError::Unknown(code) => format!("{code} is not in the catalogue."),
        CartError::Basket(reason) => reason.clerk_text().to_owned(),
        CartError::NoLine => "There is no such line. Type `basket` to see the numbers.".to_owned(),
    }
}

pub(super) fn asking(total: Amount, payment: PaymentId) -> String {
    let total = money(total, CURRENCY);
    format!("Asking the customer to pay {total}. Payment {payment}. Type `cancel` to give it up.")
}

pub(super) fn waiting(left_ms: u64) -> String {
    format!("Waiting for the customer: {} s left.", left_ms.div_ceil(1_000))
}

pub(super) fn refused(reason: Reason) -> String {
    format!("NOT PAID. {} Nothing has happened.", reason.clerk_text())
}

pub(super) fn not_paid(end: &Payment) -> String {
    let why = end.reason.map(Reason::clerk_text).unwrap_or_default();
    format!("NOT PAID. {why} The list is kept.")
}

pub(super) fn end_unknown(why: &CallError) -> String {
    format!(
        "It is not known whether this was paid: {why}.\n\
        Hand nothing over. Type `status`; before the next payment this one is given up."
    )
}

pub(super) fn not_answered(why: &CallError) -> String {
    match why.reason() {
        Some(reason) => reason.clerk_text().to_owned(),
        None => format!("No answer: {why}."),
    }
}

pub(super) fn unsettled(payment: PaymentId) -> String {
    format!("The end of payment {payment} was not learnt. If it is still open, it is given up now.")
}

pub(super) fn standing(payment: &Payment) -> String {
    let price = payment.price.map(|price| format!(", {price}")).unwrap_or_default();
    let approval = match payment.approval {
        Some(approval) => {
            format!(" Approval number {}, reference {}.", approval.number, approval.reference)
        }
        None => String::new(),
    };
    let why = match payment.reason {
        Some(reason) if reason != Reason::Approved => format!(" {}", reason.clerk_text()),
        Some(_) | None => String::new(),
    };
    format!("Payment {}{price}: {}.{why}{approval}", payment.payment, state(payment.state))
}

const fn state(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Pending => "waiting for the customer",
        PaymentState::Authorised => "approved, to be paid on delivery",
        PaymentState::Captured => "paid",
        PaymentState::Reversed => "taken back",
        PaymentState::Refunded => "paid back",
        PaymentState::PartlyRefunded => "paid back in part",
        PaymentState::Declined => "declined",
        PaymentState::Cancelled => "cancelled",
        PaymentState::Expired => "expired",
    }
}

pub(super) fn news(news: &News) -> String {
    match news {
        News::Lost => "The connection to the gateway is lost; trying again ...".to_owned(),
        News::Again => CONNECTED_AGAIN.to_owned(),
        News::Over(why) => format!("{}.", no_connection(why)),
    }
}

pub(super) fn handset_lost(why: &ConnectError) -> String {
    format!("The connection is lost: {}. Trying again ...", no_connection(why))
}

/// Says why there is no connection, without a stop at the end.
pub(super) fn no_connection(why: &ConnectError) -> String {
    match why {
        ConnectError::Closed(CloseCode::NotEnrolled) => {
            "the gateway does not know this key: it was never enrolled, or was revoked".to_owned()
        }
        ConnectError::Closed(CloseCode::Superseded) => {
            "another program has connected with the same key".to_owned()
        }
        ConnectError::Closed(CloseCode::ShuttingDown) => "the gateway is restarting".to_owned(),
        ConnectError::Refused(refusal) => {
            refusal.reason.customer_text().trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}

/// Says why nothing was enrolled, without a stop at the end.
pub(super) fn not_enrolled(why: &EnrolError) -> String {
    match why {
        EnrolError::Refused(_) => {
            "the code is wrong, used or too old: ask for a new one".to_owned()
        }
        EnrolError::OtherRole(subject) => {
            format!("the activation string is for a {}, not for this", subject.role())
        }
        EnrolError::Connect(why) => no_connection(why),
        other => other.to_string(),
    }
}

pub(super) fn impossible_password(why: PasswordError) -> String {
    sentence(why)
}

pub(super) fn guessable(why: Guessable) -> String {
    format!("{} A thief would try it first.", sentence(why))
}

/// Makes a sentence of an error.
fn sentence(error: impl Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    format!("{}{}.", first.map(String::from).unwrap_or_default(), characters.as_str())
}

/// Shows a purchase, its total first.
pub(super) fn question(question: &Question) -> String {
    let asked = &question.confirmation;
    let offset = UtcOffset::from_whole_seconds(i32::from(asked.utc_offset_minutes) * 60);
    let foreign = match asked.exchange {
        Some(exchange) => format!("The price is {}.\n", exchange.total),
        None => String::new(),
    };
    format!(
        "{}\nPAY {}?\n{foreign}{} ({}), terminal {}\n{}\n{}{}",
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

pub(super) fn wrong_password(question: &Question) -> String {
    format!("Wrong password. {}", what_now(question))
}

/// Tells how a payment ended.
pub(super) fn notice(notice: &Notice) -> String {
    let (price, store) = (notice.price, &notice.store_name);
    let numbers = match notice.approval {
        Some(approval) => {
            format!(" Approval number {}, reference {}.", approval.number, approval.reference)
        }
        None => String::new(),
    };
    match notice.state {
        PaymentState::Captured => format!("PAID: {price} at {store}.{numbers}"),
        PaymentState::Authorised => {
            format!("Approved: {price} at {store}, to be paid on delivery.{numbers}")
        }
        PaymentState::Pending
        | PaymentState::Declined
        | PaymentState::Cancelled
        | PaymentState::Expired => {
            format!("Not paid: {price} at {store}. {}", notice.reason.customer_text())
        }
        PaymentState::Reversed | PaymentState::Refunded | PaymentState::PartlyRefunded => {
            let back = state(notice.state);
            format!("{price} at {store}: {back}. {}", notice.reason.customer_text())
        }
    }
}

/// How many payments are listed.
const RECENT: usize = 10;

pub(super) fn recent(notices: &[Notice], offset: UtcOffset) -> String {
    if notices.is_empty() {
        return "No payments yet.".to_owned();
    }
    let line = |notice: &Notice| {
        let (at, price) = (clock(notice.at_ms, offset), notice.price.to_string());
        format!("{at} {price:>10}  {:<9}  {}", state(notice.state), notice.store_name)
    };
    notices.iter().rev().take(RECENT).map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn handset_not_answered(why: &CallError) -> String {
    match (why, why.reason()) {
        (CallError::NotOpen, _) => "This purchase is not open any more.".to_owned(),
        (_, Some(reason)) => reason.customer_text().to_owned(),
        (CallError::Deadline | CallError::Untrusted(_), None) => {
            format!("{} Whether it is paid will be told.", sentence(why))
        }
        (_, None) => sentence(why),
    }
}
