//! What a handset that comes back is owed.

use kessai_engine::terms::reason::Reason;
use kessai_engine::{PaymentView, RECENT_NOTICES, Rules};

use crate::kit::{MACHINE, TILL, World, nonce, offer, patient, person, replayed, vended};

fn owed(world: &World, seen: u64) -> (Vec<u16>, Vec<(u64, PaymentView)>, u64) {
    let payer = person(1);
    let owed = world.engine.owed(&payer.customer, &payer.device, seen).unwrap();
    let serial = |id: &kessai_engine::terms::ids::PaymentId| {
        (0..200).find(|serial| crate::kit::payment_id(*serial) == *id).unwrap()
    };
    let notices = owed.notices.into_iter().map(|view| (view.notice, view)).collect();
    (owed.prompts.iter().map(serial).collect(), notices, owed.latest)
}

#[test]
fn open_payments_are_asked_again_oldest_first() {
    let world = World::with(Rules { open_per_customer: 3, ..Rules::default() });
    for serial in [7, 3, 5] {
        world.opened(&offer(serial, TILL, &person(1), 10));
    }
    assert_eq!(owed(&world, 0), (vec![7, 3, 5], vec![], 0));
    world.cancel_by_customer(&offer(3, TILL, &person(1), 10), &person(1)).unwrap();
    assert_eq!(owed(&world, 0).0, [7, 5]);
}

#[test]
fn notices_are_numbered_and_told_until_seen() {
    let world = World::new();
    let first = world.pay(&offer(1, TILL, &person(1), 10), &person(1));
    let second = offer(2, TILL, &person(1), 20);
    world.opened(&second);
    let second = world.cancel_by_customer(&second, &person(1)).unwrap().view;
    let broke = world.open(&offer(3, TILL, &person(1), 1_000_000)).unwrap().view;
    let all = [(1, first), (2, second), (3, broke)];
    for seen in 0..4 {
        let notices = all[usize::try_from(seen).unwrap()..].to_vec();
        assert_eq!(owed(&world, seen), (vec![], notices, 3));
    }
    assert_eq!(owed(&world, 99).1, []);
    assert_eq!(world.customer(&person(1)).notices, 3);
    assert_eq!(world.customer(&person(2)).notices, 0);
}

/// Only where a payment stands now is told, under the number of its latest change.
#[test]
fn a_payment_that_changed_twice_is_told_once() {
    let world = World::new();
    let drink = vended(1, &person(1), 150);
    assert_eq!(world.pay(&drink, &person(1)).notice, 1);
    let other = world.pay(&offer(2, TILL, &person(1), 10), &person(1));
    let captured = world.deliver(&drink, MACHINE).unwrap().view;
    assert_eq!(captured.notice, 3);
    assert_eq!(owed(&world, 0).1, [(2, other), (3, captured)]);
}

#[test]
fn only_the_latest_notices_are_kept() {
    let world = World::with(patient());
    let count = u16::try_from(RECENT_NOTICES).unwrap() + 4;
    for serial in 1..=count {
        world.pay(&offer(serial, TILL, &person(1), 1), &person(1));
    }
    let (_, notices, latest) = owed(&world, 0);
    let numbers: Vec<u64> = notices.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (5..=u64::from(count)).collect::<Vec<_>>());
    assert_eq!(latest, u64::from(count));
}

#[test]
fn an_answer_waits_for_the_latest_record_of_its_customer() {
    let world = World::new();
    let payer = person(1);
    let purchase = offer(1, TILL, &payer, 10);
    world.opened(&purchase);
    world.ask(&purchase, &payer, 1).unwrap();
    world.collate(&payer.mistyped(&purchase, nonce(1)), 2).unwrap();
    let last = world.recorder.count() as u64;
    assert_eq!(world.engine.owed(&payer.customer, &payer.device, 0).unwrap().after.0, last);
    assert_eq!(world.customer(&payer).after.0, last);
    assert_eq!(world.status(&purchase, TILL).unwrap().after.0, last);
}

#[test]
fn what_is_owed_survives_a_restart() {
    let world = World::new();
    world.pay(&offer(1, TILL, &person(1), 10), &person(1));
    world.opened(&offer(2, TILL, &person(1), 10));
    let payer = person(1);
    let ask = |engine: &kessai_engine::Engine| {
        let owed = engine.owed(&payer.customer, &payer.device, 0).unwrap();
        let numbers: Vec<_> = owed.notices.iter().map(|view| (view.payment, view.notice)).collect();
        (owed.prompts, numbers, owed.latest)
    };
    let again = replayed(&world.recorder.entries(), Rules::default());
    assert_eq!(ask(&again), ask(&world.engine));
}

#[test]
fn nothing_is_owed_to_a_handset_that_is_not_the_customers() {
    let world = World::new();
    let (one, two, nobody) = (person(1), person(2), person(99));
    let ask = |customer, device| world.engine.owed(customer, device, 0).map(drop);
    assert_eq!(ask(&one.customer, &one.device), Ok(()));
    assert_eq!(ask(&one.customer, &two.device), Err(Reason::IdentityNotOfKey));
    assert_eq!(ask(&nobody.customer, &nobody.device), Err(Reason::IdentityNotOfKey));
    world.engine.revoke_device(one.customer, one.device, 0, world.slot()).unwrap();
    assert_eq!(ask(&one.customer, &one.device), Err(Reason::IdentityNotOfKey));
}

#[test]
fn a_notice_is_signed_by_the_handsets_own_server_key() {
    let world = World::new();
    let view = world.pay(&offer(1, TILL, &person(1), 10), &person(1));
    let devices = world.engine.devices(&person(1).customer);
    let content = view.terms.unwrap().content;
    let signature = devices[0].sign_notice(&content, b"notice");
    let keys = person(1).secrets.device_keys();
    assert!(keys.server.verify_notice(&content, b"notice", &signature));
    assert!(!keys.server.verify_notice(&content, b"notise", &signature));
    assert!(world.engine.devices(&person(99).customer).is_empty());
}
