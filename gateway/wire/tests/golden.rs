//! Every message as the bytes that other implementations must read and write: `tests/vectors/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::BytesMut;
use kessai_wire::frame::{self, Decoder, Envelope};
use kessai_wire::v1::{self, ToGateway, ToPeer};
use kessai_wire::{Call, Confirmation, Enrol, EnrolAnswer, Message, Notice};

#[path = "support/samples.rs"]
mod samples;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Compares with the vector of this name: its first line says in words what the bytes say.
fn check_bytes(name: &str, says: &str, bytes: &[u8]) {
    let path = folder().join(format!("{name}.hex"));
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let hex = hex::encode(bytes);
    let lines: Vec<_> =
        hex.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let expected = format!("# {name}: {says}\n{}\n", lines.join("\n"));
    assert!(found == expected, "{} should hold\n{expected}", path.display());
}

fn framed<M: Envelope>(message: &M) -> BytesMut {
    let mut bytes = BytesMut::new();
    frame::encode(message, &mut bytes).unwrap();
    bytes
}

#[test]
fn calls_are_written_and_read_as_in_their_vectors() {
    for (name, says, call) in samples::calls() {
        let mut bytes = framed(&ToGateway::from(&call));
        check_bytes(name, says, &bytes);
        let message = Decoder::<ToGateway>::new().decode(&mut bytes).unwrap().unwrap();
        assert_eq!(Call::parse(&message), Ok(call), "{name}");
        assert!(bytes.is_empty());
    }
}

#[test]
fn messages_are_written_and_read_as_in_their_vectors() {
    for (name, says, message) in samples::messages() {
        let mut bytes = framed(&ToPeer::from(&message));
        check_bytes(name, says, &bytes);
        let read = Decoder::<ToPeer>::new().decode(&mut bytes).unwrap().unwrap();
        assert_eq!(Message::parse(&read), Ok(message), "{name}");
        assert!(bytes.is_empty());
    }
}

#[test]
fn enrolments_are_written_and_read_as_in_their_vectors() {
    for (name, says, enrol) in samples::enrolments() {
        let mut bytes = framed(&v1::Enrol::from(&enrol));
        check_bytes(name, says, &bytes);
        let message = Decoder::<v1::Enrol>::new().decode(&mut bytes).unwrap().unwrap();
        let read = Enrol::parse(&message).unwrap();
        assert_eq!(v1::Enrol::from(&read), v1::Enrol::from(&enrol), "{name}");
        assert!(bytes.is_empty());
    }
    for (name, says, answer) in samples::enrolment_answers() {
        let mut bytes = framed(&v1::EnrolAnswer::from(&answer));
        check_bytes(name, says, &bytes);
        let message = Decoder::<v1::EnrolAnswer>::new().decode(&mut bytes).unwrap().unwrap();
        assert_eq!(EnrolAnswer::parse(&message), Ok(answer), "{name}");
        assert!(bytes.is_empty());
    }
}

#[test]
fn signed_contents_are_written_and_read_as_in_their_vectors() {
    let confirmations = [
        ("confirmation", "493 yen at a till", samples::confirmation()),
        (
            "confirmation_foreign",
            "493 yen for 3.30 euro, at a machine",
            samples::foreign_confirmation(),
        ),
    ];
    for (name, says, confirmation) in confirmations {
        let bytes = confirmation.encode();
        check_bytes(name, says, &bytes);
        assert_eq!(Confirmation::decode(&bytes), Ok(confirmation), "{name}");
    }
    let notices = [
        ("notice_captured", "number 7, paid", samples::notice()),
        ("notice_declined", "number 8, tries exceeded", samples::declined_notice()),
        (
            "notice_foreign",
            "number 9, 3.30 euro for 493 yen, 0.62 refunded",
            samples::foreign_notice(),
        ),
    ];
    for (name, says, notice) in notices {
        let bytes = notice.encode();
        check_bytes(name, says, &bytes);
        assert_eq!(Notice::decode(&bytes), Ok(notice), "{name}");
    }
}

#[test]
fn no_vector_is_left_over() {
    let expected: BTreeSet<String> = samples::calls()
        .iter()
        .map(|call| call.0)
        .chain(samples::messages().iter().map(|message| message.0))
        .chain(samples::enrolments().iter().map(|enrol| enrol.0))
        .chain(samples::enrolment_answers().iter().map(|answer| answer.0))
        .chain(["confirmation", "confirmation_foreign"])
        .chain(["notice_captured", "notice_declined", "notice_foreign"])
        .map(|name| format!("{name}.hex"))
        .collect();
    let found: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected);
}
