//! One fixed value of everything, shared by the tests.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::num::NonZeroU64;

use bytes::Bytes;
use kessai_wire::terms::collation::{
    ActivationCode, ChannelBinding, ContentDigest, DeviceKey, DeviceKeys, GatewayNonce,
    HandsetNonce, PeerName, Proof, Salt, ServerKey, ServerNonce, Signature, SpkiHash, StoredKey,
    content_digest,
};
use kessai_wire::terms::{
    Amount, ApprovalNumber, Basket, Currency, DeviceId, Gtin, Line, PaymentId, PresentmentCode,
    Reason, Reference, Rounding, Tax, TaxRate,
};
use kessai_wire::{
    Answer, Approval, Call, Capture, CaptureTerms, Confirmation, CurrencyTotals, DeliveredLines,
    Delivery, Enrol, EnrolAnswer, EnrolHandset, EnrolPeer, Exchange, ForeignPrice, Handset,
    HandsetRequest, Hello, Identity, Limits, Message, Notice, Payer, Payment, PaymentState,
    PresentedCode, Prompt, ProofResult, Prove, Purchase, Push, Refund, RefundDone, Refusal,
    Request, RequestId, ReverseCause, SignedNotice, SoftwareName, Tally, TerminalFacts,
    TerminalKind, TerminalRequest, TerminalTotals, Verdict, Welcome,
};

pub const NOW_MS: u64 = 1_790_000_000_000;

pub fn payment_id() -> PaymentId {
    PaymentId::from_parts(NOW_MS, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
}

pub fn handset() -> Handset {
    Handset { customer: "1234-567-890".parse().unwrap(), device: DeviceId([0x10; 16]) }
}

pub fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

pub fn lines() -> Vec<Line> {
    let line = |code: &str, name: &str, unit_price, quantity, discount, tax| Line {
        code: Gtin::new(code).unwrap(),
        name: name.parse().unwrap(),
        unit_price: yen(unit_price),
        quantity,
        discount: yen(discount),
        tax,
    };
    vec![
        line("4901234567894", "おにぎり 鮭", 130, 2, 20, Tax::Exclusive(TaxRate::JAPAN_REDUCED)),
        line("49968712", "緑茶 500ml", 150, 1, 0, Tax::Included(TaxRate::JAPAN_REDUCED)),
        line("4901234567894", "切手", 84, 1, 0, Tax::Exempt),
    ]
}

/// 240 and 8 % of it rounded down, 150, 84.
pub const TOTAL: u64 = 240 + 19 + 150 + 84;

pub fn purchase() -> Purchase {
    Purchase {
        payment: payment_id(),
        payer: Payer::Customer("1234-567-890".parse().unwrap()),
        lines: lines(),
        claimed_total: yen(TOTAL),
        currency: Currency::JPY,
        capture: Capture::AtApproval,
    }
}

pub fn presentment_code() -> PresentmentCode {
    "314 159 2653".parse().unwrap()
}

/// The same by a code, at a machine.
pub fn purchase_by_code() -> Purchase {
    Purchase { payer: Payer::Code(presentment_code()), capture: Capture::OnDelivery, ..purchase() }
}

/// One of the two rice balls and the stamp came out, the tea did not.
pub fn delivered_in_part() -> Delivery {
    Delivery::Lines(DeliveredLines::new([(0, 1), (1, 0), (2, 1)]).unwrap())
}

pub fn refund() -> Refund {
    Refund { refund: refund_id(), payment: payment_id(), amount: yen(93) }
}

pub fn refund_id() -> PaymentId {
    PaymentId::from_parts(NOW_MS + 60_000, [11; 10])
}

pub fn confirmation() -> Confirmation {
    Confirmation {
        payment: payment_id(),
        terminal: "POS00001".parse().unwrap(),
        merchant: "M1".parse().unwrap(),
        merchant_name: "やまと商店".parse().unwrap(),
        store: "S1".parse().unwrap(),
        store_name: "やまと 駅前店".parse().unwrap(),
        customer: "1234-567-890".parse().unwrap(),
        basket: Basket::check(lines(), Rounding::Down, yen(TOTAL)).unwrap(),
        currency: Currency::JPY,
        exchange: None,
        opened_at_ms: NOW_MS,
        utc_offset_minutes: 540,
        expires_at_ms: NOW_MS + 60_000,
        capture: CaptureTerms::AtApproval,
    }
}

/// The same abroad, at a vending machine west of Greenwich.
pub fn foreign_confirmation() -> Confirmation {
    let total = Amount::new(330).unwrap().of(Currency::EUR);
    Confirmation {
        currency: Currency::JPY,
        exchange: Some(Exchange { total, rate: "0.0067".parse().unwrap(), markup_bp: 150 }),
        utc_offset_minutes: -150,
        capture: CaptureTerms::OnDelivery { within_ms: 120_000 },
        ..confirmation()
    }
}

pub fn approval() -> Approval {
    Approval {
        number: ApprovalNumber::new(42).unwrap(),
        reference: Reference::new(626_412_000_042).unwrap(),
    }
}

pub fn notice() -> Notice {
    Notice {
        number: NonZeroU64::new(7).unwrap(),
        payment: payment_id(),
        state: PaymentState::Captured,
        reason: Reason::Approved,
        price: yen(TOTAL).of(Currency::JPY),
        store_name: "やまと 駅前店".parse().unwrap(),
        merchant_name: "やまと商店".parse().unwrap(),
        at_ms: NOW_MS + 3_000,
        approval: Some(approval()),
        captured: yen(TOTAL),
        refunded: Amount::ZERO,
        foreign: None,
    }
}

/// 493 yen came to 3.30 euro, of which 0.62 went back.
pub fn foreign_notice() -> Notice {
    Notice {
        number: NonZeroU64::new(9).unwrap(),
        payment: PaymentId::from_parts(NOW_MS + 1, [9; 10]),
        state: PaymentState::PartlyRefunded,
        price: Amount::new(330).unwrap().of(Currency::EUR),
        captured: Amount::new(330).unwrap(),
        refunded: Amount::new(62).unwrap(),
        foreign: Some(ForeignPrice {
            price: yen(TOTAL).of(Currency::JPY),
            rate: "0.0067".parse().unwrap(),
            markup_bp: 150,
        }),
        ..notice()
    }
}

pub fn declined_notice() -> Notice {
    Notice {
        number: NonZeroU64::new(8).unwrap(),
        state: PaymentState::Declined,
        reason: Reason::TriesExceeded,
        approval: None,
        captured: Amount::ZERO,
        ..notice()
    }
}

pub fn server_key() -> ServerKey {
    ServerKey::from_bytes([0x55; 32])
}

pub fn digest() -> ContentDigest {
    content_digest(&confirmation().encode())
}

pub fn signed(notice: &Notice) -> SignedNotice {
    SignedNotice::sign(&server_key(), digest(), notice.encode())
}

pub fn approved() -> Payment {
    Payment {
        payment: payment_id(),
        state: PaymentState::Captured,
        reason: Some(Reason::Approved),
        price: Some(yen(TOTAL).of(Currency::JPY)),
        captured: yen(TOTAL),
        refunded: Amount::ZERO,
        approval: Some(approval()),
        business_date: Some(20_260_921),
        opened_at_ms: Some(NOW_MS),
        ended_at_ms: Some(NOW_MS + 3_000),
        expires_at_ms: None,
        refund: None,
    }
}

/// One rice ball and the stamp came out.
pub fn captured_in_part() -> Payment {
    Payment { captured: yen(129 + 84), ..approved() }
}

/// After a refund of 93 yen.
pub fn refunded() -> Payment {
    Payment {
        state: PaymentState::PartlyRefunded,
        refunded: yen(93),
        business_date: Some(20_260_922),
        refund: Some(RefundDone {
            refund: refund_id(),
            amount: yen(93),
            reference: Reference::new(626_412_000_043).unwrap(),
            business_date: 20_260_922,
        }),
        ..approved()
    }
}

pub fn totals() -> TerminalTotals {
    let tally = |count, minor| Tally { count, amount: Amount::new(minor).unwrap() };
    let none = Tally::default();
    TerminalTotals {
        business_date: 20_260_921,
        currencies: vec![
            CurrencyTotals {
                currency: Currency::JPY,
                captured: tally(12, 5_916),
                reversed: tally(1, 493),
                refunded: tally(2, 186),
            },
            CurrencyTotals {
                currency: Currency::USD,
                captured: tally(1, 12_715),
                reversed: none,
                refunded: none,
            },
        ],
    }
}

pub fn facts() -> TerminalFacts {
    TerminalFacts {
        merchant: "M1".parse().unwrap(),
        merchant_name: "やまと商店".parse().unwrap(),
        invoice_number: Some("T7123456789012".parse().unwrap()),
        store: "S1".parse().unwrap(),
        store_name: "やまと 駅前店".parse().unwrap(),
        currency: Currency::JPY,
        rounding: Rounding::Down,
        kind: TerminalKind::PointOfSale,
        utc_offset_minutes: 540,
    }
}

/// Given on the connection with the channel binding cb.. until a minute from now.
pub fn presented() -> PresentedCode {
    let (channel, _) = binding();
    PresentedCode::sign(&server_key(), &channel, presentment_code(), NOW_MS + 60_000)
}

pub fn pending() -> Payment {
    Payment {
        state: PaymentState::Pending,
        reason: None,
        captured: Amount::ZERO,
        approval: None,
        business_date: None,
        ended_at_ms: None,
        expires_at_ms: Some(NOW_MS + 60_000),
        ..approved()
    }
}

pub fn declined(reason: Reason) -> Payment {
    Payment {
        state: PaymentState::Declined,
        reason: Some(reason),
        captured: Amount::ZERO,
        approval: None,
        ..approved()
    }
}

/// Cancelled by its terminal before its open came.
pub fn cancelled_early() -> Payment {
    Payment {
        state: PaymentState::Cancelled,
        reason: Some(Reason::CancelledByTerminal),
        price: None,
        captured: Amount::ZERO,
        approval: None,
        opened_at_ms: None,
        ..approved()
    }
}

fn call(number: u64, body: Request) -> Call {
    let route = match body {
        Request::Hello(_) => Bytes::new(),
        Request::Echo(_) | Request::Terminal(..) | Request::Handset(..) => {
            Bytes::from_static(&[0x0a, 0x0b, 0x0c, 0x0d])
        }
    };
    Call { request: RequestId::new(number).unwrap(), route, body }
}

pub fn terminal_call(number: u64, request: TerminalRequest) -> Call {
    call(number, Request::Terminal("POS00001".parse().unwrap(), request))
}

pub fn handset_call(number: u64, request: HandsetRequest) -> Call {
    call(number, Request::Handset(handset(), request))
}

pub fn prove() -> Prove {
    Prove {
        payment: payment_id(),
        server_nonce: ServerNonce([0xc0; 32]),
        handset_nonce: HandsetNonce([0xe0; 32]),
        proof: Proof([0x77; 32]),
        hub_tag: None,
        shown_ago_ms: Some(4_200),
    }
}

/// The same through a carrier hub, by a handset that does not know when it showed the purchase.
pub fn hub_prove() -> Prove {
    Prove { hub_tag: Some(Signature([0x7a; 32])), shown_ago_ms: None, ..prove() }
}

/// Every call by name, with what it says in words.
pub fn calls() -> Vec<(&'static str, &'static str, Call)> {
    use HandsetRequest::{Attach, PresentCode, Prove, Recent, Refuse};
    use TerminalRequest as Asks;
    use TerminalRequest::{Cancel, Delivered, Open, Reverse, Status, Totals};
    let hello = Hello {
        from: Some(Identity::Terminal("POS00001".parse().unwrap())),
        versions: vec![1],
        software: Some(SoftwareName::new("till 3.1").unwrap()),
    };
    let id = payment_id();
    vec![
        (
            "hello",
            "terminal POS00001 speaks version 1, software till 3.1",
            call(1, Request::Hello(hello)),
        ),
        ("echo", "the bytes 01 02 03", call(2, Request::Echo(Bytes::from_static(&[1, 2, 3])))),
        (
            "open",
            "3 lines, 493 yen, from customer 1234-567-890",
            terminal_call(3, Open(purchase())),
        ),
        ("cancel", "of that payment", terminal_call(4, Cancel(id))),
        ("status", "of that payment", terminal_call(5, Status(id))),
        (
            "open_code",
            "the same at a machine, from whoever shows the code 3141592653",
            terminal_call(3, Open(purchase_by_code())),
        ),
        ("delivered", "all of that payment", terminal_call(6, Delivered(id, Delivery::All))),
        (
            "delivered_part",
            "1 piece of line 0, none of line 1, 1 of line 2",
            terminal_call(6, Delivered(id, delivered_in_part())),
        ),
        ("reverse", "of that payment", terminal_call(7, Reverse(id, ReverseCause::OnRequest))),
        (
            "reverse_not_dispensed",
            "of that payment",
            terminal_call(7, Reverse(id, ReverseCause::NotDispensed)),
        ),
        ("refund", "93 yen of that payment", terminal_call(11, Asks::Refund(refund()))),
        ("totals", "of 2026-09-21", terminal_call(12, Totals { business_date: Some(20_260_921) })),
        (
            "totals_current",
            "of the current business date",
            terminal_call(12, Totals { business_date: None }),
        ),
        ("facts", "of that terminal", terminal_call(13, Asks::Facts)),
        ("attach", "seen up to notice 6", handset_call(8, Attach { seen: 6, hub_proof: None })),
        (
            "attach_hub",
            "seen up to notice 6, through a hub, proof a7..",
            handset_call(8, Attach { seen: 6, hub_proof: Some(Signature([0xa7; 32])) }),
        ),
        (
            "prove",
            "nonces c0.., e0.., proof 77.., shown 4.2 s ago",
            handset_call(9, Prove(prove())),
        ),
        (
            "prove_hub",
            "the same through a hub, tag 7a.., shown unknown",
            handset_call(9, Prove(hub_prove())),
        ),
        ("refuse", "of that payment", handset_call(10, Refuse(id))),
        ("present_code", "a code, please", handset_call(14, PresentCode)),
        ("recent", "recent payments, please", handset_call(15, Recent)),
    ]
}

pub fn prompt() -> Prompt {
    Prompt {
        content: confirmation().encode(),
        server_nonce: ServerNonce([0xc0; 32]),
        tries_left: 3,
        gateway_time_ms: NOW_MS + 5,
    }
}

pub fn proof_result(verdict: Verdict) -> Message {
    let answer = Answer::ProofResult(ProofResult { payment: payment_id(), verdict });
    Message::Answer(RequestId::new(9).unwrap(), answer)
}

/// Every message to a peer by name, with what it says in words.
pub fn messages() -> Vec<(&'static str, &'static str, Message)> {
    let answer = |number, answer| Message::Answer(RequestId::new(number).unwrap(), answer);
    let signature = Signature([0x99; 32]);
    let server_nonce = ServerNonce([0xc1; 32]);
    let welcome = Welcome {
        version: 1,
        gateway_time_ms: NOW_MS,
        route: Bytes::from_static(&[0x0a, 0x0b, 0x0c, 0x0d]),
        limits: Limits { max_frame_bytes: 32_768, max_in_flight: 64, idle_timeout_ms: 30_000 },
        gateway: SoftwareName::new("kessai-1").unwrap(),
        hub_nonce: None,
    };
    let hub_welcome = Welcome { hub_nonce: Some(GatewayNonce([0x80; 32])), ..welcome.clone() };
    let busy = Refusal::to_terminal(Reason::Busy, 500);
    let (approved_end, declined_end) = (signed(&notice()), signed(&declined_notice()));
    let approved_verdict = Verdict::Approved { signature, notice: approved_end.clone() };
    let declined_verdict = Verdict::Declined { signature, notice: declined_end.clone() };
    let again = Verdict::TryAgain { signature, tries_left: 2, server_nonce };
    vec![
        ("welcome", "version 1, route 0a0b0c0d, limits", answer(1, Answer::Welcome(welcome))),
        ("welcome_hub", "the same to a hub, nonce 80..", answer(1, Answer::Welcome(hub_welcome))),
        ("echoed", "the bytes 01 02 03", answer(2, Answer::Echo(Bytes::from_static(&[1, 2, 3])))),
        ("refusal", "busy, ask again after 500 ms", answer(3, Answer::Refusal(busy))),
        ("payment_captured", "493 yen, approval 000042", answer(3, Answer::Payment(approved()))),
        (
            "payment_captured_part",
            "213 of 493 yen: a rice ball and the stamp",
            answer(6, Answer::Payment(captured_in_part())),
        ),
        ("payment_pending", "the customer is asked", answer(5, Answer::Payment(pending()))),
        (
            "payment_declined",
            "too little money, told as not_honoured",
            answer(3, Answer::Payment(declined(Reason::NotHonoured))),
        ),
        (
            "payment_cancelled",
            "before its open came",
            answer(4, Answer::Payment(cancelled_early())),
        ),
        (
            "payment_refunded",
            "93 of 493 yen went back, by this refund",
            answer(11, Answer::Payment(refunded())),
        ),
        ("terminal_totals", "yen and dollars", answer(12, Answer::Totals(totals()))),
        ("terminal_facts", "a till in Japan", answer(13, Answer::Facts(facts()))),
        ("attached", "latest notice is 7", answer(8, Answer::Attached { latest: 7 })),
        ("proof_approved", "with the approval", proof_result(approved_verdict)),
        ("proof_wrong", "2 tries left, next nonce c1..", proof_result(again)),
        ("proof_wrong_last", "with the decline", proof_result(declined_verdict)),
        ("proof_stale", "prove with c1..", proof_result(Verdict::Stale { server_nonce })),
        ("notice_answer", "the end that Refuse met", answer(10, Answer::Notice(approved_end))),
        ("presentment_code", "3141592653, VK 55.., cb cb..", answer(14, Answer::Code(presented()))),
        (
            "recent_payments",
            "notices 9 and 7",
            answer(15, Answer::Recent(vec![signed(&foreign_notice()), signed(&notice())])),
        ),
        (
            "draining",
            "come back after 2 s",
            Message::Push(Push::Draining { reconnect_after_ms: 2_000 }),
        ),
        (
            "prompt",
            "the confirmation, 3 tries left",
            Message::Push(Push::Prompt(handset(), prompt())),
        ),
        ("notice_push", "declined", Message::Push(Push::Notice(handset(), declined_end))),
    ]
}

/// The connection of the enrolments below, and the key that enrols on it.
pub fn binding() -> (ChannelBinding, SpkiHash) {
    (ChannelBinding([0xcb; 32]), SpkiHash([0x5b; 32]))
}

pub fn code() -> ActivationCode {
    ActivationCode::from_bytes([0x90; 16])
}

pub fn device_keys() -> DeviceKeys {
    DeviceKeys {
        stored: StoredKey::from_bytes([0x51; 32]),
        server: ServerKey::from_bytes([0x55; 32]),
        device: DeviceKey::from_bytes([0xd1; 32]),
    }
}

pub fn enrol_handset() -> EnrolHandset {
    let (channel, spki) = binding();
    EnrolHandset::new(handset(), Salt([0x5a; 16]), device_keys(), &code(), (&channel, &spki))
}

pub fn enrol_peer(peer: PeerName) -> EnrolPeer {
    let (channel, spki) = binding();
    EnrolPeer::new(peer, &code(), &channel, &spki)
}

/// Every request of an enrolment by name, with what it says in words.
pub fn enrolments() -> Vec<(&'static str, &'static str, Enrol)> {
    let terminal = PeerName::Terminal("POS00001".parse().unwrap());
    let controller = PeerName::Controller("C1".parse().unwrap());
    let hub = PeerName::Hub("H1".parse().unwrap());
    vec![
        (
            "enrol_handset",
            "code 90.., cb cb.., SPKI hash 5b.., salt 5a.., SK 51.., VK 55.., DK d1..",
            Enrol::Handset(Box::new(enrol_handset())),
        ),
        (
            "enrol_terminal",
            "POS00001, code 90.., cb cb.., SPKI hash 5b..",
            Enrol::Peer(enrol_peer(terminal)),
        ),
        ("enrol_controller", "C1, the same", Enrol::Peer(enrol_peer(controller))),
        ("enrol_hub", "H1, the same", Enrol::Peer(enrol_peer(hub))),
    ]
}

/// Every answer to one by name, with what it says in words.
pub fn enrolment_answers() -> Vec<(&'static str, &'static str, EnrolAnswer)> {
    let refusal = Refusal::to_handset(Reason::EnrolmentRefused, 0);
    vec![
        ("enrolled", "at 1790000000000 ms", EnrolAnswer::Enrolled { gateway_time_ms: NOW_MS }),
        ("enrolment_refused", "for whatever reason", EnrolAnswer::Refused(refusal)),
    ]
}
