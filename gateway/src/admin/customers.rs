//! Customers, their balances and their handsets.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use kessai_engine::terms::profile::Profile;
use kessai_engine::terms::{Amount, Currency, CustomerId, DeviceId, TransferReference};
use kessai_engine::{
    BusinessDate, Credited, CustomerAdded, Debited, LimitHolder, ProfileSet, Spending,
};
use serde::{Deserialize, Serialize};

use crate::admin::Office;
use crate::admin::policies::{LimitsBody, PolicyBody};
use crate::admin::problem::Problem;
use crate::admin::register::parse;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/v1/customers", post(add))
        .route("/v1/customers/{id}", get(look_up))
        .route("/v1/customers/{id}/profile", delete(erase).put(set_profile))
        .route("/v1/customers/{id}/credit", post(credit))
        .route("/v1/customers/{id}/debit", post(debit))
        .route("/v1/customers/{id}/unblock", post(unblock))
        .route("/v1/customers/{id}/devices/{device}", delete(revoke))
        .route("/v1/devices/retire-all", post(retire_all))
}

/// A new customer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCustomer {
    id: String,
    currency: String,
    balance_minor: u64,
    #[serde(default)]
    profile: Option<Profile>,
}

/// A customer, without what is personal: balance, handsets, what they may do and did today.
#[derive(Debug, Serialize)]
struct CustomerBody {
    id: String,
    currency: &'static str,
    balance_minor: u64,
    held_minor: u64,
    wrong_proofs_in_a_row: u8,
    devices: Vec<String>,
    has_profile: bool,
    policy: PolicyBody,
    /// The customer's own limits, and where there are none the defaults.
    limits_in_force: LimitsBody,
    today: TodayBody,
}

/// What a customer has paid, or is asked to pay, on this business day.
#[derive(Debug, Serialize)]
struct TodayBody {
    business_date: u32,
    amount_minor: u64,
    count: u32,
}

/// Money that is put on a balance or taken off.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    amount_minor: u64,
    reference: String,
}

/// How many handsets were taken out of use.
#[derive(Debug, Serialize)]
struct Retired {
    retired: usize,
    left: usize,
}

impl TodayBody {
    /// Tells what counts of `spending` on `today`: another day's has ended.
    fn new(today: BusinessDate, spending: Spending) -> Self {
        let counts = if spending.on == today { spending } else { Spending::default() };
        Self {
            business_date: today.yyyymmdd(),
            amount_minor: counts.amount.minor(),
            count: counts.count,
        }
    }
}

type Body<T> = Result<Json<T>, JsonRejection>;

async fn add(
    State(office): State<Arc<Office>>,
    body: Body<NewCustomer>,
) -> Result<StatusCode, Problem> {
    let Json(body) = body?;
    let customer = customer_id(&body.id)?;
    let currency = parse("currency", &body.currency, Currency::from_code)?;
    let balance = amount("balance_minor", body.balance_minor)?;
    office
        .perform(|engine, now_ms, slot| {
            engine.add_customer(CustomerAdded { customer, currency, balance }, now_ms, slot)
        })
        .await?;
    if let Some(profile) = &body.profile {
        keep_profile(&office, customer, profile).await?;
    }
    Ok(StatusCode::CREATED)
}

async fn look_up(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<Json<CustomerBody>, Problem> {
    let customer = customer_id(&id)?;
    let view = office.engine.customer(&customer);
    let view = view.ok_or_else(|| Problem::not_found(format!("no customer {customer}")))?;
    let register = office.engine.register();
    office.settle(view.after.max(register.after)).await;
    let defaults = register.default_limits(LimitHolder::Customer, view.currency);
    let today = office.engine.rules().calendar.date(office.clock.now_ms());
    Ok(Json(CustomerBody {
        id: view.customer.to_string(),
        currency: view.currency.code(),
        balance_minor: view.balance.minor(),
        held_minor: view.held.minor(),
        wrong_proofs_in_a_row: view.wrong_in_row,
        devices: view.devices.iter().map(ToString::to_string).collect(),
        has_profile: office.engine.profile(&customer).is_some(),
        policy: view.policy.into(),
        limits_in_force: view.policy.limits.or(defaults).into(),
        today: TodayBody::new(today, view.spending),
    }))
}

async fn set_profile(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<Profile>,
) -> Result<StatusCode, Problem> {
    let Json(profile) = body?;
    keep_profile(&office, customer_id(&id)?, &profile).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn keep_profile(
    office: &Office,
    customer: CustomerId,
    profile: &Profile,
) -> Result<(), Problem> {
    let set = ProfileSet { customer, profile: office.seal(&customer, profile) };
    office.perform(|engine, now_ms, slot| engine.set_profile(set, now_ms, slot)).await
}

async fn erase(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let customer = customer_id(&id)?;
    office.perform(|engine, now_ms, slot| engine.erase_profile(customer, now_ms, slot)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn credit(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<Transfer>,
) -> Result<StatusCode, Problem> {
    let (customer, amount, reference) = transfer(&id, body)?;
    let credited = Credited { customer, amount, reference };
    office.perform(|engine, now_ms, slot| engine.credit(credited, now_ms, slot)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn debit(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<Transfer>,
) -> Result<StatusCode, Problem> {
    let (customer, amount, reference) = transfer(&id, body)?;
    let debited = Debited { customer, amount, reference };
    office.perform(|engine, now_ms, slot| engine.debit(debited, now_ms, slot)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unblock(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let customer = customer_id(&id)?;
    office.perform(|engine, now_ms, slot| engine.unblock(customer, now_ms, slot)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke(
    State(office): State<Arc<Office>>,
    Path((id, device)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let customer = customer_id(&id)?;
    let device = parse("device", &device, str::parse::<DeviceId>)?;
    office
        .perform(|engine, now_ms, slot| engine.revoke_device(customer, device, now_ms, slot))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes every handset out of use, as far as the journal has room; asked again it goes on.
async fn retire_all(State(office): State<Arc<Office>>) -> Json<Retired> {
    let now_ms = office.clock.now_ms();
    let retirement = office.engine.retire_all_devices(now_ms, || office.journal.reserve());
    office.settle(retirement.change.after).await;
    Json(Retired { retired: retirement.change.retired.len(), left: retirement.left })
}

fn transfer(
    id: &str,
    body: Body<Transfer>,
) -> Result<(CustomerId, Amount, TransferReference), Problem> {
    let Json(body) = body?;
    let amount = amount("amount_minor", body.amount_minor)?;
    if amount.is_zero() {
        return Err(Problem::malformed("amount_minor: nothing is no amount to move"));
    }
    Ok((customer_id(id)?, amount, parse("reference", &body.reference, str::parse)?))
}

pub(super) fn customer_id(id: &str) -> Result<CustomerId, Problem> {
    parse("id", id, CustomerId::new)
}

fn amount(field: &str, minor: u64) -> Result<Amount, Problem> {
    Amount::new(minor).map_err(|error| Problem::malformed(format!("{field}: {error}")))
}
