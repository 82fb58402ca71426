//! A till with its clerk, or a machine: sells, calls off, takes back, gives back, hands out.

use kessai_engine::terms::ids::PaymentId;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Capture, NamedBy, PaymentState};

use super::errands::Errands;
use super::{Ending, Scene};
use crate::simulation::cast::CUSTOMERS;
use crate::simulation::chance::{Chance, Of};
use crate::simulation::faults::Fault;
use crate::simulation::message::{Ask, Purchase, Standpoint, Tell};
use crate::simulation::rules::{DELIVERY_MS, ID_TOLERANCE_MS};

/// The highest price; ten of them are what a customer has.
const MOST: u64 = 2_000;
/// How far a clock can be set.
const JUMP_MS: u64 = 3_600_000;

/// A till.
#[derive(Debug)]
pub(in crate::simulation) struct Till {
    capture: Capture,
    chance: Chance,
    errands: Errands,
    /// What it sells now.
    sale: Option<Purchase>,
    /// When it sells again.
    rested_ms: u64,
    /// What it sold before, for all that can still happen to it.
    sold: Vec<Purchase>,
    /// How far its clock is ahead in ordinary times, and how far now.
    usually_ms: i64,
    ahead_ms: i64,
}

impl Till {
    pub(in crate::simulation) fn new(seed: u64, number: usize, capture: Capture) -> Self {
        let mut chance = Chance::new(seed, Of::Till(number));
        let rested_ms = chance.between(0..=500);
        let usually_ms = chance.between(0..=ID_TOLERANCE_MS).cast_signed();
        Self {
            capture,
            chance,
            errands: Errands::default(),
            sale: None,
            rested_ms,
            sold: Vec::new(),
            usually_ms,
            ahead_ms: usually_ms,
        }
    }

    /// When it wants to act next.
    pub(in crate::simulation) fn next_ms(&self, ending: Ending) -> Option<u64> {
        let rested = (self.sale.is_none() && ending == Ending::NotYet).then_some(self.rested_ms);
        rested.into_iter().chain(self.errands.next_ms()).min()
    }

    /// Whether it has been answered all that it asked.
    pub(in crate::simulation) fn is_done(&self) -> bool {
        self.errands.is_empty()
    }

    /// Its connection broke, and it has another.
    pub(in crate::simulation) fn reconnected(&mut self, scene: &mut Scene<'_>) {
        self.errands.hurry(scene);
    }

    /// Does what it has a mind to.
    pub(in crate::simulation) fn act(&mut self, scene: &mut Scene<'_>) {
        let may_begin = self.sale.is_none() && scene.ending == Ending::NotYet;
        if may_begin && self.rested_ms <= scene.now_ms {
            if self.chance.per_cent(75) || self.sold.is_empty() {
                self.begin(scene);
            } else {
                self.come_back(scene);
                self.rest(scene);
            }
        }
        self.errands.send_due(scene);
    }

    /// Hears what it is told.
    pub(in crate::simulation) fn hear(&mut self, request: u64, tell: &Tell, scene: &mut Scene<'_>) {
        if let Tell::Refused(Reason::Busy | Reason::StorageLow) = tell {
            return self.errands.postpone(request, scene);
        }
        let Some(ask) = self.errands.answered(request) else { return };
        match (ask, tell) {
            (Ask::Open(purchase), Tell::Payment(stands)) if self.sale == Some(purchase) => {
                self.ended(&purchase, stands, scene);
            }
            (Ask::Open(purchase), _) => self.over(&purchase, scene),
            _ => {}
        }
    }

    fn rest(&mut self, scene: &Scene<'_>) {
        self.rested_ms = scene.now_ms.saturating_add(self.chance.between(20..=1_500));
    }

    /// An id that nobody else makes.
    fn id(&mut self, scene: &mut Scene<'_>) -> PaymentId {
        if scene.faults.strikes(Fault::ClockJumped, &mut self.chance) {
            let jump = self.chance.between(0..=JUMP_MS).cast_signed();
            self.ahead_ms = if self.chance.coin() { jump } else { jump.saturating_neg() };
        } else if self.chance.per_cent(30) {
            self.ahead_ms = self.usually_ms;
        }
        let at_ms = scene.gateway_ms.saturating_add_signed(self.ahead_ms);
        PaymentId::from_parts(at_ms, self.chance.bytes())
    }

    fn begin(&mut self, scene: &mut Scene<'_>) {
        let payment = self.id(scene);
        // One beyond the last is nobody.
        let customer = self.chance.below(CUSTOMERS + 1);
        let named_by = if self.chance.per_cent(20) { NamedBy::Code } else { NamedBy::Id };
        let price = self.chance.between(1..=MOST);
        let purchase = Purchase { payment, customer, named_by, capture: self.capture, price };
        self.sale = Some(purchase);
        self.errands.add(Ask::Open(purchase), 0, scene);
        if scene.faults.strikes(Fault::CancelRaced, &mut self.chance) {
            let in_ms = self.chance.between(0..=4_000);
            let undo = self.chance.coin();
            let ask = if undo { Ask::Cancel(payment) } else { Ask::Reverse(payment) };
            self.errands.add(ask, in_ms, scene);
        }
        if self.chance.per_cent(3) {
            // Another request under the same id.
            let other = Purchase { price: price.saturating_add(1), ..purchase };
            let in_ms = self.chance_ms(2_000);
            self.errands.add(Ask::Open(other), in_ms, scene);
        }
    }

    fn chance_ms(&mut self, most_ms: u64) -> u64 {
        self.chance.between(0..=most_ms)
    }

    /// The sale is over, whatever became of it.
    fn over(&mut self, purchase: &Purchase, scene: &mut Scene<'_>) {
        if self.sale.is_some_and(|sale| sale.payment == purchase.payment) {
            self.sale = None;
            self.rest(scene);
        }
    }

    fn ended(&mut self, purchase: &Purchase, stands: &Standpoint, scene: &mut Scene<'_>) {
        self.over(purchase, scene);
        self.sold.push(*purchase);
        match stands.state {
            PaymentState::Authorised => self.hand_out(purchase, scene),
            PaymentState::Captured if self.chance.per_cent(30) => self.come_back(scene),
            _ => {}
        }
    }

    /// A machine says what came out: all, a part, nothing; or it is silent, or late.
    fn hand_out(&mut self, purchase: &Purchase, scene: &mut Scene<'_>) {
        let in_ms = if self.chance.per_cent(10) {
            self.chance.between(DELIVERY_MS.saturating_sub(500)..=DELIVERY_MS + 2_000)
        } else {
            self.chance_ms(3_000)
        };
        let part = match self.chance.between(0..=9) {
            0..=5 => None,
            6..=7 => Some(self.chance.between(0..=purchase.price)),
            8 => Some(0),
            _ => return,
        };
        self.errands.add(Ask::Delivered(purchase.payment, part), in_ms, scene);
        if self.chance.per_cent(10) {
            // Said again, and sometimes otherwise.
            let again = Ask::Delivered(purchase.payment, part.filter(|_| self.chance.coin()));
            self.errands.add(again, in_ms.saturating_add(1_000), scene);
        }
    }

    /// Somebody comes back with what was sold here before.
    fn come_back(&mut self, scene: &mut Scene<'_>) {
        if self.sold.is_empty() {
            return;
        }
        let place = self.chance.below(self.sold.len());
        let Some(sold) = self.sold.get(place).copied() else { return };
        let Purchase { payment, price, .. } = sold;
        let in_ms = self.chance_ms(2_000);
        let ask = match self.chance.between(0..=11) {
            0..=1 => Ask::Reverse(payment),
            2 => Ask::Status(payment),
            3 => Ask::Cancel(payment),
            // The line was bad, or the till is: the very same again.
            4..=5 => Ask::Open(sold),
            _ => {
                let refund = self.id(scene);
                let price = match self.chance.between(0..=3) {
                    0 => price,
                    1 => price.saturating_add(self.chance.between(1..=MOST)),
                    _ => self.chance.between(1..=price),
                };
                Ask::Refund { refund, payment, price }
            }
        };
        self.errands.add(ask, in_ms, scene);
    }
}
