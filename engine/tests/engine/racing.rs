//! Many threads at once: one balance, one payment, one end.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Collated, Entry, Freshness, Lsn, Opening, PaymentState, Peer, Record, Rules, Slot,
};

use crate::kit::{
    BALANCE, OTHER_TILL, Person, RecorderSlot, TILL, World, nonce, offer, patient, person, rekeying,
};

mod memory;
mod money;

fn crowded() -> Rules {
    Rules {
        open_per_customer: u8::MAX,
        open_per_terminal: u32::MAX,
        open_in_all: u32::MAX,
        ..patient()
    }
}

/// Runs `work` on `threads` threads that start together, and gathers what they return.
fn together<T: Send>(threads: u16, work: impl Fn(u16) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(usize::from(threads));
    thread::scope(|scope| {
        let spawned: Vec<_> = (0..threads)
            .map(|thread| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(thread)
                })
            })
            .collect();
        spawned.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn one_balance_is_never_overdrawn() {
    let world = World::with(crowded());
    let payer = person(1);
    let price = 700;
    let approved: u64 = together(8, |thread| {
        let mut approved = 0;
        for round in 0..25 {
            let serial = thread * 100 + round;
            let purchase = offer(serial, TILL, &payer, price);
            let view = world.open(&purchase).unwrap().view;
            let (balance, held) = world.money(&payer);
            assert!(held <= balance);
            match view.reason {
                None => {}
                Some(reason) => {
                    assert_eq!(reason, Reason::InsufficientFunds);
                    continue;
                }
            }
            if round % 3 == 0 {
                world.cancel_by_customer(&purchase, &payer).unwrap();
            } else {
                let answer = world.approve(&purchase, &payer).unwrap();
                assert!(matches!(answer, Collated::Approved { .. }));
                approved += 1;
            }
        }
        approved
    })
    .into_iter()
    .sum();
    assert!(approved > 0 && approved <= BALANCE / price);
    assert_eq!(world.money(&payer), (BALANCE - approved * price, 0));
    assert_eq!(world.engine.open_payments(), 0);
    world.assert_sound();
}

/// Approval, the customer's cancel, the terminal's cancel, its reversal and the expiry at once.
#[test]
fn a_payment_has_exactly_one_end() {
    let mut states = std::collections::BTreeMap::new();
    let world = World::with(crowded());
    let payer = person(1);
    for serial in 0..300 {
        let purchase = offer(serial, TILL, &payer, 10);
        world.opened(&purchase);
        world.ask(&purchase, &payer, 1).unwrap();
        let claim = payer.claim(&purchase, nonce(1));
        let before = world.recorder.count();
        let firsts = together(4, |thread| {
            let first = |opening: Opening| (opening.freshness, opening.view.state);
            match thread {
                0 => match world.collate(&claim, 2).unwrap() {
                    Collated::Approved { view, .. } => (Freshness::First, view.state),
                    Collated::Ended { view, freshness } => (freshness, view.state),
                    other => panic!("{other:?}"),
                },
                1 => first(world.cancel_by_customer(&purchase, &payer).unwrap()),
                _ => first(world.cancel_by_terminal(&purchase, TILL).unwrap()),
            }
        });
        let state = world.status(&purchase, TILL).unwrap().state;
        let ended = firsts.iter().filter(|(freshness, _)| *freshness == Freshness::First).count();
        assert_eq!(ended, 1, "{firsts:?}");
        assert!(firsts.iter().all(|(_, told)| *told == state), "all are told the same end");
        assert_eq!(world.recorder.count(), before + 1);
        *states.entry(state).or_insert(0) += 1;
    }
    let approved = states.get(&PaymentState::Captured).copied().unwrap_or(0);
    assert_eq!(world.money(&payer), (BALANCE - 10 * approved, 0));
    world.assert_sound();
}

#[test]
fn the_same_open_from_many_threads_is_one_payment() {
    let world = World::with(crowded());
    let payer = person(1);
    for serial in 0..200 {
        let purchase = offer(serial, TILL, &payer, 1);
        let before = world.recorder.count();
        let answers = together(6, |_| world.open(&purchase).unwrap());
        let first = answers.iter().filter(|answer| answer.freshness == Freshness::First).count();
        assert_eq!(first, 1);
        assert!(answers.iter().all(|answer| answer.view == answers[0].view));
        assert_eq!(world.recorder.count(), before + 1);
    }
    assert_eq!((world.money(&payer).1, world.engine.open_payments()), (200, 200));
    world.assert_sound();
}

/// Two requests under one id for two customers: one payment; the other is refused, perhaps for now.
#[test]
fn one_id_for_two_customers_is_one_payment() {
    let world = World::with(crowded());
    for serial in 0..200 {
        let offers = [1, 2].map(|n| offer(serial, TILL, &person(n), 1));
        let answers = together(2, |thread| world.open(&offers[usize::from(thread)]));
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        for (offer, answer) in offers.iter().zip(answers) {
            if let Err(reason) = answer {
                assert!(matches!(reason, Reason::Busy | Reason::PaymentIdReused), "{reason:?}");
                assert_eq!(world.open(offer).unwrap_err(), Reason::PaymentIdReused);
            }
        }
    }
    assert_eq!(world.engine.open_payments(), 200);
    world.assert_sound();
}

/// Whichever comes first, the payment is called off, and never for a wrong reason.
#[test]
fn a_cancel_racing_its_own_open_cancels() {
    let world = World::with(crowded());
    let payer = person(1);
    for serial in 0..300 {
        let purchase = offer(serial, TILL, &payer, 1);
        let answers = together(2, |thread| match thread {
            0 => world.open(&purchase),
            _ => world.cancel_by_terminal(&purchase, TILL),
        });
        match &answers[0] {
            Ok(opening) => assert!(
                matches!(opening.view.state, PaymentState::Pending | PaymentState::Cancelled),
                "{opening:?}"
            ),
            Err(reason) => assert_eq!(*reason, Reason::Busy),
        }
        assert_eq!(answers[1].as_ref().unwrap().view.state, PaymentState::Cancelled);
        assert_eq!(world.open(&purchase).unwrap().view.state, PaymentState::Cancelled);
    }
    assert_eq!((world.money(&payer), world.engine.open_payments()), ((BALANCE, 0), 0));
    world.assert_sound();
}

/// A slot that keeps its shard locked until it is released.
struct HeldSlot<'a> {
    inner: RecorderSlot,
    held: &'a AtomicBool,
    release: &'a AtomicBool,
    pushed: &'a AtomicBool,
}

impl Slot for HeldSlot<'_> {
    fn push(self, entry: Entry) -> Lsn {
        self.held.store(true, Ordering::Release);
        until(self.release);
        let after = self.inner.push(entry);
        self.pushed.store(true, Ordering::Release);
        after
    }
}

fn until(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        thread::yield_now();
    }
}

/// Lets `first` come as far as the locked shard of `holder`, frees the shard, and runs `second` at
/// that moment: being awake, it mostly gets there before `first`, which must be woken.
fn overtaking<T: Send>(
    world: &World,
    holder: &Person,
    first: impl FnOnce() -> T + Send,
    second: impl FnOnce() -> T,
) -> [T; 2] {
    let [held, release, pushed] = [const { AtomicBool::new(false) }; 3];
    thread::scope(|scope| {
        scope.spawn(|| {
            let inner = world.slot();
            let slot = HeldSlot { inner, held: &held, release: &release, pushed: &pushed };
            world.engine.unblock(holder.customer, world.now_ms, slot).unwrap();
        });
        until(&held);
        let first = scope.spawn(first);
        for _ in 0..300 {
            thread::yield_now();
        }
        release.store(true, Ordering::Release);
        while !pushed.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        let second = second();
        [first.join().unwrap(), second]
    })
}

#[test]
fn an_open_that_overtakes_its_twin_is_answered_alike() {
    let world = World::with(crowded());
    let payer = person(1);
    for serial in 0..200 {
        let purchase = offer(serial, TILL, &payer, 1);
        let open = || world.open(&purchase).unwrap();
        let [one, other] = overtaking(&world, &payer, open, open);
        assert_eq!(one.view, other.view);
        assert_ne!(one.freshness, other.freshness);
    }
    assert_eq!(world.engine.open_payments(), 200);
    world.assert_sound();
}

/// The cancel has announced the id in a shard that does not know the customer; an open that comes
/// there first must not take the customer for unknown.
#[test]
fn an_open_that_overtakes_its_cancel_is_not_declined() {
    let unit_of_last = |world: &World| world.recorder.entries().last().unwrap().unit;
    let world = World::with(crowded());
    let payer = person(1);
    world.engine.unblock(payer.customer, world.now_ms, world.slot()).unwrap();
    let home = unit_of_last(&world);
    let holders: Vec<_> = (10..30)
        .map(|n| {
            world.enter_customer(&person(n), 1);
            (unit_of_last(&world), person(n))
        })
        .collect();
    let elsewhere = World::with(crowded());
    for serial in 0..200 {
        let purchase = offer(serial, TILL, &payer, 1);
        // The same cancel in another world with the same layout tells where it will go.
        elsewhere.cancel_by_terminal(&purchase, TILL).unwrap();
        let there = unit_of_last(&elsewhere);
        let holder = holders.iter().find(|(unit, _)| *unit == there && there != home);
        let Some((_, holder)) = holder else { continue };
        let cancel = || world.cancel_by_terminal(&purchase, TILL);
        let [cancelled, opened] = overtaking(&world, holder, cancel, || world.open(&purchase));
        assert_eq!(cancelled.unwrap().view.state, PaymentState::Cancelled);
        match opened {
            Ok(opening) => assert_ne!(opening.view.state, PaymentState::Declined),
            Err(reason) => assert_eq!(reason, Reason::Busy),
        }
        assert_eq!(world.open(&purchase).unwrap().view.state, PaymentState::Cancelled);
    }
    world.assert_sound();
}

#[test]
fn limits_hold_against_many_threads() {
    let rules = Rules { open_per_terminal: 7, open_in_all: 10, ..crowded() };
    let world = World::with(rules);
    together(6, |thread| {
        let till = if thread % 2 == 0 { TILL } else { OTHER_TILL };
        let payer = person(1 + u8::try_from(thread % 3).unwrap());
        for round in 0..20 {
            let answer = world.open(&offer(thread * 100 + round, till, &payer, 1));
            assert!(world.engine.open_payments() <= 10);
            match answer {
                Ok(_) | Err(Reason::Busy | Reason::TooManyPending) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(world.engine.open_payments(), 10);
    let of = |till: &str| {
        let opened = |entry: &Entry| match &entry.record {
            Record::Opened(opened) => opened.terms.terminal == crate::kit::terminal(till),
            _ => false,
        };
        world.recorder.entries().iter().filter(|entry| opened(entry)).count()
    };
    assert!(of(TILL) <= 7 && of(OTHER_TILL) <= 7);
    world.assert_sound();
}

/// What one thread was told to be first in a unit stands first in the journal.
#[test]
fn sequences_have_no_gap_in_the_order_of_the_journal() {
    let world = World::with(crowded());
    together(6, |thread| {
        let payer = person(1 + u8::try_from(thread % 3).unwrap());
        for round in 0..30 {
            world.pay(&offer(thread * 100 + round, TILL, &payer, 1), &payer);
        }
    });
    let mut sequences = std::collections::BTreeMap::new();
    for entry in world.recorder.entries() {
        let last = sequences.entry(entry.unit).or_insert(0);
        assert_eq!(entry.sequence, *last + 1);
        *last = entry.sequence;
    }
    world.assert_sound();
}

/// Many changes of one handset's keys, half of them to the same TLS key: one is made, and only its
/// key is in force.
#[test]
fn one_change_of_keys_is_made() {
    for round in 0..50 {
        let world = World::with(crowded());
        let made: Vec<_> = together(6, |thread| {
            let keys = 40 + if round % 2 == 0 { thread % 2 } else { thread } as u8;
            let renewed = person(1).with_keys(keys);
            world.rekey(rekeying(&renewed, 2)).ok().map(|change| (keys, change.retired))
        });
        let made: Vec<_> = made.into_iter().flatten().collect();
        let [(keys, retired)] = &made[..] else { panic!("made {} times", made.len()) };
        assert_eq!(retired, &[person(1).pin]);
        let own = Peer::Handset(person(1).customer, person(1).device);
        for other in (40..46).chain([1]) {
            let expected = (other == *keys).then_some(own);
            assert_eq!(world.engine.peer(&person(other).pin), expected, "key {other} of {keys}");
        }
        world.assert_sound();
    }
}

/// Two changes to the same new key, the second of which gets past the first, whose claim it is.
#[test]
fn a_key_that_another_change_has_claimed_is_not_used() {
    for _ in 0..20 {
        let world = World::with(crowded());
        let renewed = person(1).with_keys(41);
        let rekey = || world.rekey(rekeying(&renewed, 2)).is_ok();
        let made = overtaking(&world, &person(1), rekey, rekey);
        let own = Peer::Handset(person(1).customer, person(1).device);
        assert_ne!(made[0], made[1], "one of them has the key");
        assert_eq!(world.engine.peer(&renewed.pin), Some(own));
        assert_eq!(world.engine.peer(&person(1).pin), None);
        world.assert_sound();
    }
}
