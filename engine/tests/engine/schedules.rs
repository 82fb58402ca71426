//! The orders in which threads can come to the engine's locks, gone through by a model checker:
//! every one of them where two threads race, many where more do.
//!
//! `cargo test -p kessai-engine --features shuttle --test engine schedules`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    ArchivedPayment, Collated, Freshness, Lsn, Offer, Opening, PaymentState, Refund, Rules,
};
use shuttle::thread;

use crate::kit::{
    BALANCE, MACHINE, NOON_MS, OTHER_TILL, Person, TILL, World, loaded, nonce, offer, patient,
    payment_made, person, vended, with_code, yen,
};

/// Schedules that are tried where there are too many to try all.
const TRIED: usize = 5_000;

/// What one thread does; it says what it was told.
type Act = fn(&World) -> Told;

/// What a thread was told of the payment: where it stands, and whether that was its own doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    State(PaymentState, Freshness),
    Refused(Reason),
}

impl From<Result<Opening, Reason>> for Told {
    fn from(answer: Result<Opening, Reason>) -> Self {
        match answer {
            Ok(opening) => Self::State(opening.view.state, opening.freshness),
            Err(reason) => Self::Refused(reason),
        }
    }
}

fn payer() -> Person {
    person(1)
}

fn purchase() -> Offer {
    offer(1, TILL, &payer(), 500)
}

fn world() -> World {
    World::with(Rules { open_per_customer: 2, ..patient() })
}

/// A world in which the purchase waits for its customer.
fn asked() -> World {
    let world = world();
    world.opened(&purchase());
    world.ask(&purchase(), &payer(), 1).unwrap();
    world
}

fn approve(world: &World) -> Told {
    match world.collate(&payer().claim(&purchase(), nonce(1)), 2) {
        Ok(Collated::Approved { view, .. }) => Told::State(view.state, Freshness::First),
        Ok(Collated::Ended { view, freshness }) => Told::State(view.state, freshness),
        Ok(other) => panic!("{other:?}"),
        Err(reason) => Told::Refused(reason),
    }
}

/// Runs `acts` at once, in every order of their steps, on a world that `begin` makes, and hands
/// what they were told to `judge`.
fn all_orders(begin: fn() -> World, acts: [Act; 2], judge: fn(&World, &[Told])) {
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&orders);
    shuttle::check_dfs(
        move || {
            counted.fetch_add(1, Ordering::Relaxed);
            run(begin, &acts, judge);
        },
        None,
    );
    let orders = orders.load(Ordering::Relaxed);
    assert!(orders > 10, "they race in {orders} orders only");
}

fn many_orders<const N: usize>(begin: fn() -> World, acts: [Act; N], judge: fn(&World, &[Told])) {
    shuttle::check_random(move || run(begin, &acts, judge), TRIED);
}

fn run(begin: fn() -> World, acts: &[Act], judge: fn(&World, &[Told])) {
    let world = Arc::new(begin());
    let threads: Vec<_> = acts
        .iter()
        .map(|act| {
            let (world, act) = (Arc::clone(&world), *act);
            thread::spawn(move || act(&world))
        })
        .collect();
    let told: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    judge(&world, &told);
    world.assert_sound();
}

/// Everybody is told the one end, and one of them brought it about.
fn one_end(world: &World, told: &[Told]) {
    let end = world.status(&purchase(), TILL).unwrap().state;
    assert!(!matches!(end, PaymentState::Pending), "it has ended");
    let firsts = told.iter().filter(|told| matches!(told, Told::State(_, Freshness::First)));
    assert_eq!(firsts.count(), 1, "{told:?}");
    for told in told {
        assert!(matches!(told, Told::State(state, _) if *state == end), "{told:?}, but {end:?}");
    }
    let left = if end == PaymentState::Captured { BALANCE - 500 } else { BALANCE };
    assert_eq!(world.money(&payer()), (left, 0));
}

#[test]
fn a_cancel_races_the_approval_from_either_side() {
    let by_customer: Act = |world| world.cancel_by_customer(&purchase(), &payer()).into();
    let by_terminal: Act = |world| world.cancel_by_terminal(&purchase(), TILL).into();
    for cancel in [by_customer, by_terminal] {
        all_orders(asked, [approve, cancel], one_end);
    }
    many_orders(asked, [approve, by_customer, by_terminal], one_end);
}

#[test]
fn a_reversal_overtakes_its_open() {
    let open: Act = |world| world.open(&purchase()).into();
    let reverse: Act = |world| world.reverse(&purchase(), TILL).into();
    all_orders(world, [open, reverse], |world, told| {
        // Whichever comes first, and whatever is told in between, nothing is left open.
        let end = world.status(&purchase(), TILL).unwrap();
        assert_eq!(end.state, PaymentState::Cancelled, "{told:?}");
        assert!(told.contains(&Told::State(PaymentState::Cancelled, Freshness::First)));
        assert_eq!(world.money(&payer()), (BALANCE, 0));
    });
}

#[test]
fn a_reversal_races_the_delivery() {
    fn authorised() -> World {
        let world = world();
        world.pay(&vended(1, &payer(), 500), &payer());
        world
    }
    let deliver: Act = |world| world.deliver(&vended(1, &payer(), 500), MACHINE).into();
    let reverse: Act = |world| world.reverse(&vended(1, &payer(), 500), MACHINE).into();
    all_orders(authorised, [deliver, reverse], |world, told| {
        // What was delivered can still be taken back, but what was taken back is not delivered.
        assert_eq!(told[1], Told::State(PaymentState::Reversed, Freshness::First));
        let delivered = [
            Told::State(PaymentState::Captured, Freshness::First),
            Told::Refused(Reason::StateForbids),
        ];
        assert!(delivered.contains(&told[0]), "{told:?}");
        assert_eq!(world.money(&payer()), (BALANCE, 0));
    });
}

#[test]
fn two_refunds_want_the_last_yen() {
    fn paid() -> World {
        let world = world();
        world.pay(&purchase(), &payer());
        world.refund(7, &purchase(), TILL, 499).unwrap();
        world
    }
    fn refund(world: &World, serial: u16, till: &str) -> Told {
        match world.refund(serial, &purchase(), till, 1) {
            Ok(made) => Told::State(made.view.state, made.freshness),
            Err(reason) => Told::Refused(reason),
        }
    }
    fn judge(world: &World, told: &[Told]) {
        let made = Told::State(PaymentState::Refunded, Freshness::First);
        assert_eq!(told.iter().filter(|told| **told == made).count(), 1, "{told:?}");
        assert!(told.contains(&Told::Refused(Reason::AmountAboveCapture)), "{told:?}");
        assert_eq!(world.money(&payer()), (BALANCE, 0));
    }
    all_orders(paid, [|world| refund(world, 8, TILL), |world| refund(world, 9, OTHER_TILL)], judge);
}

#[test]
fn the_same_refund_comes_twice() {
    fn paid() -> World {
        let world = world();
        world.pay(&purchase(), &payer());
        world
    }
    let refund: Act = |world| match world.refund(8, &purchase(), TILL, 300) {
        Ok(made) => Told::State(made.view.state, made.freshness),
        Err(reason) => Told::Refused(reason),
    };
    all_orders(paid, [refund, refund], |world, told| {
        let made = Told::State(PaymentState::Refunded, Freshness::First);
        assert_eq!(told.iter().filter(|told| **told == made).count(), 1, "{told:?}");
        let others = [
            Told::State(PaymentState::Refunded, Freshness::Repeat),
            // It came while the first was at it: to be asked again.
            Told::Refused(Reason::Busy),
        ];
        assert!(told.iter().all(|told| *told == made || others.contains(told)), "{told:?}");
        assert_eq!(world.money(&payer()), (BALANCE - 200, 0));
    });
}

#[test]
fn the_same_open_comes_twice() {
    let open: Act = |world| world.open(&purchase()).into();
    all_orders(world, [open, open], |world, told| {
        let pending = |freshness| Told::State(PaymentState::Pending, freshness);
        assert_eq!(told.iter().filter(|told| **told == pending(Freshness::First)).count(), 1);
        let others = [pending(Freshness::Repeat), Told::Refused(Reason::Busy)];
        let is_other = |told: &&Told| **told != pending(Freshness::First);
        assert!(told.iter().filter(is_other).all(|told| others.contains(told)), "{told:?}");
        assert_eq!(world.money(&payer()), (BALANCE, 500));
    });
}

#[test]
fn two_purchases_want_one_balance() {
    all_orders(
        world,
        [
            |world| world.open(&offer(1, TILL, &payer(), BALANCE)).into(),
            |world| world.open(&offer(2, OTHER_TILL, &payer(), 1)).into(),
        ],
        |world, told| {
            let of = |state| {
                told.iter().filter(move |told| **told == Told::State(state, Freshness::First))
            };
            assert_eq!(of(PaymentState::Pending).count(), 1, "{told:?}");
            assert_eq!(of(PaymentState::Declined).count(), 1, "{told:?}");
            let (balance, held) = world.money(&payer());
            assert!(balance == BALANCE && (held == BALANCE || held == 1));
        },
    );
}

#[test]
fn a_code_displaces_a_payment_that_is_being_approved() {
    let by_code: Act = |world| world.open(&with_code(offer(2, OTHER_TILL, &payer(), 300))).into();
    all_orders(asked, [approve, by_code], |world, told| {
        let first = world.status(&purchase(), TILL).unwrap();
        assert_eq!(told[1], Told::State(PaymentState::Pending, Freshness::First));
        match first.state {
            PaymentState::Captured => {
                assert_eq!(told[0], Told::State(PaymentState::Captured, Freshness::First));
                assert_eq!(world.money(&payer()), (BALANCE - 500, 300));
            }
            PaymentState::Cancelled => {
                assert_eq!(first.reason, Some(Reason::PreEmpted));
                assert_eq!(told[0], Told::State(PaymentState::Cancelled, Freshness::Repeat));
                assert_eq!(world.money(&payer()), (BALANCE, 300));
            }
            other => panic!("{other:?}"),
        }
    });
}

/// A world in which the purchase was paid and the archive has all of it.
fn paid() -> World {
    let mut world = world();
    world.pay(&purchase(), &payer());
    world.now_ms += 1_000;
    world
}

/// Lets go what was made up to noon.
fn evict(world: &World) -> Told {
    let archived = Lsn(world.recorder.count() as u64);
    world.engine.evict(NOON_MS + 1, archived, usize::MAX);
    Told::Refused(Reason::Busy)
}

/// The index has the ids that memory has, and no others.
fn assert_indexed(world: &World) {
    let mut here = 0;
    world.engine.each_payment(|view| {
        here += 1 + view.refunds as usize;
        assert!(!world.engine.is_archived(&view.payment));
    });
    assert_eq!(world.engine.ids_in_memory(), here);
}

#[test]
fn an_open_races_the_floor() {
    let open: Act = |world| world.open(&purchase()).into();
    all_orders(world, [open, evict], |world, told| {
        let opened = Told::State(PaymentState::Pending, Freshness::First);
        match told[0] {
            Told::Refused(reason) => {
                assert_eq!(reason, Reason::PaymentIdTooOld);
                assert!(world.engine.is_archived(&purchase().terms.payment));
            }
            told @ Told::State(..) => assert_eq!(told, opened),
        }
        assert_indexed(world);
    });
}

#[test]
fn a_cancel_of_what_nobody_opened_races_the_floor() {
    let cancel: Act = |world| world.cancel_by_terminal(&purchase(), TILL).into();
    all_orders(world, [cancel, evict], |world, told| {
        let called_off = Told::State(PaymentState::Cancelled, Freshness::First);
        assert!(told[0] == called_off || told[0] == Told::Refused(Reason::PaymentUnknown));
        assert_indexed(world);
    });
}

/// Whoever comes with a used id while its payment leaves, it pays nothing.
#[test]
fn a_used_id_races_its_payment_that_leaves() {
    let other: Act = |world| world.open(&offer(1, TILL, &person(2), 70)).into();
    all_orders(paid, [other, evict], |world, told| {
        let refusals = [Reason::PaymentIdReused, Reason::PaymentIdTooOld].map(Told::Refused);
        assert!(refusals.contains(&told[0]), "{told:?}");
        assert_eq!(world.money(&person(2)), (BALANCE, 0));
        assert_indexed(world);
    });
}

/// A refund that brings its payment back while it leaves again.
#[test]
fn a_recall_races_an_eviction() {
    let recalled: Act = |world| {
        let entries = world.recorder.entries();
        let id = purchase().terms.payment;
        let known = ArchivedPayment::fold(id, &entries).unwrap().unwrap();
        let asked = Refund {
            refund: payment_made(2, world.now_ms),
            payment: id,
            terminal: purchase().terms.terminal,
            price: yen(100),
        };
        loop {
            match world.engine.refund(asked, world.now_ms, world.slot()) {
                Ok(made) => return Told::State(made.view.state, made.freshness),
                Err(Reason::PaymentUnknown) => {
                    world.engine.recall(&known, world.now_ms, world.slot()).unwrap();
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    let gone: fn() -> World = || {
        let world = paid();
        evict(&world);
        world
    };
    for begin in [paid, gone] {
        many_orders(begin, [recalled, evict], |world, told| {
            assert_eq!(told[0], Told::State(PaymentState::Refunded, Freshness::First));
            assert_eq!(world.money(&payer()), (BALANCE - 400, 0));
            assert_indexed(world);
        });
    }
}

/// A snapshot with what was recorded from its beginning on is always an engine that can be.
#[test]
fn a_snapshot_races_an_approval() {
    let snapshot: Act = |world| {
        let begun = world.recorder.count();
        let mut snapshot = world.engine.snapshot().unwrap();
        let (mut chunks, mut chunk) = (Vec::new(), Vec::new());
        while snapshot.next_chunk(&mut chunk) {
            chunks.push(std::mem::take(&mut chunk));
        }
        drop(snapshot);
        let entries = world.recorder.entries();
        let again = loaded(&chunks, &entries[begun..], *world.engine.rules());
        assert_eq!(again.books().unwrap().problems, [""; 0]);
        let whole = crate::kit::replayed(&entries, *world.engine.rules());
        assert_eq!(again.state_hash(), whole.state_hash());
        Told::Refused(Reason::Busy)
    };
    many_orders(asked, [approve, snapshot], |world, told| {
        assert_eq!(told[0], Told::State(PaymentState::Captured, Freshness::First));
        assert_eq!(world.money(&payer()), (BALANCE - 500, 0));
    });
}
