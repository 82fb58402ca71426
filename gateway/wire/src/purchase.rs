//! Reads what a terminal wants paid.
//!
//! Only what can be seen in the message itself is checked here. Whether the basket adds up is
//! checked by [`Basket::check`](kessai_terms::Basket::check), with the rounding of the store,
//! which the register knows and the message does not say.

use bytes::Bytes;
use kessai_terms::ids::PresentmentCodeError;
use kessai_terms::money::CurrencyError;
use kessai_terms::{
    Amount, Currency, CustomerId, Gtin, Line, PaymentId, PresentmentCode, ProductName, Reason, Tax,
    TaxRate,
};

use crate::faults::Faults;
use crate::field;
use crate::limits::MAX_LINES;
use crate::state::Capture;
use crate::v1;

/// Asks for a payment.
///
/// # Source
/// Step S68 of the patent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// The id of the payment, made by the terminal.
    pub payment: PaymentId,
    /// Who is to pay.
    pub payer: Payer,
    /// What is bought, in the order in which it was scanned: 1 to [`MAX_LINES`] lines.
    pub lines: Vec<Line>,
    /// What the terminal makes of the lines.
    pub claimed_total: Amount,
    /// The currency of all amounts here.
    pub currency: Currency,
    /// When the money moves.
    pub capture: Capture,
}

/// Says who is to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payer {
    /// The customer of this id.
    Customer(CustomerId),
    /// The customer whose handset shows this code.
    Code(PresentmentCode),
}

impl Purchase {
    pub(crate) fn parse(message: &v1::Open) -> Result<Self, Reason> {
        let mut faults = Faults::default();
        let payment = faults.keep(payment_id(&message.payment_id));
        let payer = faults.keep(payer(message.payer.as_ref()));
        let currency = faults.keep(currency(&message.currency));
        let capture = faults.keep(Capture::parse(message.capture));
        let claimed_total = faults.keep(amount(message.total_minor));
        match message.lines.len() {
            0 => faults.note(Reason::BasketEmpty),
            1..=MAX_LINES => {}
            // Not one of them is looked at: the work is bounded.
            _ => {
                faults.note(Reason::TooManyLines);
                return Err(faults.into_reason());
            }
        }
        let lines = message.lines.iter().filter_map(|line| parse_line(&mut faults, line)).collect();
        match (payment, payer, currency, capture, claimed_total) {
            (Some(payment), Some(payer), Some(currency), Some(capture), Some(claimed_total)) => {
                faults.into_result()?;
                Ok(Self { payment, payer, lines, claimed_total, currency, capture })
            }
            _ => Err(faults.into_reason()),
        }
    }

    pub(crate) fn to_message(&self) -> v1::Open {
        v1::Open {
            payment_id: Bytes::copy_from_slice(self.payment.as_bytes()),
            payer: Some(match self.payer {
                Payer::Customer(id) => v1::open::Payer::CustomerId(id.to_string()),
                Payer::Code(code) => v1::open::Payer::PresentmentCode(code.to_string()),
            }),
            lines: self.lines.iter().map(line_to_message).collect(),
            total_minor: self.claimed_total.minor(),
            currency: self.currency.code().to_owned(),
            capture: v1::Capture::from(self.capture).into(),
        }
    }
}

/// Takes the id of a payment from a request.
pub(crate) fn payment_id(bytes: &[u8]) -> Result<PaymentId, Reason> {
    field::payment(bytes).map_err(|_| Reason::PaymentIdInvalid)
}

fn payer(message: Option<&v1::open::Payer>) -> Result<Payer, Reason> {
    match message {
        Some(v1::open::Payer::CustomerId(id)) => {
            CustomerId::new(id).map(Payer::Customer).map_err(|_| Reason::CustomerIdInvalid)
        }
        Some(v1::open::Payer::PresentmentCode(code)) => {
            code.parse().map(Payer::Code).map_err(|_: PresentmentCodeError| Reason::CodeNotValid)
        }
        None => Err(Reason::Malformed),
    }
}

fn currency(code: &str) -> Result<Currency, Reason> {
    Currency::from_code(code).map_err(|error| match error {
        CurrencyError::Unknown | CurrencyError::NoExponent => Reason::CurrencyUnknown,
    })
}

/// Takes an amount from a request.
pub(crate) fn amount(minor: u64) -> Result<Amount, Reason> {
    Amount::new(minor).map_err(|_| Reason::AmountOverflow)
}

fn parse_line(faults: &mut Faults, message: &v1::PurchaseLine) -> Option<Line> {
    let code = faults.keep(Gtin::new(&message.code));
    let name = faults.keep(ProductName::new(&message.name));
    let unit_price = faults.keep(amount(message.unit_price_minor));
    let discount = faults.keep(amount(message.discount_minor));
    let tax = faults.keep(parse_tax(message.tax, message.tax_rate_bp));
    let line = Line {
        code: code?,
        name: name?,
        unit_price: unit_price?,
        quantity: message.quantity,
        discount: discount?,
        tax: tax?,
    };
    // Also finds a quantity of none or too many, and a discount above the price.
    faults.keep(line.total())?;
    Some(line)
}

fn line_to_message(line: &Line) -> v1::PurchaseLine {
    let (tax, tax_rate_bp) = tax_to_message(line.tax);
    v1::PurchaseLine {
        code: line.code.to_string(),
        name: line.name.to_string(),
        unit_price_minor: line.unit_price.minor(),
        quantity: line.quantity,
        discount_minor: line.discount.minor(),
        tax: tax.into(),
        tax_rate_bp,
    }
}

/// Reads how a line is taxed.
pub(crate) fn parse_tax(kind: i32, rate_bp: u32) -> Result<Tax, Reason> {
    let rate = || {
        let basis_points = u16::try_from(rate_bp).map_err(|_| Reason::AmountInvalid)?;
        TaxRate::new(basis_points).map_err(Reason::from)
    };
    match v1::TaxKind::try_from(kind) {
        Ok(v1::TaxKind::Exempt) if rate_bp == 0 => Ok(Tax::Exempt),
        Ok(v1::TaxKind::Included) => rate().map(Tax::Included),
        Ok(v1::TaxKind::Exclusive) => rate().map(Tax::Exclusive),
        Ok(v1::TaxKind::Exempt | v1::TaxKind::Unspecified) | Err(_) => Err(Reason::Malformed),
    }
}

/// Writes how a line is taxed.
pub(crate) fn tax_to_message(tax: Tax) -> (v1::TaxKind, u32) {
    match tax {
        Tax::Exempt => (v1::TaxKind::Exempt, 0),
        Tax::Included(rate) => (v1::TaxKind::Included, rate.basis_points().into()),
        Tax::Exclusive(rate) => (v1::TaxKind::Exclusive, rate.basis_points().into()),
    }
}
