//! Whose keys are in force: controllers and hubs, handsets that change theirs, and what a command
//! takes out of use.

use kessai_engine::terms::collation::{ChannelBinding, DeviceKey, GatewayNonce, ROW_VERSION};
use kessai_engine::terms::ids::DeviceId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    AdminError, Collated, Controller, Hub, KeyChange, KeyPin, Peer, Record, RegisterChange,
    RegisterError, Rekeyed, Retirement, Station,
};

use crate::kit::{
    HOME, NOON_MS, OTHER_TILL, TILL, World, nonce, offer, person, rekeying, replayed, terminal,
};

fn pin(n: u8) -> KeyPin {
    KeyPin([n; 32])
}

fn controller(id: &str, merchant: &str, key: Option<u8>) -> RegisterChange {
    RegisterChange::Controller(Controller {
        id: id.parse().unwrap(),
        merchant: merchant.parse().unwrap(),
        pin: key.map(pin),
    })
}

fn hub(id: &str, key: Option<u8>) -> RegisterChange {
    RegisterChange::Hub(Hub { id: id.parse().unwrap(), pin: key.map(pin) })
}

/// A live engine and one recovered from its records know the same keys.
#[track_caller]
fn check_keys(world: &World, expected: &[(u8, Option<Peer>)]) {
    let recovered = replayed(&world.recorder.entries(), *world.engine.rules());
    for (key, peer) in expected {
        assert_eq!(world.engine.peer(&pin(*key)), *peer, "key {key:#x}");
        assert_eq!(recovered.peer(&pin(*key)), *peer, "key {key:#x}, recovered");
    }
    world.assert_sound();
}

#[test]
fn controllers_and_hubs_are_registered_with_their_keys() {
    let world = World::new();
    let changes = vec![controller("C1", "M1", Some(0x71)), hub("H1", Some(0x72)), hub("H2", None)];
    let (answer, records) = world.recorded(|world| world.enter(changes.clone()));
    assert_eq!(answer.unwrap().retired, [], "nothing was there before");
    assert_eq!(records, changes.into_iter().map(Record::Registered).collect::<Vec<_>>());

    let of_c1 = Peer::Controller("C1".parse().unwrap(), "M1".parse().unwrap());
    let of_h1 = Peer::Hub("H1".parse().unwrap());
    check_keys(&world, &[(0x71, Some(of_c1)), (0x72, Some(of_h1))]);
    let register = world.engine.register();
    assert_eq!(register.controllers().count(), 1);
    assert_eq!(register.controller(&"C1".parse().unwrap()).unwrap().pin, Some(pin(0x71)));
    assert_eq!(register.hub(&"H2".parse().unwrap()).unwrap().pin, None);
    assert_eq!(register.hubs().count(), 2);
    assert_eq!(register.merchant(&"M1".parse().unwrap()).unwrap().name.as_str(), "Minato Shoten");
    assert_eq!(register.store(&"S2".parse().unwrap()).unwrap().merchant.as_str(), "M2");
}

#[test]
fn a_controller_speaks_for_one_merchant_for_good() {
    let world = World::new();
    world.enter(vec![controller("C1", "M1", Some(0x71))]).unwrap();
    let (id, merchant) = ("C1".parse().unwrap(), "M1".parse().unwrap());
    let moved = world.traceless(|world| world.enter(vec![controller("C1", "M2", Some(0x71))]));
    assert_eq!(moved, Err(RegisterError::OwnerFixed(id, merchant)));
    let nobodys = world.traceless(|world| world.enter(vec![controller("C2", "M9", Some(0x72))]));
    let missing = RegisterError::OwnerMissing("C2".parse().unwrap(), "M9".parse().unwrap());
    assert_eq!(nobodys, Err(missing));
    check_keys(&world, &[(0x71, Some(Peer::Controller(id, merchant))), (0x72, None)]);
}

#[test]
fn a_station_is_enrolled_anew_and_taken_out_of_use() {
    let stations = [
        (Station::Terminal(terminal(TILL)), Peer::Terminal(terminal(TILL)), 0xf0),
        (
            Station::Controller("C1".parse().unwrap()),
            Peer::Controller("C1".parse().unwrap(), "M1".parse().unwrap()),
            0x71,
        ),
        (Station::Hub("H1".parse().unwrap()), Peer::Hub("H1".parse().unwrap()), 0x72),
    ];
    for (station, peer, first) in stations {
        let world = World::new();
        world.enter(vec![controller("C1", "M1", Some(0x71)), hub("H1", Some(0x72))]).unwrap();
        let repin = |key: Option<u8>| {
            move |world: &World| {
                world.engine.repin(station, key.map(pin), world.now_ms, world.slot())
            }
        };
        let (answer, records) = world.recorded(repin(Some(0x7a)));
        assert_eq!(answer.unwrap().retired, [pin(first)], "{station}");
        assert!(matches!(records[..], [Record::Registered(_)]));
        assert_eq!(world.engine.register().pin(&station), Some(pin(0x7a)));
        check_keys(&world, &[(first, None), (0x7a, Some(peer))]);

        assert_eq!(repin(Some(0x7a))(&world).unwrap().retired, [], "the same key again");
        check_keys(&world, &[(0x7a, Some(peer))]);
        let taken = world.traceless(repin(Some(1)));
        assert_eq!(taken, Err(RegisterError::KeyTaken(station)), "a handset has it");

        assert_eq!(repin(None)(&world).unwrap().retired, [pin(0x7a)]);
        assert_eq!(world.engine.register().pin(&station), None);
        assert!(world.engine.register().has(&station), "it may be enrolled again");
        check_keys(&world, &[(0x7a, None)]);
        assert_eq!(repin(None)(&world).unwrap().retired, [], "there was none");
        assert_eq!(repin(Some(first))(&world).unwrap().retired, []);
        check_keys(&world, &[(first, Some(peer))]);
    }
    let world = World::new();
    let nobody = Station::Hub("H9".parse().unwrap());
    let missing = world
        .traceless(|world| world.engine.repin(nobody, Some(pin(0x79)), world.now_ms, world.slot()));
    assert_eq!(missing, Err(RegisterError::StationMissing(nobody)));
    assert!(!world.engine.register().has(&nobody));
    assert_eq!(missing.unwrap_err().to_string(), "hub H9 is not registered");
    check_keys(&world, &[(0x79, None)]);
}

#[test]
fn a_batch_says_which_keys_it_took_out_of_use() {
    let world = World::new();
    world.enter(vec![hub("H1", Some(0x71)), hub("H2", Some(0x72))]).unwrap();
    // There and back, away, and new.
    let batch =
        vec![hub("H1", Some(0x73)), hub("H1", Some(0x71)), hub("H2", None), hub("H3", Some(0x74))];
    let KeyChange { after, retired } = world.enter(batch).unwrap();
    assert_eq!(retired, [pin(0x73), pin(0x72)]);
    assert_eq!(after.0, world.recorder.count() as u64);
    let of = |id: &str| Some(Peer::Hub(id.parse().unwrap()));
    check_keys(&world, &[(0x71, of("H1")), (0x72, None), (0x73, None), (0x74, of("H3"))]);
}

#[test]
fn a_handset_with_a_new_password_is_not_served_by_the_old_one() {
    let world = World::new();
    let purchase = offer(1, TILL, &person(1), 500);
    world.opened(&purchase);
    world.ask(&purchase, &person(1), 1).unwrap();

    let renewed = person(1).with_keys(41);
    let change = rekeying(&renewed, ROW_VERSION + 1);
    let (answer, records) = world.recorded(|world| world.rekey(change.clone()));
    assert_eq!(answer.unwrap().retired, [person(1).pin]);
    assert_eq!(records, [Record::Rekeyed(Box::new(change))]);
    let device = world.engine.device(&renewed.customer, &renewed.device).unwrap();
    assert_eq!((device.version, device.pin), (ROW_VERSION + 1, renewed.pin));
    assert_eq!(device.salt.0, [41; 16]);
    assert_eq!(world.engine.devices(&renewed.customer).len(), 1);

    // The prompt that was open is asked anew, so that the old password burns no try.
    let old = world.traceless(|world| world.collate(&person(1).claim(&purchase, nonce(1)), 2));
    assert_eq!(old, Ok(Collated::Stale { nonce: nonce(2) }));
    let wrong = world.collate(&person(1).claim(&purchase, nonce(2)), 3);
    assert!(matches!(wrong, Ok(Collated::Mismatched { .. })), "{wrong:?}");
    let right = world.collate(&renewed.claim(&purchase, nonce(3)), 4);
    assert!(matches!(right, Ok(Collated::Approved { .. })), "{right:?}");
    let own = Peer::Handset(renewed.customer, renewed.device);
    check_keys(&world, &[(1, None), (41, Some(own))]);
}

#[test]
fn a_new_password_may_come_with_the_same_tls_key() {
    let world = World::new();
    let renewed = person(1).with_keys(41);
    let change = Rekeyed { pin: person(1).pin, ..rekeying(&renewed, ROW_VERSION + 1) };
    assert_eq!(world.rekey(change).unwrap().retired, []);
    let own = Peer::Handset(renewed.customer, renewed.device);
    check_keys(&world, &[(1, Some(own)), (41, None)]);
    let purchase = offer(1, TILL, &renewed, 500);
    world.pay(&purchase, &renewed);
}

/// A blocked customer does not get five more tries by a new password.
#[test]
fn a_new_password_leaves_the_count_of_wrong_proofs() {
    let world = World::new();
    let purchase = offer(1, TILL, &person(1), 500);
    world.opened(&purchase);
    world.ask(&purchase, &person(1), 1).unwrap();
    world.collate(&person(1).mistyped(&purchase, nonce(1)), 2).unwrap();
    world.rekey(rekeying(&person(1).with_keys(41), ROW_VERSION + 1)).unwrap();
    assert_eq!(world.customer(&person(1)).wrong_in_row, 1);
    assert_eq!(world.ask(&purchase, &person(1), 3).unwrap().tries_left, 2);
}

#[test]
fn a_refused_change_of_keys_leaves_no_trace() {
    let world = World::new();
    let (one, device) = (person(1), person(1).device);
    let renewed = one.with_keys(41);
    let next = ROW_VERSION + 1;
    let check = |change: Rekeyed, expected: AdminError| {
        let key = change.pin;
        let before = world.engine.peer(&key);
        let refused = world.traceless(|world| world.rekey(change));
        assert_eq!(refused, Err(expected));
        assert_eq!(world.engine.peer(&key), before);
    };
    let not_next = AdminError::VersionNotNext { device, expected: next };
    for version in [0, ROW_VERSION, next + 1, u32::MAX] {
        check(rekeying(&renewed, version), not_next.clone());
        let same_key = Rekeyed { pin: one.pin, ..rekeying(&renewed, version) };
        check(same_key, not_next.clone());
    }
    let others = Rekeyed { pin: person(2).pin, ..rekeying(&renewed, next) };
    check(others, AdminError::KeyTaken(device));
    let stations = Rekeyed { pin: pin(0xf0), ..rekeying(&renewed, next) };
    check(stations, AdminError::KeyTaken(device));
    let nobody = person(99);
    check(rekeying(&nobody, next), AdminError::CustomerMissing(nobody.customer));
    let no_handset = one.with_handset(41);
    let missing = AdminError::DeviceMissing(one.customer, no_handset.device);
    check(rekeying(&no_handset, next), missing);
    let mut broken = rekeying(&renewed, next);
    broken.row.sealed[0][0] ^= 1;
    check(broken, AdminError::SealBroken(device));
    // An old row that is passed off as the next one.
    let mut replayed = rekeying(&renewed, ROW_VERSION);
    replayed.row.version = next;
    check(replayed, AdminError::SealBroken(device));
    assert_eq!(world.engine.peer(&one.pin), Some(Peer::Handset(one.customer, device)));
}

#[test]
fn all_handsets_are_retired_as_far_as_the_journal_has_room() {
    let world = World::new();
    world.enrol(&person(1).with_handset(11));
    let waiting = offer(1, TILL, &person(1), 500);
    world.opened(&waiting);
    world.ask(&waiting, &person(1), 1).unwrap();
    let mut room = 3;
    let limited = || {
        room -= 1;
        (room >= 0).then(|| world.slot())
    };
    let first = world.engine.retire_all_devices(world.now_ms, limited);
    assert_eq!((first.change.retired.len(), first.left), (3, 1));
    assert_eq!(first.change.after.0, world.recorder.count() as u64);
    let (rest, records) = world
        .recorded(|world| world.engine.retire_all_devices(world.now_ms, || Some(world.slot())));
    assert_eq!((rest.change.retired.len(), rest.left), (1, 0));
    assert!(matches!(records[..], [Record::DeviceRevoked(_)]));
    let mut retired = [first.change.retired, rest.change.retired].concat();
    retired.sort();
    assert_eq!(retired, [pin(1), pin(2), pin(3), pin(11)]);
    check_keys(&world, &[(1, None), (2, None), (3, None), (11, None)]);

    let late = world.traceless(|world| world.collate(&person(1).claim(&waiting, nonce(1)), 2));
    assert_eq!(late, Err(Reason::ProofRefused));
    let declined = world.open(&offer(2, OTHER_TILL, &person(2), 10)).unwrap();
    assert_eq!(declined.view.reason, Some(Reason::NoDevice));
    let nothing =
        world.traceless(|world| world.engine.retire_all_devices(NOON_MS, || Some(world.slot())));
    assert_eq!(nothing, Retirement::default());
}

#[test]
fn a_hub_cannot_attach_a_handset_without_its_key() {
    let world = World::new();
    let one = person(1);
    let device = world.engine.device(&one.customer, &one.device).unwrap();
    let (gateway, other) = (GatewayNonce([0x6a; 32]), GatewayNonce([0x6b; 32]));
    let own = one.secrets.device_keys().device.clone();
    let genuine = own.attach(&HOME, &one.device, &gateway);
    assert!(device.verify_attach(&HOME, &gateway, &genuine));
    assert!(!device.verify_attach(&HOME, &other, &genuine), "of another time");
    assert!(!device.verify_attach(&ChannelBinding([0; 32]), &gateway, &genuine), "another hub's");
    let others = own.attach(&HOME, &DeviceId([9; 16]), &gateway);
    assert!(!device.verify_attach(&HOME, &gateway, &others), "another handset's");
    let guessed = DeviceKey::from_bytes([0; 32]).attach(&HOME, &one.device, &gateway);
    assert!(!device.verify_attach(&HOME, &gateway, &guessed));
    assert!(world.engine.device(&one.customer, &person(2).device).is_none());
    assert!(world.engine.device(&person(99).customer, &one.device).is_none());
}
