//! The journal's format: the bytes of one entry of every kind, fixed for good.
//!
//! `entries.hex` holds one line an entry, a name and its bytes. A change of it is a change of the
//! journal's format: old journals would no longer be read.

use std::collections::BTreeMap;

use kessai_engine::{BusinessDate, DecodeError, Entry, Record, Unit};

mod records;

use records::records;

const FIXTURE: &str = include_str!("entries.hex");

fn entry(record: Record) -> Entry {
    Entry {
        unit: Unit(3),
        sequence: 300,
        at_ms: 1_795_316_460_000,
        business_date: BusinessDate(20_779),
        record,
    }
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.encode_into(&mut bytes);
    bytes
}

fn fixture() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = FIXTURE.lines().map(|line| line.split_once(' ').expect("a name and its bytes"));
    lines.map(|(name, digits)| (name, hex::decode(digits).expect("hexadecimal"))).collect()
}

/// Fails to compile when a kind of record is added, so that its bytes are fixed too.
const fn kind(record: &Record) -> usize {
    match record {
        Record::Registered(_) => 0,
        Record::CustomerAdded(_) => 1,
        Record::Credited(_) => 2,
        Record::DeviceAdded(_) => 3,
        Record::DeviceRevoked(_) => 4,
        Record::Unblocked(_) => 5,
        Record::Opened(_) => 6,
        Record::Declined(_) => 7,
        Record::Overtaken(_) => 8,
        Record::Mismatched(_) => 9,
        Record::Approved(_) => 10,
        Record::Ended(_) => 11,
        Record::Captured(_) => 12,
        Record::Reversed(_) => 13,
        Record::Rekeyed(_) => 14,
        Record::Debited(_) => 15,
        Record::ProfileSet(_) => 16,
        Record::ProfileErased(_) => 17,
        Record::Refunded(_) => 18,
        Record::PolicySet(_) => 19,
        Record::Recalled(_) => 20,
    }
}

#[test]
fn every_kind_of_record_has_its_bytes() {
    let fixture = fixture();
    let records = records();
    let kinds: std::collections::BTreeSet<_> =
        records.iter().map(|(_, record)| kind(record)).collect();
    assert_eq!(kinds, (0..21).collect());
    let mut wrong = String::new();
    for (name, record) in &records {
        let bytes = encoded(&entry(record.clone()));
        if fixture.get(name) != Some(&bytes) {
            wrong.push_str(&format!("{name} {}\n", hex::encode(bytes)));
        }
    }
    assert!(wrong.is_empty(), "these entries are encoded otherwise now:\n{wrong}");
    assert_eq!(fixture.len(), records.len());
}

#[test]
fn the_bytes_are_read_as_the_same_entries() {
    for (name, record) in records() {
        assert_eq!(Entry::decode(&fixture()[name]).unwrap(), entry(record), "{name}");
    }
}

#[test]
fn a_record_names_its_payments_and_its_refund() {
    let names = |name: &str| {
        let records = records();
        let (_, record) = records.iter().find(|(other, _)| *other == name).unwrap();
        (record.payments().collect::<Vec<_>>(), record.refund())
    };
    let (own, refund) = (records::payment(), records::refund());
    assert_eq!(names("refunded"), (vec![own], Some(refund)));
    for (name, record) in records() {
        let of_payment = matches!(kind(&record), 6..=13 | 18 | 20);
        let mut payments = record.payments();
        assert_eq!(payments.next(), of_payment.then_some(own), "{name}");
        let others: Vec<_> = payments.collect();
        let displaced = match &record {
            Record::Opened(opened) => opened.displaced.clone(),
            _ => Vec::new(),
        };
        assert_eq!(others, displaced, "{name}");
        assert_eq!(record.refund().is_some(), name == "refunded", "{name}");
    }
}

#[test]
fn truncated_entries_are_refused() {
    for (name, bytes) in fixture() {
        for end in 0..bytes.len() {
            assert!(Entry::decode(&bytes[..end]).is_err(), "{name}, cut off at {end}");
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    for (name, mut bytes) in fixture() {
        bytes.extend([0, 0, 0]);
        let found = Entry::decode(&bytes);
        assert!(matches!(found, Err(DecodeError::Trailing(3))), "{name}: {found:?}");
    }
}

#[test]
fn what_terms_would_refuse_is_refused() {
    let bytes = encoded(&entry(Record::Unblocked("1234-567-890".parse().unwrap())));
    let at = bytes.windows(3).position(|digits| digits == b"567").unwrap();
    let mut forbidden = bytes.clone();
    forbidden[at] = b'_';
    assert!(matches!(Entry::decode(&forbidden), Err(DecodeError::Malformed(_))));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::with_cases(2_000)
    })]

    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(0_u8.., 0..200)) {
        if let Ok(entry) = Entry::decode(&bytes) {
            assert_eq!(Entry::decode(&encoded(&entry)).unwrap(), entry);
        }
    }

    /// Whatever stands in a changed entry, it is read as an entry or refused, never with a panic.
    #[test]
    fn changed_entries_do_not_make_decoding_panic(
        which in proptest::arbitrary::any::<proptest::sample::Index>(),
        at in proptest::arbitrary::any::<proptest::sample::Index>(),
        byte in 0_u8..,
    ) {
        let mut bytes = which.get(&fixture().into_values().collect::<Vec<_>>()).clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        drop(Entry::decode(&bytes));
    }
}
