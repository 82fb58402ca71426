//! Fills the data directory of a gateway that is stopped with customers who pay, through its own
//! engine and journal: so that it can be measured how long `kessai serve` takes to start from a
//! long journal. Run again, the same customers pay once more.
//!
//! `cargo run --release -p kessai-benches --bin history -- CONFIGURATION RECORDS [CUSTOMERS]`
//!
//! Each payment makes two records, each new customer two. Customers pay far more often than people
//! do: the configuration must say `asks_per_minute = 1000000` under `[payments]`.
#![expect(clippy::expect_used, reason = "a measurement stops where something is wrong")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use kessai_benches::World;
use kessai_engine::Collated;
use kessai_engine::terms::collation::ServerNonce;
use kessai_gateway::clock::{Clock, SystemClock};
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::{Keys, Node, Settings};

/// Who pays unless something else is said.
const CUSTOMERS: u32 = 200_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let configuration = arguments.next().map(PathBuf::from).expect("which configuration");
    let records: u64 = arguments.next().and_then(|text| text.parse().ok()).expect("how many");
    let customers = arguments.next().map_or(Ok(CUSTOMERS), |text| text.parse());

    let settings = Settings::load(&configuration).expect("a configuration");
    let keys = Keys::load(&settings.keys).expect("its keys");
    let began = Instant::now();
    let node = Node::open(&settings, &keys, &SystemEntropy).expect("its data");
    let (from, clock) = (node.journal().latest(), SystemClock::new());
    println!("opened in {:.1?}, the last record is {}", began.elapsed(), from.0);

    let (engine, journal) = (Arc::clone(node.engine()), node.journal().clone());
    let world = World::on(engine, journal, customers.expect("how many customers"));
    let began = Instant::now();
    if from.0 == 0 {
        world.enter(&keys.current_sealing_key(), clock.now_ms());
    }
    while world.journal.latest().0.saturating_sub(from.0) < records {
        pay(&world, clock.now_ms());
    }
    world.journal.close();
    let last = world.journal.durable().0;
    println!("written in {:.1?}, the last record is {last}", began.elapsed());
}

/// Makes a payment that its customer approves.
fn pay(world: &World, now_ms: u64) {
    let offer = world.offer(now_ms);
    let (payment, payer) = (offer.terms.payment, offer.customer);
    world.engine.open(offer, now_ms, world.slot()).expect("it is opened");
    let claim = world.claim(payment, payer, now_ms);
    let collated = world.engine.collate(&claim, ServerNonce([4; 32]), now_ms, world.slot());
    assert!(matches!(collated, Ok(Collated::Approved { .. })), "not approved");
}
