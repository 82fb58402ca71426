//! Presentment codes that handsets show now: what a shop is given instead of the customer's id.
//!
//! A code is good once, for a minute, and a handset has one at a time. Nothing of it is journalled:
//! codes die with the process. A terminal that guesses is soon not listened to any more.
//!
//! # Source
//! JP 2001-249969, steps S66 and S67.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kessai_engine::terms::{PresentmentCode, Reason, TerminalId};
use kessai_wire::Handset;

use crate::budget::Budget;

/// Codes that can be live at a time: one in a hundred of those that exist, so that a guess hits
/// none ninety-nine times of a hundred even then.
const MOST: usize = 1_000_000;

/// The partition that codes of this process begin with: there is one.
const PARTITION: u8 = 0;

/// How many codes are drawn before a free one is despaired of.
const DRAWS: usize = 16;

/// The codes that are live.
pub(crate) struct Presentments {
    lifetime_ms: u64,
    codes: Mutex<Codes>,
    guesses: Budget<TerminalId>,
    /// Those whose code falls on the same place wait for each other.
    turns: [Mutex<()>; 64],
    hasher: RandomState,
}

#[derive(Default)]
struct Codes {
    live: HashMap<PresentmentCode, Shown>,
    of_handset: HashMap<Handset, PresentmentCode>,
    /// In the order in which they expire; some may be used or replaced already.
    expiring: VecDeque<(u64, PresentmentCode)>,
}

/// A live code: who shows it, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) handset: Handset,
    pub(crate) expires_at_ms: u64,
}

impl Presentments {
    /// Begins without any; a code is good for `lifetime_ms`, and a terminal may send so many that
    /// nobody shows a minute.
    pub(crate) fn new(lifetime_ms: u64, wrong_per_minute: u32) -> Self {
        Self {
            lifetime_ms,
            codes: Mutex::default(),
            guesses: Budget::new(wrong_per_minute),
            turns: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }

    /// Gives a handset a new code, instead of any before, made of what `draw` gives.
    ///
    /// # Errors
    /// [`Reason::Busy`] if no free code is found.
    pub(crate) fn issue(
        &self,
        handset: Handset,
        now_ms: u64,
        mut draw: impl FnMut() -> [u8; 8],
    ) -> Result<(PresentmentCode, u64), Reason> {
        let expires_at_ms = now_ms.saturating_add(self.lifetime_ms);
        self.with(|codes| {
            codes.forget_expired(now_ms);
            codes.withdraw(&handset);
            if codes.live.len() >= MOST {
                return Err(Reason::Busy);
            }
            let free = (0..DRAWS)
                .filter_map(|_| code(draw()))
                .find(|code| !codes.live.contains_key(code))
                .ok_or(Reason::Busy)?;
            codes.show(free, Shown { handset, expires_at_ms });
            Ok((free, expires_at_ms))
        })
    }

    /// Takes a code that a terminal was shown, which is used up by that.
    ///
    /// # Errors
    /// [`Reason::CodeNotValid`] if nobody shows it now, [`Reason::TooManyRequests`] if the terminal
    /// has sent too many such: then nothing is looked up.
    pub(crate) fn redeem(
        &self,
        code: &PresentmentCode,
        terminal: TerminalId,
        now_ms: u64,
    ) -> Result<Shown, Reason> {
        if !self.guesses.is_left(&terminal, now_ms) {
            return Err(Reason::TooManyRequests);
        }
        let shown = self.with(|codes| {
            let shown = codes.live.remove(code)?;
            codes.of_handset.remove(&shown.handset);
            (shown.expires_at_ms > now_ms).then_some(shown)
        });
        shown.ok_or_else(|| {
            self.guesses.take(terminal, now_ms);
            Reason::CodeNotValid
        })
    }

    /// Lets no other who has a turn with this code go on until the guard is dropped.
    pub(crate) fn turn(&self, code: &PresentmentCode) -> MutexGuard<'_, ()> {
        let place = usize::try_from(self.hasher.hash_one(code) % 64).unwrap_or(0);
        #[expect(clippy::expect_used, reason = "there are 64")]
        let turn = self.turns.get(place).expect("a remainder of 64");
        turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a code back that was taken for a payment that did not come into being.
    ///
    /// A newer one of the same handset stays in its place, and what has expired is gone.
    pub(crate) fn restore(&self, code: PresentmentCode, shown: Shown, now_ms: u64) {
        self.with(|codes| {
            if shown.expires_at_ms > now_ms && !codes.of_handset.contains_key(&shown.handset) {
                codes.live.insert(code, shown);
                codes.of_handset.insert(shown.handset, code);
            }
        });
    }

    fn with<R>(&self, work: impl FnOnce(&mut Codes) -> R) -> R {
        // Each step leaves the maps usable: a panic elsewhere does no harm.
        work(&mut self.codes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Presentments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Presentments(..)")
    }
}

impl Codes {
    fn show(&mut self, code: PresentmentCode, shown: Shown) {
        self.live.insert(code, shown);
        self.of_handset.insert(shown.handset, code);
        self.expiring.push_back((shown.expires_at_ms, code));
    }

    fn withdraw(&mut self, handset: &Handset) {
        if let Some(code) = self.of_handset.remove(handset) {
            self.live.remove(&code);
        }
    }

    /// All live as long, so that the first in the queue expires first.
    fn forget_expired(&mut self, now_ms: u64) {
        while let Some((_, code)) = self.expiring.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            let is_over = self.live.get(&code).is_some_and(|shown| shown.expires_at_ms <= now_ms);
            if is_over && let Some(shown) = self.live.remove(&code) {
                self.of_handset.remove(&shown.handset);
            }
        }
    }
}

/// Makes a code of random bytes; nothing of the few that would favour some codes over others.
fn code(random: [u8; 8]) -> Option<PresentmentCode> {
    let drawn = u64::from_be_bytes(random);
    let fair = u64::MAX - u64::MAX % u64::from(PresentmentCode::RANDOM_BELOW);
    let random = u32::try_from(drawn % u64::from(PresentmentCode::RANDOM_BELOW)).ok()?;
    if drawn < fair { PresentmentCode::new(PARTITION, random) } else { None }
}

#[cfg(test)]
mod tests {
    use kessai_engine::terms::{DeviceId, PresentmentCode, Reason};
    use kessai_wire::Handset;

    use super::Presentments;
    use crate::budget::WINDOW_MS;

    const LIFETIME_MS: u64 = 60_000;
    const WRONG_PER_MINUTE: u32 = 3;

    fn handset(number: u8) -> Handset {
        Handset { customer: "1234-567-890".parse().unwrap(), device: DeviceId([number; 16]) }
    }

    fn presentments() -> Presentments {
        Presentments::new(LIFETIME_MS, WRONG_PER_MINUTE)
    }

    fn issue(presentments: &Presentments, number: u8, now_ms: u64) -> PresentmentCode {
        let draw = || [0, 0, 0, 0, 0, 0, 1, number];
        presentments.issue(handset(number), now_ms, draw).unwrap().0
    }

    fn redeem(
        presentments: &Presentments,
        code: &PresentmentCode,
        now_ms: u64,
    ) -> Result<Handset, Reason> {
        let till = "POS1".parse().unwrap();
        presentments.redeem(code, till, now_ms).map(|shown| shown.handset)
    }

    #[test]
    fn a_code_is_good_once() {
        let presentments = presentments();
        let code = issue(&presentments, 1, 1_000);
        assert_eq!(redeem(&presentments, &code, 1_001), Ok(handset(1)));
        assert_eq!(redeem(&presentments, &code, 1_002), Err(Reason::CodeNotValid));
    }

    #[test]
    fn a_code_is_good_for_its_time() {
        let presentments = presentments();
        let code = issue(&presentments, 1, 1_000);
        assert_eq!(redeem(&presentments, &code, 1_000 + LIFETIME_MS), Err(Reason::CodeNotValid));
        assert!(presentments.codes.lock().unwrap().of_handset.is_empty());
        let code = issue(&presentments, 1, 1_000);
        assert_eq!(redeem(&presentments, &code, 999 + LIFETIME_MS), Ok(handset(1)));
    }

    #[test]
    fn a_handset_has_one_code_and_others_keep_theirs() {
        let presentments = presentments();
        let (own, other) = (issue(&presentments, 1, 0), issue(&presentments, 2, 0));
        let draw = || [0, 0, 0, 0, 0, 0, 7, 7];
        let (newer, _) = presentments.issue(handset(1), 1, draw).unwrap();
        assert_eq!(redeem(&presentments, &own, 2), Err(Reason::CodeNotValid));
        assert_eq!(redeem(&presentments, &newer, 2), Ok(handset(1)));
        assert_eq!(redeem(&presentments, &other, 2), Ok(handset(2)));
    }

    #[test]
    fn a_code_that_is_taken_is_never_given_out_twice() {
        let presentments = presentments();
        let taken = issue(&presentments, 1, 0);
        let mut draws = [[0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 1, 2]].into_iter();
        let (free, _) = presentments.issue(handset(2), 0, || draws.next().unwrap()).unwrap();
        assert_ne!(free, taken);
        let stuck = presentments.issue(handset(3), 0, || [0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(stuck.unwrap_err(), Reason::Busy);
    }

    #[test]
    fn a_terminal_that_guesses_is_not_listened_to_for_a_while() {
        let presentments = presentments();
        let wrong = issue(&presentments, 1, 0);
        assert!(redeem(&presentments, &wrong, 0).is_ok());
        for _ in 0..WRONG_PER_MINUTE {
            assert_eq!(redeem(&presentments, &wrong, 0), Err(Reason::CodeNotValid));
        }
        let right = issue(&presentments, 2, 0);
        assert_eq!(redeem(&presentments, &right, 0), Err(Reason::TooManyRequests));
        let other = "POS2".parse().unwrap();
        assert!(presentments.redeem(&right, other, 0).is_ok(), "another terminal is heard");
        let later = issue(&presentments, 2, WINDOW_MS);
        assert_eq!(redeem(&presentments, &later, WINDOW_MS), Ok(handset(2)));
    }

    #[test]
    fn a_code_that_came_to_nothing_is_good_again_unless_there_is_a_newer_one() {
        let presentments = presentments();
        let code = issue(&presentments, 1, 0);
        let till = "POS1".parse().unwrap();
        let shown = presentments.redeem(&code, till, 1).unwrap();
        presentments.restore(code, shown, 1);
        let shown = presentments.redeem(&code, till, 1).unwrap();
        let draw = || [0, 0, 0, 0, 0, 0, 7, 7];
        let (newer, _) = presentments.issue(handset(1), 2, draw).unwrap();
        presentments.restore(code, shown, 2);
        assert_eq!(redeem(&presentments, &code, 3), Err(Reason::CodeNotValid));
        assert_eq!(redeem(&presentments, &newer, 3), Ok(handset(1)));
    }

    #[test]
    fn nothing_is_kept_of_codes_that_have_expired() {
        let presentments = presentments();
        for number in 0..200 {
            let now_ms = u64::from(number) * LIFETIME_MS;
            issue(&presentments, number, now_ms);
        }
        let codes = presentments.codes.lock().unwrap();
        assert_eq!((codes.live.len(), codes.of_handset.len(), codes.expiring.len()), (1, 1, 1));
    }
}
