//! Merchants, stores and terminals.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use kessai_engine::terms::{
    ControllerId, Currency, HubId, InvoiceNumber, MerchantId, Rounding, StoreId, TerminalId,
};
use kessai_engine::{
    Controller, Hub, Merchant, Register, RegisterChange, RegisterError, Standing, Station, Store,
    Terminal, TerminalKind,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::admin::Office;
use crate::admin::policies::{LimitsBody, StandingName, StoreStandingName};
use crate::admin::problem::Problem;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/v1/merchants", get(merchants))
        .route("/v1/merchants/{id}", put(enter_merchant))
        .route("/v1/stores", get(stores))
        .route("/v1/stores/{id}", put(enter_store))
        .route("/v1/terminals", get(terminals))
        .route("/v1/terminals/{id}", put(enter_terminal))
        .route("/v1/controllers", get(controllers))
        .route("/v1/controllers/{id}", put(enter_controller))
        .route("/v1/hubs", get(hubs))
        .route("/v1/hubs/{id}", put(enter_hub))
}

/// A merchant, as it is told.
#[derive(Debug, Serialize)]
struct MerchantBody {
    id: String,
    name: String,
    /// The registration number under which it issues qualified invoices.
    invoice_number: Option<String>,
}

/// A merchant, as it is entered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMerchant {
    name: String,
    /// Absent to keep the number that there is, null to have none.
    #[serde(default, deserialize_with = "said")]
    invoice_number: Option<Option<String>>,
}

/// What is odd in something that was entered all the same.
#[derive(Debug, Serialize)]
struct Warnings {
    warnings: Vec<&'static str>,
}

/// A store, as it is told and entered; the id stands in the path when it is entered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreBody {
    #[serde(default, skip_deserializing)]
    id: String,
    merchant: String,
    name: String,
    currency: String,
    #[serde(default)]
    rounding: RoundingName,
    /// Changed on its own path.
    #[serde(default, skip_deserializing)]
    standing: Option<StoreStandingName>,
}

/// A terminal, as it is told.
#[derive(Debug, Serialize)]
struct TerminalBody {
    id: String,
    store: String,
    kind: KindName,
    /// Whether a key is enrolled for it.
    enrolled: bool,
    standing: StandingName,
    /// Its own ones; where there are none, the defaults hold.
    limits: LimitsBody,
}

/// A terminal, as it is entered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTerminal {
    store: String,
    kind: KindName,
}

/// A store controller.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControllerBody {
    #[serde(default, skip_deserializing)]
    id: String,
    merchant: String,
    #[serde(default, skip_deserializing)]
    enrolled: bool,
}

/// A carrier hub.
#[derive(Debug, Serialize)]
struct HubBody {
    id: String,
    enrolled: bool,
}

/// How a store rounds exclusive tax.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoundingName {
    #[default]
    Down,
    HalfUp,
    Up,
}

/// What a terminal is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindName {
    Pos,
    Vending,
}

type Body<T> = Result<Json<T>, JsonRejection>;

async fn merchants(State(office): State<Arc<Office>>) -> Json<Vec<MerchantBody>> {
    let register = office.engine.register();
    office.settle(register.after).await;
    let body = |merchant: &Merchant| MerchantBody {
        id: merchant.id.to_string(),
        name: merchant.name.to_string(),
        invoice_number: merchant.invoice_number.map(|number| number.to_string()),
    };
    Json(register.merchants().map(body).collect())
}

async fn enter_merchant(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<NewMerchant>,
) -> Result<Response, Problem> {
    let Json(body) = body?;
    let id = parse("id", &id, MerchantId::new)?;
    let name = parse("name", &body.name, str::parse)?;
    let read = |text: String| parse("invoice_number", &text, InvoiceNumber::new);
    let said = body.invoice_number.map(|said| said.map(read).transpose()).transpose()?;
    let entered = enter(&office, |register| {
        let before = register.merchant(&id).and_then(|before| before.invoice_number);
        RegisterChange::Merchant(Merchant { id, name, invoice_number: said.unwrap_or(before) })
    })
    .await?;
    Ok(match said.flatten() {
        Some(number) if !number.bears_corporate_check_digit() => {
            Json(Warnings { warnings: vec![NO_CORPORATE_NUMBER] }).into_response()
        }
        Some(_) | None => entered.into_response(),
    })
}

/// What is said of a registration number that may have been mistyped.
pub(super) const NO_CORPORATE_NUMBER: &str = "invoice_number: entered, but its check digit is not a company's: \
                                   is it a sole trader's, or mistyped?";

/// Reads a field that is there: null is something to say.
fn said<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(field).map(Some)
}

async fn stores(State(office): State<Arc<Office>>) -> Json<Vec<StoreBody>> {
    let register = office.engine.register();
    office.settle(register.after).await;
    let body = |store: &Store| StoreBody {
        id: store.id.to_string(),
        merchant: store.merchant.to_string(),
        name: store.name.to_string(),
        currency: store.currency.code().to_owned(),
        rounding: match store.rounding {
            Rounding::Down => RoundingName::Down,
            Rounding::HalfUp => RoundingName::HalfUp,
            Rounding::Up => RoundingName::Up,
        },
        standing: Some(store.standing.into()),
    };
    Json(register.stores().map(body).collect())
}

async fn enter_store(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<StoreBody>,
) -> Result<StatusCode, Problem> {
    let Json(body) = body?;
    let id = parse("id", &id, StoreId::new)?;
    let store = Store {
        id,
        standing: Standing::default(),
        merchant: parse("merchant", &body.merchant, MerchantId::new)?,
        name: parse("name", &body.name, str::parse)?,
        currency: parse("currency", &body.currency, Currency::from_code)?,
        rounding: match body.rounding {
            RoundingName::Down => Rounding::Down,
            RoundingName::HalfUp => Rounding::HalfUp,
            RoundingName::Up => Rounding::Up,
        },
    };
    enter(&office, |register| {
        let mut store = store;
        // What the processor has suspended stays so whatever else changes.
        let before = register.store(&id);
        store.standing = before.map(|before| before.standing).unwrap_or_default();
        RegisterChange::Store(store)
    })
    .await
}

async fn terminals(State(office): State<Arc<Office>>) -> Json<Vec<TerminalBody>> {
    let register = office.engine.register();
    office.settle(register.after).await;
    let body = |terminal: &Terminal| TerminalBody {
        id: terminal.id.to_string(),
        store: terminal.store.to_string(),
        kind: match terminal.kind {
            TerminalKind::PointOfSale => KindName::Pos,
            TerminalKind::Vending => KindName::Vending,
        },
        enrolled: terminal.pin.is_some(),
        standing: terminal.standing.into(),
        limits: terminal.limits.into(),
    };
    Json(register.places().map(|place| body(&place.terminal)).collect())
}

async fn enter_terminal(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<NewTerminal>,
) -> Result<StatusCode, Problem> {
    let Json(body) = body?;
    let id = parse("id", &id, TerminalId::new)?;
    let kind = match body.kind {
        KindName::Pos => TerminalKind::PointOfSale,
        KindName::Vending => TerminalKind::Vending,
    };
    let store = parse("store", &body.store, StoreId::new)?;
    enter(&office, |register| {
        // A terminal that moves keeps its key, its standing and its limits.
        let before = register.place(&id).map(|place| &place.terminal);
        RegisterChange::Terminal(Terminal {
            id,
            store,
            kind,
            pin: before.and_then(|before| before.pin),
            standing: before.map(|before| before.standing).unwrap_or_default(),
            limits: before.map(|before| before.limits).unwrap_or_default(),
        })
    })
    .await
}

async fn controllers(State(office): State<Arc<Office>>) -> Json<Vec<ControllerBody>> {
    let register = office.engine.register();
    office.settle(register.after).await;
    let body = |controller: &Controller| ControllerBody {
        id: controller.id.to_string(),
        merchant: controller.merchant.to_string(),
        enrolled: controller.pin.is_some(),
    };
    Json(register.controllers().map(body).collect())
}

async fn enter_controller(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<ControllerBody>,
) -> Result<StatusCode, Problem> {
    let Json(body) = body?;
    let id = parse("id", &id, ControllerId::new)?;
    let merchant = parse("merchant", &body.merchant, MerchantId::new)?;
    enter(&office, |register| {
        let pin = register.pin(&Station::Controller(id));
        RegisterChange::Controller(Controller { id, merchant, pin })
    })
    .await
}

async fn hubs(State(office): State<Arc<Office>>) -> Json<Vec<HubBody>> {
    let register = office.engine.register();
    office.settle(register.after).await;
    let body = |hub: &Hub| HubBody { id: hub.id.to_string(), enrolled: hub.pin.is_some() };
    Json(register.hubs().map(body).collect())
}

async fn enter_hub(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = parse("id", &id, HubId::new)?;
    enter(&office, |register| {
        let pin = register.pin(&Station::Hub(id));
        RegisterChange::Hub(Hub { id, pin })
    })
    .await
}

async fn enter(
    office: &Office,
    amend: impl FnOnce(&Register) -> RegisterChange,
) -> Result<StatusCode, Problem> {
    office
        .perform(|engine, now_ms, slot| {
            let _turn = office.policies.turn();
            engine.amend_register(|register| Ok::<_, RegisterError>(amend(register)), now_ms, slot)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads one field of a request, or says which one makes no sense.
pub(super) fn parse<T, E: std::fmt::Display>(
    field: &str,
    text: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    read(text).map_err(|error| Problem::malformed(format!("{field}: {error}")))
}
