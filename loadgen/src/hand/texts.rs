//! Every sentence that the till and the handset say.

pub(super) mod phone;
pub(super) mod till;

use std::fmt::Display;
use std::path::Path;

use kessai_client::terms::collation::PasswordError;
use kessai_client::wire::{CloseCode, GatewayAddress, Subject};
use kessai_client::{CallError, ConnectError, EnrolError, Guessable};
use kessai_engine::terms::Currency;

use super::watched::News;

pub(super) const GOODBYE: &str = "Goodbye.";
pub(super) const CONNECTED_AGAIN: &str = "Connected again.";
pub(super) const TYPE_ACTIVATION: &str = "Activation string:";
pub(super) const NEW_PASSWORD: &str = "New password (not shown, at least 6 characters):";
pub(super) const PASSWORD_AGAIN: &str = "The same again:";
pub(super) const PASSWORDS_DIFFER: &str = "These were two different passwords.";
pub(super) const NOT_ENROLLED_NOW: &str = "Nothing was enrolled.";

pub(super) fn connecting(gateway: &GatewayAddress) -> String {
    format!("Connecting to {gateway} ...")
}

pub(super) fn enrolled(subject: Subject, folder: &Path) -> String {
    let folder = folder.display();
    format!("Enrolled as {subject}. The key is in {folder}: whoever has it can pose as this one.")
}

pub(super) fn news(news: &News) -> String {
    match news {
        News::Lost => "The connection to the gateway is lost; trying again ...".to_owned(),
        News::Again => CONNECTED_AGAIN.to_owned(),
        News::Over(why) => format!("{}.", no_connection(why)),
    }
}

/// Says why there is no connection, without a stop at the end.
pub(super) fn no_connection(why: &ConnectError) -> String {
    match why {
        ConnectError::Closed(CloseCode::NotEnrolled) => {
            "the gateway does not know this key: it was never enrolled, or was revoked".to_owned()
        }
        ConnectError::Closed(CloseCode::Superseded) => {
            "another program has connected with the same key".to_owned()
        }
        ConnectError::Closed(CloseCode::ShuttingDown) => "the gateway is restarting".to_owned(),
        ConnectError::Refused(refusal) => {
            refusal.reason.customer_text().trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}

/// Says why a till cannot be opened, without a stop at the end.
pub(super) fn no_facts(why: &CallError) -> String {
    match why.reason() {
        Some(reason) => reason.clerk_text().trim_end_matches('.').to_owned(),
        None => why.to_string(),
    }
}

/// The same, without a stop at the end.
pub(super) fn no_catalogue(currency: Currency) -> String {
    let code = currency.code();
    format!(
        "the store charges in {code}, and the built-in products are priced in JPY: \
        name a file of its own with --catalogue"
    )
}

/// Says why nothing was enrolled, without a stop at the end.
pub(super) fn not_enrolled(why: &EnrolError) -> String {
    match why {
        EnrolError::Refused(_) => {
            "the code is wrong, used or too old: ask for a new one".to_owned()
        }
        EnrolError::OtherRole(subject) => {
            format!("the activation string is for a {}, not for this", subject.role())
        }
        EnrolError::Connect(why) => no_connection(why),
        other => other.to_string(),
    }
}

pub(super) fn impossible_password(why: PasswordError) -> String {
    sentence(why)
}

pub(super) fn guessable(why: Guessable) -> String {
    format!("{} A thief would try it first.", sentence(why))
}

/// Makes a sentence of an error.
fn sentence(error: impl Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    format!("{}{}.", first.map(String::from).unwrap_or_default(), characters.as_str())
}
