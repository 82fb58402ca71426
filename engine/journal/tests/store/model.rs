//! Records about a few payments, one after the other, and a plain map of what an archive of them
//! must hold.

use std::collections::BTreeMap;

use kessai_engine::terms::collation::{ContentDigest, Salt, SealedRow};
use kessai_engine::terms::ids::{DeviceId, PaymentId, Reference};
use kessai_engine::terms::money::{Amount, Currency};
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    BusinessDate, Capture, Captured, Charge, Credited, DeviceAdded, DeviceRevoked, Ended, Entry,
    Event, KeyPin, Lsn, Merchant, NamedBy, Opened, Overtaken, Record, Refunded, RegisterChange,
    RequestDigest, Terms, Unit,
};

pub(crate) const NOW_MS: u64 = 1_700_000_000_000;
pub(crate) const DEVICE: DeviceId = DeviceId([0xd1; 16]);

/// The id of a payment or refund: rising with its number, as those that terminals make.
pub(crate) fn id(number: u64) -> PaymentId {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    PaymentId::from_parts(NOW_MS + number, [1, 2, a, b, c, d, e, f, g, h])
}

pub(crate) fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

/// The entry that the tests push as the record `lsn`: of every kind that an archive keeps, and one
/// that it does not. Each payment has several.
pub(crate) fn entry(lsn: u64) -> Entry {
    let payment = id(lsn / 8);
    let record = match lsn % 8 {
        0 => opened(payment, if lsn % 16 == 8 { vec![id(lsn / 8 - 1)] } else { Vec::new() }),
        1 => Record::Captured(Captured { payment, amount: amount(lsn), price: amount(lsn) }),
        2 => Record::Refunded(Box::new(Refunded {
            payment,
            refund: id(1_000_000 + lsn),
            terminal: "T1".parse().unwrap(),
            amount: amount(1),
            price: amount(1),
            reference: Reference::new(lsn).unwrap(),
        })),
        3 => Record::Credited(Credited {
            customer: "customer-1".parse().unwrap(),
            amount: amount(lsn),
            reference: "top-up".parse().unwrap(),
        }),
        4 => Record::Registered(RegisterChange::Merchant(Merchant {
            id: "M1".parse().unwrap(),
            name: format!("Shop {lsn}").parse().unwrap(),
            invoice_number: None,
        })),
        5 => handset(lsn),
        6 => Record::Overtaken(Overtaken {
            payment: id(500_000 + lsn),
            terminal: "T1".parse().unwrap(),
        }),
        _ => Record::Ended(Ended { payment, event: Event::Expire, reason: Reason::ExpiredUnseen }),
    };
    Entry {
        unit: Unit(1),
        sequence: lsn,
        at_ms: NOW_MS + lsn,
        business_date: BusinessDate(20_000),
        record,
    }
}

fn handset(lsn: u64) -> Record {
    let customer = "customer-1".parse().unwrap();
    if lsn % 16 == 13 {
        return Record::DeviceRevoked(DeviceRevoked { customer, device: DEVICE });
    }
    Record::DeviceAdded(Box::new(DeviceAdded {
        customer,
        device: DEVICE,
        pin: KeyPin([6; 32]),
        salt: Salt([1; 16]),
        row: SealedRow { key_id: 1, version: 1, nonce: [0; 12], sealed: [[0; 28]; 4] },
    }))
}

fn opened(payment: PaymentId, displaced: Vec<PaymentId>) -> Record {
    Record::Opened(Box::new(Opened {
        terms: Terms {
            payment,
            terminal: "T1".parse().unwrap(),
            store: "S1".parse().unwrap(),
            merchant: "M1".parse().unwrap(),
            named_by: NamedBy::Id,
            charge: Charge { amount: amount(1_000), currency: Currency::JPY, foreign: None },
            capture: Capture::AtApproval,
            request: RequestDigest([0xaa; 32]),
            content: ContentDigest([0xbb; 32]),
        },
        customer: "customer-1".parse().unwrap(),
        received_at_ms: NOW_MS,
        expires_at_ms: NOW_MS + 60_000,
        displaced,
        confirmation: vec![0x5a; 200].into(),
    }))
}

/// What an archive must answer, as plain maps.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) payments: BTreeMap<PaymentId, Vec<(Lsn, Entry)>>,
    pub(crate) refunds: BTreeMap<PaymentId, PaymentId>,
    pub(crate) merchant: Vec<(Lsn, String)>,
    pub(crate) handset: Vec<(Lsn, Entry)>,
}

impl Model {
    /// The model of the records from 1 up to `last`.
    pub(crate) fn upto(last: Lsn) -> Self {
        let mut model = Self::default();
        for lsn in 1..=last.0 {
            model.take(Lsn(lsn), entry(lsn));
        }
        model
    }

    fn take(&mut self, lsn: Lsn, entry: Entry) {
        match &entry.record {
            Record::Opened(opened) => {
                for displaced in &opened.displaced {
                    self.payments.entry(*displaced).or_default().push((lsn, entry.clone()));
                }
                self.payments.entry(opened.terms.payment).or_default().push((lsn, entry));
            }
            Record::Captured(Captured { payment, .. })
            | Record::Overtaken(Overtaken { payment, .. })
            | Record::Ended(Ended { payment, .. }) => {
                self.payments.entry(*payment).or_default().push((lsn, entry));
            }
            Record::Refunded(refunded) => {
                self.refunds.insert(refunded.refund, refunded.payment);
                self.payments.entry(refunded.payment).or_default().push((lsn, entry));
            }
            Record::Registered(RegisterChange::Merchant(merchant)) => {
                self.merchant.push((lsn, merchant.name.to_string()));
            }
            Record::DeviceAdded(_) | Record::DeviceRevoked(_) => self.handset.push((lsn, entry)),
            _ => {}
        }
    }
}
