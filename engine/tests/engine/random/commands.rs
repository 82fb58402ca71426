//! What is drawn: commands that mostly get somewhere.

use std::ops::{Range, RangeInclusive};

use kessai_engine::{Capture, NamedBy, Naming, ReverseCause, Standing};
use proptest::prelude::{Just, Strategy};
use proptest::{collection, option, prop_oneof};

use crate::kit::BALANCE;
use crate::model::{Asked, PROMPT_MS, Password, Road};

/// Most of these stand for a payment that is there, see [`Pair::pick`].
const SERIALS: Range<u16> = 0..50;
/// From here on they stand for themselves.
pub(super) const UNKNOWN: u16 = 47;
/// The ids of refunds, unless they take one of a payment.
const REFUNDS: Range<u16> = 100..112;
/// People 1 to 3 have a handset, person 4 has none, person 5 is nobody's customer.
const PEOPLE: RangeInclusive<u8> = 1..=5;
/// How much of its price a machine hands out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Share {
    All,
    Half,
    Nothing,
    /// More than was paid for.
    More,
}

/// `who` and `till` are the payment's own where none is given, and `serial` is a new one's.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Open {
        serial: Option<u16>,
        till: usize,
        asked: Asked,
        wait_ms: u64,
    },
    /// Opened, asked and rightly answered at once.
    Buy {
        till: usize,
        asked: Asked,
    },
    Ask {
        serial: u16,
        who: Option<u8>,
    },
    Prove {
        serial: u16,
        who: Option<u8>,
        password: Password,
        road: Road,
    },
    CancelByCustomer {
        serial: u16,
        who: Option<u8>,
    },
    CancelByTerminal {
        serial: u16,
        till: Option<usize>,
    },
    Deliver {
        serial: u16,
        till: Option<usize>,
        share: Share,
    },
    Reverse {
        serial: u16,
        till: Option<usize>,
        cause: ReverseCause,
    },
    Refund {
        serial: u16,
        of: u16,
        till: Option<usize>,
        price: u64,
    },
    Transfer {
        who: u8,
        reference: u64,
        amount: i64,
    },
    Unblock {
        who: u8,
    },
    Policy {
        who: u8,
        policy: (Standing, Naming, Option<u64>, Option<u32>),
    },
    Till {
        till: usize,
        standing: Standing,
        per_day: Option<u64>,
    },
    Rekey {
        who: u8,
        version: u32,
    },
    Wait {
        ms: u64,
    },
    Expire,
    /// Raises the floor to so long ago, with an archive that lags so many records behind.
    Evict {
        keep_ms: u64,
        lag: usize,
        limit: usize,
    },
    /// Starts anew from a snapshot that is made while these commands come, and the journal.
    Restart {
        during: Vec<Self>,
    },
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![3 => Just(Standing::Active), 1 => Just(Standing::Frozen)]
}

fn asked() -> impl Strategy<Value = Asked> {
    let who = prop_oneof![6 => 1_u8..=3, 1 => 4_u8..=5];
    let price = prop_oneof![
        2 => Just(1_u64), 2 => Just(333), 4 => Just(3_000), 1 => Just(4_001), 1 => Just(BALANCE + 1)
    ];
    let capture = prop_oneof![3 => Just(Capture::AtApproval), 2 => Just(Capture::OnDelivery)];
    let named_by = prop_oneof![2 => Just(NamedBy::Id), 1 => Just(NamedBy::Code)];
    (who, price, capture, named_by).prop_map(|(who, price, capture, named_by)| Asked {
        who,
        price,
        capture,
        named_by,
    })
}

/// What the processor does.
fn administration() -> impl Strategy<Value = Command> {
    let naming = prop_oneof![3 => Just(Naming::IdOrCode), 1 => Just(Naming::CodeOnly)];
    let policy = (standing(), naming, option::of(3_000_u64..9_000), option::of(1_u32..4));
    let per_day = option::of(4_000_u64..20_000);
    prop_oneof![
        2 => (PEOPLE, 0_u64..4, prop_oneof![-6_000_i64..-1, 1_i64..5_000, Just(700_i64)])
            .prop_map(|(who, reference, amount)| Command::Transfer { who, reference, amount }),
        2 => PEOPLE.prop_map(|who| Command::Unblock { who }),
        2 => (PEOPLE, policy).prop_map(|(who, policy)| Command::Policy { who, policy }),
        1 => (0_usize..3, standing(), per_day)
            .prop_map(|(till, standing, per_day)| Command::Till { till, standing, per_day }),
        1 => (PEOPLE, 1_u32..5).prop_map(|(who, version)| Command::Rekey { who, version }),
    ]
}

/// What terminals do: mostly those whose payment it is.
fn at_terminals() -> impl Strategy<Value = Command> {
    let till = prop_oneof![6 => Just(None), 1 => (0_usize..3).prop_map(Some)];
    let (at, till) = ((SERIALS, till.clone()), till);
    let share = prop_oneof![
        4 => Just(Share::All), 3 => Just(Share::Half), 1 => Just(Share::Nothing), 1 => Just(Share::More)
    ];
    let cause = prop_oneof![Just(ReverseCause::OnRequest), Just(ReverseCause::NotDispensed)];
    let price = prop_oneof![Just(1_u64), Just(100), Just(1_500), Just(2_999), Just(3_000)];
    let wait_ms = prop_oneof![3 => Just(PROMPT_MS), 1 => Just(100_000)];
    let refund = prop_oneof![12 => REFUNDS, 1 => SERIALS];
    let payment = prop_oneof![
        6 => Just(None), 2 => SERIALS.prop_map(Some), 1 => REFUNDS.prop_map(Some)
    ];
    prop_oneof![
        8 => (0_usize..3, asked()).prop_map(|(till, asked)| Command::Buy { till, asked }),
        7 => (payment, 0_usize..3, asked(), wait_ms).prop_map(|(serial, till, asked, wait_ms)| {
            Command::Open { serial, till, asked, wait_ms }
        }),
        1 => at.clone().prop_map(|(serial, till)| Command::CancelByTerminal { serial, till }),
        5 => (at.clone(), share)
            .prop_map(|((serial, till), share)| Command::Deliver { serial, till, share }),
        2 => (at, cause)
            .prop_map(|((serial, till), cause)| Command::Reverse { serial, till, cause }),
        7 => (refund, SERIALS, till, price).prop_map(|(serial, of, till, price)| {
            Command::Refund { serial, of, till, price }
        }),
    ]
}

/// What handsets do: mostly those of the payer.
fn at_handsets() -> impl Strategy<Value = Command> {
    let by = (SERIALS, prop_oneof![9 => Just(None), 1 => PEOPLE.prop_map(Some)]);
    let password = prop_oneof![
        4 => Just(Password::Right), 5 => Just(Password::Wrong), 1 => Just(Password::Stale)
    ];
    let road = prop_oneof![6 => Just(Road::Own), 1 => Just(Road::Hub), 1 => Just(Road::RogueHub)];
    prop_oneof![
        5 => by.clone().prop_map(|(serial, who)| Command::Ask { serial, who }),
        8 => (by.clone(), password, road).prop_map(|((serial, who), password, road)| {
            Command::Prove { serial, who, password, road }
        }),
        1 => by.prop_map(|(serial, who)| Command::CancelByCustomer { serial, who }),
    ]
}

/// What leaves the memory. Rarely does nothing stay.
fn eviction() -> impl Strategy<Value = Command> {
    let keep_ms = prop_oneof![4 => 0_u64..4_000, 1 => Just(0_u64)];
    let lag = prop_oneof![4 => Just(0_usize), 1 => 1_usize..20];
    let limit = prop_oneof![3 => Just(usize::MAX), 1 => 0_usize..4];
    (keep_ms, lag, limit).prop_map(|(keep_ms, lag, limit)| Command::Evict { keep_ms, lag, limit })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        12 => at_terminals(),
        12 => at_handsets(),
        2 => administration(),
        3 => prop_oneof![6 => 1_u64..2_500, 1 => Just(61_000_u64)].prop_map(|ms| Command::Wait { ms }),
        1 => Just(Command::Expire),
        2 => eviction(),
    ]
}

pub(super) fn commands() -> impl Strategy<Value = Vec<Command>> {
    let during = collection::vec(command(), 0..30);
    let restart = during.prop_map(|during| Command::Restart { during });
    collection::vec(prop_oneof![30 => command(), 1 => restart], 1..120)
}
