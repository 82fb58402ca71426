//! One record of every kind.

use bytes::Bytes;
use kessai_engine::terms::collation::{
    ChannelBinding, ContentDigest, HandsetNonce, Salt, SealedRow, ServerNonce,
};
use kessai_engine::terms::ids::{ApprovalNumber, CustomerId, DeviceId, PaymentId, Reference};
use kessai_engine::terms::money::{Amount, Currency};
use kessai_engine::terms::profile::SealedProfile;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Approved, BusinessDate, Capture, Captured, Charge, Controller, Credited, CustomerAdded,
    CustomerPolicy, Debited, Declined, DefaultLimits, DeviceAdded, DeviceRevoked, Ended, Event,
    ForeignPrice, Hub, KeyPin, LimitHolder, Limits, Mismatched, NamedBy, Naming, Opened, Overtaken,
    PaymentRow, PaymentState, PolicySet, ProfileSet, Record, RefundRow, Refunded, RegisterChange,
    Rekeyed, RequestDigest, Reversed, Standing, Terms, Trail, Verdict,
};

use crate::kit::{pay_in, street, terminal, yen};

fn terms() -> Terms {
    Terms {
        payment: payment(),
        terminal: terminal("T1"),
        store: "S1".parse().unwrap(),
        merchant: "M1".parse().unwrap(),
        named_by: NamedBy::Code,
        charge: Charge {
            amount: yen(1_500),
            currency: Currency::JPY,
            foreign: Some(ForeignPrice {
                price: yen(1_000),
                currency: Currency::USD,
                rate: "150.00".parse().unwrap(),
                markup_basis_points: 150,
            }),
        },
        capture: Capture::OnDelivery,
        request: RequestDigest([0xd1; 32]),
        content: ContentDigest([0xd2; 32]),
    }
}

pub(super) fn payment() -> PaymentId {
    PaymentId::from_parts(1_795_316_460_000, [0xa5; 10])
}

pub(super) fn refund() -> PaymentId {
    PaymentId::from_parts(1_795_316_470_000, [0x5a; 10])
}

/// One record of every kind, with a name.
pub(super) fn records() -> Vec<(&'static str, Record)> {
    registered().into_iter().chain(entered()).chain(asked()).chain(paid()).collect()
}

const DEVICE: DeviceId = DeviceId([0xde; 16]);

fn customer() -> CustomerId {
    "1234-567-890".parse().unwrap()
}

/// What the processor enters into the register.
fn registered() -> Vec<(&'static str, Record)> {
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
            "registered_default_limits",
            Record::Registered(RegisterChange::DefaultLimits(DefaultLimits {
                holder: LimitHolder::Terminal,
                currency: Currency::USD,
                limits: Limits { per_day: None, ..limits() },
            })),
        ),
    ]
}

const fn limits() -> Limits {
    Limits {
        per_payment: Some(Amount::MAX_PAYMENT),
        per_day: Some(Amount::MAX),
        count_per_day: Some(20),
    }
}

/// What the processor enters of customers.
fn entered() -> Vec<(&'static str, Record)> {
    let (customer, device) = (customer(), DEVICE);
    let row = SealedRow { key_id: 1, version: 1, nonce: [3; 12], sealed: [[0x5a; 28]; 4] };
    vec![
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
            "policy_set",
            Record::PolicySet(Box::new(PolicySet {
                customer,
                policy: CustomerPolicy {
                    standing: Standing::Frozen,
                    named_by: Naming::CodeOnly,
                    limits: limits(),
                },
            })),
        ),
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

/// How payments are asked for.
fn asked() -> Vec<(&'static str, Record)> {
    let (customer, payment) = (customer(), payment());
    let at_once = Terms {
        charge: Charge { foreign: None, ..terms().charge },
        named_by: NamedBy::Id,
        capture: Capture::AtApproval,
        ..terms()
    };
    vec![
        (
            "opened",
            Record::Opened(Box::new(Opened {
                terms: terms(),
                customer,
                received_at_ms: 1_795_316_459_997,
                expires_at_ms: 1_795_316_520_000,
                displaced: vec![refund()],
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
    ]
}

const TRAIL: Trail = Trail {
    prompted_at_ms: 1_795_316_460_100,
    shown_at_ms: Some(1_795_316_461_200),
    answered_at_ms: 1_795_316_464_700,
};

/// What becomes of payments.
fn paid() -> Vec<(&'static str, Record)> {
    let (payment, device) = (payment(), DEVICE);
    let (verdict, trail) = (Verdict::TryAgain, TRAIL);
    let again = Mismatched { payment, device, verdict, trail };
    let trail = Trail { shown_at_ms: None, ..trail };
    let last = Mismatched { verdict: Verdict::Decline, trail, ..again };
    let approved = Approved {
        payment,
        device,
        channel: ChannelBinding([0xc1; 32]),
        server_nonce: ServerNonce([0x51; 32]),
        handset_nonce: HandsetNonce([0x41; 32]),
        approval: ApprovalNumber::new(123_456).unwrap(),
        reference: Reference::new(1_234_567_890).unwrap(),
        deliver_by_ms: None,
        trail: TRAIL,
    };
    let to_deliver = Approved { deliver_by_ms: Some(1_795_316_580_000), ..approved };
    let (event, reason) = (Event::Expire, Reason::ExpiredUnanswered);
    let refunded = Refunded {
        payment,
        refund: refund(),
        terminal: terminal("T2"),
        amount: yen(450),
        price: yen(300),
        reference: Reference::new(1_234_567_891).unwrap(),
    };
    vec![
        ("mismatched_again", Record::Mismatched(again)),
        ("mismatched_last", Record::Mismatched(last)),
        ("approved", Record::Approved(Box::new(approved))),
        ("approved_to_deliver", Record::Approved(Box::new(to_deliver))),
        ("ended", Record::Ended(Ended { payment, event, reason })),
        ("captured", Record::Captured(Captured { payment, amount: yen(900), price: yen(600) })),
        ("reversed", Record::Reversed(Reversed { payment, reason: Reason::ReversedOnRequest })),
        ("refunded", Record::Refunded(Box::new(refunded))),
        ("recalled", Record::Recalled(Box::new(recalled(&refunded)))),
    ]
}

/// A payment with the refund, as it comes back.
fn recalled(refunded: &Refunded) -> PaymentRow {
    let Refunded { refund, terminal, amount, price, reference, .. } = *refunded;
    let business_date = BusinessDate(20_779);
    let refunded_at_ms = 1_795_316_550_000;
    PaymentRow {
        payment: payment(),
        terminal: terms().terminal,
        terms: Some(terms()),
        customer: Some(customer()),
        state: PaymentState::Refunded,
        reason: Some(Reason::Approved),
        captured: yen(900),
        captured_price: yen(600),
        refunds: vec![RefundRow {
            refund,
            terminal,
            amount,
            price,
            reference,
            refunded_at_ms,
            business_date,
        }],
        approval: Some(ApprovalNumber::new(123_456).unwrap()),
        reference: Some(Reference::new(1_234_567_890).unwrap()),
        opened_at_ms: 1_795_316_460_000,
        changed_at_ms: refunded_at_ms,
        deadline_ms: 1_795_316_580_000,
        opened_on: business_date,
        business_date,
        confirmation: Bytes::from_static(b"what the customer is shown"),
    }
}
