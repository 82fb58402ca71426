//! Records that the gateway told of and that its journal no longer holds: what was found of them,
//! and what an operator has accepted, in one file of the data directory.
//!
//! A gateway with a loss that nobody has accepted refuses to serve, also after a restart. The file
//! is replaced as a whole or not at all, and is durable before anything follows from it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use kessai_engine::terms::receipt::JournalPoint;
use serde::{Deserialize, Serialize};

/// The file in the data directory. Without it nothing was ever lost.
const NAME: &str = "losses.toml";

const HEADING: &str = "\
# Records that this gateway told of and its journal no longer holds. Written by the gateway and by
# `kessai journal accept-loss`; do not edit it: see docs/OPERATING.md, \"When the service stopped\".
";

/// The version of the file.
const FORMAT: u32 = 1;

/// How many starts of the gateway we leave room for that nobody has told us of: epochs rise by one
/// with each, and no receipt of the last of them may have come back yet.
const STARTS_UNTOLD: u64 = 1 << 20;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LossesError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not as the gateway wrote it.
    #[error("{path}: {problem}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Names a record: a later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordName {
    /// The epoch in which it was written.
    pub epoch: u64,
    /// Its log sequence number.
    pub lsn: u64,
}

impl From<JournalPoint> for RecordName {
    fn from(point: JournalPoint) -> Self {
        Self { epoch: point.epoch, lsn: point.lsn }
    }
}

impl std::fmt::Display for RecordName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "record {} of epoch {}", self.lsn, self.epoch)
    }
}

/// A loss that nobody has accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// When the first receipt of it came, by the gateway's clock.
    pub since_ms: u64,
    /// Which peer returned that one.
    pub returned_by: String,
    /// The lowest record that is known to be lost.
    pub lowest: RecordName,
    /// The highest one.
    pub highest: RecordName,
    /// The latest record that was durable here when it was found.
    pub kept: RecordName,
}

/// A loss that an operator has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// When, by the wall clock.
    pub at_ms: u64,
    /// The epoch that the gateway goes on with. Receipts of earlier ones are not asked for any more.
    pub goes_on_in: u64,
    /// What was found.
    pub found: Found,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    found: Option<Found>,
    #[serde(default)]
    accepted: Vec<Accepted>,
}

/// What is known to be lost.
#[derive(Debug, Clone)]
pub struct Losses {
    /// None where nothing is kept.
    path: Option<PathBuf>,
    contents: Contents,
    /// As they stand in the file.
    kept: Contents,
}

impl Losses {
    /// Reads what is known of a data directory.
    ///
    /// # Errors
    /// [`LossesError`] if the file is there and cannot be used: it may say that something is lost.
    pub fn open(data: &Path) -> Result<Self, LossesError> {
        let path = data.join(NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path: Some(path), ..Self::volatile() });
            }
            Err(source) => return Err(LossesError::File { path, source }),
        };
        let contents: Contents = match toml::from_str(&text) {
            Ok(contents) => contents,
            Err(error) => {
                let problem = error.message().replace('\n', "; ");
                return Err(LossesError::Malformed { path, problem });
            }
        };
        if contents.format != FORMAT {
            let problem = format!("format {} is not known to this version", contents.format);
            return Err(LossesError::Malformed { path, problem });
        }
        Ok(Self { path: Some(path), kept: contents.clone(), contents })
    }

    /// Knows of nothing and keeps nothing, for a gateway without a data directory.
    #[must_use]
    pub fn volatile() -> Self {
        let contents = Contents { format: FORMAT, found: None, accepted: Vec::new() };
        Self { path: None, kept: contents.clone(), contents }
    }

    /// The loss that nobody has accepted yet.
    #[must_use]
    pub const fn found(&self) -> Option<&Found> {
        self.contents.found.as_ref()
    }

    /// The losses that were accepted, the earliest first.
    #[must_use]
    pub fn accepted(&self) -> &[Accepted] {
        &self.contents.accepted
    }

    /// The least epoch that the journal may go on with. A receipt of an earlier one that does not
    /// fit is of a loss that was accepted.
    #[must_use]
    pub fn first_epoch(&self) -> u64 {
        self.contents.accepted.last().map_or(1, |accepted| accepted.goes_on_in)
    }

    /// Takes note of a loss, or of how much further one goes that is known. It must be
    /// [kept](Self::keep) then. Gives all that is known of it.
    pub fn note(&mut self, lost: Found) -> &Found {
        let found = match self.contents.found.take() {
            None => lost,
            Some(known) => Found {
                lowest: known.lowest.min(lost.lowest),
                highest: known.highest.max(lost.highest),
                ..known
            },
        };
        self.contents.found.insert(found)
    }

    /// Accepts the loss that was found, durably: the journal goes on in an epoch above every one
    /// that it may have had. Gives what was accepted; nothing if there was no loss.
    ///
    /// # Errors
    /// [`LossesError::File`]; the file says what it said before.
    pub fn accept(&mut self, at_ms: u64) -> Result<Option<&Accepted>, LossesError> {
        let Some(found) = self.contents.found.take() else { return Ok(None) };
        let told = found.highest.epoch.max(found.kept.epoch).max(self.first_epoch());
        let goes_on_in = told.saturating_add(STARTS_UNTOLD);
        self.contents.accepted.push(Accepted { at_ms, goes_on_in, found });
        self.keep()?;
        Ok(self.contents.accepted.last())
    }

    /// Writes down what has changed since the last time, durably.
    ///
    /// # Errors
    /// [`LossesError::File`]; it can be tried again.
    pub fn keep(&mut self) -> Result<(), LossesError> {
        if self.contents == self.kept {
            return Ok(());
        }
        if let Some(path) = &self.path {
            write(path, &self.contents)
                .map_err(|source| LossesError::File { path: path.clone(), source })?;
        }
        self.kept = self.contents.clone();
        Ok(())
    }
}

/// Replaces the file as a whole.
fn write(path: &Path, contents: &Contents) -> io::Result<()> {
    let text = toml::to_string(contents).map_err(io::Error::other)?;
    let draft = path.with_extension("toml.new");
    let mut file = File::create(&draft)?;
    file.write_all(HEADING.as_bytes())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    // So that the new name survives a power cut.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::{Accepted, Found, Losses, LossesError, NAME, RecordName, STARTS_UNTOLD};

    fn lost(lowest: (u64, u64), highest: (u64, u64)) -> Found {
        let name = |(epoch, lsn)| RecordName { epoch, lsn };
        Found {
            since_ms: 7,
            returned_by: "terminal POS1".into(),
            lowest: name(lowest),
            highest: name(highest),
            kept: RecordName { epoch: 4, lsn: 1_000 },
        }
    }

    #[test]
    fn what_was_found_is_there_after_a_restart_and_only_grows() {
        let folder = tempfile::tempdir().unwrap();
        let mut losses = Losses::open(folder.path()).unwrap();
        assert_eq!((losses.found(), losses.first_epoch()), (None, 1));
        losses.note(lost((3, 1_500), (3, 1_500)));
        losses.keep().unwrap();
        for (more, lowest, highest) in [
            (lost((3, 1_200), (3, 1_200)), (3, 1_200), (3, 1_500)),
            (lost((5, 1_100), (5, 1_100)), (3, 1_200), (5, 1_100)),
            (lost((4, 9_999), (4, 9_999)), (3, 1_200), (5, 1_100)),
        ] {
            assert_eq!(losses.note(Found { since_ms: 99, ..more }), &lost(lowest, highest));
            losses.keep().unwrap();
            losses = Losses::open(folder.path()).unwrap();
            assert_eq!(losses.found(), Some(&lost(lowest, highest)), "the first time counts");
        }
    }

    #[test]
    fn a_loss_is_accepted_once_and_the_epochs_go_on_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut losses = Losses::open(folder.path()).unwrap();
        assert_eq!(losses.accept(1).unwrap(), None, "there is none");
        let found = lost((3, 1_200), (6, 2_000));
        losses.note(found.clone());
        let goes_on_in = 6 + STARTS_UNTOLD;
        let accepted = Accepted { at_ms: 8, goes_on_in, found };
        assert_eq!(losses.accept(8).unwrap(), Some(&accepted));
        let mut losses = Losses::open(folder.path()).unwrap();
        assert_eq!((losses.found(), losses.first_epoch()), (None, goes_on_in));
        assert_eq!(losses.accepted(), [accepted]);
        assert_eq!(losses.accept(9).unwrap(), None);

        // Another one, of which nobody has told more than of the first.
        losses.note(lost((2, 1), (2, 1)));
        losses.accept(10).unwrap();
        assert_eq!(losses.first_epoch(), goes_on_in + STARTS_UNTOLD);
        assert_eq!(losses.accepted().len(), 2);
    }

    #[test]
    fn what_could_not_be_written_is_written_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut losses = Losses::open(&data).unwrap();
        losses.note(lost((3, 1), (3, 1)));
        assert!(matches!(losses.keep(), Err(LossesError::File { .. })), "there is no such folder");
        std::fs::create_dir(&data).unwrap();
        losses.keep().unwrap();
        assert_eq!(Losses::open(&data).unwrap().found(), losses.found());
        std::fs::remove_dir_all(&data).unwrap();
        losses.keep().unwrap();
        assert!(!data.exists(), "nothing has changed, so nothing is written");
    }

    #[test]
    fn a_file_that_is_not_ours_is_named_and_never_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "format = 2\n", "format = 1\nmore = 1\n", "?"] {
            std::fs::write(folder.path().join(NAME), text).unwrap();
            let error = Losses::open(folder.path()).unwrap_err();
            assert!(matches!(error, LossesError::Malformed { .. }), "{text}: {error}");
            assert!(error.to_string().contains(NAME), "{error}");
        }
    }
}
