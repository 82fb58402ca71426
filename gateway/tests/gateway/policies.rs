//! Limits, budgets, frozen customers and terminals: what the processor sets while it serves; and
//! what a shop learns of all that, which is nothing.

use bytes::{Bytes, BytesMut};
use kessai_client::Answered;
use kessai_client::terms::{Currency, PaymentId, Reason};
use kessai_client::wire::PaymentState;
use kessai_client::wire::frame;
use kessai_client::wire::v1::{self, to_gateway::Body, to_peer};
use kessai_engine::{
    CustomerAdded, CustomerPolicy, DefaultLimits, LimitHolder, Limits, Naming, RegisterChange,
    Standing,
};

use crate::support::owner::{asking, by_code, patient, refusal};
use crate::support::raw::Raw;
use crate::support::{NOBODY, POOR, RICH, Shop, bounded, purchase, wrong_secrets, yen};

fn limits(per_payment: u64, per_day: u64, count_per_day: u32) -> Limits {
    Limits {
        per_payment: Some(yen(per_payment)),
        per_day: Some(yen(per_day)),
        count_per_day: Some(count_per_day),
    }
}

fn frozen() -> CustomerPolicy {
    CustomerPolicy { standing: Standing::Frozen, ..CustomerPolicy::default() }
}

#[tokio::test]
async fn a_customers_limits_hold_from_when_they_are_set_and_the_handset_is_told() {
    let shop = Shop::start_with(patient).await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let first = rich.pays(&till, shop.rich(&till, 900)).await;
    let policy = CustomerPolicy { limits: limits(500, 1_500, 3), ..CustomerPolicy::default() };
    shop.sets_policy(RICH, policy).await;
    // 900 are spent already; of the 600 that are left, a payment may have 500.
    let mut declined = async |price, reason| {
        let end = bounded(till.pay(shop.rich(&till, price))).await.unwrap();
        assert_eq!((end.state, end.reason), (PaymentState::Declined, Some(Reason::NotHonoured)));
        assert_eq!(rich.told().await.reason, reason, "{price}");
    };
    declined(501, Reason::PaymentLimit).await;
    let shown = rich.code().await;
    let end = bounded(till.pay(by_code(shop.rich(&till, 501), shown))).await.unwrap();
    assert_eq!(end.reason, Some(Reason::NotHonoured), "by code as well");
    assert_eq!(rich.told().await.reason, Reason::PaymentLimit);
    rich.pays(&till, shop.rich(&till, 400)).await;
    let end = bounded(till.pay(shop.rich(&till, 201))).await.unwrap();
    assert_eq!(end.reason, Some(Reason::NotHonoured));
    assert_eq!(rich.told().await.reason, Reason::DayLimit);
    rich.pays(&till, shop.rich(&till, 100)).await;
    bounded(till.pay(shop.rich(&till, 100))).await.unwrap();
    assert_eq!(rich.told().await.reason, Reason::CountLimit);
    // What was spent counts after a restart; what is taken back the same day does not.
    let shop = shop.restart().await;
    bounded(till.pay(shop.rich(&till, 100))).await.unwrap();
    assert_eq!(rich.told().await.reason, Reason::CountLimit);
    let cause = kessai_client::wire::ReverseCause::OnRequest;
    bounded(till.reverse(first.payment, cause)).await.unwrap();
    rich.told().await;
    rich.pays(&till, shop.rich(&till, 500)).await;
    // No limit of one's own is the register's.
    shop.sets_policy(RICH, CustomerPolicy::default()).await;
    rich.pays(&till, shop.rich(&till, 900)).await;
    let defaults = DefaultLimits {
        holder: LimitHolder::Customer,
        currency: Currency::JPY,
        limits: limits(300, 1_000_000, 1_000),
    };
    shop.registers(RegisterChange::DefaultLimits(defaults)).await;
    bounded(till.pay(shop.rich(&till, 301))).await.unwrap();
    assert_eq!(rich.told().await.reason, Reason::PaymentLimit);
    shop.check_books(400 + 100 + 500 + 900);
}

#[tokio::test]
async fn a_terminals_limits_are_told_to_it_and_a_code_outlives_them() {
    let shop = Shop::start_with(patient).await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    shop.changes_till(0, |till| till.limits = limits(500, 1_000, 3)).await;
    let code = rich.code().await;
    let refused = till.pay(by_code(shop.rich(&till, 501), code)).await;
    assert_eq!(refusal(refused), Reason::TerminalLimit);
    rich.pays(&till, by_code(shop.rich(&till, 500), code)).await;
    // One that is declined or called off gives its share back.
    bounded(till.pay(purchase(till.payment_id(), NOBODY, 500))).await.unwrap();
    let waiting = asking(&till, shop.rich(&till, 500));
    let payment = rich.asked().await.payment();
    bounded(till.cancel(payment)).await.unwrap();
    bounded(waiting).await.unwrap().unwrap();
    rich.told().await;
    rich.pays(&till, shop.rich(&till, 500)).await;
    let before = shop.engine().state_hash();
    assert_eq!(refusal(till.pay(shop.rich(&till, 1)).await), Reason::TerminalLimit);
    assert_eq!(shop.engine().state_hash(), before);
    let shop = shop.restart().await;
    assert_eq!(refusal(till.pay(shop.rich(&till, 1)).await), Reason::TerminalLimit);
    let other = shop.till(1).await;
    rich.pays(&other, shop.rich(&other, 501)).await;
    shop.check_books(1_501);
}

#[tokio::test]
async fn a_customer_frozen_meanwhile_pays_nothing_and_both_sides_hear_the_end() {
    let shop = Shop::start().await;
    let (till, mut rich, mut other) =
        (shop.till(0).await, shop.owner(0).await, shop.owner(1).await);
    let waiting = asking(&till, shop.rich(&till, 500));
    let question = rich.asked().await;
    other.asked().await;
    shop.sets_policy(RICH, frozen()).await;
    // A wrong proof is counted as ever: freezing tells nobody whether a password is right.
    let answered = bounded(rich.phone.approve(&question, &wrong_secrets())).await.unwrap();
    assert_eq!(answered, Answered::TryAgain { tries_left: 2 });
    let answered = bounded(rich.phone.approve(&question, &rich.secrets)).await.unwrap();
    let (Answered::Declined(notice) | Answered::Ended(notice)) = answered else {
        panic!("{answered:?}")
    };
    assert_eq!((notice.state, notice.reason), (PaymentState::Declined, Reason::CustomerFrozen));
    assert_eq!(other.told().await, notice);
    let end = bounded(waiting).await.unwrap().unwrap();
    assert_eq!((end.state, end.reason), (PaymentState::Declined, Some(Reason::NotHonoured)));
    // The thaw.
    shop.sets_policy(RICH, CustomerPolicy::default()).await;
    let _ = rich.told().await;
    rich.pays(&till, shop.rich(&till, 500)).await;
    shop.check_books(500);
}

#[tokio::test]
async fn a_frozen_terminal_and_a_suspended_store_open_nothing_and_end_what_is_open() {
    let shop = Shop::start().await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let paid = rich.pays(&till, shop.rich(&till, 700)).await.payment;
    let waiting = asking(&till, shop.rich(&till, 500));
    let question = rich.asked().await;
    shop.changes_till(0, |till| till.standing = Standing::Frozen).await;
    assert_eq!(refusal(till.pay(shop.rich(&till, 500)).await), Reason::TerminalFrozen);
    // The customer may still approve, the clerk see it and take it back.
    rich.approves(&question).await;
    let end = bounded(waiting).await.unwrap().unwrap();
    assert_eq!(end.state, PaymentState::Captured);
    let cause = kessai_client::wire::ReverseCause::OnRequest;
    bounded(till.reverse(end.payment, cause)).await.unwrap();
    assert_eq!(rich.told().await.state, PaymentState::Reversed);

    let place = shop.engine().register().place(&"POS2".parse().unwrap()).cloned().unwrap();
    let store = kessai_engine::Store { standing: Standing::Frozen, ..(*place.store).clone() };
    shop.registers(RegisterChange::Store(store)).await;
    let other = shop.till(1).await;
    assert_eq!(refusal(other.pay(shop.rich(&other, 500)).await), Reason::StoreSuspended);
    let back = crate::support::owner::refund(&other, paid, 700);
    assert_eq!(bounded(other.refund(back)).await.unwrap().state, PaymentState::Refunded);
    shop.check_books(0);
}

#[tokio::test]
async fn who_does_not_answer_is_left_in_peace_but_not_from_their_own_codes() {
    let shop = Shop::start().await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    for _ in 0..3 {
        let waiting = asking(&till, shop.rich(&till, 10));
        let payment = rich.asked().await.payment();
        bounded(rich.phone.refuse(payment)).await.unwrap();
        rich.told().await;
        let end = bounded(waiting).await.unwrap().unwrap();
        assert_eq!(end.reason, Some(Reason::CancelledByCustomer));
    }
    let end = bounded(till.pay(shop.rich(&till, 10))).await.unwrap();
    assert_eq!(end.reason, Some(Reason::NotHonoured));
    assert_eq!(rich.told().await.reason, Reason::Muted);
    let shop = shop.restart().await;
    bounded(till.pay(shop.rich(&till, 10))).await.unwrap();
    assert_eq!(rich.told().await.reason, Reason::Muted, "not forgotten by a restart");
    let bought = by_code(shop.rich(&till, 10), rich.code().await);
    rich.pays(&till, bought).await;
    shop.check_books(10);
}

#[tokio::test]
async fn declines_and_questions_have_a_budget() {
    let shop = Shop::start_with(|settings| {
        settings.payments.declines_per_terminal_per_minute = 5;
        settings.payments.status_per_terminal_per_minute = 3;
    })
    .await;
    let till = shop.till(0).await;
    let mut last = None;
    for _ in 0..5 {
        let nobodys = purchase(till.payment_id(), NOBODY, 10);
        last = Some(bounded(till.pay(nobodys)).await.unwrap());
    }
    let refused = till.pay(purchase(till.payment_id(), NOBODY, 10)).await;
    assert_eq!(refusal(refused), Reason::TooManyRequests);
    // The other till has its own.
    let other = shop.till(1).await;
    bounded(other.pay(purchase(other.payment_id(), NOBODY, 10))).await.unwrap();
    let last = last.unwrap();
    for _ in 0..3 {
        assert_eq!(bounded(till.status(last.payment)).await.unwrap(), last);
    }
    let unknown = PaymentId::from_parts(shop.gateway.now_ms(), [5; 10]);
    for payment in [last.payment, unknown] {
        assert_eq!(refusal(till.status(payment).await), Reason::TooManyRequests, "known or not");
    }
}

/// What is told of a payment, but for the id and the times.
async fn bytes_told(till: &mut Raw, shop: &Shop, customer: &str, number: u8) -> Vec<u8> {
    let open = v1::Open {
        payment_id: Bytes::copy_from_slice(
            PaymentId::from_parts(shop.gateway.now_ms(), [number; 10]).as_bytes(),
        ),
        payer: Some(v1::open::Payer::CustomerId(customer.into())),
        lines: vec![v1::PurchaseLine {
            code: "4901777018686".into(),
            name: "お茶".into(),
            unit_price_minor: 220,
            quantity: 1,
            discount_minor: 0,
            tax: v1::TaxKind::Exempt.into(),
            tax_rate_bp: 0,
        }],
        total_minor: 220,
        currency: "JPY".into(),
        capture: v1::Capture::AtApproval.into(),
    };
    let before = shop.gateway.journal().latest();
    let to_peer::Body::Payment(mut told) = till.ask(Body::Open(open)).await else { panic!() };
    // Whatever the cause, it takes one record.
    assert_eq!(told.receipt.take().unwrap().lsn, before.0 + 1);
    assert_eq!((told.field39.as_str(), told.opened_at_ms > 0), ("05", true));
    let told = v1::Payment { payment_id: Bytes::new(), opened_at_ms: 0, ended_at_ms: 0, ..told };
    let mut bytes = BytesMut::new();
    let body = Some(to_peer::Body::Payment(told));
    frame::encode(&v1::ToPeer { request: 1, to: None, body }, &mut bytes).unwrap();
    bytes.to_vec()
}

#[tokio::test]
async fn whatever_the_cause_a_shop_reads_the_same_bytes() {
    let shop = Shop::start_with(|settings| {
        settings.payments.mute_after = 1;
        (settings.payments.tries, settings.payments.tries_in_row) = (1, 1);
    })
    .await;
    let till = shop.till(0).await;
    let mut causes =
        vec![(NOBODY.to_owned(), None), (POOR.to_owned(), Some(Reason::InsufficientFunds))];
    let mut number = 20;
    let mut customer = async |currency: &'static str, reason| {
        number += 1;
        let id = format!("050-{number}");
        let phone = shop.enters_customer(&id, (currency, 10_000), number).await;
        causes.push((id.clone(), Some(reason)));
        (id, phone)
    };
    let policy = CustomerPolicy::default();
    let limited = |limits| CustomerPolicy { limits, ..policy };
    for (reason, policy) in [
        (Reason::CustomerFrozen, frozen()),
        (Reason::CodeRequired, CustomerPolicy { named_by: Naming::CodeOnly, ..policy }),
        (Reason::PaymentLimit, limited(limits(219, 10_000, 10))),
        (Reason::DayLimit, limited(limits(10_000, 219, 10))),
        (Reason::CountLimit, limited(limits(10_000, 10_000, 0))),
    ] {
        let (id, _) = customer("JPY", reason).await;
        shop.sets_policy(&id, policy).await;
    }
    customer("USD", Reason::RateMissing).await;
    let (muted, phone) = customer("JPY", Reason::Muted).await;
    let mut owner = shop.owner_of(&phone).await;
    let waiting = asking(&till, purchase(till.payment_id(), &muted, 10));
    let payment = owner.asked().await.payment();
    bounded(owner.phone.refuse(payment)).await.unwrap();
    bounded(waiting).await.unwrap().unwrap();
    let (blocked, phone) = customer("JPY", Reason::TriesExhausted).await;
    let mut owner = shop.owner_of(&phone).await;
    let waiting = asking(&till, purchase(till.payment_id(), &blocked, 10));
    let question = owner.asked().await;
    bounded(owner.phone.approve(&question, &wrong_secrets())).await.unwrap();
    bounded(waiting).await.unwrap().unwrap();
    let (asked, phone) = customer("JPY", Reason::PromptOpen).await;
    let mut owner = shop.owner_of(&phone).await;
    let _waiting = asking(&till, purchase(till.payment_id(), &asked, 10));
    owner.asked().await;
    let bare: kessai_client::terms::CustomerId = "050-99".parse().unwrap();
    let added = CustomerAdded { customer: bare, currency: Currency::JPY, balance: yen(10_000) };
    let slot = shop.gateway.journal().reserve().unwrap();
    shop.engine().add_customer(added, shop.gateway.now_ms(), slot).unwrap();
    causes.push((bare.to_string(), Some(Reason::NoDevice)));

    let mut raw = Raw::till(&shop.people.tills[1], shop.gateway.local_addr(), "POS2").await;
    let mut first: Option<Vec<u8>> = None;
    for (number, (customer, reason)) in (1..).zip(&causes) {
        let told = bytes_told(&mut raw, &shop, customer, number).await;
        assert_eq!(first.get_or_insert_with(|| told.clone()), &told, "{reason:?}");
        let shown = shop.engine().payments_between(0, u64::MAX, None, 1)[0].reason;
        assert_eq!(shown, Some(reason.unwrap_or(Reason::CustomerUnknown)), "{customer}");
    }
}
