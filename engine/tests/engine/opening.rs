//! Opening: holds, declines, repeats, refusals, limits.

use kessai_engine::terms::money::Currency;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Capture, Declined, Disclosure, Freshness, Offer, Opened, PaymentState, Record, Rules,
};

use crate::kit::{
    BALANCE, HARBOUR_TILL, MACHINE, NOON_MS, OTHER_TILL, PROMPT_MS, Person, TILL, World, abroad,
    nonce, offer, patient, payment_id, person, terminal, vended,
};

#[test]
fn an_open_holds_its_price() {
    let world = World::new();
    let offer = offer(1, TILL, &person(1), 1_200);
    let (answer, records) = world.recorded(|world| world.open(&offer));
    let Offer { terms, customer, received_at_ms, expires_at_ms, confirmation, .. } = offer.clone();
    let displaced = Vec::new();
    let opened = Opened { terms, customer, received_at_ms, expires_at_ms, displaced, confirmation };
    assert_eq!(records, [Record::Opened(Box::new(opened))]);
    let answer = answer.unwrap();
    assert_eq!(answer.freshness, Freshness::First);
    let view = answer.view;
    assert_eq!((view.state, view.reason), (PaymentState::Pending, None));
    assert_eq!(view.terms, Some(offer.terms));
    assert_eq!(view.customer, Some(person(1).customer));
    assert_eq!((view.opened_at_ms, view.deadline_ms), (NOON_MS, NOON_MS + PROMPT_MS));
    assert_eq!((view.approval, view.reference, view.notice), (None, None, 0));
    assert_eq!(view.after.0, world.recorder.count() as u64);
    assert_eq!(world.money(&person(1)), (BALANCE, 1_200));
    world.assert_sound();
}

#[track_caller]
fn check_decline(world: &World, offer: &Offer, expected: Reason) {
    let places = world.engine.open_payments();
    let (answer, records) = world.recorded(|world| world.open(offer));
    let declined = Declined { terms: offer.terms, customer: offer.customer, reason: expected };
    assert_eq!(records, [Record::Declined(Box::new(declined))]);
    let answer = answer.unwrap();
    assert_eq!(answer.freshness, Freshness::First);
    assert_eq!((answer.view.state, answer.view.reason), (PaymentState::Declined, Some(expected)));
    assert_eq!(
        answer.view.reason_for_terminal(Disclosure::Nothing),
        Some(Reason::NotHonoured),
        "rule 5"
    );
    assert_eq!(world.engine.open_payments(), places, "its place is given back");
    let repeat = world.traceless(|world| world.open(offer)).unwrap();
    assert_eq!((repeat.view, repeat.freshness), (answer.view, Freshness::Repeat));
}

/// One customer on whom every reason to decline applies; each is taken away in turn.
#[test]
fn declines_come_in_order_of_precedence() {
    let rules = Rules { tries_in_row: 1, ..Rules::default() };
    let world = World::with(rules);
    let payer = person(9);
    let dear = |serial| {
        let mut offer = offer(serial, TILL, &payer, BALANCE + 1);
        offer.terms.charge.currency = Currency::USD;
        offer
    };
    let in_yen = |serial| offer(serial, TILL, &payer, BALANCE + 1);
    check_decline(&world, &dear(1), Reason::CustomerUnknown);

    world.enter_customer(&payer, BALANCE);
    world.enrol(&payer);
    // Two payments wait; a wrong proof for the first blocks the customer, the second waits on.
    let waiting = offer(3, OTHER_TILL, &payer, 10);
    let wrong = offer(2, OTHER_TILL, &payer, 10);
    world.opened(&wrong);
    world.ask(&wrong, &payer, 1);
    world.collate(&payer.mistyped(&wrong, nonce(1)), 2).unwrap();
    check_decline(&world, &dear(4), Reason::CurrencyNotAccepted);
    world.engine.revoke_device(payer.customer, payer.device, NOON_MS, world.slot()).unwrap();
    check_decline(&world, &in_yen(5), Reason::TriesExhausted);
    world.engine.unblock(payer.customer, NOON_MS, world.slot()).unwrap();
    check_decline(&world, &in_yen(6), Reason::NoDevice);
    world.enrol(&payer);
    world.opened(&waiting);
    check_decline(&world, &in_yen(7), Reason::PromptOpen);
    world.cancel_by_customer(&waiting, &payer).unwrap();
    check_decline(&world, &in_yen(8), Reason::InsufficientFunds);
    world.opened(&offer(9, TILL, &payer, BALANCE));
    world.assert_sound();
}

#[test]
fn what_is_held_cannot_be_spent_again() {
    let rules = Rules { open_per_customer: 2, ..Rules::default() };
    let world = World::with(rules);
    world.opened(&offer(1, TILL, &person(1), 6_000));
    check_decline(&world, &offer(2, TILL, &person(1), 4_001), Reason::InsufficientFunds);
    world.opened(&offer(3, TILL, &person(1), 4_000));
    assert_eq!(world.money(&person(1)), (BALANCE, BALANCE));
}

#[test]
fn repeats_are_answered_alike_at_every_state() {
    let mut world = World::new();
    let purchase = vended(1, &person(1), 500);
    let first = world.open(&purchase).unwrap().view;
    let check = |world: &World, state| {
        let repeat = world.traceless(|world| world.open(&purchase)).unwrap();
        assert_eq!((repeat.view.state, repeat.freshness), (state, Freshness::Repeat));
        assert_eq!(repeat.view, world.status(&purchase, MACHINE).unwrap());
    };
    assert_eq!(world.status(&purchase, MACHINE), Ok(first));
    check(&world, PaymentState::Pending);
    world.approve(&purchase, &person(1)).unwrap();
    check(&world, PaymentState::Authorised);
    world.now_ms += 86_400_000;
    world.expire();
    check(&world, PaymentState::Reversed);
}

#[test]
fn other_content_under_a_used_id_is_refused() {
    let world = World::new();
    let first = offer(1, TILL, &person(1), 500);
    world.opened(&first);
    let mut others = vec![
        offer(1, TILL, &person(1), 501),
        offer(1, TILL, &person(2), 500),
        offer(1, OTHER_TILL, &person(1), 500),
        offer(1, TILL, &person(250), 500),
    ];
    // The same request in the mouth of another terminal.
    others.push(first.clone());
    others[4].terms.terminal = terminal(OTHER_TILL);
    for other in others {
        assert_eq!(world.traceless(|world| world.open(&other)), Err(Reason::PaymentIdReused));
    }
    world.cancel_by_terminal(&first, TILL).unwrap();
    let other = offer(1, TILL, &person(1), 501);
    assert_eq!(world.traceless(|world| world.open(&other)), Err(Reason::PaymentIdReused));
}

#[test]
fn refusals_come_in_order_of_precedence_and_leave_no_trace() {
    let rules = Rules { open_in_all: 2, open_per_terminal: 1, ..Rules::default() };
    let mut world = World::with(rules);
    world.now_ms = NOON_MS - 30_001;
    let early = offer(5, TILL, &person(3), 10);
    let refused =
        |world: &World, offer: &Offer| world.traceless(|world| world.open(offer)).unwrap_err();
    let mut unregistered = offer(5, TILL, &person(3), 10);
    unregistered.terms.terminal = terminal("T9");
    assert_eq!(refused(&world, &early), Reason::PaymentIdFromFuture);
    assert_eq!(refused(&world, &unregistered), Reason::TerminalUnknown);
    world.now_ms = NOON_MS - 30_000;
    world.opened(&offer(1, TILL, &person(1), 10));
    world.now_ms -= 1;
    assert_eq!(refused(&world, &early), Reason::TooManyPending);
    world.now_ms += 1;
    world.opened(&offer(2, OTHER_TILL, &person(2), 10));
    world.now_ms -= 1;
    assert_eq!(refused(&world, &early), Reason::Busy);
    assert_eq!(refused(&world, &unregistered), Reason::TerminalUnknown);
    assert_eq!(world.status(&early, TILL), Err(Reason::PaymentUnknown));
    // A refused id is not used up.
    world.now_ms = NOON_MS;
    world.cancel_by_terminal(&offer(1, TILL, &person(1), 10), TILL).unwrap();
    world.opened(&early);
    world.assert_sound();
}

#[test]
fn memory_is_bounded_against_opens_and_cancels_of_new_ids() {
    let world = World::with(Rules { payments_in_memory: 2, ..Rules::default() });
    world.opened(&offer(1, TILL, &person(1), 10));
    let overtaken = offer(2, TILL, &person(2), 10);
    world.cancel_by_terminal(&overtaken, TILL).unwrap();
    let another = offer(3, TILL, &person(3), 10);
    assert_eq!(world.traceless(|world| world.open(&another)), Err(Reason::Busy));
    let cancel = world.traceless(|world| world.cancel_by_terminal(&another, TILL));
    assert_eq!(cancel, Err(Reason::Busy));
    assert_eq!(world.traceless(|world| world.reverse(&another, TILL)), Err(Reason::Busy));
    assert_eq!(world.open(&overtaken).unwrap().freshness, Freshness::Repeat);
}

/// Every way for a payment to end gives its counted places back.
#[test]
fn places_are_given_back_at_every_end() {
    let rules = Rules { open_in_all: 1, open_per_terminal: 1, tries_per_payment: 1, ..patient() };
    let mut world = World::with(rules);
    type End = fn(&World, &Offer, &Person) -> Result<(), Reason>;
    let ends: [End; 6] = [
        |world, offer, payer| world.approve(offer, payer).map(drop),
        |world, offer, payer| world.cancel_by_customer(offer, payer).map(drop),
        |world, offer, _| world.cancel_by_terminal(offer, TILL).map(drop),
        |world, offer, _| world.reverse(offer, TILL).map(drop),
        |world, offer, payer| {
            world.ask(offer, payer, 1);
            world.collate(&payer.mistyped(offer, nonce(1)), 2).map(drop)
        },
        |world, _, _| {
            assert_eq!(world.expire().len(), 1);
            Ok(())
        },
    ];
    for (serial, end) in (1..).zip(ends) {
        let mut purchase = offer(serial, TILL, &person(1), 10);
        purchase.expires_at_ms = world.now_ms + 5;
        world.opened(&purchase);
        assert_eq!(world.engine.open_payments(), 1);
        let next = offer(100, OTHER_TILL, &person(2), 10);
        assert_eq!(world.traceless(|world| world.open(&next)), Err(Reason::Busy));
        if serial == 6 {
            world.now_ms += 5;
        }
        end(&world, &purchase, &person(1)).unwrap();
        assert_eq!(world.engine.open_payments(), 0, "end {serial}");
        world.assert_sound();
    }
}

#[test]
fn a_foreign_price_moves_both_currencies() {
    let world = World::new();
    let purchase = abroad(1, &person(1), 1_000);
    world.pay(&purchase, &person(1));
    assert_eq!(world.money(&person(1)), (BALANCE - 1_500, 0));
    let books = world.engine.books().unwrap();
    let sums = |currency| {
        let books = &books.currencies[&currency];
        (books.tallies.minor(), books.exchange.minor(), books.funded.minor())
    };
    assert_eq!(sums(Currency::JPY), (0, 1_500, 3 * i128::from(BALANCE)));
    assert_eq!(sums(Currency::USD), (1_000, -1_000, 0));
    assert_eq!(books.merchants[&("M2".parse().unwrap(), Currency::USD)].minor(), 1_000);
    world.assert_sound();
    world.reverse(&purchase, HARBOUR_TILL).unwrap();
    let books = world.engine.books().unwrap();
    assert!(books.currencies.values().all(|sums| sums.tallies.is_zero()));
    assert!(books.currencies.values().all(|sums| sums.exchange.is_zero()));
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    world.assert_sound();
}

#[test]
fn numbers_for_receipts_and_banks_are_not_given_twice() {
    let world = World::with(patient());
    let mut references = std::collections::BTreeSet::new();
    for serial in 0..60 {
        let payer = person(1 + u8::try_from(serial % 3).unwrap());
        let view = world.pay(&offer(serial, TILL, &payer, 1), &payer);
        assert!(references.insert(view.reference.unwrap()), "payment {serial}");
        assert!(view.approval.is_some());
        assert_eq!(view.payment, payment_id(serial));
    }
}

#[test]
fn capture_says_when_a_payment_is_captured() {
    let world = World::new();
    let till = world.pay(&offer(1, TILL, &person(1), 10), &person(1));
    let machine = world.pay(&vended(2, &person(2), 10), &person(2));
    assert_eq!(till.terms.unwrap().capture, Capture::AtApproval);
    assert_eq!((till.state, machine.state), (PaymentState::Captured, PaymentState::Authorised));
}
