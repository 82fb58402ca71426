//! Counts attempts and draws the pauses between them.

use std::time::Duration;

use crate::options::Backoff;
use crate::randomness::Randomness;

/// Draws the pauses of one client.
#[derive(Debug)]
pub(crate) struct Pauses {
    backoff: Backoff,
    attempts: u32,
    at_least: Duration,
    randomness: Randomness,
}

/// The longest pause that a gateway may ask for.
const MOST_ASKED: Duration = Duration::from_secs(60);

impl Pauses {
    pub(crate) const fn new(backoff: Backoff, randomness: Randomness) -> Self {
        Self { backoff, attempts: 0, at_least: Duration::ZERO, randomness }
    }

    /// Notes that the gateway wants to be left alone for so long.
    pub(crate) fn asked(&mut self, pause: Duration) {
        self.at_least = pause.min(MOST_ASKED);
    }

    /// Notes how long a connection lived.
    pub(crate) fn lived(&mut self, time: Duration) {
        if time >= self.backoff.most {
            self.attempts = 0;
        }
    }

    /// Tells how long the next pause may be, and counts it.
    fn bound(&mut self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        self.backoff.first.saturating_mul(doubled).min(self.backoff.most)
    }

    /// Draws the next pause.
    pub(crate) fn draw(&mut self) -> Duration {
        let bound = self.bound();
        let at_least = std::mem::take(&mut self.at_least);
        at_least.saturating_add(self.randomness.part_of(bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };

    fn pauses() -> Pauses {
        Pauses::new(BACKOFF, Randomness::default())
    }

    #[test]
    fn bounds_double_up_to_the_most_and_start_over_after_a_long_connection() {
        let mut pauses = pauses();
        let bounds: Vec<u128> = (0..8).map(|_| pauses.bound().as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        for _ in 0..100 {
            assert_eq!(pauses.bound(), BACKOFF.most, "never overflows");
        }
        pauses.lived(Duration::from_secs(4));
        assert_eq!(pauses.bound(), BACKOFF.most, "too short a life to start over");
        pauses.lived(Duration::from_secs(5));
        assert_eq!(pauses.bound(), BACKOFF.first);
    }

    #[test]
    fn pauses_are_random_below_the_bound() {
        let draw = || pauses().draw();
        let drawn: Vec<Duration> = (0..64).map(|_| draw()).collect();
        assert!(drawn.iter().all(|pause| *pause <= BACKOFF.first));
        assert!(drawn.iter().any(|pause| *pause < BACKOFF.first / 2), "the whole pause is random");
        assert!(drawn.iter().any(|pause| *pause > BACKOFF.first / 2));
    }

    #[test]
    fn the_gateway_may_ask_for_one_longer_pause() {
        let mut pauses = pauses();
        pauses.asked(Duration::from_secs(2));
        let first = pauses.draw();
        assert!((Duration::from_secs(2)..=Duration::from_millis(2_100)).contains(&first));
        assert!(pauses.draw() <= Duration::from_millis(200), "only once");
        pauses.asked(Duration::from_secs(100_000));
        assert!(pauses.draw() <= MOST_ASKED + BACKOFF.most);
    }
}
