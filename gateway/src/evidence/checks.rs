//! Checks what was found, each check by its name.

use std::fmt::Display;

use kessai_engine::terms::collation;
use kessai_engine::{Approved, Charge, Opened, Record};
use kessai_journal::{Ending, Reading, Recorded};
use kessai_wire::{Confirmation, ContentError};
use serde::Serialize;

use super::course::Course;
use super::trace::{Archived, DeviceChange, Trace};

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// What came of it.
    pub result: Verdict,
    /// What should be.
    pub expected: String,
    /// What is.
    pub found: String,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// It is not, but that proves nothing: somebody else's word, or a race that is allowed.
    Warning,
    /// It cannot be so.
    Failed,
}

/// What a confirmation's bytes decode to.
pub(super) type Decoded = Result<Confirmation, ContentError>;

/// Checks all that the records of a payment allow to be checked.
pub(super) fn all(trace: &Trace, course: &Course, decoded: Option<&Decoded>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let (Some((_, opened)), Some(decoded)) = (trace.opened(), decoded) {
        checks.extend(content(opened, decoded));
        if let Ok(confirmation) = decoded {
            checks.push(payee(trace, confirmation));
        }
    }
    let ends = format!("{} ends of the wait for the customer", course.ends);
    checks.push(check("one_end", course.ends <= 1, "at most 1", ends));
    let flaws = course.flaws.join("; ");
    let found = if flaws.is_empty() { "as the table has it".to_owned() } else { flaws };
    let follows = course.flaws.is_empty();
    checks.push(check("state_table", follows, "every step follows the one before", found));
    checks.push(check(
        "refunds_within_capture",
        course.refunded_price <= course.captured_price && course.refunded <= course.captured,
        format!("at most {}", course.captured_price.minor()),
        course.refunded_price.minor(),
    ));
    checks.push(times_rise(trace));
    if let (Some((recorded, opened)), Some((_, approved))) = (trace.opened(), trace.approved()) {
        checks.extend(answer(recorded, opened, approved));
        checks.extend(delivery(trace, approved));
        checks.push(device(trace));
    }
    checks.extend(trace.archived.as_ref().map(|archived| in_journal(archived, &trace.reading)));
    checks.push(chain(&trace.reading));
    checks
}

fn check(name: &'static str, holds: bool, expected: impl Display, found: impl Display) -> Check {
    let result = if holds { Verdict::Ok } else { Verdict::Failed };
    Check { name, result, expected: expected.to_string(), found: found.to_string() }
}

/// A check whose failure proves nothing.
fn hint(name: &'static str, holds: bool, expected: impl Display, found: impl Display) -> Check {
    let result = if holds { Verdict::Ok } else { Verdict::Warning };
    Check { result, ..check(name, holds, expected, found) }
}

fn equal(name: &'static str, expected: &str, found: &str) -> Check {
    check(name, expected == found, expected, found)
}

fn content(opened: &Opened, decoded: &Decoded) -> Vec<Check> {
    let bytes = &opened.confirmation;
    let digest = collation::content_digest(bytes).to_string();
    let mut checks = vec![equal("content_digest", &opened.terms.content.to_string(), &digest)];
    let (why, confirmation) = match decoded {
        Ok(confirmation) => (None, Some(confirmation)),
        Err(error) => (Some(error), None),
    };
    let told = why.map_or_else(|| "it does".to_owned(), ToString::to_string);
    // A basket and its encoding are only looked at in bytes that are a confirmation.
    let decodes =
        matches!(decoded, Ok(_) | Err(ContentError::Basket(_) | ContentError::NotCanonical));
    checks.push(check("content_decodes", decodes, "a confirmation", &told));
    let again = confirmation.is_some_and(|it| it.encode() == bytes);
    checks.push(check("content_reencodes", again, "to the same bytes", &told));
    checks.push(check("basket_adds_up", confirmation.is_some(), "to its total", &told));
    let charge = &opened.terms.charge;
    match confirmation {
        Some(it) => {
            checks.push(equal("content_names_payment", &named_by_record(opened), &named(it)));
            checks.push(equal("charge", &charged(charge), &priced(it)));
        }
        None => {
            let found = "the content cannot be read";
            let payment = named_by_record(opened);
            checks.push(check("content_names_payment", false, payment, found));
            checks.push(check("charge", false, charged(charge), found));
        }
    }
    checks
}

fn named_by_record(opened: &Opened) -> String {
    let (terms, customer) = (&opened.terms, opened.customer);
    let (terminal, store, merchant) = (terms.terminal, terms.store, terms.merchant);
    format!(
        "{} at {terminal}, {store}, {merchant} by {customer} until {}",
        terms.payment, opened.expires_at_ms
    )
}

fn named(it: &Confirmation) -> String {
    format!(
        "{} at {}, {}, {} by {} until {}",
        it.payment, it.terminal, it.store, it.merchant, it.customer, it.expires_at_ms
    )
}

/// The charge as it was recorded; what it comes to is computed again from the price.
fn charged(charge: &Charge) -> String {
    let total = charge.amount.of(charge.currency);
    let Some(foreign) = &charge.foreign else { return total.to_string() };
    let price = foreign.price.of(foreign.currency);
    let markup = foreign.markup_basis_points;
    let again = foreign.rate.convert(foreign.price, foreign.currency, charge.currency);
    let computed = if again == Ok(charge.amount) { "" } else { ", which it does not come to" };
    format!("{total} for {price} at {} with {markup} bp{computed}", foreign.rate)
}

fn priced(it: &Confirmation) -> String {
    let total = it.total();
    let Some(exchange) = &it.exchange else { return total.to_string() };
    let price = it.basket.total().of(it.currency);
    format!("{total} for {price} at {} with {} bp", exchange.rate, exchange.markup_bp)
}

/// Whether the names are those of the register. It may have changed while the offer was made.
fn payee(trace: &Trace, it: &Confirmation) -> Check {
    let shown = format!("{}; {}", it.merchant_name, it.store_name);
    match (&trace.payee.merchant, &trace.payee.store) {
        (Some(merchant), Some(store)) => {
            let registered = format!("{}; {}", merchant.name, store.name);
            let holds = registered == shown && store.merchant == merchant.id;
            hint("payee_registered", holds, registered, shown)
        }
        _ => hint("payee_registered", false, "names in the register", "none in the journal"),
    }
}

/// No step before the one that it follows. Of several handsets each was asked and answered in its
/// own time. What a handset says of when it showed the purchase is looked at apart.
fn times_rise(trace: &Trace) -> Check {
    let mut pairs = Vec::new();
    let mut before = ("received", 0);
    let mut held = before;
    for recorded in &trace.entries {
        let record = &recorded.entry.record;
        let decided = (what(record), recorded.entry.at_ms);
        pairs.push((before, decided));
        before = decided;
        let trail = match record {
            Record::Opened(opened) if opened.terms.payment == trace.payment => {
                pairs.push((("received", opened.received_at_ms), decided));
                held = decided;
                continue;
            }
            Record::Mismatched(it) => &it.trail,
            Record::Approved(it) => &it.trail,
            _ => continue,
        };
        let (asked, answered) =
            (("delivered", trail.prompted_at_ms), ("answered", trail.answered_at_ms));
        pairs.extend([(held, asked), (asked, answered), (answered, decided)]);
    }
    let falls = pairs.iter().find(|((_, one), (_, other))| other < one);
    let told = |((before, one), (after, other)): &((&str, u64), (&str, u64))| {
        format!("{after} at {other}, but {before} at {one}")
    };
    let found = falls.map_or_else(|| "so".to_owned(), told);
    check("times_rise", falls.is_none(), "no step before the one that it follows", found)
}

const fn what(record: &Record) -> &'static str {
    match record {
        Record::Opened(_) => "held",
        Record::Mismatched(_) => "found wrong",
        Record::Approved(_) => "collated",
        Record::Captured(_) => "captured",
        Record::Reversed(_) => "reversed",
        Record::Refunded(_) => "refunded",
        Record::Recalled(_) => "recalled",
        _ => "ended",
    }
}

fn answer(recorded: &Recorded, opened: &Opened, approved: &Approved) -> Vec<Check> {
    let trail = &approved.trail;
    // A handset shows a purchase once, also if it is asked again after a wrong proof or on another
    // connection: so this may well be before the prompt that it answers.
    let (held, answered) = (recorded.entry.at_ms, trail.answered_at_ms);
    let expires = opened.expires_at_ms;
    let expected = format!("until {expires}");
    let mut checks = vec![check("within_expiry", answered <= expires, expected, answered)];
    if let Some(shown) = trail.shown_at_ms {
        let holds = (held..=answered).contains(&shown);
        let expected = format!("from {held} until {answered}, by the handset's word");
        checks.push(hint("shown_between", holds, expected, shown));
    }
    checks
}

fn delivery(trace: &Trace, approved: &Approved) -> Option<Check> {
    let by_ms = approved.deliver_by_ms?;
    let at_ms = trace.entries.iter().find_map(|recorded| {
        let is_captured = matches!(recorded.entry.record, Record::Captured(_));
        is_captured.then_some(recorded.entry.at_ms)
    })?;
    // A report that comes before the reversal is made counts, even if late.
    Some(hint("delivered_in_time", at_ms <= by_ms, format!("until {by_ms}"), at_ms))
}

fn device(trace: &Trace) -> Check {
    let name = "device_known";
    let expected = "enrolled, and not taken out of use before";
    let is_known = trace.device.contains(&DeviceChange::Enrolled);
    match trace.device.last() {
        Some(DeviceChange::Revoked) => check(name, false, expected, "it was taken out of use"),
        Some(DeviceChange::Enrolled | DeviceChange::Rekeyed) if is_known => {
            check(name, true, expected, "it is so")
        }
        Some(_) | None if trace.archived.is_none() && trace.reading.records.start.0 > 1 => {
            hint(name, false, expected, "the journal no longer holds it")
        }
        Some(_) | None => check(name, false, expected, "it was never enrolled"),
    }
}

/// Whether what the archive holds stands in the journal too. What the journal no longer holds is
/// the archive's word: its batches cannot be hashed again.
fn in_journal(archived: &Archived, reading: &Reading) -> Check {
    let name = "in_journal";
    let expected = "every record of the archive stands in the journal, in the same batch";
    let first = reading.records.start.0;
    match (archived.otherwise.first(), archived.alone.as_slice()) {
        (Some(other), _) => {
            let found = format!("record {} of the archive does not", other.0);
            check(name, false, expected, found)
        }
        (None, []) => check(name, true, expected, "it is so"),
        (None, [.., last]) => {
            let found = format!(
                "{} of them, up to record {}, are the archive's word: the journal begins with \
                 record {first}",
                archived.alone.len(),
                last.0
            );
            hint(name, false, expected, found)
        }
    }
}

fn chain(reading: &Reading) -> Check {
    let expected = "unbroken under the chain key, to its end";
    match reading.ending {
        Ending::Clean(_) => check("chain", true, expected, "it is so"),
        Ending::Torn(tail) => {
            let found = format!("so until an unfinished write at {}", tail.place);
            check("chain", true, expected, found)
        }
        Ending::Corrupt(corruption) => check("chain", false, expected, corruption),
    }
}
