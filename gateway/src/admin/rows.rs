//! What is told for others to read back: one type for each kind of row, written here and read by
//! whoever audits.
//!
//! Amounts are integers in minor units; sums that can leave the range of JSON numbers are strings.

use kessai_engine::terms::receipt::{ChainPrefix, JournalPoint, ReceiptMac};
use kessai_engine::terms::{Currency, JournalReceipt};
use kessai_engine::{
    ArchivedPayment, Capture, CustomerView, Engine, ForeignPrice, Lsn, NamedBy, PaymentState,
    PaymentView, RefundView, Turnover,
};
use kessai_journal::ArchiveStatus;
use serde::{Deserialize, Serialize};

/// A customer, without what is personal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerRow {
    /// The customer's id.
    pub id: String,
    /// The currency of the amounts (ISO 4217).
    pub currency: String,
    /// What the processor keeps for the customer.
    pub balance_minor: u64,
    /// The part of it that open payments wait for.
    pub held_minor: u64,
    /// Wrong proofs since the last right one.
    pub wrong_proofs_in_a_row: u8,
    /// How many notices the customer was ever owed.
    pub notices: u64,
    /// The live handsets, in hexadecimal.
    pub devices: Vec<String>,
}

impl From<&CustomerView> for CustomerRow {
    fn from(view: &CustomerView) -> Self {
        Self {
            id: view.customer.to_string(),
            currency: view.currency.code().to_owned(),
            balance_minor: view.balance.minor(),
            held_minor: view.held.minor(),
            wrong_proofs_in_a_row: view.wrong_in_row,
            notices: view.notices,
            devices: view.devices.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A receipt of the journal, as a terminal holds it.
///
/// # Source
/// docs/PROTOCOL.md, "Receipts of the journal".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalReceiptRow {
    /// Partition of the gateway that made it.
    pub partition: u32,
    /// Epoch of the journal when the record was written.
    pub epoch: u64,
    /// Log sequence number of the record.
    pub lsn: u64,
    /// The first bytes of the chain's hash there, in hexadecimal.
    pub chain_prefix: String,
    /// What authenticates it, in hexadecimal.
    pub mac: String,
}

/// How the record of a receipt stands in the gateway's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStanding {
    /// It is there.
    Ours,
    /// It is older than what the journal keeps, so that nothing can be said.
    NotKept,
    /// The receipt was not made by this gateway.
    Forged,
    /// It is lost, as was accepted.
    Accepted,
    /// It is lost.
    Lost,
    /// It could not be looked for.
    Unchecked,
}

impl From<&JournalReceipt> for JournalReceiptRow {
    fn from(receipt: &JournalReceipt) -> Self {
        let JournalReceipt { claimed: JournalPoint { epoch, lsn, partition, chain }, mac } =
            receipt;
        Self {
            partition: *partition,
            epoch: *epoch,
            lsn: *lsn,
            chain_prefix: hex::encode(chain.0),
            mac: hex::encode(mac.0),
        }
    }
}

impl TryFrom<&JournalReceiptRow> for JournalReceipt {
    type Error = String;

    fn try_from(row: &JournalReceiptRow) -> Result<Self, String> {
        let JournalReceiptRow { partition, epoch, lsn, ref chain_prefix, ref mac } = *row;
        let (mut chain, mut tag) = (ChainPrefix([0; 8]), ReceiptMac([0; 16]));
        hex::decode_to_slice(chain_prefix, &mut chain.0)
            .map_err(|error| format!("chain_prefix: {error}"))?;
        hex::decode_to_slice(mac, &mut tag.0).map_err(|error| format!("mac: {error}"))?;
        Ok(Self { claimed: JournalPoint { epoch, lsn, partition, chain }, mac: tag })
    }
}

/// A payment as the processor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// The one-time id.
    pub payment: String,
    /// The terminal that opened it or called it off.
    pub terminal: String,
    /// Its store; none, like all that was agreed, if a cancel overtook the open.
    pub store: Option<String>,
    /// Who is paid.
    pub merchant: Option<String>,
    /// The payer, if there is such a customer.
    pub customer: Option<String>,
    /// How the terminal named the payer.
    #[serde(default)]
    pub named_by: Option<NamedByName>,
    /// Where it stands.
    pub state: StateName,
    /// Why it stands there, by the reason's name, also why it was reversed; none while it is
    /// pending.
    pub reason: Option<String>,
    /// When the charge is captured.
    #[serde(default)]
    pub capture: Option<CaptureName>,
    /// What the customer is charged in.
    pub currency: Option<String>,
    /// What the customer is charged.
    pub amount_minor: Option<u64>,
    /// What the merchant asks, where that is in another currency.
    #[serde(default)]
    pub foreign: Option<ForeignRow>,
    /// What was debited.
    pub captured_minor: u64,
    /// What the merchant is owed for that, in the currency of the price.
    #[serde(default)]
    pub captured_price_minor: u64,
    /// What was given back after that.
    pub refunded_minor: u64,
    /// What of the price that was, in the currency of the price.
    #[serde(default)]
    pub refunded_price_minor: u64,
    /// For the receipt, once approved.
    pub approval_number: Option<String>,
    /// For the bank, once approved.
    pub reference: Option<String>,
    /// The number of the latest notice that the customer is owed about it; 0 if none.
    pub notice: u64,
    /// The business day of its latest record, as the decimal number YYYYMMDD.
    pub business_date: u32,
    /// When it was opened, in milliseconds since the Unix epoch.
    pub opened_at_ms: u64,
    /// When it came to stand where it stands.
    pub changed_at_ms: u64,
    /// Whether it has left the memory and is told from the archive, which knows no notices.
    #[serde(default)]
    pub archived: bool,
    /// What was given back, one by one, where that was asked for.
    #[serde(default)]
    pub refunds: Vec<RefundRow>,
}

impl PaymentRow {
    /// Tells a payment with its refunds, as many of them as `view` knows of.
    pub(super) fn with_refunds(view: &PaymentView, engine: &Engine) -> Self {
        let known = usize::try_from(view.refunds).unwrap_or(usize::MAX);
        let refunds = if known == 0 { Vec::new() } else { engine.refunds_of(&view.payment) };
        // Others may have been made since.
        let refunds = refunds.iter().take(known).map(RefundRow::from).collect();
        Self { refunds, ..Self::from(view) }
    }
}

/// What is known of the payment itself: without its refunds.
impl From<&PaymentView> for PaymentRow {
    fn from(view: &PaymentView) -> Self {
        let terms = view.terms.as_ref();
        Self {
            payment: view.payment.to_string(),
            terminal: view.terminal.to_string(),
            store: terms.map(|terms| terms.store.to_string()),
            merchant: terms.map(|terms| terms.merchant.to_string()),
            customer: view.customer.map(|customer| customer.to_string()),
            named_by: terms.map(|terms| terms.named_by.into()),
            state: view.state.into(),
            reason: view.reason.map(|reason| reason.name().to_owned()),
            capture: terms.map(|terms| terms.capture.into()),
            currency: terms.map(|terms| terms.charge.currency.code().to_owned()),
            amount_minor: terms.map(|terms| terms.charge.amount.minor()),
            foreign: terms.and_then(|terms| terms.charge.foreign).map(Into::into),
            captured_minor: view.captured.minor(),
            captured_price_minor: view.captured_price.minor(),
            refunded_minor: view.refunded.minor(),
            refunded_price_minor: view.refunded_price.minor(),
            approval_number: view.approval.map(|number| number.to_string()),
            reference: view.reference.map(|number| number.to_string()),
            notice: view.notice,
            business_date: view.business_date.yyyymmdd(),
            opened_at_ms: view.opened_at_ms,
            changed_at_ms: view.changed_at_ms,
            archived: false,
            refunds: Vec::new(),
        }
    }
}

/// One that has left the memory, with its refunds.
impl From<&ArchivedPayment> for PaymentRow {
    fn from(archived: &ArchivedPayment) -> Self {
        let refunds = archived.refunds().iter().map(RefundRow::from).collect();
        Self { archived: true, refunds, ..Self::from(archived.view()) }
    }
}

/// A price in another currency than the balance's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignRow {
    /// What the merchant asked.
    pub price_minor: u64,
    /// In which currency (ISO 4217).
    pub currency: String,
    /// What one unit of it cost, with the mark-up.
    pub rate: String,
    /// The mark-up in it, in hundredths of a percent.
    pub markup_bp: u16,
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRow {
    /// The refund's own one-time id.
    pub refund: String,
    /// The terminal that gave it.
    pub terminal: String,
    /// What the customer got back, in the currency of the balance.
    pub amount_minor: u64,
    /// What the merchant gave, in the currency of the price.
    pub price_minor: u64,
    /// For the bank.
    pub reference: String,
    /// When.
    pub refunded_at_ms: u64,
    /// The business day, as the decimal number YYYYMMDD.
    pub business_date: u32,
}

/// What a merchant is owed in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MerchantRow {
    /// The merchant's id.
    pub id: String,
    /// Which currency (ISO 4217).
    pub currency: String,
    /// How much, signed.
    pub minor: String,
}

/// What a terminal turned over on a day, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnoverRow {
    /// Which currency (ISO 4217).
    pub currency: String,
    /// How many payments were debited.
    pub captures: u64,
    /// How much was.
    pub captured_minor: String,
    /// How many were taken back.
    pub reversals: u64,
    /// How much was.
    pub reversed_minor: String,
    /// How many refunds there were.
    pub refunds: u64,
    /// How much was given back.
    pub refunded_minor: String,
}

impl From<(&Currency, &Turnover)> for TurnoverRow {
    fn from((currency, turnover): (&Currency, &Turnover)) -> Self {
        Self {
            currency: currency.code().to_owned(),
            captures: turnover.captures,
            captured_minor: turnover.captured.minor().to_string(),
            reversals: turnover.reversals,
            reversed_minor: turnover.reversed.minor().to_string(),
            refunds: turnover.refunds,
            refunded_minor: turnover.refunded.minor().to_string(),
        }
    }
}

/// The gateway itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayRow {
    /// The version of the program.
    pub version: String,
    /// How terminals and handsets reach it.
    pub announce: String,
    /// What they know it by: the SHA-256 of the root's SubjectPublicKeyInfo, in hexadecimal.
    pub root_pin: String,
    /// Its clock, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// How long a customer may take to answer, in milliseconds.
    pub prompt_ms: u64,
    /// Wrong proofs that a payment bears.
    pub tries: u8,
    /// Wrong proofs in a row that block a customer.
    pub tries_in_row: u8,
    /// Connections that it takes at a time.
    pub connections_most: usize,
    /// Handshakes that may be under way at a time.
    pub handshakes_most: usize,
    /// New connections that it takes from one address a second.
    pub per_source_per_second: u32,
    /// How long a handshake may take, in milliseconds.
    pub handshake_ms: u64,
    /// How long a connection may be silent, in milliseconds.
    pub idle_ms: u64,
}

/// What the archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveRow {
    /// The first record of the journal that it has looked at.
    pub first_record: u64,
    /// The last one.
    pub last_record: u64,
    /// The last one that the journal has.
    pub journal_record: u64,
    /// How many of them are of payments.
    pub records: u64,
    /// The length of its file.
    pub bytes: u64,
}

impl ArchiveRow {
    /// Tells what an archive holds beside a journal that ends with record `journal`.
    #[must_use]
    pub const fn new(status: &ArchiveStatus, journal: Lsn) -> Self {
        Self {
            first_record: status.covers.start.0,
            last_record: status.covers.end.0.saturating_sub(1),
            journal_record: journal.0,
            records: status.records,
            bytes: status.bytes,
        }
    }
}

/// How a terminal named a payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedByName {
    /// By the plain customer id.
    Id,
    /// By a presentment code.
    Code,
}

/// When a charge is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureName {
    /// With the approval.
    AtApproval,
    /// When the machine reports delivery.
    OnDelivery,
}

impl From<NamedBy> for NamedByName {
    fn from(named_by: NamedBy) -> Self {
        match named_by {
            NamedBy::Id => Self::Id,
            NamedBy::Code => Self::Code,
        }
    }
}

impl From<Capture> for CaptureName {
    fn from(capture: Capture) -> Self {
        match capture {
            Capture::AtApproval => Self::AtApproval,
            Capture::OnDelivery => Self::OnDelivery,
        }
    }
}

impl From<ForeignPrice> for ForeignRow {
    fn from(foreign: ForeignPrice) -> Self {
        Self {
            price_minor: foreign.price.minor(),
            currency: foreign.currency.code().to_owned(),
            rate: foreign.rate.to_string(),
            markup_bp: foreign.markup_basis_points,
        }
    }
}

impl From<&RefundView> for RefundRow {
    fn from(view: &RefundView) -> Self {
        Self {
            refund: view.refund.to_string(),
            terminal: view.terminal.to_string(),
            amount_minor: view.amount.minor(),
            price_minor: view.price.minor(),
            reference: view.reference.to_string(),
            refunded_at_ms: view.refunded_at_ms,
            business_date: view.business_date.yyyymmdd(),
        }
    }
}

/// A state by its name in programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// The customer is asked.
    Pending,
    /// Approved, and the machine has not reported delivery yet.
    Authorised,
    /// Debited.
    Captured,
    /// Taken back whole.
    Reversed,
    /// Given back after the cut-off.
    Refunded,
    /// Not to be.
    Declined,
    /// Called off.
    Cancelled,
    /// Not answered in time.
    Expired,
}

impl From<PaymentState> for StateName {
    fn from(state: PaymentState) -> Self {
        match state {
            PaymentState::Pending => Self::Pending,
            PaymentState::Authorised => Self::Authorised,
            PaymentState::Captured => Self::Captured,
            PaymentState::Reversed => Self::Reversed,
            PaymentState::Refunded => Self::Refunded,
            PaymentState::Declined => Self::Declined,
            PaymentState::Cancelled => Self::Cancelled,
            PaymentState::Expired => Self::Expired,
        }
    }
}

impl From<StateName> for PaymentState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Pending => Self::Pending,
            StateName::Authorised => Self::Authorised,
            StateName::Captured => Self::Captured,
            StateName::Reversed => Self::Reversed,
            StateName::Refunded => Self::Refunded,
            StateName::Declined => Self::Declined,
            StateName::Cancelled => Self::Cancelled,
            StateName::Expired => Self::Expired,
        }
    }
}

/// A product that a merchant sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRow {
    /// The bar code.
    pub code: String,
    /// As customers are shown it.
    pub name: String,
    /// What one costs.
    pub price_minor: u64,
    /// In which currency (ISO 4217).
    pub currency: String,
    /// The rate of its tax, in hundredths of a percent.
    pub tax_rate_bp: u16,
}

/// What is told of an import while it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImportRow {
    /// How far it has come.
    Progress {
        /// In which of its passes.
        stage: Stage,
        /// How many lines this pass has read.
        lines: u64,
        /// How many bytes.
        bytes: u64,
        /// Of how many.
        of_bytes: u64,
    },
    /// What is wrong with a line.
    Bad {
        /// Which line, from 1.
        line: u64,
        /// What is wrong, without what stands there.
        problem: String,
    },
    /// What is odd in a line that is entered all the same.
    Odd {
        /// Which line, from 1.
        line: u64,
        /// What is odd, without what stands there.
        warning: String,
    },
    /// How it ended: always the last row.
    End {
        /// How many lines were entered anew.
        entered: u64,
        /// How many changed what was there.
        updated: u64,
        /// How many were bad.
        bad: u64,
        /// Whether it came to its end; not if bad lines kept everything out.
        done: bool,
        /// What cut it short.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
}

/// The passes of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// All lines are checked.
    Checking,
    /// Those that are good are entered.
    Entering,
}
