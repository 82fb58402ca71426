//! The form of snapshots: chunks of rows, encoded by position (postcard).
//!
//! A change of anything here, or of what it contains, raises [`FORMAT`].

use std::collections::BTreeMap;
use std::sync::Arc;

use kessai_terms::collation::{Salt, SealedRow};
use kessai_terms::ids::{CustomerId, DeviceId, MerchantId, PaymentId};
use kessai_terms::money::{Amount, Currency, Net};
use serde::{Deserialize, Serialize};

use crate::calendar::BusinessDate;
use crate::command::Keyring;
use crate::customer::{Account, Holder};
use crate::device::Device;
use crate::dossier::{Asks, Dossier};
use crate::ledger::DaySums;
use crate::policy::{Naming, Spending, Standing};
use crate::record::{PaymentRow, Unit};
use crate::register::{KeyPin, RegisterChange};
use crate::shard::{Corrupt, Departed};

/// The version of the form, which every chunk begins with.
const FORMAT: u8 = 1;

/// Some of a unit's state.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    format: u8,
    pub(crate) unit: Unit,
    pub(crate) part: Part,
}

/// What a chunk has; a shard's come in this order, the register's from [`Part::Register`] on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    Head(Box<Head>),
    Customers(Vec<CustomerRow>),
    Days(Vec<(BusinessDate, DaySums)>),
    Payments(Vec<KeptPayment>),
    Register(RegisterHead),
    Changes(Vec<RegisterChange>),
    End,
}

/// A shard's place and sums.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    pub(crate) at_ms: u64,
    pub(crate) floor_ms: u64,
    pub(crate) tallies: BTreeMap<(MerchantId, Currency), Net>,
    pub(crate) exchange: BTreeMap<Currency, Net>,
    pub(crate) funded: BTreeMap<Currency, Net>,
    pub(crate) departed: Departed,
    pub(crate) rows: Rows,
}

/// How many rows of each kind a shard has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rows {
    pub(crate) customers: usize,
    pub(crate) days: usize,
    pub(crate) payments: usize,
}

/// The register's place.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegisterHead {
    pub(crate) sequence: u64,
    pub(crate) at_ms: u64,
    pub(crate) changes: usize,
}

/// A customer with all that the shard keeps.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CustomerRow {
    pub(crate) customer: CustomerId,
    pub(crate) currency: Currency,
    pub(crate) balance: Amount,
    pub(crate) held: Amount,
    pub(crate) wrong_in_row: u8,
    pub(crate) standing: Standing,
    pub(crate) named_by: Naming,
    pub(crate) devices: Vec<DeviceRow>,
    pub(crate) open: Vec<PaymentId>,
    pub(crate) notices: u64,
    pub(crate) recent: Vec<(u64, PaymentId)>,
    pub(crate) spending: Spending,
    pub(crate) asks: Asks,
    pub(crate) dossier: Option<Box<Dossier>>,
}

/// A handset; its keys are sealed as they were when they came.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeviceRow {
    pub(crate) device: DeviceId,
    pub(crate) pin: KeyPin,
    pub(crate) salt: Salt,
    pub(crate) row: SealedRow,
}

/// A payment with what only the shard needs of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptPayment {
    pub(crate) row: PaymentRow,
    /// Wrong proofs so far, if it is pending.
    pub(crate) wrong: u8,
    /// The number of its latest notice.
    pub(crate) notice: u64,
    pub(crate) touched_ms: u64,
}

/// Why a chunk cannot be loaded. The engine is then of no use.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes do not follow the encoding.
    #[error("not a chunk of a snapshot: {0}")]
    Malformed(#[from] postcard::Error),
    /// The chunk ends before the bytes do.
    #[error("{0} bytes stand behind the chunk of a snapshot")]
    Trailing(usize),
    /// The chunk is of a form that this version does not read.
    #[error("the snapshot is of form {0}, which this version does not read")]
    Format(u8),
    /// The chunk does not belong to a unit that this data directory has, or not here in the order.
    #[error("a chunk of unit {} does not belong here", .0.0)]
    Misplaced(Unit),
    /// Rows of a unit are missing.
    #[error("the snapshot lacks rows of unit {}", .0.0)]
    Incomplete(Unit),
    /// A row contradicts others.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

impl Chunk {
    pub(crate) const fn new(unit: Unit, part: Part) -> Self {
        Self { format: FORMAT, unit, part }
    }

    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        #[expect(clippy::expect_used, reason = "a vector grows, and every field has an encoding")]
        postcard::to_io(self, out).expect("a chunk can be encoded into memory");
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, LoadError> {
        if let Some(format) = bytes.first().filter(|format| **format != FORMAT) {
            return Err(LoadError::Format(*format));
        }
        let (chunk, rest) = postcard::take_from_bytes::<Self>(bytes)?;
        if rest.is_empty() { Ok(chunk) } else { Err(LoadError::Trailing(rest.len())) }
    }
}

impl CustomerRow {
    /// The customer without the handsets, whose keys have to be sealed first.
    pub(crate) fn new(account: &Account, holder: &Holder) -> Self {
        Self {
            customer: holder.id,
            currency: account.currency,
            balance: account.balance,
            held: account.held,
            wrong_in_row: account.wrong_in_row,
            standing: account.standing,
            named_by: account.named_by,
            devices: Vec::new(),
            open: holder.open.clone(),
            notices: holder.notices,
            recent: holder.recent.iter().copied().collect(),
            spending: holder.spending,
            asks: holder.asks,
            dossier: holder.dossier().cloned().map(Box::new),
        }
    }

    pub(crate) fn with_devices(self, devices: &[Arc<Device>], keyring: &Keyring) -> Self {
        let rows = devices.iter().map(|device| DeviceRow {
            device: device.id,
            pin: device.pin,
            salt: device.salt,
            row: device.sealed(keyring),
        });
        Self { devices: rows.collect(), ..self }
    }
}
