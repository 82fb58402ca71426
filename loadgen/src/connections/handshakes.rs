//! Full handshakes a second, as an open loop: each begins at its moment, whatever became of those
//! before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::attempts::{Attempts, Moments};
use super::crowd::Visitor;
use super::failure::Failure;
use super::progress::Progress;
use crate::schedule::{Arrivals, Bounds};

/// Makes a handshake at each arrival, with one visitor after the other: connects, hears the
/// gateway's Welcome, and goes. Each is given up after `patience`.
pub(super) async fn make(
    visitors: &[Arc<Visitor>],
    arrivals: Arrivals,
    (bounds, patience): (Bounds, Duration),
    progress: &Progress,
    stop: &mut watch::Receiver<bool>,
) -> Attempts {
    let (started, open) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let (tell, mut told) = mpsc::unbounded_channel::<(Moments, Result<(), Failure>)>();
    let mut attempts = Attempts::default();
    for (arrival, visitor) in arrivals.zip(visitors.iter().cycle()) {
        tokio::select! {
            biased;
            _stopped = stop.wait_for(|stop| *stop) => break,
            () = sleep_until(started + arrival.at) => {}
        }
        while let Ok((at, came)) = told.try_recv() {
            attempts.take(at, &came);
        }
        progress.shows("handshakes", known(&attempts), count(arrival.number).saturating_add(1));
        if let Err(skip) = bounds.judge(arrival, started.elapsed(), open.load(Ordering::Relaxed)) {
            attempts.skip(skip);
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (visitor, tell, open) = (Arc::clone(visitor), tell.clone(), Arc::clone(&open));
        tokio::spawn(async move {
            let begun = started.elapsed();
            let came = visitor.greet(patience).await.map_err(Failure::from);
            let at = Moments { intended: arrival.at, begun, ended: started.elapsed() };
            open.fetch_sub(1, Ordering::Relaxed);
            // Whoever no longer listens has ended the run.
            tell.send((at, came.map(kessai_client::Presence::close))).ok();
        });
    }
    drop(tell);
    while let Some((at, came)) = told.recv().await {
        attempts.take(at, &came);
    }
    attempts
}

fn known(attempts: &Attempts) -> usize {
    count(attempts.done().saturating_add(attempts.failed()))
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
