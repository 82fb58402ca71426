//! Customers: what each was told, one payment after the other, adds up to what the books hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, CustomerId, Net, Reason};
use serde::{Deserialize, Serialize};

use super::problems::Problems;
use super::sums::kept;
use super::{Budgets, CustomerEntry, Evidence, Together};
use crate::ledger::{Moment, Record, Telling, Told};
use crate::people::Deed;
use crate::spill::{Parted, Spill, SpillError, part_of};

/// What a payment was to its customer: all that is left of it where payments of one customer are
/// looked at together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Visit {
    customer: CustomerId,
    /// The place of the run among those that are audited together.
    run: usize,
    /// The number of the arrival.
    arrival: u64,
    charge: Amount,
    /// Whether the customer was named by plain id.
    is_by_id: bool,
    /// How many wrong passwords were typed.
    wrong: usize,
    /// What the customer was told, if anything.
    told: Option<End>,
    /// The numbers of the notices that came.
    notices: Vec<u64>,
}

/// What a customer was told of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    /// When it was told first.
    at: Moment,
    /// How it ended, as it was told first.
    state: PaymentState,
    reason: Option<Reason>,
    /// What stays debited, as it was told last.
    kept: Net,
}

impl End {
    fn of((first, last): (&Told, &Told)) -> Self {
        let Told { at, state, reason, .. } = *first;
        Self { at, state, reason, kept: kept(last.state, last.captured, last.refunded) }
    }
}

impl Visit {
    pub(super) fn of(record: &Record, run: usize) -> Self {
        let order = &record.order;
        Self {
            customer: order.customer,
            run,
            arrival: order.number,
            charge: order.charge,
            is_by_id: !order.is_by_code(),
            wrong: record.acts.iter().filter(|(_, deed)| *deed == Deed::Mistype).count(),
            told: record.first_and_last_told().map(End::of),
            notices: record.notices().into_iter().collect(),
        }
    }
}

impl Parted for Visit {
    fn part(&self) -> u8 {
        part_of(&self.customer)
    }
}

/// Says which customers' sums do not agree.
pub(super) fn faults(
    visits: &Spill<Visit>,
    together: &Together<'_>,
    now: &BTreeMap<CustomerId, CustomerEntry>,
    problems: &mut Problems,
) -> Result<(), SpillError> {
    let mut by_part: HashMap<u8, Vec<_>> = HashMap::new();
    for (customer, known) in &together.customers {
        by_part.entry(part_of(customer)).or_default().push((customer, known));
    }
    for part in 0..=u8::MAX {
        let mut of_customer: HashMap<CustomerId, Vec<Visit>> = HashMap::new();
        visits.read(part, |visit| of_customer.entry(visit.customer).or_default().push(visit))?;
        for (customer, (before, evidence)) in by_part.remove(&part).unwrap_or_default() {
            let mut visits = of_customer.remove(customer).unwrap_or_default();
            visits.sort_by_key(|visit| (visit.run, visit.arrival));
            for fault in customer_faults((customer, before), now.get(customer), &visits, evidence) {
                problems.add(|| format!("customer {customer}: {fault}"));
            }
        }
    }
    for customer in now.keys().filter(|id| !together.customers.contains_key(id)) {
        problems.add(|| format!("customer {customer}: it is in the books, and nobody entered it"));
    }
    Ok(())
}

/// A customer's money is what they had less what they were told was debited, and nothing is held.
fn customer_faults(
    (customer, before): (&CustomerId, &CustomerEntry),
    now: Option<&CustomerEntry>,
    visits: &[Visit],
    evidence: &Evidence,
) -> Vec<String> {
    let Some(now) = now else {
        return vec!["the books do not know it".to_owned()];
    };
    let tries = evidence.tries;
    let mut faults = Vec::new();
    let mut asks = Asks::default();
    let mut left = Net::from(before.balance);
    let mut notices = BTreeSet::new();
    let mut wrong_in_row = usize::from(before.wrong_in_row);
    for visit in visits {
        let wrong = visit.wrong;
        wrong_in_row = wrong_in_row.saturating_add(wrong);
        if let Some(told) = &visit.told {
            faults.extend(funds_fault(visit.charge, told, left));
            let budgets = evidence.budgets.filter(|_| visit.is_by_id);
            faults.extend(budgets.and_then(|budgets| asks.fault(told, &budgets)));
            let enough = wrong >= tries.a_payment || wrong_in_row >= tries.in_row;
            if told.reason == Some(Reason::TriesExceeded) && !enough {
                faults.push(format!(
                    "a payment was declined for wrong passwords, and only {wrong} were typed"
                ));
            }
            if told.state.is_approved() {
                wrong_in_row = 0;
            }
            left = left.checked_sub(told.kept).unwrap_or(left);
        }
        for number in &visit.notices {
            if !notices.insert(*number) {
                faults.push(format!("two payments came under notice {number}"));
            }
        }
    }
    if left != Net::from(now.balance) {
        faults.push(format!(
            "by what it was told it has {} yen, by the books {}",
            left.minor(),
            now.balance.minor()
        ));
    }
    if !now.held.is_zero() {
        faults.push(format!("{} yen are held, and nothing is open", now.held.minor()));
    }
    let seen = u64::try_from(notices.len()).unwrap_or(u64::MAX);
    let owed = now.notices.saturating_sub(before.notices);
    let is_told = match evidence.telling(customer) {
        Telling::Every => seen == owed,
        Telling::Latest => notices.last().copied().unwrap_or(before.notices) == now.notices,
    };
    if !is_told {
        faults.push(format!("it saw {seen} notices of the {owed} that it was owed"));
    }
    faults
}

/// A decline for want of funds must be one, and nobody may spend what they do not have. A customer
/// stands at one till at a time, so that the order of payments is the order of their arrivals.
fn funds_fault(total: Amount, told: &End, left: Net) -> Option<String> {
    let enough = left.minor() >= Net::from(total).minor();
    let (left, total) = (left.minor(), total.minor());
    if told.reason == Some(Reason::InsufficientFunds) && enough {
        Some(format!("{total} yen were declined for want of funds, and {left} were there"))
    } else if told.state.is_approved() && !enough {
        Some(format!("{total} yen were approved, and only {left} were there"))
    } else {
        None
    }
}

/// When a customer was asked by plain id, and when nothing came of it.
#[derive(Default)]
struct Asks {
    asked: Vec<Moment>,
    unanswered: Vec<Moment>,
}

impl Asks {
    /// Whoever is left in peace must have been asked often, or in vain.
    fn fault(&mut self, told: &End, budgets: &Budgets) -> Option<String> {
        /// The gateway's minute begins with an ask, and clocks differ.
        const MINUTE: Duration = Duration::from_millis(60_100);
        let within = |moments: &[Moment], window: Duration| {
            moments.iter().filter(|at| told.at.saturating_sub(**at) <= window).count()
        };
        let asked = u32::try_from(within(&self.asked, MINUTE)).unwrap_or(u32::MAX);
        let in_vain = within(&self.unanswered, budgets.window);
        let is_tired =
            asked >= budgets.asks_per_minute || in_vain >= usize::from(budgets.mute_after);
        self.asked.push(told.at);
        match told.reason {
            Some(Reason::Muted) if !is_tired => {
                Some(format!("it was left in peace after {asked} asks, {in_vain} of them in vain"))
            }
            Some(
                Reason::ExpiredUnseen
                | Reason::ExpiredUnanswered
                | Reason::CancelledByCustomer
                | Reason::CancelledByTerminal
                | Reason::TriesExceeded
                | Reason::InsufficientFunds
                | Reason::PaymentLimit
                | Reason::DayLimit
                | Reason::CountLimit,
            ) => {
                self.unanswered.push(told.at);
                None
            }
            _ => None,
        }
    }
}
