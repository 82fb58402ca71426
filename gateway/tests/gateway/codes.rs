//! Presentment codes: the shop is shown a number instead of the customer's id.

use kessai_client::terms::{PresentmentCode, Reason};
use kessai_client::wire::{PaymentState, Purchase};
use kessai_client::{Event, Terminal};
use kessai_engine::{CustomerPolicy, Naming};
use kessai_gateway::settings::{Disclosure, PlainIds};

use crate::hubs::{carried, connected};
use crate::support::owner::{Owner, asking, by_code, in_currency, refusal};
use crate::support::{POOR, RICH, Shop, bounded, purchase, yen};

/// A code that nobody shows, but by a chance of one in a hundred million.
fn guess(number: u32) -> PresentmentCode {
    PresentmentCode::new(0, 31_415_926 + number).unwrap()
}

fn tea(till: &Terminal, code: PresentmentCode) -> Purchase {
    by_code(purchase(till.payment_id(), RICH, 500), code)
}

#[tokio::test]
async fn a_code_pays_once_and_its_repeat_is_known_by_the_payments_id() {
    let shop = Shop::start().await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let code = rich.code().await;
    assert_eq!(code.partition(), 0);
    let bought = tea(&till, code);
    let end = rich.pays(&till, bought.clone()).await;
    assert_eq!((end.state, end.captured), (PaymentState::Captured, yen(500)));
    // The same again, on this connection and another: the code is not looked up.
    assert_eq!(bounded(till.pay(bought.clone())).await.unwrap(), end);
    assert_eq!(bounded(shop.till(0).await.pay(bought.clone())).await.unwrap(), end);
    let before = shop.engine().state_hash();
    assert_eq!(refusal(till.pay(tea(&till, code)).await), Reason::CodeNotValid, "it is used up");
    // Another code under a used id is another purchase, and stays good.
    let other = rich.code().await;
    let under_used_id = by_code(bought, other);
    assert_eq!(refusal(till.pay(under_used_id).await), Reason::PaymentIdReused);
    assert_eq!(shop.engine().state_hash(), before);
    assert_eq!(rich.pays(&till, tea(&till, other)).await.state, PaymentState::Captured);
    shop.check_books(1_000);
}

#[tokio::test]
async fn the_same_purchase_twice_at_once_finds_the_code_or_the_payment() {
    let shop = Shop::start().await;
    let (first, second) = (shop.till(0).await, shop.till(0).await);
    let mut rich = shop.owner(0).await;
    for _ in 0..12 {
        let bought = by_code(purchase(first.payment_id(), RICH, 10), rich.code().await);
        let (one, other) = (asking(&first, bought.clone()), asking(&second, bought));
        let question = rich.asked().await;
        rich.approves(&question).await;
        let one = bounded(one).await.unwrap().unwrap();
        assert_eq!(one, bounded(other).await.unwrap().unwrap());
        assert_eq!(one.state, PaymentState::Captured);
    }
    shop.check_books(120);
}

#[tokio::test]
async fn a_handset_has_one_code_and_it_expires() {
    let shop = Shop::start().await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let (older, newer) = (rich.code().await, rich.code().await);
    assert_eq!(refusal(till.pay(tea(&till, older)).await), Reason::CodeNotValid);
    // Not the other handset's.
    let other = shop.owner(1).await;
    let theirs = other.code().await;
    assert_eq!(rich.pays(&till, tea(&till, newer)).await.state, PaymentState::Captured);
    assert_ne!(theirs, newer);

    let lifetime = std::time::Duration::from_millis(30);
    let shop = shop.restart_with(|settings| settings.payments.code = lifetime).await;
    let shown = bounded(rich.phone.present_code()).await.unwrap();
    bounded(async {
        while shop.gateway.now_ms() < shown.expires_at_ms {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(refusal(till.pay(tea(&till, shown.code)).await), Reason::CodeNotValid);
    // What was shown before the restart has died with the process.
    assert_eq!(refusal(till.pay(tea(&till, theirs)).await), Reason::CodeNotValid);
    shop.check_books(500);
}

#[tokio::test]
async fn a_terminal_that_guesses_is_not_listened_to() {
    let shop = Shop::start().await;
    let (rogue, till, mut rich) = (shop.till(0).await, shop.till(1).await, shop.owner(0).await);
    for number in 0..10 {
        let wrong = tea(&rogue, guess(number));
        assert_eq!(refusal(rogue.pay(wrong).await), Reason::CodeNotValid);
    }
    let code = rich.code().await;
    let before = shop.engine().state_hash();
    assert_eq!(refusal(rogue.pay(tea(&rogue, code)).await), Reason::TooManyRequests);
    assert_eq!(refusal(rogue.pay(tea(&rogue, guess(11))).await), Reason::TooManyRequests);
    assert_eq!(shop.engine().state_hash(), before);
    assert_eq!(rich.pays(&till, tea(&till, code)).await.state, PaymentState::Captured);
}

#[tokio::test]
async fn a_code_that_met_a_refusal_is_good_again() {
    let shop = Shop::start().await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let code = rich.code().await;
    let wrong_total = Purchase { claimed_total: yen(501), ..tea(&till, code) };
    assert_eq!(refusal(till.pay(wrong_total).await), Reason::TotalMismatch);
    let abroad = in_currency(tea(&till, code), "USD");
    assert_eq!(refusal(till.pay(abroad).await), Reason::CurrencyNotAccepted);
    let machine = shop.till(2).await;
    assert_eq!(refusal(machine.pay(tea(&machine, code)).await), Reason::RoleNotPermitted);
    assert_eq!(rich.pays(&till, tea(&till, code)).await.state, PaymentState::Captured);
}

#[tokio::test]
async fn a_payment_by_code_displaces_one_by_id_and_everybody_is_told() {
    let shop = Shop::start().await;
    let (rogue, till) = (shop.till(0).await, shop.till(1).await);
    let (mut rich, mut other) = (shop.owner(0).await, shop.owner(1).await);
    let displaced = asking(&rogue, purchase(rogue.payment_id(), RICH, 9_999));
    let pushed = rich.asked().await;
    other.asked().await;

    let paying = asking(&till, tea(&till, rich.code().await));
    let end = bounded(displaced).await.unwrap().unwrap();
    assert_eq!((end.state, end.reason), (PaymentState::Cancelled, Some(Reason::PreEmpted)));
    assert_eq!(end.payment, pushed.payment());
    assert_eq!(bounded(rogue.status(end.payment)).await.unwrap(), end);
    let mut next = None;
    for owner in [&mut other, &mut rich] {
        // The end of the one and the question about the other come in either order.
        let (mut notice, mut question) = (None, None);
        while notice.is_none() || question.is_none() {
            match bounded(owner.events.next()).await.unwrap() {
                Event::Told(told) => notice = Some(told),
                Event::Asked(asked) => question = Some(asked),
                other => panic!("{other:?}"),
            }
        }
        let notice = notice.unwrap();
        assert_eq!((notice.payment, notice.reason), (end.payment, Reason::PreEmpted));
        next = question;
    }
    rich.approves(&next.unwrap()).await;
    assert_eq!(bounded(paying).await.unwrap().unwrap().state, PaymentState::Captured);
    shop.check_books(500);
}

/// A second code does not push the first payment aside: its customer is asked for that one.
#[tokio::test]
async fn a_payment_by_code_does_not_displace_another_by_code() {
    let shop = Shop::start().await;
    let (till, mut rich, other) = (shop.till(0).await, shop.owner(0).await, shop.owner(1).await);
    let paying = asking(&till, tea(&till, rich.code().await));
    let question = rich.asked().await;
    let second = bounded(till.pay(tea(&till, other.code().await))).await.unwrap();
    assert_eq!(second.reason, Some(Reason::NotHonoured));
    assert_eq!(rich.told().await.reason, Reason::PromptOpen);
    rich.approves(&question).await;
    assert_eq!(bounded(paying).await.unwrap().unwrap().state, PaymentState::Captured);
    shop.check_books(500);
}

#[tokio::test]
async fn who_pays_by_code_only_is_not_asked_by_id() {
    let shop = Shop::start().await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let policy = CustomerPolicy { named_by: Naming::CodeOnly, ..CustomerPolicy::default() };
    shop.sets_policy(RICH, policy).await;
    let end = bounded(till.pay(shop.rich(&till, 500))).await.unwrap();
    assert_eq!((end.state, end.reason), (PaymentState::Declined, Some(Reason::NotHonoured)));
    assert_eq!(rich.told().await.reason, Reason::CodeRequired);
    let bought = tea(&till, rich.code().await);
    assert_eq!(rich.pays(&till, bought).await.state, PaymentState::Captured);
    shop.check_books(500);
}

#[tokio::test]
async fn plain_ids_can_be_refused_in_general() {
    let shop = Shop::start_with(|settings| settings.payments.plain_ids = PlainIds::Refused).await;
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let before = shop.engine().state_hash();
    for customer in [RICH, crate::support::NOBODY] {
        let plain = purchase(till.payment_id(), customer, 500);
        assert_eq!(refusal(till.pay(plain).await), Reason::CodesOnly);
    }
    assert_eq!(shop.engine().state_hash(), before);
    let bought = tea(&till, rich.code().await);
    assert_eq!(rich.pays(&till, bought).await.state, PaymentState::Captured);
}

#[tokio::test]
async fn want_of_funds_may_be_told_of_a_payment_by_code_and_no_other() {
    for (told, by_code_reason) in [
        (Disclosure::Nothing, Reason::NotHonoured),
        (Disclosure::FundsWithCode, Reason::InsufficientFunds),
    ] {
        let shop = Shop::start_with(|settings| settings.payments.tell_shops = told).await;
        let (till, mut poor) = (shop.till(0).await, shop.owner(2).await);
        let plain = purchase(till.payment_id(), POOR, 101);
        let end = bounded(till.pay(plain.clone())).await.unwrap();
        assert_eq!(end.reason, Some(Reason::NotHonoured));
        assert_eq!(poor.told().await.reason, Reason::InsufficientFunds);
        let shown = by_code(plain, poor.code().await);
        let shown = Purchase { payment: till.payment_id(), ..shown };
        let end = bounded(till.pay(shown)).await.unwrap();
        assert_eq!((end.state, end.reason), (PaymentState::Declined, Some(by_code_reason)));
        assert_eq!(poor.told().await.reason, Reason::InsufficientFunds);
    }
}

#[tokio::test]
async fn a_code_through_a_hub_pays_and_displaces_and_is_told_there() {
    let shop = Shop::start().await;
    let (hub, _file) = connected(&shop).await;
    let (phone, events) = carried(&shop, &hub, 0).await;
    let mut rich = Owner { phone, events, secrets: crate::support::secrets_of(1) };
    let (rogue, till) = (shop.till(0).await, shop.till(1).await);
    let displaced = asking(&rogue, shop.rich(&rogue, 9_999));
    let pushed = rich.asked().await;
    let paying = asking(&till, tea(&till, rich.code().await));
    let notice = rich.told().await;
    assert_eq!((notice.payment, notice.reason), (pushed.payment(), Reason::PreEmpted));
    let question = rich.asked().await;
    rich.approves(&question).await;
    assert_eq!(bounded(paying).await.unwrap().unwrap().state, PaymentState::Captured);
    let end = bounded(displaced).await.unwrap().unwrap();
    assert_eq!(end.reason, Some(Reason::PreEmpted));
    assert_eq!(rich.phone.untrusted(), 0);
    shop.check_books(500);
}
