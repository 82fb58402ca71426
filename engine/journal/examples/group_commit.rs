//! Measures how many records a second become durable, and how long each waits for it.
//!
//! `cargo run --release -p kessai-journal --example group_commit -- DIR [realtime]`

use std::convert::Infallible;
use std::error::Error;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use kessai_engine::terms::collation::{ChannelBinding, HandsetNonce, ServerNonce};
use kessai_engine::terms::ids::{ApprovalNumber, DeviceId, PaymentId, Reference};
use kessai_engine::{Approved, BusinessDate, Entry, Lsn, Record, Slot, Trail, Unit};
use kessai_journal::{ChainKey, Journal, JournalOptions, WriterPriority};

const RUN: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = arguments.first().ok_or("usage: group_commit DIR [realtime]")?;
    let priority = match arguments.get(1).map(String::as_str) {
        Some("realtime") => WriterPriority::Realtime,
        _ => WriterPriority::Normal,
    };
    for (threads, window) in [(1, 1), (2, 1), (2, 16), (2, 256), (2, 2_048)] {
        let path = Path::new(directory).join(format!("{threads}x{window}"));
        measure(&path, priority, threads, window)?;
        std::fs::remove_dir_all(&path)?;
    }
    Ok(())
}

/// Has each thread push `window` records and wait for the last, over and over.
fn measure(
    path: &Path,
    priority: WriterPriority,
    threads: u16,
    window: u32,
) -> Result<(), Box<dyn Error>> {
    let options = JournalOptions { priority, ..JournalOptions::default() };
    let replay = |_, _| Ok::<(), Infallible>(());
    let (journal, recovered) = Journal::open(path, None, &options, ChainKey([7; 32]), replay)?;
    let started = Instant::now();
    let mut waits: Vec<Duration> = thread::scope(|scope| {
        let running: Vec<_> = (1..=threads)
            .map(|unit| {
                let journal = journal.clone();
                scope.spawn(move || push(&journal, Unit(unit), window, started))
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let elapsed = started.elapsed();
    let records = journal.durable().0;
    waits.sort_unstable();
    let at = |of_1000: usize| waits.get(waits.len() * of_1000 / 1000).copied().unwrap_or_default();
    println!(
        "{threads} threads x {window:>5}: {:>9} records/s, wait p50 {:?} p99 {:?} p999 {:?}, {:?}",
        u128::from(records) * 1_000 / elapsed.as_millis().max(1),
        at(500),
        at(990),
        at(999),
        recovered.priority,
    );
    journal.close();
    Ok(())
}

fn push(journal: &Journal, unit: Unit, window: u32, started: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    let mut sequence = 0;
    while started.elapsed() < RUN {
        let pushed = Instant::now();
        let mut last = Lsn::NONE;
        for _ in 0..window {
            let Some(slot) = journal.reserve() else {
                break;
            };
            sequence += 1;
            last = slot.push(approval(unit, sequence));
        }
        block_on(journal.when_durable(last));
        waits.push(pushed.elapsed());
    }
    waits
}

/// An entry as long as that of a real approval.
fn approval(unit: Unit, sequence: u64) -> Entry {
    let approved = Approved {
        payment: PaymentId::from_parts(1_700_000_000_000 + sequence, [7; 10]),
        device: DeviceId([8; 16]),
        channel: ChannelBinding([1; 32]),
        server_nonce: ServerNonce([2; 32]),
        handset_nonce: HandsetNonce([3; 32]),
        approval: ApprovalNumber::wrapping(sequence),
        reference: Reference::wrapping(sequence),
        deliver_by_ms: None,
        trail: Trail {
            prompted_at_ms: 1_700_000_000_000,
            shown_at_ms: Some(1_700_000_000_000),
            answered_at_ms: 1_700_000_000_000,
        },
    };
    Entry {
        unit,
        sequence,
        at_ms: 1_700_000_000_000 + sequence,
        business_date: BusinessDate(20_000),
        record: Record::Approved(Box::new(approved)),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
