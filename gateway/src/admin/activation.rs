//! Activation strings: how a customer's handset or a shop's machine comes to be known.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, post};
use axum::{Json, Router};
use kessai_engine::Station;
use kessai_engine::terms::collation::PeerName;
use kessai_wire::Subject;
use serde::Serialize;

use crate::activations::LIFETIME_MS;
use crate::admin::Office;
use crate::admin::problem::Problem;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/v1/customers/{id}/activation", post(customer))
        .route("/v1/terminals/{id}/activation", post(terminal))
        .route("/v1/controllers/{id}/activation", post(controller))
        .route("/v1/hubs/{id}/activation", post(hub))
        .route("/v1/terminals/{id}/key", delete(revoke_terminal))
        .route("/v1/controllers/{id}/key", delete(revoke_controller))
        .route("/v1/hubs/{id}/key", delete(revoke_hub))
}

/// A string to be typed or shown as a code; it is good once.
#[derive(Serialize)]
struct ActivationBody {
    activation: String,
    expires_in_ms: u64,
}

type Answer = Result<Json<ActivationBody>, Problem>;

async fn customer(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let subject = subject("customer", &id)?;
    if let Subject::Customer(customer) = subject
        && office.engine.customer(&customer).is_none()
    {
        return Err(Problem::not_found(format!("no customer {customer}")));
    }
    give_out(&office, subject)
}

async fn terminal(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    station(&office, "terminal", &id)
}

async fn controller(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    station(&office, "controller", &id)
}

async fn hub(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    station(&office, "hub", &id)
}

fn station(office: &Office, role: &str, id: &str) -> Answer {
    let subject = subject(role, id)?;
    if let Subject::Peer(peer) = subject
        && !office.engine.register().has(&named(peer))
    {
        return Err(Problem::not_found(format!("no {role} {id}")));
    }
    give_out(office, subject)
}

fn give_out(office: &Office, subject: Subject) -> Answer {
    let activation = office.activate(subject)?.to_string();
    Ok(Json(ActivationBody { activation, expires_in_ms: LIFETIME_MS }))
}

fn subject(role: &str, id: &str) -> Result<Subject, Problem> {
    Subject::parse(role, id).map_err(|error| Problem::malformed(format!("id: {error}")))
}

fn named(peer: PeerName) -> Station {
    match peer {
        PeerName::Terminal(id) => Station::Terminal(id),
        PeerName::Controller(id) => Station::Controller(id),
        PeerName::Hub(id) => Station::Hub(id),
    }
}

async fn revoke_terminal(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    revoke(&office, "terminal", &id).await
}

async fn revoke_controller(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    revoke(&office, "controller", &id).await
}

async fn revoke_hub(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    revoke(&office, "hub", &id).await
}

/// Takes a key out of use; its live connections are closed within seconds.
async fn revoke(office: &Office, role: &str, id: &str) -> Result<StatusCode, Problem> {
    let Subject::Peer(peer) = subject(role, id)? else {
        return Err(Problem::malformed("a customer has handsets, not a key"));
    };
    let station = named(peer);
    office.perform(|engine, now_ms, slot| engine.repin(station, None, now_ms, slot)).await?;
    Ok(StatusCode::NO_CONTENT)
}
