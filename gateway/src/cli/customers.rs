//! Commands about customers, their balances and their handsets.

use clap::Subcommand;
use serde_json::json;

use super::desk::Request;
use super::limits::{Limits, change};
use super::register::activate;

#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    /// Enter a customer.
    Add {
        /// Up to 23 letters, digits and hyphens.
        id: String,
        /// The currency of the balance (ISO 4217).
        #[arg(long)]
        currency: String,
        /// The opening balance in minor units: yen, cents.
        #[arg(long)]
        balance: u64,
    },
    /// Show a customer, without what is personal.
    Show {
        /// The customer.
        id: String,
    },
    /// Put money on a customer's balance.
    Credit {
        /// The customer.
        id: String,
        /// In minor units: yen, cents.
        amount: u64,
        /// What for: good once. The same said again moves nothing.
        #[arg(long)]
        reference: String,
    },
    /// Take money off a customer's balance, as far as no payment waits for it.
    Debit {
        /// The customer.
        id: String,
        /// In minor units: yen, cents.
        amount: u64,
        /// What for: good once. The same said again moves nothing.
        #[arg(long)]
        reference: String,
    },
    /// Let a customer try again who was blocked by wrong passwords, or left too much unanswered.
    Unblock {
        /// The customer.
        id: String,
    },
    /// Let a customer pay nothing from now on; refunds and reversals still reach them.
    Freeze {
        /// The customer.
        id: String,
    },
    /// Let a frozen customer pay again.
    Unfreeze {
        /// The customer.
        id: String,
    },
    /// Limit what a customer pays, in place of all limits of the customer's own.
    Limit {
        /// The customer.
        id: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Have a customer pay by one-time codes only, never by the plain customer id.
    CodeOnly {
        /// The customer.
        id: String,
        /// Let the plain customer id do again.
        #[arg(long)]
        off: bool,
    },
    /// Give out the string with which a handset is enrolled: good once, for ten minutes.
    Activate {
        /// The customer.
        id: String,
    },
    /// Take a handset out of use; its connection is closed within seconds.
    Revoke {
        /// The customer.
        id: String,
        /// The handset, as `customer show` lists it.
        device: String,
    },
    /// Erase what is personal: name, addresses, bank account.
    Erase {
        /// The customer.
        id: String,
    },
}

impl CustomerCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::Add { id, currency, balance } => Request::post(
                "/v1/customers",
                json!({"id": id, "currency": currency, "balance_minor": balance}),
            ),
            Self::Show { id } => Request::get(format!("/v1/customers/{id}")),
            Self::Credit { id, amount, reference } => transfer(id, "credit", *amount, reference),
            Self::Debit { id, amount, reference } => transfer(id, "debit", *amount, reference),
            Self::Unblock { id } => Request::post(format!("/v1/customers/{id}/unblock"), json!({})),
            Self::Freeze { id } => change("customers", id, json!({"standing": "frozen"})),
            Self::Unfreeze { id } => change("customers", id, json!({"standing": "active"})),
            Self::Limit { id, limits } => limits.of("customers", id),
            Self::CodeOnly { id, off: false } => {
                change("customers", id, json!({"named_by": "code_only"}))
            }
            Self::CodeOnly { id, off: true } => {
                change("customers", id, json!({"named_by": "id_or_code"}))
            }
            Self::Activate { id } => activate("customers", id),
            Self::Revoke { id, device } => {
                Request::delete(format!("/v1/customers/{id}/devices/{device}"))
            }
            Self::Erase { id } => Request::delete(format!("/v1/customers/{id}/profile")),
        }
    }
}

fn transfer(id: &str, way: &str, amount_minor: u64, reference: &str) -> Request {
    Request::post(
        format!("/v1/customers/{id}/{way}"),
        json!({"amount_minor": amount_minor, "reference": reference}),
    )
}

#[derive(Debug, Subcommand)]
pub(super) enum DevicesCommand {
    /// Take every handset out of use, after a suspected theft of keys: all must be enrolled anew.
    ///
    /// It goes as far as the journal has room; while some are left, say it again.
    RetireAll,
}

impl DevicesCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::RetireAll => Request::post("/v1/devices/retire-all", json!({})),
        }
    }
}
