//! What is refused, and with which reason; of several faults the foremost is told.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use bytes::Bytes;
use kessai_wire::terms::Reason;
use kessai_wire::v1::{self, CloseCode, ToGateway, to_gateway::Body};
use kessai_wire::{
    Answer, Call, CallError, DeliveredLines, HandsetRequest, Message, Payer, Request,
    TerminalRequest,
};

#[path = "support/samples.rs"]
mod samples;

fn open() -> ToGateway {
    ToGateway::from(&samples::terminal_call(3, TerminalRequest::Open(samples::purchase())))
}

fn prove() -> ToGateway {
    ToGateway::from(&samples::handset_call(9, HandsetRequest::Prove(samples::prove())))
}

fn check(message: &ToGateway, expected: Reason) {
    match Call::parse(message) {
        Err(refused @ CallError::Refused { request, reason }) => {
            assert_eq!(reason, expected);
            assert_eq!(request.number(), message.request);
            assert_eq!(refused.close_code(), None, "the connection goes on");
        }
        other => panic!("{expected} expected, not {other:?}"),
    }
}

fn check_open(spoil: impl FnOnce(&mut v1::Open), expected: Reason) {
    let mut message = open();
    let Some(Body::Open(body)) = &mut message.body else { panic!("an open") };
    spoil(body);
    check(&message, expected);
}

fn check_line(spoil: impl FnOnce(&mut v1::PurchaseLine), expected: Reason) {
    check_open(|open| spoil(&mut open.lines[1]), expected);
}

#[test]
fn a_request_without_number_or_of_unknown_kind_ends_the_connection() {
    let unnumbered = Call::parse(&ToGateway { request: 0, ..open() }).unwrap_err();
    assert_eq!(unnumbered.close_code(), Some(CloseCode::Protocol));
    let unknown = Call::parse(&ToGateway { body: None, ..open() }).unwrap_err();
    assert_eq!(unknown.close_code(), Some(CloseCode::UnknownMessage));
}

#[test]
fn a_role_asks_for_what_is_its_own() {
    let handset = prove().from;
    let terminal = open().from;
    let hub = v1::identity::Kind::Hub("H1".to_owned());
    let hub = Some(v1::Identity { kind: Some(hub) });
    check(&ToGateway { from: handset, ..open() }, Reason::RoleNotPermitted);
    check(&ToGateway { from: terminal, ..prove() }, Reason::RoleNotPermitted);
    check(&ToGateway { from: hub.clone(), ..open() }, Reason::RoleNotPermitted);
    check(&ToGateway { from: hub, ..prove() }, Reason::RoleNotPermitted);
    check(&ToGateway { from: None, ..open() }, Reason::Malformed);
    check(&ToGateway { from: None, ..prove() }, Reason::Malformed);
    for (name, _, call) in samples::calls() {
        let message = ToGateway::from(&call);
        let stranger = match call.body {
            Request::Hello(_) | Request::Echo(_) => continue,
            Request::Terminal(..) => prove().from,
            Request::Handset(..) => open().from,
        };
        assert_ne!(message.from, stranger, "{name}");
        check(&ToGateway { from: stranger, ..message.clone() }, Reason::RoleNotPermitted);
        check(&ToGateway { from: None, ..message }, Reason::Malformed);
    }
}

#[test]
fn an_identity_that_nobody_can_have_is_malformed() {
    let kinds = [
        None,
        Some(v1::identity::Kind::Terminal(String::new())),
        Some(v1::identity::Kind::Terminal("POS000001".to_owned())),
        Some(v1::identity::Kind::Terminal("POS 1".to_owned())),
        Some(v1::identity::Kind::Handset(v1::Handset::default())),
        Some(v1::identity::Kind::Handset(v1::Handset {
            customer_id: "1234-567-890".to_owned(),
            device_id: Bytes::from_static(&[0; 15]),
        })),
        Some(v1::identity::Kind::Controller("C".repeat(16))),
    ];
    for kind in kinds {
        check(&ToGateway { from: Some(v1::Identity { kind }), ..open() }, Reason::Malformed);
    }
}

#[test]
fn a_route_or_an_echo_too_long_is_malformed() {
    check(&ToGateway { route: vec![0; 65].into(), ..open() }, Reason::Malformed);
    let echo = |length| ToGateway {
        body: Some(Body::Echo(v1::Echo { payload: vec![0; length].into() })),
        ..open()
    };
    assert!(Call::parse(&echo(1_024)).is_ok());
    check(&echo(1_025), Reason::Malformed);
}

#[test]
fn a_hello_lists_some_versions_and_a_readable_name() {
    let hello = |versions: Vec<u32>, software: &str| ToGateway {
        body: Some(Body::Hello(v1::Hello {
            versions,
            software: software.to_owned(),
            receipt: None,
        })),
        ..open()
    };
    assert!(Call::parse(&hello(vec![1; 16], "")).is_ok());
    check(&hello(vec![], ""), Reason::Malformed);
    check(&hello(vec![1; 17], ""), Reason::Malformed);
    check(&hello(vec![1], "till\u{202e}"), Reason::TextForbidden);
    check(&hello(vec![1], &"t".repeat(65)), Reason::TextTooLong);
    check(&hello(vec![], &"t".repeat(65)), Reason::Malformed);
}

#[test]
fn a_payment_id_is_a_uuid_of_version_7() {
    let id = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    let good = *samples::payment_id().as_bytes();
    let mut of_version_4 = good;
    of_version_4[6] = 0x40;
    let mut of_other_variant = good;
    of_other_variant[8] = 0xc0;
    for wrong in [
        &[][..],
        &good[..15],
        &[good.as_slice(), &[0]].concat(),
        &[0; 16],
        &of_version_4,
        &of_other_variant,
    ] {
        check_open(|open| open.payment_id = id(wrong), Reason::PaymentIdInvalid);
        let payment_id = id(wrong);
        let bodies = [
            Body::Cancel(v1::Cancel { payment_id: payment_id.clone() }),
            Body::Status(v1::Status { payment_id: payment_id.clone() }),
            Body::Delivered(v1::Delivered { payment_id: payment_id.clone(), lines: vec![] }),
            Body::Reverse(v1::Reverse { payment_id: payment_id.clone(), cause: 1 }),
            Body::Refund(v1::Refund { payment_id: payment_id.clone(), ..good_refund() }),
            Body::Refund(v1::Refund { refund_id: payment_id.clone(), ..good_refund() }),
        ];
        for body in bodies {
            check(&ToGateway { body: Some(body), ..open() }, Reason::PaymentIdInvalid);
        }
        let refuse = Body::Refuse(v1::Refuse { payment_id });
        check(&ToGateway { body: Some(refuse), ..prove() }, Reason::PaymentIdInvalid);
    }
}

#[test]
fn a_basket_is_bounded_and_readable() {
    check_open(|open| open.lines.clear(), Reason::BasketEmpty);
    check_open(|open| open.lines = vec![open.lines[0].clone(); 201], Reason::TooManyLines);
    check_line(|line| line.name = "茶\u{200b}".to_owned(), Reason::TextForbidden);
    check_line(|line| line.name = "茶\u{7}".to_owned(), Reason::TextForbidden);
    check_line(|line| line.name = String::new(), Reason::TextForbidden);
    check_line(|line| line.name = "茶".repeat(65), Reason::TextTooLong);
    check_line(|line| line.code = "49968713".to_owned(), Reason::ProductCodeInvalid);
    check_line(|line| line.code = "abc".to_owned(), Reason::ProductCodeInvalid);
    check_line(|line| line.quantity = 0, Reason::QuantityInvalid);
    check_line(|line| line.quantity = 10_000, Reason::QuantityInvalid);
    check_line(|line| line.discount_minor = 151, Reason::AmountInvalid);
    check_line(|line| line.tax_rate_bp = 5_001, Reason::AmountInvalid);
    check_line(|line| line.tax_rate_bp = 66_536, Reason::AmountInvalid);
    check_line(|line| line.unit_price_minor = u64::MAX, Reason::AmountOverflow);
    check_line(|line| line.tax = 0, Reason::Malformed);
    check_line(|line| line.tax = 9, Reason::Malformed);
    check_line(|line| line.tax = v1::TaxKind::Exempt.into(), Reason::Malformed);
}

#[test]
fn money_has_a_known_currency_and_a_payer() {
    check_open(|open| open.currency = "XXX".to_owned(), Reason::CurrencyUnknown);
    check_open(|open| open.currency = "jpy".to_owned(), Reason::CurrencyUnknown);
    check_open(|open| open.currency = String::new(), Reason::CurrencyUnknown);
    check_open(|open| open.total_minor = u64::MAX, Reason::AmountOverflow);
    check_open(|open| open.capture = 0, Reason::Malformed);
    check_open(|open| open.payer = None, Reason::Malformed);
    let customer = |id: &str| Some(v1::open::Payer::CustomerId(id.to_owned()));
    check_open(|open| open.payer = customer(""), Reason::CustomerIdInvalid);
    check_open(|open| open.payer = customer("1234_567"), Reason::CustomerIdInvalid);
}

#[test]
fn a_presentment_code_has_its_digits_and_its_check_digit() {
    let code = |text: &str| Some(v1::open::Payer::PresentmentCode(text.to_owned()));
    for text in ["", "3141592654", "314159265", "31415926533", "314159265x", " 3141592653"] {
        check_open(|open| open.payer = code(text), Reason::CodeNotValid);
    }
    let mut message = open();
    let Some(Body::Open(body)) = &mut message.body else { panic!("an open") };
    body.payer = code("314-159 2653");
    let Request::Terminal(_, TerminalRequest::Open(purchase)) = Call::parse(&message).unwrap().body
    else {
        panic!("an open")
    };
    assert_eq!(purchase.payer, Payer::Code(samples::presentment_code()));
}

fn good_id() -> Bytes {
    Bytes::copy_from_slice(samples::payment_id().as_bytes())
}

fn good_refund() -> v1::Refund {
    let refund_id = Bytes::copy_from_slice(samples::refund_id().as_bytes());
    v1::Refund { refund_id, payment_id: good_id(), amount_minor: 93 }
}

fn check_body(body: Body, expected: Reason) {
    check(&ToGateway { body: Some(body), ..open() }, expected);
}

#[test]
fn a_delivery_names_each_line_once_with_pieces_that_it_can_have() {
    let check = |lines: &[(u32, u32)], expected| {
        let lines = lines.iter().map(|&(line, quantity)| v1::DeliveredLine { line, quantity });
        let delivered = v1::Delivered { payment_id: good_id(), lines: lines.collect() };
        check_body(Body::Delivered(delivered), expected);
    };
    check(&[(0, 1), (1, 1), (0, 1)], Reason::Malformed);
    check(&[(200, 1)], Reason::Malformed);
    check(&[(u32::MAX, 1)], Reason::Malformed);
    check(&[(0, 10_000)], Reason::QuantityInvalid);
    check(&[(0, 10_000), (200, 1)], Reason::Malformed);
    let all: Vec<_> = (0..=200).map(|line| (line, 1)).collect();
    check(&all, Reason::Malformed);
    assert_eq!(DeliveredLines::new([]), Err(Reason::Malformed), "none would mean all");
}

#[test]
fn a_reversal_says_why() {
    for cause in [0, 3, -1] {
        let reverse = v1::Reverse { payment_id: good_id(), cause };
        check_body(Body::Reverse(reverse), Reason::Malformed);
    }
    let reverse = v1::Reverse { payment_id: Bytes::new(), cause: 0 };
    check_body(Body::Reverse(reverse), Reason::Malformed);
}

#[test]
fn a_refund_is_of_something() {
    let of = |amount_minor| Body::Refund(v1::Refund { amount_minor, ..good_refund() });
    check_body(of(0), Reason::AmountInvalid);
    check_body(of(1_000_000_000_000_000), Reason::AmountOverflow);
    check_body(of(u64::MAX), Reason::AmountOverflow);
    let nameless = v1::Refund { refund_id: Bytes::new(), amount_minor: 0, ..good_refund() };
    check_body(Body::Refund(nameless), Reason::PaymentIdInvalid);
}

fn check_prove(spoil: impl FnOnce(&mut v1::Prove), expected: Reason) {
    let mut message = prove();
    let Some(Body::Prove(body)) = &mut message.body else { panic!("a prove") };
    spoil(body);
    check(&message, expected);
}

#[test]
fn nonces_and_proofs_have_their_length() {
    for length in [1, 31, 33] {
        let wrong = || Bytes::from(vec![0; length]);
        check_prove(|prove| prove.hub_tag = wrong(), Reason::Malformed);
        let attach = v1::Attach { seen: 0, hub_proof: wrong() };
        check(&ToGateway { body: Some(Body::Attach(attach)), ..prove() }, Reason::Malformed);
    }
    for length in [0, 16, 31, 33, 64] {
        let wrong = || Bytes::from(vec![0; length]);
        check_prove(|prove| prove.server_nonce = wrong(), Reason::Malformed);
        check_prove(|prove| prove.handset_nonce = wrong(), Reason::Malformed);
        check_prove(|prove| prove.proof = wrong(), Reason::Malformed);
    }
    check_prove(|prove| prove.payment_id = Bytes::new(), Reason::PaymentIdInvalid);
}

#[test]
fn of_several_faults_the_foremost_is_told_whatever_their_order() {
    for (first, second) in [(0, 2), (2, 0)] {
        check_open(
            |open| {
                open.lines[first].quantity = 0;
                open.lines[second].code = "1".to_owned();
            },
            Reason::ProductCodeInvalid,
        );
    }
    check_open(
        |open| {
            open.payment_id = Bytes::new();
            open.lines.clear();
            open.currency = String::new();
        },
        Reason::PaymentIdInvalid,
    );
}

#[test]
fn a_proof_is_never_printed() {
    let message = prove();
    let call = Call::parse(&message).unwrap();
    for printed in [format!("{message:?}"), format!("{call:?}")] {
        assert!(
            !printed.contains("77, 77") && !printed.contains("7777") && !printed.contains("www"),
            "{printed}"
        );
    }
}

#[test]
fn a_presentment_code_is_never_printed() {
    let message = ToGateway::from(&samples::terminal_call(
        3,
        TerminalRequest::Open(samples::purchase_by_code()),
    ));
    let call = Call::parse(&message).unwrap();
    let answer = Message::Answer(call.request, Answer::Code(samples::presented()));
    let told = v1::ToPeer::from(&answer);
    for printed in
        [format!("{message:?}"), format!("{call:?}"), format!("{answer:?}"), format!("{told:?}")]
    {
        assert!(!printed.contains("314159") && !printed.contains("314 159"), "{printed}");
        assert!(printed.contains("PresentmentCode"), "{printed}");
    }
}
