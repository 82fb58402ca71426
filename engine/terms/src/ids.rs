//! Names of things: customers, terminals, stores, devices, payments and their numbers.
//!
//! Every id is small, `Copy` and held inline, so that passing one around never allocates.

mod code;
mod device;
pub(crate) mod hex;
mod invoice;
mod number;
mod payment;
mod presentment;

pub use code::{
    Alphabet, Code, CodeError, ControllerId, CustomerId, HubId, MerchantId, StoreId, TerminalId,
};
pub use device::{DeviceId, DeviceIdError};
pub use invoice::{InvoiceNumber, InvoiceNumberError};
pub use number::{ApprovalNumber, NumberError, Reference};
pub use payment::{PaymentId, PaymentIdError};
pub use presentment::{PresentmentCode, PresentmentCodeError};
