//! What a till asks for, and what a handset shows of it.

use std::borrow::Cow;

use kessai_client::wire::{Capture, Payer, Purchase};
use kessai_engine::TerminalKind;
use kessai_engine::terms::{
    Amount, Currency, CustomerId, Line, MerchantId, Money, PaymentId, Rate, Rounding, StoreName,
    TerminalId,
};
use serde::{Deserialize, Serialize};

use super::Moment;
use crate::course::{Course, Naming};
use crate::exchange::{HOME, Quote};
use crate::people::Person;
use crate::till;

/// What a till asks for, and who stands around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The number of its arrival.
    pub number: u64,
    /// When it was meant to begin: its latency counts from here.
    pub intended: Moment,
    /// When it did begin: a little later if the load generator was late.
    pub begun: Moment,
    /// The customer's place in the population.
    pub seat: usize,
    /// The till.
    pub terminal: TerminalId,
    /// Whether a clerk stands at it, or nobody.
    pub kind: TerminalKind,
    /// Who is paid.
    pub merchant: MerchantId,
    /// The store's name, as the customer must see it.
    pub store_name: StoreName,
    /// Who is asked to pay.
    pub customer: CustomerId,
    /// What is bought.
    pub lines: Vec<Line>,
    /// How the store rounds taxes.
    pub rounding: Rounding,
    /// What it costs, in the store's currency.
    pub total: Amount,
    /// The store's currency.
    pub currency: Currency,
    /// What that takes from the customer, in yen.
    pub charge: Amount,
    /// What the people are going to do.
    pub person: Person,
    /// What tills and machines are going to do.
    pub course: Course,
}

/// What a handset showed its customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown<'a> {
    /// Who is asked to pay.
    pub customer: CustomerId,
    /// The till.
    pub terminal: TerminalId,
    /// The store's name.
    pub store_name: Cow<'a, str>,
    /// What is bought.
    pub lines: Cow<'a, [Line]>,
    /// What it costs, as the store writes it.
    pub price: Money,
    /// What the customer is to pay.
    pub total: Money,
    /// The rate between the two, with the mark-up in it, and the mark-up; none if they are the same.
    pub exchange: Option<(Rate, u16)>,
}

impl Shown<'_> {
    /// Takes what is lent along.
    pub(super) fn into_owned(self) -> Shown<'static> {
        let Self { customer, terminal, store_name, lines, price, total, exchange } = self;
        let (store_name, lines) = (store_name.into_owned().into(), lines.into_owned().into());
        Shown { customer, terminal, store_name, lines, price, total, exchange }
    }
}

impl Order {
    /// What it costs, as the store writes it.
    #[must_use]
    pub const fn price(&self) -> Money {
        self.total.of(self.currency)
    }

    /// What the till asks for under an id, with the customer named by theirs.
    #[must_use]
    pub fn purchase(&self, payment: PaymentId) -> Purchase {
        Purchase {
            payment,
            payer: Payer::Customer(self.customer),
            lines: self.lines.clone(),
            claimed_total: self.total,
            currency: self.currency,
            capture: match self.kind {
                TerminalKind::PointOfSale => Capture::AtApproval,
                TerminalKind::Vending => Capture::OnDelivery,
            },
        }
    }

    /// Whether the store charges in another currency than the customer keeps.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.currency != HOME
    }

    /// Whether the customer shows a code instead of the id.
    #[must_use]
    pub fn is_by_code(&self) -> bool {
        self.course.naming != Naming::Id
    }

    /// Adds up what so many pieces of each line cost; nothing if they are not a part of it.
    #[must_use]
    pub fn part(&self, pieces: &[u32]) -> Option<Amount> {
        till::total(&till::part(&self.lines, pieces).ok()?, self.rounding).ok()
    }

    /// Says what of it the customer was shown otherwise.
    pub(super) fn differs(&self, shown: &Shown<'_>) -> Option<&'static str> {
        if shown.total != self.charge.of(HOME) || shown.price != self.price() {
            Some("another price")
        } else if shown.store_name.as_ref() != self.store_name.as_str()
            || shown.terminal != self.terminal
        {
            Some("another shop")
        } else if shown.lines.as_ref() != self.lines.as_slice() {
            Some("other goods")
        } else if !is_quoted(self.currency, shown.exchange) {
            Some("another rate of exchange")
        } else {
            None
        }
    }
}

/// Says whether a rate and its mark-up are those of a price in `currency`.
pub(crate) fn is_quoted(currency: Currency, told: Option<(Rate, u16)>) -> bool {
    match (Quote::of(currency), told) {
        (None, None) => true,
        (Some(quote), Some((rate, markup_bp))) => {
            rate.to_string() == quote.marked_up() && markup_bp == quote.markup_bp
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}
