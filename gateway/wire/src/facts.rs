//! Tells a terminal what the register says of it: what a receipt names.

use kessai_terms::{
    Currency, InvoiceNumber, MerchantId, MerchantName, Rounding, StoreId, StoreName,
};

use crate::field::{self, FieldError};
use crate::state::{self, Capture};
use crate::v1;

/// Tells a terminal what the register says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalFacts {
    /// Who is paid.
    pub merchant: MerchantId,
    /// The merchant's name.
    pub merchant_name: MerchantName,
    /// Under which number the merchant issues qualified invoices, if it does.
    pub invoice_number: Option<InvoiceNumber>,
    /// Where the terminal stands.
    pub store: StoreId,
    /// The store's name.
    pub store_name: StoreName,
    /// What the store charges in.
    pub currency: Currency,
    /// How the store rounds its taxes.
    pub rounding: Rounding,
    /// What the terminal is.
    pub kind: TerminalKind,
    /// How far the store's clock is from UTC.
    pub utc_offset_minutes: i16,
}

/// Says what a terminal is.
///
/// # Source
/// Claims 3 and 4 of the patent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TerminalKind {
    /// A register with a clerk.
    PointOfSale,
    /// A machine that nobody attends.
    Vending,
}

impl TerminalKind {
    /// Tells when the money of its payments moves.
    pub const fn capture(self) -> Capture {
        match self {
            Self::PointOfSale => Capture::AtApproval,
            Self::Vending => Capture::OnDelivery,
        }
    }

    fn parse(number: i32) -> Result<Self, FieldError> {
        match v1::TerminalKind::try_from(number) {
            Ok(v1::TerminalKind::PointOfSale) => Ok(Self::PointOfSale),
            Ok(v1::TerminalKind::Vending) => Ok(Self::Vending),
            Ok(v1::TerminalKind::Unspecified) | Err(_) => Err(FieldError("kind")),
        }
    }
}

impl From<TerminalKind> for v1::TerminalKind {
    fn from(kind: TerminalKind) -> Self {
        match kind {
            TerminalKind::PointOfSale => Self::PointOfSale,
            TerminalKind::Vending => Self::Vending,
        }
    }
}

impl TerminalFacts {
    pub(crate) fn parse(message: &v1::TerminalFacts) -> Result<Self, FieldError> {
        let invoice_number = match message.invoice_number.as_str() {
            "" => None,
            number => Some(InvoiceNumber::new(number).map_err(|_| FieldError("invoice_number"))?),
        };
        Ok(Self {
            merchant: field::text("merchant_id", &message.merchant_id)?,
            merchant_name: field::text("merchant_name", &message.merchant_name)?,
            invoice_number,
            store: field::text("store_id", &message.store_id)?,
            store_name: field::text("store_name", &message.store_name)?,
            currency: field::currency(&message.currency)?,
            rounding: state::parse_rounding(message.tax_rounding)?,
            kind: TerminalKind::parse(message.kind)?,
            utc_offset_minutes: field::utc_offset(message.utc_offset_minutes)?,
        })
    }

    pub(crate) fn to_message(&self) -> v1::TerminalFacts {
        v1::TerminalFacts {
            merchant_id: self.merchant.to_string(),
            merchant_name: self.merchant_name.to_string(),
            invoice_number: self
                .invoice_number
                .map(|number| number.to_string())
                .unwrap_or_default(),
            store_id: self.store.to_string(),
            store_name: self.store_name.to_string(),
            currency: self.currency.code().to_owned(),
            tax_rounding: v1::TaxRounding::from(self.rounding).into(),
            kind: v1::TerminalKind::from(self.kind).into(),
            utc_offset_minutes: self.utc_offset_minutes.into(),
        }
    }
}
