//! The slip for programs.

use kessai_terms::{Basket, Line, Rounding, Tax};
use serde_json::{Map, Value, json};

use crate::receipt::tax::{self, RateStanding};
use crate::receipt::{Deed, Receipt, Undone, instant};

pub(super) fn write(receipt: &Receipt) -> String {
    let Receipt { issuer, deed, goods, amount, trace } = receipt;
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    let kind = match deed {
        Deed::Sale => "sale",
        Deed::SaleInPart { .. } => "sale_in_part",
        Deed::Refund { .. } => "refund",
        Deed::Reversal(_) => "reversal",
    };
    put("kind", json!(kind));
    put("merchant", json!(issuer.merchant.as_str()));
    if let Some(number) = issuer.invoice_number {
        put("invoice_number", json!(number.to_string()));
    }
    put("store", json!(issuer.store.as_str()));
    put("terminal", json!(issuer.terminal.as_str()));
    put("at", json!(instant::for_program(trace.at)));
    put("currency", json!(issuer.currency.code()));
    put("exponent", json!(issuer.currency.exponent()));
    put("total_minor", json!(amount.minor()));
    match deed {
        Deed::Sale => {}
        Deed::SaleInPart { ordered } => put("ordered_minor", json!(ordered.minor())),
        Deed::Refund { refund, sold_at } => {
            put("refund", json!(refund.to_string()));
            put("sold_at", json!(instant::for_program(*sold_at)));
        }
        Deed::Reversal(Undone::OnRequest) => put("cause", json!("on_request")),
        Deed::Reversal(Undone::NotDispensed) => put("cause", json!("not_dispensed")),
    }
    put("payment", json!(trace.payment.to_string()));
    put("approval_number", json!(trace.approval.to_string()));
    put("reference", json!(trace.reference.to_string()));
    if let Some(goods) = goods {
        put("rounding", json!(rounding(goods)));
        put("lines", goods.lines().iter().map(|goods| line(goods, receipt)).collect());
        put("taxes", receipt.taxes().iter().map(rate).collect());
        put("untaxed_minor", json!(tax::untaxed(goods).minor()));
    }
    Value::Object(object).to_string()
}

fn rounding(goods: &Basket) -> &'static str {
    match goods.rounding() {
        Rounding::Down => "down",
        Rounding::HalfUp => "half_up",
        Rounding::Up => "up",
    }
}

fn line(line: &Line, receipt: &Receipt) -> Value {
    let tax = match line.tax {
        Tax::Exempt => json!({ "kind": "exempt" }),
        Tax::Included(rate) => {
            json!({ "kind": "included", "rate_basis_points": rate.basis_points() })
        }
        Tax::Exclusive(rate) => {
            json!({ "kind": "exclusive", "rate_basis_points": rate.basis_points() })
        }
    };
    let standing = RateStanding::of_line(line, receipt.issuer.currency);
    json!({
        "code": line.code.to_string(),
        "name": line.name.as_str(),
        "unit_price_minor": line.unit_price.minor(),
        "quantity": line.quantity,
        "discount_minor": line.discount.minor(),
        // A basket has checked that its lines have totals.
        "total_minor": line.total().unwrap_or_default().minor(),
        "tax": tax,
        "reduced": standing == RateStanding::Reduced,
    })
}

fn rate(total: &tax::RateTotal) -> Value {
    json!({
        "rate_basis_points": total.rate.basis_points(),
        "reduced": total.standing == RateStanding::Reduced,
        "paid_minor": total.paid.minor(),
        "tax_minor": total.tax.minor(),
    })
}
