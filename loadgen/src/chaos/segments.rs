//! Damages the journal of a gateway that is down.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::ChaosError;
use super::fault::Fault;
use super::place::Copies;
use super::rig::{Rig, START};

/// How `kessai journal check` ends where it finds damage.
const DAMAGED: i32 = 1;

/// What the names of segments begin with.
const PREFIX: &str = "segment-";

/// A segment of the journal, and how far it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    path: PathBuf,
    /// Bytes up to the last that is not zero.
    written: u64,
}

/// Where the journal was damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Damage {
    file: PathBuf,
    at: u64,
}

/// Lists the segments in rising order.
fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(PREFIX) {
            let bytes = std::fs::read(&path)?;
            let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
            let written = u64::try_from(bytes.len().saturating_sub(zeros)).unwrap_or(u64::MAX);
            segments.push(Segment { path, written });
        }
    }
    segments.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(segments)
}

/// Damages a place that is followed by more: what is cut off at the very end cannot be told from
/// what was never written.
fn damage(folder: &Path, fault: Fault, rng: &mut ChaCha8Rng) -> io::Result<Option<Damage>> {
    let segments = segments(folder)?;
    let written: Vec<_> = segments.iter().filter(|segment| segment.written > 0).collect();
    let Some((last, before)) = written.split_last() else { return Ok(None) };
    let place = rng.random_range(0..before.len().max(1));
    let (segment, most) =
        before.get(place).map_or((last, last.written / 2), |segment| (segment, segment.written));
    if most == 0 {
        return Ok(None);
    }
    let at = rng.random_range(0..most);
    let file = OpenOptions::new().read(true).write(true).open(&segment.path)?;
    match fault {
        Fault::Truncate => file.set_len(at)?,
        Fault::Flip | Fault::Kill | Fault::Eio | Fault::Enospc | Fault::Slow | Fault::Stop => {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at)?;
            let bit = rng.random_range(0..8);
            file.write_all_at(&byte.map(|byte| byte ^ (1 << bit)), at)?;
        }
    }
    file.sync_all()?;
    Ok(Some(Damage { file: segment.path.clone(), at }))
}

/// Copies the files of a folder into another, in the place of what is there.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

impl Rig<'_> {
    /// Damages the journal, or its mirror, while the gateway is down. Either nothing is missing
    /// after the start, or it is refused with the place named, and the copy that was taken before
    /// starts. With a mirror it must not be refused.
    pub(super) async fn damaged(&mut self, fault: Fault) -> Result<(), ChaosError> {
        self.load().await?;
        let fell = self.kill()?;
        let copies = match self.plan.setting.copies {
            Copies::One => vec![self.place.journal()],
            Copies::Two => vec![self.place.journal(), self.place.mirror()],
        };
        let place = self.rng.random_range(0..copies.len());
        let Some(journal) = copies.get(place).cloned() else { return Ok(()) };
        let saved = self.place.path("journal.saved");
        copy(&journal, &saved).map_err(ChaosError::Folder)?;
        let damage = damage(&journal, fault, &mut self.rng).map_err(ChaosError::Folder)?;
        let Some(damage) = damage else {
            self.start(None).await?;
            return self.judge(fell).await;
        };
        self.process = self.place.serve(&[])?;
        if self.process.says("administration at ", START).await.is_some() {
            return self.judge(fell).await;
        }
        if self.plan.setting.copies == Copies::Two {
            return Err(ChaosError::Down(self.place.last_words()));
        }
        self.refused(&damage).await?;
        copy(&saved, &journal).map_err(ChaosError::Folder)?;
        self.start(None).await?;
        self.judge(fell).await
    }

    /// A gateway that does not start must say where its journal is damaged, and so must the check.
    async fn refused(&mut self, damage: &Damage) -> Result<(), ChaosError> {
        let Damage { file, at } = damage;
        let place = format!("{} was damaged at {at}", file.display());
        let status = self.process.gone(START).await.map_err(ChaosError::Process)?;
        let words = self.place.last_words();
        if status.is_none() || !words.contains("segment") {
            let sentence = format!("{place}, and the refusal does not name it: {words}");
            return Err(ChaosError::Otherwise(sentence));
        }
        let (status, said) = self.place.outcome(&["journal", "check"]).await?;
        let is_found = status.is_some_and(|status| status.code() == Some(DAMAGED));
        if is_found && said.contains("segment") {
            return Ok(());
        }
        Err(ChaosError::Otherwise(format!(
            "{place}, and `kessai journal check` does not name it: {said}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::{Damage, copy, damage, segments};
    use crate::chaos::fault::Fault;
    use crate::seeds::{Purpose, stream};
    use std::path::Path;

    /// Two segments of 64 bytes, of which 40 and 20 are written, and one that is not begun.
    fn journal(folder: &Path) {
        for (number, written) in [(1, 40), (2, 20), (3, 0)] {
            let mut bytes = vec![7; written];
            bytes.resize(64, 0);
            std::fs::write(folder.join(format!("segment-{number:020}")), bytes).unwrap();
        }
        std::fs::write(folder.join("lock"), "x").unwrap();
    }

    #[test]
    fn segments_are_listed_as_far_as_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path());
        let found = segments(folder.path()).unwrap();
        let written: Vec<_> = found.iter().map(|segment| segment.written).collect();
        assert_eq!(written, [40, 20, 0]);
    }

    #[test]
    fn what_is_damaged_is_followed_by_more() {
        for number in 0..50 {
            let mut rng = stream(1, Purpose::Faults, number);
            for fault in [Fault::Flip, Fault::Truncate] {
                let folder = tempfile::tempdir().unwrap();
                journal(folder.path());
                let saved = folder.path().join("saved");
                std::fs::create_dir(&saved).unwrap();
                let first = folder.path().join("segment-00000000000000000001");
                let Damage { file, at } = damage(folder.path(), fault, &mut rng).unwrap().unwrap();
                assert_eq!(file, first);
                assert!(at < 40);
                let bytes = std::fs::read(&file).unwrap();
                let length = u64::try_from(bytes.len()).unwrap();
                match fault {
                    Fault::Truncate => assert_eq!(length, at),
                    _ => {
                        let at = usize::try_from(at).unwrap();
                        assert_eq!((bytes[at] ^ 7).count_ones(), 1);
                        assert_eq!(bytes.iter().filter(|byte| **byte == 7).count(), 39);
                    }
                }
            }
        }
    }

    #[test]
    fn an_empty_journal_is_left_alone_and_a_copy_is_whole() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut rng = stream(1, Purpose::Faults, 0);
        assert_eq!(damage(folder.path(), Fault::Flip, &mut rng).unwrap(), None);
        journal(folder.path());
        std::fs::write(other.path().join("stale"), "x").unwrap();
        copy(folder.path(), other.path()).unwrap();
        assert!(!other.path().join("stale").exists());
        assert_eq!(segments(other.path()).unwrap().len(), 3);
    }
}
