//! Every message by name, with what it says in words.

use bytes::Bytes;
use kessai_wire::terms::Reason;
use kessai_wire::terms::collation::{GatewayNonce, PeerName, ServerNonce, Signature};
use kessai_wire::{
    Answer, Call, Delivery, Enrol, EnrolAnswer, HandsetRequest, Hello, Identity, Limits, Message,
    Payment, Push, Refusal, Request, RequestId, ReverseCause, SoftwareName, TerminalRequest,
    Verdict, Welcome,
};

use super::{
    NOW_MS, approved, call, cancelled_early, captured_in_part, declined, declined_notice,
    delivered_in_part, enrol_handset, enrol_peer, facts, foreign_notice, handset, handset_call,
    hub_prove, notice, payment_id, pending, presented, prompt, proof_result, prove, purchase,
    purchase_by_code, receipt, refund, refunded, signed, terminal_call, totals,
};

/// Every call by name, with what it says in words.
pub fn calls() -> Vec<(&'static str, &'static str, Call)> {
    use HandsetRequest::{Attach, PresentCode, Prove, Recent, Refuse};
    use TerminalRequest as Asks;
    use TerminalRequest::{Cancel, Delivered, Open, Reverse, Status, Totals};
    let id = payment_id();
    let mut calls = greetings();
    calls.extend([
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
    ]);
    calls
}

/// What opens a conversation.
fn greetings() -> Vec<(&'static str, &'static str, Call)> {
    let hello = Hello {
        from: Some(Identity::Terminal("POS00001".parse().unwrap())),
        versions: vec![1],
        software: Some(SoftwareName::new("till 3.1").unwrap()),
        receipt: None,
    };
    let returning = Hello { receipt: Some(receipt()), ..hello.clone() };
    vec![
        (
            "hello",
            "terminal POS00001 speaks version 1, software till 3.1",
            call(1, Request::Hello(hello)),
        ),
        (
            "hello_receipt",
            "the same, with the receipt of record 1234567 in epoch 7",
            call(1, Request::Hello(returning)),
        ),
    ]
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
    let mut messages = payments();
    messages.extend([
        ("welcome", "version 1, route 0a0b0c0d, limits", answer(1, Answer::Welcome(welcome))),
        ("welcome_hub", "the same to a hub, nonce 80..", answer(1, Answer::Welcome(hub_welcome))),
        ("echoed", "the bytes 01 02 03", answer(2, Answer::Echo(Bytes::from_static(&[1, 2, 3])))),
        ("refusal", "busy, ask again after 500 ms", answer(3, Answer::Refusal(busy))),
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
    ]);
    messages
}

/// How a payment can stand.
fn payments() -> Vec<(&'static str, &'static str, Message)> {
    let answer = |number, payment| {
        Message::Answer(RequestId::new(number).unwrap(), Answer::Payment(payment))
    };
    vec![
        ("payment_captured", "493 yen, approval 000042", answer(3, approved())),
        (
            "payment_receipt",
            "the same, with the receipt of record 1234567 in epoch 7",
            answer(3, Payment { receipt: Some(receipt()), ..approved() }),
        ),
        (
            "payment_captured_part",
            "213 of 493 yen: a rice ball and the stamp",
            answer(6, captured_in_part()),
        ),
        ("payment_pending", "the customer is asked", answer(5, pending())),
        (
            "payment_declined",
            "too little money, told as not_honoured",
            answer(3, declined(Reason::NotHonoured)),
        ),
        ("payment_cancelled", "before its open came", answer(4, cancelled_early())),
        ("payment_refunded", "93 of 493 yen went back, by this refund", answer(11, refunded())),
    ]
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
