//! The evidence as it is told, to programs as it stands.

use aws_lc_rs::digest::{SHA256, digest};
use kessai_engine::terms::PaymentId;
use kessai_engine::terms::collation::AuthMessage;
use kessai_engine::{Approved, Mismatched, Opened, Record, Refunded, Verdict};
use kessai_journal::{Ending, Recorded};
use kessai_wire::Confirmation;
use serde::Serialize;

use super::checks::{self, Check};
use super::course::Course;
use super::shown::Shown;
use super::trace::Trace;
use crate::admin::rows::{CaptureName, NamedByName, RefundRow, StateName};

/// All that the journal says of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The one-time id.
    pub payment: String,
    /// The refund that was asked for, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<String>,
    /// Where it has come to.
    pub outcome: Outcome,
    /// Who asked for what; none if a cancel overtook the open.
    pub terms: Option<TermsRow>,
    /// What the customer was shown; none if nobody was asked, or the content cannot be read.
    pub shown: Option<Shown>,
    /// The bytes that were shown.
    pub content: Option<Content>,
    /// What the customer approved with.
    pub approval: Option<Approval>,
    /// The proofs that did not match.
    pub wrong_proofs: Vec<WrongProof>,
    /// What was given back.
    pub refunds: Vec<RefundRow>,
    /// When things happened.
    pub times: Times,
    /// All its records, in the order of the journal.
    pub steps: Vec<Step>,
    /// What was read.
    pub journal: JournalRow,
    /// What was checked.
    pub checks: Vec<Check>,
}

/// Where a payment has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its state.
    pub state: Option<StateName>,
    /// Why, by the reason's name; none while it is pending.
    pub reason: Option<&'static str>,
    /// For the receipt.
    pub approval_number: Option<String>,
    /// For the bank.
    pub reference: Option<String>,
    /// What was debited, in the currency of the balance.
    pub captured_minor: u64,
    /// What the merchant was owed for it, in the currency of the price.
    pub captured_price_minor: u64,
    /// What was given back, in the currency of the balance.
    pub refunded_minor: u64,
    /// What of the price that was.
    pub refunded_price_minor: u64,
}

/// Who asked for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TermsRow {
    /// Who was named as payer.
    pub customer: Option<String>,
    /// How.
    pub named_by: NamedByName,
    /// The terminal that asked.
    pub terminal: String,
    /// Its store.
    pub store: String,
    /// Who was to be paid.
    pub merchant: String,
    /// When the charge was to be captured.
    pub capture: CaptureName,
    /// What was charged.
    pub amount_minor: u64,
    /// In the currency of the balance (ISO 4217).
    pub currency: String,
    /// What the merchant asked.
    pub price_minor: u64,
    /// In the merchant's currency.
    pub price_currency: String,
    /// The SHA-256 of the terminal's request, in hexadecimal.
    pub request: String,
}

/// The exact bytes that were shown and that the proof covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// How many there are.
    pub bytes: usize,
    /// Their SHA-256, computed now, in hexadecimal.
    pub sha256: String,
    /// The digest that was recorded when the payment was opened.
    pub recorded: String,
    /// The bytes themselves, in hexadecimal.
    pub hex: String,
}

/// What the customer approved with. The proof itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// What the gateway recorded of the proof.
    pub proof: &'static str,
    /// The handset.
    pub device: String,
    /// The connection that the proof was made for.
    pub channel: String,
    /// The gateway's nonce.
    pub server_nonce: String,
    /// The handset's nonce.
    pub handset_nonce: String,
    /// The message that the proof covered, computed now from all of these.
    pub message: String,
    /// Its SHA-256.
    pub message_sha256: String,
    /// Until when delivery was to be reported; none if it was captured with the approval.
    pub deliver_by_ms: Option<u64>,
}

/// A proof that did not match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongProof {
    /// The handset.
    pub device: String,
    /// Whether it was the last try.
    pub was_last: bool,
    /// When the handset was asked.
    pub prompted_at_ms: u64,
    /// When it says that it showed the purchase.
    pub shown_at_ms: Option<u64>,
    /// When the proof came in.
    pub answered_at_ms: u64,
}

/// When things happened, in milliseconds since the Unix epoch, by the gateway's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Times {
    /// When the terminal's request came in.
    pub received_at_ms: Option<u64>,
    /// When the price was set aside.
    pub held_at_ms: Option<u64>,
    /// The batch that made this durable. A batch has no clock of its own.
    pub durable: Option<Batch>,
    /// When the handset that answered was sent the purchase.
    pub delivered_at_ms: Option<u64>,
    /// When it says that it showed it.
    pub shown_at_ms: Option<u64>,
    /// When its proof came in.
    pub answered_at_ms: Option<u64>,
    /// When the proof was found to match.
    pub collated_at_ms: Option<u64>,
    /// When the end was told: not recorded, since that comes after everything that is.
    pub told_at_ms: Option<u64>,
}

/// A batch of the journal: its records became durable together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// Which segment it stands in.
    pub segment: u64,
    /// Where in it, in bytes.
    pub offset: u64,
    /// How often the journal had been opened.
    pub epoch: u64,
    /// Its first record.
    pub first_record: u64,
    /// Its last one.
    pub last_record: u64,
    /// The keyed hash of the batch before, in hexadecimal.
    pub previous: String,
    /// Its own, which was verified.
    pub hash: String,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it says.
    pub what: &'static str,
    /// Its number in the journal.
    pub record: u64,
    /// When it was decided.
    pub at_ms: u64,
    /// The business day, as the decimal number YYYYMMDD.
    pub business_date: u32,
    /// What made it durable.
    pub batch: Batch,
}

/// What was read of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalRow {
    /// The first record that it holds.
    pub first_record: u64,
    /// The last one that could be read.
    pub last_record: u64,
    /// How it ends: `clean`, `torn` (by a write that was not finished), `corrupt`.
    pub ending: &'static str,
    /// What is wrong with it, if anything is.
    pub damage: Option<String>,
    /// The last record that the archive had, if records were taken from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived_until: Option<u64>,
}

/// What is said of every proof that matched.
const MATCHED: &str =
    "the gateway recorded that the proof matched; it is not kept, so it was not checked again";

impl Evidence {
    /// Whether every check held, or failed without proving anything.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.result != checks::Verdict::Failed)
    }

    /// Whether the journal is damaged.
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        self.journal.damage.is_some()
    }

    pub(super) fn new(trace: &Trace, refund: Option<PaymentId>) -> Self {
        let course = Course::follow(trace);
        let opened = trace.opened();
        let decoded = opened.map(|(_, opened)| Confirmation::decode(&opened.confirmation));
        let shown = decoded.as_ref().and_then(|decoded| decoded.as_ref().ok());
        Self {
            payment: trace.payment.to_string(),
            refund: refund.map(|refund| refund.to_string()),
            outcome: Outcome::from(&course),
            terms: TermsRow::of(trace),
            shown: shown.map(Shown::from),
            content: opened.map(|(_, opened)| Content::from(opened)),
            approval: trace.approved().and_then(|(_, it)| Approval::of(it, opened?.1)),
            wrong_proofs: each(trace, |_, record| match record {
                Record::Mismatched(it) => Some(WrongProof::from(it)),
                _ => None,
            }),
            refunds: each(trace, |recorded, record| match record {
                Record::Refunded(it) => Some(given_back(it, recorded)),
                _ => None,
            }),
            times: Times::of(trace),
            steps: each(trace, |recorded, _| Some(Step::of(recorded, trace.payment))),
            journal: JournalRow::of(trace),
            checks: checks::all(trace, &course, decoded.as_ref()),
        }
    }
}

fn each<T>(trace: &Trace, told: impl Fn(&Recorded, &Record) -> Option<T>) -> Vec<T> {
    trace.entries.iter().filter_map(|recorded| told(recorded, &recorded.entry.record)).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

impl From<&Course> for Outcome {
    fn from(course: &Course) -> Self {
        Self {
            state: course.state.map(Into::into),
            reason: course.reason.map(|reason| reason.name()),
            approval_number: course.approval.map(|number| number.to_string()),
            reference: course.reference.map(|number| number.to_string()),
            captured_minor: course.captured.minor(),
            captured_price_minor: course.captured_price.minor(),
            refunded_minor: course.refunded.minor(),
            refunded_price_minor: course.refunded_price.minor(),
        }
    }
}

impl TermsRow {
    fn of(trace: &Trace) -> Option<Self> {
        let terms = trace.terms()?;
        Some(Self {
            customer: trace.customer().map(|customer| customer.to_string()),
            named_by: terms.named_by.into(),
            terminal: terms.terminal.to_string(),
            store: terms.store.to_string(),
            merchant: terms.merchant.to_string(),
            capture: terms.capture.into(),
            amount_minor: terms.charge.amount.minor(),
            currency: terms.charge.currency.code().to_owned(),
            price_minor: terms.charge.price().minor(),
            price_currency: terms.charge.price_currency().code().to_owned(),
            request: hex::encode(terms.request.0),
        })
    }
}

impl From<&Opened> for Content {
    fn from(opened: &Opened) -> Self {
        Self {
            bytes: opened.confirmation.len(),
            sha256: sha256(&opened.confirmation),
            recorded: opened.terms.content.to_string(),
            hex: hex::encode(&opened.confirmation),
        }
    }
}

impl Approval {
    /// What the proof covered is made of what was shown, not of the digest that was recorded.
    fn of(approved: &Approved, opened: &Opened) -> Option<Self> {
        let Approved { channel, server_nonce, handset_nonce, .. } = *approved;
        let content = kessai_engine::terms::collation::content_digest(&opened.confirmation);
        let message = AuthMessage::new(content, channel, server_nonce, handset_nonce);
        Some(Self {
            proof: MATCHED,
            device: approved.device.to_string(),
            channel: hex::encode(channel.0),
            server_nonce: hex::encode(server_nonce.0),
            handset_nonce: hex::encode(handset_nonce.0),
            message: hex::encode(message.as_bytes()),
            message_sha256: sha256(message.as_bytes()),
            deliver_by_ms: approved.deliver_by_ms,
        })
    }
}

impl From<&Mismatched> for WrongProof {
    fn from(it: &Mismatched) -> Self {
        Self {
            device: it.device.to_string(),
            was_last: it.verdict == Verdict::Decline,
            prompted_at_ms: it.trail.prompted_at_ms,
            shown_at_ms: it.trail.shown_at_ms,
            answered_at_ms: it.trail.answered_at_ms,
        }
    }
}

fn given_back(it: &Refunded, recorded: &Recorded) -> RefundRow {
    RefundRow {
        refund: it.refund.to_string(),
        terminal: it.terminal.to_string(),
        amount_minor: it.amount.minor(),
        price_minor: it.price.minor(),
        reference: it.reference.to_string(),
        refunded_at_ms: recorded.entry.at_ms,
        business_date: recorded.entry.business_date.yyyymmdd(),
    }
}

impl Times {
    fn of(trace: &Trace) -> Self {
        let (opened, approved) = (trace.opened(), trace.approved());
        let trail = approved.map(|(_, approved)| approved.trail);
        Self {
            received_at_ms: opened.map(|(_, opened)| opened.received_at_ms),
            held_at_ms: opened.map(|(recorded, _)| recorded.entry.at_ms),
            durable: opened.map(|(recorded, _)| Batch::of(recorded)),
            delivered_at_ms: trail.map(|trail| trail.prompted_at_ms),
            shown_at_ms: trail.and_then(|trail| trail.shown_at_ms),
            answered_at_ms: trail.map(|trail| trail.answered_at_ms),
            collated_at_ms: approved.map(|(recorded, _)| recorded.entry.at_ms),
            told_at_ms: None,
        }
    }
}

impl Batch {
    pub(crate) fn of(recorded: &Recorded) -> Self {
        let batch = &recorded.batch;
        Self {
            segment: batch.place.segment,
            offset: batch.place.offset,
            epoch: batch.epoch,
            first_record: batch.records.start.0,
            last_record: batch.records.end.0.saturating_sub(1),
            previous: hex::encode(batch.previous),
            hash: hex::encode(batch.hash),
        }
    }
}

impl Step {
    fn of(recorded: &Recorded, payment: PaymentId) -> Self {
        Self {
            what: what(&recorded.entry.record, payment),
            record: recorded.lsn.0,
            at_ms: recorded.entry.at_ms,
            business_date: recorded.entry.business_date.yyyymmdd(),
            batch: Batch::of(recorded),
        }
    }
}

const fn reason_of_end(ended: &kessai_engine::Ended) -> &'static str {
    use kessai_engine::Event;
    match ended.event {
        Event::Cancel => "cancelled",
        Event::Expire => "expired",
        Event::Decline => "declined",
        Event::Authorise | Event::Capture | Event::Reverse | Event::Refund => "ended",
    }
}

fn what(record: &Record, payment: PaymentId) -> &'static str {
    match record {
        Record::Opened(opened) if opened.terms.payment == payment => "opened",
        Record::Opened(_) => "pre_empted",
        Record::Declined(_) => "declined",
        Record::Overtaken(_) => "overtaken",
        Record::Mismatched(_) => "wrong_proof",
        Record::Approved(_) => "approved",
        Record::Ended(ended) => reason_of_end(ended),
        Record::Captured(_) => "captured",
        Record::Reversed(_) => "reversed",
        Record::Refunded(_) => "refunded",
        Record::Recalled(_) => "recalled",
        Record::Registered(_)
        | Record::CustomerAdded(_)
        | Record::Credited(_)
        | Record::Debited(_)
        | Record::DeviceAdded(_)
        | Record::DeviceRevoked(_)
        | Record::Rekeyed(_)
        | Record::Unblocked(_)
        | Record::ProfileSet(_)
        | Record::ProfileErased(_)
        | Record::PolicySet(_) => "other",
    }
}

impl JournalRow {
    fn of(trace: &Trace) -> Self {
        let reading = &trace.reading;
        let (ending, damage) = match reading.ending {
            Ending::Clean(_) => ("clean", None),
            Ending::Torn(_) => ("torn", None),
            Ending::Corrupt(corruption) => ("corrupt", Some(corruption.to_string())),
        };
        Self {
            first_record: reading.records.start.0,
            last_record: reading.records.end.0.saturating_sub(1),
            ending,
            damage,
            archived_until: trace.archived.as_ref().map(|archived| archived.upto.0),
        }
    }
}
