//! A snapshot is what the engine was: taken apart, put together, and gone on from.

use kessai_engine::terms::collation::SealingKey;
use kessai_engine::terms::ids::PaymentId;
use kessai_engine::{
    Corrupt, CustomerPolicy, Engine, Entry, Keyring, Layout, Limits, LoadError, Record, Rules, Unit,
};

use crate::kit::{
    NOON_MS, OTHER_TILL, SEALING_KEY, TILL, World, chunks, layout, loaded, offer, patient, person,
    replayed, sealing_key, yen,
};
use crate::replaying::eventful;

mod preimages;

const FIXTURE: &str = include_str!("snapshot.hex");

fn fixture() -> Vec<Vec<u8>> {
    FIXTURE.lines().map(|line| hex::decode(line).expect("hexadecimal")).collect()
}

fn empty() -> Engine {
    Engine::new(patient(), layout(), Keyring::new(vec![sealing_key()]), 1)
}

/// Loads until a chunk is refused.
fn refusal(engine: &Engine, chunks: &[Vec<u8>]) -> Option<LoadError> {
    chunks.iter().find_map(|chunk| engine.load(chunk).err())
}

#[track_caller]
fn assert_alike(one: &Engine, other: &Engine) {
    assert_eq!(one.state_hash(), other.state_hash());
    assert_eq!(one.books().unwrap(), other.books().unwrap());
    assert_eq!(one.open_payments(), other.open_payments());
    assert_eq!(one.ids_in_memory(), other.ids_in_memory());
    let mut views = [Vec::new(), Vec::new()];
    for (engine, views) in [one, other].into_iter().zip(&mut views) {
        engine.each_payment(|view| {
            let after = kessai_engine::Lsn::NONE;
            views.push(kessai_engine::PaymentView { after, ..view.clone() });
        });
        views.sort_by_key(|view| view.payment);
    }
    assert_eq!(views[0], views[1]);
}

#[test]
fn an_engine_comes_back_from_its_snapshot() {
    let world = eventful();
    let again = loaded(&chunks(&world.engine), &[], *world.engine.rules());
    assert_alike(&again, &world.engine);
    assert_eq!(again.latest_ms(), world.recorder.entries().last().unwrap().at_ms);
    for n in [1, 2, 3, 41] {
        let pin = kessai_engine::KeyPin([n; 32]);
        assert_eq!(again.peer(&pin), world.engine.peer(&pin), "{n}");
    }
    let till = kessai_engine::KeyPin([0xf0; 32]);
    assert!(again.peer(&till).is_some());
    assert_eq!(again.register().places().count(), 4);
    // Its snapshot is the same again, and it goes on as ever.
    let again = World { engine: again.into(), ..world };
    assert_eq!(chunks(&again.engine).len(), chunks(&eventful().engine).len());
    again.pay(&offer(30, TILL, &person(1).with_keys(41), 10), &person(1).with_keys(41));
    again.assert_sound();
}

/// The records behind the beginning of a snapshot may be in it or not.
#[test]
fn recovery_goes_on_where_each_unit_stands() {
    let world = eventful();
    let entries = world.recorder.entries();
    let kept = chunks(&world.engine);
    for begun in [0, entries.len() / 2, entries.len()] {
        assert_alike(&loaded(&kept, &entries[begun..], patient()), &world.engine);
    }
    world.credit(&person(3), 1, 30);
    let entries = world.recorder.entries();
    assert_alike(&loaded(&kept, &entries, patient()), &world.engine);
    let engine = loaded(&kept, &[], patient());
    let last = entries.last().unwrap();
    let gap = Entry { sequence: last.sequence + 1, ..last.clone() };
    assert!(matches!(engine.replay(&gap), Err(Corrupt::Gap { .. })));
    engine.replay(last).unwrap();
    assert!(matches!(engine.replay(last), Err(Corrupt::Gap { .. })), "it is no record of before");
}

/// Keys are sealed as the journal has them, and never lie open.
#[test]
fn keys_stay_sealed() {
    let world = World::new();
    let bytes = chunks(&world.engine).concat();
    let is_there = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let mut devices = 0;
    for entry in world.recorder.entries() {
        if let Record::DeviceAdded(added) = &entry.record {
            assert!(is_there(added.row.as_bytes()));
            devices += 1;
        }
    }
    assert_eq!(devices, 3);
    // The device key of person `n` is these bytes.
    for n in 1..=3_u8 {
        assert!(!is_there(&[n ^ 0x80; 32]), "{n}");
    }
}

#[test]
fn another_sealing_key_is_refused() {
    let kept = chunks(&World::new().engine);
    for keys in [vec![], vec![SealingKey::new(2, SEALING_KEY)], vec![SealingKey::new(1, [9; 32])]] {
        let engine = Engine::new(patient(), layout(), Keyring::new(keys), 1);
        let found = refusal(&engine, &kept);
        assert!(matches!(found, Some(LoadError::Corrupt(Corrupt::Seal { key: 1 }))), "{found:?}");
    }
}

/// The bytes of a snapshot are fixed: one that was kept is read for good.
#[test]
fn the_form_is_the_one_that_was_published() {
    let world = eventful();
    let kept = chunks(&world.engine);
    let written: Vec<_> = kept.iter().map(hex::encode).collect();
    assert_eq!(written.join("\n") + "\n", FIXTURE, "the form has changed");
    assert_alike(&loaded(&fixture(), &[], patient()), &world.engine);
}

#[test]
fn what_is_no_chunk_is_refused() {
    for chunk in fixture() {
        for end in 0..chunk.len() {
            assert!(empty().load(&chunk[..end]).is_err());
        }
        let longer = [&chunk[..], &[0, 0]].concat();
        assert!(matches!(empty().load(&longer), Err(LoadError::Trailing(2))));
        let other = [&[2], &chunk[1..]].concat();
        assert!(matches!(empty().load(&other), Err(LoadError::Format(2))));
    }
}

#[test]
fn a_snapshot_with_a_chunk_missing_twice_or_out_of_place_is_refused() {
    let kept = fixture();
    for at in 0..kept.len() {
        let mut missing = kept.clone();
        missing.remove(at);
        let found = refusal(&empty(), &missing);
        assert!(found.is_some() || at + 1 == kept.len(), "chunk {at} is missing");
        let mut twice = kept.clone();
        twice.insert(at, kept[at].clone());
        assert!(refusal(&empty(), &twice).is_some(), "chunk {at} twice");
    }
    let engine = empty();
    assert!(refusal(&engine, &kept).is_none());
    assert!(refusal(&engine, &kept[..1]).is_some(), "a shard twice");
}

#[test]
fn a_snapshot_of_another_layout_or_behind_records_is_refused() {
    let kept = fixture();
    let small = Layout::new(2, [7; 16]).unwrap();
    let other = Layout::new(4, [8; 16]).unwrap();
    for layout in [small, other] {
        let engine = Engine::new(patient(), layout, Keyring::new(vec![sealing_key()]), 1);
        assert!(matches!(refusal(&engine, &kept), Some(LoadError::Misplaced(_))));
    }
    let large = Layout::new(8, [7; 16]).unwrap();
    let engine = Engine::new(patient(), large, Keyring::new(vec![sealing_key()]), 1);
    assert!(refusal(&engine, &kept).is_some());
    let engine = replayed(&World::new().recorder.entries(), patient());
    assert!(matches!(refusal(&engine, &kept), Some(LoadError::Misplaced(Unit(_)))));
}

/// What a terminal has taken of a day is counted again, whatever has left the memory since.
#[test]
fn limits_of_a_day_hold_across_a_snapshot() {
    let mut world = World::with(Rules { open_per_customer: 9, ..patient() });
    let limits = Limits { per_payment: None, per_day: Some(yen(1_000)), count_per_day: Some(4) };
    world.change_terminal(TILL, |till| till.limits = limits);
    world.pay(&offer(1, TILL, &person(1), 400), &person(1));
    world.pay(&offer(2, TILL, &person(2), 300), &person(2));
    world.opened(&offer(3, TILL, &person(3), 200));
    world.pay(&offer(4, OTHER_TILL, &person(3), 200), &person(3));
    world.now_ms += 10_000;
    let archived = kessai_engine::Lsn(world.recorder.count() as u64);
    assert_eq!(world.engine.evict(NOON_MS + 1, archived, 9), 3);
    let again = loaded(&chunks(&world.engine), &[], *world.engine.rules());
    let again = World { engine: again.into(), ..world };
    let at = |serial: u16, price| {
        let mut offer = offer(serial, TILL, &person(1), price);
        let mut random = [0; 10];
        random[..2].copy_from_slice(&serial.to_be_bytes());
        offer.terms.payment = PaymentId::from_parts(again.now_ms, random);
        again.open(&offer).map(|opening| opening.view.reason)
    };
    let limit = Err(kessai_engine::terms::reason::Reason::TerminalLimit);
    assert_eq!(at(5, 101), limit, "400, 300 and 200 are taken");
    assert_eq!(at(6, 50), Ok(None));
    assert_eq!(at(7, 1), limit, "four payments");
    again.cancel_by_terminal(&offer(3, TILL, &person(3), 200), TILL).unwrap();
    assert_eq!(at(8, 251), limit);
    assert_eq!(at(9, 250), Ok(None), "what was pending gives back what it took");
}

#[test]
fn a_snapshot_that_is_given_up_leaves_room_for_another() {
    let world = eventful();
    for count in 0..12 {
        let mut snapshot = world.engine.snapshot().unwrap();
        let mut chunk = Vec::new();
        for _ in 0..count {
            snapshot.next_chunk(&mut chunk);
        }
        drop(snapshot);
        world.credit(&person(1), 1, 100 + count);
    }
    let kept = chunks(&world.engine);
    assert_alike(&loaded(&kept, &[], patient()), &world.engine);
}

/// What a customer may do, and who they are, is kept too.
#[test]
fn policies_and_profiles_are_kept() {
    let world = World::new();
    let policy = CustomerPolicy {
        limits: Limits { count_per_day: Some(3), ..Limits::default() },
        ..CustomerPolicy::default()
    };
    world.set_policy(&person(2), policy);
    let again = loaded(&chunks(&world.engine), &[], patient());
    assert_eq!(again.customer(&person(2).customer).unwrap().policy, policy);
}
