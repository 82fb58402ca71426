//! What the gateway says of itself, to programs that want to speak with it.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use crate::admin::Office;
use crate::admin::rows::GatewayRow;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/v1/gateway", get(gateway))
}

async fn gateway(State(office): State<Arc<Office>>) -> Json<GatewayRow> {
    let settings = &office.settings;
    Json(GatewayRow {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        announce: office.gateway.to_string(),
        root_pin: hex::encode(office.root.0),
        time_ms: office.clock.now_ms(),
        prompt_ms: crate::settings::millis(settings.payments.prompt),
        tries: settings.payments.tries,
        tries_in_row: settings.payments.tries_in_row,
        connections_most: settings.connections.most,
        handshakes_most: settings.connections.handshakes,
        per_source_per_second: settings.connections.per_source_per_second,
        handshake_ms: crate::settings::millis(settings.connections.handshake),
        idle_ms: crate::settings::millis(settings.connections.idle),
    })
}
