//! What time it is: injected, so that the whole gateway can run under a simulated clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the gateway's time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch; never falls.
    fn now_ms(&self) -> u64;
}

/// Wall time at the start plus monotonic time since, and never before the last journalled record.
///
/// So a step of the wall clock, also one across a restart, cannot make time run backwards.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    start_ms: AtomicU64,
}

impl SystemClock {
    /// Starts from the machine's wall clock.
    #[must_use]
    pub fn new() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        Self { started: Instant::now(), start_ms: AtomicU64::new(start_ms) }
    }

    /// Moves the clock on to `floor_ms`, the time of the last journalled record, if it is behind.
    pub fn raise_to(&self, floor_ms: u64) {
        self.start_ms.fetch_max(floor_ms, Ordering::Relaxed);
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.start_ms.load(Ordering::Relaxed).saturating_add(since)
    }
}

/// The gateway's clock for libraries that would read the machine's otherwise.
#[derive(Clone)]
pub(crate) struct Lent(Arc<dyn Clock>);

impl Lent {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }

    fn since_epoch(&self) -> Duration {
        Duration::from_millis(self.0.now_ms())
    }
}

impl governor::clock::Clock for Lent {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.since_epoch()
    }
}

impl quinn::TimeSource for Lent {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.since_epoch()
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, SystemClock};

    #[test]
    fn time_is_never_before_the_last_record() {
        let clock = SystemClock::new();
        let ahead_ms = clock.now_ms() + 3_600_000;
        clock.raise_to(ahead_ms);
        assert!(clock.now_ms() >= ahead_ms);
        clock.raise_to(0);
        assert!(clock.now_ms() >= ahead_ms, "an older record takes nothing back");
    }
}
