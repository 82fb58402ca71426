//! A number of payments, or of connections, a second.

use std::fmt;
use std::str::FromStr;

/// How many payments are offered a second, on average.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// Says that a number is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a number a second, above 0 and at most 1000000")]
pub struct RateError;

impl Rate {
    /// The highest rate there is.
    pub const HIGHEST: f64 = 1_000_000.0;
    /// One payment a second.
    pub(crate) const ONE: Self = Self(1.0);

    /// Takes a number of payments a second.
    ///
    /// # Errors
    /// [`RateError`] unless it is above 0 and at most a million.
    pub fn per_second(rate: f64) -> Result<Self, RateError> {
        if rate > 0.0 && rate <= Self::HIGHEST { Ok(Self(rate)) } else { Err(RateError) }
    }

    /// Gives the number.
    ///
    /// # Units
    /// Payments a second.
    #[must_use]
    pub const fn payments(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        text.parse().map_err(|_no_number| RateError).and_then(Self::per_second)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, RateError};

    #[test]
    fn only_rates_are_rates() {
        for text in ["0", "-1", "nan", "inf", "1000001", "many", ""] {
            assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
        }
        assert_eq!("0.5".parse::<Rate>().unwrap().to_string(), "0.5");
        assert_eq!("200".parse::<Rate>().unwrap().to_string(), "200");
    }
}
