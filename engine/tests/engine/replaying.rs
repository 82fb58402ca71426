//! Recovery: the same state from the records, and nothing but these records.

use kessai_engine::terms::collation::{ROW_VERSION, SealingKey};
use kessai_engine::terms::money::Currency;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Captured, Corrupt, CustomerPolicy, Debited, DefaultLimits, Ended, Engine, Entry, Event,
    Keyring, Layout, LimitHolder, Limits, Naming, Opened, Portion, Record, Refunded,
    RegisterChange, Rules, Unit,
};

use crate::kit::{
    MACHINE, NOON_MS, SEALING_KEY, TILL, World, layout, nonce, offer, pay_in, payment_id, person,
    rekeying, replayed, sealing_key, vended, with_code, yen,
};

mod hashing;

/// A world in which most things have happened.
pub(crate) fn eventful() -> World {
    let mut world = World::new();
    world.pay(&offer(1, TILL, &person(1), 100), &person(1));
    world.opened(&offer(2, TILL, &person(2), 200));
    world.ask(&offer(2, TILL, &person(2), 200), &person(2), 1).unwrap();
    let wrong = person(2).mistyped(&offer(2, TILL, &person(2), 200), nonce(1));
    world.collate(&wrong, 2).unwrap();
    world.pay(&vended(3, &person(3), 300), &person(3));
    world.cancel_by_terminal(&offer(4, TILL, &person(1), 400), TILL).unwrap();
    world.now_ms += 1_000;
    world.reverse(&offer(1, TILL, &person(1), 100), TILL).unwrap();
    world.open(&offer(5, TILL, &person(99), 500)).unwrap();
    world.rekey(rekeying(&person(1).with_keys(41), ROW_VERSION + 1)).unwrap();
    let (customer, amount, reference) = (person(1).customer, yen(7), pay_in());
    let debited = Debited { customer, amount, reference };
    world.engine.debit(debited, world.now_ms, world.slot()).unwrap();
    go_on(&world);
    world
}

/// What codes, parts, refunds, policies and limits add: on payments of person 3.
fn go_on(world: &World) {
    let payer = person(3);
    let (limits, customer) =
        (Limits { count_per_day: Some(9), ..Limits::default() }, payer.customer);
    let (holder, currency) = (LimitHolder::Customer, Currency::JPY);
    let default = DefaultLimits { holder, currency, limits };
    world.enter(vec![RegisterChange::DefaultLimits(default)]).unwrap();
    world.opened(&offer(20, TILL, &payer, 20));
    world.opened(&with_code(offer(21, TILL, &payer, 30)));
    world.cancel_by_customer(&with_code(offer(21, TILL, &payer, 30)), &payer).unwrap();
    let drinks = vended(22, &payer, 400);
    world.pay(&drinks, &payer);
    let part = Portion::Part { amount: yen(150), price: yen(150) };
    world.deliver_part(&drinks, MACHINE, part).unwrap();
    world.refund(23, &drinks, TILL, 40).unwrap();
    world.refund(24, &drinks, TILL, 60).unwrap();
    let named_by = Naming::CodeOnly;
    let policy = CustomerPolicy { named_by, limits, ..CustomerPolicy::default() };
    world.set_policy(&payer, policy);
    world.open(&offer(25, TILL, &payer, 1)).unwrap();
    world.credit(&payer, 70, 1);
    world.engine.unblock(customer, world.now_ms, world.slot()).unwrap();
}

fn empty() -> Engine {
    Engine::new(Rules::default(), layout(), Keyring::new(vec![sealing_key()]), 1)
}

/// Replays into an engine of its own until an entry is refused.
fn refusal(engine: &Engine, entries: &[Entry]) -> Option<Corrupt> {
    entries.iter().find_map(|entry| engine.replay(entry).err())
}

#[test]
fn the_records_make_the_same_state() {
    let world = eventful();
    world.assert_sound();
    let again = replayed(&world.recorder.entries(), Rules::default());
    assert_eq!(again.latest_ms(), NOON_MS + 1_000);
    assert_eq!(again.open_payments(), 1);
}

#[test]
fn a_recovered_engine_goes_on_where_it_stopped() {
    let world = eventful();
    let engine = replayed(&world.recorder.entries(), Rules::default());
    let world = World { engine: engine.into(), ..world };
    let pending = offer(2, TILL, &person(2), 200);
    // The nonce died with the process; tries did not.
    let old = person(2).claim(&pending, nonce(2));
    let answer = world.collate(&old, 3).unwrap();
    assert_eq!(answer, kessai_engine::Collated::Stale { nonce: nonce(3) });
    assert_eq!(world.ask(&pending, &person(2), 4).unwrap().tries_left, 2);
    let drink = vended(3, &person(3), 300);
    world.deliver(&drink, MACHINE).unwrap();
    let repeat = world.traceless(|world| world.open(&drink)).unwrap();
    assert_eq!(repeat.view.captured, repeat.view.authorised());
    world.assert_sound();
}

/// The rules of another day do not change what was decided under the old ones.
#[test]
fn recovery_decides_nothing() {
    let world = eventful();
    let strict = Rules {
        tries_per_payment: 1,
        tries_in_row: 1,
        open_per_customer: 0,
        open_per_terminal: 0,
        open_in_all: 0,
        payments_in_memory: 0,
        ..Rules::default()
    };
    let again = replayed(&world.recorder.entries(), strict);
    assert_eq!(again.state_hash(), world.engine.state_hash());
    assert_eq!(again.open_payments(), 1);
}

#[test]
fn gaps_and_duplicates_are_refused() {
    let entries = eventful().recorder.entries();
    for at in 0..entries.len() {
        let unit = entries[at].unit;
        let is_gap = |found: Option<Corrupt>| match found {
            Some(Corrupt::Gap { unit: named, .. }) => named == unit,
            _ => false,
        };
        let mut twice = entries.clone();
        twice.insert(at, entries[at].clone());
        // A payment's second opening is named as such or as a duplicate; both are refusals.
        let found = refusal(&empty(), &twice);
        assert!(is_gap(found), "entry {at} twice");

        let mut missing = entries.clone();
        missing.remove(at);
        let goes_on = missing[at..].iter().any(|entry| entry.unit == unit);
        if goes_on {
            assert!(refusal(&empty(), &missing).is_some(), "entry {at} is missing");
        }
    }
}

#[test]
fn entries_of_foreign_units_are_refused() {
    let entries = eventful().recorder.entries();
    let at =
        entries.iter().position(|entry| matches!(entry.record, Record::CustomerAdded(_))).unwrap();
    let home = entries[at].unit.0;
    for unit in (0..=6).chain([u16::MAX]) {
        let mut moved = entries[..=at].to_vec();
        moved[at].unit = Unit(unit);
        match refusal(&empty(), &moved) {
            None => assert_eq!(unit, home),
            Some(Corrupt::Misplaced(Unit(named))) => assert_eq!(named, unit),
            Some(other) => panic!("unit {unit}: {other:?}"),
        }
    }
    // A change of the register in a shard.
    let strayed = Entry { unit: Unit(1), ..entries[0].clone() };
    assert!(matches!(refusal(&empty(), &[strayed]), Some(Corrupt::Misplaced(Unit(1)))));
    // Another data directory's layout.
    let layout = Layout::new(4, [8; 16]).unwrap();
    let other = Engine::new(Rules::default(), layout, Keyring::new(vec![sealing_key()]), 1);
    assert!(matches!(refusal(&other, &entries), Some(Corrupt::Misplaced(_))));
}

#[test]
fn a_wrong_sealing_key_is_refused() {
    let entries = eventful().recorder.entries();
    let keyrings =
        [vec![], vec![SealingKey::new(2, SEALING_KEY)], vec![SealingKey::new(1, [0x5f; 32])]];
    for keys in keyrings {
        let engine = Engine::new(Rules::default(), layout(), Keyring::new(keys), 1);
        assert!(matches!(refusal(&engine, &entries), Some(Corrupt::Seal { key: 1 })));
    }
    let rotated = Keyring::new(vec![SealingKey::new(2, [9; 32]), sealing_key()]);
    let engine = Engine::new(Rules::default(), layout(), rotated, 1);
    assert!(refusal(&engine, &entries).is_none(), "an older key still opens its rows");
}

#[test]
fn what_cannot_have_happened_is_refused() {
    let world = World::new();
    let purchase = offer(1, TILL, &person(1), 100);
    world.pay(&purchase, &person(1));
    let entries = world.recorder.entries();
    let last = entries.last().unwrap();
    let next = |record| Entry { sequence: last.sequence + 1, record, ..last.clone() };
    let payment = purchase.terms.payment;
    let reason = Reason::CancelledByCustomer;
    let check = |record: Record, expected: fn(&Corrupt) -> bool| {
        let engine = replayed(&entries, Rules::default());
        let found = engine.replay(&next(record)).unwrap_err();
        assert!(expected(&found), "{found:?}");
    };
    let cancelled = Ended { payment, event: Event::Cancel, reason };
    check(Record::Ended(cancelled), |found| matches!(found, Corrupt::Event { .. }));
    let unknown = Ended { payment: payment_id(9), ..cancelled };
    check(Record::Ended(unknown), |found| matches!(found, Corrupt::Payment(_)));
    let again = entries.iter().find(|entry| matches!(entry.record, Record::Opened(_))).unwrap();
    check(again.record.clone(), |found| matches!(found, Corrupt::Payment(_)));
    let nobody = Record::Unblocked(person(99).customer);
    check(nobody, |found| matches!(found, Corrupt::Customer));
    let reference = pay_in();
    let (customer, amount) = (person(1).customer, yen(1_000_000));
    let too_much = Record::Debited(Debited { customer, amount, reference });
    check(too_much, |found| matches!(found, Corrupt::Money(_)));
    for version in [ROW_VERSION, ROW_VERSION + 2] {
        let skipped = Record::Rekeyed(Box::new(rekeying(&person(1).with_keys(41), version)));
        check(skipped, |found| matches!(found, Corrupt::Device));
    }
    let missing = Record::Rekeyed(Box::new(rekeying(&person(1).with_handset(41), 2)));
    check(missing, |found| matches!(found, Corrupt::Device));
    let mut broken = rekeying(&person(1).with_keys(41), 2);
    broken.row.sealed[0][0] ^= 1;
    check(Record::Rekeyed(Box::new(broken)), |found| matches!(found, Corrupt::Seal { key: 1 }));
    check(Record::ProfileErased(person(99).customer), |found| matches!(found, Corrupt::Customer));
    let mut dear = offer(2, TILL, &person(1), 1_000_000);
    dear.terms.payment = payment_id(2);
    let opened = Opened {
        terms: dear.terms,
        customer: dear.customer,
        received_at_ms: dear.received_at_ms,
        expires_at_ms: dear.expires_at_ms,
        displaced: Vec::new(),
        confirmation: dear.confirmation,
    };
    check(Record::Opened(Box::new(opened)), |found| matches!(found, Corrupt::Money(_)));
}

/// What codes, parts and refunds must not have done.
#[test]
fn what_cannot_have_been_displaced_delivered_or_refunded_is_refused() {
    let world = World::new();
    let (paid, drinks) = (offer(1, TILL, &person(1), 100), vended(2, &person(1), 100));
    world.pay(&paid, &person(1));
    world.refund(5, &paid, TILL, 60).unwrap();
    world.pay(&drinks, &person(1));
    let entries = world.recorder.entries();
    let last = entries.last().unwrap();
    let check = |record: Record, expected: fn(&Corrupt) -> bool| {
        let engine = replayed(&entries, Rules::default());
        let entry = Entry { sequence: last.sequence + 1, record, ..last.clone() };
        let found = engine.replay(&entry).unwrap_err();
        assert!(expected(&found), "{found:?}");
    };
    let is_payment = |found: &Corrupt| matches!(found, Corrupt::Payment(_));
    let is_money = |found: &Corrupt| matches!(found, Corrupt::Money(_));
    let is_event = |found: &Corrupt| matches!(found, Corrupt::Event { .. });
    let (payment, reference) = (paid.terms.payment, kessai_engine::terms::Reference::wrapping(7));
    let refunded = Refunded {
        payment,
        refund: payment_id(6),
        terminal: paid.terms.terminal,
        amount: yen(41),
        price: yen(41),
        reference,
    };
    let refund = |refunded| Record::Refunded(Box::new(refunded));
    check(refund(refunded), is_money);
    check(refund(Refunded { amount: yen(1), ..refunded }), is_money);
    check(refund(Refunded { price: yen(1), ..refunded }), is_money);
    let fits = Refunded { amount: yen(1), price: yen(1), ..refunded };
    check(refund(Refunded { refund: payment_id(5), ..fits }), is_payment);
    check(refund(Refunded { refund: payment, ..fits }), is_payment);
    check(refund(Refunded { payment: payment_id(9), ..fits }), is_payment);
    check(refund(Refunded { payment: drinks.terms.payment, ..fits }), is_event);
    let payment = drinks.terms.payment;
    let capture = |amount, price| {
        Record::Captured(Captured { payment, amount: yen(amount), price: yen(price) })
    };
    check(capture(101, 101), is_money);
    check(capture(60, 70), is_payment);
    let next = offer(3, TILL, &person(1), 10);
    let opened = |displaced| {
        Record::Opened(Box::new(Opened {
            terms: next.terms,
            customer: next.customer,
            received_at_ms: next.received_at_ms,
            expires_at_ms: next.expires_at_ms,
            displaced: vec![displaced],
            confirmation: next.confirmation.clone(),
        }))
    };
    check(opened(payment), is_event);
    check(opened(payment_id(9)), is_payment);
    let again = Record::Credited(kessai_engine::Credited {
        customer: person(1).customer,
        amount: yen(1),
        reference: pay_in(),
    });
    let engine = replayed(&entries, Rules::default());
    let first = Entry { sequence: last.sequence + 1, record: again, ..last.clone() };
    engine.replay(&first).unwrap();
    let twice = Entry { sequence: last.sequence + 2, ..first };
    assert!(matches!(engine.replay(&twice), Err(Corrupt::Transfer)));
}
