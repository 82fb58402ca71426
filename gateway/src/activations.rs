//! Activation codes that were given out and not used yet.
//!
//! A code is good for one enrolment, ten minutes and five attempts, and a new one for the same
//! subject replaces it. Codes are needed whole to check what is authenticated with them, so they
//! are kept in memory alone, and die with the process.
//!
//! # Source
//! kessai/collation/v1, "Enrolment".

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kessai_engine::terms::collation::ActivationCode;
use kessai_wire::Subject;

/// How long a code is good, in milliseconds.
pub const LIFETIME_MS: u64 = 600_000;

/// How many attempts a code bears: the last one that fails ends it.
pub const ATTEMPTS: u8 = 5;

/// Codes that can be open at a time.
const MOST: usize = 100_000;

/// The codes that are open.
#[derive(Default)]
pub(crate) struct Activations {
    open: Mutex<HashMap<Subject, Open>>,
}

struct Open {
    code: ActivationCode,
    expires_at_ms: u64,
    attempts: u8,
}

/// Why no code is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MOST} activation codes are open already: let some be used or expire")]
pub struct TooManyOpen;

impl Activations {
    /// Opens `code` for `subject`, instead of any before.
    ///
    /// # Errors
    /// [`TooManyOpen`].
    pub(crate) fn issue(
        &self,
        subject: Subject,
        code: ActivationCode,
        now_ms: u64,
    ) -> Result<(), TooManyOpen> {
        self.with(|open| {
            if open.len() >= MOST {
                open.retain(|_, entry| entry.expires_at_ms > now_ms);
            }
            if open.len() >= MOST && !open.contains_key(&subject) {
                return Err(TooManyOpen);
            }
            let expires_at_ms = now_ms.saturating_add(LIFETIME_MS);
            open.insert(subject, Open { code, expires_at_ms, attempts: 0 });
            Ok(())
        })
    }

    /// Counts an attempt, and says whether `check` holds with the open code, which is then used up.
    pub(crate) fn redeem(
        &self,
        subject: &Subject,
        now_ms: u64,
        check: impl FnOnce(&ActivationCode) -> bool,
    ) -> bool {
        self.with(|open| {
            let Some(entry) = open.get_mut(subject).filter(|entry| entry.expires_at_ms > now_ms)
            else {
                return false;
            };
            entry.attempts = entry.attempts.saturating_add(1);
            let holds = check(&entry.code);
            if holds || entry.attempts >= ATTEMPTS {
                open.remove(subject);
            }
            holds
        })
    }

    fn with<R>(&self, work: impl FnOnce(&mut HashMap<Subject, Open>) -> R) -> R {
        // Whole entries come and go: a panic elsewhere leaves the map whole.
        work(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Activations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Activations(..)")
    }
}

#[cfg(test)]
mod tests {
    use kessai_engine::terms::collation::ActivationCode;
    use kessai_wire::Subject;

    use super::{ATTEMPTS, Activations, LIFETIME_MS};

    fn subject() -> Subject {
        Subject::Customer("1234-567-890".parse().unwrap())
    }

    fn issued() -> Activations {
        let activations = Activations::default();
        activations.issue(subject(), ActivationCode::from_bytes([1; 16]), 1_000).unwrap();
        activations
    }

    fn fits(code: &ActivationCode) -> bool {
        *code.expose() == [1; 16]
    }

    #[test]
    fn a_code_serves_once() {
        let activations = issued();
        assert!(activations.redeem(&subject(), 1_000, fits));
        assert!(!activations.redeem(&subject(), 1_000, fits));
    }

    #[test]
    fn a_sixth_attempt_fails_whatever_it_shows() {
        let activations = issued();
        for _ in 0..ATTEMPTS {
            assert!(!activations.redeem(&subject(), 1_000, |_| false));
        }
        assert!(!activations.redeem(&subject(), 1_000, fits));
        let activations = issued();
        for _ in 1..ATTEMPTS {
            assert!(!activations.redeem(&subject(), 1_000, |_| false));
        }
        assert!(activations.redeem(&subject(), 1_000, fits), "the fifth may still succeed");
    }

    #[test]
    fn a_code_expires_and_another_replaces_it() {
        let last_ms = 1_000 + LIFETIME_MS - 1;
        assert!(issued().redeem(&subject(), last_ms, fits));
        assert!(!issued().redeem(&subject(), last_ms + 1, fits));
        let activations = issued();
        activations.issue(subject(), ActivationCode::from_bytes([2; 16]), 1_000).unwrap();
        assert!(
            !activations.redeem(&subject(), 1_000, fits),
            "the one before is not good any more"
        );
    }
}
