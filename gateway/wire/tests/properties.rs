//! What holds for every value and for all bytes: encoding is undone by decoding, and no bytes make
//! a decoder panic or give a content that does not re-encode to them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use bytes::BytesMut;
use kessai_wire::frame::{self, Decoder, Envelope};
use kessai_wire::terms::collation::{ActivationCode, ChannelBinding, SpkiHash};
use kessai_wire::v1::{self, ToGateway, ToPeer};
use kessai_wire::{Activation, Call, Confirmation, Enrol, EnrolAnswer, Message, Notice};
use proptest::collection::vec;
use proptest::prelude::*;

#[path = "support/samples.rs"]
mod samples;
#[path = "support/strategies.rs"]
mod strategies;

use strategies::{
    any_activation, any_call, any_confirmation, any_enrol, any_enrol_answer, any_message,
    any_notice,
};

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
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(message)) = Decoder::<v1::Enrol>::new().decode(&mut buffer) {
        if let Ok(enrol) = Enrol::parse(&message) {
            assert!(Enrol::parse(&v1::Enrol::from(&enrol)).is_ok());
        }
    }
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(message)) = Decoder::<v1::EnrolAnswer>::new().decode(&mut buffer) {
        if let Ok(answer) = EnrolAnswer::parse(&message) {
            assert_eq!(EnrolAnswer::parse(&v1::EnrolAnswer::from(&answer)), Ok(answer));
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
        samples::foreign_notice().encode().to_vec(),
    ];
    let enrolments = samples::enrolments().into_iter();
    let enrolments = enrolments.map(|enrol| framed(&v1::Enrol::from(&enrol.2)).to_vec());
    let all = calls.chain(messages).chain(contents).chain(enrolments);
    proptest::sample::select(all.collect::<Vec<_>>())
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
    fn an_enrolment_arrives_as_it_was_sent_and_holds_for_its_code_and_connection_only(
        (enrol, code, channel, spki) in any_enrol(),
        bit in 0_usize..(16 + 32 + 32) * 8,
    ) {
        let mut bytes = framed(&v1::Enrol::from(&enrol));
        let message = Decoder::<v1::Enrol>::new().decode(&mut bytes).unwrap().unwrap();
        let read = Enrol::parse(&message).unwrap();
        prop_assert_eq!(v1::Enrol::from(&read), v1::Enrol::from(&enrol));
        let holds = |code: &[u8; 16], channel: [u8; 32], spki: [u8; 32]| {
            let code = ActivationCode::from_bytes(*code);
            let (channel, spki) = (ChannelBinding(channel), SpkiHash(spki));
            match &read {
                Enrol::Handset(handset) => handset.verify(&code, &channel, &spki),
                Enrol::Peer(peer) => peer.verify(&code, &channel, &spki),
            }
        };
        let (mut code, mut channel, mut spki) = (code, channel.0, spki.0);
        prop_assert!(holds(&code, channel, spki));
        let place = bit / 8;
        let byte = code.iter_mut().chain(&mut channel).chain(&mut spki).nth(place).unwrap();
        *byte ^= 1 << (bit % 8);
        prop_assert!(!holds(&code, channel, spki));
    }

    #[test]
    fn the_answer_to_an_enrolment_arrives_as_it_was_sent(answer in any_enrol_answer()) {
        let mut bytes = framed(&v1::EnrolAnswer::from(&answer));
        let message = Decoder::<v1::EnrolAnswer>::new().decode(&mut bytes).unwrap().unwrap();
        prop_assert_eq!(EnrolAnswer::parse(&message), Ok(answer));
    }

    #[test]
    fn an_activation_is_read_as_it_was_written_and_not_with_a_typing_error(
        activation in any_activation(),
        place in any::<prop::sample::Index>(),
        typed in "[0-9A-Za-z:.\\[\\]-]",
    ) {
        let text = activation.to_string();
        prop_assert_eq!(text.parse::<Activation>().unwrap().to_string(), text.clone());
        let place = place.index(text.len());
        let mistyped = format!("{}{typed}{}", &text[..place], &text[place + 1..]);
        match mistyped.parse::<Activation>() {
            // The other case of a digit is the same digit.
            Ok(read) => prop_assert_eq!(read.to_string(), text),
            Err(error) => prop_assert_ne!(mistyped, text, "{}", error),
        }
    }

    #[test]
    fn any_text_at_all_is_read_as_an_activation_without_panic(text in "(kessai1:)?\\PC{0,200}") {
        if let Ok(activation) = text.parse::<Activation>() {
            prop_assert_eq!(activation.to_string().parse::<Activation>().unwrap().to_string(), activation.to_string());
        }
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
