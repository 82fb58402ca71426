//! The state hash sees all that is journalled.

use kessai_engine::{
    Controller, CustomerPolicy, DeviceAdded, Entry, Hub, KeyPin, Record, RegisterChange, Rules,
};

use super::{empty, eventful};
use crate::kit::{TILL, World, offer, payment_id, person, replayed};

/// A state one record short is another state: the hash sees every record.
#[test]
fn the_hash_sees_every_record() {
    let entries = eventful().recorder.entries();
    let mut hashes = std::collections::BTreeSet::new();
    let engine = empty();
    hashes.insert(engine.state_hash());
    for entry in &entries {
        engine.replay(entry).unwrap();
        assert!(hashes.insert(engine.state_hash()), "unseen: {entry:?}");
    }
}

#[test]
fn the_hash_sees_what_a_handset_connects_with() {
    let entries = eventful().recorder.entries();
    let hash = |entries: &[Entry]| replayed(entries, Rules::default()).state_hash();
    // The last one: its keys were not replaced.
    let at =
        entries.iter().rposition(|entry| matches!(entry.record, Record::DeviceAdded(_))).unwrap();
    let changes: [fn(&mut DeviceAdded); 2] =
        [|added| added.pin.0[0] ^= 1, |added| added.salt.0[0] ^= 1];
    for change in changes {
        let mut changed = entries.clone();
        let Record::DeviceAdded(added) = &mut changed[at].record else { panic!("found above") };
        change(added);
        assert_ne!(hash(&changed), hash(&entries));
    }
}

#[test]
fn the_hash_sees_what_stations_connect_with() {
    let world = World::new();
    let id = "C1".parse().unwrap();
    let controller = Controller { id, merchant: "M1".parse().unwrap(), pin: None };
    let hub = Hub { id: "H1".parse().unwrap(), pin: None };
    let changes = [RegisterChange::Controller(controller), RegisterChange::Hub(hub)];
    world.enter(changes.to_vec()).unwrap();
    let entries = world.recorder.entries();
    let whole = replayed(&entries, Rules::default()).state_hash();
    for at in entries.len() - 2..entries.len() {
        let mut changed = entries.clone();
        match &mut changed[at].record {
            Record::Registered(RegisterChange::Controller(entered)) => {
                entered.pin = Some(KeyPin([0x71; 32]));
            }
            Record::Registered(RegisterChange::Hub(entered)) => {
                entered.pin = Some(KeyPin([0x72; 32]));
            }
            other => panic!("no station: {other:?}"),
        }
        assert_ne!(replayed(&changed, Rules::default()).state_hash(), whole);
    }
}

/// What nothing else tells apart: a refund's number, a default limit, how often somebody was asked,
/// the day that a payment was opened on.
#[test]
fn the_hash_sees_what_stands_nowhere_else() {
    let hash = |entries: &[Entry]| replayed(entries, Rules::default()).state_hash();
    let check = |world: &World, what: &str, change: fn(&mut Entry) -> bool| {
        let entries = world.recorder.entries();
        let mut changed = entries.clone();
        assert!(changed.iter_mut().rev().any(change), "{what}: there is such a record");
        assert_ne!(hash(&changed), hash(&entries), "{what}");
    };
    check(&eventful(), "a refund's number", |entry| match &mut entry.record {
        Record::Refunded(refunded) => {
            refunded.reference = kessai_engine::terms::Reference::wrapping(7);
            true
        }
        _ => false,
    });
    check(&eventful(), "a default limit", |entry| match &mut entry.record {
        Record::Registered(RegisterChange::DefaultLimits(default)) => {
            default.limits.count_per_day = Some(8);
            true
        }
        _ => false,
    });

    let world = World::new();
    let policy = CustomerPolicy::default();
    world.set_policy(&person(1), policy);
    world.open(&offer(1, TILL, &person(1), 1_000_000)).unwrap();
    world.set_policy(&person(1), policy);
    check(&world, "asks", |entry| match &entry.record {
        Record::PolicySet(set) => {
            entry.record = Record::Unblocked(set.customer);
            true
        }
        _ => false,
    });

    let world = World::new();
    world.opened(&offer(1, TILL, &person(1), 10));
    world.cancel_by_customer(&offer(1, TILL, &person(1), 10), &person(1)).unwrap();
    world.opened(&offer(2, TILL, &person(1), 10));
    check(&world, "the day of opening", |entry| match &entry.record {
        Record::Opened(opened) if opened.terms.payment == payment_id(1) => {
            entry.business_date.0 -= 1;
            true
        }
        _ => false,
    });
}
