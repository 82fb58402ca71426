//! What can be seen of a run while it goes on: written by its tasks, read by the screen.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ledger::Record;
use crate::people::{Deed, Habit};
use crate::schedule::Skip;
use crate::tally::{Kind, Outcome, Quantiles, Summary, Tally, rate};
use crate::throttle::{Setting, Throttle, Turn};

/// Payments that are told in words.
const RECENT: usize = 8;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Keys are made.
    MakingKeys,
    /// The books are read as they are before the run.
    Reading,
    /// Customers are entered: so many of so many.
    Provisioning(usize, usize),
    /// Everybody connects: so many of so many.
    Connecting(usize, usize),
    /// Everybody waits for the moment at which the run is to begin.
    Waiting,
    /// Payments are offered.
    Running,
    /// The last payments come to their ends.
    Draining,
    /// Ledger and books are compared.
    Auditing,
}

/// What can be seen of a run, and how a person who sees it turns its rate.
#[derive(Debug)]
pub struct Board {
    state: Mutex<State>,
    throttle: Throttle,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    span: Duration,
    started: Option<Instant>,
    stopped: Option<Instant>,
    connections: usize,
    offered: u64,
    open: usize,
    tally: Tally,
    skips: Vec<(Duration, Skip)>,
    recent: VecDeque<String>,
    trouble: Option<String>,
    troubles: u64,
}

/// What the screen shows at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// How far the run is.
    pub stage: Stage,
    /// For how long payments have been offered.
    pub elapsed: Duration,
    /// For how long they will be.
    pub span: Duration,
    /// How the rate is turned.
    pub setting: Setting,
    /// Connections that stand.
    pub connections: usize,
    /// Arrivals so far.
    pub offered: u64,
    /// Arrivals a second so far.
    pub offered_per_s: f64,
    /// Payments whose both sides know the end, a second.
    pub finished_per_s: f64,
    /// Payments under way.
    pub open: usize,
    /// Counts by outcome.
    pub counts: [(Outcome, u64); 6],
    /// Counts by kind.
    pub kinds: [(Kind, u64); 6],
    /// What machines took.
    pub machine: Quantiles,
    /// What people took.
    pub human: Quantiles,
    /// How late payments were begun.
    pub lag: Quantiles,
    /// The last payments in words, the latest first.
    pub recent: Vec<String>,
    /// Connections lost and calls without an answer.
    pub troubles: u64,
    /// The last of them in words.
    pub trouble: Option<String>,
}

impl Board {
    /// Begins to show a run that offers payments for `span`.
    #[must_use]
    pub fn new(span: Duration) -> Self {
        let state = Mutex::new(State {
            stage: Stage::MakingKeys,
            span,
            started: None,
            stopped: None,
            connections: 0,
            offered: 0,
            open: 0,
            tally: Tally::new(span),
            skips: Vec::new(),
            recent: VecDeque::with_capacity(RECENT),
            trouble: None,
            troubles: 0,
        });
        Self { state, throttle: Throttle::default() }
    }

    /// What the run goes by.
    #[must_use]
    pub const fn throttle(&self) -> &Throttle {
        &self.throttle
    }

    /// Turns the rate, as long as payments are offered.
    pub fn turn(&self, turn: Turn) {
        let state = self.state();
        if let (Stage::Running, Some(started)) = (state.stage, state.started) {
            self.throttle.turn(turn, started.elapsed());
        }
    }

    /// Shows how far preparations are.
    pub fn stage(&self, stage: Stage) {
        let mut state = self.state();
        state.stage = stage;
        if let Stage::Connecting(made, _) = stage {
            // Tasks tell their counts in any order.
            state.connections = state.connections.max(made);
        }
    }

    pub(crate) fn running(&self) {
        let mut state = self.state();
        (state.stage, state.started) = (Stage::Running, Some(Instant::now()));
    }

    pub(crate) fn draining(&self) {
        let mut state = self.state();
        (state.stage, state.stopped) = (Stage::Draining, Some(Instant::now()));
    }

    pub(crate) fn begun(&self, lag: Duration, open: usize) {
        let mut state = self.state();
        state.offered = state.offered.saturating_add(1);
        state.open = open;
        state.tally.lag.add(lag);
    }

    pub(crate) fn skipped(&self, intended: Duration, skip: Skip) {
        let mut state = self.state();
        state.skips.push((intended, skip));
        state.offered = state.offered.saturating_add(1);
        state.tally.skip(skip);
    }

    pub(crate) fn finished(&self, summary: &Summary, record: &Record, open: usize) {
        let sentence = sentence(summary, record);
        let mut state = self.state();
        state.open = open;
        state.tally.add(summary);
        state.recent.truncate(RECENT.saturating_sub(1));
        state.recent.push_front(sentence);
    }

    pub(crate) fn trouble(&self, what: &str) {
        let mut state = self.state();
        state.troubles = state.troubles.saturating_add(1);
        state.trouble = Some(what.to_owned());
    }

    /// Begins the final tally: what was skipped and how late payments were begun, which the ledger
    /// does not know.
    #[must_use]
    pub fn unfinished_tally(&self) -> Tally {
        let state = self.state();
        let mut tally = Tally::new(state.span);
        tally.take_skips(&state.tally);
        tally
    }

    /// Copies what was not begun, and when it was meant to.
    #[must_use]
    pub fn skips(&self) -> Vec<(Duration, Skip)> {
        self.state().skips.clone()
    }

    /// Looks at the run as it is now.
    #[must_use]
    pub fn view(&self) -> View {
        let state = self.state();
        let until = state.stopped.unwrap_or_else(Instant::now);
        let elapsed = state.started.map_or(Duration::ZERO, |started| until - started);
        let since = state.started.map_or(Duration::ZERO, |started| started.elapsed());
        let finished = state.tally.all().saturating_sub(state.tally.of(Outcome::Skipped));
        View {
            stage: state.stage,
            elapsed,
            span: state.span,
            setting: self.throttle.setting(),
            connections: state.connections,
            offered: state.offered,
            offered_per_s: rate(state.offered, elapsed),
            finished_per_s: rate(finished, since),
            open: state.open,
            counts: Outcome::ALL.map(|outcome| (outcome, state.tally.of(outcome))),
            kinds: Kind::ALL.map(|kind| (kind, state.tally.of_kind(kind))),
            machine: state.tally.machine.quantiles(),
            human: state.tally.human.quantiles(),
            lag: state.tally.lag.quantiles(),
            recent: state.recent.iter().cloned().collect(),
            troubles: state.troubles,
            trouble: state.trouble.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells a payment in words: where, what, how much, what people did, what came of it.
fn sentence(summary: &Summary, record: &Record) -> String {
    let order = &record.order;
    let items = order.lines.iter().fold(0_u32, |sum, line| sum.saturating_add(line.quantity));
    let plural = if items == 1 { "" } else { "s" };
    let deed = match (order.person.habit, record.acts.last(), record.given_up) {
        (_, _, Some(_)) => "the clerk gave up",
        (_, None, None) if record.prompted.is_none() => "nobody was asked",
        (_, None, None) => "the customer did not answer",
        (_, Some((_, Deed::Cancel)), None) => "the customer cancelled",
        (Habit::MistypesOnce, Some((_, Deed::Approve)), None) => "approved at the second try",
        (_, Some((_, Deed::Approve)), None) => "the customer approved",
        (_, Some((_, Deed::Mistype)), None) => "the customer mistyped",
    };
    let total = order.price();
    let (store, outcome, reason) = (&order.store_name, summary.outcome.name(), summary.reason);
    let because = if reason == outcome { String::new() } else { format!(" ({reason})") };
    let later = later(summary);
    format!("{store}: {items} item{plural}, {total}; {deed}: {outcome}{because}{later}")
}

/// Says what became of an approved payment later.
fn later(summary: &Summary) -> String {
    let later = [Kind::CapturedInPart, Kind::Reversed, Kind::Refunded];
    let kinds = Kind::ALL.into_iter().zip(summary.kinds);
    kinds
        .filter(|(kind, is_one)| *is_one && later.contains(kind))
        .map(|(kind, _)| format!(", {}", kind.name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Board, Stage};
    use crate::sample;
    use crate::schedule::Skip;
    use crate::tally::{Outcome, Summary};
    use crate::throttle::Turn;
    use kessai_engine::PaymentState;
    use kessai_engine::terms::Reason;
    use std::time::Duration;

    #[test]
    fn payments_are_told_in_words_the_latest_first() {
        let board = Board::new(Duration::from_secs(1));
        for (state, reason) in [
            (PaymentState::Declined, Reason::InsufficientFunds),
            (PaymentState::Cancelled, Reason::CancelledByTerminal),
            (PaymentState::Captured, Reason::Approved),
        ] {
            let record = sample::ended(1, state, reason);
            board.finished(&Summary::of(&record), &record, 0);
        }
        let expected = [
            "みなとマート 本店: 1 item, 300 JPY; the customer approved: approved",
            "みなとマート 本店: 1 item, 300 JPY; the clerk gave up: cancelled (cancelled_by_terminal)",
            "みなとマート 本店: 1 item, 300 JPY; the customer did not answer: declined (insufficient_funds)",
        ];
        assert_eq!(board.view().recent, expected);
    }

    #[test]
    fn the_rate_is_turned_only_while_payments_are_offered() {
        let board = Board::new(Duration::from_secs(1));
        board.turn(Turn::Up);
        board.running();
        board.turn(Turn::Down);
        board.draining();
        board.turn(Turn::PauseOrGoOn);
        assert_eq!(board.throttle().told(), ["0.0 s: 90 % of the rate"]);
        assert_eq!(board.view().setting.times(), 0.9);
    }

    #[test]
    fn the_view_follows_the_run() {
        let board = Board::new(Duration::from_secs(1));
        assert_eq!(board.view().stage, Stage::MakingKeys);
        board.stage(Stage::Connecting(7, 9));
        board.stage(Stage::Connecting(6, 9));
        board.running();
        board.begun(Duration::from_millis(3), 2);
        board.skipped(Duration::ZERO, Skip::Late);
        let view = board.view();
        assert_eq!((view.stage, view.connections), (Stage::Running, 7));
        assert_eq!((view.offered, view.open), (2, 2));
        assert_eq!(view.counts[5], (Outcome::Skipped, 1));
        assert!((2.9..3.1).contains(&view.lag.max), "{}", view.lag.max);
        let kept = board.unfinished_tally();
        assert_eq!((kept.all(), kept.of(Outcome::Skipped), kept.lag.count()), (1, 1, 1));
    }
}
