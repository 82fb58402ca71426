//! The steps that a payment went through, and what each side must have been told of each.
//!
//! All but the last are worked out from what its tills did; the last is what the books hold, so
//! that a telling that does not fit is told against the books.

use kessai_engine::PaymentState;
use kessai_engine::terms::{Amount, Money, Reason};

use super::PaymentEntry;
use super::payment::{name, word};
use crate::exchange::HOME;
use crate::ledger::{Order, Receipt, Record, Standing, Telling, Told, is_quoted};

/// A step, as both sides see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    state: PaymentState,
    reason: Option<Reason>,
    /// What the store was to get, what of that was captured, and what of that went back.
    store: Sums,
    /// The same for the customer.
    customer: Sums,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) price: Option<Money>,
    pub(super) captured: Amount,
    pub(super) refunded: Amount,
}

/// Computes what a standing comes to for the customer: the charge, what was captured of it, what
/// went back.
pub(super) fn for_customer(order: &Order, standing: &Standing) -> Option<Sums> {
    let (captured, refunded) = standing.charged(order)?;
    Some(Sums { price: Some(order.charge.of(HOME)), captured, refunded })
}

fn for_store(order: &Order, standing: &Standing) -> Sums {
    let Standing { captured, refunded, .. } = *standing;
    Sums { price: Some(order.price()), captured, refunded }
}

impl Step {
    /// Whether that is what a customer was told.
    fn is(&self, told: &Told) -> bool {
        let Told { state, amount: price, captured, refunded, .. } = *told;
        self.state == state && self.customer == Sums { price, captured, refunded }
    }
}

/// All steps of a payment.
pub(super) fn of(record: &Record, standings: &[Standing], view: &PaymentEntry) -> Vec<Step> {
    let order = &record.order;
    let own = |standing: &Standing| {
        let store = for_store(order, standing);
        let customer = for_customer(order, standing).unwrap_or(store);
        Step { state: standing.state, reason: standing.reason, store, customer }
    };
    let (last, before) = match standings.split_last() {
        Some((last, before)) => (own(last), before),
        None => {
            let store = Sums { price: None, captured: Amount::ZERO, refunded: Amount::ZERO };
            (Step { state: view.state, reason: None, store, customer: store }, standings)
        }
    };
    // What the books say of the store's side is held against the tills' sums elsewhere.
    let (captured, refunded) = (view.captured, view.refunded);
    let customer = Sums { price: view.price, captured, refunded };
    let store = Sums { price: view.price.and(last.store.price), ..last.store };
    let last = Step { state: view.state, reason: view.reason, store, customer };
    before.iter().map(own).chain([last]).collect()
}

/// Both sides must have been told every step, and no more than they may know.
pub(super) fn tellings(
    record: &Record,
    view: &PaymentEntry,
    (steps, telling): (&[Step], Telling),
    faults: &mut Vec<String>,
) {
    let receipt = view.approval.zip(view.reference);
    let receipt = receipt.map(|(approval, reference)| Receipt { approval, reference });
    if record.terminal.is_empty() {
        faults.push(format!("it {}, but its till never got an answer", word(view.state)));
    }
    for told in &record.terminal {
        // A till that took the payment back learns of the later step alone.
        let step = steps.iter().find(|step| step.state == told.state).or(steps.last());
        to_till(told, step, receipt, faults);
    }
    let mut later = steps.iter().skip(1);
    for attempt in &record.attempts {
        let Some(first) = attempt.told() else { continue };
        let step = later.next().or(steps.last());
        to_till(first, step, receipt, faults);
    }
    to_customer(record, view, (steps, telling), receipt, faults);
}

fn to_till(told: &Told, step: Option<&Step>, receipt: Option<Receipt>, faults: &mut Vec<String>) {
    let Some(step) = step else { return };
    let reason = reason_for_terminal(step);
    compare("its till", told, (step, &step.store, reason), receipt, faults);
    if told.reason != reason && told.reason == step.reason {
        faults.push("its till was told more of a decline than a shop may know".to_owned());
    }
    if told.notice.is_some() || told.foreign.is_some() {
        faults.push("its till was told the number of a customer's notice".to_owned());
    }
}

/// What a shop may know: of a decline only that it is one.
///
/// # Source
/// Rule 5 of the collation's rules, worked out here and not asked of the engine.
fn reason_for_terminal(step: &Step) -> Option<Reason> {
    if step.state == PaymentState::Declined { Some(Reason::NotHonoured) } else { step.reason }
}

fn to_customer(
    record: &Record,
    view: &PaymentEntry,
    (steps, telling): (&[Step], Telling),
    receipt: Option<Receipt>,
    faults: &mut Vec<String>,
) {
    let notices: Vec<u64> = record.notices().into_iter().collect();
    if notices.is_empty() && view.customer.is_some() {
        faults.push(format!("it {}, but its customer was never told", word(view.state)));
    } else if telling == Telling::Every && notices.len() < steps.len() && view.customer.is_some() {
        let (seen, all) = (notices.len(), steps.len());
        faults.push(format!("its customer was told {seen} of its {all} steps"));
    }
    for told in &record.customer {
        let place = notices.iter().position(|number| Some(*number) == told.notice);
        let step = if telling == Telling::Latest && notices.len() < steps.len() {
            // Some are missing: it is one of those that follow on the ones before it.
            steps.iter().skip(place.unwrap_or_default()).find(|step| step.is(told))
        } else {
            place.and_then(|place| steps.get(place))
        };
        let Some(step) = step.or(steps.last()) else { continue };
        compare("its customer", told, (step, &step.customer, step.reason), receipt, faults);
        let quoted = told.foreign.map(|foreign| (foreign.rate, foreign.markup_bp));
        let price = told.foreign.is_none_or(|foreign| foreign.price == record.order.price());
        if told.amount.is_some() && !(price && is_quoted(record.order.currency, quoted)) {
            faults.push("its customer was told another price or rate than the store's".to_owned());
        }
    }
    if let Some((last, known)) = notices.last().zip(view.notice)
        && *last != known
    {
        faults.push(format!("its customer saw notice {last}, the books say {known}"));
    }
}

fn compare(
    who: &str,
    told: &Told,
    (step, sums, reason): (&Step, &Sums, Option<Reason>),
    receipt: Option<Receipt>,
    faults: &mut Vec<String>,
) {
    if told.state != step.state {
        let (told, books) = (word(told.state), word(step.state));
        faults.push(format!("{who} was told that it {told}, the books say that it {books}"));
    } else if told.reason != reason {
        let (told, books) = (name(told.reason), name(reason));
        faults.push(format!("{who} was told {told} where the books give {books}"));
    }
    let Told { amount: price, captured, refunded, .. } = *told;
    if (Sums { price, captured, refunded }) != *sums {
        let (told, back) = (captured.minor(), refunded.minor());
        let (captured, refunded) = (sums.captured.minor(), sums.refunded.minor());
        faults.push(format!(
            "{who} was told other amounts than the books hold ({told} debited and {back} given \
             back, not {captured} and {refunded})"
        ));
    }
    if told.receipt != receipt {
        faults.push(format!("{who} was told other receipt numbers than the books hold"));
    }
}
