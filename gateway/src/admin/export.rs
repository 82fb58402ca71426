//! Everything of a kind, for auditors: one row a line, shard by shard, so that memory stays flat.
//!
//! Each shard is told as it stood at one moment, all of them as they stood one after the other:
//! only while nothing moves do they add up. Payments that have left the memory come last, from the
//! archive.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use kessai_engine::terms::PaymentId;
use serde::Deserialize;

use crate::admin::Office;
use crate::admin::archive::PAGE;
use crate::admin::problem::Problem;
use crate::admin::rows::{CustomerRow, MerchantRow, PaymentRow};
use crate::admin::stream::{Answer, Unread, answer};
use crate::node::shelf::find;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/v1/export/customers", get(customers))
        .route("/v1/export/payments", get(payments))
        .route("/v1/export/merchants", get(merchants))
}

/// When payments were opened.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    #[serde(default)]
    from_ms: u64,
    to_ms: Option<u64>,
}

async fn customers(State(office): State<Arc<Office>>) -> Response {
    let (answer, response) = answer();
    tokio::spawn(async move { write_customers(&office, answer).await });
    response
}

async fn payments(
    State(office): State<Arc<Office>>,
    opened: Result<Query<Opened>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(opened) = opened?;
    let (answer, response) = answer();
    tokio::spawn(async move { write_payments(&office, opened, answer).await });
    Ok(response)
}

async fn merchants(State(office): State<Arc<Office>>) -> Result<Response, Problem> {
    let tallies = office.engine.tallies().map_err(Problem::internal)?;
    office.settle(tallies.after).await;
    let (mut answer, response) = answer();
    tokio::spawn(async move {
        for ((merchant, currency), owed) in &tallies.owed {
            let row = MerchantRow {
                id: merchant.to_string(),
                currency: currency.code().to_owned(),
                minor: owed.minor().to_string(),
            };
            answer.write(&row).await?;
        }
        answer.flush().await
    });
    Ok(response)
}

async fn write_customers(office: &Office, mut answer: Answer) -> Result<(), Unread> {
    for unit in office.engine.units() {
        let views = office.engine.customers_of(unit);
        office.settle(views.iter().map(|view| view.after).max().unwrap_or_default()).await;
        for view in &views {
            answer.write(&CustomerRow::from(view)).await?;
        }
    }
    answer.flush().await
}

async fn write_payments(office: &Office, opened: Opened, mut answer: Answer) -> Result<(), Unread> {
    let to_ms = opened.to_ms.unwrap_or(u64::MAX);
    let mut told = HashSet::new();
    for unit in office.engine.units() {
        let views = office.engine.payments_of(unit, opened.from_ms, to_ms);
        office.settle(views.iter().map(|view| view.after).max().unwrap_or_default()).await;
        for view in &views {
            answer.write(&PaymentRow::with_refunds(view, &office.engine)).await?;
            told.insert(view.payment);
        }
    }
    write_archived(office, opened.from_ms..to_ms, &told, &mut answer).await?;
    answer.flush().await
}

/// Writes what is in memory no more. What has left meanwhile was told before.
async fn write_archived(
    office: &Office,
    opened_ms: Range<u64>,
    told: &HashSet<PaymentId>,
    answer: &mut Answer,
) -> Result<(), Unread> {
    let below_ms = office.engine.memory_floor_ms();
    let mut before = None;
    loop {
        let page = office.look(move |archive| {
            let page = archive.payments(0..below_ms, before.as_ref(), PAGE)?;
            page.into_iter().map(|id| Ok((id, find(archive, id)?))).collect::<Result<Vec<_>, _>>()
        });
        // An export that breaks off is seen to by its reader.
        let page = page.await.map_err(|problem| {
            tracing::error!(?problem, "an export of payments breaks off");
            Unread
        })?;
        let Some((last, _)) = page.last() else { break };
        before = Some(*last);
        for (id, archived) in &page {
            let archived = archived.as_ref().filter(|_| !told.contains(id));
            let archived = archived.filter(|it| opened_ms.contains(&it.view().opened_at_ms));
            if let Some(archived) = archived {
                answer.write(&PaymentRow::from(archived)).await?;
            }
        }
    }
    Ok(())
}
