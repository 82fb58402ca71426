//! What the processor enters: the register, customers, handsets and their keys.

use kessai_engine::terms::ids::CustomerId;
use kessai_engine::terms::money::Currency;
use kessai_engine::{
    AdminError, Claim, Credited, CustomerAdded, DeviceAdded, DeviceRevoked, KeyPin, Merchant, Peer,
    Record, RegisterChange, RegisterError, Station, Terminal, TerminalKind, Unit,
};

use crate::kit::{BALANCE, NOON_MS, TILL, World, enrolment, offer, person, terminal, yen};

fn enter(world: &World, changes: Vec<RegisterChange>) -> Result<(), RegisterError> {
    world.enter(changes).map(drop)
}

fn till(id: &str, pin: u8) -> RegisterChange {
    RegisterChange::Terminal(Terminal {
        id: terminal(id),
        store: "S1".parse().unwrap(),
        kind: TerminalKind::PointOfSale,
        pin: Some(KeyPin([pin; 32])),
    })
}

fn whose(world: &World, pin: u8) -> Option<Peer> {
    world.engine.peer(&KeyPin([pin; 32]))
}

#[test]
fn the_register_is_recorded_in_a_unit_of_its_own() {
    let world = World::new();
    let entries = world.recorder.entries();
    let own: Vec<_> = entries.iter().filter(|entry| entry.unit == Unit::REGISTER).collect();
    assert_eq!(own.len(), crate::kit::street().len());
    for ((entry, change), sequence) in own.iter().zip(crate::kit::street()).zip(1..) {
        assert_eq!((entry.sequence, &entry.record), (sequence, &Record::Registered(change)));
    }
    let register = world.engine.register();
    assert_eq!(register.after.0, own.len() as u64);
    assert_eq!(register.place(&terminal(TILL)).unwrap().merchant.name.as_str(), "Minato Shoten");
}

#[test]
fn a_renamed_merchant_is_renamed_at_every_terminal_and_limits_live_on() {
    let world = World::new();
    world.opened(&offer(1, TILL, &person(1), 10));
    let merchant = Merchant { id: "M1".parse().unwrap(), name: "Minato Honten".parse().unwrap() };
    enter(&world, vec![RegisterChange::Merchant(merchant), till(TILL, 0xf0)]).unwrap();
    let register = world.engine.register();
    assert_eq!(register.place(&terminal(TILL)).unwrap().merchant.name.as_str(), "Minato Honten");
    assert_eq!(world.engine.open_payments(), 1);
    world.assert_sound();
}

#[test]
fn a_batch_of_the_register_is_entered_whole_or_not_at_all() {
    let world = World::new();
    let lost = RegisterChange::Terminal(Terminal {
        id: terminal("T8"),
        store: "S9".parse().unwrap(),
        kind: TerminalKind::Vending,
        pin: Some(KeyPin([0x78; 32])),
    });
    let refused = world.traceless(|world| enter(world, vec![till("T7", 0x77), lost]));
    let missing = RegisterError::StoreMissing(terminal("T8"), "S9".parse().unwrap());
    assert_eq!(refused, Err(missing));
    assert_eq!((whose(&world, 0x77), whose(&world, 0x78)), (None, None), "no key is left behind");
    enter(&world, vec![till("T7", 0x77)]).unwrap();
    assert_eq!(whose(&world, 0x77), Some(Peer::Terminal(terminal("T7"))));
}

#[test]
fn a_key_speaks_for_one_peer() {
    let world = World::new();
    let taken = |id| Err(RegisterError::KeyTaken(Station::Terminal(terminal(id))));
    let same_batch = vec![till("T7", 0x77), till("T8", 0x77)];
    assert_eq!(world.traceless(|world| enter(world, same_batch)), taken("T8"));
    assert_eq!(whose(&world, 0x77), None);
    assert_eq!(world.traceless(|world| enter(world, vec![till("T7", 0xf0)])), taken("T7"));
    assert_eq!(world.traceless(|world| enter(world, vec![till("T7", 1)])), taken("T7"));
    assert_eq!(whose(&world, 1), Some(Peer::Handset(person(1).customer, person(1).device)));
}

#[test]
fn a_replaced_key_is_out() {
    let world = World::new();
    let changes = vec![till(TILL, 0x71), till(TILL, 0x72), till(TILL, 0x73)];
    enter(&world, changes).unwrap();
    for old in [0xf0, 0x71, 0x72] {
        assert_eq!(whose(&world, old), None, "key {old:#x}");
    }
    assert_eq!(whose(&world, 0x73), Some(Peer::Terminal(terminal(TILL))));
    // There and back in one batch.
    enter(&world, vec![till(TILL, 0x74), till(TILL, 0x73)]).unwrap();
    assert_eq!(whose(&world, 0x73), Some(Peer::Terminal(terminal(TILL))));
    assert_eq!(whose(&world, 0x74), None);
    let again = crate::kit::replayed(&world.recorder.entries(), *world.engine.rules());
    for pin in [0xf0, 0x71, 0x72, 0x73, 0x74] {
        assert_eq!(again.peer(&KeyPin([pin; 32])), whose(&world, pin), "key {pin:#x}");
    }
}

#[test]
fn customers_and_credits_are_recorded() {
    let world = World::new();
    let customer = person(5).customer;
    let added = CustomerAdded { customer, currency: Currency::JPY, balance: yen(7) };
    let (answer, records) =
        world.recorded(|world| world.engine.add_customer(added.clone(), NOON_MS, world.slot()));
    assert_eq!(answer.unwrap().0, world.recorder.entries().len() as u64);
    assert_eq!(records, [Record::CustomerAdded(added.clone())]);
    let twice = world.traceless(|world| world.engine.add_customer(added, NOON_MS, world.slot()));
    assert_eq!(twice, Err(AdminError::CustomerExists(customer)));

    let credit = |customer: CustomerId, amount: u64| {
        move |world: &World| world.engine.credit(customer, yen(amount), NOON_MS, world.slot())
    };
    let (answer, records) = world.recorded(credit(customer, 5));
    assert!(answer.is_ok());
    assert_eq!(records, [Record::Credited(Credited { customer, amount: yen(5) })]);
    assert_eq!(world.money(&person(5)), (12, 0));
    let nobody = person(99).customer;
    let missing = world.traceless(credit(nobody, 5));
    assert_eq!(missing, Err(AdminError::CustomerMissing(nobody)));
    let too_much = world.traceless(credit(customer, 999_999_999_999_999));
    assert_eq!(too_much, Err(AdminError::BalanceTooLarge(customer)));
    world.assert_sound();
}

#[test]
fn a_refused_handset_leaves_no_key_behind() {
    let world = World::new();
    let add = |added: DeviceAdded| {
        move |world: &World| world.engine.add_device(added, NOON_MS, world.slot())
    };
    let spare = KeyPin([0x66; 32]);
    let (one, nobody) = (person(1), person(99));

    let same_device = DeviceAdded { pin: spare, ..enrolment(&one) };
    let refused = world.traceless(add(same_device));
    assert_eq!(refused, Err(AdminError::DeviceExists(one.device)));
    assert_eq!(world.engine.peer(&spare), None);

    let refused = world.traceless(add(DeviceAdded { pin: spare, ..enrolment(&nobody) }));
    assert_eq!(refused, Err(AdminError::CustomerMissing(nobody.customer)));
    assert_eq!(world.engine.peer(&spare), None);

    let mut broken = enrolment(&one.with_handset(11));
    broken.row.sealed[0][0] ^= 1;
    let refused = world.traceless(add(broken));
    assert_eq!(refused, Err(AdminError::SealBroken(person(11).device)));
    assert_eq!(world.engine.peer(&person(11).pin), None);

    let moved = DeviceAdded { customer: person(2).customer, ..enrolment(&one.with_handset(11)) };
    let refused = world.traceless(add(moved));
    assert_eq!(refused, Err(AdminError::SealBroken(person(11).device)), "sealed for another");

    let others_key = DeviceAdded { pin: person(2).pin, ..enrolment(&one.with_handset(11)) };
    let refused = world.traceless(add(others_key));
    assert_eq!(refused, Err(AdminError::KeyTaken(person(11).device)));
    let refused = world.traceless(add(enrolment(&one)));
    assert_eq!(refused, Err(AdminError::DeviceExists(one.device)));
    let own = Peer::Handset(one.customer, one.device);
    assert_eq!(world.engine.peer(&one.pin), Some(own), "a refusal takes nothing away");
}

#[test]
fn a_revoked_handset_is_out_and_may_come_back() {
    let world = World::new();
    let (customer, device, pin) = (person(1).customer, person(1).device, person(1).pin);
    let revoke =
        |world: &World| world.engine.revoke_device(customer, device, NOON_MS, world.slot());
    let (answer, records) = world.recorded(revoke);
    assert_eq!(answer.unwrap().retired, [pin]);
    assert_eq!(records, [Record::DeviceRevoked(DeviceRevoked { customer, device })]);
    assert_eq!(world.engine.peer(&pin), None);
    assert!(world.engine.devices(&customer).is_empty());
    let again = world.traceless(revoke);
    assert_eq!(again, Err(AdminError::DeviceMissing(customer, device)));
    let recovered = crate::kit::replayed(&world.recorder.entries(), *world.engine.rules());
    assert_eq!(recovered.peer(&pin), None);
    assert!(recovered.peer(&person(2).pin).is_some());
    world.enrol(&person(1));
    assert_eq!(world.engine.peer(&pin), Some(Peer::Handset(customer, device)));
    world.assert_sound();
}

#[test]
fn unblocking_is_recorded() {
    let world = World::new();
    let unblock = |customer: CustomerId| {
        move |world: &World| world.engine.unblock(customer, NOON_MS, world.slot())
    };
    let (_, records) = world.recorded(unblock(person(1).customer));
    assert_eq!(records, [Record::Unblocked(person(1).customer)]);
    let nobody = person(99).customer;
    let missing = world.traceless(unblock(nobody));
    assert_eq!(missing, Err(AdminError::CustomerMissing(nobody)));
}

#[test]
fn the_books_go_through_everybody() {
    let world = World::new();
    world.pay(&offer(1, TILL, &person(1), 10), &person(1));
    let (mut customers, mut payments) = (0, 0);
    world.engine.each_customer(|view| customers += view.balance.minor());
    world.engine.each_payment(|_| payments += 1);
    assert_eq!((customers, payments), (3 * BALANCE - 10, 1));
}

/// Does not compile if a claim can be printed: whoever reads a proof in a log and has the stored key
/// has the key that makes proofs.
#[test]
fn a_claim_cannot_be_printed() {
    trait Printable<Answer> {
        fn answer() {}
    }
    impl<T: ?Sized> Printable<()> for T {}
    impl<T: ?Sized + std::fmt::Debug> Printable<u8> for T {}
    // Two answers for whatever can be printed, so that neither can be inferred.
    <Claim as Printable<_>>::answer();
}

/// Prints all that can be printed of an engine in which every key is used, and looks for the keys.
#[test]
fn no_key_is_ever_printed() {
    let world = World::new();
    let purchase = offer(1, TILL, &person(1), 10);
    world.opened(&purchase);
    world.ask(&purchase, &person(1), 1).unwrap();
    let printed = format!(
        "{:?} {:?} {:?} {:?}",
        world.engine,
        world.engine.devices(&person(1).customer),
        world.recorder.entries(),
        world.approve(&purchase, &person(1)),
    );
    assert!(printed.contains("SecretKeys(..)"));
    let keys = person(1).secrets.device_keys();
    let client_key = person(1).secrets.client_key();
    let handset = person(1).secrets;
    let secrets = [
        keys.stored.expose(),
        keys.server.expose(),
        keys.device.expose(),
        client_key.expose(),
        handset.expose_seed(),
        &crate::kit::SEALING_KEY,
    ];
    for secret in secrets {
        let listed = format!("{secret:?}");
        let listed = listed.trim_matches(['[', ']']);
        assert!(!printed.contains(listed), "a key is printed as a list");
        assert!(!printed.contains(&hex::encode(secret)), "a key is printed in hexadecimal");
    }
}
