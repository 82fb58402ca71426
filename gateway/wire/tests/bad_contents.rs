//! What a handset refuses to show, and what it refuses to believe.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use bytes::Bytes;
use kessai_wire::terms::Reason;
use kessai_wire::terms::collation::ServerKey;
use kessai_wire::v1;
use kessai_wire::{Confirmation, ContentError, FieldError, Notice, SignedNotice};
use prost::Message;

#[path = "support/samples.rs"]
mod samples;

fn spoilt(spoil: impl FnOnce(&mut v1::Confirmation)) -> Result<Confirmation, ContentError> {
    let mut message = v1::Confirmation::decode(samples::confirmation().encode()).unwrap();
    spoil(&mut message);
    Confirmation::decode(&message.encode_to_vec())
}

fn check(spoil: impl FnOnce(&mut v1::Confirmation), expected: ContentError) {
    assert_eq!(spoilt(spoil).unwrap_err(), expected);
}

fn check_field(spoil: impl FnOnce(&mut v1::Confirmation), field: &'static str) {
    check(spoil, FieldError(field).into());
}

#[test]
fn an_unknown_version_is_refused_before_anything_else() {
    for version in [0, 2, u32::MAX] {
        let spoil = |message: &mut v1::Confirmation| {
            message.version = version;
            message.lines.clear();
        };
        check(spoil, ContentError::Version(version));
    }
    assert_eq!(Confirmation::decode(&[]), Err(ContentError::Version(0)));
    assert_eq!(Notice::decode(&[]), Err(ContentError::Version(0)));
}

#[test]
fn a_sum_that_is_wrong_is_not_shown() {
    check(|message| message.total_minor += 1, ContentError::Basket(Reason::TotalMismatch));
    check(|message| message.lines[0].quantity = 3, ContentError::Basket(Reason::TotalMismatch));
    check(|message| message.lines[0].line_total_minor += 1, ContentError::NotCanonical);
    check(|message| message.taxes[0].tax_minor += 1, ContentError::NotCanonical);
    check(|message| message.taxes.clear(), ContentError::NotCanonical);
    check(|message| message.taxes.swap(0, 1), ContentError::NotCanonical);
    check(
        |message| message.tax_rounding = v1::TaxRounding::Up.into(),
        ContentError::Basket(Reason::TotalMismatch),
    );
    check(|message| message.lines.clear(), ContentError::Basket(Reason::BasketEmpty));
}

#[test]
fn a_field_that_is_impossible_is_named() {
    check_field(|message| message.payment_id = Bytes::new(), "payment_id");
    check_field(|message| message.terminal.clear(), "terminal");
    check_field(|message| message.merchant_id.clear(), "merchant_id");
    check_field(|message| message.merchant_name.push('\u{202e}'), "merchant_name");
    check_field(|message| message.store_id.push('/'), "store_id");
    check_field(|message| message.store_name = "店".repeat(41), "store_name");
    check_field(|message| message.customer_id.clear(), "customer_id");
    check_field(|message| message.currency = "YEN".to_owned(), "currency");
    check_field(|message| message.total_minor = u64::MAX, "total_minor");
    check_field(|message| message.tax_rounding = 0, "tax_rounding");
    check_field(|message| message.lines[0].code.push('1'), "code");
    check_field(|message| message.lines[0].name.push('\u{200b}'), "name");
    check_field(|message| message.lines[0].unit_price_minor = u64::MAX, "unit_price_minor");
    check_field(|message| message.lines[0].discount_minor = u64::MAX, "discount_minor");
    check_field(|message| message.lines[0].tax = 0, "tax");
    check_field(|message| message.utc_offset_minutes = 1_081, "utc_offset_minutes");
    check_field(|message| message.utc_offset_minutes = i32::MIN, "utc_offset_minutes");
    check_field(|message| message.expires_at_ms = message.opened_at_ms, "expires_at_ms");
    check_field(|message| message.capture = 0, "capture");
    check_field(|message| message.delivery_window_ms = 1, "delivery_window_ms");
    let on_delivery = v1::Capture::OnDelivery.into();
    check_field(|message| message.capture = on_delivery, "delivery_window_ms");
}

#[test]
fn a_foreign_price_has_another_currency_and_a_rate() {
    let foreign = v1::Confirmation::decode(samples::foreign_confirmation().encode()).unwrap();
    let check = |spoil: &dyn Fn(&mut v1::ForeignPrice), field| {
        let mut message = foreign.clone();
        spoil(message.foreign.as_mut().unwrap());
        let refused = Confirmation::decode(&message.encode_to_vec()).unwrap_err();
        assert_eq!(refused, ContentError::Field(FieldError(field)));
    };
    check(&|foreign| foreign.currency = "EUR".to_owned(), "foreign");
    check(&|foreign| foreign.rate = "-1".to_owned(), "rate");
    check(&|foreign| foreign.markup_bp = 65_536, "markup_bp");
    check(&|foreign| foreign.currency.clear(), "currency");
    check(&|foreign| foreign.rate = "0.00670".to_owned() + &"0".repeat(12), "rate");
}

#[test]
fn a_foreign_price_that_was_converted_wrongly_is_not_shown() {
    let check = |spoil: &dyn Fn(&mut v1::Confirmation), expected| {
        let mut message =
            v1::Confirmation::decode(samples::foreign_confirmation().encode()).unwrap();
        spoil(&mut message);
        let refused = Confirmation::decode(&message.encode_to_vec()).unwrap_err();
        assert_eq!(refused, ContentError::Field(FieldError(expected)));
    };
    let check_foreign = |spoil: &dyn Fn(&mut v1::ForeignPrice)| {
        check(&|message| spoil(message.foreign.as_mut().unwrap()), "foreign");
    };
    check(&|message| message.total_minor += 1, "foreign");
    check(&|message| message.total_minor -= 1, "foreign");
    check_foreign(&|foreign| foreign.rate = "0.0068".to_owned());
    check_foreign(&|foreign| foreign.price_minor = 593);
    check(&|message| message.total_minor = 0, "total_minor");

    let mut message = v1::Notice::decode(samples::foreign_notice().encode()).unwrap();
    message.amount_minor += 1;
    let refused = Notice::decode(&message.encode_to_vec()).unwrap_err();
    assert_eq!(refused, ContentError::Field(FieldError("foreign")));
}

/// The same price by a rate that says the same with another number of digits is another content.
#[test]
fn a_rate_is_kept_as_it_was_written() {
    let mut message = v1::Confirmation::decode(samples::foreign_confirmation().encode()).unwrap();
    message.foreign.as_mut().unwrap().rate = "0.00670".to_owned();
    let bytes = message.encode_to_vec();
    let confirmation = Confirmation::decode(&bytes).unwrap();
    assert_eq!(confirmation.encode(), bytes);
    assert_ne!(confirmation, samples::foreign_confirmation());
}

#[test]
fn bytes_that_hold_more_than_is_shown_are_refused() {
    let bytes = samples::confirmation().encode();
    // An unknown field, a default written out, a field written twice, a longer varint.
    let appended: [&[u8]; 4] =
        [&[0xa0, 0x06, 0x01], &[0x98, 0x01, 0x00], &[0x90, 0x01, 0x01], &[0x90, 0x01, 0x81, 0x00]];
    for more in appended {
        let refused = Confirmation::decode(&[&bytes, more].concat()).unwrap_err();
        assert_eq!(refused, ContentError::NotCanonical, "{more:?}");
    }
    let longer = [&[0x08, 0x81, 0x00], &bytes[2..]].concat();
    assert_eq!(Confirmation::decode(&longer).unwrap_err(), ContentError::NotCanonical);
    let moved = [&bytes[2..], &bytes[..2]].concat();
    assert_eq!(Confirmation::decode(&moved).unwrap_err(), ContentError::NotCanonical);
    let notice = samples::notice().encode();
    let refused = Notice::decode(&[&notice[..], &[0xa0, 0x06, 0x01]].concat()).unwrap_err();
    assert_eq!(refused, ContentError::NotCanonical);
}

#[test]
fn a_name_that_is_not_composed_is_refused() {
    check(|message| message.lines[0].name = "か\u{3099}".to_owned(), ContentError::NotCanonical);
}

#[test]
fn contents_cut_short_are_refused() {
    let bytes = samples::confirmation().encode();
    for end in 0..bytes.len() {
        assert!(Confirmation::decode(&bytes[..end]).is_err(), "{end} bytes");
    }
    let bytes = samples::notice().encode();
    for end in 0..bytes.len() {
        // What is cut may be the last fields: then it is another notice, whose signature fails.
        if let Ok(shorter) = Notice::decode(&bytes[..end]) {
            assert_ne!(shorter, samples::notice());
        }
    }
}

#[test]
fn a_notice_is_of_an_end_and_has_a_number() {
    let check = |spoil: &dyn Fn(&mut v1::Notice), field| {
        let mut message = v1::Notice::decode(samples::notice().encode()).unwrap();
        spoil(&mut message);
        let refused = Notice::decode(&message.encode_to_vec()).unwrap_err();
        assert_eq!(refused, ContentError::Field(FieldError(field)));
    };
    check(&|notice| notice.number = 0, "number");
    check(&|notice| notice.state = v1::PaymentState::Pending.into(), "state");
    check(&|notice| notice.state = 0, "state");
    check(&|notice| notice.reason = 9, "reason");
    check(&|notice| notice.reason = 65_546, "reason");
    check(&|notice| notice.approval_number = None, "approval_number");
    check(&|notice| notice.approval_number = Some(1_000_000), "approval_number");
    check(&|notice| notice.reference = None, "reference");
    check(&|notice| notice.currency.clear(), "currency");
}

#[test]
fn a_notice_changed_in_any_bit_is_not_believed() {
    let genuine = samples::signed(&samples::notice());
    assert_eq!(genuine.verify(&samples::server_key()), Ok(samples::notice()));
    let other_key = ServerKey::from_bytes([0x56; 32]);
    assert_eq!(genuine.verify(&other_key), Err(ContentError::Signature));
    let refused = |forged: &SignedNotice| {
        assert_eq!(forged.verify(&samples::server_key()), Err(ContentError::Signature));
    };
    for bit in 0..32 * 8 {
        let mut forged = genuine.clone();
        forged.signature.0[bit / 8] ^= 1 << (bit % 8);
        refused(&forged);
        let mut forged = genuine.clone();
        forged.content_digest.0[bit / 8] ^= 1 << (bit % 8);
        refused(&forged);
    }
    for bit in 0..genuine.notice.len() * 8 {
        let mut bytes = genuine.notice.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&SignedNotice { notice: bytes.into(), ..genuine.clone() });
    }
}
