//! What a kept spill consists of, so that no part of it is missing or otherwise without being told.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{SpillError, name};

/// The file that is written last: where it is, all is.
const FILE: &str = "index.json";

/// The version of the files.
const VERSION: u32 = 1;

/// The parts that there are, each with the digest of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    version: u32,
    /// BLAKE3, in hexadecimal, by the number of the part.
    digests: BTreeMap<u8, String>,
}

impl Default for Index {
    fn default() -> Self {
        Self { version: VERSION, digests: BTreeMap::new() }
    }
}

impl Index {
    /// Reads what a folder should have.
    pub(super) fn read(folder: &Path) -> Result<Self, SpillError> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(SpillError::Read { path, source }),
        };
        let damaged = |problem| SpillError::Damaged { path: path.clone(), problem };
        let index: Self =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if index.version == VERSION {
            Ok(index)
        } else {
            Err(damaged(format!("version {} is not known here", index.version)))
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), SpillError> {
        let path = folder.join(FILE);
        let json = serde_json::to_string(self).map_err(std::io::Error::from);
        let written = json.and_then(|json| fs::write(&path, json + "\n"));
        written.map_err(|source| SpillError::Write { path, source })
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = u8> {
        self.digests.keys().copied()
    }

    pub(super) fn add(&mut self, part: u8, bytes: &[u8]) {
        self.digests.insert(part, digest(bytes));
    }

    /// Checks that a part is as it was written.
    pub(super) fn check(&self, part: u8, path: &Path, bytes: &[u8]) -> Result<(), SpillError> {
        if self.digests.get(&part) == Some(&digest(bytes)) {
            return Ok(());
        }
        let problem = format!("part {} is not what was written", name(part));
        Err(SpillError::Damaged { path: path.to_owned(), problem })
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
