//! What the engine costs: opening, collating, and the whole payment in this process.
#![expect(clippy::expect_used, reason = "a bench stops where something is wrong")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kessai_benches::{NOW_MS, World};
use kessai_engine::Collated;
use kessai_engine::terms::collation::ServerNonce;
use kessai_journal::{ChainKey, Journal, JournalOptions};
use tokio::runtime::Runtime;

const CUSTOMERS: u32 = 10_000;

/// Payments under way at a time, each waited for by a task of its own.
const TASKS: u64 = 1_024;

/// A world of its own for each sample: payments stay in memory, and a full memory is slower.
fn volatile() -> World {
    World::new(Journal::volatile(), CUSTOMERS)
}

fn open(c: &mut Criterion) {
    c.bench_function("open", |b| {
        b.iter_custom(|count| {
            let world = volatile();
            let offers: Vec<_> = (0..count).map(|_| world.offer(NOW_MS)).collect();
            let start = Instant::now();
            for offer in offers {
                black_box(world.engine.open(offer, NOW_MS, world.slot())).expect("opened");
            }
            start.elapsed()
        });
    });
}

fn collate(c: &mut Criterion) {
    c.bench_function("collate", |b| {
        b.iter_custom(|count| {
            let world = volatile();
            let claims: Vec<_> = (0..count)
                .map(|_| {
                    let offer = world.offer(NOW_MS);
                    let (payment, payer) = (offer.terms.payment, offer.customer);
                    world.engine.open(offer, NOW_MS, world.slot()).expect("opened");
                    world.claim(payment, payer, NOW_MS)
                })
                .collect();
            let start = Instant::now();
            for claim in claims {
                let collated = world.engine.collate(&claim, next(), NOW_MS, world.slot());
                assert!(matches!(collated, Ok(Collated::Approved { .. })), "not approved");
            }
            start.elapsed()
        });
    });
}

/// Opens, waits, asks, proves, collates and waits: the handset's own work is in it.
async fn pay(world: &World) {
    let offer = world.offer(NOW_MS);
    let (payment, payer) = (offer.terms.payment, offer.customer);
    let opened = world.engine.open(offer, NOW_MS, world.slot()).expect("opened");
    world.journal.when_durable(opened.view.after).await;
    let claim = world.claim(payment, payer, NOW_MS);
    let collated = world.engine.collate(&claim, next(), NOW_MS, world.slot());
    let Ok(Collated::Approved { view, .. }) = collated else { unreachable!("not approved") };
    world.journal.when_durable(view.after).await;
}

fn pay_many(runtime: &Runtime, world: &Arc<World>, count: u64) -> Duration {
    let start = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS.min(count))
            .map(|task| {
                let world = Arc::clone(world);
                tokio::spawn(async move {
                    for _ in (task..count).step_by(usize::try_from(TASKS).unwrap_or(1)) {
                        pay(&world).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("every payment is approved");
        }
    });
    start.elapsed()
}

fn payment(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = c.benchmark_group("payment");
    group.throughput(Throughput::Elements(1));
    group.bench_function("volatile", |b| {
        b.iter_custom(|count| pay_many(&runtime, &Arc::new(volatile()), count));
    });
    group.bench_function("durable", |b| {
        b.iter_custom(|count| {
            let folder = tempfile::tempdir().expect("a folder");
            let options = JournalOptions::default();
            let replay = |_, _| Ok::<_, std::convert::Infallible>(());
            let (journal, _) =
                Journal::open(folder.path(), None, &options, ChainKey([1; 32]), replay)
                    .expect("a journal");
            let world = Arc::new(World::new(journal.clone(), CUSTOMERS));
            let elapsed = pay_many(&runtime, &world, count);
            journal.close();
            elapsed
        });
    });
    group.finish();
}

const fn next() -> ServerNonce {
    ServerNonce([4; 32])
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = open, collate, payment
}
criterion_main!(benches);
