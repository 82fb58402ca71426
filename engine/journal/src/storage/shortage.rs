//! Whether the medium is about to run full.

use std::fmt;
use std::sync::Arc;

/// Tells, at any time and to anyone, whether the room for further segments has become short.
#[derive(Clone)]
pub struct Shortage(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Shortage {
    /// Is never short of room.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// Is short whenever `is_short` says so.
    #[must_use]
    pub fn when(is_short: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_short)))
    }

    /// Is short when either of the two is.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (&self.0, &other.0) {
            (_, None) => self,
            (None, _) => other,
            (Some(_), Some(_)) => Self::when(move || self.is_short() || other.is_short()),
        }
    }

    /// Tells whether room for further segments is short now.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.as_ref().is_some_and(|is_short| is_short())
    }
}

impl fmt::Debug for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shortage").field(&self.is_short()).finish()
    }
}
