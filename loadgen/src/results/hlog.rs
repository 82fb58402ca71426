//! Every time that was measured, as a log of histograms that other tools read and add up.
//!
//! Times are microseconds. Lines without a tag hold the response times of one second, by the moment
//! at which its payments were meant to begin; those with a tag are of the whole run.
//!
//! # Source
//! The log format and the V2 encoding of HdrHistogram, as its Java implementation defines them.

use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::tally::Times;
use crate::trial::Finding;

/// What stands at the head of the log: first the version that readers look for.
const COMMENTS: [&str; 3] = [
    "[Histogram log format version 1.3]",
    "microseconds; without a tag the response times of one second, with a tag those of the whole run",
    "OUTCOME is response time, OUTCOME:service from the beginning, OUTCOME:lag between the two",
];

const SECOND: Duration = Duration::from_secs(1);

/// Writes the times of a run.
pub(super) fn write(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut head = IntervalLogWriterBuilder::new();
    for comment in COMMENTS {
        head.add_comment(comment);
    }
    head.with_start_time(finding.started_at).with_base_time(finding.started_at);
    let mut log = head.begin_log_with(out, &mut serializer)?;
    // Entries are in the order of their beginnings.
    let seconds = finding.measures.seconds();
    let span = SECOND.saturating_mul(u32::try_from(seconds.len()).unwrap_or(u32::MAX));
    for (name, times) in whole(finding) {
        let histogram = times.histogram();
        log.write_histogram(histogram, Duration::ZERO, span, Tag::new(&name))
            .map_err(io::Error::other)?;
    }
    let mut at = Duration::ZERO;
    for second in seconds {
        let histogram = second.response().histogram();
        log.write_histogram(histogram, at, SECOND, None).map_err(io::Error::other)?;
        at = at.saturating_add(SECOND);
    }
    Ok(())
}

/// Lends the times of the whole run by their tags.
fn whole(finding: &Finding) -> impl Iterator<Item = (String, &Times)> {
    let by_outcome = finding.measures.timed().flat_map(|(outcome, timed)| {
        let name = outcome.name();
        [
            (name.to_owned(), &timed.response),
            (format!("{name}:service"), &timed.service),
            (format!("{name}:lag"), &timed.lag),
        ]
    });
    by_outcome.chain([("human".to_owned(), &finding.tally.human)])
}
