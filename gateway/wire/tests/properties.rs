//! What holds for every value and for all bytes: encoding is undone by decoding, and no bytes make
//! a decoder panic or give a content that does not re-encode to them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use bytes::BytesMut;
use kessai_wire::frame::{self, Decoder, Envelope};
use kessai_wire::v1::{ToGateway, ToPeer};
use kessai_wire::{Call, Confirmation, Message, Notice};
use proptest::collection::vec;
use proptest::prelude::*;

#[path = "support/samples.rs"]
mod samples;
#[path = "support/strategies.rs"]
mod strategies;

use strategies::{any_call, any_confirmation, any_message, any_notice};

fn framed<M: Envelope>(message: &M) -> BytesMut {
    let mut bytes = BytesMut::new();
    frame::encode(message, &mut bytes).unwrap();
    bytes
}

/// Reads whatever the bytes hold, as the gateway and as a client would.
fn read_all(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(message)) = Decoder::<ToGateway>::new().decode(&mut buffer) {
        if let Ok(call) = Call::parse(&message) {
            assert_eq!(Call::parse(&ToGateway::from(&call)), Ok(call));
        }
    }
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(message)) = Decoder::<ToPeer>::new().decode(&mut buffer) {
        if let Ok(message) = Message::parse(&message) {
            // Written anew a reason may say less, as a terminal is told; from then on it stays.
            let once = Message::parse(&ToPeer::from(&message)).unwrap();
            assert_eq!(Message::parse(&ToPeer::from(&once)), Ok(once));
        }
    }
    if let Ok(confirmation) = Confirmation::decode(bytes) {
        assert_eq!(confirmation.encode(), bytes);
    }
    if let Ok(notice) = Notice::decode(bytes) {
        assert_eq!(notice.encode(), bytes);
    }
}

/// Real frames and contents, to be spoilt.
fn any_vector() -> impl Strategy<Value = Vec<u8>> {
    let calls = samples::calls().into_iter().map(|call| framed(&ToGateway::from(&call.2)).to_vec());
    let messages =
        samples::messages().into_iter().map(|message| framed(&ToPeer::from(&message.2)).to_vec());
    let contents = [
        samples::confirmation().encode().to_vec(),
        samples::foreign_confirmation().encode().to_vec(),
        samples::notice().encode().to_vec(),
    ];
    proptest::sample::select(calls.chain(messages).chain(contents).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_arrives_as_it_was_sent(call in any_call()) {
        let mut bytes = framed(&ToGateway::from(&call));
        let message = Decoder::<ToGateway>::new().decode(&mut bytes).unwrap().unwrap();
        prop_assert_eq!(Call::parse(&message), Ok(call));
    }

    #[test]
    fn a_message_arrives_as_it_was_sent(message in any_message()) {
        let mut bytes = framed(&ToPeer::from(&message));
        let read = Decoder::<ToPeer>::new().decode(&mut bytes).unwrap().unwrap();
        prop_assert_eq!(Message::parse(&read), Ok(message));
    }

    #[test]
    fn a_confirmation_is_read_as_it_was_written(confirmation in any_confirmation()) {
        prop_assert_eq!(Confirmation::decode(&confirmation.encode()), Ok(confirmation));
    }

    #[test]
    fn a_notice_is_read_as_it_was_written(notice in any_notice()) {
        prop_assert_eq!(Notice::decode(&notice.encode()), Ok(notice));
    }

    #[test]
    fn any_bytes_at_all_are_read_without_panic(bytes in vec(any::<u8>(), 0..2_048)) {
        read_all(&bytes);
    }

    #[test]
    fn real_bytes_spoilt_are_read_without_panic(
        mut bytes in any_vector(),
        spots in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for (at, byte) in spots {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        read_all(&bytes);
    }

    #[test]
    fn a_content_changed_in_one_bit_is_another_content_or_none(
        confirmation in any_confirmation(),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut bytes = confirmation.encode().to_vec();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Confirmation::decode(&bytes) {
            prop_assert_eq!(&other.encode()[..], &bytes[..]);
            prop_assert_ne!(other.encode(), confirmation.encode());
        }
    }
}
