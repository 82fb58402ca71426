//! Measures what keeps payments beside the journal: how many records a second an archive takes,
//! in how much memory, how long a lookup takes, and how fast a snapshot is written and read.
//!
//! `cargo run --release -p kessai-journal --example keep -- DIR [PAYMENTS]`

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kessai_engine::terms::collation::{ChannelBinding, ContentDigest, HandsetNonce, ServerNonce};
use kessai_engine::terms::ids::{ApprovalNumber, DeviceId, PaymentId, Reference};
use kessai_engine::terms::money::{Amount, Currency};
use kessai_engine::{
    Approved, BusinessDate, Capture, Charge, Entry, Lsn, NamedBy, Opened, Record, RequestDigest,
    Slot, Terms, Trail, Unit,
};
use kessai_journal::{
    Archive, ArchiveOptions, Archiver, ChainKey, Journal, JournalOptions, Snapshots,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const KEY: ChainKey = ChainKey([7; 32]);
const SNAPSHOT_CHUNKS: u64 = 32_768;
const CHUNK_BYTES: usize = 32 << 10;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = Path::new(arguments.first().ok_or("usage: keep DIR [PAYMENTS]")?);
    let payments = arguments.get(1).map_or(Ok(1_000_000), |text| text.parse())?;
    archive(directory, payments)?;
    snapshot(&directory.join("snapshots"))
}

/// Records payments, has them archived behind it, and the journal trimmed behind that.
fn archive(directory: &Path, payments: u64) -> Outcome<()> {
    let replay = |_, _| Ok::<(), Infallible>(());
    let options = JournalOptions::default();
    let (journal, _) = Journal::open(&directory.join("journal"), None, &options, KEY, replay)?;
    let archive = Archive::open(&directory.join("archive"), &ArchiveOptions::default())?;
    let mut archiver = Archiver::new(&journal, KEY, archive.clone())?;
    let (mut archiving, mut longest) = (Duration::ZERO, Duration::ZERO);
    for payment in 0..payments {
        for record in [opened(payment)?, approved(payment)] {
            push(&journal, payment, record);
        }
        let last = payment + 1 == payments;
        while last || journal.latest().0.saturating_sub(archive.upto().0) > 16_384 {
            let began = Instant::now();
            let archived = archiver.step()?;
            archiving += began.elapsed();
            longest = longest.max(began.elapsed());
            journal.trim(archived.upto);
            if archived.upto == journal.latest() {
                break;
            }
        }
        if (payment + 1) % (payments / 5).max(1) == 0 {
            let status = archive.status()?;
            println!(
                "{:>9} payments: {} MB of archive, memory {} MiB",
                payment + 1,
                status.bytes / 1_000_000,
                memory_mib()?
            );
        }
    }
    let rate = u128::from(payments * 2) * 1_000 / archiving.as_millis().max(1);
    println!("archived {rate} records/s, the longest step took {longest:?}");
    let lookups = 20_000;
    let began = Instant::now();
    for number in 0..lookups {
        let payment = id(number * 7_919 % payments);
        if archive.payment(&payment)?.len() != 2 {
            return Err(format!("payment {payment} is not whole").into());
        }
    }
    println!("a lookup takes {:?}", began.elapsed() / u32::try_from(lookups)?);
    let began = Instant::now();
    drop((archiver, archive));
    Archive::check(&directory.join("archive"), &ArchiveOptions::default())?;
    println!("checked whole in {:?}", began.elapsed());
    journal.close();
    Ok(())
}

/// Writes a snapshot of 1 GiB, and reads it back: once to verify it, once for its chunks.
fn snapshot(directory: &Path) -> Outcome<()> {
    let snapshots = Snapshots::open(directory, &KEY)?;
    let chunk: Vec<u8> = (0_u32..).flat_map(u32::to_le_bytes).take(CHUNK_BYTES).collect();
    let began = Instant::now();
    let mut writer = snapshots.begin(Lsn(1))?;
    for _ in 0..SNAPSHOT_CHUNKS {
        writer.push(&chunk)?;
    }
    let finished = writer.finish(Lsn(1))?;
    let bytes = u128::from(finished.bytes());
    finished.publish(Lsn(1))?;
    let told = |doing: &str, took: Duration| {
        println!("snapshot {doing}: {} MB/s", bytes / took.as_micros().max(1));
    };
    told("written and synced", began.elapsed());
    let began = Instant::now();
    let found = snapshots.latest()?.found.ok_or("the snapshot does not verify")?;
    told("verified", began.elapsed());
    let began = Instant::now();
    found.visit(|_| Ok::<(), Infallible>(()))?;
    told("visited", began.elapsed());
    Ok(())
}

/// Pushes a record once there is room for it.
fn push(journal: &Journal, payment: u64, record: Record) {
    let entry = Entry {
        unit: Unit(1),
        sequence: payment + 1,
        at_ms: 1_700_000_000_000 + payment,
        business_date: BusinessDate(20_000),
        record,
    };
    loop {
        if let Some(slot) = journal.reserve() {
            slot.push(entry);
            return;
        }
        std::thread::yield_now();
    }
}

fn id(payment: u64) -> PaymentId {
    let [.., a, b, c, d] = payment.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    PaymentId::from_parts(1_700_000_000_000 + payment / 20, [a, b, c, d, d, c, b, a, 7, 7])
}

fn opened(payment: u64) -> Outcome<Record> {
    Ok(Record::Opened(Box::new(Opened {
        terms: Terms {
            payment: id(payment),
            terminal: "T1".parse()?,
            store: "S1".parse()?,
            merchant: "M1".parse()?,
            named_by: NamedBy::Id,
            charge: Charge {
                amount: Amount::new(1_000 + payment)?,
                currency: Currency::JPY,
                foreign: None,
            },
            capture: Capture::AtApproval,
            request: RequestDigest([0xaa; 32]),
            content: ContentDigest([0xbb; 32]),
        },
        customer: "customer-1".parse()?,
        received_at_ms: 1_700_000_000_000,
        expires_at_ms: 1_700_000_060_000,
        displaced: Vec::new(),
        // As long as that of three lines.
        confirmation: vec![0x5a; 420].into(),
    })))
}

fn approved(payment: u64) -> Record {
    Record::Approved(Box::new(Approved {
        payment: id(payment),
        device: DeviceId([8; 16]),
        channel: ChannelBinding([1; 32]),
        server_nonce: ServerNonce([2; 32]),
        handset_nonce: HandsetNonce([3; 32]),
        approval: ApprovalNumber::wrapping(payment),
        reference: Reference::wrapping(payment),
        deliver_by_ms: None,
        trail: Trail {
            prompted_at_ms: 1_700_000_000_000,
            shown_at_ms: Some(1_700_000_000_000),
            answered_at_ms: 1_700_000_000_000,
        },
    }))
}

/// The most memory that the process has had, as Linux tells it.
fn memory_mib() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 =
        line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?.parse()?;
    Ok(kib / 1_024)
}
