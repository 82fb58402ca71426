//! Payments leave memory and come back, and snapshots are made, while many threads pay.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{ArchivedPayment, Lsn, Offer, Refund};

use super::{crowded, together};
use crate::kit::{BALANCE, NOON_MS, Person, TILL, World, loaded, offer, person, yen};

/// The clock of the terminals, which goes on by a millisecond with each id.
struct Clock(AtomicU64);

impl Clock {
    fn id(&self) -> PaymentId {
        PaymentId::from_parts(self.0.fetch_add(1, Ordering::Relaxed), [7; 10])
    }

    fn offer(&self, payer: &Person) -> Offer {
        let mut offer = offer(1, TILL, payer, 3);
        offer.terms.payment = self.id();
        offer
    }
}

/// Gives a yen back, of what has left if it has to.
fn refund(world: &World, of: &Offer, clock: &Clock) {
    let (payment, terminal) = (of.terms.payment, of.terms.terminal);
    loop {
        let asked = Refund { refund: clock.id(), payment, terminal, price: yen(1) };
        match world.engine.refund(asked, world.now_ms, world.slot()) {
            Ok(_) => return,
            Err(Reason::PaymentUnknown) => {
                assert!(world.engine.is_archived(&payment));
                let entries = world.recorder.entries();
                let known = ArchivedPayment::fold(payment, &entries).unwrap().unwrap();
                world.engine.recall(&known, world.now_ms, world.slot()).unwrap();
            }
            // The floor was faster than the new id.
            Err(reason) => assert_eq!(reason, Reason::PaymentIdTooOld),
        }
    }
}

/// What is paid leaves at once and comes back for its refund; an id that was used never pays again.
#[test]
fn payments_come_and_go_while_many_pay() {
    const ROUNDS: u64 = 60;
    let world = World::with(crowded());
    let clock = Clock(AtomicU64::new(NOON_MS + 1));
    let (paid, gone) = (AtomicU64::new(0), AtomicUsize::new(0));
    together(4, |thread| {
        let payer = person(1 + u8::try_from(thread % 3).unwrap());
        for _ in 0..ROUNDS {
            let mut purchase = clock.offer(&payer);
            if let Err(reason) = world.open(&purchase) {
                assert_eq!(reason, Reason::PaymentIdTooOld);
                continue;
            }
            world.approve(&purchase, &payer).unwrap();
            paid.fetch_add(1, Ordering::Relaxed);
            // Whatever has ended may leave, this one among them.
            let floor_ms = clock.0.load(Ordering::Relaxed);
            let archived = Lsn(world.recorder.count() as u64);
            gone.fetch_add(world.engine.evict(floor_ms, archived, 9), Ordering::Relaxed);
            refund(&world, &purchase, &clock);
            purchase.terms.request.0[0] ^= 1;
            let again = world.open(&purchase).unwrap_err();
            assert!(matches!(again, Reason::PaymentIdReused | Reason::PaymentIdTooOld), "{again}");
        }
    });
    let (paid, gone) = (paid.into_inner(), gone.into_inner());
    assert!(paid > 0 && gone > 0, "{paid} were paid, {gone} have left");
    let spent: u64 = (1..=3).map(|n| BALANCE - world.money(&person(n)).0).sum();
    assert_eq!(spent, 2 * paid);
    let mut here = 0;
    world.engine.each_payment(|view| here += 1 + view.refunds as usize);
    assert_eq!(world.engine.ids_in_memory(), here, "the index has what memory has");
    world.assert_sound();
}

/// Each snapshot, with what was recorded from its beginning on, is the engine at the end.
#[test]
fn snapshots_are_made_while_many_pay() {
    const ROUNDS: u16 = 60;
    let world = World::with(crowded());
    let snapshots = together(5, |thread| {
        let payer = person(1 + u8::try_from(thread % 3).unwrap());
        let mut made = Vec::new();
        for round in 0..ROUNDS {
            if thread < 4 {
                let purchase = offer(thread * 1_000 + round, TILL, &payer, 3);
                world.pay(&purchase, &payer);
                continue;
            }
            let begun = world.recorder.count();
            let mut snapshot = world.engine.snapshot().unwrap();
            let (mut chunks, mut chunk) = (Vec::new(), Vec::new());
            while snapshot.next_chunk(&mut chunk) {
                chunks.push(std::mem::take(&mut chunk));
            }
            drop(snapshot);
            made.push((begun, chunks));
        }
        made
    });
    let entries = world.recorder.entries();
    let (hash, books) = (world.engine.state_hash(), world.engine.books().unwrap());
    for (begun, chunks) in snapshots.into_iter().flatten() {
        let again = loaded(&chunks, &entries[begun..], *world.engine.rules());
        assert_eq!((again.state_hash(), again.books().unwrap()), (hash, books.clone()));
    }
    let spent: u64 = (1..=3).map(|n| BALANCE - world.money(&person(n)).0).sum();
    assert_eq!(spent, 4 * u64::from(ROUNDS) * 3);
}
