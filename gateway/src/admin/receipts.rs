//! What receipts of the journal are worth, for whoever audits what terminals hold.
//!
//! Nothing follows from the answer: only what a terminal itself returns stops the service.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::routing::post;
use axum::{Json, Router};
use kessai_engine::terms::JournalReceipt;

use crate::admin::Office;
use crate::admin::problem::Problem;
use crate::admin::rows::{JournalReceiptRow, ReceiptStanding};
use crate::host::SlowWork;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/v1/receipts/check", post(check))
}

/// Says of each in turn how its record stands.
async fn check(
    State(office): State<Arc<Office>>,
    body: Result<Json<Vec<JournalReceiptRow>>, JsonRejection>,
) -> Result<Json<Vec<ReceiptStanding>>, Problem> {
    let Json(rows) = body?;
    let receipts: Result<Vec<_>, _> = rows.iter().map(JournalReceipt::try_from).collect();
    let receipts = receipts.map_err(Problem::malformed)?;
    Ok(Json(Arc::clone(&office.receipts).standings(receipts, SlowWork::Beside).await))
}
