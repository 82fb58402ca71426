//! The course of one payment beyond the customer's answer, as data: how the till learns who pays,
//! whether it hears the answer, and what is done once the payment is approved.
//!
//! It is drawn before the payment begins, from the seed and the number of its arrival alone.

use std::time::Duration;

use kessai_engine::TerminalKind;
use kessai_engine::terms::{Amount, Line};
use rand::distr::Distribution;
use rand::{Rng, RngExt};
use rand_distr::LogNormal;
use serde::{Deserialize, Serialize};

use crate::people::Pace;
use crate::scenario::Scenario;
use crate::shares::{Draws, WHOLE};

/// How a till learns who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// The customer says the customer id.
    Id,
    /// The customer shows a presentment code.
    Code,
    /// The clerk types another code than is shown, is refused, and types the right one.
    MistypedCode,
    /// The till tries the code once more after it has been used, and is refused.
    UsedCode,
}

/// What becomes of a payment, as far as tills and machines decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It stays as it ended.
    Kept,
    /// The goods come back.
    RefundedWhole,
    /// Some of the goods come back.
    RefundedInPart,
    /// Some come back, and then the rest.
    RefundedTwice,
    /// Some come back, and then more than there was.
    RefundedTooMuch,
    /// The till never hears the answer, and takes the payment back.
    AnswerLost,
    /// The till loses its line before there is an answer, and takes the payment back.
    LineLost,
    /// The till takes the payment back before the gateway has heard of it.
    OpenOvertaken,
    /// The machine hands everything out.
    Dispensed,
    /// The machine hands a part out.
    DispensedInPart,
    /// The machine jams, and says so.
    Jammed,
    /// The machine never says what it did.
    Silent,
    /// The machine reports when its time is over.
    BackLate,
}

impl Fate {
    /// At which kind of terminal it can happen.
    #[must_use]
    pub const fn kind(self) -> TerminalKind {
        match self {
            Self::Kept
            | Self::RefundedWhole
            | Self::RefundedInPart
            | Self::RefundedTwice
            | Self::RefundedTooMuch
            | Self::AnswerLost
            | Self::LineLost
            | Self::OpenOvertaken => TerminalKind::PointOfSale,
            Self::Dispensed
            | Self::DispensedInPart
            | Self::Jammed
            | Self::Silent
            | Self::BackLate => TerminalKind::Vending,
        }
    }
}

/// Whether a till hears the answer to what it asked for. Whoever does not takes the payment back,
/// again and again until that is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Hearing {
    /// It hears it.
    Hears,
    /// The answer is lost.
    LosesAnswer,
    /// The line is lost so long after asking, whether or not there was an answer.
    LosesLine(Duration),
    /// The reversal goes out ahead of what it reverses.
    ReversesFirst,
}

/// What is done about an approved payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub when: When,
    /// What.
    pub what: What,
    /// How often it is sent.
    pub times: u8,
}

/// When something is done about an approved payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum When {
    /// So long after the approval, or after what was done before.
    After(Duration),
    /// So long after the time for the delivery was over.
    AfterDeadline(Duration),
}

/// What is done about an approved payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum What {
    /// The machine reports that everything came out.
    DispenseAll,
    /// The machine reports so many pieces of each line.
    Dispense(Vec<u32>),
    /// The machine reports that nothing came out.
    Jam,
    /// A till gives money back; another one of the merchant's if a number of it was drawn.
    Refund(Size, Option<u32>),
}

/// How much a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Size {
    /// So many hundredths of what was captured, and never nothing.
    Percent(u8),
    /// All that is left.
    Rest,
    /// More than is left.
    TooMuch,
}

impl Size {
    /// Computes a refund of a payment of which `captured` was taken and `left` is left.
    #[must_use]
    pub fn of(self, captured: Amount, left: Amount) -> Amount {
        let minor = match self {
            Self::Percent(percent) => {
                (captured.minor().saturating_mul(u64::from(percent)) / 100).max(1)
            }
            Self::Rest => left.minor(),
            Self::TooMuch => left.minor().saturating_add(1),
        };
        Amount::new(minor).unwrap_or(left)
    }
}

/// The course of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Course {
    /// In a word.
    pub fate: Fate,
    /// How the till learns who pays.
    pub naming: Naming,
    /// Whether the till hears the answer.
    pub hearing: Hearing,
    /// What is done once it is approved, one after the other.
    pub acts: Vec<Act>,
}

impl Course {
    /// The plain course: an id, an answer, and nothing after it.
    #[must_use]
    pub const fn plain() -> Self {
        Self { fate: Fate::Kept, naming: Naming::Id, hearing: Hearing::Hears, acts: Vec::new() }
    }
}

/// Draws courses.
#[derive(Debug, Clone)]
pub struct Courses {
    namings: Draws<Naming>,
    at_tills: Draws<Fate>,
    at_machines: Draws<Fate>,
    refunded_elsewhere: u32,
    sent_twice: u32,
    pace: Pace,
    dispenses: LogNormal<f64>,
    comes_back: LogNormal<f64>,
    loses_line: LogNormal<f64>,
}

impl Courses {
    /// Draws the courses of a scenario, of people who live at `pace`.
    #[must_use]
    pub fn new(scenario: &Scenario, pace: Pace) -> Self {
        let (of, values) = (scenario.distributions(), scenario.values());
        Self {
            namings: of.namings.clone(),
            at_tills: of.at_tills.clone(),
            at_machines: of.at_machines.clone(),
            refunded_elsewhere: values.refunded_elsewhere,
            sent_twice: values.sent_twice,
            pace,
            dispenses: of.dispenses,
            comes_back: of.comes_back,
            loses_line: of.loses_line,
        }
    }

    /// Draws the course of one payment for `lines` at a terminal of that kind.
    #[must_use]
    pub fn draw(&self, kind: TerminalKind, lines: &[Line], rng: &mut impl Rng) -> Course {
        let naming = self.namings.draw(rng);
        let fate = match kind {
            TerminalKind::PointOfSale => self.at_tills.draw(rng),
            TerminalKind::Vending => self.at_machines.draw(rng),
        };
        let hearing = match fate {
            Fate::AnswerLost => Hearing::LosesAnswer,
            Fate::LineLost => Hearing::LosesLine(self.time(&self.loses_line, rng)),
            Fate::OpenOvertaken => Hearing::ReversesFirst,
            _ => Hearing::Hears,
        };
        Course { fate, naming, hearing, acts: self.acts(fate, lines, rng) }
    }

    /// What is done about an approved payment of that fate.
    fn acts(&self, fate: Fate, lines: &[Line], rng: &mut impl Rng) -> Vec<Act> {
        use Size::{Percent, Rest, TooMuch};
        match fate {
            Fate::Kept | Fate::AnswerLost | Fate::LineLost | Fate::OpenOvertaken | Fate::Silent => {
                Vec::new()
            }
            Fate::RefundedWhole => vec![self.refund(Rest, rng)],
            Fate::RefundedInPart => {
                let percent = rng.random_range(5..95);
                vec![self.refund(Percent(percent), rng)]
            }
            Fate::RefundedTwice => {
                let percent = rng.random_range(5..60);
                vec![self.refund(Percent(percent), rng), self.refund(Rest, rng)]
            }
            Fate::RefundedTooMuch => {
                let percent = rng.random_range(5..60);
                vec![self.refund(Percent(percent), rng), self.refund(TooMuch, rng)]
            }
            Fate::Dispensed => vec![self.report(What::DispenseAll, rng)],
            Fate::DispensedInPart => vec![self.report(some_of(lines, rng), rng)],
            Fate::Jammed => vec![self.report(What::Jam, rng)],
            Fate::BackLate => {
                let when = When::AfterDeadline(self.time(&self.dispenses, rng));
                vec![Act { when, ..self.report(What::DispenseAll, rng) }]
            }
        }
    }

    fn report(&self, what: What, rng: &mut impl Rng) -> Act {
        Act { when: When::After(self.time(&self.dispenses, rng)), what, times: self.times(rng) }
    }

    fn refund(&self, size: Size, rng: &mut impl Rng) -> Act {
        let elsewhere = rng.random_ratio(self.refunded_elsewhere, WHOLE);
        let other = elsewhere.then(|| rng.random_range(0..u32::MAX));
        let when = When::After(self.time(&self.comes_back, rng));
        Act { when, what: What::Refund(size, other), times: self.times(rng) }
    }

    fn times(&self, rng: &mut impl Rng) -> u8 {
        if rng.random_ratio(self.sent_twice, WHOLE) { 2 } else { 1 }
    }

    fn time(&self, reaction: &LogNormal<f64>, rng: &mut impl Rng) -> Duration {
        let seconds = reaction.sample(rng);
        self.pace.shorten(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

/// Draws how many pieces of each line come out: at least one, and not all of them; all if there is
/// one only.
fn some_of(lines: &[Line], rng: &mut impl Rng) -> What {
    let all: u32 = lines.iter().fold(0, |sum, line| sum.saturating_add(line.quantity));
    if all < 2 {
        return What::DispenseAll;
    }
    let mut left = rng.random_range(1..all);
    let pieces = lines.iter().map(|line| {
        let pieces = left.min(line.quantity);
        left = left.saturating_sub(pieces);
        pieces
    });
    What::Dispense(pieces.collect())
}

#[cfg(test)]
mod tests {
    use super::{Course, Courses, Fate, Hearing, Naming, Size, What, When};
    use crate::people::Pace;
    use crate::sample;
    use crate::scenario::Scenario;
    use crate::seeds::{Purpose, stream};
    use crate::shares::{AT_MACHINES, AT_TILLS, NAMINGS};
    use kessai_engine::TerminalKind;
    use kessai_engine::terms::Line;
    use std::collections::HashSet;

    fn lines() -> Vec<Line> {
        let line = sample::order(1).lines.remove(0);
        vec![Line { quantity: 3, ..line.clone() }, Line { quantity: 2, ..line }]
    }

    fn draw(kind: TerminalKind, count: u64) -> Vec<Course> {
        let courses = Courses::new(&Scenario::default(), Pace::new(10.0).unwrap());
        let lines = lines();
        let course = |number| courses.draw(kind, &lines, &mut stream(1, Purpose::Course, number));
        (0..count).map(course).collect()
    }

    fn check_share(count: usize, share: u32, what: &dyn std::fmt::Debug) {
        let expected = usize::try_from(share * 10).unwrap();
        assert!(count.abs_diff(expected).pow(2) < 36 * expected, "{what:?}: {count} of 10000");
    }

    #[test]
    fn shares_are_kept_and_one_seed_is_one_plan() {
        for (kind, shares) in
            [(TerminalKind::PointOfSale, &AT_TILLS[..]), (TerminalKind::Vending, &AT_MACHINES[..])]
        {
            let drawn = draw(kind, 10_000);
            for (fate, share) in shares {
                check_share(drawn.iter().filter(|c| c.fate == *fate).count(), *share, fate);
            }
            for (naming, share) in NAMINGS {
                check_share(drawn.iter().filter(|c| c.naming == naming).count(), share, &naming);
            }
            assert_eq!(drawn[..500], draw(kind, 500));
        }
    }

    /// What is handed out in part is a part: something, and not all.
    #[test]
    fn machines_hand_out_what_their_fate_says() {
        let all = draw(TerminalKind::Vending, 4_000);
        assert!(all.iter().all(|course| course.hearing == Hearing::Hears));
        let mut parts = HashSet::new();
        for course in all {
            match (course.fate, course.acts.as_slice()) {
                (Fate::Silent, []) => {}
                (Fate::Silent, _) => panic!("a silent machine says something"),
                (fate, [act]) => match &act.what {
                    What::DispenseAll => {
                        assert!(matches!(fate, Fate::Dispensed | Fate::BackLate));
                        let late = matches!(act.when, When::AfterDeadline(_));
                        assert_eq!(late, fate == Fate::BackLate);
                    }
                    What::Dispense(pieces) => {
                        assert_eq!(fate, Fate::DispensedInPart);
                        assert!((1..5).contains(&pieces.iter().sum::<u32>()), "{pieces:?}");
                        assert!(pieces[0] <= 3 && pieces[1] <= 2, "{pieces:?}");
                        parts.insert(pieces.clone());
                    }
                    What::Jam => assert_eq!(fate, Fate::Jammed),
                    What::Refund(..) => panic!("a machine gives nothing back"),
                },
                (fate, acts) => panic!("{fate:?}: {acts:?}"),
            }
        }
        assert_eq!(parts.len(), 4, "one to four pieces of five");
    }

    #[test]
    fn tills_do_what_their_fate_says() {
        let all = draw(TerminalKind::PointOfSale, 4_000);
        let (mut twice, mut elsewhere) = (0, 0);
        for course in &all {
            let sizes: Vec<_> = course
                .acts
                .iter()
                .map(|act| match act.what {
                    What::Refund(size, other) => {
                        twice += usize::from(act.times == 2);
                        elsewhere += usize::from(other.is_some());
                        size
                    }
                    _ => panic!("a till is no machine: {course:?}"),
                })
                .collect();
            match (course.fate, sizes.as_slice()) {
                (Fate::RefundedWhole, [Size::Rest])
                | (Fate::RefundedInPart, [Size::Percent(_)])
                | (Fate::RefundedTwice, [Size::Percent(_), Size::Rest])
                | (Fate::RefundedTooMuch, [Size::Percent(_), Size::TooMuch])
                | (_, []) => {}
                (fate, sizes) => panic!("{fate:?}: {sizes:?}"),
            }
            let hears = course.hearing == Hearing::Hears;
            let deaf = [Fate::AnswerLost, Fate::LineLost, Fate::OpenOvertaken];
            assert_eq!(hears, !deaf.contains(&course.fate));
        }
        assert!(twice > 10 && elsewhere > 50, "{twice} twice, {elsewhere} elsewhere");
        assert_eq!(Course::plain().naming, Naming::Id);
    }

    #[test]
    fn a_refund_is_as_large_as_it_says() {
        let check = |size: Size, captured, left, expected| {
            assert_eq!(size.of(sample::yen(captured), sample::yen(left)), sample::yen(expected));
        };
        check(Size::Percent(50), 301, 301, 150);
        check(Size::Percent(5), 3, 3, 1);
        check(Size::Rest, 301, 151, 151);
        check(Size::TooMuch, 301, 151, 152);
    }
}
