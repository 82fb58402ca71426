//! Holds what the customer is shown, and what the proof is made over.

use bytes::Bytes;
use kessai_terms::{
    Basket, Currency, CustomerId, Gtin, Line, MerchantId, MerchantName, Money, PaymentId, Reason,
    StoreId, StoreName, Tax, TaxKind, TaxSum, TerminalId,
};
use prost::Message;

use crate::CONTENT_VERSION;
use crate::content::{self, ContentError};
use crate::exchange::{Exchange, ForeignPrice};
use crate::field::{self, FieldError};
use crate::purchase::{parse_tax, tax_to_message};
use crate::state::{self, Capture};
use crate::v1;

/// Shows a purchase to the customer.
///
/// # Source
/// The confirmation message of the patent, figure 7; its claim 6 for what goes under the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The payment.
    pub payment: PaymentId,
    /// The terminal, from the register.
    pub terminal: TerminalId,
    /// Who is paid, from the register.
    pub merchant: MerchantId,
    /// The merchant's name, from the register.
    pub merchant_name: MerchantName,
    /// Where, from the register.
    pub store: StoreId,
    /// The store's name, from the register.
    pub store_name: StoreName,
    /// Who is asked.
    pub customer: CustomerId,
    /// What is bought; its rounding is the store's.
    pub basket: Basket,
    /// The currency of the basket.
    pub currency: Currency,
    /// What the customer pays instead, if the basket is in another currency than the account.
    pub exchange: Option<Exchange>,
    /// The gateway's time of the purchase.
    pub opened_at_ms: u64,
    /// How far the store's clock is from UTC.
    pub utc_offset_minutes: i16,
    /// Until when the customer can answer.
    pub expires_at_ms: u64,
    /// When the money moves.
    pub capture: CaptureTerms,
}

/// Says when the money moves, and how long the goods may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaptureTerms {
    /// With the approval: somebody hands the goods over.
    AtApproval,
    /// When the machine reports that the goods came out.
    OnDelivery {
        /// How long after the approval that may be.
        within_ms: u32,
    },
}

impl Confirmation {
    /// Tells what the customer pays, in the currency of the account.
    pub fn total(&self) -> Money {
        self.exchange
            .as_ref()
            .map_or_else(|| self.basket.total().of(self.currency), |exchange| exchange.total)
    }

    /// Writes the bytes that are sent, hashed and stored.
    pub fn encode(&self) -> Bytes {
        let total = self.total();
        let (capture, delivery_window_ms) = match self.capture {
            CaptureTerms::AtApproval => (Capture::AtApproval, 0),
            CaptureTerms::OnDelivery { within_ms } => (Capture::OnDelivery, within_ms),
        };
        v1::Confirmation {
            version: CONTENT_VERSION,
            payment_id: Bytes::copy_from_slice(self.payment.as_bytes()),
            terminal: self.terminal.to_string(),
            merchant_id: self.merchant.to_string(),
            merchant_name: self.merchant_name.to_string(),
            store_id: self.store.to_string(),
            store_name: self.store_name.to_string(),
            customer_id: self.customer.to_string(),
            lines: self.basket.lines().iter().map(line_to_message).collect(),
            taxes: self.basket.taxes().iter().map(tax_sum_to_message).collect(),
            tax_rounding: v1::TaxRounding::from(self.basket.rounding()).into(),
            total_minor: total.amount.minor(),
            currency: total.currency.code().to_owned(),
            foreign: self
                .exchange
                .as_ref()
                .map(|exchange| exchange.of(self.basket.total().of(self.currency)).to_message()),
            opened_at_ms: self.opened_at_ms,
            utc_offset_minutes: self.utc_offset_minutes.into(),
            expires_at_ms: self.expires_at_ms,
            capture: v1::Capture::from(capture).into(),
            delivery_window_ms,
        }
        .encode_to_vec()
        .into()
    }

    /// Reads the bytes that were sent.
    ///
    /// # Errors
    /// [`ContentError`] if the version is unknown, a field impossible, a sum wrong, or if the
    /// bytes hold anything that is not in the value.
    pub fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let message: v1::Confirmation =
            content::open(bytes, |message: &v1::Confirmation| message.version, CONTENT_VERSION)?;
        let total = field::money("total_minor", message.total_minor, &message.currency)?;
        if total.amount.is_zero() {
            return Err(FieldError("total_minor").into());
        }
        let (price, exchange) = match &message.foreign {
            None => (total, None),
            Some(foreign) => {
                let foreign = ForeignPrice::parse(foreign, total)?;
                (foreign.price, Some(foreign.into_exchange(total)))
            }
        };
        let lines = message.lines.iter().map(parse_line).collect::<Result<Vec<_>, _>>()?;
        let rounding = state::parse_rounding(message.tax_rounding)?;
        let confirmation = Self {
            payment: field::payment(&message.payment_id)?,
            terminal: field::text("terminal", &message.terminal)?,
            merchant: field::text("merchant_id", &message.merchant_id)?,
            merchant_name: field::text("merchant_name", &message.merchant_name)?,
            store: field::text("store_id", &message.store_id)?,
            store_name: field::text("store_name", &message.store_name)?,
            customer: field::text("customer_id", &message.customer_id)?,
            basket: Basket::check(lines, rounding, price.amount).map_err(ContentError::Basket)?,
            currency: price.currency,
            exchange,
            opened_at_ms: message.opened_at_ms,
            utc_offset_minutes: field::utc_offset(message.utc_offset_minutes)?,
            expires_at_ms: expiry(&message)?,
            capture: capture(&message)?,
        };
        // Also finds a wrong line total and a wrong tax, which the value computes itself.
        content::check_canonical(bytes, &confirmation.encode())?;
        Ok(confirmation)
    }
}

fn expiry(message: &v1::Confirmation) -> Result<u64, FieldError> {
    if message.expires_at_ms > message.opened_at_ms {
        Ok(message.expires_at_ms)
    } else {
        Err(FieldError("expires_at_ms"))
    }
}

fn capture(message: &v1::Confirmation) -> Result<CaptureTerms, FieldError> {
    match (Capture::parse(message.capture)?, message.delivery_window_ms) {
        (Capture::AtApproval, 0) => Ok(CaptureTerms::AtApproval),
        (Capture::OnDelivery, within_ms @ 1..) => Ok(CaptureTerms::OnDelivery { within_ms }),
        (Capture::AtApproval, 1..) | (Capture::OnDelivery, 0) => {
            Err(FieldError("delivery_window_ms"))
        }
    }
}

fn parse_line(message: &v1::ConfirmedLine) -> Result<Line, FieldError> {
    Ok(Line {
        code: Gtin::new(&message.code).map_err(|_| FieldError("code"))?,
        name: field::text("name", &message.name)?,
        unit_price: field::amount("unit_price_minor", message.unit_price_minor)?,
        quantity: message.quantity,
        discount: field::amount("discount_minor", message.discount_minor)?,
        tax: parse_tax(message.tax, message.tax_rate_bp).map_err(|_: Reason| FieldError("tax"))?,
    })
}

fn line_to_message(line: &Line) -> v1::ConfirmedLine {
    let (tax, tax_rate_bp) = tax_to_message(line.tax);
    v1::ConfirmedLine {
        code: line.code.to_string(),
        name: line.name.to_string(),
        unit_price_minor: line.unit_price.minor(),
        quantity: line.quantity,
        discount_minor: line.discount.minor(),
        // A basket has computed the total of each of its lines, so there is one.
        line_total_minor: line.total().map_or(0, kessai_terms::Amount::minor),
        tax: tax.into(),
        tax_rate_bp,
    }
}

fn tax_sum_to_message(sum: &TaxSum) -> v1::TaxTotal {
    let (tax, tax_rate_bp) = tax_to_message(match sum.kind {
        TaxKind::Included => Tax::Included(sum.rate),
        TaxKind::Exclusive => Tax::Exclusive(sum.rate),
    });
    v1::TaxTotal {
        tax: tax.into(),
        tax_rate_bp,
        net_minor: sum.net.minor(),
        tax_minor: sum.tax.minor(),
    }
}
