//! Each kind of record as it is told.

use std::collections::BTreeSet;

use kessai_engine::terms::collation::{Salt, SealedRow};
use kessai_engine::terms::{Amount, CustomerId, DeviceId};
use kessai_engine::terms::{Currency, Reason};
use kessai_engine::{
    Calendar, Controller, Credited, CustomerAdded, CustomerPolicy, Debited, DefaultLimits,
    DeviceAdded, DeviceRevoked, Ended, Entry, Event, Hub, KeyPin, LimitHolder, Limits, Lsn, Naming,
    Overtaken, PolicySet, Record, RegisterChange, Rekeyed, Reversed, Standing, Terminal,
    TerminalKind, Unit,
};
use kessai_journal::{Batched, Place, Recorded};
use serde_json::{Value, json};

use super::{Pseudonyms, Row};
use crate::entropy::SystemEntropy;
use crate::keys::Keys;
use crate::testing::payment;

const DEVICE: DeviceId = DeviceId([0xd1; 16]);

fn pseudonyms() -> Pseudonyms {
    let folder = tempfile::tempdir().unwrap();
    Keys::create(folder.path(), &SystemEntropy).unwrap();
    Pseudonyms::new(&Keys::load(folder.path()).unwrap())
}

fn customer() -> CustomerId {
    "090-1111-1111".parse().unwrap()
}

fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

fn told(record: Record, names: &Pseudonyms) -> Value {
    let at_ms = 1_793_372_400_000;
    let business_date = Calendar::default().date(at_ms);
    let recorded = Recorded {
        lsn: Lsn(7),
        entry: Entry { unit: Unit(3), sequence: 5, at_ms, business_date, record },
        batch: Batched {
            place: Place { segment: 2, offset: 4_096 },
            epoch: 4,
            records: Lsn(6)..Lsn(9),
            previous: [1; 16],
            hash: [2; 16],
        },
    };
    serde_json::to_value(Row::of(&recorded, names)).unwrap()
}

/// Tells a record, whose own fields must be `expected`.
#[track_caller]
fn check(record: Record, names: &Pseudonyms, expected: &Value) {
    let mut row = told(record, names);
    let fields = row.as_object_mut().unwrap();
    for common in ["record", "unit", "sequence", "at_ms", "business_date", "batch"] {
        assert!(fields.remove(common).is_some(), "{common}");
    }
    assert_eq!(&row, expected);
}

#[test]
fn a_row_says_where_its_record_stands() {
    let row = told(Record::Unblocked(customer()), &pseudonyms());
    let place = json!([row["record"], row["unit"], row["sequence"], row["at_ms"]]);
    assert_eq!(place, json!([7, 3, 5, 1_793_372_400_000_u64]));
    assert_eq!(row["business_date"], 20_261_031);
    let batch = &row["batch"];
    assert_eq!(json!([batch["segment"], batch["offset"], batch["epoch"]]), json!([2, 4_096, 4]));
    assert_eq!(json!([batch["first_record"], batch["last_record"]]), json!([6, 8]));
}

#[test]
fn customers_are_told_by_pseudonyms_and_without_keys() {
    let names = pseudonyms();
    let (who, handset) = (names.customer(&customer()), names.handset(&DEVICE));
    let (customer, device, currency) = (customer(), DEVICE, Currency::JPY);
    let reference: kessai_engine::terms::TransferReference = "for Suzuki".parse().unwrap();
    let row = SealedRow { key_id: 1, version: 1, nonce: [0; 12], sealed: [[0; 28]; 4] };
    let (pin, salt) = (KeyPin([1; 32]), Salt([1; 16]));
    let held = json!({"what": "device_added", "customer": who, "handset": handset});
    let with = |what: &str| {
        let mut row = held.clone();
        row["what"] = what.into();
        row
    };
    let added = DeviceAdded { customer, device, pin, salt, row: row.clone() };
    check(Record::DeviceAdded(Box::new(added)), &names, &held);
    let rekeyed = Rekeyed { customer, device, pin, salt, row };
    check(Record::Rekeyed(Box::new(rekeyed)), &names, &with("rekeyed"));
    let revoked = DeviceRevoked { customer, device };
    check(Record::DeviceRevoked(revoked), &names, &with("device_revoked"));
    check(
        Record::CustomerAdded(CustomerAdded { customer, currency, balance: yen(9) }),
        &names,
        &json!({"what": "customer_added", "customer": who, "currency": "JPY", "balance_minor": 9}),
    );
    let moved = |what: &str| json!({"what": what, "customer": who, "amount_minor": 8});
    let credited = Credited { customer, amount: yen(8), reference: reference.clone() };
    check(Record::Credited(credited), &names, &moved("credited"));
    let debited = Debited { customer, amount: yen(8), reference };
    check(Record::Debited(debited), &names, &moved("debited"));
    for (record, what) in [
        (Record::Unblocked(customer), "unblocked"),
        (Record::ProfileErased(customer), "profile_erased"),
    ] {
        check(record, &names, &json!({"what": what, "customer": who}));
    }
    let limits = Limits { per_payment: Some(yen(5)), ..Limits::default() };
    let policy = CustomerPolicy { standing: Standing::Frozen, named_by: Naming::CodeOnly, limits };
    check(
        Record::PolicySet(Box::new(PolicySet { customer, policy })),
        &names,
        &json!({
            "what": "policy_set", "customer": who, "standing": "frozen", "named_by": "code_only",
            "limits": {"per_payment_minor": 5, "per_day_minor": null, "count_per_day": null},
        }),
    );
}

#[test]
fn the_register_is_told_without_names_and_pins() {
    let names = pseudonyms();
    let registered = |change| Record::Registered(change);
    let limits = json!({"per_payment_minor": null, "per_day_minor": null, "count_per_day": 3});
    let three = Limits { count_per_day: Some(3), ..Limits::default() };
    let pin = Some(KeyPin([1; 32]));
    check(
        registered(RegisterChange::Terminal(Terminal {
            id: "POS1".parse().unwrap(),
            store: "S1".parse().unwrap(),
            kind: TerminalKind::Vending,
            pin,
            standing: Standing::Active,
            limits: three,
        })),
        &names,
        &json!({
            "what": "registered", "kind": "terminal", "terminal": "POS1", "store": "S1",
            "is_vending": true, "is_enrolled": true, "standing": "active", "limits": limits,
        }),
    );
    check(
        registered(RegisterChange::Controller(Controller {
            id: "C1".parse().unwrap(),
            merchant: "M1".parse().unwrap(),
            pin,
        })),
        &names,
        &json!({
            "what": "registered", "kind": "controller", "controller": "C1", "merchant": "M1",
            "is_enrolled": true,
        }),
    );
    check(
        registered(RegisterChange::Hub(Hub { id: "H1".parse().unwrap(), pin: None })),
        &names,
        &json!({"what": "registered", "kind": "hub", "hub": "H1", "is_enrolled": false}),
    );
    let (holder, currency) = (LimitHolder::Terminal, Currency::JPY);
    check(
        registered(RegisterChange::DefaultLimits(DefaultLimits {
            holder,
            currency,
            limits: three,
        })),
        &names,
        &json!({
            "what": "registered", "kind": "default_limits", "holder": "terminal",
            "currency": "JPY", "limits": limits,
        }),
    );
}

#[test]
fn ends_are_told_with_their_reasons() {
    let names = pseudonyms();
    let (payment, terminal) = (payment(1), "POS1".parse().unwrap());
    let id = payment.to_string();
    let reason = Reason::ExpiredUnseen;
    check(
        Record::Ended(Ended { payment, event: Event::Expire, reason }),
        &names,
        &json!({"what": "ended", "payment": id, "event": "expire", "reason": "expired_unseen"}),
    );
    check(
        Record::Reversed(Reversed { payment, reason: Reason::NotDispensed }),
        &names,
        &json!({"what": "reversed", "payment": id, "reason": "not_dispensed"}),
    );
    check(
        Record::Overtaken(Overtaken { payment, terminal }),
        &names,
        &json!({"what": "overtaken", "payment": id, "terminal": "POS1"}),
    );
}

#[test]
fn a_pseudonym_is_of_one_id_one_kind_and_one_processor() {
    let (names, others) = (pseudonyms(), pseudonyms());
    let ids = ["A", "B", &"d1".repeat(8)].map(|id| id.parse::<CustomerId>().unwrap());
    let all = ids.iter().flat_map(|id| [names.customer(id), others.customer(id)]);
    let all: BTreeSet<_> = all.chain([names.handset(&DEVICE), others.handset(&DEVICE)]).collect();
    assert_eq!(all.len(), 8, "{all:?}");
    assert_eq!(names.customer(&ids[0]), names.customer(&ids[0]));
    assert!(!format!("{names:?}").contains("Key("));
}
