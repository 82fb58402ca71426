//! Refunds: how much, by whom, how often.

use kessai_engine::terms::money::Currency;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    BusinessDate, CustomerPolicy, Freshness, PaymentState, Record, Refunded, Rules, Standing,
    Turnover,
};

use crate::kit::{
    BALANCE, HARBOUR_TILL, MACHINE, NOON_MS, OTHER_TILL, TILL, World, abroad, offer, payment_id,
    person, replayed, terminal, vended, yen,
};

const TODAY: BusinessDate = BusinessDate(20_779);
const DAY_MS: u64 = 86_400_000;

/// A world in which person 1 has paid 500 yen at the till.
fn paid() -> (World, kessai_engine::Offer) {
    let world = World::new();
    let offer = offer(1, TILL, &person(1), 500);
    world.pay(&offer, &person(1));
    (world, offer)
}

#[test]
fn a_refund_gives_a_part_back_and_another_the_rest() {
    let (mut world, offer) = paid();
    world.now_ms += 7;
    let (answer, records) = world.recorded(|world| world.refund(2, &offer, OTHER_TILL, 200));
    let answer = answer.unwrap();
    let refunded = Refunded {
        payment: offer.terms.payment,
        refund: payment_id(2),
        terminal: terminal(OTHER_TILL),
        amount: yen(200),
        price: yen(200),
        reference: answer.refund.reference,
    };
    assert_eq!(records, [Record::Refunded(Box::new(refunded))]);
    assert_eq!(answer.freshness, Freshness::First);
    let view = &answer.view;
    assert_eq!((view.state, view.reason), (PaymentState::Refunded, Some(Reason::Approved)));
    assert_eq!((view.captured, view.refunded, view.refunds), (yen(500), yen(200), 1));
    assert_eq!((view.captured_price, view.refunded_price), (yen(500), yen(200)));
    assert_eq!(view.notice, 2, "the customer is told");
    assert_ne!(Some(answer.refund.reference), view.reference, "a number of its own");
    assert_eq!(view.after.0, world.recorder.count() as u64);
    let made = (answer.refund.refunded_at_ms, answer.refund.business_date);
    assert_eq!(made, (NOON_MS + 7, TODAY));
    assert_eq!(world.money(&person(1)), (BALANCE - 300, 0));
    world.assert_sound();

    world.refund(3, &offer, TILL, 300).unwrap();
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    let refunds = world.engine.refunds_of(&offer.terms.payment);
    let listed: Vec<_> = refunds.iter().map(|refund| (refund.refund, refund.amount)).collect();
    assert_eq!(listed, [(payment_id(2), yen(200)), (payment_id(3), yen(300))]);
    let over = world.traceless(|world| world.refund(4, &offer, TILL, 1)).unwrap_err();
    assert_eq!(over, Reason::AmountAboveCapture);
    assert!(world.engine.books().unwrap().merchants.values().all(|owed| owed.is_zero()));
    world.assert_sound();
}

#[test]
fn a_repeated_refund_is_answered_alike() {
    let (world, offer) = paid();
    let first = world.refund(2, &offer, TILL, 200).unwrap();
    let repeat = world.traceless(|world| world.refund(2, &offer, TILL, 200)).unwrap();
    assert_eq!((repeat.refund, repeat.freshness), (first.refund, Freshness::Repeat));
    assert_eq!(repeat.view, first.view);
    world.refund(3, &offer, TILL, 300).unwrap();
    let repeat = world.traceless(|world| world.refund(2, &offer, TILL, 200)).unwrap();
    assert_eq!(repeat.refund, first.refund);
    assert_eq!(repeat.view.refunded, yen(500), "the payment as it stands now");
    let again = replayed(&world.recorder.entries(), Rules::default());
    assert_eq!(again.refunds_of(&offer.terms.payment)[0], first.refund);
    let world = World { engine: again.into(), ..world };
    let repeat = world.traceless(|world| world.refund(2, &offer, TILL, 200)).unwrap();
    assert_eq!((repeat.refund, repeat.freshness), (first.refund, Freshness::Repeat));
}

/// Payments and refunds share their ids.
#[test]
fn an_id_is_good_for_one_payment_or_one_refund() {
    let (world, offer) = paid();
    let other = crate::kit::offer(5, TILL, &person(1), 100);
    world.pay(&other, &person(1));
    world.refund(2, &offer, TILL, 200).unwrap();
    let reused = Err(Reason::PaymentIdReused);
    assert_eq!(
        world.traceless(|world| world.refund(2, &offer, TILL, 201)),
        reused,
        "another price"
    );
    assert_eq!(world.traceless(|world| world.refund(2, &offer, OTHER_TILL, 200)), reused);
    assert_eq!(world.traceless(|world| world.refund(2, &other, TILL, 200)), reused);
    assert_eq!(world.traceless(|world| world.refund(5, &offer, TILL, 200)), reused, "a payment's");
    assert_eq!(world.traceless(|world| world.refund(1, &offer, TILL, 200)), reused, "its own");
    let purchase = crate::kit::offer(2, TILL, &person(2), 10);
    let reused = Reason::PaymentIdReused;
    assert_eq!(world.traceless(|world| world.open(&purchase)).unwrap_err(), reused);
    let known = world.engine.known(&payment_id(2), &terminal(TILL), &purchase.terms.request);
    assert_eq!(known, Some(Err(reused)));
    let unknown = Reason::PaymentUnknown;
    let cancelled = world.traceless(|world| world.cancel_by_terminal(&purchase, TILL));
    assert_eq!(cancelled.unwrap_err(), unknown);
    assert_eq!(world.traceless(|world| world.reverse(&purchase, TILL)).unwrap_err(), unknown);
    assert_eq!(world.traceless(|world| world.status(&purchase, TILL)).unwrap_err(), unknown);
    assert_eq!(world.engine.payment(&payment_id(2)), None);
    world.assert_sound();
}

#[test]
fn a_refused_refund_leaves_its_id_free() {
    let (world, offer) = paid();
    let refused = world.traceless(|world| world.refund(2, &offer, TILL, 501)).unwrap_err();
    assert_eq!(refused, Reason::AmountAboveCapture);
    let none = world.traceless(|world| world.refund(2, &offer, TILL, 0)).unwrap_err();
    assert_eq!(none, Reason::AmountInvalid);
    world.opened(&crate::kit::offer(2, TILL, &person(2), 10));
    assert_eq!(world.refund(3, &offer, TILL, 500).unwrap().freshness, Freshness::First);
    world.assert_sound();
}

/// Refunds are kept in memory like payments, within the same bound.
#[test]
fn memory_is_bounded_against_refunds() {
    let world = World::with(Rules { payments_in_memory: 2, ..Rules::default() });
    let offer = offer(1, TILL, &person(1), 500);
    world.pay(&offer, &person(1));
    let refused = world.traceless(|world| world.refund(2, &offer, TILL, 501)).unwrap_err();
    assert_eq!(refused, Reason::AmountAboveCapture, "takes no room");
    world.refund(2, &offer, TILL, 1).unwrap();
    let full = world.traceless(|world| world.refund(3, &offer, TILL, 1)).unwrap_err();
    assert_eq!(full, Reason::Busy);
    assert_eq!(world.refund(2, &offer, TILL, 1).unwrap().freshness, Freshness::Repeat);
}

#[test]
fn only_what_was_captured_can_be_given_back() {
    let world = World::new();
    let forbidden = |world: &World, offer| {
        world.traceless(|world| world.refund(90, offer, TILL, 1)).unwrap_err()
    };
    let drink = vended(1, &person(1), 150);
    world.opened(&drink);
    assert_eq!(forbidden(&world, &drink), Reason::StateForbids, "pending");
    world.approve(&drink, &person(1)).unwrap();
    assert_eq!(forbidden(&world, &drink), Reason::StateForbids, "authorised");
    world.reverse(&drink, MACHINE).unwrap();
    assert_eq!(forbidden(&world, &drink), Reason::StateForbids, "reversed");
    let overtaken = offer(3, TILL, &person(1), 10);
    world.cancel_by_terminal(&overtaken, TILL).unwrap();
    assert_eq!(forbidden(&world, &overtaken), Reason::PaymentUnknown, "nobody was to be paid");
    let nowhere = offer(4, TILL, &person(1), 10);
    assert_eq!(forbidden(&world, &nowhere), Reason::PaymentUnknown);
    world.assert_sound();
}

#[test]
fn only_the_merchants_own_terminals_give_back() {
    let (mut world, offer) = paid();
    let others = world.traceless(|world| world.refund(2, &offer, HARBOUR_TILL, 1)).unwrap_err();
    assert_eq!(others, Reason::PaymentUnknown);
    let unregistered = world.traceless(|world| world.refund(2, &offer, "T9", 1)).unwrap_err();
    assert_eq!(unregistered, Reason::TerminalUnknown);
    world.now_ms = NOON_MS - 30_001;
    let early = world.traceless(|world| world.refund(2, &offer, TILL, 1)).unwrap_err();
    assert_eq!(early, Reason::PaymentIdFromFuture);
    world.now_ms = NOON_MS;
    world.refund(2, &offer, MACHINE, 1).unwrap();
}

/// A frozen terminal may be stolen; a frozen customer and a suspended store are owed their money.
#[test]
fn the_frozen_get_money_back_but_give_none() {
    let (world, offer) = paid();
    world.change_terminal(TILL, |till| till.standing = Standing::Frozen);
    let frozen = world.traceless(|world| world.refund(2, &offer, TILL, 1)).unwrap_err();
    assert_eq!(frozen, Reason::TerminalFrozen);
    let policy = CustomerPolicy { standing: Standing::Frozen, ..CustomerPolicy::default() };
    world.set_policy(&person(1), policy);
    world.refund(2, &offer, OTHER_TILL, 100).unwrap();
    let store = world.engine.register().store(&"S1".parse().unwrap()).unwrap().clone();
    let suspended = kessai_engine::Store { standing: Standing::Frozen, ..store };
    world.enter(vec![kessai_engine::RegisterChange::Store(suspended)]).unwrap();
    world.refund(3, &offer, OTHER_TILL, 400).unwrap();
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    world.assert_sound();
}

#[test]
fn a_refund_into_a_full_balance_is_refused() {
    let (world, offer) = paid();
    let most = kessai_engine::terms::limits::MAX_AMOUNT_MINOR;
    world.credit(&person(1), most - (BALANCE - 500) - 99, 1);
    let refused = world.traceless(|world| world.refund(2, &offer, TILL, 100)).unwrap_err();
    assert_eq!(refused, Reason::AmountOverflow);
    world.refund(2, &offer, TILL, 99).unwrap();
    world.assert_sound();
}

/// On any later day, when the merchant may have had the money: then the tally goes below zero.
#[test]
fn a_refund_counts_where_and_when_it_is_made() {
    let (mut world, offer) = paid();
    world.now_ms += 3 * DAY_MS;
    world.refund(2, &offer, OTHER_TILL, 120).unwrap();
    world.refund(3, &offer, OTHER_TILL, 30).unwrap();
    let late = BusinessDate(TODAY.0 + 3);
    let totals = |till, on| world.engine.terminal_totals(&terminal(till), on).unwrap();
    let (captures, captured) = (1, yen(500).into());
    let sold = Turnover { captures, captured, ..Turnover::default() };
    assert_eq!(totals(TILL, TODAY)[&Currency::JPY], sold);
    let back = Turnover { refunds: 2, refunded: yen(150).into(), ..Turnover::default() };
    assert_eq!(totals(OTHER_TILL, late)[&Currency::JPY], back);
    assert!(totals(TILL, late).is_empty() && totals(OTHER_TILL, TODAY).is_empty());
    let reversed = world.traceless(|world| world.reverse(&offer, TILL)).unwrap_err();
    assert_eq!(reversed, Reason::StateForbids, "what was refunded is not reversed as well");
    world.assert_sound();
}

/// 10.01 dollars at 150 are 1,501.5, so 1,502 yen; three refunds give back exactly these.
#[test]
fn a_foreign_price_is_given_back_exactly() {
    let world = World::new();
    let purchase = abroad(1, &person(1), 1_001);
    world.pay(&purchase, &person(1));
    assert_eq!(world.money(&person(1)), (BALANCE - 1_502, 0));
    let back = |serial, cents| {
        let refund = world.refund(serial, &purchase, HARBOUR_TILL, cents).unwrap().refund;
        assert_eq!(refund.price, yen(cents));
        refund.amount.minor()
    };
    // 1,502 x 333 / 1,001 = 499.67; 1,502 x 334 / 1,001 = 501.17; 1,502.
    assert_eq!([back(2, 333), back(3, 1), back(4, 667)], [500, 1, 1_001]);
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
    let view = world.engine.payment(&purchase.terms.payment).unwrap();
    assert_eq!((view.captured, view.refunded), (yen(1_502), yen(1_502)));
    assert_eq!((view.captured_price, view.refunded_price), (yen(1_001), yen(1_001)));
    let books = world.engine.books().unwrap();
    assert!(books.currencies.values().all(|sums| sums.exchange.is_zero()));
    assert!(books.merchants.values().all(|owed| owed.is_zero()));
    let totals = world.engine.terminal_totals(&terminal(HARBOUR_TILL), TODAY).unwrap();
    assert_eq!(totals[&Currency::USD].refunded, yen(1_001).into());
    world.assert_sound();
}
