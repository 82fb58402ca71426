//! Compares the stores that an archive could be built on: records of payments are appended in
//! groups, each made durable, while single payments are looked up; see
//! `docs/decisions/0009-the-archive-is-kept-in-redb.md`.
//!
//! One store a process, so that its memory can be told:
//! `cargo run --release -p kessai-journal --example archive_stores -- redb|fjall DIR [PAYMENTS]`

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use redb::{ReadableDatabase, TableDefinition};

type Outcome<T> = Result<T, Box<dyn Error>>;
/// Payment id and LSN, most significant byte first: in the order of time.
type Key = [u8; 24];

const GROUP: u64 = 4_096;
const CACHE_BYTES: usize = 64 << 20;
const RECORDS: TableDefinition<'_, &Key, &[u8]> = TableDefinition::new("records");

/// A store under test.
trait Store: Sized {
    fn open(directory: &Path) -> Outcome<Self>;

    /// Appends a group and returns once it is durable.
    fn append(&mut self, group: &[(Key, Vec<u8>)]) -> Outcome<()>;

    /// Adds up the lengths of a payment's records.
    fn lookup(&self, from: &Key, to: &Key) -> Outcome<usize>;
}

struct Redb(redb::Database);

impl Store for Redb {
    fn open(directory: &Path) -> Outcome<Self> {
        let mut builder = redb::Builder::new();
        Ok(Self(builder.set_cache_size(CACHE_BYTES).create(directory.join("archive"))?))
    }

    fn append(&mut self, group: &[(Key, Vec<u8>)]) -> Outcome<()> {
        let mut transaction = self.0.begin_write()?;
        // What an archive needs: after a crash it opens at once.
        transaction.set_quick_repair(true);
        let mut table = transaction.open_table(RECORDS)?;
        for (key, value) in group {
            table.insert(key, value.as_slice())?;
        }
        drop(table);
        Ok(transaction.commit()?)
    }

    fn lookup(&self, from: &Key, to: &Key) -> Outcome<usize> {
        let table = self.0.begin_read()?.open_table(RECORDS)?;
        let mut bytes = 0;
        for record in table.range::<&Key>(from..=to)? {
            bytes += record?.1.value().len();
        }
        Ok(bytes)
    }
}

struct Fjall(Database, Keyspace);

impl Store for Fjall {
    fn open(directory: &Path) -> Outcome<Self> {
        let cache = u64::try_from(CACHE_BYTES)?;
        let database = Database::builder(directory)
            .cache_size(cache)
            .journal_compression(CompressionType::None)
            .open()?;
        let records = database.keyspace("records", || {
            // Nonces and digests do not shrink, and redb does not compress either.
            KeyspaceCreateOptions::default()
                .data_block_compression_policy(fjall::config::CompressionPolicy::disabled())
        })?;
        Ok(Self(database, records))
    }

    fn append(&mut self, group: &[(Key, Vec<u8>)]) -> Outcome<()> {
        let mut batch = self.0.batch().durability(Some(PersistMode::SyncData));
        for (key, value) in group {
            batch.insert(&self.1, *key, value.as_slice());
        }
        Ok(batch.commit()?)
    }

    fn lookup(&self, from: &Key, to: &Key) -> Outcome<usize> {
        let mut bytes = 0;
        for record in self.1.range(*from..=*to) {
            bytes += record.into_inner()?.1.len();
        }
        Ok(bytes)
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "usage: archive_stores redb|fjall DIR [PAYMENTS]";
    let directory = Path::new(arguments.get(1).ok_or(usage)?);
    let payments = arguments.get(2).map_or(Ok(1_000_000), |text| text.parse())?;
    fs::create_dir_all(directory)?;
    match arguments.first().map(String::as_str) {
        Some("redb") => measure::<Redb>(directory, payments),
        Some("fjall") => measure::<Fjall>(directory, payments),
        _ => Err(usage.into()),
    }
}

fn measure<S: Store>(directory: &Path, payments: u64) -> Outcome<()> {
    let mut store = S::open(directory)?;
    let mut payload = Payload(7);
    let started = Instant::now();
    let (mut longest, mut logical, mut group) = (Duration::ZERO, 0, Vec::new());
    for payment in 0..payments {
        // An open with its confirmation, an approval, and of every tenth something more.
        for (step, bytes) in
            [620, 260].into_iter().chain((payment % 10 == 0).then_some(80)).enumerate()
        {
            group.push((key(payment, u64::try_from(step)?), payload.bytes(bytes)));
            logical += bytes;
        }
        if u64::try_from(group.len())? >= GROUP || payment + 1 == payments {
            let began = Instant::now();
            store.append(&group)?;
            longest = longest.max(began.elapsed());
            group.clear();
        }
        if (payment + 1) % (payments / 4).max(1) == 0 {
            println!(
                "{:>9} payments: {:?}, memory {} MiB",
                payment + 1,
                started.elapsed(),
                memory_mib()?
            );
        }
    }
    let records = payments * 2 + payments.div_ceil(10);
    let rate = u128::from(records) * 1_000 / started.elapsed().as_millis().max(1);
    println!(
        "append: {rate} records/s, longest group {longest:?}, {} MB of records",
        logical / 1_000_000
    );
    for round in ["lookups just after", "lookups again"] {
        println!("{round}: {:?} each", lookups(&store, payments)?);
    }
    println!("written to the disk: {} MB", written_bytes()? / 1_000_000);
    drop(store);
    let began = Instant::now();
    let store = S::open(directory)?;
    println!("opened again in {:?}", began.elapsed());
    println!("lookups of a new process' cache: {:?} each", lookups(&store, payments)?);
    println!("space {} MB, memory {} MiB at most", space(directory)? / 1_000_000, memory_mib()?);
    Ok(())
}

/// Looks up payments from all over the archive, and gives the mean time.
fn lookups<S: Store>(store: &S, payments: u64) -> Outcome<Duration> {
    const LOOKUPS: u32 = 20_000;
    let mut drawn = Payload(11);
    let began = Instant::now();
    for _ in 0..LOOKUPS {
        let payment = drawn.next() % payments;
        let found = store.lookup(&key(payment, 0), &key(payment, u64::MAX))?;
        if found < 880 {
            return Err(format!("payment {payment} has {found} bytes").into());
        }
    }
    Ok(began.elapsed() / LOOKUPS)
}

/// The key of a payment's record: ids rise with time, but not strictly.
fn key(payment: u64, lsn: u64) -> Key {
    let mut key = [0; 24];
    let random = Payload(payment).next();
    let at_ms = 1_700_000_000_000 + payment / 20 + random % 50;
    let id = [at_ms.to_be_bytes(), random.to_be_bytes(), lsn.to_be_bytes()].concat();
    key.iter_mut().zip(id).for_each(|(to, from)| *to = from);
    key
}

/// Bytes that do not shrink (SplitMix64).
struct Payload(u64);

impl Payload {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.next().to_le_bytes()).flatten().take(count).collect()
    }
}

/// The most memory that the process has had, as Linux tells it.
fn memory_mib() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 =
        line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?.parse()?;
    Ok(kib / 1_024)
}

/// What the process has had written so far, as Linux tells it.
fn written_bytes() -> Outcome<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("no write_bytes")?.parse()?)
}

/// The space that a directory takes.
fn space(directory: &Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { space(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
