//! What the till and the vending machine say.

use std::io;
use std::path::PathBuf;

use kessai_client::CallError;
use kessai_client::wire::{
    Payment, PaymentState, RefundDone, TerminalFacts, TerminalKind, TerminalTotals,
};
use kessai_engine::terms::gtin::GtinError;
use kessai_engine::terms::ids::PresentmentCodeError;
use kessai_engine::terms::{Amount, Currency, Line, PaymentId, Reason, TerminalId};

use crate::hand::cart::CartError;
use crate::hand::dispensed::DispensedError;
use crate::hand::errand::Errand;
use crate::hand::page::money;
use crate::hand::payer::PayerError;
use crate::hand::slips::SlipError;

pub(in crate::hand) const HELP: &str = "\
Scan or type a bar code to put a product on the list, with a quantity behind it for more than one.
  4901234567894          one
  4901234567894 3        three
  basket                 shows the list and the total
  remove 2               takes line 2 off the list
  clear                  takes everything off the list
  pay 012 345 6782       asks whoever shows this code on the handset to pay
  pay 1234-567-890       asks the customer of this id; `pay` alone asks for either
  cancel                 while the customer is asked: gives the payment up
  1 of line 2            at a machine, after the approval: what came out; or `all`, or `nothing`
  reverse                takes the last payment back, whole; or the one whose id follows
  refund PAYMENT 100     pays 100 of a payment back; without an amount, all that is left of it
  status                 tells how the last payment stands; or the one whose id follows
  totals                 tells what moved today at this till; or on the day that follows
  quit                   leaves";
pub(in crate::hand) const CLEARED: &str = "The list is empty now.";
pub(in crate::hand) const WHICH_CUSTOMER: &str =
    "Code from the handset, or customer id (Enter alone goes back):";
pub(in crate::hand) const TAKEN_AS_CODE: &str = "Taken as the code of a handset. If it is a customer id, \
    type `cancel`, then `pay id` and the id.";
pub(in crate::hand) const NOT_PAID_NOW: &str = "Back to the list.";
pub(in crate::hand) const NO_PAYMENT_ID: &str =
    "That is no payment id. Type `status` for the last payment.";
pub(in crate::hand) const REFUND_OF_WHAT: &str =
    "Type the payment's id behind `refund`, and the amount if it is not all of it.";
pub(in crate::hand) const NO_DAY: &str = "That is no day: type it as 20261122 or 2026-11-22.";
pub(in crate::hand) const NO_QUANTITY: &str =
    "A bar code may be followed by a quantity, and by nothing else.";
pub(in crate::hand) const NOTHING_OPEN: &str = "No payment is open.";
pub(in crate::hand) const NO_LAST_PAYMENT: &str = "There has been no payment yet.";
pub(in crate::hand) const PAYMENT_IS_OPEN: &str = "A payment is open. Type `cancel` to give it up.";
pub(in crate::hand) const CANCELLING: &str = "Giving the payment up ...";
pub(in crate::hand) const HAND_OVER: &str = "Hand the goods over.";
pub(in crate::hand) const TAKING_BACK: &str = "Taking the payment back ...";
pub(in crate::hand) const TAKING_BACK_STILL: &str =
    "The payment is still being taken back: no answer yet.";
pub(in crate::hand) const GOES_ON_NEXT_TIME: &str =
    "It goes on when this terminal is opened again.";
pub(in crate::hand) const AMOUNT_NEEDED: &str =
    "This terminal does not know how much is left of that payment: type the amount behind its id.";
pub(in crate::hand) const NOTHING_LEFT: &str = "Nothing is left of this payment to be paid back.";
pub(in crate::hand) const DISPENSED_WHAT: &str =
    "Type what came out: `all`, `nothing`, or for example `1 of line 2, 3 of line 1`.";
pub(in crate::hand) const NOTHING_REPORTED: &str =
    "Nothing was reported: the gateway takes the payment back by itself.";
pub(in crate::hand) const NOT_IN_TIME: &str = "Nothing was reported in time.";

pub(in crate::hand) fn ready(id: TerminalId, facts: &TerminalFacts) -> String {
    let (store, merchant) = (&facts.store_name, &facts.merchant_name);
    let what = match facts.kind {
        TerminalKind::PointOfSale => "Terminal",
        TerminalKind::Vending => "Vending machine",
    };
    format!(
        "{what} {id} of {store} ({merchant}), in {}, is ready. Scan a product, or type `help`.",
        facts.currency.code()
    )
}

pub(in crate::hand) fn not_understood(word: &str) -> String {
    format!("`{}` is not understood. Type `help`.", word.escape_debug())
}

pub(in crate::hand) fn scanned(line: &Line, total: Amount, currency: Currency) -> String {
    let (price, total) = (money(line.unit_price, currency), money(total, currency));
    format!("{}: {} x {price}. To pay: {total}.", line.name, line.quantity)
}

pub(in crate::hand) fn removed(line: &Line) -> String {
    format!("Taken off: {}.", line.name)
}

pub(in crate::hand) fn not_scanned(code: &str, why: CartError) -> String {
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

/// Says why nobody is asked. It does not repeat a code.
pub(in crate::hand) fn no_payer(why: PayerError) -> &'static str {
    match why {
        PayerError::Neither => "That is no code of ten digits, and no customer id.",
        PayerError::Customer => {
            "That is no customer id: it has up to 23 letters, digits and hyphens."
        }
        PayerError::Code(PresentmentCodeError::Length) => "That is no code: it has ten digits.",
        PayerError::Code(PresentmentCodeError::Character) => {
            "That is no code: it has digits only, perhaps in groups."
        }
        PayerError::Code(PresentmentCodeError::CheckDigit) => {
            "The code is mistyped: its last digit does not fit. Type it again."
        }
        PayerError::MistypedOrCustomer => {
            "As a code this is mistyped: its last digit does not fit. \
            If it is a customer id, type `pay id` and the id."
        }
    }
}

pub(in crate::hand) fn no_amount(currency: Currency) -> String {
    match currency.exponent() {
        0 => "That is no amount: type a number above zero, without decimals.".to_owned(),
        decimals => {
            format!("That is no amount: type a number above zero, with up to {decimals} decimals.")
        }
    }
}

pub(in crate::hand) fn asking(total: Amount, currency: Currency, payment: PaymentId) -> String {
    let total = money(total, currency);
    format!("Asking the customer to pay {total}. Payment {payment}. Type `cancel` to give it up.")
}

pub(in crate::hand) fn waiting(left_ms: u64) -> String {
    format!("Waiting for the customer: {} s left.", left_ms.div_ceil(1_000))
}

pub(in crate::hand) fn refused(reason: Reason) -> String {
    format!("NOT PAID. {} Nothing has happened.", reason.clerk_text())
}

pub(in crate::hand) fn not_paid(end: &Payment) -> String {
    let why = end.reason.map(Reason::clerk_text).unwrap_or_default();
    format!("NOT PAID. {why} The list is kept.")
}

pub(in crate::hand) fn end_unknown(why: &CallError) -> String {
    format!(
        "It is not known whether this was paid: {why}.\n\
        Hand nothing over. Type `status`; before the next payment this one is given up."
    )
}

/// Says what a machine waits for after the approval.
pub(in crate::hand) fn dispensing(
    total: Amount,
    currency: Currency,
    left_ms: Option<u64>,
) -> String {
    let total = money(total, currency);
    let left = match left_ms {
        Some(left_ms) => format!("{} s left; after that", left_ms.div_ceil(1_000)),
        None => "After some time".to_owned(),
    };
    format!("APPROVED: {total}. {left} the payment is taken back.\n{DISPENSED_WHAT}")
}

pub(in crate::hand) fn not_dispensed(why: DispensedError) -> String {
    match why {
        DispensedError::Form => format!("That is not understood. {DISPENSED_WHAT}"),
        DispensedError::Line(line) => {
            format!("Line {line} is not on the list, or is named twice. {DISPENSED_WHAT}")
        }
        DispensedError::Pieces { line, ordered } => {
            format!("Of line {line} only {ordered} were ordered. {DISPENSED_WHAT}")
        }
        DispensedError::Part(reason) => format!("{} {DISPENSED_WHAT}", reason.clerk_text()),
    }
}

pub(in crate::hand) fn delivered(end: &Payment, currency: Currency, ordered: Amount) -> String {
    let (captured, all) = (money(end.captured, currency), money(ordered, currency));
    if end.captured == ordered {
        format!("PAID: {all}.")
    } else {
        format!("PAID IN PART: {captured} of {all}. The rest is not charged.")
    }
}

pub(in crate::hand) fn reversed(payment: &Payment) -> String {
    let price = payment.price.map(|price| format!(": {price}")).unwrap_or_default();
    let why = payment.reason.map(Reason::clerk_text).unwrap_or_default();
    format!("TAKEN BACK{price}. {why}")
}

pub(in crate::hand) fn refunding(amount: Amount, currency: Currency, payment: PaymentId) -> String {
    format!("Paying {} of payment {payment} back ...", money(amount, currency))
}

pub(in crate::hand) fn refunded(done: RefundDone, currency: Currency, end: &Payment) -> String {
    let [amount, refunded, captured] =
        [done.amount, end.refunded, end.captured].map(|amount| money(amount, currency));
    format!("PAID BACK: {amount}; in all {refunded} of {captured}. Reference {}.", done.reference)
}

pub(in crate::hand) fn refund_unknown(why: &CallError) -> String {
    let why = match why.reason() {
        Some(reason) => reason.clerk_text().trim_end_matches('.').to_owned(),
        None => why.to_string(),
    };
    format!(
        "It is not known whether this was paid back: {why}.\n\
        The same refund is asked for again before anything else is."
    )
}

pub(in crate::hand) fn no_slip(why: &SlipError) -> String {
    format!("There is no slip: {why}.")
}

pub(in crate::hand) fn written(files: &io::Result<PathBuf>) -> String {
    match files {
        Ok(path) => {
            format!("Written to {}, .json and .escpos.", path.with_extension("txt").display())
        }
        Err(why) => format!("The slip was not written: {why}."),
    }
}

pub(in crate::hand) fn totals(totals: &TerminalTotals) -> String {
    let date = totals.business_date;
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    let mut page = format!("Business day {year:04}-{month:02}-{day:02}");
    if totals.currencies.is_empty() {
        page.push_str("\nNothing has moved at this terminal.");
    }
    for of in &totals.currencies {
        for (what, tally) in
            [("paid", of.captured), ("taken back", of.reversed), ("paid back", of.refunded)]
        {
            let sum = money(tally.amount, of.currency);
            page.push_str(&format!("\n{what:<10} {:>5} {sum:>22}", tally.count));
        }
        let net = of.net().minor();
        let sum = u64::try_from(net.unsigned_abs()).ok().and_then(|sum| Amount::new(sum).ok());
        let sum = sum.map(|sum| money(sum, of.currency)).unwrap_or_default();
        let net = if net < 0 { format!("-{sum}") } else { sum };
        page.push_str(&format!("\n{:<10} {:>5} {net:>22}", "left", ""));
    }
    page
}

pub(in crate::hand) fn not_answered(why: &CallError) -> String {
    match why.reason() {
        Some(reason) => reason.clerk_text().to_owned(),
        None => format!("No answer: {why}."),
    }
}

pub(in crate::hand) fn unsettled(errand: &Errand) -> String {
    let payment = errand.payment();
    match errand {
        Errand::Payment(_) => format!(
            "The end of payment {payment} was not learnt. If it is still open, it is given up now."
        ),
        Errand::Reversal { .. } => {
            format!("Payment {payment} was being taken back: this goes on now.")
        }
        Errand::Refund(_) => format!(
            "A refund of payment {payment} had no answer: the same one is asked for again now."
        ),
    }
}

pub(in crate::hand) fn standing(payment: &Payment) -> String {
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
    format!("Payment {}{price}: {}.{why}{approval}", payment.payment, state(payment))
}

fn state(payment: &Payment) -> String {
    let written = |amount: Amount| match payment.price {
        Some(price) => amount.of(price.currency).to_string(),
        None => String::new(),
    };
    match payment.state {
        PaymentState::Pending => "waiting for the customer".to_owned(),
        PaymentState::Authorised => "approved, to be paid on delivery".to_owned(),
        PaymentState::Captured if payment.price.is_none_or(|p| p.amount == payment.captured) => {
            "paid".to_owned()
        }
        PaymentState::Captured => format!("paid in part, {}", written(payment.captured)),
        PaymentState::Reversed => "taken back".to_owned(),
        PaymentState::Refunded => format!("paid back, {}", written(payment.refunded)),
        PaymentState::PartlyRefunded => format!(
            "paid back in part, {} of {}",
            written(payment.refunded),
            written(payment.captured)
        ),
        PaymentState::Declined => "declined".to_owned(),
        PaymentState::Cancelled => "cancelled".to_owned(),
        PaymentState::Expired => "expired".to_owned(),
    }
}
