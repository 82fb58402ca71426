//! The values of a scenario, as its file has them, and what each of them may be.

use rand_distr::LogNormal;
use serde::{Deserialize, Serialize};

use kessai_engine::TerminalKind;

use super::outages::{Batch, BatchDraws, Outages};
use super::sizes::BasketSizes;
use crate::course::{Fate, Naming};
use crate::people::{Habit, Reaction};
use crate::population::Wealth;
use crate::schedule::{Curve, Form};
use crate::shares::{
    AT_MACHINES, AT_TILLS, Draws, HABITS, NAMINGS, REFUNDED_ELSEWHERE, SENT_TWICE, Shares, WHOLE,
};
use crate::skew::{Skew, is_exponent};

/// Who pays what, how people and machines behave, and what goes wrong. Shares are in thousandths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// What it is, in a sentence.
    pub description: String,
    /// The rate through a day, which a run goes through once: lines of `HH:MM,WEIGHT`. Where there
    /// is none, the rate is constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<String>,
    /// Refunds that another terminal of the merchant makes.
    pub refunded_elsewhere: u32,
    /// Refunds and reports that are sent twice, as if the answer had been lost.
    pub sent_twice: u32,
    /// What the population has to be.
    pub population: Demands,
    /// How unequally stores, products and customers are chosen.
    pub skew: Skew,
    /// How much people buy at a time.
    pub baskets: BasketSizes,
    /// What customers do with the handset in hand, and clerks meanwhile.
    pub habits: Shares<Habit>,
    /// How tills learn who pays.
    pub namings: Shares<Naming>,
    /// What becomes of payments at tills with a clerk.
    pub tills: Shares<Fate>,
    /// What becomes of payments at vending machines.
    pub machines: Shares<Fate>,
    /// How long people, and what they use, take.
    pub reactions: Reactions,
    /// Who is cut off now and then.
    #[serde(default, skip_serializing_if = "Outages::are_none")]
    pub outages: Outages,
}

/// What a population has to be for a scenario. Where nothing is said, any will do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demands {
    /// Terminals that are vending machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machines: Option<u32>,
    /// What customers have to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wealth: Option<Wealth>,
}

/// How long people, and what they use, take at the pace of life.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reactions {
    /// A customer looks at the handset, reads and types.
    pub reads_and_types: Reaction,
    /// A customer types the password again.
    pub types_again: Reaction,
    /// A customer presses *Cancel*.
    pub presses_cancel: Reaction,
    /// A clerk waits before giving a payment up.
    pub clerk_waits: Reaction,
    /// A machine hands the goods out.
    pub dispenses: Reaction,
    /// A customer comes back with the goods.
    pub comes_back: Reaction,
    /// A till notices that its line is lost.
    pub loses_line: Reaction,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            description: "a bit of everything, and far more of what goes wrong than in life"
                .to_owned(),
            curve: None,
            refunded_elsewhere: REFUNDED_ELSEWHERE,
            sent_twice: SENT_TWICE,
            population: Demands::default(),
            skew: Skew::default(),
            baskets: BasketSizes::default(),
            habits: Shares::of(&HABITS),
            namings: Shares::of(&NAMINGS),
            tills: Shares::of(&AT_TILLS),
            machines: Shares::of(&AT_MACHINES),
            reactions: Reactions::default(),
            outages: Outages::default(),
        }
    }
}

impl Default for Reactions {
    fn default() -> Self {
        let reaction = |median_s, spread| Reaction { median_s, spread };
        Self {
            reads_and_types: reaction(4.0, 0.45),
            types_again: reaction(3.0, 0.4),
            presses_cancel: reaction(2.5, 0.5),
            clerk_waits: reaction(3.0, 0.8),
            dispenses: reaction(3.0, 0.3),
            comes_back: reaction(5.0, 0.5),
            loses_line: reaction(3.5, 0.6),
        }
    }
}

/// Says which value cannot be, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ValueError {
    /// Which one, as `skew.stores`.
    pub key: String,
    /// Why.
    pub problem: String,
}

pub(super) fn wrong(key: impl Into<String>, problem: impl Into<String>) -> ValueError {
    ValueError { key: key.into(), problem: problem.into() }
}

/// What is drawn from in a scenario, made of values that can be.
#[derive(Debug, Clone)]
pub struct Distributions {
    pub(crate) habits: Draws<Habit>,
    pub(crate) namings: Draws<Naming>,
    pub(crate) at_tills: Draws<Fate>,
    pub(crate) at_machines: Draws<Fate>,
    pub(crate) reads_and_types: LogNormal<f64>,
    pub(crate) types_again: LogNormal<f64>,
    pub(crate) presses_cancel: LogNormal<f64>,
    pub(crate) clerk_waits: LogNormal<f64>,
    pub(crate) dispenses: LogNormal<f64>,
    pub(crate) comes_back: LogNormal<f64>,
    pub(crate) loses_line: LogNormal<f64>,
    pub(crate) form: Form,
    pub(crate) tills_out: Option<BatchDraws>,
    pub(crate) handsets_out: Option<BatchDraws>,
}

impl Distributions {
    /// Checks all values, and makes what is drawn from.
    ///
    /// # Errors
    /// [`ValueError`] names the first that cannot be.
    pub(super) fn new(values: &Values) -> Result<Self, ValueError> {
        possible(values)?;
        let time = |key, reaction: Reaction| {
            reaction.distribution().ok_or_else(|| {
                let problem = "median_s is above 0 and at most 3600, spread from 0 to 3";
                wrong(format!("reactions.{key}"), problem)
            })
        };
        let of = &values.reactions;
        Ok(Self {
            habits: draws("habits", &values.habits)?,
            namings: draws("namings", &values.namings)?,
            at_tills: fates("tills", &values.tills, TerminalKind::PointOfSale)?,
            at_machines: fates("machines", &values.machines, TerminalKind::Vending)?,
            reads_and_types: time("reads_and_types", of.reads_and_types)?,
            types_again: time("types_again", of.types_again)?,
            presses_cancel: time("presses_cancel", of.presses_cancel)?,
            clerk_waits: time("clerk_waits", of.clerk_waits)?,
            dispenses: time("dispenses", of.dispenses)?,
            comes_back: time("comes_back", of.comes_back)?,
            loses_line: time("loses_line", of.loses_line)?,
            form: form(values)?,
            tills_out: out("outages.tills", values.outages.tills)?,
            handsets_out: out("outages.handsets", values.outages.handsets)?,
        })
    }
}

/// Checks what is a plain number.
fn possible(values: &Values) -> Result<(), ValueError> {
    let shares = [
        ("refunded_elsewhere", values.refunded_elsewhere),
        ("sent_twice", values.sent_twice),
        ("population.machines", values.population.machines.unwrap_or(0)),
    ];
    if let Some((key, share)) = shares.into_iter().find(|(_, share)| *share > WHOLE) {
        return Err(wrong(key, format!("{share} is more than {WHOLE} thousandths")));
    }
    let Skew { stores, products, customers } = values.skew;
    let exponents =
        [("skew.stores", stores), ("skew.products", products), ("skew.customers", customers)];
    if let Some((key, number)) = exponents.into_iter().find(|(_, number)| !is_exponent(*number)) {
        return Err(wrong(key, format!("{number} is no exponent: 0 or more, 0 for all alike")));
    }
    if !values.baskets.lines.is_possible() {
        let problem = "the quantiles rise from 1 at least to 200 at most, as p10 to most";
        return Err(wrong("baskets.lines", problem));
    }
    if !values.baskets.pieces.is_possible() {
        return Err(wrong("baskets.pieces", "from least to most, within 1 to 100"));
    }
    Ok(())
}

fn fates(
    key: &'static str,
    shares: &Shares<Fate>,
    kind: TerminalKind,
) -> Result<Draws<Fate>, ValueError> {
    if let Some((fate, _)) = shares.iter().find(|(fate, _)| fate.kind() != kind) {
        return Err(wrong(key, format!("{fate:?} does not happen there")));
    }
    draws(key, shares)
}

fn draws<T: Ord + Copy>(key: &'static str, shares: &Shares<T>) -> Result<Draws<T>, ValueError> {
    let sum = shares.sum();
    if sum != u64::from(WHOLE) {
        let problem = format!("the shares add up to {sum} thousandths instead of {WHOLE}");
        return Err(wrong(key, problem));
    }
    shares.draws().map_err(|none| wrong(key, none.to_string()))
}

fn out(key: &str, batch: Option<Batch>) -> Result<Option<BatchDraws>, ValueError> {
    batch.map(|batch| batch.draws(key)).transpose()
}

fn form(values: &Values) -> Result<Form, ValueError> {
    let Some(curve) = &values.curve else { return Ok(Form::Constant) };
    let curve = curve.parse::<Curve>().map_err(|error| wrong("curve", error.to_string()))?;
    Ok(Form::Day(curve))
}
