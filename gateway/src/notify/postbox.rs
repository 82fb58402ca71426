//! One channel's queue, and the attempts to deliver what is in it.
//!
//! A notification holds a place from when it is posted until it is delivered or given up. So the
//! number of places bounds what waits in the queue, in a pause or in an attempt, all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use super::dead::{DeadLetter, DeadLetters, Ending};
use super::recent::Recent;
use super::{Fault, Notification, NotifySettings, Surroundings};
use crate::clock::Clock;
use crate::entropy::{Entropy, draw};

/// No notification is of use for longer, whatever it says.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Makes one attempt to deliver a notification.
pub(super) trait Carrier: Send + Sync + 'static {
    /// Names the channel in counts, logs and dead letters.
    const NAME: &'static str;

    /// Makes one attempt; dropped if it takes too long.
    fn carry(&self, notification: &Notification) -> impl Future<Output = Attempt> + Send;
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The receiver has it.
    Delivered,
    /// It may go better later, after this time at the earliest.
    Again(Fault, Duration),
    /// Trying again would not help.
    Refused(Fault),
    /// This channel does not lead to the customer.
    Nowhere,
}

impl Attempt {
    /// It may go better at any later time.
    pub(super) const fn again(fault: Fault) -> Self {
        Self::Again(fault, Duration::ZERO)
    }
}

/// What has become of a channel's notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Found no place in the queue.
    pub dropped: u64,
    /// Left out, because the customer had just been told.
    pub quieted: u64,
    /// For customers to whom this channel does not lead: they have no mail address.
    pub nowhere: u64,
    /// Attempts that failed, whatever became of their notifications.
    pub failed: u64,
    /// Taken by the receiver or the mail server.
    pub delivered: u64,
    /// Given up, and written to the dead letters.
    pub dead: u64,
    /// Given up, and not even written there.
    pub lost: u64,
}

#[derive(Debug, Default)]
struct Tally {
    dropped: AtomicU64,
    quieted: AtomicU64,
    nowhere: AtomicU64,
    failed: AtomicU64,
    delivered: AtomicU64,
    dead: AtomicU64,
    lost: AtomicU64,
}

/// What every channel works by.
#[derive(Clone)]
pub(super) struct Office {
    queue: usize,
    at_once: usize,
    attempt: Duration,
    backoff: Backoff,
    quiet: Duration,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    letters: Arc<DeadLetters>,
}

impl Office {
    pub(super) fn new(
        settings: &NotifySettings,
        surroundings: &Surroundings,
        letters: Arc<DeadLetters>,
    ) -> Self {
        Self {
            queue: settings.queue,
            at_once: settings.at_once,
            attempt: settings.attempt,
            backoff: Backoff { first: settings.first_pause, longest: settings.longest_pause },
            quiet: settings.quiet,
            clock: Arc::clone(&surroundings.clock),
            entropy: Arc::clone(&surroundings.entropy),
            letters,
        }
    }
}

/// A notification with its place in the queue.
#[derive(Debug)]
struct Posted {
    notification: Notification,
    place: OwnedSemaphorePermit,
}

/// Where notifications are posted for one channel.
#[derive(Debug)]
pub(super) struct Postbox {
    name: &'static str,
    places: Arc<Semaphore>,
    /// Without a bound of its own: whoever sends holds a place.
    posted: mpsc::UnboundedSender<Posted>,
    tally: Arc<Tally>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Postbox {
    /// Opens a channel and the task that empties it.
    pub(super) fn open<C: Carrier>(office: &Office, carrier: C) -> Self {
        let (posted, queue) = mpsc::unbounded_channel();
        let postbox = Self {
            name: C::NAME,
            places: Arc::new(Semaphore::new(office.queue)),
            posted,
            tally: Arc::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let round = Round {
            carrier,
            office: office.clone(),
            turns: Semaphore::new(office.at_once),
            tally: Arc::clone(&postbox.tally),
            closing: postbox.closing.clone(),
        };
        let tasks = postbox.tasks.clone();
        postbox.tasks.spawn(Arc::new(round).empty(queue, tasks));
        postbox
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Queues a notification, or drops it if there is no place.
    pub(super) fn post(&self, notification: Notification) {
        let posted = Arc::clone(&self.places)
            .try_acquire_owned()
            .ok()
            .and_then(|place| self.posted.send(Posted { notification, place }).ok());
        if posted.is_none() {
            let dropped = self.tally.dropped.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            // A flood that is dropped must not become one of log lines.
            if dropped.is_power_of_two() {
                tracing::warn!(channel = self.name, dropped, "no place for notifications");
            }
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            dropped: read(&self.tally.dropped),
            quieted: read(&self.tally.quieted),
            nowhere: read(&self.tally.nowhere),
            failed: read(&self.tally.failed),
            delivered: read(&self.tally.delivered),
            dead: read(&self.tally.dead),
            lost: read(&self.tally.lost),
        }
    }

    /// Ends all waiting; attempts under way go on to their end.
    pub(super) fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
    }

    /// Waits until nothing is under way; after [`Postbox::close`].
    pub(super) async fn closed(&self) {
        self.tasks.wait().await;
    }
}

impl Drop for Postbox {
    fn drop(&mut self) {
        self.close();
    }
}

/// The work of one channel.
struct Round<C> {
    carrier: C,
    office: Office,
    /// Attempts at a time.
    turns: Semaphore,
    tally: Arc<Tally>,
    closing: CancellationToken,
}

/// Why no more attempts are needed.
enum Done {
    Delivered,
    Nowhere,
}

/// Why there are no more attempts, and what the last one came to.
struct GivenUp {
    ending: Ending,
    fault: Option<Fault>,
}

impl<C: Carrier> Round<C> {
    async fn empty(
        self: Arc<Self>,
        mut queue: mpsc::UnboundedReceiver<Posted>,
        tasks: TaskTracker,
    ) {
        let mut recent = Recent::new(self.office.quiet);
        loop {
            let posted = tokio::select! {
                biased;
                () = self.closing.cancelled() => break,
                posted = queue.recv() => posted,
            };
            let Some(posted) = posted else { break };
            if recent.admit(posted.notification.customer, Instant::now()) {
                tasks.spawn(Arc::clone(&self).deliver(posted));
            } else {
                self.tally.quieted.fetch_add(1, Ordering::Relaxed);
            }
        }
        queue.close();
        while let Some(posted) = queue.recv().await {
            let given_up = GivenUp { ending: Ending::Stopped, fault: None };
            Arc::clone(&self).bury(posted.notification, 0, given_up).await;
        }
    }

    async fn deliver(self: Arc<Self>, posted: Posted) {
        let Posted { notification, place } = posted;
        let mut attempts = 0;
        match self.try_until_expiry(&notification, &mut attempts).await {
            Ok(Done::Delivered) => {
                self.tally.delivered.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(channel = C::NAME, event = %notification.event, attempts, "notified");
            }
            // Nothing has failed: it is written down nowhere, lest it hide what has.
            Ok(Done::Nowhere) => {
                self.tally.nowhere.fetch_add(1, Ordering::Relaxed);
            }
            Err(given_up) => self.bury(notification, attempts, given_up).await,
        }
        drop(place);
    }

    async fn try_until_expiry(
        &self,
        notification: &Notification,
        attempts: &mut u32,
    ) -> Result<Done, GivenUp> {
        let left_ms = notification.expires_at_ms.saturating_sub(self.office.clock.now_ms());
        let expiry = Instant::now() + Duration::from_millis(left_ms).min(LONGEST);
        let mut fault = None;
        loop {
            let (failed, after) = match self.attempt(notification, expiry, attempts).await {
                Ok(Attempt::Delivered) => return Ok(Done::Delivered),
                Ok(Attempt::Nowhere) => return Ok(Done::Nowhere),
                Ok(Attempt::Refused(failed)) => {
                    return Err(GivenUp { ending: Ending::Refused, fault: Some(failed) });
                }
                Ok(Attempt::Again(failed, after)) => (failed, after),
                Err(ending) => return Err(GivenUp { ending, fault }),
            };
            fault = Some(failed);
            let random = u64::from_le_bytes(draw(&*self.office.entropy));
            let pause = self.office.backoff.pause(*attempts, random).max(after);
            if expiry.saturating_duration_since(Instant::now()) <= pause {
                return Err(GivenUp { ending: Ending::Expired, fault });
            }
            tokio::select! {
                biased;
                () = self.closing.cancelled() => {
                    return Err(GivenUp { ending: Ending::Stopped, fault });
                }
                () = sleep(pause) => {}
            }
        }
    }

    /// Waits for a turn and makes one attempt.
    async fn attempt(
        &self,
        notification: &Notification,
        expiry: Instant,
        attempts: &mut u32,
    ) -> Result<Attempt, Ending> {
        let turn = tokio::select! {
            biased;
            () = self.closing.cancelled() => return Err(Ending::Stopped),
            turn = timeout_at(expiry, self.turns.acquire()) => turn,
        };
        let Ok(_turn) = turn else { return Err(Ending::Expired) };
        let now = Instant::now();
        if now >= expiry {
            return Err(Ending::Expired);
        }
        *attempts = attempts.saturating_add(1);
        let end = expiry.min(now + self.office.attempt);
        let attempt = timeout_at(end, self.carrier.carry(notification)).await;
        let attempt = attempt.unwrap_or(Attempt::again(Fault::TimedOut));
        if let Attempt::Again(fault, _) | Attempt::Refused(fault) = attempt {
            self.tally.failed.fetch_add(1, Ordering::Relaxed);
            let event = notification.event;
            tracing::debug!(channel = C::NAME, %event, attempts, %fault, "attempt failed");
        }
        Ok(attempt)
    }

    /// Writes down what was given up.
    async fn bury(self: Arc<Self>, notification: Notification, attempts: u32, given_up: GivenUp) {
        let event = notification.event;
        let GivenUp { ending, fault } = given_up;
        let round = Arc::clone(&self);
        // A disk may take its time: not a runtime's thread, which payments need.
        let written = tokio::task::spawn_blocking(move || {
            round.office.letters.add(&DeadLetter {
                at_ms: round.office.clock.now_ms(),
                notification: &notification,
                channel: C::NAME,
                attempts,
                ending,
                fault,
            })
        })
        .await;
        let fault = fault.map(tracing::field::display);
        match written.map_err(std::io::Error::other).and_then(|written| written) {
            Ok(()) => {
                self.tally.dead.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(channel = C::NAME, %event, attempts, ?ending, fault, "not notified");
            }
            Err(error) => {
                self.tally.lost.fetch_add(1, Ordering::Relaxed);
                tracing::error!(channel = C::NAME, %event, %error, "a dead letter is lost");
            }
        }
    }
}

#[cfg(test)]
mod tests;
