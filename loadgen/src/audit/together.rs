//! What several accounts of one population say together: of runs one after the other, or of
//! processes that each played a share of it at the same time.

use std::collections::{BTreeMap, BTreeSet};

use kessai_engine::terms::{CustomerId, MerchantId, TerminalId};
use serde::{Deserialize, Serialize};

use super::{CustomerEntry, Evidence, PaymentEntry, Positions, Tallies, Testimony};

/// The share of a population that one of several processes played, with all that moves its money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which of them, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
    /// The terminals that are of this share and of no other.
    pub terminals: BTreeSet<TerminalId>,
    /// The merchants that they all belong to, with no other terminals in other shares.
    pub merchants: BTreeSet<MerchantId>,
}

/// What was before, for all accounts: each thing as the earliest of them found it.
pub(super) struct Together<'a> {
    pub(super) customers: BTreeMap<CustomerId, (&'a CustomerEntry, &'a Evidence)>,
    pub(super) merchants: Tallies,
    /// None while a share is missing: it is common to all of them.
    pub(super) exchange: Option<&'a Positions>,
    /// The shares; none where an account is of the whole.
    shares: Option<Vec<&'a Share>>,
}

impl<'a> Together<'a> {
    /// Puts accounts together, the earliest first; nothing comes of none.
    pub(super) fn of(testimonies: &[&'a Testimony]) -> Option<Self> {
        let first = &testimonies.first()?.evidence;
        let mut customers = BTreeMap::new();
        for Testimony { evidence, .. } in testimonies {
            for (customer, entry) in &evidence.before.customers {
                customers.entry(*customer).or_insert((entry, evidence));
            }
        }
        let shares = testimonies.iter().map(|testimony| testimony.evidence.share.as_ref());
        let shares: Option<Vec<&Share>> = shares.collect();
        let befores = testimonies.iter().map(|testimony| &testimony.evidence.before);
        let merchants = match shares {
            // Each share has merchants of its own.
            Some(_) => befores.flat_map(|before| before.merchants.clone()).collect(),
            None => first.before.merchants.clone(),
        };
        let is_whole = missing(testimonies.iter().copied()).is_empty();
        let exchange = is_whole.then_some(&first.before.exchange);
        Some(Self { customers, merchants, exchange, shares })
    }

    /// Whether a payment in the books is of somebody here: what other shares did is theirs to say.
    pub(super) fn has(&self, view: &PaymentEntry) -> bool {
        self.is_ours(|share| share.terminals.contains(&view.terminal))
    }

    /// Whether a merchant is one whose terminals are all here.
    pub(super) fn pays(&self, merchant: &MerchantId) -> bool {
        self.is_ours(|share| share.merchants.contains(merchant))
    }

    fn is_ours(&self, has: impl Fn(&Share) -> bool) -> bool {
        self.shares.as_ref().is_none_or(|shares| shares.iter().any(|share| has(share)))
    }
}

/// Says which shares nobody gave an account of: without them it cannot be said what was exchanged.
pub fn missing<'a>(testimonies: impl IntoIterator<Item = &'a Testimony>) -> BTreeSet<u32> {
    let mut missing: Option<BTreeSet<u32>> = None;
    for testimony in testimonies {
        let Some(share) = &testimony.evidence.share else { return BTreeSet::new() };
        missing.get_or_insert_with(|| (1..=share.of).collect()).remove(&share.number);
    }
    missing.unwrap_or_default()
}
