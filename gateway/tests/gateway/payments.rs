//! Payments from the till's scan to both ends told.

use std::time::Duration;

use kessai_client::Answered;
use kessai_client::terms::{Currency, Reason};
use kessai_client::wire::{Delivery, Payment, PaymentState, Purchase, ReverseCause};
use kessai_engine::PaymentView;

use crate::support::{
    NOBODY, POOR, RICH, Shop, asked, bounded, purchase, told, wrong_secrets, yen,
};

/// Both sides must be told the same, and the engine must know it so.
fn check_end(shop: &Shop, end: &Payment, state: PaymentState, reason: Reason) -> PaymentView {
    assert_eq!((end.state, end.reason), (state, Some(reason)));
    let view = shop.engine().status(end.payment, "POS1".parse().unwrap()).unwrap();
    assert_eq!(view.reason_for_terminal(kessai_engine::Disclosure::Nothing), Some(reason));
    view
}

#[tokio::test]
async fn an_approved_payment_moves_the_money_and_is_told_to_everybody() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    let (_other, mut others) = shop.phone(1, 0).await;
    let asking = purchase(till.payment_id(), RICH, 1_234);

    let (end, answered) = bounded(async {
        tokio::join!(till.pay(asking.clone()), async {
            let question = asked(&mut events).await;
            assert_eq!(question.confirmation.total(), yen(1_234).of(Currency::JPY));
            assert_eq!(question.confirmation.store_name.as_str(), "上野店");
            assert_eq!(question.tries_left, 3);
            phone.approve(&question, shop.secrets(0)).await.unwrap()
        })
    })
    .await;
    let end = end.unwrap();
    let view = check_end(&shop, &end, PaymentState::Captured, Reason::Approved);
    let Answered::Approved(notice) = answered else { panic!("{answered:?}") };
    assert_eq!((notice.payment, notice.captured), (end.payment, yen(1_234)));
    assert_eq!(notice.approval, end.approval);
    assert!(end.approval.is_some() && view.approval.is_some());
    asked(&mut others).await;
    assert_eq!(told(&mut others).await, notice, "the other handset is told the same");

    assert_eq!(shop.customer(RICH).balance, yen(10_000 - 1_234));
    shop.check_books(1_234);
    // Again, on this connection and another: the same end, and nothing is paid twice.
    assert_eq!(bounded(till.pay(asking.clone())).await.unwrap(), end);
    assert_eq!(bounded(shop.till(0).await.pay(asking)).await.unwrap(), end);
    assert_eq!(bounded(till.status(end.payment)).await.unwrap(), end);
    shop.check_books(1_234);
    bounded(shop.gateway.stop()).await;
}

#[tokio::test]
async fn want_of_money_is_told_to_the_handset_and_hidden_from_the_till() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let (_phone, mut events) = shop.phone(2, 0).await;
    let end = bounded(till.pay(purchase(till.payment_id(), POOR, 101))).await.unwrap();
    check_end(&shop, &end, PaymentState::Declined, Reason::NotHonoured);
    let notice = told(&mut events).await;
    assert_eq!((notice.state, notice.reason), (PaymentState::Declined, Reason::InsufficientFunds));
    assert_eq!(notice.reason.field39(), "51");
    assert_eq!(end.reason.unwrap().field39(), "05");
    // Whom nobody knows is answered alike.
    let other = bounded(till.pay(purchase(till.payment_id(), NOBODY, 101))).await.unwrap();
    check_end(&shop, &other, PaymentState::Declined, Reason::NotHonoured);
    shop.check_books(0);
}

#[tokio::test]
async fn the_customer_cancels() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    let (end, notice) = bounded(async {
        tokio::join!(till.pay(purchase(till.payment_id(), RICH, 500)), async {
            let question = asked(&mut events).await;
            phone.refuse(question.payment()).await.unwrap()
        })
    })
    .await;
    check_end(&shop, &end.unwrap(), PaymentState::Cancelled, Reason::CancelledByCustomer);
    assert_eq!(notice.reason, Reason::CancelledByCustomer);
    shop.check_books(0);
}

#[tokio::test]
async fn the_till_cancels_and_both_its_requests_are_told_so() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    let asking = purchase(till.payment_id(), RICH, 500);
    let payment = asking.payment;
    let (end, (cancelled, question)) = bounded(async {
        tokio::join!(till.pay(asking), async {
            let question = asked(&mut events).await;
            (till.cancel(payment).await.unwrap(), question)
        })
    })
    .await;
    let end = end.unwrap();
    check_end(&shop, &end, PaymentState::Cancelled, Reason::CancelledByTerminal);
    assert_eq!(cancelled, end);
    assert_eq!(told(&mut events).await.reason, Reason::CancelledByTerminal);
    // Too late to approve it.
    assert!(bounded(phone.approve(&question, shop.secrets(0))).await.is_err());
    shop.check_books(0);
}

#[tokio::test]
async fn a_cancel_that_overtakes_its_open_wins() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let asking = purchase(till.payment_id(), RICH, 500);
    let cancelled = bounded(till.cancel(asking.payment)).await.unwrap();
    assert_eq!((cancelled.state, cancelled.price), (PaymentState::Cancelled, None));
    assert_eq!(bounded(till.pay(asking)).await.unwrap(), cancelled);
    shop.check_books(0);
}

#[tokio::test]
async fn a_payment_that_nobody_answers_expires() {
    let shop = Shop::start_with(|s| s.payments.prompt = Duration::from_millis(200)).await;
    let till = shop.till(0).await;
    let end = bounded(till.pay(purchase(till.payment_id(), RICH, 500))).await.unwrap();
    check_end(&shop, &end, PaymentState::Expired, Reason::ExpiredUnseen);
    let (_phone, mut events) = shop.phone(0, 0).await;
    assert_eq!(told(&mut events).await.reason, Reason::ExpiredUnseen, "told when it comes");
    let end = bounded(async {
        let (end, question) =
            tokio::join!(till.pay(purchase(till.payment_id(), RICH, 500)), asked(&mut events));
        drop(question);
        end.unwrap()
    })
    .await;
    check_end(&shop, &end, PaymentState::Expired, Reason::ExpiredUnanswered);
    assert_eq!(told(&mut events).await.reason, Reason::ExpiredUnanswered);
    shop.check_books(0);
}

#[tokio::test]
async fn a_mistyped_password_may_be_typed_again() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    let (end, answered) = bounded(async {
        tokio::join!(till.pay(purchase(till.payment_id(), RICH, 500)), async {
            let question = asked(&mut events).await;
            let first = phone.approve(&question, &wrong_secrets()).await.unwrap();
            assert_eq!(first, Answered::TryAgain { tries_left: 2 });
            assert_eq!(shop.customer(RICH).wrong_in_row, 1);
            phone.approve(&question, shop.secrets(0)).await.unwrap()
        })
    })
    .await;
    check_end(&shop, &end.unwrap(), PaymentState::Captured, Reason::Approved);
    assert!(matches!(answered, Answered::Approved(_)), "{answered:?}");
    assert_eq!(shop.customer(RICH).wrong_in_row, 0, "a right one forgets the wrong ones");
    shop.check_books(500);
}

#[tokio::test]
async fn the_third_wrong_password_declines_and_the_fifth_in_a_row_blocks() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    for tries in [3, 2] {
        let (end, answered) = bounded(async {
            tokio::join!(till.pay(purchase(till.payment_id(), RICH, 500)), async {
                let question = asked(&mut events).await;
                assert_eq!(question.tries_left, tries);
                for left in (1..tries).rev() {
                    let answered = phone.approve(&question, &wrong_secrets()).await.unwrap();
                    assert_eq!(answered, Answered::TryAgain { tries_left: left });
                }
                phone.approve(&question, &wrong_secrets()).await.unwrap()
            })
        })
        .await;
        check_end(&shop, &end.unwrap(), PaymentState::Declined, Reason::NotHonoured);
        let Answered::Declined(notice) = answered else { panic!("{answered:?}") };
        assert_eq!(notice.reason, Reason::TriesExceeded);
        assert_eq!(told(&mut events).await, notice);
    }
    let end = bounded(till.pay(purchase(till.payment_id(), RICH, 500))).await.unwrap();
    check_end(&shop, &end, PaymentState::Declined, Reason::NotHonoured);
    assert_eq!(told(&mut events).await.reason, Reason::TriesExhausted);
    assert_eq!(shop.customer(RICH).wrong_in_row, 5);
    shop.check_books(0);
}

#[tokio::test]
async fn a_machine_is_paid_when_it_has_delivered_and_not_otherwise() {
    let shop = Shop::start().await;
    let machine = shop.till(2).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    for (delivers, state) in [(true, PaymentState::Captured), (false, PaymentState::Reversed)] {
        let asking = Purchase {
            capture: kessai_client::wire::Capture::OnDelivery,
            ..purchase(machine.payment_id(), RICH, 130)
        };
        let (end, _) = bounded(async {
            tokio::join!(machine.pay(asking), async {
                let question = asked(&mut events).await;
                phone.approve(&question, shop.secrets(0)).await.unwrap()
            })
        })
        .await;
        let end = end.unwrap();
        assert_eq!((end.state, end.captured), (PaymentState::Authorised, yen(0)));
        assert_eq!(told(&mut events).await.state, PaymentState::Authorised);
        let done = if delivers {
            bounded(machine.deliver(end.payment, Delivery::All)).await.unwrap()
        } else {
            bounded(machine.reverse(end.payment, ReverseCause::NotDispensed)).await.unwrap()
        };
        assert_eq!(done.state, state);
        assert_eq!(told(&mut events).await.state, state);
        shop.check_books(130);
    }
    assert_eq!(shop.customer(RICH).balance, yen(9_870));
}

#[tokio::test]
async fn a_till_takes_a_payment_back() {
    let shop = Shop::start().await;
    let till = shop.till(0).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    let (end, _) = bounded(async {
        tokio::join!(till.pay(purchase(till.payment_id(), RICH, 700)), async {
            let question = asked(&mut events).await;
            phone.approve(&question, shop.secrets(0)).await.unwrap()
        })
    })
    .await;
    let end = end.unwrap();
    assert_eq!(told(&mut events).await.state, PaymentState::Captured);
    shop.check_books(700);
    let reversed = bounded(till.reverse(end.payment, ReverseCause::OnRequest)).await.unwrap();
    assert_eq!(reversed.state, PaymentState::Reversed);
    assert_eq!(told(&mut events).await.reason, Reason::ReversedOnRequest);
    assert_eq!(
        bounded(till.reverse(end.payment, ReverseCause::OnRequest)).await.unwrap(),
        reversed
    );
    assert_eq!(shop.customer(RICH).balance, yen(10_000));
    shop.check_books(0);
}
