//! Payments, tallies and the books, to look up.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use kessai_engine::BusinessDate;
use kessai_engine::terms::{MerchantId, PaymentId, TerminalId};
use serde::{Deserialize, Serialize};

use crate::admin::Office;
use crate::admin::archive::Listed;
use crate::admin::problem::Problem;
use crate::admin::register::parse;
use crate::admin::rows::{PaymentRow, StateName, TurnoverRow};

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/v1/payments", get(payments))
        .route("/v1/payments/{id}", get(payment))
        .route("/v1/terminals/{id}/totals", get(totals))
        .route("/v1/merchants/{id}/tally", get(tally))
        .route("/v1/books", get(books))
}

/// A sum in one currency, signed, in minor units; a string where it leaves what JSON numbers hold.
#[derive(Debug, Serialize)]
struct SumBody {
    currency: &'static str,
    minor: String,
}

/// The books of one currency.
#[derive(Debug, Serialize)]
struct CurrencyBody {
    currency: &'static str,
    balances_minor: String,
    held_minor: String,
    tallies_minor: String,
    exchange_minor: String,
    funded_minor: String,
}

/// The books.
#[derive(Debug, Serialize)]
struct BooksBody {
    currencies: Vec<CurrencyBody>,
    payments: std::collections::BTreeMap<StateName, u64>,
    problems: Vec<String>,
}

async fn payment(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<Json<PaymentRow>, Problem> {
    let id = parse("id", &id, str::parse::<PaymentId>)?;
    if let Some(view) = office.engine.payment(&id) {
        office.settle(view.after).await;
        return Ok(Json(PaymentRow::with_refunds(&view, &office.engine)));
    }
    let unknown = || Problem::not_found(format!("there is no payment {id}"));
    if id.unix_ms() >= office.engine.memory_floor_ms() {
        return Err(unknown());
    }
    let archived = office.archived(id).await?.ok_or_else(unknown)?;
    Ok(Json(PaymentRow::from(&archived)))
}

/// Which payments to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(default)]
    from_ms: u64,
    #[serde(default = "end_of_time")]
    to_ms: u64,
    state: Option<StateName>,
    #[serde(default = "a_page")]
    limit: usize,
}

const fn end_of_time() -> u64 {
    u64::MAX
}

const fn a_page() -> usize {
    100
}

/// The most payments that are listed at once.
const MOST_LISTED: usize = 1_000;

async fn payments(
    State(office): State<Arc<Office>>,
    range: Result<Query<Range>, QueryRejection>,
) -> Result<Json<Vec<PaymentRow>>, Problem> {
    let Query(range) = range?;
    let (state, limit) = (range.state.map(Into::into), range.limit.min(MOST_LISTED));
    let Range { from_ms, to_ms, .. } = range;
    let views = office.engine.payments_between(from_ms, to_ms, state, limit);
    office.settle(views.iter().map(|view| view.after).max().unwrap_or_default()).await;
    let mut rows: Vec<PaymentRow> =
        views.iter().map(|view| PaymentRow::with_refunds(view, &office.engine)).collect();
    if rows.len() < limit {
        let listed = Listed { from_ms, to_ms, state, limit };
        let archived = office.list_archived(listed).await?;
        // One that has come back into memory is told as it stands there.
        rows.extend(archived.iter().map(PaymentRow::from));
        rows.sort_by(|one, other| {
            (other.opened_at_ms, &other.payment).cmp(&(one.opened_at_ms, &one.payment))
        });
        rows.dedup_by(|later, earlier| later.payment == earlier.payment);
        rows.truncate(limit);
    }
    Ok(Json(rows))
}

/// Which business day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Day {
    /// As the decimal number YYYYMMDD.
    date: u32,
}

async fn totals(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    day: Result<Query<Day>, QueryRejection>,
) -> Result<Json<Vec<TurnoverRow>>, Problem> {
    let Query(day) = day?;
    let id = parse("id", &id, TerminalId::new)?;
    let date = BusinessDate::from_yyyymmdd(day.date)
        .ok_or_else(|| Problem::malformed("date: no such day; write it as YYYYMMDD"))?;
    let totals = office.engine.terminal_totals(&id, date).map_err(Problem::internal)?;
    Ok(Json(totals.iter().map(TurnoverRow::from).collect()))
}

async fn tally(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<SumBody>>, Problem> {
    let id = parse("id", &id, MerchantId::new)?;
    let tallies = office.engine.merchant_tally(&id).map_err(Problem::internal)?;
    let body = tallies.iter().map(|(currency, tally)| SumBody {
        currency: currency.code(),
        minor: tally.minor().to_string(),
    });
    Ok(Json(body.collect()))
}

async fn books(State(office): State<Arc<Office>>) -> Result<Json<BooksBody>, Problem> {
    // Statistics need not wait for the journal.
    let books = office.engine.books().map_err(Problem::internal)?;
    let currency =
        |(currency, sums): (&kessai_engine::terms::Currency, &kessai_engine::CurrencyBooks)| {
            CurrencyBody {
                currency: currency.code(),
                balances_minor: sums.balances.minor().to_string(),
                held_minor: sums.held.minor().to_string(),
                tallies_minor: sums.tallies.minor().to_string(),
                exchange_minor: sums.exchange.minor().to_string(),
                funded_minor: sums.funded.minor().to_string(),
            }
        };
    Ok(Json(BooksBody {
        currencies: books.currencies.iter().map(currency).collect(),
        payments: books.payments.iter().map(|(state, n)| ((*state).into(), *n)).collect(),
        problems: books.problems,
    }))
}
