//! Secrets from files that nobody but their owner may read.

use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::NotifyError;
use crate::private::{self, Unfit};

/// No secret is longer; a wrong path must not read a disk into memory.
const MOST_BYTES: u64 = 4_096;

/// What a secret file holds. It has no `Debug`: there is nothing to show.
pub(super) struct Secret {
    path: PathBuf,
    text: Zeroizing<String>,
}

impl Secret {
    /// Reads a file, and refuses it if others than its owner may.
    pub(super) fn read(path: &Path) -> Result<Self, NotifyError> {
        let failed = |source| NotifyError::File { path: path.to_owned(), source };
        let file = private::open(path).map_err(|unfit| match unfit {
            Unfit::File(source) => failed(source),
            Unfit::Exposed => NotifyError::Exposed(path.to_owned()),
        })?;
        let mut text = Zeroizing::new(String::new());
        file.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Lends the content without the last line's end.
    pub(super) fn text(&self) -> &str {
        self.text.trim_end_matches(['\r', '\n'])
    }

    /// Says that the file does not hold what it should.
    pub(super) fn malformed(&self, what: &'static str) -> NotifyError {
        NotifyError::Malformed { path: self.path.clone(), what }
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self { path: PathBuf::from("secret"), text: Zeroizing::new(text.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::Secret;
    use crate::notify::NotifyError;

    #[test]
    fn a_secret_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("webhook.secret");
        assert!(matches!(Secret::read(&path), Err(NotifyError::File { .. })));
        std::fs::write(&path, "open sesame\n").unwrap();
        for (mode, ours) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            match Secret::read(&path) {
                Ok(secret) => assert!(ours && secret.text() == "open sesame", "{mode:o}"),
                Err(error) => {
                    assert!(!ours && matches!(error, NotifyError::Exposed(_)), "{mode:o}: {error}");
                }
            }
        }
    }
}
