//! Limits: what may be said of them, of one holder's own and of the defaults.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::desk::Request;

/// How much may be paid or taken; what is not said is no limit.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("said").required(true).multiple(true))]
pub(super) struct Limits {
    /// The most that one payment may come to, in minor units: yen, cents.
    #[arg(long, value_name = "MINOR", group = "said")]
    per_payment: Option<u64>,
    /// The most that all payments of a business day may come to, in minor units.
    #[arg(long, value_name = "MINOR", group = "said")]
    per_day: Option<u64>,
    /// How many payments a business day may have.
    #[arg(long, value_name = "N", group = "said")]
    count_per_day: Option<u32>,
    /// No limit at all; of a customer's or a terminal's own: the defaults hold.
    #[arg(long, group = "said", conflicts_with_all = ["per_payment", "per_day", "count_per_day"])]
    none: bool,
}

impl Limits {
    /// The whole of the limits, which replaces what there was.
    pub(super) fn body(&self) -> Value {
        let Self { per_payment, per_day, count_per_day, none: _ } = *self;
        let mut body = Map::new();
        for (name, limit) in [
            ("per_payment_minor", per_payment),
            ("per_day_minor", per_day),
            ("count_per_day", count_per_day.map(u64::from)),
        ] {
            if let Some(limit) = limit {
                body.insert(name.to_owned(), limit.into());
            }
        }
        Value::Object(body)
    }

    /// Changes the limits of one holder's own.
    pub(super) fn of(&self, role: &str, id: &str) -> Request {
        change(role, id, json!({"limits": self.body()}))
    }
}

/// Changes what somebody may do.
pub(super) fn change(role: &str, id: &str, change: Value) -> Request {
    Request::patch(format!("/v1/{role}/{id}/policy"), change)
}

#[derive(Debug, Subcommand)]
pub(super) enum LimitsCommand {
    /// Show the limits of all customers and terminals that have none of their own.
    Show,
    /// Set them for one currency, in place of all that were there.
    Set {
        /// Whom they are for.
        holder: Holder,
        /// Of balances, or of stores (ISO 4217).
        currency: String,
        #[command(flatten)]
        limits: Limits,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Holder {
    Customers,
    Terminals,
}

impl LimitsCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::Show => Request::get("/v1/limits"),
            Self::Set { holder, currency, limits } => {
                let holder = match holder {
                    Holder::Customers => "customers",
                    Holder::Terminals => "terminals",
                };
                Request::put(format!("/v1/limits/{holder}/{currency}"), limits.body())
            }
        }
    }
}
