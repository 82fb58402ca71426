//! What is refused, and what is not, while the journal's disk is nearly full.

use kessai_engine::terms::Reason;
use kessai_wire::PaymentState;

use super::{Ask, ask, open, payment_told, pos1, reason_of_refusal};
use crate::testing::World;

/// Too little for two further segments of 64 MiB.
const LITTLE: u64 = 200 << 20;

#[test]
fn with_little_room_left_nothing_begins_and_what_was_begun_ends() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    open(&world, &till, 1, 1, 300);
    world.make_durable();
    world.disk.set_capacity(Some(LITTLE));

    open(&world, &till, 2, 2, 100);
    assert_eq!(reason_of_refusal(&till.sent()), Reason::StorageLow);
    open(&world, &till, 3, 1, 300);
    assert!(till.sent().is_empty(), "a repeat joins the wait");
    ask(&world, &till, Ask::Cancel);
    world.make_durable();
    let told = till.sent();
    assert_eq!(told.len(), 3, "both opens and the cancel are answered: {told:?}");
    for one in told.chunks(1) {
        assert_eq!(payment_told(one).state, PaymentState::Cancelled);
    }
    open(&world, &till, 4, 1, 300);
    assert_eq!(payment_told(&till.sent()).state, PaymentState::Cancelled, "it is told again");

    world.disk.set_capacity(None);
    open(&world, &till, 5, 2, 100);
    world.make_durable();
    assert!(till.sent().is_empty(), "it is begun: the customer is asked");
}

#[test]
fn an_answer_comes_with_the_receipt_of_its_record() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    open(&world, &till, 1, 1, 300);
    ask(&world, &till, Ask::Cancel);
    world.make_durable();
    let latest = world.dispatch().journal().latest();
    let told = till.sent();
    for one in told.chunks(1) {
        let receipt = payment_told(one).receipt.unwrap();
        assert_eq!((receipt.claimed.lsn, receipt.claimed.partition), (latest.0, 0));
        assert_eq!(world.dispatch().receipts().issue(latest), Some(receipt));
    }
    assert_eq!(told.len(), 2);
}
