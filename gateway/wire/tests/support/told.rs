//! Any answer and any push that can come.

use kessai_wire::terms::collation::{ChannelBinding, GatewayNonce, ServerKey, ServerNonce};
use kessai_wire::terms::{Amount, Currency, InvoiceNumber, Reason, Reference, Rounding};
use kessai_wire::{
    Answer, CurrencyTotals, Limits, Message, Payment, PaymentState, PresentedCode, Prompt,
    ProofResult, Push, RefundDone, Tally, TerminalFacts, TerminalKind, TerminalTotals, Verdict,
    Welcome,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    any_amount, any_amount_but_zero, any_approval, any_bytes, any_code, any_confirmation,
    any_currency, any_handset, any_money, any_payment_id, any_presentment_code, any_receipt,
    any_refusal, any_request_id, any_signature, any_signed, any_text,
};

fn told(state: PaymentState, reason: Reason) -> Reason {
    match (state, reason) {
        (PaymentState::Declined, Reason::InsufficientFunds) => reason,
        (PaymentState::Declined, _) => Reason::NotHonoured,
        (_, _) => reason.told_to_terminal(),
    }
}

/// What was captured, what of it went back, and what of that by the refund that is answered.
fn any_moves() -> impl Strategy<Value = (Amount, Amount, Option<RefundDone>)> {
    let made = option::of((any_payment_id(), 0..=1_000_000_000_000_u64 - 1, 1..=u32::MAX));
    (vec(any_amount(), 3), made).prop_map(|(mut amounts, made)| {
        amounts.sort();
        let done = made.filter(|_| !amounts[0].is_zero()).map(|made| RefundDone {
            refund: made.0,
            amount: amounts[0],
            reference: Reference::new(made.1).unwrap(),
            business_date: made.2,
        });
        (amounts[2], amounts[1], done)
    })
}

fn any_payment() -> impl Strategy<Value = Payment> {
    let instant = || option::of(1..=u64::MAX);
    let stand = prop_oneof![
        Just((PaymentState::Pending, None)),
        select(vec![PaymentState::Authorised, PaymentState::Captured])
            .prop_map(|state| (state, Some(Reason::Approved))),
        (select(&PaymentState::ALL[3..]), select(&Reason::ALL[1..]))
            .prop_map(|(state, reason)| (state, Some(told(state, reason)))),
    ];
    let times = (option::of(1..=u32::MAX), instant(), instant(), instant());
    let written = (option::of(any_approval()), option::of(any_receipt()));
    (any_payment_id(), stand, any_money(), any_moves(), written, times).prop_map(
        |(payment, (state, reason), price, moves, (approval, receipt), times)| Payment {
            payment,
            state,
            reason,
            price: Some(price),
            captured: moves.0,
            refunded: moves.1,
            refund: moves.2,
            receipt,
            approval,
            business_date: times.0,
            opened_at_ms: times.1,
            ended_at_ms: times.2,
            expires_at_ms: times.3,
        },
    )
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    let nonce = || any::<[u8; 32]>().prop_map(ServerNonce);
    prop_oneof![
        (any_signature(), any_signed())
            .prop_map(|(signature, notice)| Verdict::Approved { signature, notice }),
        (any_signature(), any_signed())
            .prop_map(|(signature, notice)| Verdict::Declined { signature, notice }),
        (any_signature(), 1..=u32::MAX, nonce()).prop_map(
            |(signature, tries_left, server_nonce)| {
                Verdict::TryAgain { signature, tries_left, server_nonce }
            }
        ),
        nonce().prop_map(|server_nonce| Verdict::Stale { server_nonce }),
    ]
}

fn any_welcome() -> impl Strategy<Value = Welcome> {
    let hub_nonce = option::of(any::<[u8; 32]>().prop_map(GatewayNonce));
    (any::<u64>(), any_bytes(64), any::<[u32; 3]>(), any_text(), hub_nonce).prop_map(
        |(gateway_time_ms, route, limits, gateway, hub_nonce)| {
            let [max_frame_bytes, max_in_flight, idle_timeout_ms] = limits;
            let limits = Limits { max_frame_bytes, max_in_flight, idle_timeout_ms };
            Welcome { version: 1, gateway_time_ms, route, limits, gateway, hub_nonce }
        },
    )
}

fn any_tally() -> impl Strategy<Value = Tally> {
    prop_oneof![
        Just(Tally::default()),
        (1..=u32::MAX, any_amount_but_zero()).prop_map(|(count, amount)| Tally { count, amount }),
    ]
}

fn any_totals() -> impl Strategy<Value = TerminalTotals> {
    let tallies = (any_tally(), any_tally(), any_tally());
    (1..=u32::MAX, btree_map(any_currency_code(), tallies, 0..4)).prop_map(
        |(business_date, currencies)| {
            let currencies = currencies.into_iter();
            let currencies = currencies.map(|(code, (captured, reversed, refunded))| {
                let currency = Currency::from_code(code).unwrap();
                CurrencyTotals { currency, captured, reversed, refunded }
            });
            TerminalTotals { business_date, currencies: currencies.collect() }
        },
    )
}

fn any_currency_code() -> impl Strategy<Value = &'static str> {
    select(vec!["JPY", "USD", "EUR", "BHD", "GBP"])
}

fn any_facts() -> impl Strategy<Value = TerminalFacts> {
    let ids = (any_code("[0-9A-Za-z]{1,15}"), any_code("[0-9A-Za-z]{1,15}"));
    let invoice_number =
        option::of("T[0-9]{13}".prop_map(|number| InvoiceNumber::new(&number).unwrap()));
    let rounding = select(vec![Rounding::Down, Rounding::HalfUp, Rounding::Up]);
    let kind = select(vec![TerminalKind::PointOfSale, TerminalKind::Vending]);
    let names = (any_text(), any_text());
    (ids, names, invoice_number, any_currency(), rounding, kind, -1_080_i16..=1_080).prop_map(
        |(ids, names, invoice_number, currency, rounding, kind, utc_offset_minutes)| {
            TerminalFacts {
                merchant: ids.0,
                merchant_name: names.0,
                invoice_number,
                store: ids.1,
                store_name: names.1,
                currency,
                rounding,
                kind,
                utc_offset_minutes,
            }
        },
    )
}

fn any_presented() -> impl Strategy<Value = PresentedCode> {
    (any::<[[u8; 32]; 2]>(), any_presentment_code(), any::<u64>()).prop_map(
        |([key, channel], code, expires_at_ms)| {
            let (key, channel) = (ServerKey::from_bytes(key), ChannelBinding(channel));
            PresentedCode::sign(&key, &channel, code, expires_at_ms)
        },
    )
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let result = (any_payment_id(), any_verdict());
    prop_oneof![
        any_welcome().prop_map(Answer::Welcome),
        any_bytes(1_024).prop_map(Answer::Echo),
        any_refusal().prop_map(Answer::Refusal),
        any_payment().prop_map(Answer::Payment),
        any_totals().prop_map(Answer::Totals),
        any_facts().prop_map(Answer::Facts),
        any::<u64>().prop_map(|latest| Answer::Attached { latest }),
        result.prop_map(|(payment, verdict)| {
            Answer::ProofResult(ProofResult { payment, verdict })
        }),
        any_signed().prop_map(Answer::Notice),
        any_presented().prop_map(Answer::Code),
        vec(any_signed(), 0..=16).prop_map(Answer::Recent),
    ]
}

fn any_push() -> impl Strategy<Value = Push> {
    let prompt = (any_confirmation(), any::<[u8; 32]>(), any::<u32>(), any::<u64>()).prop_map(
        |(confirmation, nonce, tries_left, gateway_time_ms)| Prompt {
            content: confirmation.encode(),
            server_nonce: ServerNonce(nonce),
            tries_left,
            gateway_time_ms,
        },
    );
    prop_oneof![
        any::<u32>().prop_map(|reconnect_after_ms| Push::Draining { reconnect_after_ms }),
        (any_handset(), prompt).prop_map(|(handset, prompt)| Push::Prompt(handset, prompt)),
        (any_handset(), any_signed()).prop_map(|(handset, notice)| Push::Notice(handset, notice)),
    ]
}

pub fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (any_request_id(), any_answer())
            .prop_map(|(request, answer)| Message::Answer(request, answer)),
        any_push().prop_map(Message::Push),
    ]
}
