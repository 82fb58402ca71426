//! Who a customer is beside the number: how to reach them, and where their bank account is.
//!
//! Nothing here can be printed by accident. The fields travel and rest sealed
//! ([`SealedProfile`]); settlement and the notifier open them, the engine never does.
//!
//! What a field must look like is checked as far as its kind goes. Whether a bank has such a branch
//! or account is for settlement to say.
//!
//! # Source
//! JP 2001-249969, figure 6, and what Japanese bank files need besides: the name in kana and the
//! type of deposit.

mod fields;
mod seal;

pub use fields::{
    AccountNumber, BankCode, BranchCode, DepositType, EmailAddress, FieldError, KanaName,
    MobileNumber, PersonName,
};
pub use seal::{ProfileError, ProfileKey, ProfileNonces, SealedProfile};

use std::fmt;

use serde::{Deserialize, Serialize};

/// Holds what is known of a customer; each field may be missing.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The number of the customer's handset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<MobileNumber>,
    /// Where a handset's owner is reached when the handset is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// The name as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<PersonName>,
    /// The name as the bank has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kana: Option<KanaName>,
    /// The customer's bank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank: Option<BankCode>,
    /// Its branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchCode>,
    /// The type of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposit_type: Option<DepositType>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountNumber>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(..)")
    }
}
