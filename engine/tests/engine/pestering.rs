//! Budgets: how often a customer is asked, and a terminal declined; what a rogue terminal learns.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{Disclosure, Offer, PaymentState, Rules};

use crate::kit::{
    BALANCE, NOON_MS, OTHER_TILL, Person, TILL, World, nonce, offer, patient, person, replayed,
    with_code,
};

const MINUTE_MS: u64 = 60_000;
const TEN_MINUTES_MS: u64 = 600_000;

/// Opens, long enough for any test, and says with what it was declined, if it was.
fn opens(world: &World, offer: &Offer) -> Option<Reason> {
    let expires_at_ms = world.now_ms + 10 * TEN_MINUTES_MS;
    world.open(&Offer { expires_at_ms, ..offer.clone() }).unwrap().view.reason
}

fn cheap(serial: u16) -> Offer {
    offer(serial, TILL, &person(1), 1)
}

#[test]
fn a_customer_is_asked_so_often_in_a_minute() {
    let rules = Rules { asks_per_minute: 3, ..patient() };
    let mut world = World::with(rules);
    world.pay(&cheap(1), &person(1));
    // A declined open counts as well.
    let dear = offer(2, TILL, &person(1), BALANCE + 1);
    assert_eq!(opens(&world, &dear), Some(Reason::InsufficientFunds));
    world.now_ms += MINUTE_MS - 1;
    world.pay(&Offer { expires_at_ms: world.now_ms + 9, ..cheap(3) }, &person(1));
    for serial in 4..9 {
        assert_eq!(opens(&world, &cheap(serial)), Some(Reason::Muted));
    }
    let repeat = world.traceless(|world| world.open(&cheap(1))).unwrap();
    assert_eq!(repeat.view.state, PaymentState::Captured, "a repeat asks nobody");
    assert_eq!(opens(&world, &offer(20, TILL, &person(2), 1)), None, "others are not concerned");
    world.assert_sound();
    let again = replayed(&world.recorder.entries(), rules);
    world = World { engine: again.into(), ..world };
    assert_eq!(opens(&world, &cheap(10)), Some(Reason::Muted), "a restart forgets nothing");
    world.now_ms += 1;
    assert_eq!(opens(&world, &cheap(11)), None, "the minute is over");
    world.assert_sound();
}

#[test]
fn a_code_is_never_muted() {
    let world = World::with(Rules { asks_per_minute: 0, ..Rules::default() });
    assert_eq!(opens(&world, &cheap(1)), Some(Reason::Muted));
    for serial in 2..20 {
        world.pay(&with_code(cheap(serial)), &person(1));
    }
    world.assert_sound();
}

#[test]
fn codes_are_not_counted() {
    let world = World::with(Rules { asks_per_minute: 1, mute_after: 1, ..Rules::default() });
    let by_code = with_code(cheap(1));
    world.opened(&by_code);
    world.cancel_by_customer(&by_code, &person(1)).unwrap();
    assert_eq!(opens(&world, &cheap(2)), None);
}

/// What is asked of a customer who cannot pay it is asked in vain, and shows nothing of the balance.
#[test]
fn three_that_were_too_much_mute() {
    let world = World::new();
    for serial in 1..=3 {
        let dear = offer(serial, TILL, &person(1), BALANCE + 1);
        assert_eq!(opens(&world, &dear), Some(Reason::InsufficientFunds));
    }
    assert_eq!(opens(&world, &cheap(4)), Some(Reason::Muted));
    assert_eq!(opens(&world, &with_code(cheap(5))), None, "a code is still good");
    world.assert_sound();
}

/// Whatever the way to an end without approval, the third within ten minutes mutes.
#[test]
fn three_that_nobody_approved_mute() {
    type End = fn(&mut World, &Offer, &Person);
    let ends: [End; 5] = [
        |world, offer, payer| drop(world.cancel_by_customer(offer, payer).unwrap()),
        |world, offer, _| drop(world.cancel_by_terminal(offer, TILL).unwrap()),
        |world, offer, _| drop(world.reverse(offer, TILL).unwrap()),
        |world, offer, payer| {
            world.ask(offer, payer, 1);
            world.collate(&payer.mistyped(offer, nonce(1)), 2).unwrap();
        },
        |world, offer, payer| {
            world.ask(offer, payer, 1);
            world.now_ms += 10 * MINUTE_MS;
            assert_eq!(world.expire().len(), 1);
            world.now_ms -= 10 * MINUTE_MS;
            assert!(offer.expires_at_ms < world.now_ms + 10 * MINUTE_MS);
        },
    ];
    for end in ends {
        let rules = Rules { tries_per_payment: 1, ..Rules::default() };
        let mut world = World::with(rules);
        for serial in 1..=3 {
            let offer = cheap(serial);
            world.opened(&offer);
            end(&mut world, &offer, &person(1));
        }
        assert_eq!(opens(&world, &cheap(4)), Some(Reason::Muted));
        let again = replayed(&world.recorder.entries(), rules);
        world = World { engine: again.into(), ..world };
        assert_eq!(opens(&world, &cheap(5)), Some(Reason::Muted));
        world.engine.unblock(person(1).customer, world.now_ms, world.slot()).unwrap();
        assert_eq!(opens(&world, &cheap(6)), None, "the processor may end it");
        world.assert_sound();
    }
}

#[test]
fn the_mute_ends_when_the_window_has_passed() {
    let mut world = World::new();
    for serial in 1..=3 {
        let offer = Offer { expires_at_ms: world.now_ms + 9, ..cheap(serial) };
        world.opened(&offer);
        world.cancel_by_customer(&offer, &person(1)).unwrap();
        world.now_ms += MINUTE_MS;
    }
    world.now_ms = NOON_MS + TEN_MINUTES_MS - 1;
    for serial in 100..150 {
        assert_eq!(opens(&world, &cheap(serial)), Some(Reason::Muted));
    }
    world.now_ms += 1;
    let again = opens(&world, &cheap(5));
    assert_eq!(again, None, "the first of the three is long ago, and what was muted is no ask");
    world.cancel_by_customer(&cheap(5), &person(1)).unwrap();
    assert_eq!(opens(&world, &cheap(6)), Some(Reason::Muted), "and is not needed for the next");
    world.assert_sound();
}

/// Who is asked for many payments and pays them, or is displaced by a code, is not in anybody's way.
#[test]
fn what_is_approved_or_displaced_does_not_mute() {
    let world = World::with(Rules { asks_per_minute: u32::MAX, ..Rules::default() });
    for serial in 0..20 {
        world.pay(&cheap(serial), &person(1));
    }
    for serial in 20..30 {
        world.opened(&cheap(2 * serial));
        world.pay(&with_code(cheap(2 * serial + 1)), &person(1));
    }
    assert_eq!(opens(&world, &cheap(90)), None);
    world.assert_sound();
}

#[test]
fn a_terminal_is_declined_so_often_in_a_minute() {
    let rules = Rules { declines_per_terminal_per_minute: 3, ..patient() };
    let mut world = World::with(rules);
    let unknown = |serial, till| offer(serial, till, &person(99), 1);
    for serial in 1..=3 {
        world.open(&unknown(serial, TILL)).unwrap();
        world.open(&unknown(serial, TILL)).unwrap();
    }
    let refused = world.traceless(|world| world.open(&cheap(4)));
    assert_eq!(refused, Err(Reason::TooManyRequests), "whoever is to pay");
    let repeat = world.traceless(|world| world.open(&unknown(3, TILL))).unwrap();
    assert_eq!(repeat.view.state, PaymentState::Declined, "what is known is still told");
    world.opened(&offer(5, OTHER_TILL, &person(2), 1));
    world.now_ms += MINUTE_MS;
    assert_eq!(opens(&world, &cheap(4)), None);
    world.assert_sound();
}

/// A rogue terminal opens for more and more exact amounts, and calls off what is not declined. After
/// three answers it gets the same one whatever it asks, so that it ends up with a wrong balance; and
/// whoever goes on gets none.
#[test]
fn bisecting_a_balance_finds_nothing() {
    let world = World::new();
    let (secret, victim) = (7_351, person(9));
    world.enter_customer(&victim, secret);
    world.enrol(&victim);
    let mut probes = 0;
    let mut has = |price| {
        let probe = offer(probes, TILL, &victim, price);
        probes += 1;
        let view = world.open(&probe)?.view;
        let told = view.reason_for_terminal(Disclosure::Nothing);
        let enough = view.state == PaymentState::Pending;
        if enough {
            world.cancel_by_terminal(&probe, TILL).unwrap();
        } else {
            assert_eq!(told, Some(Reason::NotHonoured), "whatever the reason is");
        }
        Ok::<bool, Reason>(enough)
    };
    let mut bisect = || {
        let (mut low, mut high) = (0_u64, 1 << 20);
        while low < high {
            let price = low + (high - low).div_ceil(2);
            if has(price)? { low = price } else { high = price - 1 }
        }
        Ok(low)
    };
    assert_ne!(bisect(), Ok(secret));
    assert_eq!(bisect(), Ok(0), "by now every answer is the same");
    let refusal = std::iter::repeat_with(bisect).find_map(Result::err);
    assert_eq!(refusal, Some(Reason::TooManyRequests));
    assert!((60..80).contains(&probes), "{probes} probes");
    let (mut prompts, mut declined) = (0, 0);
    world.engine.each_payment(|view| match view.reason {
        Some(Reason::CancelledByTerminal) => prompts += 1,
        Some(Reason::InsufficientFunds) => declined += 1,
        other => assert_eq!(other, Some(Reason::Muted)),
    });
    assert_eq!(prompts + declined, 3, "{prompts} prompts, {declined} declined");
    world.assert_sound();
}
