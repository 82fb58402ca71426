//! What the processor enters: the register, customers, handsets and their keys.

use kessai_engine::terms::ids::CustomerId;
use kessai_engine::terms::money::Currency;
use kessai_engine::terms::profile::{Profile, ProfileKey, ProfileNonces, SealedProfile};
use kessai_engine::{
    AdminError, Claim, Credited, CustomerAdded, Debited, DeviceAdded, DeviceRevoked, Entry,
    Freshness, KeyPin, Limits, Lsn, Merchant, Peer, ProfileSet, Record, RegisterChange,
    RegisterError, Standing, Station, Terminal, TerminalKind, Transferred, Unit,
};

use crate::kit::{
    BALANCE, NOON_MS, Person, TILL, World, enrolment, offer, person, replayed, sealing_key,
    terminal, transfer, yen,
};

fn enter(world: &World, changes: Vec<RegisterChange>) -> Result<(), RegisterError> {
    world.enter(changes).map(drop)
}

fn till(id: &str, pin: u8) -> RegisterChange {
    RegisterChange::Terminal(Terminal {
        id: terminal(id),
        store: "S1".parse().unwrap(),
        kind: TerminalKind::PointOfSale,
        pin: Some(KeyPin([pin; 32])),
        standing: Standing::Active,
        limits: Limits::default(),
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
    let (id, name) = ("M1".parse().unwrap(), "Minato Honten".parse().unwrap());
    let merchant = Merchant { id, name, invoice_number: None };
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
        standing: Standing::Active,
        limits: Limits::default(),
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
    let again = replayed(&world.recorder.entries(), *world.engine.rules());
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
    assert_eq!(answer.unwrap().0, world.recorder.count() as u64);
    assert_eq!(records, [Record::CustomerAdded(added.clone())]);
    let twice = world.traceless(|world| world.engine.add_customer(added, NOON_MS, world.slot()));
    assert_eq!(twice, Err(AdminError::CustomerExists(customer)));

    let credited =
        |customer, amount| Credited { customer, amount: yen(amount), reference: transfer(amount) };
    let credit = |customer: CustomerId, amount: u64| {
        move |world: &World| world.engine.credit(credited(customer, amount), NOON_MS, world.slot())
    };
    let (answer, records) = world.recorded(credit(customer, 5));
    let after = Lsn(world.recorder.count() as u64);
    assert_eq!(answer, Ok(Transferred { after, freshness: Freshness::First }));
    assert_eq!(records, [Record::Credited(credited(customer, 5))]);
    assert_eq!(world.money(&person(5)), (12, 0));
    let nobody = person(99).customer;
    let missing = world.traceless(credit(nobody, 5));
    assert_eq!(missing, Err(AdminError::CustomerMissing(nobody)));
    let too_much = world.traceless(credit(customer, 999_999_999_999_999));
    assert_eq!(too_much, Err(AdminError::BalanceTooLarge(customer)));
    world.assert_sound();
}

#[test]
fn a_debit_takes_only_what_can_be_spared() {
    let world = World::new();
    let customer = person(1).customer;
    world.opened(&offer(1, TILL, &person(1), 3_000));
    let debited =
        |customer, amount| Debited { customer, amount: yen(amount), reference: transfer(amount) };
    let debit = |customer: CustomerId, amount: u64| {
        move |world: &World| world.engine.debit(debited(customer, amount), NOON_MS, world.slot())
    };
    let held = world.traceless(debit(customer, BALANCE - 2_999));
    assert_eq!(held, Err(AdminError::BalanceTooSmall(customer)));
    let (answer, records) = world.recorded(debit(customer, BALANCE - 3_000));
    let after = Lsn(world.recorder.count() as u64);
    assert_eq!(answer, Ok(Transferred { after, freshness: Freshness::First }));
    assert_eq!(records, [Record::Debited(debited(customer, BALANCE - 3_000))]);
    assert_eq!(world.money(&person(1)), (3_000, 3_000));
    let nothing_left = world.traceless(debit(customer, 1));
    assert_eq!(nothing_left, Err(AdminError::BalanceTooSmall(customer)));
    let nobody = person(99).customer;
    let missing = world.traceless(debit(nobody, 1));
    assert_eq!(missing, Err(AdminError::CustomerMissing(nobody)));
    let funded = world.engine.books().unwrap().currencies[&Currency::JPY].funded.minor();
    assert_eq!(funded, i128::from(2 * BALANCE + 3_000), "what was put in less what was taken out");
    world.assert_sound();
}

#[test]
fn a_profile_is_kept_sealed_replaced_and_erased() {
    let world = World::new();
    let customer = person(1).customer;
    let set = |world: &World, set: ProfileSet| world.engine.set_profile(set, NOON_MS, world.slot());
    let (first, second) =
        (profile(&person(1), "090-1234-5678"), profile(&person(1), "080-1111-2222"));
    assert_eq!(world.engine.profile(&customer), None);
    let mut hashes = vec![world.engine.state_hash()];
    for profile in [first, second] {
        let change = ProfileSet { customer, profile: profile.clone() };
        let (answer, records) = world.recorded(|world| set(world, change.clone()));
        assert_eq!(answer.unwrap().0, world.recorder.count() as u64);
        assert_eq!(records, [Record::ProfileSet(Box::new(change))]);
        assert_eq!(world.engine.profile(&customer), Some(profile));
        hashes.push(world.engine.state_hash());
        world.assert_sound();
    }
    let again = replayed(&world.recorder.entries(), *world.engine.rules());
    let opened = sealing_key().open_profile(&again.profile(&customer).unwrap(), &customer);
    assert_eq!(opened.unwrap().mobile.unwrap().as_str(), "080-1111-2222");

    let erase = |customer: CustomerId| {
        move |world: &World| world.engine.erase_profile(customer, NOON_MS, world.slot())
    };
    let (answer, records) = world.recorded(erase(customer));
    assert_eq!(answer.unwrap().0, world.recorder.count() as u64);
    assert_eq!(records, [Record::ProfileErased(customer)]);
    assert_eq!(world.engine.profile(&customer), None);
    hashes.push(world.engine.state_hash());
    hashes.dedup();
    assert_eq!(hashes.len(), 4, "the hash sees each change");
    world.assert_sound();

    let twice = world.traceless(erase(customer));
    assert_eq!(twice, Err(AdminError::ProfileMissing(customer)));
    let nobody = person(99).customer;
    let missing = Err(AdminError::CustomerMissing(nobody));
    assert_eq!(world.traceless(erase(nobody)), missing);
    let strangers = ProfileSet { customer: nobody, profile: profile(&person(99), "090-1234-5678") };
    assert_eq!(world.traceless(|world| set(world, strangers)), missing);
    assert_eq!(world.engine.profile(&nobody), None);
}

/// The hash sees a profile itself, not only that a record came.
#[test]
fn the_hash_sees_what_is_in_a_profile() {
    let world = World::new();
    let hash_with = |mobile: &str| {
        let customer = person(1).customer;
        let mut entries = world.recorder.entries();
        let home = entries.iter().rfind(|entry| {
            matches!(&entry.record, Record::DeviceAdded(added) if added.customer == customer)
        });
        let home = home.unwrap().clone();
        let sequence = entries.iter().filter(|entry| entry.unit == home.unit).count() as u64 + 1;
        let profile = profile(&person(1), mobile);
        let record = Record::ProfileSet(Box::new(ProfileSet { customer, profile }));
        entries.push(Entry { sequence, record, ..home });
        replayed(&entries, *world.engine.rules()).state_hash()
    };
    assert_ne!(hash_with("090-1234-5678"), hash_with("090-1234-5679"));
}

/// What is known of `person`: a telephone number, sealed as the gateway would.
fn profile(person: &Person, mobile: &str) -> SealedProfile {
    let profile = Profile { mobile: Some(mobile.parse().unwrap()), ..Profile::default() };
    let nonces = ProfileNonces { key: [1; 12], fields: [2; 12] };
    let key = ProfileKey::from_bytes([5; 32]);
    sealing_key().seal_profile(&profile, &person.customer, &key, nonces)
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
    let recovered = replayed(&world.recorder.entries(), *world.engine.rules());
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
