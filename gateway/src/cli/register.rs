//! Commands about merchants, stores, terminals, controllers and hubs.

use clap::Subcommand;
use serde_json::json;

use super::desk::Request;
use super::limits::{Limits, change};

#[derive(Debug, Subcommand)]
pub(super) enum MerchantCommand {
    /// List all merchants.
    List,
    /// Enter a merchant, or change its name.
    Set {
        /// Up to 15 letters, digits and hyphens.
        id: String,
        /// As customers are shown it.
        #[arg(long)]
        name: String,
        /// What it issues Japanese qualified invoices under: T and 13 digits, or `none`; as it was
        /// if this is left out.
        #[arg(long, value_name = "NUMBER")]
        invoice_number: Option<String>,
    },
    /// Show what a merchant is owed.
    Tally {
        /// The merchant.
        id: String,
    },
    /// Print what a merchant sells, as CSV that a till can read.
    Catalogue {
        /// The merchant.
        id: String,
    },
}

/// The columns of a catalogue.
const PRODUCT: [&str; 5] = ["code", "name", "price_minor", "currency", "tax_rate_bp"];

impl MerchantCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::List => Request::get("/v1/merchants"),
            Self::Set { id, name, invoice_number } => {
                let body = match invoice_number.as_deref() {
                    None => json!({"name": name}),
                    Some("none") => json!({"name": name, "invoice_number": null}),
                    Some(number) => json!({"name": name, "invoice_number": number}),
                };
                Request::put(format!("/v1/merchants/{id}"), body)
            }
            Self::Tally { id } => Request::get(format!("/v1/merchants/{id}/tally")),
            Self::Catalogue { id } => {
                Request::get(format!("/v1/merchants/{id}/catalogue")).in_csv(&PRODUCT)
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// List all stores.
    List,
    /// Enter a store, or change it.
    Set {
        /// Up to 15 letters, digits and hyphens.
        id: String,
        /// Whose store.
        #[arg(long)]
        merchant: String,
        /// As customers are shown it.
        #[arg(long)]
        name: String,
        /// What its terminals charge in (ISO 4217).
        #[arg(long)]
        currency: String,
        /// How it rounds tax that comes on top of prices.
        #[arg(long, default_value = "down", value_parser = ["down", "half_up", "up"])]
        rounding: String,
    },
    /// Let a store take no payments from now on; it can still give money back.
    Suspend {
        /// The store.
        id: String,
    },
    /// Let a suspended store take payments again.
    Resume {
        /// The store.
        id: String,
    },
}

impl StoreCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::List => Request::get("/v1/stores"),
            Self::Set { id, merchant, name, currency, rounding } => Request::put(
                format!("/v1/stores/{id}"),
                json!({"merchant": merchant, "name": name, "currency": currency,
                       "rounding": rounding}),
            ),
            Self::Suspend { id } => change("stores", id, json!({"standing": "suspended"})),
            Self::Resume { id } => change("stores", id, json!({"standing": "active"})),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum TerminalCommand {
    /// List all terminals.
    List,
    /// Enter a terminal, or move it to another store; it keeps its key.
    Set {
        /// Up to 8 letters and digits.
        id: String,
        /// Where it stands.
        #[arg(long)]
        store: String,
        /// What it is.
        #[arg(long, default_value = "pos", value_parser = ["pos", "vending"])]
        kind: String,
    },
    /// Let a terminal take no payments and give no refunds from now on: it may be stolen.
    Freeze {
        /// The terminal.
        id: String,
    },
    /// Let a frozen terminal do business again.
    Unfreeze {
        /// The terminal.
        id: String,
    },
    /// Limit what a terminal takes, in place of all limits of its own.
    Limit {
        /// The terminal.
        id: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Give out the string with which it enrols its key: good once, for ten minutes.
    Activate {
        /// The terminal.
        id: String,
    },
    /// Take its key out of use; its connection is closed within seconds.
    Revoke {
        /// The terminal.
        id: String,
    },
    /// Show what it turned over on a business day.
    Totals {
        /// The terminal.
        id: String,
        /// The business day, as YYYYMMDD.
        #[arg(long)]
        date: u32,
    },
}

impl TerminalCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::List => Request::get("/v1/terminals"),
            Self::Set { id, store, kind } => {
                Request::put(format!("/v1/terminals/{id}"), json!({"store": store, "kind": kind}))
            }
            Self::Freeze { id } => change("terminals", id, json!({"standing": "frozen"})),
            Self::Unfreeze { id } => change("terminals", id, json!({"standing": "active"})),
            Self::Limit { id, limits } => limits.of("terminals", id),
            Self::Activate { id } => activate("terminals", id),
            Self::Revoke { id } => revoke("terminals", id),
            Self::Totals { id, date } => {
                Request::get(format!("/v1/terminals/{id}/totals?date={date}"))
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum ControllerCommand {
    /// List all controllers.
    List,
    /// Enter a controller.
    Set {
        /// Up to 15 letters, digits and hyphens.
        id: String,
        /// For whose terminals it speaks.
        #[arg(long)]
        merchant: String,
    },
    /// Give out the string with which it enrols its key: good once, for ten minutes.
    Activate {
        /// The controller.
        id: String,
    },
    /// Take its key out of use; its connection is closed within seconds.
    Revoke {
        /// The controller.
        id: String,
    },
}

impl ControllerCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::List => Request::get("/v1/controllers"),
            Self::Set { id, merchant } => {
                Request::put(format!("/v1/controllers/{id}"), json!({"merchant": merchant}))
            }
            Self::Activate { id } => activate("controllers", id),
            Self::Revoke { id } => revoke("controllers", id),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum HubCommand {
    /// List all hubs.
    List,
    /// Enter a hub.
    Set {
        /// Up to 15 letters, digits and hyphens.
        id: String,
    },
    /// Give out the string with which it enrols its key: good once, for ten minutes.
    Activate {
        /// The hub.
        id: String,
    },
    /// Take its key out of use; its connection is closed within seconds.
    Revoke {
        /// The hub.
        id: String,
    },
}

impl HubCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::List => Request::get("/v1/hubs"),
            Self::Set { id } => Request::put(format!("/v1/hubs/{id}"), json!({})),
            Self::Activate { id } => activate("hubs", id),
            Self::Revoke { id } => revoke("hubs", id),
        }
    }
}

pub(super) fn activate(role: &str, id: &str) -> Request {
    Request::post(format!("/v1/{role}/{id}/activation"), json!({}))
}

fn revoke(role: &str, id: &str) -> Request {
    Request::delete(format!("/v1/{role}/{id}/key"))
}
