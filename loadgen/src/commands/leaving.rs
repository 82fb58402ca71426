//! Where a run's report goes besides the screen, as the command line has it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use clap::Args;

use super::show::{unwritable, write};
use crate::results::{CapacityResult, Folder, Kept};
use crate::trial::{Finding, TrialError};

/// What a run leaves behind.
#[derive(Debug, Clone, Args)]
pub(super) struct Leaving {
    /// Writes the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Writes all that was measured to this directory, which must be new or empty: as JSON, as a
    /// page with plots, and of a single run second by second, with all that its audit was made of
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Places that can be written to.
pub(super) struct Places<'a> {
    json: Option<&'a Path>,
    out: Option<Folder>,
}

impl Leaving {
    /// Sees that everything can be written: better before the run than after it.
    pub(super) fn prepare(&self) -> Result<Places<'_>, TrialError> {
        let json = self.json.as_deref();
        if let Some(path) = json {
            // What it held stays until there is a new report.
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.map_err(unwritable(path))?;
        }
        let out = self.out.as_deref().map(Folder::prepare).transpose()?;
        Ok(Places { json, out })
    }
}

impl Places<'_> {
    /// Writes what the audit of a run was made of.
    pub(super) fn fill_evidence(&self, finding: &Finding) -> Result<(), TrialError> {
        let Some(folder) = &self.out else { return Ok(()) };
        Ok(folder.keep_evidence(&finding.testimony, &finding.books)?)
    }

    /// Writes what was found.
    pub(super) fn fill(&self, kept: &Kept) -> Result<(), TrialError> {
        if let Some(path) = self.json {
            write(path, &kept.result.report)?;
        }
        if let Some(folder) = &self.out {
            folder.keep(kept)?;
        }
        Ok(())
    }

    /// Writes what a gateway was found to carry.
    pub(super) fn fill_capacity(&self, result: &CapacityResult) -> Result<(), TrialError> {
        if let Some(path) = self.json {
            write(path, &result.capacity)?;
        }
        if let Some(folder) = &self.out {
            folder.keep_capacity(result)?;
        }
        Ok(())
    }
}
