//! What a gateway has to keep at a rate so that the rate counts as carried.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::report::{Payments, Report};
use crate::tally::share;

/// A share of payments, kept as the percentage that it is given as.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(f64);

/// Says that a text is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share is a percentage from 0 to 100, such as 0.01%")]
pub struct ShareError;

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let percent: f64 =
            text.trim_end_matches('%').trim().parse().map_err(|_no_number| ShareError)?;
        if (0.0..=100.0).contains(&percent) { Ok(Self(percent)) } else { Err(ShareError) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// What has to be kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goals {
    /// What machines may take of all but one of a hundred payments, from the intended moment.
    pub p99: Duration,
    /// The share of payments that machines may fail: never answered, not begun by the gateway, or
    /// expired although the customer had answered early, or taken back although a vending machine
    /// had reported early.
    pub timeouts: Share,
}

impl Goals {
    /// Says what of it a run has missed, a sentence each; nothing if it kept all.
    #[must_use]
    pub fn missed(&self, report: &Report) -> Vec<String> {
        let payments = &report.payments;
        let mut missed = Vec::new();
        let (p99, most) = (report.latency_ms.machine.p99, self.p99.as_secs_f64() * 1_000.0);
        if p99 > most {
            missed.push(format!("p99 was {p99:.1} ms, above {most} ms"));
        }
        let failed = payments.refused.saturating_add(payments.overtaken);
        let percent = share(failed, payments.offered) * 100.0;
        if percent > self.timeouts.0 {
            let reasons = reasons(payments);
            missed.push(format!(
                "{percent:.3} % were failed, more than {} ({reasons})",
                self.timeouts
            ));
        }
        if payments.offered == payments.skipped {
            missed.push("nothing was begun".to_owned());
        }
        missed
    }
}

/// Names why payments were failed, and how many for each reason: a limit of the gateway is changed
/// in its settings, a slow one is not.
fn reasons(payments: &Payments) -> String {
    let too_slow = (payments.overtaken > 0).then(|| ("too slow".to_owned(), payments.overtaken));
    let refused = payments.refused_for.iter().map(|(reason, count)| (reason.clone(), *count));
    let named = refused.chain(too_slow).map(|(reason, count)| format!("{reason} {count}"));
    named.collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Goals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p99 = humantime::format_duration(self.p99);
        write!(f, "p99 within {p99}, at most {} failed", self.timeouts)
    }
}

#[cfg(test)]
mod tests {
    use super::{Goals, Share, ShareError};
    use crate::sample;
    use std::time::Duration;

    fn goals(p99_ms: u64, timeouts: &str) -> Goals {
        Goals { p99: Duration::from_millis(p99_ms), timeouts: timeouts.parse().unwrap() }
    }

    #[test]
    fn what_was_missed_is_named() {
        let mut report = sample::report();
        report.latency_ms.machine.p99 = 20.0;
        (report.payments.offered, report.payments.refused) = (1_000, 6);
        report.payments.overtaken = 4;
        report.payments.refused_for = [("busy".into(), 4), ("unanswered".into(), 2)].into();
        let check = |goals: Goals, words: &[&str]| {
            let missed = goals.missed(&report);
            assert_eq!(missed.len(), words.len(), "{missed:?}");
            assert!(
                missed.iter().zip(words).all(|(found, word)| found.contains(word)),
                "{missed:?}"
            );
        };
        check(goals(20, "1%"), &[]);
        check(goals(19, "1%"), &["p99 was 20.0 ms"]);
        let named = "1.000 % were failed, more than 0.99 % (busy 4, unanswered 2, too slow 4)";
        check(goals(20, "0.99 %"), &[named]);
        check(goals(1, "0"), &["p99", "failed"]);
    }

    #[test]
    fn a_run_that_began_nothing_keeps_no_goal() {
        let mut report = sample::report();
        (report.payments.offered, report.payments.skipped) = (5, 5);
        report.latency_ms.machine.p99 = 0.0;
        assert!(goals(20, "100%").missed(&report).contains(&"nothing was begun".to_owned()));
    }

    #[test]
    fn only_percentages_are_shares() {
        for text in ["", "%", "-1", "101", "nan", "few"] {
            assert_eq!(text.parse::<Share>(), Err(ShareError), "{text}");
        }
        assert_eq!("0.5%".parse::<Share>().unwrap().to_string(), "0.5 %");
    }
}
