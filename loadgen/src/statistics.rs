//! How sure a measured number is: intervals for rates and quantiles, and whether two runs differ.
//!
//! Answers that follow each other are not independent: a stall makes a hundred of them slow at
//! once. So nothing here counts answers as if each told something new. A run is cut into blocks of
//! equal time, and how much the blocks differ from each other says how much was really seen.
//! Histograms and distributions come from crates; this and [`tally`](crate::tally) are the only
//! places that compute with fractions, besides what is printed.

mod blocks;
mod difference;
mod interval;
mod mean;
mod quantile;

pub use blocks::{Block, Blocks};
pub use difference::{Difference, LEAST_EFFECT, Verdict, difference, geometric_mean, paired};
pub use interval::{CONFIDENCE, Interval};
pub use mean::mean;
pub use quantile::{Quantile, quantile};
