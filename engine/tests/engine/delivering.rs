//! Delivery in part, and what a machine needs for it.

use kessai_engine::terms::money::Currency;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Capture, Captured, Freshness, Offer, PaymentState, Portion, Record, ReverseCause, Reversed,
    Rules,
};

use crate::kit::{
    BALANCE, HARBOUR_TILL, MACHINE, TILL, World, abroad, offer, person, replayed, terminal, vended,
    yen,
};

fn part(amount: u64, price: u64) -> Portion {
    Portion::Part { amount: yen(amount), price: yen(price) }
}

/// A world in which person 1 has approved 500 yen at the machine.
fn authorised() -> (World, Offer) {
    let world = World::new();
    let drinks = vended(1, &person(1), 500);
    world.pay(&drinks, &person(1));
    (world, drinks)
}

#[test]
fn a_part_is_captured_and_the_rest_released() {
    let (world, drinks) = authorised();
    let payment = drinks.terms.payment;
    let command = |world: &World| world.deliver_part(&drinks, MACHINE, part(120, 120));
    let (answer, records) = world.recorded(command);
    let (amount, price) = (yen(120), yen(120));
    assert_eq!(records, [Record::Captured(Captured { payment, amount, price })]);
    let answer = answer.unwrap();
    assert_eq!((answer.view.state, answer.freshness), (PaymentState::Captured, Freshness::First));
    assert_eq!((answer.view.captured, answer.view.captured_price), (amount, price));
    assert_eq!(answer.view.authorised(), yen(500));
    assert_eq!(world.money(&person(1)), (BALANCE - 120, 0));
    world.assert_sound();

    let repeat = world.traceless(command).unwrap();
    assert_eq!((repeat.view, repeat.freshness), (answer.view, Freshness::Repeat));
    for other in [part(119, 119), part(0, 0), Portion::All] {
        let found = world.traceless(|world| world.deliver_part(&drinks, MACHINE, other));
        assert_eq!(found, Err(Reason::StateForbids), "{other:?}");
    }
    // What was not captured cannot be given back, what was can be taken back whole.
    let refund = world.traceless(|world| world.refund(2, &drinks, MACHINE, 121)).unwrap_err();
    assert_eq!(refund, Reason::AmountAboveCapture);
    world.reverse(&drinks, MACHINE).unwrap();
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    world.assert_sound();
}

#[test]
fn a_part_of_everything_is_everything() {
    let (world, drinks) = authorised();
    world.deliver_part(&drinks, MACHINE, part(500, 500)).unwrap();
    let repeat = world.traceless(|world| world.deliver(&drinks, MACHINE)).unwrap();
    assert_eq!(repeat.freshness, Freshness::Repeat);
    world.refund(2, &drinks, MACHINE, 30).unwrap();
    let repeat = world.traceless(|world| world.deliver(&drinks, MACHINE)).unwrap();
    assert_eq!(repeat.view.state, PaymentState::Refunded, "as it stands now");
    world.assert_sound();
}

#[test]
fn a_part_of_nothing_takes_the_payment_back() {
    let (world, drinks) = authorised();
    let (payment, reason) = (drinks.terms.payment, Reason::NotDispensed);
    let command = |world: &World| world.deliver_part(&drinks, MACHINE, part(0, 0));
    let (answer, records) = world.recorded(command);
    assert_eq!(records, [Record::Reversed(Reversed { payment, reason })]);
    assert_eq!(answer.unwrap().view.state, PaymentState::Reversed);
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    let repeat = world.traceless(command).unwrap();
    assert_eq!((repeat.view.reason, repeat.freshness), (Some(reason), Freshness::Repeat));
    let late = world.traceless(|world| world.deliver_part(&drinks, MACHINE, part(1, 1)));
    assert_eq!(late, Err(Reason::StateForbids));
    world.assert_sound();
}

#[test]
fn a_part_must_be_part_of_the_price() {
    let (world, drinks) = authorised();
    for odd in [part(501, 501), part(120, 121), part(0, 120), part(120, 0), part(499, 500)] {
        let found = world.traceless(|world| world.deliver_part(&drinks, MACHINE, odd));
        assert_eq!(found, Err(Reason::AmountInvalid), "{odd:?}");
    }
    let foreign = world.traceless(|world| world.deliver_part(&drinks, TILL, part(1, 1)));
    assert_eq!(foreign, Err(Reason::PaymentUnknown));
    world.assert_sound();
}

/// 10.01 dollars are 1,502 yen; 3.33 of them are 499.5, so 500.
#[test]
fn a_part_of_a_foreign_price_is_converted_by_the_rate_that_was_shown() {
    let world = World::new();
    let mut goods = abroad(1, &person(1), 1_001);
    goods.terms.capture = Capture::OnDelivery;
    world.pay(&goods, &person(1));
    let charge = goods.terms.charge;
    assert_eq!((charge.price(), charge.price_currency()), (yen(1_001), Currency::USD));
    assert_eq!(charge.part(yen(333)), Ok(yen(500)));
    assert_eq!(charge.part(yen(1_001)), Ok(charge.amount));
    assert_eq!(charge.part(yen(1_002)), Err(Reason::AmountInvalid));
    let dear = world.traceless(|world| world.deliver_part(&goods, HARBOUR_TILL, part(501, 333)));
    assert_eq!(dear, Err(Reason::AmountInvalid), "not what the customer was shown");
    world.deliver_part(&goods, HARBOUR_TILL, part(500, 333)).unwrap();
    assert_eq!(world.money(&person(1)), (BALANCE - 500, 0));
    let books = world.engine.books().unwrap();
    assert_eq!(books.currencies[&Currency::JPY].exchange.minor(), 500);
    assert_eq!(books.currencies[&Currency::USD].exchange.minor(), -333);
    assert_eq!(books.merchants[&("M2".parse().unwrap(), Currency::USD)].minor(), 333);
    world.assert_sound();
    // Given back in two parts: 500 x 100 / 333 = 150.15.
    let first = world.refund(2, &goods, HARBOUR_TILL, 100).unwrap().refund;
    let second = world.refund(3, &goods, HARBOUR_TILL, 233).unwrap().refund;
    assert_eq!((first.amount, second.amount), (yen(150), yen(350)));
    let books = world.engine.books().unwrap();
    assert!(books.currencies.values().all(|sums| sums.exchange.is_zero()));
    world.assert_sound();
}

#[test]
fn a_reversal_has_its_cause() {
    for (cause, reason) in [
        (ReverseCause::OnRequest, Reason::ReversedOnRequest),
        (ReverseCause::NotDispensed, Reason::NotDispensed),
    ] {
        let (world, drinks) = authorised();
        let payment = drinks.terms.payment;
        let reverse = |world: &World| {
            let (machine, slot) = (terminal(MACHINE), world.slot());
            world.engine.reverse(payment, machine, cause, world.now_ms, slot)
        };
        let (answer, records) = world.recorded(reverse);
        assert_eq!(records, [Record::Reversed(Reversed { payment, reason })]);
        assert_eq!(answer.unwrap().view.reason, Some(reason));
        let repeat = world.traceless(reverse).unwrap();
        assert_eq!((repeat.view.reason, repeat.freshness), (Some(reason), Freshness::Repeat));
        world.assert_sound();
    }
}

#[test]
fn the_confirmation_is_kept_as_long_as_a_report_may_come() {
    let world = World::new();
    let (drinks, at_till) = (vended(1, &person(1), 500), offer(2, TILL, &person(2), 10));
    let kept = |world: &World, offer: &Offer, by: &str| {
        world.engine.confirmation(offer.terms.payment, terminal(by))
    };
    assert_eq!(kept(&world, &drinks, MACHINE), Err(Reason::PaymentUnknown));
    world.opened(&drinks);
    assert_eq!(kept(&world, &drinks, MACHINE), Ok(drinks.confirmation.clone()), "pending");
    assert_eq!(kept(&world, &drinks, TILL), Err(Reason::PaymentUnknown), "another's");
    world.approve(&drinks, &person(1)).unwrap();
    assert_eq!(kept(&world, &drinks, MACHINE), Ok(drinks.confirmation.clone()), "authorised");
    let again = replayed(&world.recorder.entries(), Rules::default());
    let world = World { engine: again.into(), ..world };
    assert_eq!(kept(&world, &drinks, MACHINE), Ok(drinks.confirmation.clone()), "recovered");
    world.deliver_part(&drinks, MACHINE, part(120, 120)).unwrap();
    assert_eq!(kept(&world, &drinks, MACHINE), Ok(drinks.confirmation.clone()), "to be repeated");
    world.reverse(&drinks, MACHINE).unwrap();
    assert_eq!(kept(&world, &drinks, MACHINE), Err(Reason::StateForbids));
    world.pay(&at_till, &person(2));
    assert_eq!(kept(&world, &at_till, TILL), Err(Reason::StateForbids), "nothing to report");
    world.assert_sound();
}
