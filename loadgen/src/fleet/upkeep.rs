//! How connections are kept, and when new ones may be made.

use std::sync::Arc;
use std::time::Duration;

use kessai_client::{Backoff, Connecting, Connector, QuicOptions};
use tokio::sync::watch;

/// How connections are kept.
#[derive(Debug, Clone)]
pub struct Upkeep {
    /// What a call may take beyond the people's time, before it counts as unanswered.
    pub patience: Duration,
    /// How often a silent connection makes a sign of life: so it learns that the gateway behind it
    /// is another one.
    pub keep_alive: Option<Duration>,
    /// The pauses between attempts to connect.
    pub backoff: Backoff,
    /// What new connections wait at.
    pub barrier: Barrier,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(8),
            keep_alive: QuicOptions::default().keep_alive,
            backoff: Backoff::default(),
            barrier: Barrier::open(),
        }
    }
}

/// Holds new connections back while it is closed, those that are under way too: whoever began to
/// connect to a gateway that fell would else be the first one in the next. Those that stand are left
/// alone.
#[derive(Debug, Clone)]
pub struct Barrier(watch::Receiver<bool>);

/// Opens and closes a [`Barrier`]. Dropping it leaves the barrier as it is.
#[derive(Debug)]
pub struct Keeper(watch::Sender<bool>);

impl Barrier {
    /// Makes one that is open, and whoever may close it.
    #[must_use]
    pub fn kept() -> (Keeper, Self) {
        let (keeper, barrier) = watch::channel(true);
        (Keeper(keeper), Self(barrier))
    }

    /// Makes one that is always open.
    #[must_use]
    pub fn open() -> Self {
        Self::kept().1
    }

    /// Waits until it is open; for ever, if it was closed and nobody can open it any more.
    async fn pass(&self) {
        let mut barrier = self.0.clone();
        if barrier.wait_for(|open| *open).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it is closed; for ever, if nobody can close it any more.
    async fn closed(mut self) {
        if self.0.wait_for(|open| !*open).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Does what is begun each time that it is open, until one is done before it closes.
    async fn while_open<A: Future>(&self, begin: impl Fn() -> A) -> A::Output {
        loop {
            self.pass().await;
            tokio::select! {
                biased;
                () = self.clone().closed() => {}
                done = begin() => return done,
            }
        }
    }
}

impl Keeper {
    /// Lets new connections through.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Holds new connections back.
    pub fn close(&self) {
        self.0.send_replace(false);
    }
}

/// Connects behind a barrier that holds everybody back, by a line of its own that can be cut.
pub(super) struct Behind {
    pub(super) barrier: Barrier,
    /// While it is closed there is no line: what stands is lost, and nothing new is made.
    pub(super) line: Barrier,
    pub(super) connector: Arc<dyn Connector>,
}

impl Connector for Behind {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let over_the_line = || self.line.while_open(|| self.connector.connect());
            let link = self.barrier.while_open(over_the_line).await?;
            Ok(link.until(self.line.clone().closed()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Barrier;
    use std::cell::Cell;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn what_is_under_way_when_it_closes_is_given_up_and_begun_again() {
        let mut context = Context::from_waker(Waker::noop());
        let (keeper, barrier) = Barrier::kept();
        let (answer, answered) = tokio::sync::watch::channel(false);
        let begun = Cell::new(0);
        let mut connecting = pin!(barrier.while_open(|| {
            begun.set(begun.get() + 1);
            let mut answered = answered.clone();
            async move { answered.wait_for(|answered| *answered).await.is_ok() }
        }));
        assert_eq!(connecting.as_mut().poll(&mut context), Poll::Pending);
        keeper.close();
        // The next gateway answers.
        answer.send_replace(true);
        assert_eq!((connecting.as_mut().poll(&mut context), begun.get()), (Poll::Pending, 1));
        keeper.open();
        assert_eq!((connecting.as_mut().poll(&mut context), begun.get()), (Poll::Ready(true), 2));
    }

    #[test]
    fn a_closed_barrier_holds_back_until_it_is_opened() {
        let mut context = Context::from_waker(Waker::noop());
        let (keeper, barrier) = Barrier::kept();
        assert_eq!(pin!(barrier.pass()).poll(&mut context), Poll::Ready(()));
        keeper.close();
        let mut held = pin!(barrier.pass());
        assert_eq!(held.as_mut().poll(&mut context), Poll::Pending);
        keeper.open();
        assert_eq!(held.as_mut().poll(&mut context), Poll::Ready(()));
        keeper.close();
        drop(keeper);
        assert_eq!(pin!(barrier.pass()).poll(&mut context), Poll::Pending);
        assert_eq!(pin!(Barrier::open().pass()).poll(&mut context), Poll::Ready(()));
    }
}
