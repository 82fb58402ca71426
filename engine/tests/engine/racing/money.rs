//! Two at once for the same money: refunds, reversals, deliveries, codes, transfers.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Collated, CustomerPolicy, Freshness, Limits, Opening, PaymentState, Portion, ReverseCause,
    Rules, Standing,
};

use super::{crowded, overtaking, together};
use crate::kit::{
    BALANCE, MACHINE, OTHER_TILL, TILL, World, nonce, offer, person, terminal, vended, with_code,
    yen,
};

/// Each wants the last yen, and only one gets it, whatever the order.
#[test]
fn two_refunds_of_the_last_yen_are_one() {
    let world = World::with(crowded());
    let payer = person(1);
    for serial in 0..200 {
        let purchase = offer(serial, TILL, &payer, 10);
        world.pay(&purchase, &payer);
        world.refund(1_000 + serial, &purchase, TILL, 9).unwrap();
        let answers = together(2, |thread| {
            let till = if thread == 0 { TILL } else { OTHER_TILL };
            world.refund(2_000 + 1_000 * thread + serial, &purchase, till, 1)
        });
        let made = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(made, 1, "{answers:?}");
        let refused = answers.iter().find_map(|answer| answer.as_ref().err());
        assert_eq!(refused, Some(&Reason::AmountAboveCapture));
        let view = world.status(&purchase, TILL).unwrap();
        assert_eq!((view.refunded, view.refunds), (yen(10), 2));
    }
    assert_eq!(world.money(&payer), (BALANCE, 0));
    world.assert_sound();
}

/// The same refund from many threads, and in between one that finds nothing left: the id of the one
/// that was made is never given back.
#[test]
fn the_same_refund_from_many_threads_is_made_once() {
    let world = World::with(crowded());
    let payer = person(1);
    for serial in 0..200 {
        let purchase = offer(serial, TILL, &payer, 10);
        world.pay(&purchase, &payer);
        let answers = together(4, |_| world.refund(1_000 + serial, &purchase, TILL, 6));
        let firsts = answers.iter().flatten().filter(|made| made.freshness == Freshness::First);
        assert_eq!(firsts.count(), 1, "{answers:?}");
        for answer in answers {
            // One that comes while another is at it may be told to ask again.
            assert!(answer.is_ok() || answer == Err(Reason::Busy));
        }
        let repeat = world.traceless(|world| world.refund(1_000 + serial, &purchase, TILL, 6));
        assert_eq!(repeat.unwrap().freshness, Freshness::Repeat);
    }
    assert_eq!(world.money(&payer), (BALANCE - 200 * 4, 0));
    world.assert_sound();
}

/// One id for a refund and for a payment at once: it is one of them, and the other is refused.
#[test]
fn an_id_for_a_refund_and_a_payment_is_one_of_them() {
    let world = World::with(crowded());
    let payer = person(1);
    for serial in 0..200 {
        let purchase = offer(serial, TILL, &payer, 10);
        world.pay(&purchase, &payer);
        let id = 1_000 + serial;
        // Every other refund asks too much, and gives the id back.
        let price = if serial % 2 == 0 { 10 } else { 11 };
        let other = offer(id, TILL, &payer, 1);
        let [refunded, opened] = together(2, |thread| match thread {
            0 => world.refund(id, &purchase, TILL, price).map(drop),
            _ => world.open(&other).map(drop),
        })
        .try_into()
        .unwrap();
        match (refunded, opened) {
            (Ok(()), Err(reason)) => assert_eq!(reason, Reason::PaymentIdReused),
            (Err(reason), Ok(())) => {
                assert!(matches!(reason, Reason::PaymentIdReused | Reason::AmountAboveCapture));
            }
            (Err(reason), Err(Reason::PaymentIdReused)) => {
                // The refund had claimed the id, found too little, and gave it back.
                assert_eq!(reason, Reason::AmountAboveCapture);
                assert!(world.open(&other).is_ok(), "the id is free again");
            }
            other => panic!("{other:?}"),
        }
        let _ended = world.cancel_by_terminal(&other, TILL);
    }
    world.assert_sound();
}

/// Who holds the shard decides; then whichever comes first, the cancel or the proof, is what both
/// are told.
#[test]
fn a_cancel_and_an_approval_agree_from_both_sides() {
    let payer = person(1);
    type Cancel = fn(&World, u16) -> Opening;
    let cancels: [Cancel; 2] = [
        |world, serial| {
            world.cancel_by_terminal(&offer(serial, TILL, &person(1), 10), TILL).unwrap()
        },
        |world, serial| {
            world.cancel_by_customer(&offer(serial, TILL, &person(1), 10), &person(1)).unwrap()
        },
    ];
    for cancel in cancels {
        let world = World::with(crowded());
        let mut approved = 0;
        for serial in 0..100 {
            let purchase = offer(serial, TILL, &payer, 10);
            world.opened(&purchase);
            world.ask(&purchase, &payer, 1).unwrap();
            let claim = payer.claim(&purchase, nonce(1));
            let prove = || match world.collate(&claim, 2).unwrap() {
                Collated::Approved { view, .. } => (Freshness::First, view.state),
                Collated::Ended { view, freshness } => (freshness, view.state),
                other => panic!("{other:?}"),
            };
            let call_off = || {
                let opening = cancel(&world, serial);
                (opening.freshness, opening.view.state)
            };
            let [one, other] = if serial % 2 == 0 {
                overtaking(&world, &payer, prove, call_off)
            } else {
                overtaking(&world, &payer, call_off, prove)
            };
            assert_eq!(one.1, other.1, "both are told the same end");
            assert_ne!(one.0, other.0, "one of them brought it");
            approved += u64::from(one.1 == PaymentState::Captured);
        }
        assert_eq!(world.money(&payer), (BALANCE - 10 * approved, 0));
        world.assert_sound();
    }
}

/// The machine says that it delivered, and that it did not, at once.
#[test]
fn a_reversal_and_a_delivery_agree() {
    // What is approved is due at once.
    let world = World::with(Rules { delivery_ms: 0, ..crowded() });
    let payer = person(1);
    let mut spent = 0;
    for serial in 0..100 {
        let drinks = vended(serial, &payer, 10);
        world.pay(&drinks, &payer);
        let state = |answer: Result<Opening, Reason>| answer.map(|opening| opening.view.state);
        let part = Portion::Part { amount: yen(4), price: yen(4) };
        let deliver = || state(world.deliver_part(&drinks, MACHINE, part));
        let reverse = || {
            let (id, slot) = (drinks.terms.payment, world.slot());
            let cause = ReverseCause::NotDispensed;
            state(world.engine.reverse(id, terminal(MACHINE), cause, world.now_ms, slot))
        };
        let expire = || {
            let ended = world.expire();
            ended.first().map(|view| view.state).ok_or(Reason::StateForbids)
        };
        // On request a delivery can be taken back the same day; by the clock it cannot.
        let [delivered, taken_back] = match serial % 4 {
            0 => overtaking(&world, &payer, deliver, reverse),
            1 => overtaking(&world, &payer, reverse, deliver).map_reversed(),
            2 => overtaking(&world, &payer, deliver, expire),
            _ => overtaking(&world, &payer, expire, deliver).map_reversed(),
        };
        let view = world.status(&drinks, MACHINE).unwrap();
        match (delivered, taken_back) {
            (Ok(PaymentState::Captured), Ok(PaymentState::Reversed)) => {
                assert_eq!(view.state, PaymentState::Reversed, "delivered, then taken back");
            }
            (Ok(PaymentState::Captured), Err(Reason::StateForbids)) => {
                assert_eq!(view.state, PaymentState::Captured, "too late to expire");
                spent += 4;
            }
            (Err(Reason::StateForbids), Ok(PaymentState::Reversed)) => {
                assert_eq!(view.state, PaymentState::Reversed, "too late to deliver");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.money(&payer), (BALANCE - spent, 0));
    world.assert_sound();
}

trait Reversed {
    fn map_reversed(self) -> Self;
}

impl<T> Reversed for [T; 2] {
    fn map_reversed(self) -> Self {
        let [one, other] = self;
        [other, one]
    }
}

/// The reversal of a lost answer comes before, with or after its own open: the goods stay, the
/// money too.
#[test]
fn a_reversal_racing_its_own_open_leaves_nothing_open() {
    let world = World::with(crowded());
    let payer = person(1);
    for serial in 0..300 {
        let purchase = offer(serial, TILL, &payer, 10);
        let answers = together(3, |thread| match thread {
            0 => world.open(&purchase).map(|opening| opening.view.state),
            _ => world.reverse(&purchase, TILL).map(|opening| opening.view.state),
        });
        for answer in &answers[1..] {
            assert_eq!(*answer, Ok(PaymentState::Cancelled));
        }
        assert_eq!(world.open(&purchase).unwrap().view.state, PaymentState::Cancelled);
    }
    assert_eq!((world.money(&payer), world.engine.open_payments()), ((BALANCE, 0), 0));
    world.assert_sound();
}

/// A payment by code comes while the one that it would displace is being approved: either that is
/// approved and stays, or it is displaced and nothing is debited for it.
#[test]
fn a_code_and_the_approval_of_what_it_displaces_agree() {
    let world = World::with(crowded());
    let payer = person(1);
    let mut approved = 0;
    for serial in 0..100 {
        let plain = offer(2 * serial, TILL, &payer, 10);
        let by_code = with_code(offer(2 * serial + 1, OTHER_TILL, &payer, 1));
        world.opened(&plain);
        world.ask(&plain, &payer, 1).unwrap();
        let claim = payer.claim(&plain, nonce(1));
        let prove = || {
            let is_first = matches!(world.collate(&claim, 2).unwrap(), Collated::Approved { .. });
            usize::from(is_first)
        };
        let open = || world.open(&by_code).unwrap().displaced.len();
        let [one, other] = if serial % 2 == 0 {
            overtaking(&world, &payer, prove, open)
        } else {
            overtaking(&world, &payer, open, prove)
        };
        assert_eq!(one + other, 1, "approved or displaced, never both");
        let view = world.status(&plain, TILL).unwrap();
        match view.state {
            PaymentState::Captured => approved += 10,
            PaymentState::Cancelled => assert_eq!(view.reason, Some(Reason::PreEmpted)),
            other => panic!("{other:?}"),
        }
        world.cancel_by_customer(&by_code, &payer).unwrap();
    }
    assert_eq!((world.money(&payer), world.engine.open_payments()), ((BALANCE - approved, 0), 0));
    world.assert_sound();
}

#[test]
fn a_freeze_racing_an_approval_lets_it_through_or_not() {
    let world = World::with(crowded());
    let payer = person(1);
    let mut approved = 0;
    for serial in 0..100 {
        world.set_policy(&payer, CustomerPolicy::default());
        let purchase = offer(serial, TILL, &payer, 10);
        world.opened(&purchase);
        world.ask(&purchase, &payer, 1).unwrap();
        let claim = payer.claim(&purchase, nonce(1));
        together(2, |thread| {
            if thread == 0 {
                world.collate(&claim, 2).unwrap();
            } else {
                let standing = Standing::Frozen;
                world.set_policy(&payer, CustomerPolicy { standing, ..CustomerPolicy::default() });
            }
        });
        let view = world.status(&purchase, TILL).unwrap();
        match view.state {
            PaymentState::Captured => approved += 10,
            PaymentState::Declined => assert_eq!(view.reason, Some(Reason::CustomerFrozen)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.money(&payer), (BALANCE - approved, 0));
    world.assert_sound();
}

/// Terminals take from one limit without a lock, and never more than it has.
#[test]
fn a_terminals_limit_holds_against_many_threads() {
    let world = World::with(crowded());
    let limits = Limits { per_payment: None, per_day: Some(yen(100)), count_per_day: Some(40) };
    world.change_terminal(TILL, |till| till.limits = limits);
    together(6, |thread| {
        let payer = person(1 + u8::try_from(thread % 3).unwrap());
        for round in 0..30 {
            let purchase = offer(thread * 100 + round, TILL, &payer, 3);
            match world.open(&purchase) {
                Ok(_) if round % 2 == 0 => drop(world.cancel_by_terminal(&purchase, TILL).unwrap()),
                Ok(_) => drop(world.approve(&purchase, &payer).unwrap()),
                Err(reason) => assert_eq!(reason, Reason::TerminalLimit),
            }
        }
    });
    let mut taken = 0;
    world.engine.each_payment(|view| taken += view.captured.minor());
    assert_eq!(taken, 99, "all of it, and nothing that was called off");
    world.assert_sound();
}

#[test]
fn the_same_credit_from_many_threads_is_made_once() {
    let world = World::with(Rules::default());
    let payer = person(1);
    for round in 0..100 {
        let answers = together(4, |_| {
            let (amount, reference) = (yen(5), crate::kit::transfer(round));
            let customer = payer.customer;
            let credited = kessai_engine::Credited { customer, amount, reference };
            world.engine.credit(credited, world.now_ms, world.slot()).unwrap().freshness
        });
        let firsts = answers.iter().filter(|freshness| **freshness == Freshness::First).count();
        assert_eq!(firsts, 1);
    }
    assert_eq!(world.money(&payer), (BALANCE + 500, 0));
    world.assert_sound();
}
