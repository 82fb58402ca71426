//! All that was measured in a run, as its directory holds it: enough to go on computing with.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{ResultsError, RunResult, hlog, read, series};
use crate::measure::Measures;
use crate::tally::Times;
use crate::trial::Finding;

/// All that was measured in a run.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What it came to.
    pub result: RunResult,
    /// Times by outcome and by second.
    pub measures: Measures,
    /// What people took.
    pub human: Times,
}

impl From<&Finding> for Kept {
    fn from(finding: &Finding) -> Self {
        Self {
            result: RunResult::of(finding),
            measures: finding.measures.clone(),
            human: finding.tally.human.clone(),
        }
    }
}

impl Kept {
    /// Reads the directory that a run left: every count and every histogram as it was.
    ///
    /// # Errors
    /// [`ResultsError`], naming the file that is not there or not whole.
    pub fn read(folder: &Path) -> Result<Self, ResultsError> {
        let result: RunResult = read(folder)?;
        let file = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|source| ResultsError::Read { path, source })
        };
        let damaged = |name: &str| {
            let path = folder.join(name);
            move |problem| ResultsError::Damaged { path, problem }
        };
        let counts = series::read(&file(series::NAME)?).map_err(damaged(series::NAME))?;
        let log = hlog::read(&file(hlog::NAME)?).map_err(damaged(hlog::NAME))?;
        let span = Duration::try_from_secs_f64(result.report.seconds)
            .map_err(|error| error.to_string())
            .map_err(damaged(super::RESULT))?;
        let (seconds, timed) = (log.seconds(&counts).map_err(damaged(hlog::NAME))?, log.timed);
        Ok(Self { result, measures: Measures::of(span, timed, seconds), human: log.human })
    }
}
