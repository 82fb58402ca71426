//! Presentment codes: what they displace, what they pass by, what may be told.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Collated, CustomerPolicy, Disclosure, Freshness, Limits, Offer, PaymentState, Record, Rules,
};

use crate::kit::{
    BALANCE, OTHER_TILL, TILL, World, nonce, offer, patient, person, replayed, with_code, yen,
};

fn plain(serial: u16, price: u64) -> Offer {
    offer(serial, TILL, &person(1), price)
}

fn by_code(serial: u16, price: u64) -> Offer {
    with_code(offer(serial, OTHER_TILL, &person(1), price))
}

#[test]
fn a_code_takes_the_place_of_what_waits_by_plain_id() {
    let world = World::with(Rules { open_per_customer: 3, ..Rules::default() });
    world.opened(&plain(1, 300));
    world.opened(&plain(2, 400));
    world.ask(&plain(1, 300), &person(1), 1).unwrap();
    let (answer, records) = world.recorded(|world| world.open(&by_code(3, 500)));
    let [Record::Opened(opened)] = &records[..] else { panic!("one record: {records:?}") };
    let ids = [1, 2].map(crate::kit::payment_id);
    assert_eq!(opened.displaced, ids);
    let answer = answer.unwrap();
    assert_eq!((answer.view.state, answer.freshness), (PaymentState::Pending, Freshness::First));
    assert_eq!(answer.displaced.iter().map(|view| view.payment).collect::<Vec<_>>(), ids);
    for view in &answer.displaced {
        assert_eq!((view.state, view.reason), (PaymentState::Cancelled, Some(Reason::PreEmpted)));
        assert_eq!(view.after, answer.view.after, "durable before it is told");
        assert!(view.notice > 0, "the customer is told");
        let serial = if view.payment == ids[0] { plain(1, 300) } else { plain(2, 400) };
        assert_eq!(world.status(&serial, TILL).as_ref(), Ok(view), "the terminal too");
    }
    assert_eq!(world.money(&person(1)), (BALANCE, 500));
    assert_eq!(world.engine.open_payments(), 1, "their places are free");
    let late = person(1).claim(&plain(1, 300), nonce(1));
    let late = world.traceless(|world| world.collate(&late, 2)).unwrap();
    assert!(matches!(late, Collated::Ended { freshness: Freshness::Repeat, .. }));
    let repeat = world.traceless(|world| world.open(&by_code(3, 500))).unwrap();
    assert_eq!((repeat.freshness, repeat.displaced), (Freshness::Repeat, vec![]), "told once");
    world.assert_sound();
}

#[test]
fn a_code_does_not_take_the_place_of_another() {
    let world = World::with(Rules { open_per_customer: 1, ..Rules::default() });
    world.opened(&by_code(1, 300));
    let declined = |offer| world.open(&offer).unwrap().view.reason;
    assert_eq!(declined(by_code(2, 10)), Some(Reason::PromptOpen));
    assert_eq!(declined(plain(3, 10)), Some(Reason::PromptOpen));
    let roomy = World::with(Rules { open_per_customer: 2, ..Rules::default() });
    roomy.opened(&by_code(1, 300));
    roomy.opened(&plain(2, 10));
    let answer = roomy.open(&by_code(3, 20)).unwrap();
    assert_eq!(answer.displaced.len(), 1, "the plain one only");
    assert_eq!(roomy.status(&by_code(1, 300), OTHER_TILL).unwrap().state, PaymentState::Pending);
    roomy.assert_sound();
}

#[test]
fn only_what_still_waits_for_the_same_customer_is_displaced() {
    let world = World::with(Rules { open_per_customer: 3, ..Rules::default() });
    let drink = crate::kit::vended(1, &person(1), 150);
    world.pay(&drink, &person(1));
    let others = offer(2, TILL, &person(2), 40);
    world.opened(&others);
    let answer = world.open(&by_code(3, 500)).unwrap();
    assert_eq!(answer.displaced, []);
    assert_eq!(world.money(&person(1)), (BALANCE, 650));
    assert_eq!(world.money(&person(2)), (BALANCE, 40));
    world.assert_sound();
}

/// Money, limit and place of what is displaced are free for what displaces it.
#[test]
fn what_is_displaced_makes_room() {
    let world = World::with(Rules { open_per_customer: 1, ..patient() });
    let limits = Limits { per_payment: None, per_day: Some(yen(BALANCE)), count_per_day: Some(1) };
    world.set_policy(&person(1), CustomerPolicy { limits, ..CustomerPolicy::default() });
    world.opened(&plain(1, BALANCE));
    let answer = world.open(&by_code(2, BALANCE)).unwrap();
    assert_eq!((answer.view.state, answer.displaced.len()), (PaymentState::Pending, 1));
    assert_eq!(world.money(&person(1)), (BALANCE, BALANCE));
    let spending = world.customer(&person(1)).spending;
    assert_eq!((spending.count, spending.amount), (1, yen(BALANCE)));
    world.assert_sound();
}

#[test]
fn a_declined_code_displaces_nothing() {
    let world = World::new();
    world.opened(&plain(1, 300));
    let answer = world.open(&by_code(2, BALANCE + 1)).unwrap();
    assert_eq!(answer.view.reason, Some(Reason::InsufficientFunds));
    assert_eq!(answer.displaced, []);
    assert_eq!(world.status(&plain(1, 300), TILL).unwrap().state, PaymentState::Pending);
    assert_eq!(world.money(&person(1)), (BALANCE, 300));
    world.assert_sound();
}

/// A repeat is known by id, terminal and request alone: the code it was opened by may be gone.
#[test]
fn a_repeat_is_known_without_its_customer() {
    let world = World::new();
    let offer = by_code(1, 300);
    let (payment, terminal) = (offer.terms.payment, offer.terms.terminal);
    let known = |request, terminal| world.engine.known(&payment, terminal, request);
    assert_eq!(known(&offer.terms.request, &terminal), None);
    let view = world.opened(&offer);
    let repeat = known(&offer.terms.request, &terminal).unwrap().unwrap();
    assert_eq!((repeat.view, repeat.freshness), (view, Freshness::Repeat));
    let other = plain(1, 301);
    let reused = Some(Err(Reason::PaymentIdReused));
    assert_eq!(known(&other.terms.request, &terminal), reused);
    assert_eq!(known(&offer.terms.request, &other.terms.terminal), reused);
    let again = replayed(&world.recorder.entries(), Rules::default());
    assert!(matches!(again.known(&payment, &terminal, &offer.terms.request), Some(Ok(_))));
}

/// Only where the processor wants it, only of a payment by code, and only that funds are short.
#[test]
fn a_shop_may_be_told_of_short_funds_with_a_code() {
    let world = World::new();
    let told = |offer: Offer, disclosure| {
        world.open(&offer).unwrap();
        let view = world.engine.payment(&offer.terms.payment).unwrap();
        view.reason_for_terminal(disclosure)
    };
    let (short, untold) = (Some(Reason::InsufficientFunds), Some(Reason::NotHonoured));
    let dear = BALANCE + 1;
    assert_eq!(told(by_code(1, dear), Disclosure::Nothing), untold);
    assert_eq!(told(by_code(1, dear), Disclosure::FundsWithCode), short);
    assert_eq!(told(plain(2, dear), Disclosure::FundsWithCode), untold);
    let nobodys = with_code(offer(3, TILL, &person(99), 10));
    assert_eq!(told(nobodys, Disclosure::FundsWithCode), untold);
    let limits = Limits { per_payment: Some(yen(5)), ..Limits::default() };
    world.set_policy(&person(1), CustomerPolicy { limits, ..CustomerPolicy::default() });
    assert_eq!(told(by_code(4, 10), Disclosure::FundsWithCode), untold);
    let ended = by_code(5, 5);
    world.opened(&ended);
    world.cancel_by_customer(&ended, &person(1)).unwrap();
    let cancelled = Some(Reason::CancelledByCustomer);
    assert_eq!(told(ended, Disclosure::Nothing), cancelled, "ends are told as they are");
}
