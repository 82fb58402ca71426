//! What it costs to append: one record and its sync, and many together.
#![expect(clippy::expect_used, reason = "a bench stops where something is wrong")]

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kessai_benches::NOW_MS;
use kessai_engine::terms::{Amount, CustomerId, TransferReference};
use kessai_engine::{BusinessDate, Credited, Entry, Lsn, Record, Slot, Unit};
use kessai_journal::{ChainKey, Journal, JournalOptions};
use tokio::runtime::Runtime;

fn entry(sequence: u64) -> Entry {
    let customer = CustomerId::new("1234-567-890").expect("an id");
    let amount = Amount::new(1_080).expect("an amount");
    let reference = TransferReference::new("pay-in").expect("a reference");
    Entry {
        unit: Unit(1),
        sequence,
        at_ms: NOW_MS,
        business_date: BusinessDate(20_833),
        record: Record::Credited(Credited { customer, amount, reference }),
    }
}

fn append(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = c.benchmark_group("append");
    for together in [1_u64, 1_000] {
        group.throughput(Throughput::Elements(together));
        group.bench_function(BenchmarkId::from_parameter(together), |b| {
            b.iter_custom(|count| {
                let folder = tempfile::tempdir().expect("a folder");
                let options = JournalOptions::default();
                let replay = |_, _| Ok::<_, std::convert::Infallible>(());
                let key = ChainKey([1; 32]);
                let (journal, _) =
                    Journal::open(folder.path(), None, &options, key, replay).expect("a journal");
                let start = Instant::now();
                for batch in 0..count {
                    let first = batch.saturating_mul(together);
                    let mut last = Lsn::NONE;
                    for place in 1..=together {
                        let slot = journal.reserve().expect("room in the journal");
                        last = slot.push(entry(first.saturating_add(place)));
                    }
                    runtime.block_on(journal.when_durable(last));
                }
                let elapsed = start.elapsed();
                journal.close();
                elapsed
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = append
}
criterion_main!(benches);
