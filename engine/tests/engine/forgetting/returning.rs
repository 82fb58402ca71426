//! What comes back into memory, and what is then done with it.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{ArchivedPayment, Corrupt, Lsn, PaymentState, Record, Rules};

use super::{MINUTE_MS, fold, latest, made, paid, refunded};
use crate::kit::{
    BALANCE, MACHINE, NOON_MS, TILL, World, offer, patient, person, replayed, vended, with_code,
};

#[test]
fn a_payment_that_came_back_is_given_back_and_taken_back_as_ever() {
    let (world, first) = paid();
    let second = made(offer(2, TILL, &person(1), 200), world.now_ms);
    world.pay(&second, &person(1));
    refunded(&world, &first, 40, NOON_MS);
    let known = [fold(&world, &first), fold(&world, &second)];
    assert_eq!(world.engine.evict(world.now_ms + 1, latest(&world), usize::MAX), 2);
    for known in &known {
        world.engine.recall(known, world.now_ms, world.slot()).unwrap();
    }
    let late = made(offer(901, TILL, &person(1), 0), world.now_ms + 2);
    let refund = kessai_engine::Refund {
        refund: late.terms.payment,
        payment: first.terms.payment,
        terminal: first.terms.terminal,
        price: crate::kit::yen(60),
    };
    let more = kessai_engine::Refund { price: crate::kit::yen(61), ..refund };
    let told = world.engine.refund(more, world.now_ms, world.slot()).unwrap_err();
    assert_eq!(told, Reason::AmountAboveCapture, "what was given back before counts");
    let made = world.engine.refund(refund, world.now_ms, world.slot()).unwrap();
    assert_eq!((made.view.refunds, made.view.notice), (2, 4));
    assert_eq!(world.reverse(&second, TILL).unwrap().view.state, PaymentState::Reversed);
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    world.assert_sound();
}

/// It stays as long as one that has just ended, and then leaves again.
#[test]
fn what_came_back_stays_a_while() {
    let (mut world, purchase) = paid();
    let known = fold(&world, &purchase);
    world.engine.evict(NOON_MS + 1, latest(&world), usize::MAX);
    let back_ms = world.now_ms;
    world.engine.recall(&known, back_ms, world.slot()).unwrap();
    world.now_ms += MINUTE_MS;
    assert_eq!(world.engine.evict(back_ms, latest(&world), usize::MAX), 0);
    assert_eq!(world.engine.evict(back_ms + 1, latest(&world), usize::MAX), 1);
    // Twice gone and back: the archive has the recall among the records.
    let again = fold(&world, &purchase);
    assert_eq!(again, known);
    world.engine.recall(&again, world.now_ms, world.slot()).unwrap();
    world.assert_sound();
}

#[test]
fn a_machine_may_report_again_about_what_came_back() {
    let mut world = World::with(patient());
    let drink = made(vended(1, &person(1), 150), NOON_MS);
    world.pay(&drink, &person(1));
    world.deliver(&drink, MACHINE).unwrap();
    world.now_ms += MINUTE_MS;
    let known = fold(&world, &drink);
    assert_eq!(known.confirmation(), &drink.confirmation);
    world.engine.evict(NOON_MS + 1, latest(&world), usize::MAX);
    world.engine.recall(&known, world.now_ms, world.slot()).unwrap();
    let shown = world.engine.confirmation(drink.terms.payment, drink.terms.terminal).unwrap();
    assert_eq!(shown, drink.confirmation);
    world.traceless(|world| world.deliver(&drink, MACHINE)).unwrap();
}

#[test]
fn what_cannot_have_left_does_not_come_back() {
    let refused = |world: &World, known: &ArchivedPayment| {
        world.traceless(|world| world.engine.recall(known, world.now_ms, world.slot()))
    };
    let (world, purchase) = paid();
    let known = fold(&world, &purchase);
    // In another engine, where nothing has left.
    assert_eq!(refused(&World::with(Rules::default()), &known), Err(Reason::PaymentUnknown));
    // It waits, or nobody was to pay it.
    let waits = made(offer(2, TILL, &person(2), 10), world.now_ms);
    world.opened(&waits);
    assert_eq!(refused(&world, &fold(&world, &waits)), Err(Reason::StateForbids));
    let drink = made(vended(3, &person(3), 10), world.now_ms);
    world.pay(&drink, &person(3));
    assert_eq!(refused(&world, &fold(&world, &drink)), Err(Reason::StateForbids));
    let nobodys = made(offer(4, TILL, &person(99), 10), world.now_ms);
    world.open(&nobodys).unwrap();
    assert_eq!(refused(&world, &fold(&world, &nobodys)), Err(Reason::StateForbids));
    let overtaken = made(offer(5, TILL, &person(1), 10), world.now_ms);
    world.cancel_by_terminal(&overtaken, TILL).unwrap();
    assert_eq!(refused(&world, &fold(&world, &overtaken)), Err(Reason::StateForbids));
}

/// What a journal says of a payment that comes back must be what the engine knows of it.
#[test]
fn a_recall_that_contradicts_what_is_known_is_refused_by_recovery() {
    let (world, purchase) = paid();
    let known = fold(&world, &purchase);
    world.engine.evict(NOON_MS + 1, latest(&world), usize::MAX);
    world.engine.recall(&known, world.now_ms, world.slot()).unwrap();
    let mut entries = world.recorder.entries();
    let Record::Recalled(row) = &mut entries.last_mut().unwrap().record else { panic!() };
    row.captured = crate::kit::yen(99);
    let last = entries.pop().unwrap();
    let engine = replayed(&entries, Rules::default());
    assert!(
        matches!(engine.replay(&last), Err(Corrupt::Payment(id)) if id == purchase.terms.payment)
    );
    // Nor can one come back that neither is here nor has left.
    let engine = replayed(&World::new().recorder.entries(), Rules::default());
    let sequence = 1 + world_sequence(&World::new(), last.unit);
    let stray = kessai_engine::Entry { sequence, ..last };
    assert!(matches!(engine.replay(&stray), Err(Corrupt::Payment(_))));
}

fn world_sequence(world: &World, unit: kessai_engine::Unit) -> u64 {
    world.recorder.entries().iter().filter(|entry| entry.unit == unit).count() as u64
}

#[test]
fn records_fold_to_what_memory_has_of_each_payment() {
    let mut world = World::with(Rules { open_per_customer: 2, ..patient() });
    let bought = made(offer(1, TILL, &person(1), 100), NOON_MS);
    world.pay(&bought, &person(1));
    refunded(&world, &bought, 30, NOON_MS);
    let displaced = made(offer(2, TILL, &person(2), 50), NOON_MS);
    world.opened(&displaced);
    let by_code = with_code(made(offer(3, TILL, &person(2), 60), NOON_MS));
    world.opened(&by_code);
    let wrong = person(2).mistyped(&by_code, crate::kit::nonce(1));
    world.ask(&by_code, &person(2), 1).unwrap();
    world.collate(&wrong, 2).unwrap();
    world.open(&made(offer(4, TILL, &person(3), 1_000_000), NOON_MS)).unwrap();
    world.open(&made(offer(5, TILL, &person(99), 1), NOON_MS)).unwrap();
    world.cancel_by_terminal(&made(offer(6, TILL, &person(1), 1), NOON_MS), TILL).unwrap();
    let drink = made(vended(7, &person(3), 70), NOON_MS);
    world.pay(&drink, &person(3));
    world.now_ms += 10 * MINUTE_MS;
    world.expire();
    let entries = world.recorder.entries();
    let mut count = 0;
    world.engine.each_payment(|view| {
        let folded = ArchivedPayment::fold(view.payment, &entries).unwrap().unwrap();
        let expected = kessai_engine::PaymentView { after: Lsn::NONE, notice: 0, ..view.clone() };
        assert_eq!(*folded.view(), expected);
        count += 1;
    });
    assert_eq!(count, 7);
    assert_eq!(fold(&world, &bought).refunds(), world.engine.refunds_of(&bought.terms.payment));
    let unknown = crate::kit::payment_id(99);
    assert_eq!(ArchivedPayment::fold(unknown, &entries).unwrap(), None);
}

#[test]
fn records_that_do_not_follow_each_other_fold_to_nothing() {
    let (world, purchase) = paid();
    let id = purchase.terms.payment;
    let mut entries = world.recorder.entries();
    entries.retain(|entry| entry.record.payments().any(|named| named == id));
    assert_eq!(entries.len(), 2);
    let twice = [entries.clone(), entries.clone()].concat();
    assert!(matches!(ArchivedPayment::fold(id, &twice), Err(Corrupt::Event { .. })));
    entries.reverse();
    assert!(
        matches!(ArchivedPayment::fold(id, &entries), Err(Corrupt::Payment(named)) if named == id)
    );
}

#[test]
fn the_archive_answers_repeats_as_memory_did() {
    let (world, purchase) = paid();
    refunded(&world, &purchase, 40, NOON_MS);
    let (terms, known) = (&purchase.terms, fold(&world, &purchase));
    let here = world.open(&purchase).unwrap();
    let told = known.answer_open(&terms.terminal, &terms.request).unwrap();
    assert_eq!((told.view.state, told.freshness), (here.view.state, here.freshness));
    assert_eq!(known.repeat(), told);
    let other = crate::kit::terminal(crate::kit::OTHER_TILL);
    assert_eq!(known.answer_open(&other, &terms.request), Err(Reason::PaymentIdReused));
    let mut request = terms.request;
    request.0[0] ^= 1;
    assert_eq!(known.answer_open(&terms.terminal, &request), Err(Reason::PaymentIdReused));
    let made = known.refunds()[0];
    let (refund, payment, terminal, price) = (made.refund, made.payment, made.terminal, made.price);
    let asked = kessai_engine::Refund { refund, payment, terminal, price };
    assert_eq!(known.answer_refund(&asked).unwrap().refund, made);
    let more = kessai_engine::Refund { price: crate::kit::yen(41), ..asked };
    assert_eq!(known.answer_refund(&more), Err(Reason::PaymentIdReused));
}
