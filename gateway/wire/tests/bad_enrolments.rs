//! What is no enrolment, and what is never printed of one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use bytes::{Bytes, BytesMut};
use kessai_wire::frame::{DecodeError, Decoder};
use kessai_wire::terms::Reason;
use kessai_wire::{Enrol, EnrolAnswer, FieldError, v1};

#[path = "support/samples.rs"]
mod samples;

fn check_handset(spoil: impl FnOnce(&mut v1::EnrolHandset)) {
    let enrol = Enrol::Handset(Box::new(samples::enrol_handset()));
    let Some(v1::enrol::Body::Handset(mut message)) = v1::Enrol::from(&enrol).body else {
        panic!("a handset")
    };
    spoil(&mut message);
    let message = v1::Enrol { body: Some(v1::enrol::Body::Handset(message)) };
    assert_eq!(Enrol::parse(&message).err(), Some(Reason::Malformed));
}

#[test]
fn every_part_of_a_handset_has_its_length() {
    for length in [0, 15, 31, 33] {
        let wrong = || Bytes::from(vec![0; length]);
        check_handset(|message| message.salt = wrong());
        check_handset(|message| message.stored_key = wrong());
        check_handset(|message| message.server_key = wrong());
        check_handset(|message| message.device_key = wrong());
        check_handset(|message| message.mac = wrong());
        check_handset(|message| message.handset.as_mut().unwrap().device_id = wrong());
    }
    check_handset(|message| message.handset = None);
    check_handset(|message| message.handset.as_mut().unwrap().customer_id = "1_2".to_owned());
}

#[test]
fn a_peer_is_a_terminal_a_controller_or_a_hub() {
    let mac = Bytes::from(vec![0; 32]);
    let check = |message: v1::EnrolPeer| {
        let message = v1::Enrol { body: Some(v1::enrol::Body::Peer(message)) };
        assert_eq!(Enrol::parse(&message).err(), Some(Reason::Malformed));
    };
    let identity = |kind| Some(v1::Identity { kind: Some(kind) });
    let handset = v1::Handset {
        customer_id: "1234-567-890".to_owned(),
        device_id: Bytes::from_static(&[0; 16]),
    };
    let handset = identity(v1::identity::Kind::Handset(handset));
    check(v1::EnrolPeer { identity: handset, mac: mac.clone() });
    check(v1::EnrolPeer { identity: None, mac: mac.clone() });
    let unknown = identity(v1::identity::Kind::Hub("H_1".to_owned()));
    check(v1::EnrolPeer { identity: unknown, mac });
    let hub = identity(v1::identity::Kind::Hub("H1".to_owned()));
    check(v1::EnrolPeer { identity: hub, mac: Bytes::new() });
}

#[test]
fn an_empty_message_is_neither_request_nor_answer() {
    assert_eq!(Enrol::parse(&v1::Enrol::default()).err(), Some(Reason::Malformed));
    let answer = EnrolAnswer::parse(&v1::EnrolAnswer::default());
    assert_eq!(answer, Err(FieldError("body")));
}

#[test]
fn a_longer_message_is_not_read() {
    // 1025 as a varint.
    let mut announced = BytesMut::from(&[0x81, 0x08][..]);
    let refused = Decoder::<v1::Enrol>::new().decode(&mut announced);
    assert_eq!(refused, Err(DecodeError::TooLong { limit: 1_024 }));
    let refused = Decoder::<v1::EnrolAnswer>::new().decode(&mut announced);
    assert_eq!(refused, Err(DecodeError::TooLong { limit: 1_024 }));
}

#[test]
fn keys_are_never_printed() {
    let enrol = Enrol::Handset(Box::new(samples::enrol_handset()));
    let message = v1::Enrol::from(&enrol);
    for printed in [format!("{enrol:?}"), format!("{message:?}")] {
        assert!(printed.contains("1234-567-890"), "{printed}");
        // 0x51, 0x55 and 0xd1 in a row, as numbers, digits and characters.
        for key in ["81, 81", "85, 85", "209, 209", "5151", "5555", "d1d1", "QQQ", "UUU"] {
            assert!(!printed.contains(key), "{key} in {printed}");
        }
    }
}
