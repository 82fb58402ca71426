//! Activation strings: how a customer's handset or a shop's machine comes to be known.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, post};
use axum::{Json, Router};
use kessai_wire::Subject;
use serde::{Deserialize, Serialize};

use crate::activations::LIFETIME_MS;
use crate::admin::Office;
use crate::admin::problem::Problem;
use crate::enrolment::station;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/v1/{role}/{id}/activation", post(activate))
        .route("/v1/{role}/{id}/key", delete(revoke))
}

/// Whose key it is, by the name of the list that it stands in.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Customers,
    Terminals,
    Controllers,
    Hubs,
}

impl Role {
    /// The role as activation strings have it.
    const fn singular(self) -> &'static str {
        match self {
            Self::Customers => "customer",
            Self::Terminals => "terminal",
            Self::Controllers => "controller",
            Self::Hubs => "hub",
        }
    }
}

/// A string to be typed or shown as a code; it is good once.
#[derive(Serialize)]
struct ActivationBody {
    activation: String,
    expires_in_ms: u64,
}

async fn activate(
    State(office): State<Arc<Office>>,
    Path((role, id)): Path<(Role, String)>,
) -> Result<Json<ActivationBody>, Problem> {
    let subject = subject(role, &id)?;
    let is_there = match subject {
        Subject::Customer(customer) => office.engine.customer(&customer).is_some(),
        Subject::Peer(peer) => office.engine.register().has(&station(peer)),
    };
    if !is_there {
        return Err(Problem::not_found(format!("no {subject}")));
    }
    let activation = office.activate(subject)?.to_string();
    Ok(Json(ActivationBody { activation, expires_in_ms: LIFETIME_MS }))
}

/// Takes a key out of use; its live connections are closed within seconds.
async fn revoke(
    State(office): State<Arc<Office>>,
    Path((role, id)): Path<(Role, String)>,
) -> Result<StatusCode, Problem> {
    let Subject::Peer(peer) = subject(role, &id)? else {
        return Err(Problem::malformed("a customer has handsets, not a key: revoke one of them"));
    };
    office
        .perform(|engine, now_ms, slot| {
            // An import under way must not bring the key back.
            let _turn = office.policies.turn();
            engine.repin(station(peer), None, now_ms, slot)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn subject(role: Role, id: &str) -> Result<Subject, Problem> {
    let subject = Subject::parse(role.singular(), id);
    subject.map_err(|error| Problem::malformed(format!("id: {error}")))
}
