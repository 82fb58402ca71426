//! What customers, stores and terminals may do, and how much: told, and changed while they do it.
//!
//! A change says only what is to be different. It is made of what holds at that moment, with
//! nothing in between, so that two who change something at once both have their way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, patch, put};
use axum::{Json, Router};
use kessai_engine::terms::{Amount, Currency, CustomerId, StoreId, TerminalId};
use kessai_engine::{
    AdminError, CustomerPolicy, DefaultLimits, Engine, LimitHolder, Limits, Lsn, Naming, PolicySet,
    Register, RegisterChange, Slot, Standing,
};
use serde::{Deserialize, Serialize};

use crate::admin::Office;
use crate::admin::customers::customer_id;
use crate::admin::problem::Problem;
use crate::admin::register::parse;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/v1/customers/{id}/policy", patch(change_customer))
        .route("/v1/terminals/{id}/policy", patch(change_terminal))
        .route("/v1/stores/{id}/policy", patch(change_store))
        .route("/v1/limits", get(default_limits))
        .route("/v1/limits/{holder}/{currency}", put(set_default_limits))
}

/// Limits as they are told and entered; what is not said is for the defaults to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) per_payment_minor: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) per_day_minor: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) count_per_day: Option<u32>,
}

/// What a customer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct PolicyBody {
    standing: StandingName,
    named_by: NamingName,
    limits: LimitsBody,
}

/// Whether a customer or a terminal may do new business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StandingName {
    Active,
    Frozen,
}

/// Whether a store may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoreStandingName {
    Active,
    Suspended,
}

/// How a customer may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NamingName {
    IdOrCode,
    CodeOnly,
}

/// A change of what a customer may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerChange {
    standing: Option<StandingName>,
    named_by: Option<NamingName>,
    limits: Option<LimitsBody>,
}

/// A change of what a terminal may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TerminalChange {
    standing: Option<StandingName>,
    limits: Option<LimitsBody>,
}

/// A change of what a store may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreChange {
    standing: Option<StoreStandingName>,
}

/// Whom default limits are for, as paths name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum HolderName {
    Customers,
    Terminals,
}

/// The limits of all who have none of their own.
#[derive(Debug, Serialize)]
struct DefaultLimitsBody {
    holder: HolderName,
    currency: &'static str,
    per_payment_minor: Option<u64>,
    per_day_minor: Option<u64>,
    count_per_day: Option<u32>,
}

/// Whose turn it is to change what somebody may do: the engine replaces a policy whole, and tables
/// of the register are entered many lines at once, so what stays is read and written by one at a
/// time.
#[derive(Debug, Default)]
pub(super) struct Policies(Mutex<()>);

impl Policies {
    /// Waits for one's turn, which lasts as long as this is kept: never over anything slow.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what a customer may do, made of what holds.
    pub(super) fn amend<S: Slot>(
        &self,
        engine: &Engine,
        customer: CustomerId,
        amend: impl FnOnce(&mut CustomerPolicy),
        now_ms: u64,
        slot: S,
    ) -> Result<Lsn, AdminError> {
        let _turn = self.turn();
        let view = engine.customer(&customer).ok_or(AdminError::CustomerMissing(customer))?;
        let mut policy = view.policy;
        amend(&mut policy);
        engine.set_policy(PolicySet { customer, policy }, now_ms, slot)
    }
}

type Body<T> = Result<Json<T>, JsonRejection>;

async fn change_customer(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<CustomerChange>,
) -> Result<StatusCode, Problem> {
    let Json(change) = body?;
    let customer = customer_id(&id)?;
    let limits = change.limits.as_ref().map(LimitsBody::parse).transpose()?;
    let amend = |policy: &mut CustomerPolicy| {
        policy.standing = change.standing.map_or(policy.standing, Into::into);
        policy.named_by = change.named_by.map_or(policy.named_by, Into::into);
        policy.limits = limits.unwrap_or(policy.limits);
    };
    office
        .perform(|engine, now_ms, slot| {
            office.policies.amend(engine, customer, amend, now_ms, slot)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change_terminal(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<TerminalChange>,
) -> Result<StatusCode, Problem> {
    let Json(change) = body?;
    let id = parse("id", &id, TerminalId::new)?;
    let limits = change.limits.as_ref().map(LimitsBody::parse).transpose()?;
    amend_register(&office, |register| {
        let place = register.place(&id);
        let place = place.ok_or_else(|| Problem::not_found(format!("no terminal {id}")))?;
        let mut terminal = place.terminal.clone();
        terminal.standing = change.standing.map_or(terminal.standing, Into::into);
        terminal.limits = limits.unwrap_or(terminal.limits);
        Ok(RegisterChange::Terminal(terminal))
    })
    .await
}

async fn change_store(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    body: Body<StoreChange>,
) -> Result<StatusCode, Problem> {
    let Json(change) = body?;
    let id = parse("id", &id, StoreId::new)?;
    amend_register(&office, |register| {
        let store = register.store(&id);
        let mut store = store.ok_or_else(|| Problem::not_found(format!("no store {id}")))?.clone();
        store.standing = change.standing.map_or(store.standing, Into::into);
        Ok(RegisterChange::Store(store))
    })
    .await
}

async fn default_limits(State(office): State<Arc<Office>>) -> Json<Vec<DefaultLimitsBody>> {
    let register = office.engine.register();
    office.settle(register.after).await;
    // Those that were taken back say nothing.
    let all = register.all_default_limits().filter(|it| it.limits != Limits::default());
    Json(all.map(Into::into).collect())
}

async fn set_default_limits(
    State(office): State<Arc<Office>>,
    Path((holder, currency)): Path<(String, String)>,
    body: Body<LimitsBody>,
) -> Result<StatusCode, Problem> {
    let Json(limits) = body?;
    let holder = match holder.as_str() {
        "customers" => LimitHolder::Customer,
        "terminals" => LimitHolder::Terminal,
        _ => return Err(Problem::not_found("limits are for customers or for terminals")),
    };
    let currency = parse("currency", &currency, Currency::from_code)?;
    let limits = limits.parse()?;
    let change = RegisterChange::DefaultLimits(DefaultLimits { holder, currency, limits });
    amend_register(&office, |_| Ok(change)).await
}

async fn amend_register(
    office: &Office,
    amend: impl FnOnce(&Register) -> Result<RegisterChange, Problem>,
) -> Result<StatusCode, Problem> {
    office
        .perform(|engine, now_ms, slot| {
            let _turn = office.policies.turn();
            engine.amend_register(amend, now_ms, slot)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl LimitsBody {
    fn parse(&self) -> Result<Limits, Problem> {
        let amount = |field: &str, minor: Option<u64>| {
            let amount = minor.map(Amount::new).transpose();
            amount.map_err(|error| Problem::malformed(format!("{field}: {error}")))
        };
        Ok(Limits {
            per_payment: amount("per_payment_minor", self.per_payment_minor)?,
            per_day: amount("per_day_minor", self.per_day_minor)?,
            count_per_day: self.count_per_day,
        })
    }
}

impl From<Limits> for LimitsBody {
    fn from(limits: Limits) -> Self {
        Self {
            per_payment_minor: limits.per_payment.map(Amount::minor),
            per_day_minor: limits.per_day.map(Amount::minor),
            count_per_day: limits.count_per_day,
        }
    }
}

impl From<DefaultLimits> for DefaultLimitsBody {
    fn from(DefaultLimits { holder, currency, limits }: DefaultLimits) -> Self {
        let LimitsBody { per_payment_minor, per_day_minor, count_per_day } = limits.into();
        let holder = match holder {
            LimitHolder::Customer => HolderName::Customers,
            LimitHolder::Terminal => HolderName::Terminals,
        };
        let currency = currency.code();
        Self { holder, currency, per_payment_minor, per_day_minor, count_per_day }
    }
}

impl From<CustomerPolicy> for PolicyBody {
    fn from(policy: CustomerPolicy) -> Self {
        Self {
            standing: policy.standing.into(),
            named_by: match policy.named_by {
                Naming::IdOrCode => NamingName::IdOrCode,
                Naming::CodeOnly => NamingName::CodeOnly,
            },
            limits: policy.limits.into(),
        }
    }
}

impl From<NamingName> for Naming {
    fn from(name: NamingName) -> Self {
        match name {
            NamingName::IdOrCode => Self::IdOrCode,
            NamingName::CodeOnly => Self::CodeOnly,
        }
    }
}

impl From<StandingName> for Standing {
    fn from(name: StandingName) -> Self {
        match name {
            StandingName::Active => Self::Active,
            StandingName::Frozen => Self::Frozen,
        }
    }
}

impl From<Standing> for StandingName {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Active => Self::Active,
            Standing::Frozen => Self::Frozen,
        }
    }
}

impl From<StoreStandingName> for Standing {
    fn from(name: StoreStandingName) -> Self {
        match name {
            StoreStandingName::Active => Self::Active,
            StoreStandingName::Suspended => Self::Frozen,
        }
    }
}

impl From<Standing> for StoreStandingName {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Active => Self::Active,
            Standing::Frozen => Self::Suspended,
        }
    }
}
