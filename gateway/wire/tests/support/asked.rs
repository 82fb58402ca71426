//! Any request that can be made.

use kessai_wire::terms::collation::{HandsetNonce, Proof, ServerNonce};
use kessai_wire::{
    Call, Capture, DeliveredLines, Delivery, HandsetRequest, Hello, Payer, Prove, Purchase, Refund,
    Request, ReverseCause, TerminalRequest,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    any_amount, any_amount_but_zero, any_bytes, any_code, any_currency, any_customer, any_handset,
    any_identity, any_line, any_payment_id, any_presentment_code, any_receipt, any_request_id,
    any_signature, any_text,
};

fn any_payer() -> impl Strategy<Value = Payer> {
    prop_oneof![
        any_customer().prop_map(Payer::Customer),
        any_presentment_code().prop_map(Payer::Code),
    ]
}

fn any_delivery() -> impl Strategy<Value = Delivery> {
    let lines = btree_map(0_u32..200, 0_u32..=9_999, 1..20);
    prop_oneof![
        Just(Delivery::All),
        lines.prop_map(|lines| Delivery::Lines(DeliveredLines::new(lines).unwrap())),
    ]
}

fn any_cause() -> impl Strategy<Value = ReverseCause> {
    select(vec![ReverseCause::OnRequest, ReverseCause::NotDispensed])
}

fn any_refund() -> impl Strategy<Value = Refund> {
    (any_payment_id(), any_payment_id(), any_amount_but_zero())
        .prop_map(|(refund, payment, amount)| Refund { refund, payment, amount })
}

fn any_purchase() -> impl Strategy<Value = Purchase> {
    let capture = select(vec![Capture::AtApproval, Capture::OnDelivery]);
    let lines = vec(any_line(), 1..20);
    (any_payment_id(), any_payer(), lines, any_amount(), any_currency(), capture).prop_map(
        |(payment, payer, lines, claimed_total, currency, capture)| Purchase {
            payment,
            payer,
            lines,
            claimed_total,
            currency,
            capture,
        },
    )
}

fn any_terminal_request() -> impl Strategy<Value = TerminalRequest> {
    prop_oneof![
        any_purchase().prop_map(TerminalRequest::Open),
        any_payment_id().prop_map(TerminalRequest::Cancel),
        any_payment_id().prop_map(TerminalRequest::Status),
        (any_payment_id(), any_delivery())
            .prop_map(|(payment, delivery)| TerminalRequest::Delivered(payment, delivery)),
        (any_payment_id(), any_cause())
            .prop_map(|(payment, cause)| TerminalRequest::Reverse(payment, cause)),
        any_refund().prop_map(TerminalRequest::Refund),
        option::of(1..=u32::MAX)
            .prop_map(|business_date| TerminalRequest::Totals { business_date }),
        Just(TerminalRequest::Facts),
    ]
}

fn any_handset_request() -> impl Strategy<Value = HandsetRequest> {
    let nonces = any::<[[u8; 32]; 3]>();
    let shown = option::of(any::<u32>());
    let prove = (any_payment_id(), nonces, option::of(any_signature()), shown).prop_map(
        |(payment, [sn, hn, proof], hub_tag, shown_ago_ms)| Prove {
            payment,
            server_nonce: ServerNonce(sn),
            handset_nonce: HandsetNonce(hn),
            proof: Proof(proof),
            hub_tag,
            shown_ago_ms,
        },
    );
    prop_oneof![
        (any::<u64>(), option::of(any_signature()))
            .prop_map(|(seen, hub_proof)| HandsetRequest::Attach { seen, hub_proof }),
        prove.prop_map(HandsetRequest::Prove),
        any_payment_id().prop_map(HandsetRequest::Refuse),
        Just(HandsetRequest::PresentCode),
        Just(HandsetRequest::Recent),
    ]
}

fn any_hello() -> impl Strategy<Value = Hello> {
    let receipt = option::of(any_receipt());
    (option::of(any_identity()), vec(any::<u32>(), 1..=16), option::of(any_text()), receipt)
        .prop_map(|(from, versions, software, receipt)| Hello { from, versions, software, receipt })
}

pub fn any_call() -> impl Strategy<Value = Call> {
    let body = prop_oneof![
        any_hello().prop_map(Request::Hello),
        any_bytes(1_024).prop_map(Request::Echo),
        (any_code("[0-9A-Za-z]{1,8}"), any_terminal_request())
            .prop_map(|(terminal, request)| Request::Terminal(terminal, request)),
        (any_handset(), any_handset_request())
            .prop_map(|(handset, request)| Request::Handset(handset, request)),
    ];
    (any_request_id(), any_bytes(64), body).prop_map(|(request, route, body)| Call {
        request,
        route,
        body,
    })
}
