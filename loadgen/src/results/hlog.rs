//! Every time that was measured, as a log of histograms that other tools read and add up.
//!
//! Times are microseconds. Lines without a tag hold the response times of one second, by the moment
//! at which its payments were meant to begin, and those tagged `second:lag` how late they were begun;
//! other tags are of the whole run.
//!
//! # Source
//! The log format and the V2 encoding of HdrHistogram, as its Java implementation defines them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};
use hdrhistogram::{Counter, Histogram};

use super::Kept;
use super::series::Counts;
use crate::measure::{Second, Timed};
use crate::statistics::Block;
use crate::tally::{Outcome, Times};

/// The name of the file.
pub(super) const NAME: &str = "latency.hlog";

/// What stands at the head of the log: first the version that readers look for.
const COMMENTS: [&str; 3] = [
    "[Histogram log format version 1.3]",
    "microseconds; without a tag the response times of one second, second:lag its lag, others of the \
     whole run",
    "OUTCOME is response time, OUTCOME:service from the beginning, OUTCOME:lag between the two",
];

const SECOND: Duration = Duration::from_secs(1);

/// Tags the lag of one second.
const LAG: &str = "second:lag";
/// Tags what people took.
const HUMAN: &str = "human";

/// Writes the times of a run.
pub(super) fn write(out: &mut impl Write, kept: &Kept) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut head = IntervalLogWriterBuilder::new();
    for comment in COMMENTS {
        head.add_comment(comment);
    }
    let started_at = kept.result.origin.started_at;
    head.with_start_time(started_at).with_base_time(started_at);
    let mut log = head.begin_log_with(out, &mut serializer)?;
    // Entries are in the order of their beginnings.
    let seconds = kept.measures.seconds();
    let span = SECOND.saturating_mul(u32::try_from(seconds.len()).unwrap_or(u32::MAX));
    for (name, times) in whole(kept) {
        let histogram = times.histogram();
        log.write_histogram(histogram, Duration::ZERO, span, Tag::new(&name))
            .map_err(io::Error::other)?;
    }
    let mut at = Duration::ZERO;
    for second in seconds {
        for (block, tag) in [(second.response(), None), (second.lag(), Tag::new(LAG))] {
            log.write_histogram(block.histogram(), at, SECOND, tag).map_err(io::Error::other)?;
        }
        at = at.saturating_add(SECOND);
    }
    Ok(())
}

/// Lends the times of the whole run by their tags.
fn whole(kept: &Kept) -> impl Iterator<Item = (String, &Times)> {
    let by_outcome = kept.measures.timed().flat_map(|(outcome, timed)| {
        let name = outcome.name();
        [
            (name.to_owned(), &timed.response),
            (format!("{name}:service"), &timed.service),
            (format!("{name}:lag"), &timed.lag),
        ]
    });
    by_outcome.chain([(HUMAN.to_owned(), &kept.human)])
}

/// The times of a run as they were written.
pub(super) struct Log {
    pub(super) timed: BTreeMap<Outcome, Timed>,
    pub(super) human: Times,
    response: Vec<Block>,
    lag: Vec<Block>,
}

/// Reads the times of a run.
pub(super) fn read(text: &str) -> Result<Log, String> {
    let mut log = Log {
        timed: BTreeMap::new(),
        human: Times::default(),
        response: Vec::new(),
        lag: Vec::new(),
    };
    for entry in IntervalLogIterator::new(text.as_bytes()) {
        match entry.map_err(|error| format!("{error:?}"))? {
            LogEntry::StartTime(_) | LogEntry::BaseTime(_) => {}
            LogEntry::Interval(interval) => log.take(&interval)?,
        }
    }
    Ok(log)
}

impl Log {
    fn take(&mut self, interval: &IntervalLogHistogram<'_>) -> Result<(), String> {
        let tag = interval.tag().map(|tag| tag.as_str());
        match tag {
            None => self.response.push(block(interval)?),
            Some(LAG) => self.lag.push(block(interval)?),
            Some(HUMAN) => self.human = times(interval)?,
            Some(tag) => {
                let (name, which) = tag.split_once(':').unwrap_or((tag, ""));
                let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.name() == name);
                let unknown = || format!("there is no tag {tag}");
                let timed = self.timed.entry(outcome.ok_or_else(unknown)?).or_default();
                let place = match which {
                    "" => &mut timed.response,
                    "service" => &mut timed.service,
                    "lag" => &mut timed.lag,
                    _ => return Err(unknown()),
                };
                *place = times(interval)?;
            }
        }
        Ok(())
    }

    /// Puts the seconds of a run together, whose payments were counted elsewhere.
    pub(super) fn seconds(&self, counts: &[Counts]) -> Result<Vec<Second>, String> {
        let (seconds, response, lag) = (counts.len(), self.response.len(), self.lag.len());
        if [response, lag] != [seconds; 2] {
            return Err(format!("it has {response} and {lag} seconds, the series has {seconds}"));
        }
        let blocks = self.response.iter().zip(&self.lag);
        let second = |(counts, (response, lag)): (&Counts, (&Block, &Block))| {
            Second::of_blocks(*counts, response.clone(), lag.clone())
        };
        Ok(counts.iter().zip(blocks).map(second).collect())
    }
}

fn block(interval: &IntervalLogHistogram<'_>) -> Result<Block, String> {
    let mut block = Block::default();
    block.take_all(&histogram(interval)?).map_err(|error| error.to_string())?;
    Ok(block)
}

fn times(interval: &IntervalLogHistogram<'_>) -> Result<Times, String> {
    let mut times = Times::default();
    times.take_all(&histogram(interval)?).map_err(|error| error.to_string())?;
    Ok(times)
}

fn histogram<C: Counter>(interval: &IntervalLogHistogram<'_>) -> Result<Histogram<C>, String> {
    let bytes = STANDARD.decode(interval.encoded_histogram()).map_err(|error| error.to_string())?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())
}
