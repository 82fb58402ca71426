//! Any value that can be sent.

#![allow(unreachable_pub, reason = "each test takes what it needs")]

mod asked;
mod told;

use std::num::NonZeroU64;

use bytes::Bytes;
use kessai_wire::terms::collation::{
    ActivationCode, ChannelBinding, ContentDigest, DeviceKey, DeviceKeys, PeerName, Salt,
    ServerKey, Signature, SpkiHash, StoredKey,
};
use kessai_wire::terms::receipt::{ChainPrefix, JournalPoint, ReceiptMac};
use kessai_wire::terms::{
    Amount, ApprovalNumber, Basket, Currency, CustomerId, DeviceId, Gtin, JournalReceipt, Line,
    Money, PaymentId, PresentmentCode, Rate, Reason, Reference, Rounding, Tax, TaxRate, Text,
};
use kessai_wire::{
    Activation, Approval, CaptureTerms, Confirmation, Enrol, EnrolAnswer, EnrolHandset, EnrolPeer,
    Exchange, ForeignPrice, GatewayAddress, Handset, Identity, Notice, PaymentState, Refusal,
    RequestId, Retry, SignedNotice, Subject,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub use asked::any_call;
pub use told::any_message;

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

fn any_amount_but_zero() -> impl Strategy<Value = Amount> {
    any_amount().prop_filter("something", |amount| !amount.is_zero())
}

fn any_bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=max).prop_map(Bytes::from)
}

fn any_request_id() -> impl Strategy<Value = RequestId> {
    (1..=u64::MAX).prop_map(|number| RequestId::new(number).unwrap())
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

fn any_receipt() -> impl Strategy<Value = JournalReceipt> {
    (any::<u64>(), any::<u64>(), any::<u32>(), any::<[u8; 8]>(), any::<[u8; 16]>()).prop_map(
        |(epoch, lsn, partition, chain, mac)| JournalReceipt {
            claimed: JournalPoint { epoch, lsn, partition, chain: ChainPrefix(chain) },
            mac: ReceiptMac(mac),
        },
    )
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

fn any_signature() -> impl Strategy<Value = Signature> {
    any::<[u8; 32]>().prop_map(Signature)
}

fn any_signed() -> impl Strategy<Value = SignedNotice> {
    (any::<[u8; 32]>(), any_notice(), any_signature()).prop_map(|(digest, notice, signature)| {
        SignedNotice { content_digest: ContentDigest(digest), notice: notice.encode(), signature }
    })
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
