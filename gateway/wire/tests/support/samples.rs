//! One fixed value of everything, shared by the tests.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test takes what it needs")]

mod listed;

use std::num::NonZeroU64;

use bytes::Bytes;
use kessai_wire::terms::collation::{
    ActivationCode, ChannelBinding, ContentDigest, DeviceKey, DeviceKeys, HandsetNonce, PeerName,
    Proof, Salt, SealingKey, ServerKey, ServerNonce, Signature, SpkiHash, StoredKey,
    content_digest,
};
use kessai_wire::terms::receipt::{ChainPrefix, JournalPoint, ReceiptKey};
use kessai_wire::terms::{
    Amount, ApprovalNumber, Basket, Currency, DeviceId, Gtin, JournalReceipt, Line, PaymentId,
    PresentmentCode, Reason, Reference, Rounding, Tax, TaxRate,
};
use kessai_wire::{
    Answer, Approval, Call, Capture, CaptureTerms, Confirmation, CurrencyTotals, DeliveredLines,
    Delivery, EnrolHandset, EnrolPeer, Exchange, ForeignPrice, Handset, HandsetRequest, Message,
    Notice, Payer, Payment, PaymentState, PresentedCode, Prompt, ProofResult, Prove, Purchase,
    Refund, RefundDone, Request, RequestId, SignedNotice, Tally, TerminalFacts, TerminalKind,
    TerminalRequest, TerminalTotals, Verdict,
};

pub use listed::{calls, enrolment_answers, enrolments, messages};

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

/// The receipt of docs/PROTOCOL.md, under the sealing key of 32 bytes 5e.
pub fn receipt() -> JournalReceipt {
    let chain = ChainPrefix([0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7]);
    receipt_key().issue(JournalPoint { epoch: 7, lsn: 1_234_567, partition: 0, chain })
}

pub fn receipt_key() -> ReceiptKey {
    let sealing = SealingKey::new(1, [0x5e; 32]);
    ReceiptKey::from_bytes(*sealing.derive_key(ReceiptKey::PURPOSE))
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
        receipt: None,
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
