//! What it costs to read and write the messages of a payment.
#![expect(clippy::expect_used, reason = "a bench stops where something is wrong")]

use std::hint::black_box;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, criterion_group, criterion_main};
use kessai_benches::NOW_MS;
use kessai_terms::{
    Amount, Basket, Currency, CustomerId, Gtin, Line, PaymentId, Rounding, Tax, TaxRate,
};
use kessai_wire::v1::ToGateway;
use kessai_wire::{
    Call, Capture, CaptureTerms, Confirmation, Payer, Purchase, Request, RequestId,
    TerminalRequest, frame,
};

/// Lines of a median basket, and of a large one.
const BASKETS: [usize; 2] = [5, 60];

fn lines(count: usize) -> Vec<Line> {
    let line = Line {
        code: Gtin::complete("952000000001").expect("a code"),
        name: "特選しょうゆ 500ml".parse().expect("a name"),
        unit_price: Amount::new(298).expect("an amount"),
        quantity: 2,
        discount: Amount::ZERO,
        tax: Tax::Included(TaxRate::JAPAN_REDUCED),
    };
    vec![line; count]
}

fn total(count: usize) -> Amount {
    Amount::new(596)
        .and_then(|line| line.checked_mul(u32::try_from(count).unwrap_or(0)))
        .expect("a total")
}

fn open(count: usize) -> ToGateway {
    let purchase = Purchase {
        payment: PaymentId::from_parts(NOW_MS, [1; 10]),
        payer: Payer::Customer(CustomerId::new("1234-567-890").expect("an id")),
        lines: lines(count),
        claimed_total: total(count),
        currency: Currency::JPY,
        capture: Capture::AtApproval,
    };
    let terminal = "T0000001".parse().expect("an id");
    ToGateway::from(&Call {
        request: RequestId::FIRST,
        route: Bytes::from_static(b"0"),
        body: Request::Terminal(terminal, TerminalRequest::Open(purchase)),
    })
}

fn confirmation(count: usize) -> Confirmation {
    Confirmation {
        payment: PaymentId::from_parts(NOW_MS, [1; 10]),
        terminal: "T0000001".parse().expect("an id"),
        merchant: "M0001".parse().expect("an id"),
        merchant_name: "けっさい商店".parse().expect("a name"),
        store: "S0001".parse().expect("an id"),
        store_name: "けっさい商店 駅前店".parse().expect("a name"),
        customer: CustomerId::new("1234-567-890").expect("an id"),
        basket: Basket::check(lines(count), Rounding::Down, total(count)).expect("a basket"),
        currency: Currency::JPY,
        exchange: None,
        opened_at_ms: NOW_MS,
        utc_offset_minutes: 540,
        expires_at_ms: NOW_MS.saturating_add(60_000),
        capture: CaptureTerms::AtApproval,
    }
}

fn wire(c: &mut Criterion) {
    for count in BASKETS {
        let message = open(count);
        let mut framed = BytesMut::new();
        frame::encode(&message, &mut framed).expect("a frame");
        let decoder = frame::Decoder::<ToGateway>::new();
        c.bench_function(&format!("open/read/{count}"), |b| {
            b.iter(|| {
                let message = decoder.decode(&mut framed.clone()).expect("a frame").expect("whole");
                black_box(Call::parse(&message).expect("a call"))
            });
        });
        let confirmation = confirmation(count);
        let content = confirmation.encode();
        c.bench_function(&format!("confirmation/write/{count}"), |b| {
            b.iter(|| black_box(confirmation.encode()));
        });
        c.bench_function(&format!("confirmation/read/{count}"), |b| {
            b.iter(|| black_box(Confirmation::decode(&content).expect("a confirmation")));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = wire
}
criterion_main!(benches);
