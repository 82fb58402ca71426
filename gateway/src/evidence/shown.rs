//! What the customer was shown: the confirmation's own words, for programs.

use kessai_engine::terms::{Line, Tax, TaxKind, TaxSum};
use kessai_wire::{CaptureTerms, Confirmation};
use serde::Serialize;

use crate::admin::rows::ForeignRow;

/// A confirmation as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Who was to pay.
    pub customer: String,
    /// Who was to be paid.
    pub merchant: Party,
    /// Where.
    pub store: Party,
    /// At which terminal.
    pub terminal: String,
    /// What was to be bought.
    pub lines: Vec<LineRow>,
    /// The tax, once a rate and kind.
    pub taxes: Vec<TaxRow>,
    /// What was to be paid, in the currency of the balance.
    pub total_minor: u64,
    /// That currency (ISO 4217).
    pub currency: String,
    /// The price, where it was in another currency.
    pub foreign: Option<ForeignRow>,
    /// The gateway's time of the purchase, in milliseconds since the Unix epoch.
    pub opened_at_ms: u64,
    /// How far the clocks were from UTC.
    pub utc_offset_minutes: i16,
    /// Until when it could be answered.
    pub expires_at_ms: u64,
    /// How long the goods might take after the approval; none if it was captured with it.
    pub delivery_ms: Option<u32>,
}

/// A merchant or a store by its code and the name that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Party {
    /// The code.
    pub id: String,
    /// The name.
    pub name: String,
}

/// One line of the purchase list, in the currency of the price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineRow {
    /// The bar code.
    pub code: String,
    /// What it is.
    pub name: String,
    /// What one costs.
    pub unit_price_minor: u64,
    /// How many.
    pub quantity: u32,
    /// What was taken off the line.
    pub discount_minor: u64,
    /// What the line comes to.
    pub total_minor: u64,
    /// How it is taxed: `exempt`, `included`, `exclusive`.
    pub tax: &'static str,
    /// At which rate, in hundredths of a percent.
    pub tax_rate_bp: u16,
}

/// The tax of one rate and kind, in the currency of the price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaxRow {
    /// Whether it is in the prices or added: `included`, `exclusive`.
    pub tax: &'static str,
    /// The rate, in hundredths of a percent.
    pub tax_rate_bp: u16,
    /// What the lines cost without it.
    pub net_minor: u64,
    /// The tax.
    pub tax_minor: u64,
}

impl From<&Confirmation> for Shown {
    fn from(confirmation: &Confirmation) -> Self {
        let total = confirmation.total();
        let basket = &confirmation.basket;
        Self {
            customer: confirmation.customer.to_string(),
            merchant: Party {
                id: confirmation.merchant.to_string(),
                name: confirmation.merchant_name.to_string(),
            },
            store: Party {
                id: confirmation.store.to_string(),
                name: confirmation.store_name.to_string(),
            },
            terminal: confirmation.terminal.to_string(),
            lines: basket.lines().iter().map(LineRow::from).collect(),
            taxes: basket.taxes().iter().map(TaxRow::from).collect(),
            total_minor: total.amount.minor(),
            currency: total.currency.code().to_owned(),
            foreign: confirmation.exchange.map(|exchange| ForeignRow {
                price_minor: basket.total().minor(),
                currency: confirmation.currency.code().to_owned(),
                rate: exchange.rate.to_string(),
                markup_bp: exchange.markup_bp,
            }),
            opened_at_ms: confirmation.opened_at_ms,
            utc_offset_minutes: confirmation.utc_offset_minutes,
            expires_at_ms: confirmation.expires_at_ms,
            delivery_ms: match confirmation.capture {
                CaptureTerms::AtApproval => None,
                CaptureTerms::OnDelivery { within_ms } => Some(within_ms),
            },
        }
    }
}

impl From<&Line> for LineRow {
    fn from(line: &Line) -> Self {
        let (tax, tax_rate_bp) = match line.tax {
            Tax::Exempt => ("exempt", 0),
            Tax::Included(rate) => ("included", rate.basis_points()),
            Tax::Exclusive(rate) => ("exclusive", rate.basis_points()),
        };
        Self {
            code: line.code.to_string(),
            name: line.name.to_string(),
            unit_price_minor: line.unit_price.minor(),
            quantity: line.quantity,
            discount_minor: line.discount.minor(),
            // A basket has computed the total of each of its lines, so there is one.
            total_minor: line.total().unwrap_or_default().minor(),
            tax,
            tax_rate_bp,
        }
    }
}

impl From<&TaxSum> for TaxRow {
    fn from(sum: &TaxSum) -> Self {
        Self {
            tax: match sum.kind {
                TaxKind::Included => "included",
                TaxKind::Exclusive => "exclusive",
            },
            tax_rate_bp: sum.rate.basis_points(),
            net_minor: sum.net.minor(),
            tax_minor: sum.tax.minor(),
        }
    }
}
