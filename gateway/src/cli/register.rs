//! Commands about merchants, stores, terminals, controllers and hubs.

use clap::Subcommand;
use serde_json::json;

use super::desk::Request;

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
            Self::Set { id, name } => {
                Request::put(format!("/v1/merchants/{id}"), json!({"name": name}))
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
