//! Loads and judges: terminals, handsets and people, and the audit of what became of their money.
//!
//! The load generator plays both legs of every payment against a gateway: tills that scan baskets
//! at moments fixed before the run, and handsets with people behind them who approve, mistype,
//! cancel or stay silent. It writes down all that either side was told, and proves afterwards
//! against the gateway's books that no yen and no answer is missing or doubled.
//!
//! Reading order: [`shares`], [`scenario`], [`schedule`], [`people`] and [`course`] (what is going to
//! happen), [`population`], [`catalogue`], [`till`] and [`exchange`] (to whom, with what, for how
//! much), [`keyring`] and [`fleet`] (all connections to a gateway), [`life`] and [`messages`] (the
//! run), [`ledger`], [`spill`], [`audit`] and [`timing`] (the judgement), [`trial`] (what all runs
//! have in common), [`results`] (what they leave behind). A trial is made of a gateway in this process, by
//! [`demo`] on a [`site`] of its own, or of one that runs somewhere else, by [`capacity`] with a
//! population that was written out by [`provision`] and imported there; [`chaos`] makes one of the
//! real program, and faults happen to that. [`connections`] are a load without payments. [`hand`] is
//! apart from all that: a till and a handset for people; and so is [`simulation`]: the whole system in
//! virtual time, from seeds.

pub mod administration;
pub mod audit;
pub mod board;
pub mod capacity;
pub mod catalogue;
pub mod chaos;
pub mod commands;
pub mod comparison;
pub mod connections;
pub mod cost;
pub mod course;
pub mod demo;
pub mod exchange;
pub mod fleet;
pub mod generator;
pub mod goal;
pub mod hand;
pub mod interleaving;
pub mod keyring;
pub mod ledger;
pub mod life;
pub mod maximum;
pub mod measure;
pub mod merge;
pub mod messages;
pub mod people;
pub mod population;
pub mod provision;
pub mod report;
pub mod results;
#[cfg(test)]
mod sample;
pub mod scenario;
pub mod schedule;
pub mod screen;
pub mod search;
pub mod seeds;
pub mod shares;
pub mod simulation;
pub mod site;
pub mod skew;
pub mod spill;
pub mod statistics;
pub mod tally;
pub mod throttle;
pub mod till;
pub mod timing;
mod told;
pub mod trial;
