//! What could not be delivered, for an operator to look at: JSON lines in a file of bounded size.
//!
//! It tells of a person no more than the customer id, and the file is its owner's alone.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Fault, Notification};

/// A file of dead letters, with an older one beside it.
#[derive(Debug)]
pub(super) struct DeadLetters {
    path: PathBuf,
    /// What each of the two files may hold.
    most_bytes: u64,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    bytes: u64,
}

/// Why there are no more attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// No further attempt could begin before the payment expires.
    Expired,
    /// Trying again would not help.
    Refused,
    /// The gateway stopped; an attempt may have been under way.
    Stopped,
}

/// One notification that was given up.
#[derive(Debug)]
pub(super) struct DeadLetter<'a> {
    pub(super) at_ms: u64,
    pub(super) notification: &'a Notification,
    pub(super) channel: &'static str,
    pub(super) attempts: u32,
    pub(super) ending: Ending,
    pub(super) fault: Option<Fault>,
}

impl DeadLetters {
    /// Opens the file, or makes it; both files together stay within `most_bytes`.
    pub(super) fn open(path: &Path, most_bytes: u64) -> std::io::Result<Self> {
        let current = Mutex::new(Current::open(path)?);
        Ok(Self { path: path.to_owned(), most_bytes: most_bytes / 2, current })
    }

    /// Adds a letter; when the file is full it takes the place of the older one.
    pub(super) fn add(&self, letter: &DeadLetter<'_>) -> std::io::Result<()> {
        let line = letter.line();
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        // A panic elsewhere leaves at worst a line cut short.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.bytes > 0 && current.bytes.saturating_add(length) > self.most_bytes {
            std::fs::rename(&self.path, older(&self.path))?;
            *current = Current::open(&self.path)?;
        }
        current.file.write_all(line.as_bytes())?;
        current.bytes = current.bytes.saturating_add(length);
        Ok(())
    }
}

impl Current {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        // It may have been there before, made by others.
        file.set_permissions(Permissions::from_mode(0o600))?;
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes })
    }
}

impl DeadLetter<'_> {
    fn line(&self) -> String {
        let ending = match self.ending {
            Ending::Expired => "expired",
            Ending::Refused => "refused",
            Ending::Stopped => "stopped",
        };
        let mut line = serde_json::json!({
            "at_ms": self.at_ms,
            "event": self.notification.event.to_string(),
            "kind": self.notification.kind.name(),
            "customer": self.notification.customer.as_str(),
            "expires_at_ms": self.notification.expires_at_ms,
            "channel": self.channel,
            "attempts": self.attempts,
            "ending": ending,
            "fault": self.fault.map(|fault| fault.to_string()),
        })
        .to_string();
        line.push('\n');
        line
    }
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{DeadLetter, DeadLetters, Ending, older};
    use crate::notify::{EventId, Fault, Kind, Notification};

    fn notification(number: u8) -> Notification {
        Notification {
            event: EventId::from_parts(1_700_000_000_000, [number; 10]),
            kind: Kind::OpenApp,
            customer: "090-1111-1111".parse().unwrap(),
            expires_at_ms: 1_700_000_060_000,
        }
    }

    fn letter(notification: &Notification) -> DeadLetter<'_> {
        DeadLetter {
            at_ms: 1_700_000_059_000,
            notification,
            channel: "webhook",
            attempts: 7,
            ending: Ending::Expired,
            fault: Some(Fault::Status(503)),
        }
    }

    #[test]
    fn a_letter_says_what_when_and_why_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        std::fs::write(&path, "").unwrap();
        DeadLetters::open(&path, 1 << 20).unwrap().add(&letter(&notification(0))).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            written,
            "{\"at_ms\":1700000059000,\"event\":\"018bcfe5-6800-7000-8000-000000000000\",\
             \"kind\":\"open_app\",\"customer\":\"090-1111-1111\",\
             \"expires_at_ms\":1700000060000,\"channel\":\"webhook\",\"attempts\":7,\
             \"ending\":\"expired\",\"fault\":\"HTTP status 503\"}\n"
        );
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "also of a file that others made");
    }

    #[test]
    fn the_files_stay_within_their_bound_and_keep_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let bound = 4_096;
        for round in 0..2_u8 {
            // Opened again, the file goes on where it ended.
            let letters = DeadLetters::open(&path, bound).unwrap();
            for number in 0..50 {
                letters.add(&letter(&notification(round * 50 + number))).unwrap();
                let bytes = |path| std::fs::metadata(path).map_or(0, |found| found.len());
                assert!(bytes(path.clone()) + bytes(older(&path)) <= bound);
            }
        }
        let kept = std::fs::read_to_string(older(&path)).unwrap()
            + &std::fs::read_to_string(&path).unwrap();
        let newest: Vec<_> = (0..100_u8)
            .map(|number| notification(number).event.to_string())
            .filter(|event| kept.contains(event))
            .collect();
        assert!(newest.len() >= 8 && newest.len() == kept.lines().count(), "{kept}");
        assert_eq!(newest.last().unwrap(), &notification(99).event.to_string());
    }
}
