//! Commands that look up payments and sums.

use clap::Subcommand;

use super::desk::Request;

#[derive(Debug, Subcommand)]
pub(super) enum PaymentCommand {
    /// List payments, the latest first; `payment show` and --json tell more of each.
    List {
        /// Only those opened from then on, in milliseconds since 1970.
        #[arg(long, value_name = "MS")]
        from: Option<u64>,
        /// Only those opened before then, in milliseconds since 1970.
        #[arg(long, value_name = "MS")]
        to: Option<u64>,
        /// Only those that stand so: pending, authorised, captured, reversed, declined, ...
        #[arg(long)]
        state: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show one payment.
    Show {
        /// The payment id.
        id: String,
    },
}

/// What a list tells of each payment.
const LISTED: [&str; 8] = [
    "opened_at_ms",
    "payment",
    "terminal",
    "customer",
    "currency",
    "amount_minor",
    "state",
    "reason",
];

impl PaymentCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::List { from, to, state, limit } => {
                let mut path = format!("/v1/payments?limit={limit}");
                if let Some(from) = from {
                    path.push_str(&format!("&from_ms={from}"));
                }
                if let Some(to) = to {
                    path.push_str(&format!("&to_ms={to}"));
                }
                if let Some(state) = state {
                    path.push_str(&format!("&state={state}"));
                }
                Request::get(path).in_columns(&LISTED)
            }
            Self::Show { id } => Request::get(format!("/v1/payments/{id}")),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum BooksCommand {
    /// Add everything up; an empty list of problems is a good sign.
    Show,
}

impl BooksCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::Show => Request::get("/v1/books"),
        }
    }
}
