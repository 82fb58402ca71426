//! A payment told record by record: foreign, on delivery, mistyped once, captured in part and
//! refunded in part.

use std::path::PathBuf;

use kessai_engine::terms::collation::{
    ChannelBinding, HandsetNonce, Salt, SealedRow, ServerNonce, content_digest,
};
use kessai_engine::terms::ids::{ApprovalNumber, Reference};
use kessai_engine::terms::{
    Amount, Basket, Currency, CustomerId, DeviceId, Gtin, Line, PaymentId, Rounding, Tax, TaxRate,
};
use kessai_engine::{
    Approved, BusinessDate, Calendar, Capture, Captured, Charge, DeviceAdded, Entry, ForeignPrice,
    KeyPin, Lsn, Merchant, Mismatched, NamedBy, Opened, Overtaken, Record, Refunded,
    RegisterChange, RequestDigest, Slot, Standing, Store, Terms, Trail, Unit, Verdict,
};
use kessai_journal::{ChainKey, Journal, JournalOptions};
use kessai_wire::{CaptureTerms, Confirmation, Exchange};
use tempfile::TempDir;

pub(super) const KEY: ChainKey = ChainKey([5; 32]);
/// 2026-10-30T15:00:00Z, when all begins.
pub(super) const NOW_MS: u64 = 1_793_372_400_000;
pub(super) const DEVICE: DeviceId = DeviceId([0xd1; 16]);

/// The payment.
pub(super) fn payment() -> PaymentId {
    asked_for(1)
}

/// Its refund.
pub(super) fn refund() -> PaymentId {
    asked_for(2)
}

pub(super) fn asked_for(number: u8) -> PaymentId {
    PaymentId::from_parts(NOW_MS, [number; 10])
}

pub(super) fn customer() -> CustomerId {
    "090-1111-1111".parse().unwrap()
}

pub(super) fn merchant() -> Merchant {
    let name = "Blue Shop".parse().unwrap();
    Merchant { id: "M1".parse().unwrap(), name, invoice_number: None }
}

pub(super) fn merchant_record() -> Record {
    Record::Registered(RegisterChange::Merchant(merchant()))
}

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

fn dollars() -> Currency {
    Currency::from_code("USD").unwrap()
}

fn confirmation(id: PaymentId, expires_at_ms: u64) -> Confirmation {
    let line = |code: &str, name: &str, unit_price, quantity, discount| Line {
        code: Gtin::new(code).unwrap(),
        name: name.parse().unwrap(),
        unit_price: amount(unit_price),
        quantity,
        discount: amount(discount),
        tax: Tax::Included(TaxRate::JAPAN_REDUCED),
    };
    let lines = vec![
        line("4901234567894", "Green tea", 5_000, 2, 0),
        line("96385074", "おにぎり", 2_815, 1, 100),
    ];
    Confirmation {
        payment: id,
        terminal: "VEND1".parse().unwrap(),
        merchant: "M1".parse().unwrap(),
        merchant_name: "Blue Shop".parse().unwrap(),
        store: "S1".parse().unwrap(),
        store_name: "Station".parse().unwrap(),
        customer: customer(),
        basket: Basket::check(lines, Rounding::Down, amount(12_715)).unwrap(),
        currency: dollars(),
        exchange: Some(Exchange {
            total: amount(19_994).of(Currency::JPY),
            rate: "157.250268528".parse().unwrap(),
            markup_bp: 150,
        }),
        opened_at_ms: NOW_MS,
        utc_offset_minutes: 540,
        expires_at_ms,
        capture: CaptureTerms::OnDelivery { within_ms: 30_000 },
    }
}

fn opened(payment: PaymentId, displaced: Vec<PaymentId>) -> Record {
    let expires_at_ms = NOW_MS + 60_000;
    let content = confirmation(payment, expires_at_ms).encode();
    Record::Opened(Box::new(Opened {
        terms: Terms {
            payment,
            terminal: "VEND1".parse().unwrap(),
            store: "S1".parse().unwrap(),
            merchant: "M1".parse().unwrap(),
            named_by: NamedBy::Code,
            charge: Charge {
                amount: amount(19_994),
                currency: Currency::JPY,
                foreign: Some(ForeignPrice {
                    price: amount(12_715),
                    currency: dollars(),
                    rate: "157.250268528".parse().unwrap(),
                    markup_basis_points: 150,
                }),
            },
            capture: Capture::OnDelivery,
            request: RequestDigest([0xaa; 32]),
            content: content_digest(&content),
        },
        customer: customer(),
        received_at_ms: NOW_MS,
        expires_at_ms,
        displaced,
        confirmation: content,
    }))
}

/// Records, one second after the other where nothing else is said.
pub(super) struct Story {
    pub(super) entries: Vec<Entry>,
}

impl Story {
    fn new() -> Self {
        let mut story = Self { entries: Vec::new() };
        story.push(merchant_record());
        story.push(Record::Registered(RegisterChange::Store(Store {
            id: "S1".parse().unwrap(),
            merchant: "M1".parse().unwrap(),
            name: "Station".parse().unwrap(),
            currency: dollars(),
            rounding: Rounding::Down,
            standing: Standing::Active,
        })));
        story.push(Record::DeviceAdded(Box::new(DeviceAdded {
            customer: customer(),
            device: DEVICE,
            pin: KeyPin([6; 32]),
            salt: Salt([1; 16]),
            row: SealedRow { key_id: 1, version: 1, nonce: [0; 12], sealed: [[0; 28]; 4] },
        })));
        story
    }

    /// A payment with all that can happen to one that is approved.
    pub(super) fn whole() -> Self {
        let mut story = Self::new();
        let trail = |prompted_at_ms, answered_at_ms| Trail {
            prompted_at_ms,
            shown_at_ms: Some(prompted_at_ms + 100),
            answered_at_ms,
        };
        story.push(opened(payment(), Vec::new()));
        story.push(Record::Mismatched(Mismatched {
            payment: payment(),
            device: DEVICE,
            verdict: Verdict::TryAgain,
            trail: trail(NOW_MS + 50, NOW_MS + 900),
        }));
        story.push(Record::Approved(Box::new(Approved {
            payment: payment(),
            device: DEVICE,
            channel: ChannelBinding([0xc1; 32]),
            server_nonce: ServerNonce([0xc2; 32]),
            handset_nonce: HandsetNonce([0xc3; 32]),
            approval: ApprovalNumber::new(123_456).unwrap(),
            reference: Reference::new(42).unwrap(),
            deliver_by_ms: Some(NOW_MS + 35_000),
            trail: trail(NOW_MS + 1_000, NOW_MS + 1_990),
        })));
        story.push(Record::Captured(Captured {
            payment: payment(),
            amount: amount(15_725),
            price: amount(10_000),
        }));
        story.push(Record::Refunded(Box::new(Refunded {
            payment: payment(),
            refund: refund(),
            terminal: "VEND2".parse().unwrap(),
            amount: amount(3_931),
            price: amount(2_500),
            reference: Reference::new(43).unwrap(),
        })));
        story
    }

    /// A payment that another one takes the place of.
    pub(super) fn displaced() -> Self {
        let mut story = Self::new();
        story.push(opened(payment(), Vec::new()));
        story.push(opened(asked_for(9), vec![payment()]));
        story
    }

    /// A cancel that came before its payment.
    pub(super) fn overtaken() -> Record {
        let terminal = "VEND1".parse().unwrap();
        Record::Overtaken(Overtaken { payment: payment(), terminal })
    }

    pub(super) fn push(&mut self, record: Record) {
        self.entries.push(entry(record));
    }

    pub(super) fn insert_before(&mut self, name: &str, record: Record) {
        let place = self.place(name);
        self.entries.insert(place, entry(record));
    }

    pub(super) fn remove(&mut self, name: &str) {
        let place = self.place(name);
        self.entries.remove(place);
    }

    pub(super) fn place(&self, name: &str) -> usize {
        let is_it = |entry: &Entry| {
            matches!(
                (&entry.record, name),
                (Record::DeviceAdded(_), "device")
                    | (Record::Opened(_), "opened")
                    | (Record::Mismatched(_), "mismatched")
                    | (Record::Approved(_), "approved")
                    | (Record::Captured(_), "captured")
                    | (Record::Refunded(_), "refunded")
            )
        };
        self.entries.iter().position(is_it).unwrap()
    }

    pub(super) fn opened(&mut self) -> &mut Opened {
        let place = self.place("opened");
        let Record::Opened(opened) = &mut self.entries[place].record else { panic!() };
        opened
    }

    /// Has it expire then, in what was shown as well.
    pub(super) fn opened_until(&mut self, expires_at_ms: u64) {
        let content = confirmation(payment(), expires_at_ms).encode();
        let opened = self.opened();
        opened.expires_at_ms = expires_at_ms;
        opened.terms.content = content_digest(&content);
        opened.confirmation = content;
    }

    pub(super) fn approved(&mut self) -> &mut Approved {
        let place = self.place("approved");
        let Record::Approved(approved) = &mut self.entries[place].record else { panic!() };
        approved
    }

    pub(super) fn refunded(&mut self) -> &mut Refunded {
        let place = self.place("refunded");
        let Record::Refunded(refunded) = &mut self.entries[place].record else { panic!() };
        refunded
    }

    /// Writes the story into a journal of its own, each record a batch.
    pub(super) fn written(&self) -> Written {
        let folder = tempfile::tempdir().unwrap();
        let options = JournalOptions {
            segment_bytes: 1 << 20,
            queue_bytes: 1 << 19,
            queue_records: 64,
            ..JournalOptions::default()
        };
        let replay = |_: Lsn, _: Entry| Ok::<_, std::convert::Infallible>(());
        let (journal, _) = Journal::open(folder.path(), None, &options, KEY, replay).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (place, entry) in (0_u64..).zip(&self.entries) {
            let mut entry = entry.clone();
            entry.sequence = place + 1;
            // What is known before anybody buys was entered the day before.
            entry.at_ms = match entry.record {
                Record::Registered(_) | Record::DeviceAdded(_) => NOW_MS - 86_400_000,
                Record::Opened(_) => NOW_MS + 10,
                Record::Mismatched(_) => NOW_MS + 950,
                Record::Approved(_) => NOW_MS + 2_000,
                Record::Captured(_) => NOW_MS + 6_000,
                _ => NOW_MS + 9_000,
            };
            entry.business_date = day(entry.at_ms);
            let lsn = journal.reserve().unwrap().push(entry);
            runtime.block_on(journal.when_durable(lsn));
        }
        journal.close();
        Written(folder)
    }
}

fn entry(record: Record) -> Entry {
    let (at_ms, unit) = (NOW_MS, Unit(1));
    Entry { unit, sequence: 1, at_ms, business_date: day(at_ms), record }
}

fn day(at_ms: u64) -> BusinessDate {
    Calendar::default().date(at_ms)
}

/// A journal on disk.
pub(super) struct Written(TempDir);

impl Written {
    pub(super) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.0.path()).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        files
    }

    /// All that is on disk.
    pub(super) fn bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.segments()
            .into_iter()
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect()
    }

    /// Flips a bit in the batch of the record at `place`, of those that were written.
    pub(super) fn flip_in_record(&self, place: usize) {
        let mut offset = None;
        let number = u64::try_from(place + 1).unwrap();
        kessai_journal::read(&self.path(), &KEY, Lsn::NONE, |recorded| {
            if recorded.entry.sequence == number {
                offset = Some(recorded.batch.place);
            }
            Ok::<_, std::convert::Infallible>(())
        })
        .unwrap();
        let place = offset.unwrap();
        let path = self.segments().into_iter().find(|path| path.is_file() && is_segment(path));
        let path = path.unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let behind_the_header = usize::try_from(place.offset).unwrap() + 100;
        bytes[behind_the_header] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
}

fn is_segment(path: &std::path::Path) -> bool {
    std::fs::metadata(path).unwrap().len() >= 1 << 20
}
