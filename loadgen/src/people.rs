//! The people on both sides of the counter: how long they take, and what they do.
//!
//! Reaction times are lognormal, as measured human ones are: most people answer in a few seconds,
//! a few take very long. `--pace` divides them, so that a short run sees whole lives.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::Rng;
use rand::distr::Distribution;
use rand_distr::LogNormal;
use serde::{Deserialize, Serialize};

use crate::scenario::Scenario;
use crate::shares::Draws;

/// How many times faster than life the people are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace(f64);

/// Says that a number is no pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pace is a number from 0.1 to 10000: how many times faster than life people are")]
pub struct PaceError;

impl Pace {
    /// Takes a factor.
    ///
    /// # Errors
    /// [`PaceError`] unless it is between a tenth and ten thousand.
    pub fn new(factor: f64) -> Result<Self, PaceError> {
        if (0.1..=10_000.0).contains(&factor) { Ok(Self(factor)) } else { Err(PaceError) }
    }

    /// How many times faster than life.
    #[must_use]
    pub const fn times(self) -> f64 {
        self.0
    }

    /// Shortens a time of real life.
    #[must_use]
    pub fn shorten(self, time: Duration) -> Duration {
        Duration::try_from_secs_f64(time.as_secs_f64() / self.0).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Pace {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        text.parse().map_err(|_no_number| PaceError).and_then(Self::new)
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a customer does with the handset in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Deed {
    /// Types the right password.
    Approve,
    /// Types a wrong one.
    Mistype,
    /// Presses *Cancel*.
    Cancel,
}

/// One thing that a customer does, so long after seeing the question or the last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// How long it takes.
    pub after: Duration,
    /// What it is.
    pub deed: Deed,
}

/// What kind of payment it is going to be, as far as people decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// The customer approves.
    Approves,
    /// The customer cancels.
    Cancels,
    /// The customer mistypes the password, then approves.
    MistypesOnce,
    /// The customer mistypes it three times.
    MistypesThrice,
    /// The customer does not answer.
    StaysSilent,
    /// The clerk gives the payment up while the customer is about to approve.
    ClerkCancels,
}

/// What the people around one payment are going to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// In a word.
    pub habit: Habit,
    /// What the customer does, one after the other.
    pub steps: Vec<Step>,
    /// When the clerk gives the payment up, counted from when it was asked for; if at all.
    pub clerk_gives_up_after: Option<Duration>,
}

/// How long people, and what they use, take for something: lognormal, by median and spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// Half of them take at most this.
    ///
    /// # Units
    /// Seconds.
    pub median_s: f64,
    /// The standard deviation of its logarithm: with 0.5 two of three take from 0.6 to 1.6 medians.
    pub spread: f64,
}

/// The longest median of a reaction, in seconds, and its widest spread.
const LONGEST_MEDIAN: f64 = 3_600.0;
const WIDEST_SPREAD: f64 = 3.0;

impl Reaction {
    /// Makes the distribution; none if these are no median above 0 and up to an hour, and no spread
    /// from 0 to 3.
    #[must_use]
    pub fn distribution(&self) -> Option<LogNormal<f64>> {
        let Self { median_s, spread } = *self;
        let known =
            median_s > 0.0 && median_s <= LONGEST_MEDIAN && (0.0..=WIDEST_SPREAD).contains(&spread);
        if known { LogNormal::new(median_s.ln(), spread).ok() } else { None }
    }
}

/// Draws people.
#[derive(Debug, Clone)]
pub struct People {
    habits: Draws<Habit>,
    pace: Pace,
    reads_and_types: LogNormal<f64>,
    types_again: LogNormal<f64>,
    presses_cancel: LogNormal<f64>,
    clerk_waits: LogNormal<f64>,
}

impl People {
    /// Draws the people of a scenario, who live at `pace`.
    #[must_use]
    pub fn new(scenario: &Scenario, pace: Pace) -> Self {
        let of = scenario.distributions();
        Self {
            habits: of.habits.clone(),
            pace,
            reads_and_types: of.reads_and_types,
            types_again: of.types_again,
            presses_cancel: of.presses_cancel,
            clerk_waits: of.clerk_waits,
        }
    }

    /// Draws the people around one payment.
    #[must_use]
    pub fn draw(&self, rng: &mut impl Rng) -> Person {
        let habit = self.habits.draw(rng);
        let clerk_gives_up_after =
            (habit == Habit::ClerkCancels).then(|| self.time(&self.clerk_waits, rng));
        let steps = match habit {
            Habit::Approves | Habit::ClerkCancels => vec![self.first(Deed::Approve, rng)],
            Habit::Cancels => {
                vec![Step { after: self.time(&self.presses_cancel, rng), deed: Deed::Cancel }]
            }
            Habit::MistypesOnce => {
                vec![self.first(Deed::Mistype, rng), self.again(Deed::Approve, rng)]
            }
            Habit::MistypesThrice => vec![
                self.first(Deed::Mistype, rng),
                self.again(Deed::Mistype, rng),
                self.again(Deed::Mistype, rng),
            ],
            Habit::StaysSilent => Vec::new(),
        };
        Person { habit, steps, clerk_gives_up_after }
    }

    fn first(&self, deed: Deed, rng: &mut impl Rng) -> Step {
        Step { after: self.time(&self.reads_and_types, rng), deed }
    }

    fn again(&self, deed: Deed, rng: &mut impl Rng) -> Step {
        Step { after: self.time(&self.types_again, rng), deed }
    }

    fn time(&self, reaction: &LogNormal<f64>, rng: &mut impl Rng) -> Duration {
        let seconds = reaction.sample(rng);
        self.pace.shorten(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::{Deed, Habit, Pace, PaceError, People, Person};
    use crate::scenario::Scenario;
    use crate::seeds::{Purpose, stream};
    use crate::shares::HABITS;
    use std::time::Duration;

    fn draw(pace: f64, count: u64) -> Vec<Person> {
        let people = People::new(&Scenario::default(), Pace::new(pace).unwrap());
        (0..count).map(|number| people.draw(&mut stream(1, Purpose::Life, number))).collect()
    }

    #[test]
    fn shares_are_kept() {
        let people = draw(10.0, 10_000);
        for (habit, share) in HABITS {
            let count = people.iter().filter(|person| person.habit == habit).count();
            let expected = usize::try_from(share * 10).unwrap();
            let deviation = count.abs_diff(expected);
            assert!(deviation.pow(2) < 36 * expected, "{habit:?}: {count} of 10000");
        }
    }

    #[test]
    fn people_do_what_their_habit_says() {
        use Deed::{Approve, Cancel, Mistype};
        for person in draw(1.0, 500) {
            let deeds: Vec<_> = person.steps.iter().map(|step| step.deed).collect();
            let expected: &[Deed] = match person.habit {
                Habit::Approves | Habit::ClerkCancels => &[Approve],
                Habit::Cancels => &[Cancel],
                Habit::MistypesOnce => &[Mistype, Approve],
                Habit::MistypesThrice => &[Mistype, Mistype, Mistype],
                Habit::StaysSilent => &[],
            };
            assert_eq!(deeds, expected);
            let clerk = person.clerk_gives_up_after.is_some();
            assert_eq!(clerk, person.habit == Habit::ClerkCancels);
        }
    }

    #[test]
    fn reactions_are_lognormal_and_shortened_by_the_pace() {
        let first = |pace| {
            let mut times: Vec<_> = draw(pace, 4_000)
                .into_iter()
                .filter(|person| person.habit == Habit::Approves)
                .map(|person| person.steps[0].after)
                .collect();
            times.sort_unstable();
            times
        };
        let life = first(1.0);
        let (low, median, high) =
            (life[life.len() / 6], life[life.len() / 2], life[life.len() * 5 / 6]);
        assert!(median.abs_diff(Duration::from_secs(4)) < Duration::from_millis(300), "{median:?}");
        let (below, above) = (median.div_duration_f64(low), high.div_duration_f64(median));
        assert!((below / above - 1.0).abs() < 0.1, "lopsided: {below} below, {above} above");
        assert!((1.4..1.7).contains(&above), "{above}");
        let fast = first(10.0);
        assert!(
            fast.iter().zip(&life).all(|(f, l)| f.abs_diff(*l / 10) < Duration::from_micros(1))
        );
    }

    #[test]
    fn only_a_pace_is_a_pace() {
        for text in ["0", "-1", "nan", "inf", "10001", "0.09", "fast"] {
            assert_eq!(text.parse::<Pace>(), Err(PaceError), "{text}");
        }
        assert_eq!("10".parse::<Pace>().unwrap().shorten(Duration::from_secs(30)).as_secs(), 3);
    }
}
