//! Receipts of the journal: what a peer brings back is believed only as it was made.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may panic")]

use bytes::Bytes;
use kessai_wire::terms::receipt::JournalPoint;
use kessai_wire::terms::{JournalReceipt, Reason};
use kessai_wire::v1::{self, to_gateway, to_peer};
use kessai_wire::{Answer, Call, CallError, FieldError, Message, MessageError, Request, RequestId};
use prost::Message as _;

#[path = "support/samples.rs"]
mod samples;

/// Greets with a receipt as these bytes say it.
fn greet(receipt: v1::JournalReceipt) -> Result<JournalReceipt, CallError> {
    let hello = v1::Hello { versions: vec![1], software: String::new(), receipt: Some(receipt) };
    let body = Some(to_gateway::Body::Hello(hello));
    match Call::parse(&v1::ToGateway { request: 1, body, ..Default::default() })?.body {
        Request::Hello(hello) => Ok(hello.receipt.unwrap()),
        other => panic!("{other:?}"),
    }
}

fn told(receipt: JournalReceipt) -> v1::Payment {
    let payment = kessai_wire::Payment { receipt: Some(receipt), ..samples::approved() };
    let message = Message::Answer(RequestId::FIRST, Answer::Payment(payment));
    match v1::ToPeer::from(&message).body {
        Some(to_peer::Body::Payment(payment)) => payment,
        other => panic!("{other:?}"),
    }
}

/// What went out with an answer comes back with a greeting, and is known again.
#[test]
fn a_receipt_comes_back_as_it_went() {
    let returned = greet(told(samples::receipt()).receipt.unwrap()).unwrap();
    assert_eq!(returned, samples::receipt());
    let genuine = samples::receipt_key().verify(&returned).unwrap();
    assert_eq!(genuine.point(), samples::receipt().claimed);
}

#[test]
fn no_byte_of_a_receipt_can_be_changed() {
    // Nothing in it is zero, which would not be written.
    let point = JournalPoint { partition: 3, ..samples::receipt().claimed };
    let whole = told(samples::receipt_key().issue(point)).receipt.unwrap().encode_to_vec();
    for at in 0..whole.len() {
        for value in 0..=u8::MAX {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let read = v1::JournalReceipt::decode(&*bytes).ok().and_then(|read| greet(read).ok());
            let genuine = read.and_then(|receipt| samples::receipt_key().verify(&receipt));
            assert_eq!(genuine.is_some(), value == whole[at], "byte {at} as {value}");
        }
    }
}

#[test]
fn a_receipt_of_another_length_is_refused() {
    let good = told(samples::receipt()).receipt.unwrap();
    for length in [0, 7, 9, 16] {
        let chain_prefix = Bytes::from(vec![0; length]);
        let receipt = v1::JournalReceipt { chain_prefix, ..good.clone() };
        check("chain_prefix", receipt);
    }
    for length in [0, 15, 17, 32] {
        let mac = Bytes::from(vec![0; length]);
        check("mac", v1::JournalReceipt { mac, ..good.clone() });
    }
}

fn check(field: &'static str, receipt: v1::JournalReceipt) {
    let refused = greet(receipt.clone());
    assert!(
        matches!(refused, Err(CallError::Refused { reason: Reason::Malformed, .. })),
        "{field}"
    );
    let payment = v1::Payment { receipt: Some(receipt), ..told(samples::receipt()) };
    let body = Some(to_peer::Body::Payment(payment));
    let message = v1::ToPeer { request: 3, to: None, body };
    assert_eq!(Message::parse(&message), Err(MessageError::Field(FieldError(field))));
}
