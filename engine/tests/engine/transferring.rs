//! Credits and debits: each once for its reference.

use kessai_engine::terms::text::TransferReference;
use kessai_engine::{
    AdminError, Credited, Debited, Freshness, Lsn, Rules, TRANSFER_DAYS, Transferred,
};

use crate::kit::{BALANCE, Person, World, person, replayed, transfer, yen};

const DAY_MS: u64 = 86_400_000;

fn credit(whom: &Person, amount: u64, reference: u64) -> impl Fn(&World) -> Answer + use<> {
    let customer = whom.customer;
    move |world| {
        let credited = Credited { customer, amount: yen(amount), reference: transfer(reference) };
        world.engine.credit(credited, world.now_ms, world.slot())
    }
}

fn debit(whom: &Person, amount: u64, reference: u64) -> impl Fn(&World) -> Answer + use<> {
    let customer = whom.customer;
    move |world| {
        let debited = Debited { customer, amount: yen(amount), reference: transfer(reference) };
        world.engine.debit(debited, world.now_ms, world.slot())
    }
}

type Answer = Result<Transferred, AdminError>;

#[test]
fn a_reference_moves_money_once() {
    let mut world = World::new();
    let one = person(1);
    let reused = Err(AdminError::ReferenceReused(one.customer));
    let first = credit(&one, 300, 1)(&world).unwrap();
    assert_eq!(first.freshness, Freshness::First);
    debit(&one, 50, 2)(&world).unwrap();
    let last = Lsn(world.recorder.count() as u64);
    assert!(first.after < last);
    for check in 0..2 {
        let repeat = world.traceless(credit(&one, 300, 1)).unwrap();
        assert_eq!(repeat.freshness, Freshness::Repeat, "{check}");
        assert_eq!(world.traceless(debit(&one, 50, 2)).unwrap().freshness, Freshness::Repeat);
        assert_eq!(world.traceless(credit(&one, 301, 1)), reused, "another amount");
        assert_eq!(world.traceless(debit(&one, 300, 1)), reused, "another direction");
        assert_eq!(world.money(&one), (BALANCE + 250, 0));
        world.assert_sound();
        let again = replayed(&world.recorder.entries(), Rules::default());
        world = World { engine: again.into(), ..world };
    }
    let other = credit(&person(2), 300, 1)(&world).unwrap();
    assert_eq!(other.freshness, Freshness::First, "of another customer");
}

/// An answer to a repeat depends on a record that may not be durable yet.
#[test]
fn a_repeat_waits_for_the_first() {
    let world = World::new();
    let first = credit(&person(1), 300, 1)(&world).unwrap();
    let repeat = world.traceless(credit(&person(1), 300, 1)).unwrap();
    assert_eq!(repeat.after, first.after);
}

#[test]
fn a_refused_transfer_does_not_use_its_reference() {
    let world = World::new();
    let one = person(1);
    let refused = world.traceless(debit(&one, BALANCE + 1, 1));
    assert_eq!(refused, Err(AdminError::BalanceTooSmall(one.customer)));
    assert_eq!(debit(&one, BALANCE, 1)(&world).unwrap().freshness, Freshness::First);
    let nobody = person(99);
    let missing = world.traceless(credit(&nobody, 1, 1));
    assert_eq!(missing, Err(AdminError::CustomerMissing(nobody.customer)));
}

#[test]
fn a_reference_is_good_again_after_a_month() {
    let mut world = World::new();
    let one = person(1);
    credit(&one, 300, 1)(&world).unwrap();
    world.now_ms += u64::from(TRANSFER_DAYS) * DAY_MS;
    assert_eq!(world.traceless(credit(&one, 300, 1)).unwrap().freshness, Freshness::Repeat);
    world.now_ms += DAY_MS;
    assert_eq!(credit(&one, 700, 1)(&world).unwrap().freshness, Freshness::First);
    assert_eq!(world.money(&one), (BALANCE + 1_000, 0));
    world.assert_sound();
}

/// The hash sees a reference itself, not only that money moved.
#[test]
fn the_hash_sees_references() {
    let hash = |reference: &str| {
        let world = World::new();
        let reference: TransferReference = reference.parse().unwrap();
        let (customer, amount) = (person(1).customer, yen(1));
        let credited = Credited { customer, amount, reference };
        world.engine.credit(credited, world.now_ms, world.slot()).unwrap();
        world.engine.state_hash()
    };
    assert_eq!(hash("one"), hash("one"));
    assert_ne!(hash("one"), hash("two"));
}
