//! Any value that can be sent.

#![allow(unreachable_pub, reason = "each test takes what it needs")]

use std::num::NonZeroU64;

use bytes::Bytes;
use kessai_wire::terms::collation::{
    ActivationCode, ChannelBinding, ContentDigest, DeviceKey, DeviceKeys, GatewayNonce,
    HandsetNonce, PeerName, Proof, Salt, ServerKey, ServerNonce, Signature, SpkiHash, StoredKey,
};
use kessai_wire::terms::{
    Amount, ApprovalNumber, Basket, Currency, CustomerId, DeviceId, Gtin, InvoiceNumber, Line,
    Money, PaymentId, PresentmentCode, Rate, Reason, Reference, Rounding, Tax, TaxRate, Text,
};
use kessai_wire::{
    Activation, Answer, Approval, Call, Capture, CaptureTerms, Confirmation, CurrencyTotals,
    DeliveredLines, Delivery, Enrol, EnrolAnswer, EnrolHandset, EnrolPeer, Exchange, ForeignPrice,
    GatewayAddress, Handset, HandsetRequest, Hello, Identity, Limits, Message, Notice, Payer,
    Payment, PaymentState, PresentedCode, Prompt, ProofResult, Prove, Purchase, Push, Refund,
    RefundDone, Refusal, Request, RequestId, Retry, ReverseCause, SignedNotice, Subject, Tally,
    TerminalFacts, TerminalKind, TerminalRequest, TerminalTotals, Verdict, Welcome,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn any_text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    vec(select(vec!['a', 'Z', '9', '茶', 'ガ', 'é', '店', '🍙']), 1..=MAX)
        .prop_map(|characters| Text::new(&characters.into_iter().collect::<String>()).unwrap())
}

fn any_code<T>(pattern: &'static str) -> impl Strategy<Value = T>
where
    T: for<'t> TryFrom<&'t str> + std::fmt::Debug,
{
    pattern.prop_filter_map("an id", |text| T::try_from(&text).ok())
}

fn any_customer() -> impl Strategy<Value = CustomerId> {
    any_code("[0-9A-Za-z][0-9A-Za-z-]{0,22}")
}

fn any_handset() -> impl Strategy<Value = Handset> {
    (any_customer(), any::<[u8; 16]>())
        .prop_map(|(customer, device)| Handset { customer, device: DeviceId(device) })
}

fn any_identity() -> impl Strategy<Value = Identity> {
    prop_oneof![
        any_code("[0-9A-Za-z]{1,8}").prop_map(Identity::Terminal),
        any_handset().prop_map(Identity::Handset),
        any_code("[0-9A-Za-z]{1,15}").prop_map(Identity::Controller),
        any_code("[0-9A-Za-z]{1,15}").prop_map(Identity::Hub),
    ]
}

fn any_payment_id() -> impl Strategy<Value = PaymentId> {
    (any::<u64>(), any::<[u8; 10]>()).prop_map(|(ms, random)| PaymentId::from_parts(ms, random))
}

fn any_amount() -> impl Strategy<Value = Amount> {
    (0..=Amount::MAX.minor()).prop_map(|minor| Amount::new(minor).unwrap())
}

fn any_currency() -> impl Strategy<Value = Currency> {
    select(vec![Currency::JPY, Currency::USD, Currency::EUR])
}

fn any_money() -> impl Strategy<Value = Money> {
    (any_amount(), any_currency()).prop_map(|(amount, currency)| amount.of(currency))
}

fn any_tax() -> impl Strategy<Value = Tax> {
    let rate = || (0_u16..=5_000).prop_map(|bp| TaxRate::new(bp).unwrap());
    prop_oneof![Just(Tax::Exempt), rate().prop_map(Tax::Included), rate().prop_map(Tax::Exclusive),]
}

fn any_gtin() -> impl Strategy<Value = Gtin> {
    prop_oneof!["[0-9]{6}[1-9]", "[0-9]{10}[1-9]", "[0-9]{11}[1-9]", "[0-9]{12}[1-9]"]
        .prop_map(|payload| Gtin::complete(&payload).unwrap())
}

fn any_line() -> impl Strategy<Value = Line> {
    let price = (1_u64..=1_000_000, 1_u32..=9_999);
    (any_gtin(), any_text(), price, 0_u64..10_000, any_tax()).prop_map(
        |(code, name, (unit_price, quantity), share, tax)| {
            let price = Amount::new(unit_price).unwrap().checked_mul(quantity).unwrap();
            // Something is left to pay.
            let discount = Amount::new(price.minor() * share / 10_000);
            Line {
                code,
                name,
                unit_price: Amount::new(unit_price).unwrap(),
                quantity,
                discount: discount.unwrap(),
                tax,
            }
        },
    )
}

fn any_presentment_code() -> impl Strategy<Value = PresentmentCode> {
    (0_u8..=9, 0..PresentmentCode::RANDOM_BELOW)
        .prop_map(|(partition, random)| PresentmentCode::new(partition, random).unwrap())
}

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

fn any_amount_but_zero() -> impl Strategy<Value = Amount> {
    any_amount().prop_filter("something", |amount| !amount.is_zero())
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

fn any_bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=max).prop_map(Bytes::from)
}

fn any_hello() -> impl Strategy<Value = Hello> {
    (option::of(any_identity()), vec(any::<u32>(), 1..=16), option::of(any_text()))
        .prop_map(|(from, versions, software)| Hello { from, versions, software })
}

fn any_request_id() -> impl Strategy<Value = RequestId> {
    (1..=u64::MAX).prop_map(|number| RequestId::new(number).unwrap())
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

fn any_basket() -> impl Strategy<Value = Basket> {
    let rounding = select(vec![Rounding::Down, Rounding::HalfUp, Rounding::Up]);
    (vec(any_line(), 1..20), rounding).prop_map(|(lines, rounding)| {
        let total = Amount::new(total_of(&lines, rounding)).unwrap();
        Basket::check(lines, rounding, total).unwrap()
    })
}

/// Sums up anew, by whole numbers of ten-thousandths.
fn total_of(lines: &[Line], rounding: Rounding) -> u64 {
    let mut by_rate = std::collections::BTreeMap::<u16, u64>::new();
    let mut total = 0;
    for line in lines {
        let line_total = line.total().unwrap().minor();
        total += line_total;
        if let Tax::Exclusive(rate) = line.tax {
            *by_rate.entry(rate.basis_points()).or_default() += line_total;
        }
    }
    for (rate, sum) in by_rate {
        let product = sum * u64::from(rate);
        total += match rounding {
            Rounding::Down => product / 10_000,
            Rounding::HalfUp => (product + 5_000) / 10_000,
            Rounding::Up => product.div_ceil(10_000),
        };
    }
    total
}

fn any_rate() -> impl Strategy<Value = Rate> {
    (1..=1_000_000_000_u64, 0_u8..=9).prop_map(|(digits, scale)| Rate::new(digits, scale).unwrap())
}

/// What a price comes to, if that is another currency and something is left to pay.
fn converted(price: Money, (to, rate, _): (Currency, Rate, u16)) -> Option<Money> {
    let amount = rate.convert(price.amount, price.currency, to).ok()?;
    (to != price.currency && !amount.is_zero()).then(|| amount.of(to))
}

pub fn any_confirmation() -> impl Strategy<Value = Confirmation> {
    let ids = (any_payment_id(), any_code("[0-9A-Za-z]{1,8}"), any_customer());
    let payee =
        (any_code("[0-9A-Za-z]{1,15}"), any_text(), any_code("[0-9A-Za-z]{1,15}"), any_text());
    let exchange = option::of((any_currency(), any_rate(), any::<u16>()));
    let times = (0..u64::MAX / 2, -1_080_i16..=1_080, 1..u64::MAX / 2);
    let capture = prop_oneof![
        Just(CaptureTerms::AtApproval),
        (1..=u32::MAX).prop_map(|within_ms| CaptureTerms::OnDelivery { within_ms }),
    ];
    (ids, payee, any_basket(), any_currency(), exchange, times, capture).prop_map(
        |(ids, payee, basket, currency, exchange, times, capture)| Confirmation {
            payment: ids.0,
            terminal: ids.1,
            merchant: payee.0,
            merchant_name: payee.1,
            store: payee.2,
            store_name: payee.3,
            customer: ids.2,
            exchange: exchange.and_then(|exchange| {
                let price = basket.total().of(currency);
                let foreign = converted(price, exchange)?;
                let (_, rate, markup_bp) = exchange;
                Some(Exchange { total: foreign, rate, markup_bp })
            }),
            basket,
            currency,
            opened_at_ms: times.0,
            utc_offset_minutes: times.1,
            expires_at_ms: times.0 + times.2,
            capture,
        },
    )
}

fn any_approval() -> impl Strategy<Value = Approval> {
    (0_u32..1_000_000, 0_u64..1_000_000_000_000).prop_map(|(number, reference)| Approval {
        number: ApprovalNumber::new(number).unwrap(),
        reference: Reference::new(reference).unwrap(),
    })
}

fn any_reason() -> impl Strategy<Value = Reason> {
    select(Reason::ALL)
}

pub fn any_notice() -> impl Strategy<Value = Notice> {
    let head = ((1..=u64::MAX).prop_map(|n| NonZeroU64::new(n).unwrap()), any_payment_id());
    let state = select(&PaymentState::ALL[1..]);
    let amounts = (any_amount(), any_amount());
    let names = (any_text(), any_text());
    let end = (state, any_reason(), any::<u64>());
    let exchange = option::of((any_currency(), any_rate(), any::<u16>()));
    (head, end, any_money(), exchange, names, option::of(any_approval()), amounts).prop_map(
        |(head, (state, reason, at_ms), price, exchange, names, approval, amounts)| {
            let exchanged = exchange.and_then(|exchange| {
                let (_, rate, markup_bp) = exchange;
                let total = converted(price, exchange)?;
                Some((total, ForeignPrice { price, rate, markup_bp }))
            });
            Notice {
                number: head.0,
                payment: head.1,
                state,
                reason,
                price: exchanged.map_or(price, |(total, _)| total),
                store_name: names.0,
                merchant_name: names.1,
                at_ms,
                approval,
                captured: amounts.0,
                refunded: amounts.1,
                foreign: exchanged.map(|(_, foreign)| foreign),
            }
        },
    )
}

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
    (any_payment_id(), stand, any_money(), any_moves(), option::of(any_approval()), times).prop_map(
        |(payment, (state, reason), price, moves, approval, times)| Payment {
            payment,
            state,
            reason,
            price: Some(price),
            captured: moves.0,
            refunded: moves.1,
            refund: moves.2,
            approval,
            business_date: times.0,
            opened_at_ms: times.1,
            ended_at_ms: times.2,
            expires_at_ms: times.3,
        },
    )
}

fn any_signature() -> impl Strategy<Value = Signature> {
    any::<[u8; 32]>().prop_map(Signature)
}

fn any_signed() -> impl Strategy<Value = SignedNotice> {
    (any::<[u8; 32]>(), any_notice(), any_signature()).prop_map(|(digest, notice, signature)| {
        SignedNotice { content_digest: ContentDigest(digest), notice: notice.encode(), signature }
    })
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

fn any_refusal() -> impl Strategy<Value = Refusal> {
    let retry = prop_oneof![
        Just(Retry::Never),
        Just(Retry::Same),
        any::<u32>().prop_map(|after_ms| Retry::Later { after_ms }),
    ];
    (any_reason(), retry, ".{0,64}").prop_map(|(reason, retry, text)| Refusal {
        reason,
        retry,
        text: text.into(),
    })
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

fn any_peer() -> impl Strategy<Value = PeerName> {
    prop_oneof![
        any_code("[0-9A-Za-z]{1,8}").prop_map(PeerName::Terminal),
        any_code("[0-9A-Za-z]{1,15}").prop_map(PeerName::Controller),
        any_code("[0-9A-Za-z]{1,15}").prop_map(PeerName::Hub),
    ]
}

/// With the code, connection and key that it was made for.
pub fn any_enrol() -> impl Strategy<Value = (Enrol, [u8; 16], ChannelBinding, SpkiHash)> {
    let binding = any::<[[u8; 32]; 2]>()
        .prop_map(|[channel, spki]| (ChannelBinding(channel), SpkiHash(spki)));
    let keys = (any_handset(), any::<[u8; 16]>(), any::<[[u8; 32]; 3]>());
    let what = prop_oneof![keys.prop_map(Ok), any_peer().prop_map(Err)];
    (any::<[u8; 16]>(), binding, what).prop_map(|(code, (channel, spki), what)| {
        let secret = ActivationCode::from_bytes(code);
        let enrol = match what {
            Ok((handset, salt, [stored, server, device])) => {
                let keys = DeviceKeys {
                    stored: StoredKey::from_bytes(stored),
                    server: ServerKey::from_bytes(server),
                    device: DeviceKey::from_bytes(device),
                };
                let binding = (&channel, &spki);
                let handset = EnrolHandset::new(handset, Salt(salt), keys, &secret, binding);
                Enrol::Handset(Box::new(handset))
            }
            Err(peer) => Enrol::Peer(EnrolPeer::new(peer, &secret, &channel, &spki)),
        };
        (enrol, code, channel, spki)
    })
}

pub fn any_enrol_answer() -> impl Strategy<Value = EnrolAnswer> {
    prop_oneof![
        any::<u64>().prop_map(|gateway_time_ms| EnrolAnswer::Enrolled { gateway_time_ms }),
        any_refusal().prop_map(EnrolAnswer::Refused),
    ]
}

pub fn any_activation() -> impl Strategy<Value = Activation> {
    let gateway = prop_oneof![
        "[0-9a-z][0-9a-z.-]{0,40}:[1-9][0-9]{0,3}",
        any::<([u8; 16], u16)>().prop_map(|(host, port)| {
            format!("[{}]:{}", std::net::Ipv6Addr::from(host), port.max(1))
        }),
    ]
    .prop_map(|text| text.parse::<GatewayAddress>().unwrap());
    let subject =
        prop_oneof![any_customer().prop_map(Subject::Customer), any_peer().prop_map(Subject::Peer)];
    (gateway, any::<[u8; 32]>(), subject, any::<[u8; 16]>()).prop_map(
        |(gateway, root, subject, code)| Activation {
            gateway,
            root: SpkiHash(root),
            subject,
            code: ActivationCode::from_bytes(code),
        },
    )
}
