//! What a terminal may not ask: each gets its reason and leaves everything as it was.

use bytes::Bytes;
use kessai_client::terms::{PaymentId, Reason};
use kessai_client::wire::v1::{self, to_gateway::Body, to_peer};

use crate::support::raw::{Raw, reason};
use crate::support::{NOBODY, POOR, RICH, Shop};

/// A new payment id of the gateway's time.
fn id(shop: &Shop, number: u8) -> PaymentId {
    PaymentId::from_parts(shop.gateway.now_ms(), [number; 10])
}

fn raw(id: PaymentId) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

/// Two pieces at 100 yen each, exclusive tax of 10 per cent: 220 yen.
fn open(id: PaymentId, customer: &str) -> v1::Open {
    v1::Open {
        payment_id: raw(id),
        payer: Some(v1::open::Payer::CustomerId(customer.into())),
        lines: vec![v1::PurchaseLine {
            code: "4901777018686".into(),
            name: "お茶".into(),
            unit_price_minor: 100,
            quantity: 2,
            discount_minor: 0,
            tax: v1::TaxKind::Exclusive.into(),
            tax_rate_bp: 1_000,
        }],
        total_minor: 220,
        currency: "JPY".into(),
        capture: v1::Capture::AtApproval.into(),
    }
}

async fn pos1(shop: &Shop) -> Raw {
    Raw::till(&shop.people.tills[0], shop.gateway.local_addr(), "POS1").await
}

fn payment(answer: to_peer::Body) -> v1::Payment {
    match answer {
        to_peer::Body::Payment(payment) => payment,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_impossible_purchase_has_its_reason_and_changes_nothing() {
    let shop = Shop::start().await;
    let mut till = pos1(&shop).await;
    let before = shop.engine().state_hash();
    type Change = fn(&mut v1::Open);
    let cases: &[(Change, Reason)] = &[
        (|o| o.payment_id = Bytes::from_static(&[1; 15]), Reason::PaymentIdInvalid),
        (|o| o.payment_id = Bytes::from_static(&[0x44; 16]), Reason::PaymentIdInvalid),
        (|o| o.payment_id = Bytes::new(), Reason::PaymentIdInvalid),
        (|o| o.lines.clear(), Reason::BasketEmpty),
        (|o| o.lines = vec![o.lines[0].clone(); 201], Reason::TooManyLines),
        (|o| o.lines[0].name = "お茶\u{202e}".into(), Reason::TextForbidden),
        (|o| o.lines[0].name = "お\u{200b}茶".into(), Reason::TextForbidden),
        (|o| o.lines[0].name = "お茶\n".into(), Reason::TextForbidden),
        (|o| o.lines[0].name = String::new(), Reason::TextForbidden),
        (|o| o.lines[0].name = "茶".repeat(65), Reason::TextTooLong),
        (|o| o.lines[0].code = "4901777018687".into(), Reason::ProductCodeInvalid),
        (|o| o.lines[0].code = "490177701868".into(), Reason::ProductCodeInvalid),
        (|o| o.lines[0].code = "4901777O18686".into(), Reason::ProductCodeInvalid),
        (|o| o.lines[0].quantity = 0, Reason::QuantityInvalid),
        (|o| o.lines[0].quantity = 10_000, Reason::QuantityInvalid),
        (|o| o.lines[0].quantity = u32::MAX, Reason::QuantityInvalid),
        (|o| o.lines[0].discount_minor = 201, Reason::AmountInvalid),
        (|o| (o.lines[0].discount_minor, o.total_minor) = (200, 0), Reason::AmountInvalid),
        (|o| o.lines[0].tax_rate_bp = 5_001, Reason::AmountInvalid),
        (|o| o.lines[0].unit_price_minor = u64::MAX, Reason::AmountOverflow),
        // Minus one, for whoever counts in 64 bits.
        (|o| o.total_minor = u64::MAX, Reason::AmountOverflow),
        (
            |o| (o.lines[0].unit_price_minor, o.lines[0].quantity) = (999_999_999_999_999, 9_999),
            Reason::AmountOverflow,
        ),
        (|o| o.total_minor = 0, Reason::TotalMismatch),
        (|o| o.total_minor = 200, Reason::TotalMismatch),
        (|o| o.total_minor = 221, Reason::TotalMismatch),
        (|o| o.currency = "XYZ".into(), Reason::CurrencyUnknown),
        (|o| o.currency = "yen".into(), Reason::CurrencyUnknown),
        (|o| o.currency = String::new(), Reason::CurrencyUnknown),
        (|o| o.currency = "USD".into(), Reason::CurrencyNotAccepted),
        (|o| o.payer = None, Reason::Malformed),
        (
            |o| o.payer = Some(v1::open::Payer::CustomerId("090 1111".into())),
            Reason::CustomerIdInvalid,
        ),
        (|o| o.payer = Some(v1::open::Payer::PresentmentCode("1".into())), Reason::CodeNotValid),
        (|o| o.capture = 0, Reason::Malformed),
        (|o| o.capture = v1::Capture::OnDelivery.into(), Reason::RoleNotPermitted),
        (|o| o.lines[0].tax = 99, Reason::Malformed),
    ];
    for (number, (change, expected)) in cases.iter().enumerate() {
        let mut asking = open(id(&shop, 1), RICH);
        change(&mut asking);
        assert_eq!(till.refusal(Body::Open(asking)).await, *expected, "case {number}");
    }
    assert_eq!(shop.engine().state_hash(), before);
    // What they were changed from is possible.
    let cheap = payment(till.ask(Body::Open(open(id(&shop, 1), NOBODY))).await);
    assert_eq!(cheap.field39, "05");
}

#[tokio::test]
async fn a_payment_id_from_the_future_is_refused() {
    let shop = Shop::start().await;
    let mut till = pos1(&shop).await;
    let before = shop.engine().state_hash();
    let future = PaymentId::from_parts(shop.gateway.now_ms() + 60_000, [1; 10]);
    for body in [
        Body::Open(open(future, RICH)),
        Body::Cancel(v1::Cancel { payment_id: raw(future) }),
        Body::Reverse(v1::Reverse {
            payment_id: raw(future),
            cause: v1::ReverseCause::OnRequest.into(),
        }),
    ] {
        assert_eq!(till.refusal(body).await, Reason::PaymentIdFromFuture);
    }
    assert_eq!(shop.engine().state_hash(), before);
}

#[tokio::test]
async fn a_used_payment_id_is_refused_for_other_content_and_to_other_terminals() {
    let shop = Shop::start().await;
    let mut till = pos1(&shop).await;
    let address = shop.gateway.local_addr();
    let mut other = Raw::till(&shop.people.tills[1], address, "POS2").await;
    let first = id(&shop, 1);
    let end = payment(till.ask(Body::Open(open(first, NOBODY))).await);
    let before = shop.engine().state_hash();
    let mut dearer = open(first, NOBODY);
    (dearer.lines[0].unit_price_minor, dearer.total_minor) = (200, 440);
    assert_eq!(till.refusal(Body::Open(dearer)).await, Reason::PaymentIdReused);
    let payment_id = || raw(first);
    for (body, expected) in [
        (Body::Open(open(first, NOBODY)), Reason::PaymentIdReused),
        (Body::Status(v1::Status { payment_id: payment_id() }), Reason::PaymentUnknown),
        (Body::Cancel(v1::Cancel { payment_id: payment_id() }), Reason::PaymentUnknown),
        (
            Body::Reverse(v1::Reverse {
                payment_id: payment_id(),
                cause: v1::ReverseCause::OnRequest.into(),
            }),
            Reason::PaymentUnknown,
        ),
    ] {
        assert_eq!(other.refusal(body).await, expected);
    }
    assert_eq!(payment(till.ask(Body::Open(open(first, NOBODY))).await), end, "a repeat is none");
    assert_eq!(shop.engine().state_hash(), before);
}

/// Otherwise a shop could list the customers, or find a balance by bisection.
#[tokio::test]
async fn unknown_customers_and_poor_ones_look_alike_to_a_shop() {
    let shop = Shop::start().await;
    let mut till = pos1(&shop).await;
    let mut told = Vec::new();
    for (number, customer) in [(1, NOBODY), (2, POOR)] {
        let answer = payment(till.ask(Body::Open(open(id(&shop, number), customer))).await);
        assert_ne!(answer.opened_at_ms, 0);
        // The payment's own id, times and place in the journal are all that differs.
        assert!(answer.receipt.is_some());
        told.push(v1::Payment {
            payment_id: Bytes::new(),
            opened_at_ms: 0,
            ended_at_ms: 0,
            receipt: None,
            ..answer
        });
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].field39, "05");
}

#[tokio::test]
async fn what_a_terminal_never_asked_for_is_unknown() {
    let shop = Shop::start().await;
    let mut till = pos1(&shop).await;
    let before = shop.engine().state_hash();
    let never = raw(id(&shop, 9));
    for body in [
        Body::Status(v1::Status { payment_id: never.clone() }),
        Body::Delivered(v1::Delivered { payment_id: never.clone(), lines: Vec::new() }),
    ] {
        assert_eq!(till.refusal(body).await, Reason::PaymentUnknown);
    }
    let partly = v1::Delivered { payment_id: never, lines: vec![v1::DeliveredLine::default()] };
    assert_eq!(till.refusal(Body::Delivered(partly)).await, Reason::PaymentUnknown);
    assert_eq!(shop.engine().state_hash(), before);
}

#[tokio::test]
async fn a_terminal_unknown_to_the_role_or_key_is_refused_and_nothing_changes() {
    let shop = Shop::start().await;
    let mut till = pos1(&shop).await;
    let before = shop.engine().state_hash();
    let asking = || Body::Open(open(id(&shop, 1), RICH));
    let named = |kind| Some(v1::Identity { kind: Some(kind) });
    let phone = &shop.people.phones[0].id;
    let handset = v1::Handset {
        customer_id: phone.customer.to_string(),
        device_id: Bytes::copy_from_slice(phone.device.as_bytes()),
    };
    for (from, route, expected) in [
        (named(v1::identity::Kind::Terminal("POS2".into())), "0", Reason::IdentityNotOfKey),
        (named(v1::identity::Kind::Terminal("NOBODY".into())), "0", Reason::IdentityNotOfKey),
        (named(v1::identity::Kind::Terminal("not an id".into())), "0", Reason::Malformed),
        (named(v1::identity::Kind::Handset(handset)), "0", Reason::RoleNotPermitted),
        (named(v1::identity::Kind::Hub("HUB1".into())), "0", Reason::RoleNotPermitted),
        (None, "0", Reason::Malformed),
        (named(v1::identity::Kind::Terminal("POS1".into())), "1", Reason::Malformed),
        (named(v1::identity::Kind::Terminal("POS1".into())), "", Reason::Malformed),
    ] {
        let request = till.request(asking());
        let request = v1::ToGateway { from, route: route.into(), ..request };
        till.send(&request).await;
        let answer = till.next().await;
        assert_eq!(answer.request, request.request);
        assert_eq!(reason(&answer.body.unwrap()), expected, "{:?}", request.from);
    }
    assert_eq!(shop.engine().state_hash(), before);
}

#[tokio::test]
async fn more_unanswered_requests_than_allowed_are_refused() {
    let shop = Shop::start_with(|settings| {
        settings.payments.open_per_customer = 100;
        settings.payments.open_per_terminal = 100;
        settings.payments.asks_per_minute = 100;
        settings.payments.mute_after = 0;
    })
    .await;
    let mut till = pos1(&shop).await;
    for number in 0..64 {
        let request = till.request(Body::Open(open(id(&shop, number), RICH)));
        // The poor customer is declined at once; the rich one's payments wait for an answer.
        till.send(&request).await;
    }
    let echo = || Body::Echo(v1::Echo::default());
    // 45 payments of 220 yen are held; the others were declined and answered.
    let mut declined = 0;
    while declined < 64 - 45 {
        assert_eq!(payment(till.next().await.body.unwrap()).field39, "05");
        declined += 1;
    }
    for number in 64..64 + 19 {
        let request = till.request(Body::Open(v1::Open {
            total_minor: 1,
            lines: vec![v1::PurchaseLine {
                unit_price_minor: 1,
                quantity: 1,
                tax: v1::TaxKind::Exempt.into(),
                tax_rate_bp: 0,
                ..open(id(&shop, 0), RICH).lines[0].clone()
            }],
            ..open(id(&shop, number), RICH)
        }));
        till.send(&request).await;
    }
    assert_eq!(till.refusal(echo()).await, Reason::TooManyRequests);
    assert_eq!(shop.engine().open_payments(), 64);
}
