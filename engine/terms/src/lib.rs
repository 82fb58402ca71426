//! The words of Kessai: ids, money, baskets, reasons and the arithmetic of collation.
//!
//! This crate keeps no state, does no input or output, reads no clock and draws no randomness:
//! nonces, salts and times are arguments. It is light enough for a terminal or a handset.
//!
//! A value that exists has been checked: every type here is made by parsing, and deserialising
//! parses again.

#![warn(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

pub mod basket;
pub mod collation;
pub mod gtin;
pub mod ids;
pub mod limits;
pub mod money;
pub mod profile;
pub mod reason;
pub mod receipt;
pub mod text;

pub use basket::{Basket, Line, Rounding, Tax, TaxKind, TaxRate, TaxSum};
pub use gtin::Gtin;
pub use ids::{
    ApprovalNumber, ControllerId, CustomerId, DeviceId, HubId, InvoiceNumber, MerchantId,
    PaymentId, PresentmentCode, Reference, StoreId, TerminalId,
};
pub use money::{Amount, AmountError, Currency, Money, Net, Rate};
pub use profile::{Profile, SealedProfile};
pub use reason::{Reason, Stage};
pub use receipt::JournalReceipt;
pub use text::{MerchantName, ProductName, StoreName, Text, TransferReference};
