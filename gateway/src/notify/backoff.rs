//! How long to wait before trying again.

use std::time::Duration;

/// Pauses that double from one attempt to the next, with chance in their second half.
///
/// Chance keeps those that failed together from coming back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    /// The pause after the first attempt.
    pub(super) first: Duration,
    /// What no pause exceeds.
    pub(super) longest: Duration,
}

impl Backoff {
    /// Gives the pause after the attempt of this number, counted from 1.
    pub(super) fn pause(&self, attempt: u32, random: u64) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(doubled).min(self.longest);
        let half = whole / 2;
        // The upper half of a product of 64 bits each: a fraction of `half`, without floats.
        let nanos = half.as_nanos().saturating_mul(u128::from(random)) >> 64;
        half.saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_half() {
        let (first, longest) = (Duration::from_millis(500), Duration::from_secs(15));
        let backoff = Backoff { first, longest };
        for (attempt, whole_ms) in
            [(1, 500), (2, 1_000), (3, 2_000), (6, 15_000), (40, 15_000), (u32::MAX, 15_000)]
        {
            let whole = Duration::from_millis(whole_ms);
            assert_eq!(backoff.pause(attempt, 0), whole / 2, "{attempt}");
            assert_eq!(backoff.pause(attempt, 1 << 63), whole * 3 / 4, "{attempt}");
            let most = backoff.pause(attempt, u64::MAX);
            assert!(most < whole && most > whole - Duration::from_micros(1), "{attempt}: {most:?}");
        }
    }
}
