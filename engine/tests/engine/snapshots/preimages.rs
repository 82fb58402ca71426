//! Whatever a record changes while a snapshot is being made, the snapshot is the shard at the place
//! where its cut began: every kind of change, before and behind each of its chunks.

use kessai_engine::terms::profile::SealedProfile;
use kessai_engine::{
    ArchivedPayment, Capture, CustomerPolicy, Debited, Lsn, Naming, Portion, ProfileSet, Rules,
};

use super::assert_alike;
use crate::kit::{
    MACHINE, NOON_MS, OTHER_TILL, Person, TILL, World, loaded, nonce, offer, patient, payment_id,
    person, rekeying, transfer, vended, with_code, yen,
};

/// More rows of each kind than are copied at once.
const MANY: u16 = 70;

fn rules() -> Rules {
    Rules { open_per_customer: 20, tries_in_row: 200, ..patient() }
}

/// A world in which each of the changes below can happen.
fn prepared() -> World {
    let world = World::with(rules());
    for n in 0..MANY * 2 {
        let customer = format!("9000-{n:03}").parse().unwrap();
        world.enter_customer(&Person { customer, ..person(9) }, 10);
    }
    for n in 1..=3 {
        for serial in 0..MANY {
            let serial = 1_000 * u16::from(n) + serial;
            world.open(&offer(serial, TILL, &person(n), 1_000_000)).unwrap();
        }
    }
    world.pay(&offer(1, TILL, &person(1), 100), &person(1));
    world.refund(2, &offer(1, TILL, &person(1), 100), OTHER_TILL, 10).unwrap();
    world.pay(&offer(3, TILL, &person(1), 100), &person(1));
    world.pay(&vended(4, &person(2), 100), &person(2));
    world.opened(&with_code(offer(6, TILL, &person(3), 100)));
    world.opened(&offer(5, TILL, &person(3), 100));
    let mut late = vended(7, &person(1), 100);
    late.expires_at_ms = NOON_MS + 1;
    world.opened(&late);
    let to_deliver = vended(8, &person(1), 100);
    world.opened(&to_deliver);
    world.ask(&to_deliver, &person(1), 7).unwrap();
    let at_once = offer(9, TILL, &person(2), 100);
    world.opened(&at_once);
    world.ask(&at_once, &person(2), 7).unwrap();
    world.ask(&with_code(offer(6, TILL, &person(3), 100)), &person(3), 7).unwrap();
    let profile = ProfileSet { customer: person(1).customer, profile: profile(1) };
    world.engine.set_profile(profile, NOON_MS, world.slot()).unwrap();
    world
}

fn profile(fill: u8) -> SealedProfile {
    SealedProfile {
        key_id: 1,
        key_nonce: [fill; 12],
        wrapped_key: [[fill; 24]; 2],
        nonce: [fill; 12],
        sealed: Box::new([fill; 40]),
    }
}

type Change = (&'static str, fn(&World));

/// One of every kind, and each on a row that was there before.
const CHANGES: [Change; 25] = [
    ("nothing", |_| {}),
    ("credited", |world| world.credit(&person(1), 5, 1)),
    ("debited", |world| {
        let (customer, amount, reference) = (person(1).customer, yen(5), transfer(2));
        let debited = Debited { customer, amount, reference };
        world.engine.debit(debited, world.now_ms, world.slot()).unwrap();
    }),
    ("policy", |world| {
        let policy = CustomerPolicy { named_by: Naming::CodeOnly, ..CustomerPolicy::default() };
        world.set_policy(&person(2), policy);
    }),
    ("profile set", |world| {
        let set = ProfileSet { customer: person(2).customer, profile: profile(2) };
        world.engine.set_profile(set, world.now_ms, world.slot()).unwrap();
    }),
    ("profile erased", |world| {
        world.engine.erase_profile(person(1).customer, world.now_ms, world.slot()).unwrap();
    }),
    ("customer added", |world| world.enter_customer(&person(60), 700)),
    ("handset added", |world| world.enrol(&person(1).with_handset(61))),
    ("handset revoked", |world| {
        let Person { customer, device, .. } = person(2);
        world.engine.revoke_device(customer, device, world.now_ms, world.slot()).unwrap();
    }),
    ("rekeyed", |world| drop(world.rekey(rekeying(&person(3).with_keys(63), 2)).unwrap())),
    ("unblocked", |world| {
        let wrong = person(2).mistyped(&offer(9, TILL, &person(2), 100), nonce(7));
        world.collate(&wrong, 8).unwrap();
        world.engine.unblock(person(2).customer, world.now_ms, world.slot()).unwrap();
    }),
    ("opened", |world| {
        world.opened(&offer(70, OTHER_TILL, &person(1), 9));
    }),
    ("opened, displacing", |world| {
        let opened = world.open(&with_code(offer(71, TILL, &person(3), 10))).unwrap();
        assert_eq!(opened.displaced.len(), 1);
    }),
    ("declined", |world| drop(world.open(&offer(72, TILL, &person(2), 99_999)).unwrap())),
    ("declined, of nobody", |world| drop(world.open(&offer(73, TILL, &person(99), 9)).unwrap())),
    ("overtaken", |world| {
        world.cancel_by_terminal(&offer(74, TILL, &person(1), 9), TILL).unwrap();
    }),
    ("mismatched", |world| {
        let wrong = person(2).mistyped(&offer(9, TILL, &person(2), 100), nonce(7));
        world.collate(&wrong, 8).unwrap();
    }),
    ("approved", |world| {
        let right = person(2).claim(&offer(9, TILL, &person(2), 100), nonce(7));
        world.collate(&right, 8).unwrap();
    }),
    ("approved, to deliver", |world| {
        let right = person(1).claim(&vended(8, &person(1), 100), nonce(7));
        world.collate(&right, 8).unwrap();
    }),
    ("cancelled", |world| {
        world.cancel_by_terminal(&offer(5, TILL, &person(3), 100), TILL).unwrap();
    }),
    ("delivered in part", |world| {
        let part = Portion::Part { amount: yen(60), price: yen(60) };
        world.deliver_part(&vended(4, &person(2), 100), MACHINE, part).unwrap();
    }),
    ("reversed", |world| {
        world.reverse(&offer(3, TILL, &person(1), 100), TILL).unwrap();
    }),
    ("refunded", |world| {
        world.refund(75, &offer(1, TILL, &person(1), 100), OTHER_TILL, 10).unwrap();
        world.refund(76, &offer(3, TILL, &person(1), 100), TILL, 10).unwrap();
    }),
    ("expired", |world| {
        let due = |unit| world.engine.expire_due(unit, NOON_MS + 1, || Some(world.slot()));
        assert_eq!(world.engine.units().filter_map(due).count(), 1);
    }),
    ("a terminal changed", |world| {
        world.change_terminal(TILL, |till| till.pin = Some(kessai_engine::KeyPin([0x77; 32])));
    }),
];

/// Makes a snapshot of `world` and lets `change` happen behind so many of its chunks; tells how many
/// there are.
fn changed(world: &World, change: fn(&World), behind: usize) -> usize {
    let begun = world.recorder.count();
    let (mut chunks, mut chunk) = (Vec::new(), Vec::new());
    let mut snapshot = world.engine.snapshot().unwrap();
    while snapshot.next_chunk(&mut chunk) {
        chunks.push(std::mem::take(&mut chunk));
        if chunks.len() == behind {
            change(world);
        }
    }
    drop(snapshot);
    let entries = world.recorder.entries();
    let again = loaded(&chunks, &entries[begun..], rules());
    assert_alike(&again, &world.engine);
    chunks.len()
}

#[test]
fn whatever_changes_the_snapshot_is_of_its_beginning() {
    let count = changed(&prepared(), |_| {}, 0);
    assert!(count > 20, "{count} chunks");
    for (name, change) in CHANGES {
        for behind in 1..=count {
            let world = prepared();
            let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                changed(&world, change, behind);
            }));
            assert!(found.is_ok(), "{name}, behind chunk {behind}");
        }
    }
}

/// One that comes back while its shard is copied, among and behind those that are copied already.
#[test]
fn what_comes_back_meanwhile_is_not_in_the_snapshot() {
    for behind in 1..=30 {
        let mut world = prepared();
        world.now_ms += 10_000;
        let first = offer(1, TILL, &person(1), 100);
        let archived = Lsn(world.recorder.count() as u64);
        let known =
            ArchivedPayment::fold(first.terms.payment, world.recorder.entries()).unwrap().unwrap();
        assert_eq!(first.terms.capture, Capture::AtApproval);
        world.engine.evict(NOON_MS + 1, archived, usize::MAX);
        assert!(world.engine.is_archived(&payment_id(1)));
        // Younger ones, which stay.
        for serial in 0..MANY {
            let mut young = offer(4_000 + serial, TILL, &person(1), 1_000_000);
            young.terms.payment = crate::kit::payment_made(4_000 + serial, world.now_ms);
            world.open(&young).unwrap();
        }
        let begun = world.recorder.count();
        let (mut chunks, mut chunk) = (Vec::new(), Vec::new());
        let mut snapshot = world.engine.snapshot().unwrap();
        while snapshot.next_chunk(&mut chunk) {
            chunks.push(std::mem::take(&mut chunk));
            if chunks.len() == behind {
                world.engine.recall(&known, world.now_ms, world.slot()).unwrap();
            }
        }
        drop(snapshot);
        let again = loaded(&chunks, &world.recorder.entries()[begun..], rules());
        assert_alike(&again, &world.engine);
    }
}

/// A business day that begins meanwhile drops the oldest sums, which the snapshot still has.
#[test]
fn a_day_that_begins_meanwhile_takes_nothing_from_the_snapshot() {
    const DAY_MS: u64 = 86_400_000;
    for behind in 1..=30 {
        let mut world = World::with(rules());
        for day in 0..35 {
            let mut purchase = offer(day, TILL, &person(1), 10);
            purchase.expires_at_ms = u64::MAX;
            world.pay(&purchase, &person(1));
            world.now_ms += DAY_MS;
        }
        let mut next = offer(99, TILL, &person(1), 10);
        next.expires_at_ms = u64::MAX;
        let begun = world.recorder.count();
        let (mut chunks, mut chunk) = (Vec::new(), Vec::new());
        let mut snapshot = world.engine.snapshot().unwrap();
        while snapshot.next_chunk(&mut chunk) {
            chunks.push(std::mem::take(&mut chunk));
            if chunks.len() == behind {
                world.pay(&next, &person(1));
            }
        }
        drop(snapshot);
        let again = loaded(&chunks, &world.recorder.entries()[begun..], rules());
        assert_alike(&again, &world.engine);
    }
}
