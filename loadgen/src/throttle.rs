//! What a person at the keyboard does to the rate of a run while it goes on.
//!
//! A run that was steered by hand is no run that another one can be compared with: all that was done
//! is kept for the report.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// How far the rate can be turned up, in tenths of what was asked for.
const MOST: u32 = 100;

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A tenth of the rate more.
    Up,
    /// A tenth less; one is left.
    Down,
    /// No payments for now; or, the second time, payments again.
    PauseOrGoOn,
}

/// Whether payments are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They are.
    Open,
    /// None is for now. Those that were meant for this time are neither begun nor counted.
    Paused,
}

/// How the rate is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// In tenths of the rate that was asked for.
    tenths: u32,
    /// Whether payments are begun at all.
    pub flow: Flow,
}

impl Default for Setting {
    fn default() -> Self {
        Self { tenths: 10, flow: Flow::Open }
    }
}

impl Setting {
    /// By what the rate that was asked for is multiplied.
    #[must_use]
    pub fn times(self) -> f64 {
        f64::from(self.tenths) / 10.0
    }

    const fn after(self, turn: Turn) -> Self {
        match turn {
            Turn::Up if self.tenths < MOST => Self { tenths: self.tenths + 1, ..self },
            Turn::Down if self.tenths > 1 => Self { tenths: self.tenths - 1, ..self },
            Turn::Up | Turn::Down => self,
            Turn::PauseOrGoOn => {
                let flow = match self.flow {
                    Flow::Open => Flow::Paused,
                    Flow::Paused => Flow::Open,
                };
                Self { flow, ..self }
            }
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flow {
            Flow::Open => write!(f, "{} % of the rate", u64::from(self.tenths) * 10),
            Flow::Paused => f.write_str("paused"),
        }
    }
}

/// What the keyboard turns and the run goes by.
#[derive(Debug, Default)]
pub struct Throttle {
    setting: watch::Sender<Setting>,
    turned: Mutex<Vec<(Duration, String)>>,
}

impl Throttle {
    /// Turns it, so long after the first payment was to begin. What changes nothing leaves no trace.
    pub fn turn(&self, turn: Turn, at: Duration) {
        self.setting.send_if_modified(|setting| {
            let after = setting.after(turn);
            let changes = after != *setting;
            if changes {
                *setting = after;
                self.note(at, after.to_string());
            }
            changes
        });
    }

    /// Ends the offering before its time, so long after the first payment was to begin.
    pub fn stop(&self, at: Duration) {
        self.note(at, "stopped".to_owned());
    }

    fn note(&self, at: Duration, what: String) {
        self.turned.lock().unwrap_or_else(PoisonError::into_inner).push((at, what));
    }

    /// How it stands.
    #[must_use]
    pub fn setting(&self) -> Setting {
        *self.setting.borrow()
    }

    /// Follows it from now on.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Setting> {
        self.setting.subscribe()
    }

    /// Tells all that was done, in words; nothing if nobody touched it.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        turned.iter().map(|(at, what)| format!("{:.1} s: {what}", at.as_secs_f64())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Flow, MOST, Throttle, Turn};
    use std::time::Duration;

    #[test]
    fn what_is_turned_is_told_and_what_changes_nothing_is_not() {
        let throttle = Throttle::default();
        assert_eq!((throttle.told(), throttle.setting().times()), (Vec::new(), 1.0));
        let at = Duration::from_millis;
        for (at_ms, turn) in [
            (500, Turn::Up),
            (1_250, Turn::PauseOrGoOn),
            (1_300, Turn::Down),
            (1_400, Turn::Down),
            (2_000, Turn::PauseOrGoOn),
        ] {
            throttle.turn(turn, at(at_ms));
        }
        assert_eq!(
            throttle.told(),
            [
                "0.5 s: 110 % of the rate",
                "1.2 s: paused",
                "1.3 s: paused",
                "1.4 s: paused",
                "2.0 s: 90 % of the rate"
            ]
        );
        let end = throttle.setting();
        assert_eq!((end.times(), end.flow), (0.9, Flow::Open));
        throttle.stop(at(2_100));
        assert_eq!(throttle.told().last().unwrap(), "2.1 s: stopped");
    }

    #[test]
    fn it_stops_at_a_tenth_and_at_the_most() {
        let throttle = Throttle::default();
        (0..20).for_each(|_| throttle.turn(Turn::Down, Duration::ZERO));
        assert_eq!((throttle.setting().times(), throttle.told().len()), (0.1, 9));
        (0..2 * MOST).for_each(|_| throttle.turn(Turn::Up, Duration::ZERO));
        assert_eq!(throttle.setting().times(), 10.0);
    }
}
