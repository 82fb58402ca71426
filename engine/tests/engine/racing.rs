//! Many threads at once: one balance, one payment, one end.

use std::sync::Barrier;
use std::thread;

use kessai_engine::terms::reason::Reason;
use kessai_engine::{Collated, Freshness, Opening, PaymentState, Record, Rules};

use crate::kit::{BALANCE, OTHER_TILL, TILL, World, nonce, offer, person};

fn crowded() -> Rules {
    Rules {
        open_per_customer: u8::MAX,
        open_per_terminal: u32::MAX,
        open_in_all: u32::MAX,
        ..Rules::default()
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
        let before = world.recorder.entries().len();
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
        assert_eq!(world.recorder.entries().len(), before + 1);
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
        let before = world.recorder.entries().len();
        let answers = together(6, |_| world.open(&purchase).unwrap());
        let first = answers.iter().filter(|answer| answer.freshness == Freshness::First).count();
        assert_eq!(first, 1);
        assert!(answers.iter().all(|answer| answer.view == answers[0].view));
        assert_eq!(world.recorder.entries().len(), before + 1);
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
        let opened = |entry: &kessai_engine::Entry| match &entry.record {
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
