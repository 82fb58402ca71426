//! Ends: cancellations, expiries, deliveries, reversals, and what a terminal may see of them.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Captured, Credited, Ended, Event, Freshness, Offer, Opening, Overtaken, PaymentState, Record,
    Reversed,
};

use crate::kit::{
    BALANCE, MACHINE, NOON_MS, OTHER_TILL, PROMPT_MS, TILL, World, offer, pay_in, person, terminal,
    vended, yen,
};

const LOCAL_MIDNIGHT_MS: u64 = NOON_MS - 60_000 + 12 * 3_600_000;

#[track_caller]
fn check(opening: &Opening, state: PaymentState, reason: Reason, freshness: Freshness) {
    let found = (opening.view.state, opening.view.reason, opening.freshness);
    assert_eq!(found, (state, Some(reason), freshness));
}

fn ended(offer: &Offer, event: Event, reason: Reason) -> [Record; 1] {
    [Record::Ended(Ended { payment: offer.terms.payment, event, reason })]
}

#[test]
fn a_customer_calls_a_payment_off() {
    let world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    world.opened(&offer);
    let other = world.traceless(|world| world.cancel_by_customer(&offer, &person(2)));
    assert_eq!(other, Err(Reason::PaymentUnknown));
    let (answer, records) = world.recorded(|world| world.cancel_by_customer(&offer, &person(1)));
    let reason = Reason::CancelledByCustomer;
    assert_eq!(records, ended(&offer, Event::Cancel, reason));
    check(&answer.unwrap(), PaymentState::Cancelled, reason, Freshness::First);
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    let repeat = world.traceless(|world| world.cancel_by_customer(&offer, &person(1)));
    check(&repeat.unwrap(), PaymentState::Cancelled, reason, Freshness::Repeat);
    // A terminal's cancel finds it cancelled, and by whom.
    let terminals = world.traceless(|world| world.cancel_by_terminal(&offer, TILL));
    check(&terminals.unwrap(), PaymentState::Cancelled, reason, Freshness::Repeat);
    let late = world.traceless(|world| world.ask(&offer, &person(1), 1));
    assert_eq!(late, None, "nothing is asked any more");
    world.assert_sound();
}

#[test]
fn a_terminal_calls_a_payment_off() {
    let world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    world.opened(&offer);
    let other = world.traceless(|world| world.cancel_by_terminal(&offer, OTHER_TILL));
    assert_eq!(other, Err(Reason::PaymentUnknown));
    let (answer, records) = world.recorded(|world| world.cancel_by_terminal(&offer, TILL));
    let reason = Reason::CancelledByTerminal;
    assert_eq!(records, ended(&offer, Event::Cancel, reason));
    check(&answer.unwrap(), PaymentState::Cancelled, reason, Freshness::First);
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    world.assert_sound();
}

#[test]
fn a_cancel_after_the_approval_says_so() {
    let world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    world.pay(&offer, &person(1));
    let (state, reason) = (PaymentState::Captured, Reason::Approved);
    let terminals = world.traceless(|world| world.cancel_by_terminal(&offer, TILL)).unwrap();
    check(&terminals, state, reason, Freshness::Repeat);
    let customers = world.traceless(|world| world.cancel_by_customer(&offer, &person(1))).unwrap();
    check(&customers, state, reason, Freshness::Repeat);
}

#[test]
fn a_cancel_or_reversal_may_overtake_its_own_open() {
    type Command = fn(&World, &Offer) -> Result<Opening, Reason>;
    let commands: [Command; 2] = [
        |world, offer| world.cancel_by_terminal(offer, TILL),
        |world, offer| world.reverse(offer, TILL),
    ];
    for command in commands {
        let world = World::new();
        let offer = offer(1, TILL, &person(1), 500);
        let (answer, records) = world.recorded(|world| command(world, &offer));
        let (payment, terminal) = (offer.terms.payment, terminal(TILL));
        assert_eq!(records, [Record::Overtaken(Overtaken { payment, terminal })]);
        let (state, reason) = (PaymentState::Cancelled, Reason::CancelledByTerminal);
        check(&answer.unwrap(), state, reason, Freshness::First);
        let again = world.traceless(|world| command(world, &offer)).unwrap();
        check(&again, state, reason, Freshness::Repeat);
        let open = world.traceless(|world| world.open(&offer)).unwrap();
        check(&open, state, reason, Freshness::Repeat);
        assert_eq!(open.view.terms, None);
        assert_eq!(
            world.traceless(|world| world.approve(&offer, &person(1))).unwrap_err(),
            Reason::ProofRefused
        );
        world.assert_sound();
    }
}

#[test]
fn nobody_overtakes_for_another_terminal() {
    let mut world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    world.cancel_by_terminal(&offer, OTHER_TILL).unwrap();
    assert_eq!(world.traceless(|world| world.open(&offer)), Err(Reason::PaymentIdReused));
    let others = world.traceless(|world| world.cancel_by_terminal(&offer, TILL));
    assert_eq!(others, Err(Reason::PaymentUnknown));

    let next = crate::kit::offer(2, TILL, &person(1), 500);
    let unregistered = world.traceless(|world| world.cancel_by_terminal(&next, "T9"));
    assert_eq!(unregistered, Err(Reason::TerminalUnknown));
    world.now_ms = NOON_MS - 30_001;
    let early = world.traceless(|world| world.cancel_by_terminal(&next, TILL));
    assert_eq!(early, Err(Reason::PaymentIdFromFuture));
    let early = world.traceless(|world| world.reverse(&next, TILL));
    assert_eq!(early, Err(Reason::PaymentIdFromFuture));
}

#[test]
fn an_expiry_says_whether_the_customer_was_asked() {
    for (asked, reason) in [(0, Reason::ExpiredUnseen), (1, Reason::ExpiredUnanswered)] {
        let mut world = World::new();
        let offer = offer(1, TILL, &person(1), 500);
        world.opened(&offer);
        for n in 0..asked {
            world.ask(&offer, &person(1), n).unwrap();
        }
        world.now_ms = NOON_MS + PROMPT_MS - 1;
        assert_eq!(world.traceless(World::expire), []);
        world.now_ms += 1;
        let (views, records) = world.recorded(World::expire);
        assert_eq!(records, ended(&offer, Event::Expire, reason));
        assert_eq!(views.len(), 1);
        assert_eq!((views[0].state, views[0].reason), (PaymentState::Expired, Some(reason)));
        assert_eq!(world.money(&person(1)), (BALANCE, 0));
        assert_eq!(world.traceless(World::expire), []);
        world.assert_sound();
    }
}

#[test]
fn nothing_expires_without_a_place_in_the_journal() {
    let mut world = World::new();
    world.opened(&offer(1, TILL, &person(1), 500));
    world.now_ms += PROMPT_MS;
    let full = || None::<crate::kit::RecorderSlot>;
    let expired = world.traceless(|world| {
        world.engine.units().find_map(|unit| world.engine.expire_due(unit, world.now_ms, full))
    });
    assert_eq!(expired, None);
    assert_eq!(world.expire().len(), 1);
}

#[test]
fn delivery_captures() {
    let world = World::new();
    let offer = vended(1, &person(1), 150);
    world.opened(&offer);
    let early = world.traceless(|world| world.deliver(&offer, MACHINE));
    assert_eq!(early, Err(Reason::StateForbids));
    world.approve(&offer, &person(1)).unwrap();
    let other = world.traceless(|world| world.deliver(&offer, TILL));
    assert_eq!(other, Err(Reason::PaymentUnknown));
    let (answer, records) = world.recorded(|world| world.deliver(&offer, MACHINE));
    let (amount, price) = (yen(150), yen(150));
    let captured = Captured { payment: offer.terms.payment, amount, price };
    assert_eq!(records, [Record::Captured(captured)]);
    check(&answer.unwrap(), PaymentState::Captured, Reason::Approved, Freshness::First);
    assert_eq!(world.money(&person(1)), (BALANCE - 150, 0));
    let repeat = world.traceless(|world| world.deliver(&offer, MACHINE)).unwrap();
    check(&repeat, PaymentState::Captured, Reason::Approved, Freshness::Repeat);
    world.assert_sound();
}

#[test]
fn what_is_not_delivered_in_time_is_reversed() {
    let mut world = World::new();
    let offer = vended(1, &person(1), 150);
    world.pay(&offer, &person(1));
    world.now_ms = NOON_MS + 120_000 - 1;
    assert_eq!(world.traceless(World::expire), []);
    world.now_ms += 1;
    let (views, records) = world.recorded(World::expire);
    let (payment, reason) = (offer.terms.payment, Reason::NotDispensed);
    assert_eq!(records, [Record::Reversed(Reversed { payment, reason })]);
    assert_eq!((views[0].state, views[0].reason), (PaymentState::Reversed, Some(reason)));
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    let late = world.traceless(|world| world.deliver(&offer, MACHINE));
    assert_eq!(late, Err(Reason::StateForbids));
    world.assert_sound();
}

/// The customer has the goods, and nobody has taken the payment back yet.
#[test]
fn a_late_report_before_the_reversal_counts() {
    let mut world = World::new();
    let offer = vended(1, &person(1), 150);
    world.pay(&offer, &person(1));
    world.now_ms = NOON_MS + 120_000;
    world.deliver(&offer, MACHINE).unwrap();
    assert_eq!(world.traceless(World::expire), []);
    assert_eq!(world.money(&person(1)), (BALANCE - 150, 0));
}

#[test]
fn a_terminal_takes_its_payment_back_on_the_same_day() {
    let mut world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    world.pay(&offer, &person(1));
    let other = world.traceless(|world| world.reverse(&offer, OTHER_TILL));
    assert_eq!(other, Err(Reason::PaymentUnknown));
    world.now_ms = LOCAL_MIDNIGHT_MS - 1;
    let (answer, records) = world.recorded(|world| world.reverse(&offer, TILL));
    let (payment, reason) = (offer.terms.payment, Reason::ReversedOnRequest);
    assert_eq!(records, [Record::Reversed(Reversed { payment, reason })]);
    check(&answer.unwrap(), PaymentState::Reversed, reason, Freshness::First);
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    assert!(world.engine.books().unwrap().merchants.values().all(|owed| owed.is_zero()));
    let repeat = world.traceless(|world| world.reverse(&offer, TILL)).unwrap();
    check(&repeat, PaymentState::Reversed, reason, Freshness::Repeat);
    world.assert_sound();
}

#[test]
fn after_the_cut_off_a_captured_payment_stands() {
    let mut world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    world.pay(&offer, &person(1));
    world.now_ms = LOCAL_MIDNIGHT_MS;
    assert_eq!(world.traceless(|world| world.reverse(&offer, TILL)), Err(Reason::StateForbids));
    assert_eq!(world.money(&person(1)), (BALANCE - 500, 0));
}

#[test]
fn an_authorised_or_pending_payment_can_be_taken_back_after_the_cut_off() {
    let mut world = World::new();
    world.now_ms = LOCAL_MIDNIGHT_MS - 1;
    let authorised = vended(1, &person(1), 150);
    let mut pending = offer(2, TILL, &person(2), 150);
    pending.expires_at_ms = LOCAL_MIDNIGHT_MS + 1_000;
    world.opened(&pending);
    let mut later = authorised.clone();
    later.expires_at_ms = LOCAL_MIDNIGHT_MS + 1_000;
    world.pay(&later, &person(1));
    world.now_ms = LOCAL_MIDNIGHT_MS;
    let answer = world.reverse(&later, MACHINE).unwrap();
    check(&answer, PaymentState::Reversed, Reason::ReversedOnRequest, Freshness::First);
    let answer = world.reverse(&pending, TILL).unwrap();
    check(&answer, PaymentState::Cancelled, Reason::CancelledByTerminal, Freshness::First);
    assert_eq!((world.money(&person(1)), world.money(&person(2))), ((BALANCE, 0), (BALANCE, 0)));
    world.assert_sound();
}

/// A balance that was raised to the brim cannot take the payment back; nothing may break by it.
#[test]
fn a_reversal_into_a_full_balance_is_refused() {
    let world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    world.pay(&offer, &person(1));
    let most = kessai_engine::terms::limits::MAX_AMOUNT_MINOR;
    let brim = yen(most - (BALANCE - 500));
    let credited = Credited { customer: person(1).customer, amount: brim, reference: pay_in() };
    world.engine.credit(credited, NOON_MS, world.slot()).unwrap();
    assert_eq!(world.traceless(|world| world.reverse(&offer, TILL)), Err(Reason::AmountOverflow));
    world.assert_sound();
}

#[test]
fn a_status_is_for_the_own_terminal_only() {
    let world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    assert_eq!(world.traceless(|world| world.status(&offer, TILL)), Err(Reason::PaymentUnknown));
    let view = world.opened(&offer);
    assert_eq!(world.traceless(|world| world.status(&offer, TILL)), Ok(view));
    let other = world.traceless(|world| world.status(&offer, OTHER_TILL));
    assert_eq!(other, Err(Reason::PaymentUnknown));
    let unknown = crate::kit::offer(7, TILL, &person(1), 500);
    let delivered = world.traceless(|world| world.deliver(&unknown, TILL));
    assert_eq!(delivered, Err(Reason::PaymentUnknown));
}
