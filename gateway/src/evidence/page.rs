//! The evidence as people read it.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, UNIX_EPOCH};

use humantime::{format_duration, format_rfc3339_millis};
use kessai_engine::terms::{Amount, Currency};
use time::{OffsetDateTime, UtcOffset};

use super::checks::{Check, Verdict};
use super::report::{Approval, Content, Evidence, Outcome, TermsRow, Times};
use super::shown::{LineRow, Shown, TaxRow};

/// How wide a purchase list is, in characters.
const WIDTH: usize = 48;

/// The year 10000, which instants cannot be written in.
const END_OF_TIME_MS: u64 = 253_402_300_800_000;

impl Display for Evidence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "Payment {}", self.payment)?;
        if let Some(refund) = &self.refund {
            writeln!(f, "  of the refund {refund}")?;
        }
        outcome(f, &self.outcome, self.terms.as_ref())?;
        match (&self.shown, &self.content) {
            (Some(it), _) => shown(f, it)?,
            (None, Some(_)) => heading(f, "What the customer was shown cannot be read")?,
            (None, None) => heading(f, "The customer was not asked")?,
        }
        if let Some(it) = &self.content {
            content(f, it)?;
        }
        if let Some(it) = &self.approval {
            approval(f, it)?;
        }
        for (number, it) in (1_usize..).zip(&self.wrong_proofs) {
            let last = if it.was_last { ", the last" } else { "" };
            heading(f, &format!("Wrong proof {number}{last}"))?;
            row(f, "handset", &it.device)?;
            row(f, "answered", instant(it.answered_at_ms))?;
        }
        times(f, &self.times)?;
        self.records(f)?;
        heading(f, "Checks")?;
        self.checks.iter().try_for_each(|it| check(f, it))
    }
}

impl Evidence {
    fn records(&self, f: &mut Formatter<'_>) -> fmt::Result {
        heading(f, "Records")?;
        for step in &self.steps {
            let (batch, at) = (&step.batch, instant(step.at_ms));
            writeln!(
                f,
                "  {:<12}{at}  day {}  record {}, batch {} at segment {} offset {}",
                step.what, step.business_date, step.record, batch.hash, batch.segment, batch.offset
            )?;
        }
        for refund in &self.refunds {
            let (amount, price) = match &self.terms {
                Some(terms) => (
                    money(refund.amount_minor, &terms.currency),
                    money(refund.price_minor, &terms.price_currency),
                ),
                None => (refund.amount_minor.to_string(), refund.price_minor.to_string()),
            };
            let of_price = if amount == price { String::new() } else { format!(" for {price}") };
            let (id, terminal, reference) = (&refund.refund, &refund.terminal, &refund.reference);
            writeln!(f, "  refund {id}: {amount}{of_price} at {terminal}, reference {reference}")?;
        }
        let journal = &self.journal;
        let (first, last) = (journal.first_record, journal.last_record);
        write!(f, "  of a journal from record {first} to {last}, ")?;
        match &journal.damage {
            None => writeln!(f, "{} end", journal.ending),
            Some(damage) => writeln!(f, "DAMAGED: {damage}"),
        }
    }
}

fn heading(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    writeln!(f, "\n{text}")
}

fn row(f: &mut Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "  {name:<20}{value}")
}

fn outcome(f: &mut Formatter<'_>, it: &Outcome, terms: Option<&TermsRow>) -> fmt::Result {
    let state = it.state.map_or_else(|| "?".to_owned(), |it| format!("{it:?}").to_lowercase());
    row(f, "state", format_args!("{state} ({})", it.reason.unwrap_or("no end yet")))?;
    if let Some(terms) = terms {
        row(f, "customer", terms.customer.as_deref().unwrap_or("-"))?;
        row(f, "named by", format!("{:?}", terms.named_by).to_lowercase())?;
        let (terminal, store, merchant) = (&terms.terminal, &terms.store, &terms.merchant);
        row(f, "at", format_args!("terminal {terminal}, store {store}, merchant {merchant}"))?;
        row(f, "charge", both(terms, terms.amount_minor, terms.price_minor))?;
        if it.captured_minor > 0 {
            row(f, "captured", both(terms, it.captured_minor, it.captured_price_minor))?;
        }
        if it.refunded_minor > 0 {
            row(f, "refunded", both(terms, it.refunded_minor, it.refunded_price_minor))?;
        }
    }
    if let (Some(approval), Some(reference)) = (&it.approval_number, &it.reference) {
        row(f, "approval number", approval)?;
        row(f, "reference", reference)?;
    }
    Ok(())
}

/// An amount of the balance, and the price where that is in another currency.
fn both(terms: &TermsRow, amount_minor: u64, price_minor: u64) -> String {
    let amount = money(amount_minor, &terms.currency);
    if terms.currency == terms.price_currency {
        amount
    } else {
        format!("{amount} for {}", money(price_minor, &terms.price_currency))
    }
}

fn shown(f: &mut Formatter<'_>, it: &Shown) -> fmt::Result {
    heading(f, "What the customer was shown")?;
    writeln!(f, "  {}, {}", it.merchant.name, it.store.name)?;
    let at = clock(it.opened_at_ms, it.utc_offset_minutes);
    writeln!(f, "  {at}, to be answered until {}", clock(it.expires_at_ms, it.utc_offset_minutes))?;
    let currency = it.foreign.as_ref().map_or(&it.currency, |foreign| &foreign.currency);
    for (number, line) in (1_usize..).zip(&it.lines) {
        purchased(f, number, line, currency)?;
    }
    for tax in &it.taxes {
        taxed(f, tax, currency)?;
    }
    let total = money(it.total_minor, &it.currency);
    match &it.foreign {
        None => priced(f, "TOTAL", &total)?,
        Some(foreign) => {
            priced(f, "PRICE", &money(foreign.price_minor, &foreign.currency))?;
            priced(f, "TOTAL", &total)?;
            writeln!(
                f,
                "  1 {} = {} {}, with a mark-up of {}",
                foreign.currency,
                foreign.rate,
                it.currency,
                percent(foreign.markup_bp)
            )?;
        }
    }
    match it.delivery_ms {
        None => Ok(()),
        Some(within_ms) => {
            let within = format_duration(Duration::from_millis(within_ms.into()));
            writeln!(f, "  paid when the goods come out, within {within}")
        }
    }
}

fn purchased(f: &mut Formatter<'_>, number: usize, it: &LineRow, currency: &str) -> fmt::Result {
    writeln!(f, "  {number}. {} ({})", it.name, it.code)?;
    let price = format!("   {} x {}", it.quantity, money(it.unit_price_minor, currency));
    priced(f, &price, &money(it.total_minor, currency))?;
    if it.discount_minor == 0 {
        return Ok(());
    }
    writeln!(f, "     less {}", money(it.discount_minor, currency))
}

fn taxed(f: &mut Formatter<'_>, it: &TaxRow, currency: &str) -> fmt::Result {
    let (rate, net) = (percent(it.tax_rate_bp), money(it.net_minor, currency));
    let what = match it.tax {
        "included" => format!("Tax {rate} in the prices"),
        _ => format!("Tax {rate} on {net}"),
    };
    priced(f, &what, &money(it.tax_minor, currency))
}

fn priced(f: &mut Formatter<'_>, left: &str, right: &str) -> fmt::Result {
    let room = WIDTH.saturating_sub(right.len().saturating_add(1));
    writeln!(f, "  {left:<room$} {right}")
}

fn content(f: &mut Formatter<'_>, it: &Content) -> fmt::Result {
    heading(f, "The bytes that were shown")?;
    row(f, "length", it.bytes)?;
    row(f, "SHA-256", &it.sha256)?;
    row(f, "recorded digest", &it.recorded)
}

fn approval(f: &mut Formatter<'_>, it: &Approval) -> fmt::Result {
    heading(f, "What the customer approved with")?;
    writeln!(f, "  {}", it.proof)?;
    row(f, "handset", &it.device)?;
    row(f, "channel", &it.channel)?;
    row(f, "server nonce", &it.server_nonce)?;
    row(f, "handset nonce", &it.handset_nonce)?;
    row(f, "message", &it.message)?;
    row(f, "message SHA-256", &it.message_sha256)?;
    it.deliver_by_ms.map_or(Ok(()), |by_ms| row(f, "delivery until", instant(by_ms)))
}

fn times(f: &mut Formatter<'_>, it: &Times) -> fmt::Result {
    heading(f, "Times")?;
    let at = |at_ms: Option<u64>| at_ms.map_or_else(|| "-".to_owned(), instant);
    row(f, "received", at(it.received_at_ms))?;
    row(f, "held", at(it.held_at_ms))?;
    match &it.durable {
        None => row(f, "durable", "-")?,
        Some(batch) => row(
            f,
            "durable",
            format_args!(
                "with batch {} (records {} to {})",
                batch.hash, batch.first_record, batch.last_record
            ),
        )?,
    }
    row(f, "delivered", at(it.delivered_at_ms))?;
    row(f, "shown", at(it.shown_at_ms))?;
    row(f, "answered", at(it.answered_at_ms))?;
    row(f, "collated", at(it.collated_at_ms))?;
    row(f, "told", "not recorded")
}

fn check(f: &mut Formatter<'_>, it: &Check) -> fmt::Result {
    let (name, expected, found) = (it.name, &it.expected, &it.found);
    match it.result {
        Verdict::Ok => writeln!(f, "  ok       {name}"),
        Verdict::Warning => writeln!(f, "  warning  {name}: expected {expected}; found {found}"),
        Verdict::Failed => writeln!(f, "  failed   {name}: expected {expected}; found {found}"),
    }
}

fn money(minor: u64, currency: &str) -> String {
    match (Amount::new(minor), Currency::from_code(currency)) {
        (Ok(amount), Ok(currency)) => amount.of(currency).to_string(),
        (_, _) => format!("{minor} {currency}"),
    }
}

fn percent(basis_points: u16) -> String {
    let (whole, rest) = (basis_points.div_euclid(100), basis_points.rem_euclid(100));
    match rest {
        0 => format!("{whole} %"),
        _ => format!("{} %", format!("{whole}.{rest:02}").trim_end_matches('0')),
    }
}

fn instant(at_ms: u64) -> String {
    if at_ms < END_OF_TIME_MS {
        format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at_ms)).to_string()
    } else {
        format!("{at_ms} ms")
    }
}

/// Writes an instant as the clocks of the store showed it.
fn clock(at_ms: u64, utc_offset_minutes: i16) -> String {
    let local = || {
        let seconds = i64::try_from(at_ms.div_euclid(1_000)).ok()?;
        let offset = i32::from(utc_offset_minutes).checked_mul(60)?;
        let offset = UtcOffset::from_whole_seconds(offset).ok()?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()?.checked_to_offset(offset)
    };
    let Some(at) = local() else { return instant(at_ms) };
    let (date, time) = (at.date(), at.time());
    let (hours, minutes, _) = at.offset().as_hms();
    let sign = if at.offset().is_negative() { '-' } else { '+' };
    format!(
        "{date} {:02}:{:02}:{:02} {sign}{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second(),
        hours.unsigned_abs(),
        minutes.unsigned_abs()
    )
}
