//! What the processor looks up: payments by id and time, and the sums of terminals and merchants.

use std::collections::BTreeMap;

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::money::Currency;
use kessai_engine::{BusinessDate, Engine, PaymentState, Rules, Turnover};

use crate::kit::{
    HARBOUR_TILL, MACHINE, NOON_MS, OTHER_TILL, PROMPT_MS, TILL, World, abroad, offer, payment_id,
    person, replayed, terminal, vended, yen,
};

const DAY_MS: u64 = 86_400_000;
/// 22 November 2026 in Japan.
const TODAY: BusinessDate = BusinessDate(20_779);
const TOMORROW: BusinessDate = BusinessDate(20_780);

/// Twenty payments of three people, one a second; every fifth is left to expire, every fifth
/// cancelled, the others paid.
fn busy() -> World {
    let mut world = World::with(Rules { open_per_customer: 9, ..Rules::default() });
    for serial in 0..20 {
        let payer = person(1 + (serial % 3) as u8);
        let purchase = offer(serial, TILL, &payer, 10);
        match serial % 5 {
            0 => drop(world.opened(&purchase)),
            1 => {
                world.opened(&purchase);
                world.cancel_by_terminal(&purchase, TILL).unwrap();
            }
            _ => drop(world.pay(&purchase, &payer)),
        }
        world.now_ms += 1_000;
    }
    world
}

fn ids(engine: &Engine, from: u64, to: u64, state: Option<PaymentState>, limit: usize) -> Vec<u16> {
    let listed = engine.payments_between(NOON_MS + from, NOON_MS + to, state, limit);
    let serial = |id: &PaymentId| (0..20).find(|serial| payment_id(*serial) == *id).unwrap();
    listed.iter().map(|view| serial(&view.payment)).collect()
}

#[test]
fn the_latest_payments_come_first() {
    let world = busy();
    let recovered = replayed(&world.recorder.entries(), *world.engine.rules());
    for engine in [&world.engine, &recovered] {
        let all: Vec<u16> = (0..20).rev().collect();
        assert_eq!(ids(engine, 0, 20_000, None, 100), all);
        assert_eq!(ids(engine, 0, 20_000, None, 20), all);
        assert_eq!(ids(engine, 0, 20_000, None, 7), all[..7]);
        assert_eq!(ids(engine, 0, 20_000, None, 0), []);
        assert_eq!(ids(engine, 3_000, 6_000, None, 100), [5, 4, 3], "the end is not included");
        assert_eq!(ids(engine, 3_001, 6_001, None, 100), [6, 5, 4]);
        assert_eq!(ids(engine, 6_000, 3_000, None, 100), [], "ends before it begins");
        assert_eq!(ids(engine, 20_000, 90_000, None, 100), []);
        let pending = Some(PaymentState::Pending);
        assert_eq!(ids(engine, 0, 20_000, pending, 100), [15, 10, 5, 0]);
        assert_eq!(ids(engine, 0, 20_000, pending, 2), [15, 10]);
        assert_eq!(ids(engine, 0, 15_000, pending, 2), [10, 5]);
        assert_eq!(ids(engine, 0, 20_000, Some(PaymentState::Cancelled), 1), [16]);
        assert_eq!(ids(engine, 0, 20_000, Some(PaymentState::Expired), 100), []);
    }
}

#[test]
fn a_payment_is_listed_as_it_stands_now() {
    let mut world = busy();
    world.now_ms += PROMPT_MS;
    world.expire();
    assert_eq!(ids(&world.engine, 0, 20_000, Some(PaymentState::Pending), 100), []);
    assert_eq!(ids(&world.engine, 0, 20_000, Some(PaymentState::Expired), 100), [15, 10, 5, 0]);
    let found = world.engine.payment(&payment_id(15)).unwrap();
    assert_eq!((found.state, found.opened_at_ms), (PaymentState::Expired, NOON_MS + 15_000));
    assert_eq!(world.engine.payment(&payment_id(99)), None);
    // One that was called off before it opened is listed too.
    world.cancel_by_terminal(&offer(99, TILL, &person(1), 10), TILL).unwrap();
    let last = world.engine.payments_between(world.now_ms, u64::MAX, None, 10);
    assert_eq!(last.iter().map(|view| view.payment).collect::<Vec<_>>(), [payment_id(99)]);
}

#[track_caller]
fn check_totals(world: &World, of: &str, on: BusinessDate, expected: &[(Currency, [u64; 4])]) {
    let recovered = replayed(&world.recorder.entries(), *world.engine.rules());
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(currency, [captures, captured, reversals, reversed])| {
            let turnover = Turnover {
                captures: *captures,
                captured: yen(*captured).into(),
                reversals: *reversals,
                reversed: yen(*reversed).into(),
                ..Turnover::default()
            };
            (*currency, turnover)
        })
        .collect();
    for engine in [&world.engine, &recovered] {
        assert_eq!(engine.terminal_totals(&terminal(of), on).unwrap(), expected, "{of}");
    }
}

#[test]
fn a_terminals_captures_and_reversals_are_added_up() {
    let world = World::new();
    let purchases = [(1, TILL, 1, 100), (2, TILL, 2, 250), (3, OTHER_TILL, 3, 40)];
    for (serial, till, payer, price) in purchases {
        world.pay(&offer(serial, till, &person(payer), price), &person(payer));
    }
    check_totals(&world, TILL, TODAY, &[(Currency::JPY, [2, 350, 0, 0])]);
    world.reverse(&offer(2, TILL, &person(2), 250), TILL).unwrap();
    world.reverse(&offer(2, TILL, &person(2), 250), TILL).unwrap();
    check_totals(&world, TILL, TODAY, &[(Currency::JPY, [2, 350, 1, 250])]);
    check_totals(&world, OTHER_TILL, TODAY, &[(Currency::JPY, [1, 40, 0, 0])]);
    check_totals(&world, TILL, TOMORROW, &[]);
    check_totals(&world, MACHINE, TODAY, &[]);

    let tally = world.engine.merchant_tally(&"M1".parse().unwrap()).unwrap();
    assert_eq!(tally, BTreeMap::from([(Currency::JPY, yen(140).into())]));
    assert_eq!(world.engine.merchant_tally(&"M2".parse().unwrap()).unwrap(), BTreeMap::new());
    world.assert_sound();
}

#[test]
fn a_capture_counts_on_the_day_on_which_it_happens() {
    let mut world = World::new();
    let drink = vended(1, &person(1), 130);
    let stuck = vended(2, &person(2), 90);
    // Approved a second before midnight, dispensed after it.
    world.now_ms = NOON_MS - 60_000 + DAY_MS / 2 - 1_000;
    for (purchase, payer) in [(&drink, person(1)), (&stuck, person(2))] {
        let mut late = purchase.clone();
        late.expires_at_ms = world.now_ms + PROMPT_MS;
        world.pay(&late, &payer);
    }
    check_totals(&world, MACHINE, TODAY, &[]);
    world.now_ms += 2_000;
    world.deliver(&drink, MACHINE).unwrap();
    world.reverse(&stuck, MACHINE).unwrap();
    check_totals(&world, MACHINE, TODAY, &[]);
    check_totals(&world, MACHINE, TOMORROW, &[(Currency::JPY, [1, 130, 0, 0])]);
    world.assert_sound();
}

#[test]
fn a_foreign_price_counts_in_the_merchants_currency() {
    let world = World::new();
    let purchase = abroad(1, &person(1), 1_000);
    world.pay(&purchase, &person(1));
    world.pay(&offer(2, HARBOUR_TILL, &person(2), 70), &person(2));
    let yen_alone = (Currency::JPY, [1, 70, 0, 0]);
    let both = [yen_alone, (Currency::USD, [1, 1_000, 0, 0])];
    check_totals(&world, HARBOUR_TILL, TODAY, &both);
    world.reverse(&purchase, HARBOUR_TILL).unwrap();
    let both = [yen_alone, (Currency::USD, [1, 1_000, 1, 1_000])];
    check_totals(&world, HARBOUR_TILL, TODAY, &both);
    let owed = world.engine.merchant_tally(&"M2".parse().unwrap()).unwrap();
    assert_eq!(owed[&Currency::JPY], yen(70).into());
    assert!(owed[&Currency::USD].is_zero());
    world.assert_sound();
}

#[test]
fn each_unit_lists_its_own_customers_and_payments_and_all_tallies_add_up() {
    let world = busy();
    let recovered = replayed(&world.recorder.entries(), *world.engine.rules());
    for engine in [&world.engine, &recovered] {
        let within = |from, to| {
            let mut found = 0;
            for unit in engine.units() {
                let listed = engine.payments_of(unit, NOON_MS + from, NOON_MS + to);
                assert!(listed.is_sorted_by_key(|view| view.opened_at_ms));
                for view in &listed {
                    assert_eq!(engine.payment(&view.payment).as_ref(), Some(view));
                }
                found += listed.len();
            }
            found
        };
        assert_eq!(within(0, 20_000), 20);
        assert_eq!(within(3_000, 6_000), 3, "the end is not included");
        assert_eq!(within(6_000, 3_000), 0, "ends before it begins");
        let mut customers: Vec<_> =
            engine.units().flat_map(|unit| engine.customers_of(unit)).collect();
        let mut expected = Vec::new();
        engine.each_customer(|view| expected.push(view));
        customers.sort_by_key(|view| view.customer);
        expected.sort_by_key(|view| view.customer);
        assert_eq!(customers, expected);
        assert!(!customers.is_empty());
        assert_eq!(engine.tallies().unwrap().owed, engine.books().unwrap().merchants);
    }
    let last = world.engine.tallies().unwrap().after;
    let mut paid = world.engine.payments_between(0, u64::MAX, None, 100);
    paid.retain(|view| view.state == PaymentState::Captured);
    assert!(paid.iter().all(|view| view.after <= last), "nothing is told before it is durable");
}
