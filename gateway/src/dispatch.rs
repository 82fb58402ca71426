//! The one place that talks to the engine, and performs what was decided: journal, then prompt or
//! answer.
//!
//! It takes owned values and never sees a socket, so that the process facing the Internet can be
//! split off later. Every method runs to its end without waiting; what has to wait for the journal
//! is left with [`Deliveries`].
//!
//! ```text
//!  a session's request                              a tick
//!   open  ask  attach  prove  refuse                expire
//!     |    |     |       |      |                     |
//!     '----'-----'---+---'------'---------------------'
//!                    |  one command of the engine, one place in the journal
//!                    v
//!   an effect, and the record that it depends on  -->  Deliveries
//!                                                          |  once that is durable
//!        .------------+---------------+--------------------+-----------.
//!        v            v               v                    v           v
//!     Answer    Ask, AskDevice     Changed               Tell        Push
//!    (a Reply)  every handset,  the terminals that    one handset,   to the
//!               or one, gets    wait, and the         what it has    handset's
//!               a prompt        other handsets        missed         connection
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use kessai_engine::terms::collation::ServerNonce;
use kessai_engine::terms::{Reason, TerminalId};
use kessai_engine::{Engine, Slot};
use kessai_journal::Journal;
use kessai_wire::Handset;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::deliveries::Deliveries;
use crate::entropy::{Entropy, draw};
use crate::lookups::Lookups;
use crate::node::Shelf;
use crate::notify::Notifier;
use crate::presentments::Presentments;
use crate::rates::Rates;
use crate::receipts::Receipts;
use crate::session::Way;
use crate::waiting::Waiting;

mod archived;
mod effects;
mod handsets;
mod terminals;
#[cfg(test)]
mod tests;

use archived::Question;
use effects::Effect;
pub(crate) use terminals::Ask;

/// Payments that expire before others get their turn.
const EXPIRE_AT_ONCE: usize = 64;

/// The settings that dispatch goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long a customer may take to answer.
    pub(crate) prompt_ms: u64,
    /// How long a presentment code is good.
    pub(crate) code_ms: u64,
    /// How often a terminal may ask how payments stand, a minute.
    pub(crate) status_per_minute: u32,
    /// How many presentment codes a handset may ask for, a minute.
    pub(crate) codes_per_minute: u32,
    /// How many codes that nobody shows a terminal may send, a minute.
    pub(crate) wrong_codes_per_minute: u32,
}

/// Talks to the engine for all connections.
pub(crate) struct Dispatch {
    engine: Arc<Engine>,
    journal: Journal,
    /// Makes receipts of that journal.
    receipts: Arc<Receipts>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    prompt_ms: u64,
    /// Calls customers whose handset is not there.
    notifier: Arc<dyn Notifier>,
    rates: Arc<Rates>,
    /// Codes that handsets show now.
    presentments: Presentments,
    status_budget: Budget<TerminalId>,
    code_budget: Budget<Handset>,
    draining: AtomicBool,
    /// Handsets that can be asked and told now, each over the newest way that it attached by.
    attached: DashMap<Handset, Way>,
    /// Terminals that wait for the end of a payment.
    waiting: Waiting,
    deliveries: Deliveries<Effect>,
    counters: Arc<Counters>,
    /// Payments that have left the memory.
    shelf: Shelf,
    lookups: Lookups<Question>,
    /// How old what was read there may be: less than a payment stays in memory.
    fresh_ms: u64,
}

impl Dispatch {
    pub(crate) fn new(
        engine: Arc<Engine>,
        receipts: Arc<Receipts>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
        notifier: Arc<dyn Notifier>,
        rates: Arc<Rates>,
    ) -> Self {
        let journal = receipts.journal().clone();
        let deliveries = Deliveries::new(journal.clone());
        Self {
            engine,
            journal,
            receipts,
            clock,
            entropy,
            prompt_ms: options.prompt_ms,
            notifier,
            rates,
            presentments: Presentments::new(options.code_ms, options.wrong_codes_per_minute),
            status_budget: Budget::new(options.status_per_minute),
            code_budget: Budget::new(options.codes_per_minute),
            draining: AtomicBool::new(false),
            attached: DashMap::new(),
            waiting: Waiting::default(),
            deliveries,
            counters: Arc::default(),
            shelf: Shelf::default(),
            lookups: Lookups::default(),
            fresh_ms: 0,
        }
    }

    /// Has payments looked up in an archive that have left the memory, where they stay `memory_ms`.
    pub(crate) fn with_archive(self, shelf: Shelf, memory_ms: u64) -> Self {
        Self { shelf, fresh_ms: memory_ms / 2, ..self }
    }

    /// Counts where others count too.
    pub(crate) fn with_counters(self, counters: Arc<Counters>) -> Self {
        Self { counters, ..self }
    }

    pub(crate) const fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) const fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) const fn receipts(&self) -> &Arc<Receipts> {
        &self.receipts
    }

    pub(crate) const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Ends every payment whose time is over. Where the journal has no room it leaves the rest for
    /// the next time, and it lets others have their turn. While the service is stopped nothing ends.
    pub(crate) async fn expire(&self) {
        if self.receipts.stopped_since_ms().is_some() {
            return;
        }
        let now_ms = self.clock.now_ms();
        let mut ended = 0_usize;
        for unit in self.engine.units() {
            while let Some(view) = self.engine.expire_due(unit, now_ms, || self.slot().ok()) {
                self.changed(view, None);
                ended = ended.saturating_add(1);
                if ended.is_multiple_of(EXPIRE_AT_ONCE) {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Refuses new payments from now on; open ones may still end.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Says whether everything that was decided has been told.
    pub(crate) fn is_settled(&self) -> bool {
        self.deliveries.is_empty() && self.lookups.is_empty()
    }

    fn slot(&self) -> Result<impl Slot, Reason> {
        let slot = self.journal.reserve().ok_or(Reason::Busy)?;
        Ok(self.counters.payments.counting(slot))
    }

    fn nonce(&self) -> ServerNonce {
        ServerNonce(self.draw())
    }

    /// Draws bytes that nobody can foresee.
    pub(crate) fn draw(&self) -> [u8; 32] {
        draw(self.entropy.as_ref())
    }
}
