//! Reads single fields of a message that came from the other side.

use bytes::Bytes;
use kessai_terms::collation::Signature;
use kessai_terms::{Amount, ApprovalNumber, Currency, Money, PaymentId, Reason, Reference};
use thiserror::Error;

/// Names a field whose value is impossible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the field `{0}` is missing or impossible")]
pub struct FieldError(pub &'static str);

impl From<FieldError> for Reason {
    fn from(_: FieldError) -> Self {
        Self::Malformed
    }
}

/// Numbers an approval, for the receipt and for both sides' books. The two numbers are given
/// together, when a payment is approved.
///
/// # Source
/// ISO 8583 data elements 38 and 37.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Approval {
    /// The approval number, six digits.
    pub number: ApprovalNumber,
    /// The retrieval reference, twelve digits.
    pub reference: Reference,
}

impl Approval {
    pub(crate) fn parse(
        number: Option<u32>,
        reference: Option<u64>,
    ) -> Result<Option<Self>, FieldError> {
        match (number, reference) {
            (None, None) => Ok(None),
            (Some(number), Some(reference)) => Ok(Some(Self {
                number: ApprovalNumber::new(number).map_err(|_| FieldError("approval_number"))?,
                reference: Reference::new(reference).map_err(|_| FieldError("reference"))?,
            })),
            (Some(_), None) => Err(FieldError("reference")),
            (None, Some(_)) => Err(FieldError("approval_number")),
        }
    }

    pub(crate) fn split(approval: Option<Self>) -> (Option<u32>, Option<u64>) {
        approval.map(|both| (both.number.value(), both.reference.value())).unzip()
    }
}

/// Takes exactly `N` bytes.
pub(crate) fn bytes<const N: usize>(
    name: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], FieldError> {
    bytes.try_into().map_err(|_| FieldError(name))
}

/// Takes exactly `N` bytes, or none.
pub(crate) fn optional_bytes<const N: usize>(
    name: &'static str,
    found: &[u8],
) -> Result<Option<[u8; N]>, FieldError> {
    if found.is_empty() { Ok(None) } else { bytes(name, found).map(Some) }
}

/// Writes what [`optional_bytes`] takes.
pub(crate) fn optional_copy(found: Option<&[u8; 32]>) -> Bytes {
    found.map(|bytes| Bytes::copy_from_slice(bytes)).unwrap_or_default()
}

/// Takes the id of a payment.
pub(crate) fn payment(bytes: &[u8]) -> Result<PaymentId, FieldError> {
    PaymentId::try_from(bytes).map_err(|_| FieldError("payment_id"))
}

/// Takes an amount.
pub(crate) fn amount(name: &'static str, minor: u64) -> Result<Amount, FieldError> {
    Amount::new(minor).map_err(|_| FieldError(name))
}

/// Takes an amount with its currency.
pub(crate) fn money(name: &'static str, minor: u64, currency: &str) -> Result<Money, FieldError> {
    let currency = self::currency(currency)?;
    Ok(amount(name, minor)?.of(currency))
}

/// Takes a currency by its letters.
pub(crate) fn currency(code: &str) -> Result<Currency, FieldError> {
    Currency::from_code(code).map_err(|_| FieldError("currency"))
}

/// Takes the number of a reason.
pub(crate) fn reason(number: u32) -> Result<Reason, FieldError> {
    u16::try_from(number).ok().and_then(Reason::from_number).ok_or(FieldError("reason"))
}

/// Takes an id or a text that is made from a `str`.
pub(crate) fn text<'text, T: TryFrom<&'text str>>(
    name: &'static str,
    text: &'text str,
) -> Result<T, FieldError> {
    T::try_from(text).map_err(|_| FieldError(name))
}

/// Takes a business date of which 0 says that there is none.
pub(crate) const fn business_date(number: u32) -> Option<u32> {
    if number == 0 { None } else { Some(number) }
}

/// Takes an instant of which 0 says that there is none.
pub(crate) const fn instant(at_ms: u64) -> Option<u64> {
    if at_ms == 0 { None } else { Some(at_ms) }
}

/// The furthest that a store's clock is from UTC.
const MAX_UTC_OFFSET_MINUTES: u16 = 18 * 60;

/// Takes how far a store's clock is from UTC.
pub(crate) fn utc_offset(minutes: i32) -> Result<i16, FieldError> {
    i16::try_from(minutes)
        .ok()
        .filter(|minutes| minutes.unsigned_abs() <= MAX_UTC_OFFSET_MINUTES)
        .ok_or(FieldError("utc_offset_minutes"))
}

/// Takes a signature.
pub(crate) fn signature(found: &[u8]) -> Result<Signature, FieldError> {
    bytes("signature", found).map(Signature)
}
