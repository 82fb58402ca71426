//! The journal's format: the bytes of one entry of every kind, fixed for good.
//!
//! `entries.hex` holds one line an entry, a name and its bytes. A change of it is a change of the
//! journal's format: old journals would no longer be read.

use std::collections::BTreeMap;

use bytes::Bytes;
use kessai_engine::terms::collation::{
    ChannelBinding, ContentDigest, HandsetNonce, Salt, SealedRow, ServerNonce,
};
use kessai_engine::terms::ids::{ApprovalNumber, CustomerId, DeviceId, PaymentId, Reference};
use kessai_engine::terms::money::Currency;
use kessai_engine::terms::profile::SealedProfile;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Approved, BusinessDate, Capture, Captured, Charge, Controller, Credited, CustomerAdded,
    Debited, Declined, DecodeError, DeviceAdded, DeviceRevoked, Ended, Entry, Event, ForeignPrice,
    Hub, KeyPin, Mismatched, Opened, Overtaken, ProfileSet, Record, RegisterChange, Rekeyed,
    RequestDigest, Reversed, Terms, Unit, Verdict,
};

use crate::kit::{pay_in, street, terminal, yen};

const FIXTURE: &str = include_str!("entries.hex");

fn terms() -> Terms {
    Terms {
        payment: payment(),
        terminal: terminal("T1"),
        store: "S1".parse().unwrap(),
        merchant: "M1".parse().unwrap(),
        charge: Charge {
            amount: yen(1_500),
            currency: Currency::JPY,
            foreign: Some(ForeignPrice {
                price: yen(1_000),
                currency: Currency::USD,
                rate_digits: 15_000,
                rate_scale: 2,
                markup_basis_points: 150,
            }),
        },
        capture: Capture::OnDelivery,
        request: RequestDigest([0xd1; 32]),
        content: ContentDigest([0xd2; 32]),
    }
}

fn payment() -> PaymentId {
    PaymentId::from_parts(1_795_316_460_000, [0xa5; 10])
}

/// One record of every kind, with a name.
fn records() -> Vec<(&'static str, Record)> {
    entered().into_iter().chain(paid()).collect()
}

const DEVICE: DeviceId = DeviceId([0xde; 16]);

fn customer() -> CustomerId {
    "1234-567-890".parse().unwrap()
}

/// What the processor enters.
fn entered() -> Vec<(&'static str, Record)> {
    let (customer, device) = (customer(), DEVICE);
    let row = SealedRow { key_id: 1, version: 1, nonce: [3; 12], sealed: [[0x5a; 28]; 4] };
    let [merchant, _, store, _, till, ..] = &street()[..] else { panic!("the street is longer") };
    vec![
        ("registered_merchant", Record::Registered(merchant.clone())),
        ("registered_store", Record::Registered(store.clone())),
        ("registered_terminal", Record::Registered(till.clone())),
        (
            "registered_controller",
            Record::Registered(RegisterChange::Controller(Controller {
                id: "C1".parse().unwrap(),
                merchant: "M1".parse().unwrap(),
                pin: Some(KeyPin([0xcc; 32])),
            })),
        ),
        (
            "registered_hub",
            Record::Registered(RegisterChange::Hub(Hub { id: "H1".parse().unwrap(), pin: None })),
        ),
        (
            "customer_added",
            Record::CustomerAdded(CustomerAdded {
                customer,
                currency: Currency::JPY,
                balance: yen(10_000),
            }),
        ),
        (
            "credited",
            Record::Credited(Credited { customer, amount: yen(300), reference: pay_in() }),
        ),
        ("debited", Record::Debited(Debited { customer, amount: yen(300), reference: pay_in() })),
        (
            "profile_set",
            Record::ProfileSet(Box::new(ProfileSet {
                customer,
                profile: SealedProfile {
                    key_id: 1,
                    key_nonce: [7; 12],
                    wrapped_key: [[0x5c; 24]; 2],
                    nonce: [8; 12],
                    sealed: Box::new([0x5d; 40]),
                },
            })),
        ),
        ("profile_erased", Record::ProfileErased(customer)),
        (
            "device_added",
            Record::DeviceAdded(Box::new(DeviceAdded {
                customer,
                device,
                pin: KeyPin([0xf1; 32]),
                salt: Salt([0x5a; 16]),
                row: row.clone(),
            })),
        ),
        ("device_revoked", Record::DeviceRevoked(DeviceRevoked { customer, device })),
        ("unblocked", Record::Unblocked(customer)),
        (
            "rekeyed",
            Record::Rekeyed(Box::new(Rekeyed {
                customer,
                device,
                pin: KeyPin([0xf2; 32]),
                salt: Salt([0x5b; 16]),
                row: SealedRow { version: 2, ..row },
            })),
        ),
    ]
}

/// What becomes of payments.
fn paid() -> Vec<(&'static str, Record)> {
    let (customer, payment, device) = (customer(), payment(), DEVICE);
    let at_once = Terms {
        charge: Charge { foreign: None, ..terms().charge },
        capture: Capture::AtApproval,
        ..terms()
    };
    let approved = Approved {
        payment,
        device,
        channel: ChannelBinding([0xc1; 32]),
        server_nonce: ServerNonce([0x51; 32]),
        handset_nonce: HandsetNonce([0x41; 32]),
        approval: ApprovalNumber::new(123_456).unwrap(),
        reference: Reference::new(1_234_567_890).unwrap(),
        deliver_by_ms: None,
    };
    vec![
        (
            "opened",
            Record::Opened(Box::new(Opened {
                terms: terms(),
                customer,
                expires_at_ms: 1_795_316_520_000,
                confirmation: Bytes::from_static(b"what the customer is shown"),
            })),
        ),
        (
            "declined",
            Record::Declined(Box::new(Declined {
                terms: at_once,
                customer,
                reason: Reason::InsufficientFunds,
            })),
        ),
        ("overtaken", Record::Overtaken(Overtaken { payment, terminal: terminal("T1") })),
        (
            "mismatched_again",
            Record::Mismatched(Mismatched { payment, device, verdict: Verdict::TryAgain }),
        ),
        (
            "mismatched_last",
            Record::Mismatched(Mismatched { payment, device, verdict: Verdict::Decline }),
        ),
        ("approved", Record::Approved(Box::new(approved))),
        (
            "approved_to_deliver",
            Record::Approved(Box::new(Approved {
                deliver_by_ms: Some(1_795_316_580_000),
                ..approved
            })),
        ),
        (
            "ended",
            Record::Ended(Ended {
                payment,
                event: Event::Expire,
                reason: Reason::ExpiredUnanswered,
            }),
        ),
        ("captured", Record::Captured(Captured { payment, amount: yen(1_500) })),
        ("reversed", Record::Reversed(Reversed { payment, reason: Reason::ReversedOnRequest })),
    ]
}

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
    }
}

#[test]
fn every_kind_of_record_has_its_bytes() {
    let fixture = fixture();
    let records = records();
    let kinds: std::collections::BTreeSet<_> =
        records.iter().map(|(_, record)| kind(record)).collect();
    assert_eq!(kinds, (0..18).collect());
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
