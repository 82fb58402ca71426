//! The directory itself.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::html::{CapacityDocument, RunDocument};
use super::{CapacityResult, Kept, RESULT, ResultsError, hlog, series};
use crate::audit::{Books, Testimony};

/// An empty directory that waits for what a run leaves.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the directory unless it is there, and sees that it is empty and can be written to.
    ///
    /// # Errors
    /// [`ResultsError`] otherwise.
    pub fn prepare(path: &Path) -> Result<Self, ResultsError> {
        let unwritable = |source| ResultsError::Write { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(unwritable)?;
        if fs::read_dir(path).map_err(unwritable)?.next().is_some() {
            return Err(ResultsError::NotEmpty(path.to_owned()));
        }
        // Removed again at once: a run that is called off leaves an empty directory.
        tempfile::NamedTempFile::new_in(path).map_err(unwritable)?;
        Ok(Self(path.to_owned()))
    }

    /// Writes all that the audit of a run was made of.
    ///
    /// # Errors
    /// [`ResultsError`] if a file cannot be written.
    pub fn keep_evidence(&self, testimony: &Testimony, books: &Books) -> Result<(), ResultsError> {
        testimony.keep(&self.0)?;
        Ok(books.keep(&self.0)?)
    }

    /// Writes all that was measured, `result.json` last.
    ///
    /// # Errors
    /// [`ResultsError`] if a file cannot be written, or is there meanwhile.
    pub fn keep(&self, kept: &Kept) -> Result<(), ResultsError> {
        let Kept { result, measures, .. } = kept;
        self.write(series::NAME, |out| series::write(out, measures.seconds()))?;
        self.write(hlog::NAME, |out| hlog::write(out, kept))?;
        let document = RunDocument { result, measures };
        self.write("report.html", |out| write!(out, "{document}"))?;
        self.write(RESULT, |out| json(out, result))
    }

    /// Writes what a gateway was found to carry, `capacity.json` last.
    ///
    /// # Errors
    /// [`ResultsError`] if a file cannot be written, or is there meanwhile.
    pub fn keep_capacity(&self, result: &CapacityResult) -> Result<(), ResultsError> {
        let document = CapacityDocument(result);
        self.write("report.html", |out| write!(out, "{document}"))?;
        self.write("capacity.json", |out| json(out, result))
    }

    fn write(
        &self,
        name: &str,
        what: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), ResultsError> {
        let path = self.0.join(name);
        let written = File::create_new(&path).and_then(|file| {
            let mut out = BufWriter::new(file);
            what(&mut out)?;
            out.flush()
        });
        written.map_err(|source| ResultsError::Write { path, source })
    }
}

fn json(out: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, what)?;
    writeln!(out)
}
