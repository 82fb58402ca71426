//! The records about customers and their handsets.

use kessai_terms::collation::{Salt, SealedRow};
use kessai_terms::ids::{CustomerId, DeviceId};
use kessai_terms::money::{Amount, Currency};
use kessai_terms::profile::SealedProfile;
use kessai_terms::text::TransferReference;
use serde::{Deserialize, Serialize};

use crate::policy::CustomerPolicy;
use crate::register::KeyPin;

/// See [`super::Record::CustomerAdded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerAdded {
    /// The registered form of the id.
    pub customer: CustomerId,
    /// The currency of the balance.
    pub currency: Currency,
    /// The opening balance.
    pub balance: Amount,
}

/// See [`super::Record::Credited`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credited {
    /// Whose balance.
    pub customer: CustomerId,
    /// By how much it rose, in the balance's currency.
    pub amount: Amount,
    /// What for, as the processor wrote it: good for one credit or debit of the customer.
    pub reference: TransferReference,
}

/// See [`super::Record::Debited`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debited {
    /// Whose balance.
    pub customer: CustomerId,
    /// By how much it fell, in the balance's currency.
    pub amount: Amount,
    /// What for, as the processor wrote it: good for one credit or debit of the customer.
    pub reference: TransferReference,
}

/// See [`super::Record::ProfileSet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSet {
    /// Who it is about.
    pub customer: CustomerId,
    /// What is known, sealed; the engine never opens it.
    pub profile: SealedProfile,
}

/// See [`super::Record::DeviceAdded`]. Keys are sealed: a stolen journal gives nothing to guess against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAdded {
    /// Whose handset.
    pub customer: CustomerId,
    /// The handset.
    pub device: DeviceId,
    /// The TLS key that it connects with.
    pub pin: KeyPin,
    /// The salt of its password stretching, told back when the password is changed.
    pub salt: Salt,
    /// Stored, server and device key under the seal.
    pub row: SealedRow,
}

/// See [`super::Record::DeviceRevoked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRevoked {
    /// Whose handset.
    pub customer: CustomerId,
    /// The handset.
    pub device: DeviceId,
}

/// See [`super::Record::Rekeyed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rekeyed {
    /// Whose handset.
    pub customer: CustomerId,
    /// The handset.
    pub device: DeviceId,
    /// The TLS key that it connects with from now on; perhaps the same as before.
    pub pin: KeyPin,
    /// The salt of its new password stretching.
    pub salt: Salt,
    /// The new keys under the seal, exactly one version higher than those they replace.
    pub row: SealedRow,
}

/// See [`super::Record::PolicySet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySet {
    /// Whom it is about.
    pub customer: CustomerId,
    /// What holds from now on, in place of all that held before.
    pub policy: CustomerPolicy,
}
