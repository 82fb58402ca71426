//! How each plan goes, from the first connection to the last.

use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::bystanders::Bystanders;
use super::came::{Came, Kept, Others, Stormed};
use super::held::{Coming, Held, Opening, Order};
use super::progress::Progress;
use super::usage::Mark;
use super::{ConnectionsTest, Gathering, Loss, Moves, Offer, Plan, Ready, Storm, handshakes};
use crate::capacity::NotReady;
use crate::fleet::FleetError;
use crate::schedule::{Arrivals, Bounds, Shape, Spacing};
use crate::trial::TrialError;

/// What came of a plan, and when what was.
pub(super) struct Done {
    /// What came of it.
    pub(super) came: Came,
    /// Before the first connection, when all stood, and at the end.
    pub(super) marks: [Mark; 3],
}

/// How long what is left of closed connections is waited for.
const QUIET: Duration = Duration::from_secs(2);

/// Does what the plan says.
pub(super) async fn play(
    test: &ConnectionsTest,
    ready: &Ready,
    progress: &Progress,
    stop: &mut watch::Receiver<bool>,
) -> Result<Done, TrialError> {
    let mut stage = Stage { test, ready, progress, stop };
    match &test.plan {
        Plan::Handshakes(offer, spacing) => Ok(stage.handshakes(offer, spacing).await),
        Plan::Idle(gathering, span) => Ok(stage.idle(*gathering, *span).await),
        Plan::LongLived(gathering, trips) => Ok(stage.long_lived(*gathering, trips).await),
        Plan::Storm(gathering, storm) => stage.storm(*gathering, *storm).await,
        Plan::Migration(gathering, moves) => stage.migration(*gathering, *moves).await,
    }
}

struct Stage<'a> {
    test: &'a ConnectionsTest,
    ready: &'a Ready,
    progress: &'a Progress,
    stop: &'a mut watch::Receiver<bool>,
}

impl Stage<'_> {
    async fn mark(&self) -> Mark {
        Mark::now(&self.test.administration).await
    }

    async fn open(&mut self, coming: Coming, give_up: Duration) -> Held {
        let ConnectionsTest { patience, seed, .. } = *self.test;
        let opening = Opening { coming, give_up, patience, seed };
        Held::open(self.ready.crowd.visitors(), opening, self.progress, self.stop).await
    }

    async fn gather(&mut self, gathering: Gathering) -> Held {
        self.open(Coming::AtRate(gathering.rate), gathering.give_up).await
    }

    async fn handshakes(&mut self, offer: &Offer, spacing: &Spacing) -> Done {
        let before = self.mark().await;
        let shape = Shape::new(&offer.form, offer.rate, offer.span);
        let arrivals = Arrivals::new(spacing.clone(), shape, self.test.seed);
        let visitors = self.ready.crowd.visitors();
        let patience = (Bounds::default(), self.test.patience);
        let attempts =
            handshakes::make(visitors, arrivals, patience, self.progress, self.stop).await;
        let marks = [before.clone(), before, self.mark().await];
        Done { came: Came::Handshakes(offer.span, attempts), marks }
    }

    async fn idle(&mut self, gathering: Gathering, span: Duration) -> Done {
        let before = self.mark().await;
        let mut held = self.gather(gathering).await;
        let (stood, since) = (self.mark().await, Instant::now());
        held.rest(span, self.progress, self.stop).await;
        let marks = [before, stood, self.mark().await];
        let kept = Kept { held: since.elapsed(), book: held.end().await };
        Done { came: Came::Idle(kept), marks }
    }

    async fn long_lived(&mut self, gathering: Gathering, trips: &Offer) -> Done {
        let before = self.mark().await;
        let mut held = self.gather(gathering).await;
        let (stood, since) = (self.mark().await, Instant::now());
        let shape = Shape::new(&trips.form, trips.rate, trips.span);
        let arrivals = Arrivals::new(Spacing::Poisson, shape, self.test.seed);
        let all = self.ready.crowd.visitors().len();
        // Whose turn it is: those who hold no connection any more are passed over.
        for (arrival, number) in arrivals.zip((0..all).cycle()) {
            tokio::select! {
                biased;
                _stopped = self.stop.wait_for(|stop| *stop) => break,
                () = sleep_until(since + arrival.at) => {}
            }
            held.look();
            held.ask(number, Order { phase: since, intended: arrival.at });
            self.progress.shows("standing", held.standing(), all);
        }
        held.settle(self.stop).await;
        let marks = [before, stood, self.mark().await];
        let kept = Kept { held: since.elapsed(), book: held.end().await };
        Done { came: Came::LongLived(kept), marks }
    }

    async fn storm(&mut self, gathering: Gathering, storm: Storm) -> Result<Done, TrialError> {
        let before = self.mark().await;
        let mut held = self.gather(gathering).await;
        let mut others = self.bystanders(storm.bystanders).await?;
        let calm = others.now();
        held.rest(storm.calm, self.progress, self.stop).await;
        let (stood, begun) = (self.mark().await, others.now());
        let dropped = held.standing();
        let crowd = &self.ready.crowd;
        if storm.loss == Loss::Silent {
            crowd.cut().map_err(FleetError::Socket)?;
        }
        let until = Instant::now() + storm.outage;
        let first = held.end().await;
        crowd.quiet(QUIET.min(storm.outage)).await;
        tokio::select! {
            biased;
            _stopped = self.stop.wait_for(|stop| *stop) => {}
            () = sleep_until(until) => {}
        }
        crowd.move_on().map_err(FleetError::Socket)?;
        let held = self.open(Coming::Within(storm.within), storm.give_up).await;
        let (after, over) = (self.mark().await, others.now());
        let others = match others.count() {
            0 => None,
            pairs => Some(Others {
                pairs,
                before: (others.between(calm, begun), begun.saturating_sub(calm)),
                during: (others.settled_between(begun, over).await, over.saturating_sub(begun)),
            }),
        };
        let stormed = Stormed { storm, before: first, dropped, after: held.end().await, others };
        Ok(Done { came: Came::Storm(Box::new(stormed)), marks: [before, stood, after] })
    }

    async fn bystanders(&self, count: usize) -> Result<Bystanders, TrialError> {
        let Ready { population, before, keyring, roads, crowd, .. } = self.ready;
        let sockets = roads.sockets()?;
        let crowd = (self.test.peers, crowd.visitors().len());
        let none = || FleetError::Socket(io::ErrorKind::AddrNotAvailable.into());
        let socket = sockets.first().ok_or_else(none)?;
        let around = (population.as_ref(), crowd);
        let others = Bystanders::begin(count, roads, socket, around, (*keyring, before)).await?;
        if others.count() < count {
            return Err(NotReady::TooFewPeers {
                peers: "others who could pay",
                found: others.count(),
                needed: count,
                folder: self.test.folder.display().to_string(),
            }
            .into());
        }
        Ok(others)
    }

    async fn migration(&mut self, gathering: Gathering, moves: Moves) -> Result<Done, TrialError> {
        let before = self.mark().await;
        let mut held = self.gather(gathering).await;
        let (stood, since) = (self.mark().await, Instant::now());
        for _ in 0..moves.count {
            held.rest(moves.every, self.progress, self.stop).await;
            if *self.stop.borrow() {
                break;
            }
            self.ready.crowd.move_on().map_err(FleetError::Socket)?;
            held.ask_all(self.stop).await;
        }
        let marks = [before, stood, self.mark().await];
        let kept = Kept { held: since.elapsed(), book: held.end().await };
        Ok(Done { came: Came::Migration(moves.count, kept), marks })
    }
}
