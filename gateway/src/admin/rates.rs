//! The rates of exchange in force, to look up.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use kessai_engine::terms::Currency;
use serde::Serialize;

use crate::admin::Office;
use crate::rates::{Quotation, Rates, RatesError};

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/v1/rates", get(rates))
}

/// What one unit of a currency costs in another, and when that is so.
#[derive(Debug, Serialize)]
struct RateBody {
    base: &'static str,
    quote: &'static str,
    /// With the mark-up in it.
    rate: String,
    markup_bp: u16,
    valid_from_at_ms: u64,
    valid_until_at_ms: u64,
    holds: Holds,
}

/// Whether a quotation is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Holds {
    /// Not yet.
    Later,
    /// Now.
    Now,
    /// Now, but a later one goes before it.
    Superseded,
    /// Not any more.
    Stale,
}

/// Reads a file of rates as a gateway would, and says how many there are.
///
/// # Errors
/// [`RatesError`], naming the line that makes no sense.
pub fn check_rates(file: &Path) -> Result<usize, RatesError> {
    let rates = Rates::load(Some(file.to_owned()))?;
    Ok(rates.table().all().len())
}

async fn rates(State(office): State<Arc<Office>>) -> Json<Vec<RateBody>> {
    let (table, now_ms) = (office.rates.table(), office.clock.now_ms());
    let all = table.all();
    let body = |(base, quote, one): (Currency, Currency, &Quotation)| {
        let used = table.find(base, quote, now_ms).ok();
        RateBody {
            base: base.code(),
            quote: quote.code(),
            rate: one.rate.to_string(),
            markup_bp: one.markup_basis_points,
            valid_from_at_ms: one.valid_ms.start,
            valid_until_at_ms: one.valid_ms.end,
            holds: if now_ms < one.valid_ms.start {
                Holds::Later
            } else if now_ms >= one.valid_ms.end {
                Holds::Stale
            } else if used == Some(one) {
                Holds::Now
            } else {
                Holds::Superseded
            },
        }
    };
    Json(all.into_iter().map(body).collect())
}
