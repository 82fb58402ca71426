//! What leaves the memory, what stays, and what an id that is too old can still do: nothing.

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{ArchivedPayment, Lsn, Offer, Refund, Rules};

use crate::kit::{
    MACHINE, NOON_MS, OTHER_TILL, PROMPT_MS, TILL, World, chunks, loaded, offer, patient,
    payment_made, person, replayed, vended, yen,
};

mod returning;

const MINUTE_MS: u64 = 60_000;

/// The same offer under an id that its terminal made at that time.
fn made(offer: Offer, made_ms: u64) -> Offer {
    let mut offer = offer;
    let mut random = [0; 10];
    random.copy_from_slice(&offer.terms.payment.as_bytes()[6..]);
    offer.terms.payment = PaymentId::from_parts(made_ms, random);
    offer.expires_at_ms = made_ms + PROMPT_MS;
    offer
}

/// All that was recorded until now.
fn latest(world: &World) -> Lsn {
    Lsn(world.recorder.count() as u64)
}

fn fold(world: &World, offer: &Offer) -> ArchivedPayment {
    ArchivedPayment::fold(offer.terms.payment, world.recorder.entries()).unwrap().unwrap()
}

/// Gives back `price` under an id that was made at that time.
fn refunded(world: &World, offer: &Offer, price: u64, made_ms: u64) {
    let refund = payment_made(900, made_ms);
    let (payment, terminal) = (offer.terms.payment, offer.terms.terminal);
    let asked = Refund { refund, payment, terminal, price: yen(price) };
    world.engine.refund(asked, world.now_ms, world.slot()).unwrap();
}

/// A purchase that was paid at noon, with an id of noon, a minute ago.
fn paid() -> (World, Offer) {
    let mut world = World::with(patient());
    let purchase = made(offer(1, TILL, &person(1), 100), NOON_MS);
    world.pay(&purchase, &person(1));
    world.now_ms += MINUTE_MS;
    (world, purchase)
}

#[test]
fn an_ended_payment_leaves_below_the_floor_once_the_archive_has_it() {
    let (world, purchase) = paid();
    let (before, books) = (world.engine.state_hash(), world.engine.books().unwrap());
    let floor_ms = NOON_MS + 1;
    let lags = Lsn(latest(&world).0 - 1);
    assert_eq!(world.engine.evict(floor_ms, lags, usize::MAX), 0, "its last record is missing");
    assert_eq!(world.engine.evict(floor_ms, latest(&world), 0), 0, "none may go");
    assert!(!world.engine.is_archived(&purchase.terms.payment));
    assert_eq!(world.engine.ids_in_memory(), 1);
    assert_eq!(world.engine.evict(floor_ms, latest(&world), usize::MAX), 1);
    assert!(world.engine.is_archived(&purchase.terms.payment));
    assert_eq!(world.engine.ids_in_memory(), 0);
    assert_eq!(world.engine.payment(&purchase.terms.payment), None);
    assert_eq!(world.engine.payments_between(0, u64::MAX, None, 9), []);
    assert_eq!(world.engine.state_hash(), before);
    assert_eq!(world.engine.books().unwrap(), books);
    world.assert_sound();
}

/// What keeps a payment: the floor is a millisecond above what it takes, or right at it.
#[test]
fn each_thing_that_keeps_a_payment_keeps_it_to_the_millisecond() {
    let check = |what: &str, leaves_above: u64, live: fn(&mut World)| {
        let mut world = World::with(patient());
        live(&mut world);
        world.now_ms = NOON_MS + 60 * MINUTE_MS;
        let archived = latest(&world);
        assert_eq!(world.engine.evict(leaves_above, archived, 9), 0, "{what}, at the floor");
        assert_eq!(world.engine.evict(leaves_above + 1, archived, 9), 1, "{what}, below the floor");
    };
    check("its last change", NOON_MS, |world| {
        world.pay(&made(offer(1, TILL, &person(1), 100), NOON_MS - 9_000), &person(1));
    });
    check("its id, ahead of our clock", NOON_MS + 30_000, |world| {
        world.pay(&made(offer(1, TILL, &person(1), 100), NOON_MS + 30_000), &person(1));
    });
    check("its last refund", NOON_MS + 5 * MINUTE_MS, |world| {
        let purchase = made(offer(1, TILL, &person(1), 100), NOON_MS);
        world.pay(&purchase, &person(1));
        world.now_ms += 5 * MINUTE_MS;
        refunded(world, &purchase, 40, world.now_ms - 9_000);
    });
    check("its refund's id, ahead of our clock", NOON_MS + 30_000, |world| {
        let purchase = made(offer(1, TILL, &person(1), 100), NOON_MS);
        world.pay(&purchase, &person(1));
        refunded(world, &purchase, 40, NOON_MS + 30_000);
    });
    check("its cancellation", NOON_MS + 1_000, |world| {
        let purchase = made(offer(1, TILL, &person(1), 100), NOON_MS);
        world.opened(&purchase);
        world.now_ms += 1_000;
        world.cancel_by_customer(&purchase, &person(1)).unwrap();
    });
    check("nothing but its id, overtaken", NOON_MS, |world| {
        let purchase = made(offer(1, TILL, &person(1), 100), NOON_MS);
        world.cancel_by_terminal(&purchase, TILL).unwrap();
    });
    check("nothing but its id, of an unknown customer", NOON_MS, |world| {
        world.open(&made(offer(1, TILL, &person(99), 100), NOON_MS)).unwrap();
    });
}

#[test]
fn what_waits_stays_however_old() {
    let mut world = World::with(patient());
    world.opened(&made(offer(1, TILL, &person(1), 100), NOON_MS));
    let drink = made(vended(2, &person(2), 100), NOON_MS);
    world.pay(&drink, &person(2));
    world.now_ms += 60 * MINUTE_MS;
    assert_eq!(world.engine.evict(world.now_ms, latest(&world), usize::MAX), 0);
    assert_eq!(world.engine.open_payments(), 1);
    // What is here is answered for from here, also below the floor.
    world.deliver(&drink, MACHINE).unwrap();
    assert_eq!(world.expire().len(), 1);
    world.now_ms += 1;
    assert_eq!(world.engine.evict(world.now_ms, latest(&world), usize::MAX), 2);
    world.assert_sound();
}

/// Everything that could make something new of an id, by whoever it comes.
fn tries(world: &World, old: &Offer, expected: Reason) {
    let id = old.terms.payment;
    for n in [1, 2, 3, 99] {
        for till in [TILL, OTHER_TILL] {
            let mut other = made(offer(1, till, &person(n), 70), id.unix_ms());
            other.terms.payment = id;
            assert_eq!(world.traceless(|world| world.open(&other)), Err(expected), "{n} at {till}");
        }
    }
    let unknown = Err(Reason::PaymentUnknown);
    assert_eq!(world.traceless(|world| world.open(old)), Err(expected));
    assert_eq!(world.traceless(|world| world.cancel_by_terminal(old, TILL)), unknown);
    assert_eq!(world.traceless(|world| world.reverse(old, TILL)), unknown);
    assert_eq!(world.traceless(|world| world.deliver(old, TILL)), unknown);
    assert_eq!(world.traceless(|world| world.cancel_by_customer(old, &person(1))), unknown);
    let of = made(offer(5, TILL, &person(1), 10), world.now_ms);
    world.pay(&of, &person(1));
    let (payment, terminal) = (of.terms.payment, of.terms.terminal);
    let refund = Refund { refund: id, payment, terminal, price: yen(1) };
    let asked = world.traceless(|world| world.engine.refund(refund, world.now_ms, world.slot()));
    assert_eq!(asked.unwrap_err(), expected);
}

#[test]
fn a_used_id_never_opens_again() {
    let (world, purchase) = paid();
    assert_eq!(world.engine.evict(NOON_MS + 1, latest(&world), usize::MAX), 1);
    tries(&world, &purchase, Reason::PaymentIdTooOld);
    assert_eq!(world.engine.ids_in_memory(), 1, "the id of the refused ones is not kept");
}

#[test]
fn an_unused_id_below_the_floor_opens_nothing() {
    let (world, _) = paid();
    let floor_ms = NOON_MS + 30_000;
    world.engine.evict(floor_ms, latest(&world), usize::MAX);
    let late = made(offer(2, TILL, &person(2), 100), floor_ms - 1);
    tries(&world, &late, Reason::PaymentIdTooOld);
    world.opened(&made(offer(2, TILL, &person(2), 100), floor_ms));
}

#[test]
fn the_floor_never_falls() {
    let (world, _) = paid();
    assert_eq!(world.engine.memory_floor_ms(), 0);
    world.engine.evict(NOON_MS + 1, Lsn::NONE, usize::MAX);
    world.engine.evict(NOON_MS, latest(&world), 0);
    assert_eq!(world.engine.memory_floor_ms(), NOON_MS + 1);
    assert_eq!(world.engine.evict(0, latest(&world), usize::MAX), 1, "what is below it may go");
}

/// An id that is too old is told at once, so that a repeat finds its answer in the archive also
/// where nothing new would be admitted.
#[test]
fn a_repeat_is_sent_to_the_archive_before_anything_else_is_asked() {
    let (world, purchase) = paid();
    world.engine.evict(NOON_MS + 1, latest(&world), usize::MAX);
    world.change_terminal(TILL, |till| till.standing = kessai_engine::Standing::Frozen);
    assert_eq!(world.open(&purchase).unwrap_err(), Reason::PaymentIdTooOld);
}

#[test]
fn room_is_made_by_those_that_leave() {
    let mut world = World::with(Rules { payments_in_memory: 2, ..patient() });
    let paid = [1, 2].map(|serial| made(offer(serial, TILL, &person(1), 10), NOON_MS));
    for purchase in &paid {
        world.pay(purchase, &person(1));
    }
    world.now_ms += MINUTE_MS;
    let next = made(offer(3, TILL, &person(1), 10), world.now_ms);
    assert_eq!(world.open(&next).unwrap_err(), Reason::Busy);
    let full = fold(&world, &paid[0]);
    world.engine.evict(NOON_MS + 1, latest(&world), 1);
    world.opened(&next);
    assert_eq!(world.engine.recall(&full, world.now_ms, world.slot()), Err(Reason::Busy));
}

/// Shards take turns: a few at a time, all get there.
#[test]
fn a_few_at_a_time_leave_from_all_shards() {
    let mut world = World::with(patient());
    for n in 1..=3 {
        for serial in 0..100 {
            let serial = u16::from(n) * 100 + serial;
            world.open(&made(offer(serial, TILL, &person(n), 1_000_000), NOON_MS)).unwrap();
        }
    }
    world.now_ms += MINUTE_MS;
    let archived = latest(&world);
    let evict = || world.engine.evict(NOON_MS + 1, archived, 70);
    assert_eq!([evict(), evict(), evict(), evict(), evict(), evict()], [70, 70, 70, 70, 20, 0]);
    assert_eq!(world.engine.ids_in_memory(), 0);
    assert_eq!(world.engine.payments_between(0, u64::MAX, None, 9), []);
    world.assert_sound();
}

/// Those that stay are found by time as before, among and behind those that left.
#[test]
fn what_stays_is_listed_in_its_order() {
    let mut world = World::with(patient());
    let mut kept = Vec::new();
    for serial in 0..200 {
        let purchase = made(offer(serial, TILL, &person(1), 1_000_000), NOON_MS);
        let mut purchase = purchase;
        if serial % 7 == 0 {
            // Its terminal's clock is ahead.
            purchase.terms.payment = payment_made(serial, NOON_MS + 30_000);
            kept.push(purchase.terms.payment);
        }
        world.open(&purchase).unwrap();
        world.now_ms += 1;
    }
    world.now_ms += MINUTE_MS;
    assert_eq!(world.engine.evict(NOON_MS + 10_000, latest(&world), usize::MAX), 200 - kept.len());
    let listed = world.engine.payments_between(0, u64::MAX, None, 99);
    assert_eq!(listed.iter().rev().map(|view| view.payment).collect::<Vec<_>>(), kept);
    let between = world.engine.payments_between(NOON_MS + 7, NOON_MS + 22, None, 99);
    assert_eq!(between.iter().rev().map(|view| view.payment).collect::<Vec<_>>(), kept[1..=3]);
    assert_eq!(world.engine.evict(NOON_MS + 30_001, latest(&world), usize::MAX), kept.len());
}

/// What was recovered has no place in the journal; the archive may still lack it.
#[test]
fn nothing_leaves_before_the_archive_has_all_that_was_recovered() {
    let (world, _) = paid();
    let recovered = latest(&world);
    let rules = *world.engine.rules();
    let from_journal = replayed(&world.recorder.entries(), rules);
    let from_snapshot = loaded(&chunks(&world.engine), &[], rules);
    for engine in [from_journal, from_snapshot] {
        let evict = |archived| engine.evict(NOON_MS + 1, archived, usize::MAX);
        assert_eq!(evict(recovered), 0, "nobody said how much was recovered");
        engine.recovered_upto(recovered);
        assert_eq!(evict(Lsn(recovered.0 - 1)), 0);
        assert_eq!(evict(recovered), 1);
    }
}

/// A handset that comes back is told which of its notices are about what has left.
#[test]
fn notices_name_what_has_left() {
    let mut world = World::with(patient());
    let payer = person(1);
    let old = made(offer(1, TILL, &payer, 10), NOON_MS);
    world.pay(&old, &payer);
    world.now_ms += MINUTE_MS;
    let new = made(offer(2, TILL, &payer, 20), world.now_ms);
    let told = world.pay(&new, &payer);
    world.engine.evict(NOON_MS + 1, latest(&world), usize::MAX);
    let owed = |seen| world.engine.owed(&payer.customer, &payer.device, seen).unwrap();
    assert_eq!(owed(0).archived, [(1, old.terms.payment)]);
    assert_eq!(owed(0).notices, [told]);
    assert_eq!(owed(1).archived, []);
    let known = fold(&world, &old);
    world.engine.recall(&known, world.now_ms, world.slot()).unwrap();
    let numbers: Vec<_> = owed(0).notices.iter().map(|view| view.notice).collect();
    assert_eq!((numbers, owed(0).archived), (vec![1, 2], vec![]));
}
