//! Compares the reports of two runs.

use std::fmt;

use crate::report::{Config, Intervals, Report};
use crate::statistics::{Difference, Interval, Verdict, difference, geometric_mean, paired};

/// Which way a number should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Higher,
    Lower,
}

/// One number of both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    better: Better,
    /// In the first run and in the second, where enough was seen to bound it.
    pub values: (Option<Interval>, Option<Interval>),
    /// How they differ.
    pub difference: Option<Difference>,
}

/// Two runs beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Number by number.
    pub rows: Vec<Row>,
}

/// Says why two runs cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// They were made under other conditions.
    #[error("the runs differ in {}", .0.join(", "))]
    Config(Vec<&'static str>),
    /// One of them did not measure what it should.
    #[error("the {0} run is no measurement: {1}")]
    Unsound(&'static str, String),
}

impl Comparison {
    /// Puts two runs beside each other.
    ///
    /// # Errors
    /// [`Incomparable`] unless they differ in the gateway alone, and both can be believed.
    pub fn new(first: &Report, second: &Report) -> Result<Self, Incomparable> {
        sound("first", first)?;
        sound("second", second)?;
        let differs = differences(first, second);
        if !differs.is_empty() {
            return Err(Incomparable::Config(differs));
        }
        let both = [&first.intervals, &second.intervals];
        let row = |name, better, of: fn(&Intervals) -> Option<Interval>| {
            let [first, second] = both.map(of);
            let change = first.zip(second).and_then(|(first, second)| difference(&first, &second));
            Row { name, better, values: (first, second), difference: change }
        };
        Ok(Self {
            rows: vec![
                row("ended/s", Better::Higher, |of| of.throughput_per_s),
                row("p50 ms", Better::Lower, |of| of.machine_ms.p50),
                row("p90 ms", Better::Lower, |of| of.machine_ms.p90),
                row("p99 ms", Better::Lower, |of| of.machine_ms.p99),
                row("p99.9 ms", Better::Lower, |of| of.machine_ms.p999),
            ],
        })
    }

    /// Puts runs beside each other that were made in rounds, of one gateway and of another: what a
    /// round changes for both is no difference.
    ///
    /// # Errors
    /// [`Incomparable`] unless all of them differ in the gateway alone, and can be believed.
    pub fn paired(rounds: &[[Report; 2]]) -> Result<Self, Incomparable> {
        for [first, second] in rounds {
            sound("first", first)?;
            sound("second", second)?;
            let differs = differences(first, second);
            if !differs.is_empty() {
                return Err(Incomparable::Config(differs));
            }
        }
        let row = |name, better, of: fn(&Report) -> f64| {
            let pairs = rounds.iter().map(|[first, second]| (of(first), of(second)));
            let (firsts, seconds): (Vec<_>, Vec<_>) = pairs.clone().unzip();
            let values = (geometric_mean(&firsts), geometric_mean(&seconds));
            Row { name, better, values, difference: paired(&pairs.collect::<Vec<_>>()) }
        };
        Ok(Self {
            rows: vec![
                row("ended/s", Better::Higher, |of| of.throughput_per_s),
                row("p50 ms", Better::Lower, |of| of.latency_ms.machine.p50),
                row("p90 ms", Better::Lower, |of| of.latency_ms.machine.p90),
                row("p99 ms", Better::Lower, |of| of.latency_ms.machine.p99),
                row("p99.9 ms", Better::Lower, |of| of.latency_ms.machine.p999),
            ],
        })
    }

    /// Says whether any number of the second run is worse.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        self.rows.iter().any(Row::is_worse)
    }
}

impl Row {
    fn is_worse(&self) -> bool {
        let worse = match self.better {
            Better::Higher => Verdict::Lower,
            Better::Lower => Verdict::Higher,
        };
        self.difference.is_some_and(|difference| difference.verdict == worse)
    }
}

fn sound(which: &'static str, report: &Report) -> Result<(), Incomparable> {
    let problem = if !report.audit.ok {
        report.audit.problems.first().cloned().unwrap_or_default()
    } else if !report.generator.kept_up() {
        report.generator.limited_by.join("; ")
    } else if !report.config.by_hand.is_empty() {
        format!("its rate was changed by hand: {}", report.config.by_hand.join("; "))
    } else {
        return Ok(());
    };
    Err(Incomparable::Unsound(which, problem))
}

/// Names what else differs than the gateway.
fn differences(first: &Report, second: &Report) -> Vec<&'static str> {
    let mut all = different(&first.config, &second.config);
    let rest = [
        ("the partition", first.config.partition == second.config.partition),
        ("the connections", first.connections == second.connections),
    ];
    all.extend(rest.into_iter().filter(|(_, same)| !same).map(|(name, _)| name));
    all
}

/// Names what differs in what was offered, by whom.
pub(crate) fn different(first: &Config, other: &Config) -> Vec<&'static str> {
    // One set of values may have several names.
    let Config {
        rate_per_s,
        shape,
        arrivals,
        seconds,
        by_hand: _,
        partition: _,
        begin_at: _,
        pace,
        customers,
        terminals,
        preset: _,
        preset_digest,
    } = first;
    let all = [
        ("the rate", *rate_per_s == other.rate_per_s),
        ("the shape of the rate", *shape == other.shape),
        ("how arrivals lie", *arrivals == other.arrivals),
        ("the time", *seconds == other.seconds),
        ("the pace of people", *pace == other.pace),
        ("the number of customers", *customers == other.customers),
        ("the number of terminals", *terminals == other.terminals),
        ("who pays what, and how (the preset)", *preset_digest == other.preset_digest),
    ];
    all.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value =
            |value: Option<Interval>| value.map_or_else(|| "-".to_owned(), |v| v.to_string());
        writeln!(f, "{:10}{:>28}{:>28}  second against first", "", "first", "second")?;
        for Row { name, values: (first, second), difference, .. } in &self.rows {
            let change =
                difference.map_or_else(|| "too little was seen".to_owned(), |d| d.to_string());
            writeln!(f, "{name:10}{:>28}{:>28}  {change}", value(*first), value(*second))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Incomparable};
    use crate::report::Report;
    use crate::sample;
    use crate::statistics::Interval;

    fn report(p99: f64, per_s: f64) -> Report {
        let interval =
            |estimate: f64| Interval { estimate, low: estimate / 1.01, high: estimate * 1.01 };
        let mut report = sample::report();
        report.intervals.machine_ms.p99 = Some(interval(p99));
        report.intervals.throughput_per_s = Some(interval(per_s));
        report.generator.limited_by.clear();
        report
    }

    #[test]
    fn what_is_worse_is_a_regression_and_what_is_better_is_not() {
        let base = report(10.0, 300.0);
        let check = |other: Report, expected| {
            let comparison = Comparison::new(&base, &other).unwrap();
            assert_eq!(comparison.is_regression(), expected, "{comparison}");
        };
        check(report(10.0, 300.0), false);
        check(report(12.0, 300.0), true);
        check(report(8.0, 300.0), false);
        check(report(10.0, 250.0), true);
        check(report(10.0, 350.0), false);
    }

    #[test]
    fn the_page_tells_changes_and_what_could_have_been_seen() {
        let page = Comparison::new(&report(10.0, 300.0), &report(12.0, 300.0)).unwrap().to_string();
        assert!(page.contains("+20.0 % [") && page.contains("p = 0.0000"), "{page}");
        assert!(page.contains("no difference found (could have seen 3 %)"), "{page}");
        assert!(page.contains("too little was seen"), "{page}");
    }

    /// The second gateway is a tenth slower in every round, and rounds differ by far more than that.
    #[test]
    fn rounds_are_compared_pair_by_pair() {
        let round = |hour: f64, slower: f64| {
            let of = |p99: f64| {
                let mut report = report(10.0, 300.0);
                (report.latency_ms.machine.p99, report.throughput_per_s) = (p99, 300.0);
                report
            };
            [of(10.0 * hour), of(10.0 * hour * slower)]
        };
        let rounds = |slower: [f64; 4]| {
            let rounds = [1.0, 1.5, 0.7, 2.0].into_iter().zip(slower);
            rounds.map(|(hour, slower)| round(hour, slower)).collect::<Vec<_>>()
        };
        let worse = Comparison::paired(&rounds([1.10, 1.11, 1.09, 1.10])).unwrap();
        assert!(worse.is_regression() && worse.to_string().contains("+10.0 % ["), "{worse}");
        let alike = Comparison::paired(&rounds([1.01, 0.99, 1.0, 1.0])).unwrap();
        assert!(!alike.is_regression(), "{alike}");
        let mut unsound = rounds([1.0; 4]);
        unsound[2][1].generator.limited_by.push("it was busy".into());
        let error = Comparison::paired(&unsound).unwrap_err().to_string();
        assert_eq!(error, "the second run is no measurement: it was busy");
        unsound[2][1] = report(10.0, 300.0);
        unsound[2][1].config.seconds += 1.0;
        let error = Comparison::paired(&unsound).unwrap_err();
        assert_eq!(error, Incomparable::Config(vec!["the time"]));
    }

    #[test]
    fn runs_under_other_conditions_are_refused() {
        let base = report(10.0, 300.0);
        let check = |change: fn(&mut Report), name| {
            let mut other = base.clone();
            change(&mut other);
            assert_eq!(Comparison::new(&base, &other), Err(Incomparable::Config(vec![name])));
        };
        check(|r| r.config.rate_per_s += 1.0, "the rate");
        check(|r| r.config.shape = "flat".into(), "the shape of the rate");
        check(|r| r.config.arrivals = "odd".into(), "how arrivals lie");
        check(|r| r.config.seconds += 1.0, "the time");
        check(|r| r.config.partition = "1/2".parse().ok(), "the partition");
        check(|r| r.config.pace += 1.0, "the pace of people");
        check(|r| r.config.customers += 1, "the number of customers");
        check(|r| r.config.terminals += 1, "the number of terminals");
        check(|r| r.config.preset_digest.push('0'), "who pays what, and how (the preset)");
        check(|r| r.connections.hubs += 1, "the connections");
        let mut other = base.clone();
        other.config.preset = "the same by another name".into();
        (other.seed, other.gateway.version) = (other.seed + 1, "9.9.9".into());
        Comparison::new(&base, &other).unwrap();
    }

    #[test]
    fn runs_that_cannot_be_believed_are_refused() {
        let base = report(10.0, 300.0);
        let mut failed = base.clone();
        (failed.audit.ok, failed.audit.problems) = (false, vec!["a yen is missing".into()]);
        let error = Comparison::new(&base, &failed).unwrap_err();
        assert_eq!(error.to_string(), "the second run is no measurement: a yen is missing");
        let mut limited = base.clone();
        limited.generator.limited_by.push("it was busy".into());
        let error = Comparison::new(&limited, &base).unwrap_err();
        assert_eq!(error.to_string(), "the first run is no measurement: it was busy");
        let mut turned = base.clone();
        turned.config.by_hand.push("2.5 s: paused".into());
        let error = Comparison::new(&turned, &turned).unwrap_err();
        let expected =
            "the first run is no measurement: its rate was changed by hand: 2.5 s: paused";
        assert_eq!(error.to_string(), expected, "even where both were alike");
    }
}
