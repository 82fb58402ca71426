//! Lets a bounded number of peers connect at a time.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};

use kessai_client::ConnectError;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::FleetError;

/// Handshakes that are under way at a time.
const CONNECTING: usize = 64;

pub(super) struct Gate<F> {
    free: Semaphore,
    count: AtomicUsize,
    connected: F,
}

impl<F: Fn(usize)> Gate<F> {
    /// Calls `connected` with the number of those who are through, whenever there is one more.
    pub(super) const fn new(connected: F) -> Self {
        Self { free: Semaphore::const_new(CONNECTING), count: AtomicUsize::new(0), connected }
    }

    pub(super) async fn pass<T>(
        &self,
        who: &impl Display,
        connecting: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, FleetError> {
        // The semaphore is never closed, so that there is always a permit in the end.
        let permit = self.free.acquire().await;
        let result = connecting.await;
        drop(permit);
        let made = result.map_err(|source| FleetError::of(who.to_string(), source))?;
        (self.connected)(self.count.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        Ok(made)
    }
}

/// Waits for all tasks and puts what they made in the order of its numbers.
pub(super) async fn in_order<T: 'static>(
    mut tasks: JoinSet<(usize, Result<T, FleetError>)>,
) -> Result<Vec<T>, FleetError> {
    let mut made = Vec::with_capacity(tasks.len());
    while let Some(task) = tasks.join_next().await {
        let (number, result) = task?;
        made.push((number, result?));
    }
    made.sort_unstable_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}
