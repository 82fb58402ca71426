//! What the processor lets customers and terminals do: frozen, limited, by code only.

use kessai_engine::terms::money::{Amount, Currency};
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    AdminError, Collated, CustomerPolicy, DefaultLimits, Ended, Event, Freshness, LimitHolder,
    Limits, Naming, Offer, PaymentState, PlainIds, PolicySet, Portion, Record, RegisterChange,
    Rules, Spending, Standing, Store,
};

use crate::kit::{
    BALANCE, MACHINE, NOON_MS, OTHER_TILL, Person, TILL, World, abroad, nonce, offer, patient,
    person, replayed, vended, with_code, yen,
};

const DAY_MS: u64 = 86_400_000;

fn limited(limits: Limits) -> CustomerPolicy {
    CustomerPolicy { limits, ..CustomerPolicy::default() }
}

fn frozen() -> CustomerPolicy {
    CustomerPolicy { standing: Standing::Frozen, ..CustomerPolicy::default() }
}

#[track_caller]
fn declined(world: &World, offer: &Offer) -> Reason {
    let view = world.open(offer).unwrap().view;
    assert_eq!(view.state, PaymentState::Declined);
    view.reason.unwrap()
}

/// Opens, and says with what it was declined, if it was.
fn opens(world: &World, offer: &Offer) -> Option<Reason> {
    world.open(offer).unwrap().view.reason
}

#[test]
fn a_policy_is_recorded_and_shown() {
    let world = World::new();
    let limits = Limits { count_per_day: Some(3), ..Limits::default() };
    let policy = CustomerPolicy { standing: Standing::Frozen, named_by: Naming::CodeOnly, limits };
    let set = |customer| {
        let set = PolicySet { customer, policy };
        (set, move |world: &World| world.engine.set_policy(set, NOON_MS, world.slot()))
    };
    let (set_one, command) = set(person(1).customer);
    assert_eq!(world.customer(&person(1)).policy, CustomerPolicy::default());
    let (answer, records) = world.recorded(command);
    assert_eq!(records, [Record::PolicySet(Box::new(set_one))]);
    assert_eq!(answer.unwrap().0, world.recorder.count() as u64);
    assert_eq!(world.customer(&person(1)).policy, policy);
    world.assert_sound();
    let nobody = person(99).customer;
    assert_eq!(world.traceless(set(nobody).1), Err(AdminError::CustomerMissing(nobody)));
    assert_eq!(world.engine.currency_of(&person(1).customer), Some(Currency::JPY));
    assert_eq!(world.engine.currency_of(&nobody), None);
}

#[test]
fn a_frozen_customer_opens_nothing_and_may_thaw() {
    let world = World::new();
    world.set_policy(&person(1), frozen());
    assert_eq!(declined(&world, &offer(1, TILL, &person(1), 10)), Reason::CustomerFrozen);
    let by_code = with_code(offer(2, TILL, &person(1), 10));
    assert_eq!(declined(&world, &by_code), Reason::CustomerFrozen);
    world.set_policy(&person(1), CustomerPolicy::default());
    world.pay(&offer(3, TILL, &person(1), 10), &person(1));
    world.assert_sound();
}

/// What the customer approves after being frozen is declined, and nothing is debited.
#[test]
fn who_is_frozen_meanwhile_cannot_approve() {
    let world = World::new();
    let purchase = offer(1, TILL, &person(1), 500);
    world.opened(&purchase);
    world.ask(&purchase, &person(1), 1).unwrap();
    world.set_policy(&person(1), frozen());
    let wrong = world.collate(&person(1).mistyped(&purchase, nonce(1)), 2).unwrap();
    assert!(matches!(wrong, Collated::Mismatched { .. }), "a wrong password is counted as ever");
    let right = person(1).claim(&purchase, nonce(2));
    let (answer, records) = world.recorded(|world| world.collate(&right, 3));
    let payment = purchase.terms.payment;
    let (event, reason) = (Event::Decline, Reason::CustomerFrozen);
    assert_eq!(records, [Record::Ended(Ended { payment, event, reason })]);
    let Ok(Collated::Ended { view, freshness }) = answer else { panic!("{answer:?}") };
    assert_eq!((view.state, view.reason), (PaymentState::Declined, Some(reason)));
    assert_eq!(freshness, Freshness::First);
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    world.assert_sound();
}

#[test]
fn what_is_under_way_for_a_frozen_customer_can_be_ended() {
    let world = World::with(Rules { open_per_customer: 3, ..Rules::default() });
    let drink = vended(1, &person(1), 150);
    world.pay(&drink, &person(1));
    let (paid, waiting) = (offer(2, TILL, &person(1), 20), offer(3, TILL, &person(1), 30));
    world.pay(&paid, &person(1));
    world.opened(&waiting);
    world.set_policy(&person(1), frozen());
    world.deliver(&drink, MACHINE).unwrap();
    world.reverse(&paid, TILL).unwrap();
    world.cancel_by_customer(&waiting, &person(1)).unwrap();
    assert_eq!(world.money(&person(1)), (BALANCE - 150, 0));
    world.assert_sound();
}

#[test]
fn a_customer_may_pay_by_code_only() {
    let world = World::new();
    let named_by = Naming::CodeOnly;
    world.set_policy(&person(1), CustomerPolicy { named_by, ..CustomerPolicy::default() });
    assert_eq!(declined(&world, &offer(1, TILL, &person(1), 10)), Reason::CodeRequired);
    world.pay(&with_code(offer(2, TILL, &person(1), 10)), &person(1));
    // Before all that would tell more.
    world.set_policy(&person(1), CustomerPolicy { named_by, ..frozen() });
    assert_eq!(declined(&world, &offer(3, TILL, &person(1), 10)), Reason::CodeRequired);
}

#[test]
fn the_processor_may_take_codes_only() {
    let world = World::with(Rules { plain_ids: PlainIds::Refused, ..Rules::default() });
    let plain = offer(1, TILL, &person(1), 10);
    assert_eq!(world.traceless(|world| world.open(&plain)), Err(Reason::CodesOnly));
    let nobody = offer(1, TILL, &person(99), 10);
    assert_eq!(world.traceless(|world| world.open(&nobody)), Err(Reason::CodesOnly));
    world.pay(&with_code(plain), &person(1));
}

#[test]
fn an_offer_without_a_price_is_declined_for_that() {
    let world = World::new();
    for (serial, reason) in [(1, Reason::RateMissing), (2, Reason::RateStale)] {
        let mut unpriced = offer(serial, TILL, &person(1), 10);
        unpriced.terms.charge.currency = Currency::USD;
        unpriced.unpriced = Some(reason);
        assert_eq!(declined(&world, &unpriced), reason);
        let view = world.status(&unpriced, TILL).unwrap();
        let told = view.reason_for_terminal(world.engine.rules().disclosure);
        assert_eq!(told, Some(Reason::NotHonoured));
    }
    let mut nobodys = offer(3, TILL, &person(99), 10);
    nobodys.unpriced = Some(Reason::RateMissing);
    assert_eq!(declined(&world, &nobodys), Reason::CustomerUnknown);
}

#[test]
fn a_customers_limits_hold() {
    let mut world = World::with(patient());
    let limits =
        Limits { per_payment: Some(yen(500)), per_day: Some(yen(1_000)), count_per_day: Some(3) };
    world.set_policy(&person(1), limited(limits));
    let buy = |world: &World, serial, price| opens(world, &offer(serial, TILL, &person(1), price));
    let paid = |world: &World, serial, price| {
        world.pay(&offer(serial, TILL, &person(1), price), &person(1));
    };
    assert_eq!(buy(&world, 1, 501), Some(Reason::PaymentLimit));
    paid(&world, 2, 500);
    assert_eq!(buy(&world, 3, 501), Some(Reason::PaymentLimit), "the first of two");
    paid(&world, 4, 400);
    assert_eq!(buy(&world, 5, 101), Some(Reason::DayLimit));
    paid(&world, 6, 100);
    assert_eq!(buy(&world, 7, 1), Some(Reason::DayLimit), "the first of two");
    world.set_policy(&person(1), limited(Limits { per_day: Some(yen(2_000)), ..limits }));
    assert_eq!(buy(&world, 8, 1), Some(Reason::CountLimit));
    let spending = world.customer(&person(1)).spending;
    assert_eq!((spending.count, spending.amount), (3, yen(1_000)));
    world.now_ms += DAY_MS;
    let mut tomorrow = offer(9, TILL, &person(1), 500);
    tomorrow.expires_at_ms += DAY_MS;
    world.pay(&tomorrow, &person(1));
    world.assert_sound();
}

/// Whatever comes to nothing on the day does not count: whatever the way.
#[test]
fn what_comes_to_nothing_is_not_spent() {
    type End = fn(&World, &Offer, &Person);
    let ends: [End; 8] = [
        |world, offer, payer| drop(world.cancel_by_customer(offer, payer).unwrap()),
        |world, offer, _| drop(world.cancel_by_terminal(offer, MACHINE).unwrap()),
        |world, offer, payer| {
            world.ask(offer, payer, 1);
            world.collate(&payer.mistyped(offer, nonce(1)), 2).unwrap();
        },
        |world, offer, payer| {
            world.set_policy(payer, frozen());
            world.approve(offer, payer).unwrap();
        },
        |world, _, _| assert_eq!(world.expire().len(), 1),
        |world, offer, payer| {
            world.approve(offer, payer).unwrap();
            world.reverse(offer, MACHINE).unwrap();
        },
        |world, offer, payer| {
            world.approve(offer, payer).unwrap();
            world.deliver(offer, MACHINE).unwrap();
            world.reverse(offer, MACHINE).unwrap();
        },
        |world, offer, payer| {
            world.approve(offer, payer).unwrap();
            let portion = Portion::Part { amount: Amount::ZERO, price: Amount::ZERO };
            world.deliver_part(offer, MACHINE, portion).unwrap();
        },
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let mut world = World::with(Rules { tries_per_payment: 1, ..patient() });
        world.pay(&offer(1, TILL, &person(1), 70), &person(1));
        let drink = vended(2, &person(1), 500);
        world.opened(&drink);
        assert_eq!(world.customer(&person(1)).spending.amount, yen(570), "held counts");
        if number == 4 {
            world.now_ms = drink.expires_at_ms;
        }
        end(&world, &drink, &person(1));
        let Spending { count, amount, .. } = world.customer(&person(1)).spending;
        assert_eq!((count, amount), (1, yen(70)), "end {number}");
        world.assert_sound();
    }
}

#[test]
fn a_part_that_was_not_dispensed_is_not_spent() {
    let world = World::new();
    let drink = vended(1, &person(1), 500);
    world.pay(&drink, &person(1));
    let part = Portion::Part { amount: yen(120), price: yen(120) };
    world.deliver_part(&drink, MACHINE, part).unwrap();
    let Spending { count, amount, .. } = world.customer(&person(1)).spending;
    assert_eq!((count, amount), (1, yen(120)));
    // A refund is no spending the less: else limits could be walked around.
    world.refund(2, &drink, MACHINE, 120).unwrap();
    assert_eq!(world.customer(&person(1)).spending.amount, yen(120));
    world.assert_sound();
}

/// Yesterday's payment that ends today is not taken off today's.
#[test]
fn a_day_gives_back_its_own_only() {
    let mut world = World::with(Rules { open_per_customer: 2, ..Rules::default() });
    let mut old = vended(1, &person(1), 500);
    old.expires_at_ms += 2 * DAY_MS;
    world.opened(&old);
    world.now_ms += DAY_MS;
    let new = offer(2, TILL, &person(1), 70);
    world.open(&new).unwrap();
    world.cancel_by_customer(&old, &person(1)).unwrap();
    let Spending { count, amount, .. } = world.customer(&person(1)).spending;
    assert_eq!((count, amount), (1, yen(70)));
    world.assert_sound();
}

#[test]
fn defaults_hold_where_a_customer_has_no_limit() {
    let world = World::with(patient());
    let default = |limits| {
        let (holder, currency) = (LimitHolder::Customer, Currency::JPY);
        world
            .enter(vec![RegisterChange::DefaultLimits(DefaultLimits { holder, currency, limits })])
            .unwrap();
    };
    default(Limits { per_payment: Some(yen(100)), ..Limits::default() });
    let buy = |serial, whom: &Person, price| opens(&world, &offer(serial, TILL, whom, price));
    assert_eq!(buy(1, &person(1), 101), Some(Reason::PaymentLimit));
    let own = Limits { per_payment: Some(yen(200)), ..Limits::default() };
    world.set_policy(&person(1), limited(own));
    assert_eq!(buy(2, &person(1), 201), Some(Reason::PaymentLimit));
    assert_eq!(buy(3, &person(1), 200), None);
    assert_eq!(buy(4, &person(2), 200), Some(Reason::PaymentLimit));
    let other = Limits { per_day: Some(yen(150)), ..Limits::default() };
    default(other);
    assert_eq!(buy(5, &person(2), 151), Some(Reason::DayLimit));
    assert_eq!(buy(6, &person(2), 150), None);
    let register = world.engine.register();
    assert_eq!(register.default_limits(LimitHolder::Customer, Currency::JPY), other);
    assert_eq!(register.default_limits(LimitHolder::Terminal, Currency::JPY), Limits::default());
    assert_eq!(register.all_default_limits().count(), 1);
    world.assert_sound();
}

#[test]
fn a_frozen_terminal_and_a_suspended_store_take_nothing() {
    let world = World::new();
    let waiting = offer(1, TILL, &person(1), 10);
    world.opened(&waiting);
    world.change_terminal(TILL, |till| till.standing = Standing::Frozen);
    let refused = |serial, till| {
        let offer = offer(serial, till, &person(2), 10);
        world.traceless(|world| world.open(&offer)).unwrap_err()
    };
    assert_eq!(refused(2, TILL), Reason::TerminalFrozen);
    world.cancel_by_terminal(&waiting, TILL).unwrap();
    let store = world.engine.register().store(&"S1".parse().unwrap()).unwrap().clone();
    let suspended = Store { standing: Standing::Frozen, ..store.clone() };
    world.enter(vec![RegisterChange::Store(suspended)]).unwrap();
    assert_eq!(refused(2, TILL), Reason::StoreSuspended);
    assert_eq!(refused(2, OTHER_TILL), Reason::StoreSuspended);
    world.enter(vec![RegisterChange::Store(store)]).unwrap();
    world.opened(&offer(2, OTHER_TILL, &person(2), 10));
    world.assert_sound();
}

#[test]
fn a_terminals_limits_hold_and_are_counted_again_by_recovery() {
    let mut world = World::with(Rules { open_per_customer: 9, ..patient() });
    let limits =
        Limits { per_payment: Some(yen(500)), per_day: Some(yen(1_000)), count_per_day: Some(4) };
    world.pay(&offer(1, TILL, &person(1), 100), &person(1));
    // What was sold before the limit was set counts as well.
    world.change_terminal(TILL, |till| till.limits = limits);
    let refused = |world: &World, serial, price| {
        let offer = offer(serial, TILL, &person(2), price);
        let refused = world.traceless(|world| world.open(&offer));
        assert_eq!(refused.unwrap_err(), Reason::TerminalLimit, "{serial}");
    };
    refused(&world, 50, 501);
    let open = offer(2, TILL, &person(2), 400);
    world.opened(&open);
    world.opened(&offer(3, TILL, &person(1), 450));
    refused(&world, 50, 51);
    let again = replayed(&world.recorder.entries(), *world.engine.rules());
    world = World { engine: again.into(), ..world };
    refused(&world, 50, 51);
    world.cancel_by_terminal(&open, TILL).unwrap();
    let poor = offer(4, TILL, &person(3), 450);
    world.credit(&person(3), 1, 1);
    world.set_policy(&person(3), frozen());
    assert_eq!(declined(&world, &poor), Reason::CustomerFrozen, "a decline gives back");
    world.pay(&offer(5, TILL, &person(2), 450), &person(2));
    refused(&world, 50, 1);
    world.change_terminal(TILL, |till| till.limits.per_day = None);
    world.opened(&offer(6, TILL, &person(2), 1));
    refused(&world, 50, 1);
    world.now_ms += DAY_MS;
    let again = replayed(&world.recorder.entries(), *world.engine.rules());
    world = World { engine: again.into(), ..world };
    world.opened(&offer(7, TILL, &person(2), 500));
    world.assert_sound();
}

#[test]
fn a_terminals_limits_are_in_its_stores_currency() {
    let world = World::new();
    let limits = Limits { per_payment: Some(yen(1_000)), ..Limits::default() };
    let (holder, currency) = (LimitHolder::Terminal, Currency::USD);
    let default = DefaultLimits { holder, currency, limits };
    world.enter(vec![RegisterChange::DefaultLimits(default)]).unwrap();
    let dear = abroad(1, &person(1), 1_001);
    assert_eq!(world.traceless(|world| world.open(&dear)), Err(Reason::TerminalLimit));
    world.pay(&abroad(1, &person(1), 1_000), &person(1));
    world.pay(&offer(2, TILL, &person(2), 1_001), &person(2));
}
