//! Picks the one reason to tell when a request has several faults.

use kessai_terms::Reason;

/// Remembers the foremost fault of a request. The reasons are numbered in order of precedence, so
/// that a request is refused alike wherever, and in whatever order, it is checked.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    foremost: Option<Reason>,
}

impl Faults {
    /// Notes a fault.
    pub(crate) fn note(&mut self, reason: Reason) {
        let before = self.foremost.is_none_or(|foremost| reason.number() < foremost.number());
        if before {
            self.foremost = Some(reason);
        }
    }

    /// Keeps the value, or notes why there is none.
    pub(crate) fn keep<T>(&mut self, parsed: Result<T, impl Into<Reason>>) -> Option<T> {
        parsed.map_err(|fault| self.note(fault.into())).ok()
    }

    /// Tells the foremost fault, if there was one.
    pub(crate) fn into_result(self) -> Result<(), Reason> {
        self.foremost.map_or(Ok(()), Err)
    }

    /// Tells the foremost fault of a request that could not be put together.
    pub(crate) fn into_reason(self) -> Reason {
        self.foremost.unwrap_or(Reason::Malformed)
    }
}
