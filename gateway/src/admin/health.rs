//! Whether the gateway serves, for whoever watches it. Needs no token, and names no customer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::admin::Office;
use crate::admin::problem::Problem;
use crate::keeping::Part;
use crate::losses::{Accepted, Found};
use crate::receipts::Tally;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/v1/health", get(health))
}

/// How the gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// It serves.
    Serving,
    /// It takes no new payments; those that were begun go on.
    StorageLow,
    /// It refuses everything.
    Stopped,
}

/// How the gateway is, and what a person should know of it.
#[derive(Debug, Serialize)]
struct Health {
    status: Status,
    /// Why it does not serve as it should.
    reason: Option<&'static str>,
    /// The loss for which it is stopped.
    lost: Option<Found>,
    accepted_losses: Vec<Accepted>,
    receipts: Tally,
    /// What fails beside payments, by its name; they go on.
    troubles: BTreeMap<Part, String>,
}

async fn health(State(office): State<Arc<Office>>) -> Response {
    let receipts = &office.receipts;
    let lost = receipts.found();
    let (code, status, reason) = if lost.is_some() {
        let reason = "records that terminals were told of are not in the journal: put the newer \
                      data back, or see `kessai journal accept-loss`";
        (StatusCode::SERVICE_UNAVAILABLE, Status::Stopped, Some(reason))
    } else if office.journal.is_short_of_space() {
        let reason = "the journal's disk is nearly full: new payments are refused";
        (StatusCode::OK, Status::StorageLow, Some(reason))
    } else {
        (StatusCode::OK, Status::Serving, None)
    };
    let accepted_losses = receipts.accepted().to_vec();
    let (receipts, troubles) = (receipts.tally(), office.condition.troubles());
    let row = Health { status, reason, lost, accepted_losses, receipts, troubles };
    (code, Json(row)).into_response()
}

/// Lets nobody change anything while the service is stopped: what is changed now would be lost
/// again when the newer data is put back. Looking is allowed.
pub(super) async fn refuse_changes(
    State(office): State<Arc<Office>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    if !looks && office.receipts.stopped_since_ms().is_some() {
        return Err(Problem::stopped());
    }
    Ok(next.run(request).await)
}
