//! How unequally things are chosen: by Zipf's law, the one in place `n` as often as `1 / n^s`.

use rand::Rng;
use rand::distr::Distribution;
use rand_distr::Zipf;
use serde::{Deserialize, Serialize};

/// How unequally stores, products and customers are chosen: Zipf's exponents. With 0 all are chosen
/// alike.
///
/// # Source
/// The defaults are measured over a year of real baskets: of 2,469 households, in 457 stores, of
/// 68,509 products.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skew {
    /// At which store a payment is.
    pub stores: f64,
    /// Which product is taken.
    pub products: f64,
    /// Who pays.
    pub customers: f64,
}

impl Default for Skew {
    fn default() -> Self {
        Self { stores: 0.85, products: 0.82, customers: 0.57 }
    }
}

/// Whether a number is an exponent.
#[must_use]
pub const fn is_exponent(number: f64) -> bool {
    number.is_finite() && number >= 0.0
}

/// Draws places from 0 on, the first most often.
#[derive(Debug, Clone)]
pub struct Popularity {
    zipf: Zipf<f64>,
    count: usize,
}

impl Popularity {
    /// Draws one of `count` places; place 0 if there is none. What is no exponent is taken for 0.
    #[must_use]
    pub fn new(count: usize, exponent: f64) -> Self {
        let exponent = if is_exponent(exponent) { exponent } else { 0.0 };
        let places = f64::from(u32::try_from(count).unwrap_or(u32::MAX)).max(1.0);
        #[expect(clippy::expect_used, reason = "there is a place, and an exponent")]
        let zipf = Zipf::new(places, exponent).expect("Zipf's law");
        Self { zipf, count }
    }

    /// Draws a place.
    #[must_use]
    pub fn draw(&self, rng: &mut impl Rng) -> usize {
        let place = whole(self.zipf.sample(rng)).saturating_sub(1);
        place.min(self.count.saturating_sub(1))
    }
}

/// Takes a rank for the whole number that it is.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is a whole number from 1 to 2^32; the cast saturates"
)]
const fn whole(rank: f64) -> usize {
    rank as usize
}

#[cfg(test)]
mod tests {
    use super::Popularity;
    use crate::seeds::{Purpose, stream};

    fn counts(places: usize, exponent: f64) -> Vec<u32> {
        let popularity = Popularity::new(places, exponent);
        let mut rng = stream(4, Purpose::Life, 0);
        let mut counts = vec![0; places.max(1)];
        for _ in 0..20_000 {
            counts[popularity.draw(&mut rng)] += 1;
        }
        counts
    }

    /// Each place is drawn as often as the law says, computed here from its definition.
    #[test]
    fn places_are_drawn_by_zipfs_law() {
        for exponent in [0.0, 0.57, 0.85, 1.0, 2.5] {
            let weight = |place: usize| f64::from(u32::try_from(place).unwrap()).powf(-exponent);
            let sum: f64 = (1..=50).map(weight).sum();
            for (place, count) in counts(50, exponent).into_iter().enumerate() {
                let expected = 20_000.0 * weight(place + 1) / sum;
                let deviation = (f64::from(count) - expected).abs();
                assert!(
                    deviation < 5.0 * expected.sqrt().max(1.0),
                    "place {place} with {exponent}: {count} instead of {expected}"
                );
            }
        }
    }

    #[test]
    fn the_ends_of_what_can_be_asked_for_are_drawn() {
        assert_eq!(counts(0, 1.0), [20_000]);
        assert_eq!(counts(1, 0.0), [20_000]);
        assert_eq!(counts(3, 1e6), [20_000, 0, 0]);
    }
}
