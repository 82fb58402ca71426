//! Connections that are opened, held, and asked for round trips, each in a task of its own.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_client::{Backoff, Presence};
use rand::RngExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::attempts::{Attempts, Moments, add};
use super::crowd::Visitor;
use super::failure::Failure;
use super::progress::Progress;
use crate::schedule::{Rate, Skip};
use crate::seeds::{Purpose, stream};

/// When those come who open a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Coming {
    /// One after the other, so many a second.
    AtRate(Rate),
    /// Each at a random moment within so long: all at once, if that is nothing.
    Within(Duration),
}

/// How connections are opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// When who comes.
    pub(super) coming: Coming,
    /// For how long they try.
    pub(super) give_up: Duration,
    /// How long one attempt, or one round trip, may take.
    pub(super) patience: Duration,
    /// What is random is drawn from this.
    pub(super) seed: u64,
}

/// What is written down of connections.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// All attempts at connecting.
    pub(super) opening: Attempts,
    /// When each connection stood, from the beginning, in the order in which they did.
    pub(super) stood_at: Vec<Duration>,
    /// How many never did.
    pub(super) missing: u64,
    /// Round trips that were asked for.
    pub(super) trips: Attempts,
    /// Connections that were lost after they stood, by the reason.
    pub(super) lost: BTreeMap<String, u64>,
}

/// Connections that stand.
pub(super) struct Held {
    orders: Vec<mpsc::Sender<Order>>,
    /// Round trips that were asked for.
    asked: u64,
    seen: mpsc::UnboundedReceiver<Seen>,
    tasks: JoinSet<()>,
    /// What was seen of them.
    pub(super) book: Book,
}

/// A round trip to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    /// When the phase began that it belongs to.
    pub(super) phase: Instant,
    /// When it is meant to begin, from then on.
    pub(super) intended: Duration,
}

/// What happens to a connection.
enum Seen {
    Tried(Moments, Result<(), Failure>),
    Stands(Duration),
    GaveUp,
    Echoed(Moments, Result<(), Failure>),
    Lost(Failure),
}

/// Round trips that may wait on one connection.
const WAITING: usize = 4;

/// How often it is looked at connections that are left alone.
const LOOK: Duration = Duration::from_secs(1);

/// How long connections may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// What is sent there and back.
const PAYLOAD: Bytes = Bytes::from_static(b"kessai");

impl Held {
    /// Opens a connection for each visitor, and returns when every one stands or has given up, or
    /// when `stop` is set.
    pub(super) async fn open(
        visitors: &[Arc<Visitor>],
        opening: Opening,
        progress: &Progress,
        stop: &mut watch::Receiver<bool>,
    ) -> Self {
        let started = Instant::now();
        let (tell, seen) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let mut orders = Vec::with_capacity(visitors.len());
        for (visitor, number) in visitors.iter().zip(0_u64..) {
            let (order, ordered) = mpsc::channel(WAITING);
            let (visitor, tell) = (Arc::clone(visitor), tell.clone());
            orders.push(order);
            tasks.spawn(visit(visitor, Attendance { number, started, opening, tell, ordered }));
        }
        let mut held = Self { orders, asked: 0, seen, tasks, book: Book::default() };
        let all = visitors.len();
        held.until(stop, |book| {
            let settled = book.stood_at.len().saturating_add(narrow(book.missing));
            progress.shows("connecting", settled, all);
            settled >= all
        })
        .await;
        held
    }

    /// Counts those that stand.
    pub(super) fn standing(&self) -> usize {
        self.book.standing()
    }

    /// Writes down what happens until `done` says so, or `stop` is set.
    async fn until(
        &mut self,
        stop: &mut watch::Receiver<bool>,
        mut done: impl FnMut(&Book) -> bool,
    ) {
        while !done(&self.book) {
            let seen = tokio::select! {
                biased;
                _stopped = stop.wait_for(|stop| *stop) => return,
                seen = self.seen.recv() => seen,
            };
            let Some(seen) = seen else { return };
            self.book.write(seen);
        }
    }

    /// Leaves the connections alone for so long.
    pub(super) async fn rest(
        &mut self,
        span: Duration,
        progress: &Progress,
        stop: &mut watch::Receiver<bool>,
    ) {
        let (until, all) = (Instant::now() + span, self.orders.len());
        while Instant::now() < until && !is_over(stop) {
            progress.shows("standing", self.book.standing(), all);
            let next = until.min(Instant::now() + LOOK);
            let looking = async {
                self.until(stop, |_book| false).await;
                // Nothing can happen any more, but the time goes on.
                pending::<()>().await;
            };
            // It ends with its time.
            drop(timeout_at(next, looking).await);
        }
    }

    /// Asks for a round trip on the connection of this number; of one that is lost none is wanted.
    pub(super) fn ask(&mut self, number: usize, order: Order) {
        match self.orders.get(number).map(|orders| orders.try_send(order)) {
            Some(Ok(())) => self.asked = self.asked.saturating_add(1),
            Some(Err(mpsc::error::TrySendError::Full(_))) => {
                self.book.trips.skip(Skip::TooManyOpen);
            }
            Some(Err(mpsc::error::TrySendError::Closed(_))) | None => {}
        }
    }

    /// Waits until every round trip that was asked for is answered, or is not going to be.
    pub(super) async fn settle(&mut self, stop: &mut watch::Receiver<bool>) {
        let asked = self.asked;
        self.until(stop, |book| book.settled() >= asked).await;
    }

    /// Asks for a round trip on every connection that stands, and waits until each is answered or
    /// not.
    pub(super) async fn ask_all(&mut self, stop: &mut watch::Receiver<bool>) {
        let order = Order { phase: Instant::now(), intended: Duration::ZERO };
        (0..self.orders.len()).for_each(|number| self.ask(number, order));
        self.settle(stop).await;
    }

    /// Writes down what has happened meanwhile.
    pub(super) fn look(&mut self) {
        while let Ok(seen) = self.seen.try_recv() {
            self.book.write(seen);
        }
    }

    /// Ends all connections, and gives what was written down of them.
    pub(super) async fn end(mut self) -> Book {
        self.orders.clear();
        let ending = async { while self.tasks.join_next().await.is_some() {} };
        // Those that still try to connect are given up.
        drop(timeout(ENDING, ending).await);
        self.look();
        // They told it at about the time at which they did.
        self.book.stood_at.sort_unstable();
        self.book
    }
}

impl Book {
    /// Counts the connections that stand.
    pub(super) fn standing(&self) -> usize {
        self.stood_at.len().saturating_sub(narrow(self.lost()))
    }

    /// Counts the connections that were lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Counts the round trips whose end is known.
    fn settled(&self) -> u64 {
        self.trips.done().saturating_add(self.trips.failed())
    }

    fn write(&mut self, seen: Seen) {
        match seen {
            Seen::Tried(at, came) => self.opening.take(at, &came),
            Seen::Stands(at) => self.stood_at.push(at),
            Seen::GaveUp => self.missing = self.missing.saturating_add(1),
            Seen::Echoed(at, came) => self.trips.take(at, &came),
            Seen::Lost(failure) => add(&mut self.lost, failure.name()),
        }
    }
}

/// Whether somebody has called it off, or nobody is left who could.
fn is_over(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

fn narrow(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What the task of one connection needs.
struct Attendance {
    number: u64,
    started: Instant,
    opening: Opening,
    tell: mpsc::UnboundedSender<Seen>,
    /// Round trips to make, by when they were meant to begin. It ends when nobody orders any more.
    ordered: mpsc::Receiver<Order>,
}

/// Opens a connection and stays there until it is lost or nobody wants it any more.
async fn visit(visitor: Arc<Visitor>, here: Attendance) {
    let Some(presence) = come(&visitor, &here).await else { return here.tell(Seen::GaveUp) };
    here.tell(Seen::Stands(here.now()));
    here.stay(presence).await;
}

/// Tries until there is a connection, with pauses as clients make them.
async fn come(visitor: &Visitor, here: &Attendance) -> Option<Presence> {
    let Opening { coming, give_up, patience, seed } = here.opening;
    let mut rng = stream(seed, Purpose::Return, here.number);
    let first = match coming {
        Coming::AtRate(rate) => Duration::from_secs(here.number).div_f64(rate.payments()),
        Coming::Within(window) => window.mul_f64(rng.random()),
    };
    let mut intended = first;
    let mut bound = Backoff::default().first;
    loop {
        sleep_until(here.started + intended).await;
        let begun = here.now();
        let came = visitor.come(patience).await;
        let at = Moments { intended, begun, ended: here.now() };
        let failure = match came {
            Ok(presence) => {
                here.tell(Seen::Tried(at, Ok(())));
                return Some(presence);
            }
            Err(failure) => failure,
        };
        let may_pass = failure.may_pass();
        here.tell(Seen::Tried(at, Err(failure)));
        intended = here.now().saturating_add(bound.mul_f64(rng.random()));
        bound = bound.saturating_mul(2).min(Backoff::default().most);
        if !may_pass || intended > give_up {
            return None;
        }
    }
}

impl Attendance {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn tell(&self, seen: Seen) {
        // Whoever no longer listens has ended the run.
        self.tell.send(seen).ok();
    }

    /// Makes the round trips that are asked for, until the connection is lost or nobody wants it.
    async fn stay(mut self, mut presence: Presence) {
        loop {
            let order = tokio::select! {
                biased;
                order = self.ordered.recv() => order,
                why = presence.lost() => return self.lose(why.into()),
            };
            let Some(order) = order else { return presence.close() };
            match self.echo(&mut presence, order).await {
                Err(failure @ Failure::Connect(_)) => return self.lose(failure),
                Ok(()) | Err(Failure::Call(_) | Failure::Unanswered | Failure::NotPaid(_)) => {}
            }
        }
    }

    async fn echo(&self, presence: &mut Presence, order: Order) -> Result<(), Failure> {
        let Order { phase, intended } = order;
        let begun = phase.elapsed();
        let echoed = match timeout(self.opening.patience, presence.echo(PAYLOAD)).await {
            Ok(echoed) => echoed.map(drop).map_err(Failure::from),
            Err(_elapsed) => Err(Failure::Unanswered),
        };
        let at = Moments { intended, begun, ended: phase.elapsed() };
        self.tell(Seen::Echoed(at, echoed.clone()));
        echoed
    }

    /// Says that the connection is lost, and with it the round trips that wait.
    fn lose(&mut self, failure: Failure) {
        self.ordered.close();
        while let Ok(Order { phase, intended }) = self.ordered.try_recv() {
            let now = phase.elapsed();
            let at = Moments { intended, begun: now, ended: now };
            self.tell(Seen::Echoed(at, Err(failure.clone())));
        }
        self.tell(Seen::Lost(failure));
    }
}
