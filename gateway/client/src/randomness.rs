//! Where pauses, nonces and ids come from: injected, so that a simulation can repeat them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Fills the whole of what it is given.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// Gives the random bytes that a client needs.
#[derive(Clone)]
pub struct Randomness(Arc<Fill>);

impl Randomness {
    /// Takes whatever fills the whole of what it is given. Unless everything is made up, that must
    /// be bytes which nobody can foresee.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    pub(crate) fn draw<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// Draws a part of `whole`: a number of nanoseconds up to it, each as likely as any other.
    pub(crate) fn part_of(&self, whole: Duration) -> Duration {
        let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
        let share = u128::from(u64::from_le_bytes(self.draw()));
        // The upper half of the product is below the factor.
        let part = (share * (u128::from(nanos) + 1)) >> u64::BITS;
        Duration::from_nanos(u64::try_from(part).unwrap_or(nanos))
    }
}

impl Default for Randomness {
    /// Takes the randomness of the process.
    fn default() -> Self {
        Self::new(rand::fill)
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Randomness(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Randomness;

    #[test]
    fn a_part_is_anything_from_nothing_to_the_whole() {
        let part = |byte: u8| {
            Randomness::new(move |out| out.fill(byte)).part_of(Duration::from_nanos(1_000))
        };
        assert_eq!(part(0), Duration::ZERO);
        assert_eq!(part(0x80), Duration::from_nanos(502));
        assert_eq!(part(0xff), Duration::from_nanos(1_000));
        let longest = Randomness::new(|out| out.fill(0xff)).part_of(Duration::MAX);
        assert_eq!(longest, Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn no_two_draws_of_the_process_are_alike() {
        let randomness = Randomness::default();
        assert_ne!(randomness.draw::<32>(), randomness.draw::<32>());
    }
}
