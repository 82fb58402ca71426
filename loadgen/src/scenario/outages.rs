//! Who is cut off from the gateway now and then.

use rand_distr::LogNormal;
use serde::{Deserialize, Serialize};

use super::values::{ValueError, wrong};
use crate::people::Reaction;
use crate::shares::WHOLE;

/// Who is cut off from the gateway now and then, many at once, and comes back at once; nobody, where
/// nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outages {
    /// Tills and machines, as when the power or the network of a place is out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tills: Option<Batch>,
    /// Handsets, as those of a train in a tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handsets: Option<Batch>,
}

/// A batch of connections that are lost at once, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Batch {
    /// Of a thousand connections, so many are lost each time; who, is drawn anew.
    pub share: u32,
    /// How long it takes until the next time, on average, after all were back.
    ///
    /// # Units
    /// Seconds at the pace of life.
    pub every_s: f64,
    /// How long nobody of them can connect.
    pub lasts: Reaction,
}

impl Default for Batch {
    /// A tenth, once a minute, for some seconds.
    fn default() -> Self {
        Self { share: 100, every_s: 60.0, lasts: Reaction { median_s: 8.0, spread: 0.5 } }
    }
}

/// A batch that can be drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchDraws {
    pub(crate) share: u32,
    pub(crate) every_s: f64,
    pub(crate) lasts: LogNormal<f64>,
}

/// The longest mean time to the next outage, in seconds.
const SELDOM: f64 = 86_400.0;

impl Outages {
    /// Whether there are none.
    #[must_use]
    pub const fn are_none(&self) -> bool {
        self.tills.is_none() && self.handsets.is_none()
    }
}

impl Batch {
    /// Checks the values of a batch.
    ///
    /// # Errors
    /// [`ValueError`] names the one that cannot be.
    pub(super) fn draws(&self, key: &str) -> Result<BatchDraws, ValueError> {
        let Self { share, every_s, lasts } = *self;
        if !(1..=WHOLE).contains(&share) {
            let problem = format!("{share} is not 1 to {WHOLE} thousandths");
            return Err(wrong(format!("{key}.share"), problem));
        }
        if !(every_s > 0.0 && every_s <= SELDOM) {
            return Err(wrong(format!("{key}.every_s"), "above 0 and at most 86400"));
        }
        let lasts = lasts.distribution().ok_or_else(|| {
            let problem = "median_s is above 0 and at most 3600, spread from 0 to 3";
            wrong(format!("{key}.lasts"), problem)
        })?;
        Ok(BatchDraws { share, every_s, lasts })
    }
}
