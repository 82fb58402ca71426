//! Holds docs/PROTOCOL.md to the code: the tables there say what the code says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use kessai_wire::limits;
use kessai_wire::terms::limits as terms;
use kessai_wire::terms::{PresentmentCode, Rate, Reason, Stage};
use kessai_wire::{ALPN, ALPN_ENROLMENT, CloseCode, Retry, SERVER_NAME, Subject};

const DOCUMENT: &str = include_str!("../../../docs/PROTOCOL.md");

/// Takes the rows of the table between two comments, without its head.
fn rows(table: &str) -> Vec<Vec<&'static str>> {
    let (_, after) = DOCUMENT.split_once(&format!("<!-- {table}:")).expect("a table begins");
    let (inside, _) = after.split_once(&format!("<!-- end of {table} -->")).expect("and ends");
    inside
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// Compares all columns but the last, which is for people and must say something.
fn check(table: &str, expected: &[Vec<String>]) {
    let found = rows(table);
    for (found, expected) in found.iter().zip(expected) {
        let (meaning, numbers) = found.split_last().unwrap();
        assert_eq!(numbers, expected, "{table}");
        assert!(!meaning.is_empty(), "{table}: {numbers:?} means something");
    }
    assert_eq!(found.len(), expected.len(), "{table}");
}

#[test]
fn the_reasons_are_those_of_the_code() {
    let expected: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| {
            let at = match reason.stage() {
                Stage::Refusal => "refusal",
                Stage::Decline => "decline",
                Stage::Collation => "collation",
                Stage::End => "end",
            };
            let retry = match Retry::advised(*reason, 1) {
                Retry::Never => "never",
                Retry::Same => "same",
                Retry::Later { .. } => "later",
            };
            let row = [&reason.number().to_string(), reason.name(), reason.field39(), at, retry];
            row.map(str::to_owned).to_vec()
        })
        .collect();
    check("reasons", &expected);
}

#[test]
fn the_close_codes_are_those_of_the_code() {
    let expected: Vec<_> = CloseCode::ALL
        .into_iter()
        .map(|code| {
            let again = if code.invites_back() { "yes" } else { "no" };
            vec![code.number().to_string(), code.name(), again.to_owned()]
        })
        .collect();
    check("close codes", &expected);
}

#[test]
fn the_limits_are_those_of_the_code() {
    let found: Vec<u64> = rows("limits").iter().map(|row| row[1].parse().unwrap()).collect();
    let number = |limit: usize| u64::try_from(limit).unwrap();
    let expected = [
        number(limits::MAX_FRAME_TO_GATEWAY),
        number(limits::MAX_FRAME_TO_PEER),
        number(limits::MAX_LENGTH_PREFIX),
        number(limits::MAX_ENROLMENT_FRAME),
        limits::MAX_STREAMS.into(),
        number(limits::MAX_VERSIONS),
        number(limits::MAX_SOFTWARE_NAME),
        number(limits::MAX_ROUTE),
        number(limits::MAX_ECHO),
        number(terms::MAX_CUSTOMER_ID),
        number(terms::MAX_TERMINAL_ID),
        number(terms::MAX_STORE_ID),
        number(terms::MAX_PRODUCT_NAME),
        number(terms::MAX_STORE_NAME),
        number(terms::MAX_LINES),
        terms::MAX_QUANTITY.into(),
        number(PresentmentCode::LENGTH),
        number(limits::MAX_RECENT),
        Rate::MAX_SCALE.into(),
        terms::MAX_TAX_RATE_BASIS_POINTS.into(),
        terms::MAX_PAYMENT_MINOR,
        terms::MAX_AMOUNT_MINOR,
    ];
    assert_eq!(found, expected);
    for other in [terms::MAX_MERCHANT_ID, terms::MAX_CONTROLLER_ID, terms::MAX_HUB_ID] {
        assert_eq!(other, terms::MAX_STORE_ID, "told together");
    }
    assert_eq!(terms::MAX_MERCHANT_NAME, terms::MAX_STORE_NAME, "told together");
}

#[test]
fn the_roles_of_activation_strings_are_those_of_the_code() {
    let (_, section) = DOCUMENT.split_once("### The activation string").unwrap();
    let role = section.lines().find(|line| line.starts_with("| role |")).unwrap();
    let roles: Vec<&str> = role.split('`').skip(1).step_by(2).collect();
    let mut known = 0;
    for name in &roles {
        known += usize::from(Subject::parse(name, "1").is_ok());
    }
    assert_eq!((roles.len(), known), (4, 4), "{roles:?}");
}

#[test]
fn the_names_are_those_of_the_code() {
    for name in [ALPN, ALPN_ENROLMENT, SERVER_NAME.as_bytes()] {
        let name = str::from_utf8(name).unwrap();
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
}
