//! The data directory and what comes to life from it: engine and journal.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kessai_engine::{Corrupt, Engine, Entry, Layout, Lsn};
use kessai_journal::{
    ChainKey, Journal, JournalOptions, OpenError, Recovered, VisitError, WriterPriority,
};
use serde::{Deserialize, Serialize};

use crate::entropy::{Entropy, draw};
use crate::keys::Keys;
use crate::losses::{Losses, LossesError};
use crate::settings::{Priority, Settings};

pub(crate) mod beside;
mod progress;
pub(crate) mod shelf;

pub(crate) use beside::Kept;
pub use progress::{Progress, Stage, Watch};
pub(crate) use shelf::Shelf;

/// How a new data directory is laid out.
const SHARDS: u16 = 256;

/// Says how the state in a data directory is laid out; written once.
const LAYOUT: &str = "layout.toml";

/// Holds the journal's segments.
pub(crate) const JOURNAL: &str = "journal";

/// Finds the journal in a data directory, or takes the directory for the journal's own.
#[must_use]
pub fn journal_in(directory: &Path) -> PathBuf {
    let inside = directory.join(JOURNAL);
    if inside.is_dir() { inside } else { directory.to_owned() }
}

/// Finds the archive in a data directory.
#[must_use]
pub fn archive_in(data: &Path) -> PathBuf {
    data.join(beside::ARCHIVE)
}

/// Why a data directory cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no data directory.
    #[error("{0} is not there: no Kessai data directory; `kessai init DIR` makes one")]
    Missing(PathBuf),
    /// The layout makes no sense.
    #[error("{path}: {problem}")]
    Layout {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// What is known to be lost cannot be read.
    #[error(transparent)]
    Losses(#[from] LossesError),
    /// A snapshot is as it was written, and cannot be loaded.
    #[error("{path}: {source}; without it, the one before is loaded")]
    Snapshot {
        /// Which folder.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<VisitError>,
    },
    /// The journal ends before what a snapshot has.
    #[error(
        "{path} ends with record {}, but the snapshot has what was decided until record {}: the \
         journal was cut, or replaced by an older copy", .ends.0, .needed.0
    )]
    Cut {
        /// Which folder.
        path: PathBuf,
        /// The last record that it holds.
        ends: Lsn,
        /// The last record that it must hold.
        needed: Lsn,
    },
    /// The journal cannot be opened.
    #[error("{path}: {source}{}", hint(source))]
    Journal {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: Box<OpenError>,
    },
}

/// What an operator can look at.
fn hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::WrongKey(_) => "; is the first sealing key the one it was made with?",
        OpenError::Options(_)
        | OpenError::InUse(_)
        | OpenError::Storage { .. }
        | OpenError::Corrupt(_)
        | OpenError::Diverged(_)
        | OpenError::CorruptInBoth(_)
        | OpenError::Mirror(_)
        | OpenError::Version { .. }
        | OpenError::Missing { .. }
        | OpenError::Decode { .. }
        | OpenError::Replay { .. }
        | OpenError::Failed(_) => "",
    }
}

/// The layout file. The seed is no secret of its own: it keeps shards from being aimed at.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayoutFile {
    format: u32,
    shards: u16,
    seed: String,
}

/// An engine with its journal.
#[derive(Debug)]
pub struct Node {
    engine: Arc<Engine>,
    journal: Journal,
    recovered: Option<Recovered>,
    losses: Losses,
    kept: Option<Kept>,
}

impl Node {
    /// Makes a data directory for [`Node::open`].
    ///
    /// # Errors
    /// [`NodeError::File`] if it is there already or cannot be written.
    pub fn create(settings: &Settings, entropy: &dyn Entropy) -> Result<(), NodeError> {
        let file = LayoutFile { format: 1, shards: SHARDS, seed: hex::encode(draw::<16>(entropy)) };
        let path = settings.data.join(LAYOUT);
        let write = || {
            std::fs::create_dir_all(settings.data.join(JOURNAL))?;
            let mut layout = std::fs::File::create_new(&path)?;
            let text = toml::to_string(&file).map_err(std::io::Error::other)?;
            layout.write_all(text.as_bytes())?;
            layout.sync_all()?;
            std::fs::File::open(&settings.data)?.sync_all()
        };
        write().map_err(|source| NodeError::File { path: path.clone(), source })
    }

    /// Recovers what the data directory holds, and takes it for this process alone.
    ///
    /// # Errors
    /// [`NodeError`], naming the file and what is wrong; nothing has changed then.
    pub fn open(
        settings: &Settings,
        keys: &Keys,
        entropy: &dyn Entropy,
    ) -> Result<Self, NodeError> {
        Self::open_watched(settings, keys, entropy, &mut |_| {})
    }

    /// The same, telling how far it has come.
    ///
    /// # Errors
    /// As [`Node::open`].
    pub fn open_watched(
        settings: &Settings,
        keys: &Keys,
        entropy: &dyn Entropy,
        watch: &mut Watch<'_>,
    ) -> Result<Self, NodeError> {
        let layout = read_layout(&settings.data)?;
        let map_seed = u64::from_le_bytes(draw(entropy));
        let engine = Engine::new(settings.rules(), layout, keys.keyring(), map_seed);
        let path = settings.data.join(JOURNAL);
        // A journal that is gone must not be mistaken for one that is new.
        if !path.is_dir() {
            return Err(NodeError::Missing(path));
        }
        let losses = Losses::open(&settings.data)?;
        let chain_key = ChainKey(*keys.chain_key());
        let (snapshots, loaded) = beside::load(&settings.data, &chain_key, &engine, watch)?;
        let options = JournalOptions {
            first_epoch: losses.first_epoch(),
            replay_from: Lsn(loaded.replay_after.0.saturating_add(1)),
            ..journal_options(settings)
        };
        let mut progress = progress::Replay::of(&path, options.replay_from);
        let replay = |_: Lsn, entry: Entry| {
            progress.step(watch);
            engine.replay(&entry).map_err(Box::<Corrupt>::new)
        };
        let mirror = settings.journal.mirror();
        let opened = Journal::open(&path, mirror, &options, chain_key.clone(), replay);
        if mirror.is_some_and(|mirror| are_on_one_disk(&path, mirror)) {
            tracing::warn!(
                "the journal and its mirror are on one disk: is the other one mounted? One disk \
                 that fails takes both"
            );
        }
        let (journal, recovered) = opened.map_err(|source| NodeError::Journal {
            path: path.clone(),
            source: Box::new(source),
        })?;
        let ends = Lsn(recovered.records.end.0.saturating_sub(1));
        if ends < loaded.reaches {
            return Err(NodeError::Cut { path, ends, needed: loaded.reaches });
        }
        engine.recovered_upto(ends);
        let kept = Some(Kept::open(&settings.data, snapshots, loaded, chain_key, &recovered));
        let (engine, recovered) = (Arc::new(engine), Some(recovered));
        Ok(Self { engine, journal, recovered, losses, kept })
    }

    /// Puts an engine and the journal that it was recovered from together, wherever that is kept.
    /// Of what is lost nothing is known, and nothing is kept.
    #[must_use]
    pub fn on(engine: Arc<Engine>, journal: Journal, recovered: Recovered) -> Self {
        let losses = Losses::volatile();
        Self { engine, journal, recovered: Some(recovered), losses, kept: None }
    }

    /// Makes an empty engine that remembers nothing, for tests and benches.
    #[must_use]
    pub fn volatile(settings: &Settings, keys: &Keys, entropy: &dyn Entropy) -> Self {
        #[expect(clippy::expect_used, reason = "the default is a power of two")]
        let layout = Layout::new(SHARDS, draw(entropy)).expect("a layout of 256 shards");
        let map_seed = u64::from_le_bytes(draw(entropy));
        let engine = Engine::new(settings.rules(), layout, keys.keyring(), map_seed);
        let engine = Arc::new(engine);
        let losses = Losses::volatile();
        Self { engine, journal: Journal::volatile(), recovered: None, losses, kept: None }
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What is known to be lost.
    pub(crate) const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// What was found in the journal, if there is one.
    #[must_use]
    pub const fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
    }

    /// What lies beside the journal; none if that is not on disk.
    pub(crate) const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// The archive, if it is on disk.
    pub(crate) fn shelf(&self) -> Shelf {
        self.kept.as_ref().map(|kept| kept.shelf().clone()).unwrap_or_default()
    }

    /// Behind which record the journal was replayed: all before was loaded from a snapshot.
    #[must_use]
    pub fn replayed_after(&self) -> Lsn {
        self.kept.as_ref().map_or(Lsn::NONE, Kept::replay_after)
    }
}

/// Says whether two folders are known to be on one file system.
fn are_on_one_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| path.metadata().map(|found| found.dev()).ok();
    device(one).is_some_and(|one| device(other) == Some(one))
}

fn read_layout(data: &Path) -> Result<Layout, NodeError> {
    let path = data.join(LAYOUT);
    let text = std::fs::read_to_string(&path).map_err(|source| {
        if source.kind() == std::io::ErrorKind::NotFound {
            NodeError::Missing(data.to_owned())
        } else {
            NodeError::File { path: path.clone(), source }
        }
    })?;
    let wrong = |problem: String| NodeError::Layout { path: path.clone(), problem };
    let file: LayoutFile =
        toml::from_str(&text).map_err(|error| wrong(error.message().replace('\n', "; ")))?;
    if file.format != 1 {
        return Err(wrong(format!("format {} is not known to this version", file.format)));
    }
    let mut seed = [0; 16];
    hex::decode_to_slice(&file.seed, &mut seed)
        .map_err(|_| wrong("the seed must be 32 hexadecimal digits".to_owned()))?;
    Layout::new(file.shards, seed)
        .ok_or_else(|| wrong("shards must be a power of two up to 4096".to_owned()))
}

fn journal_options(settings: &Settings) -> JournalOptions {
    let journal = &settings.journal;
    let defaults = JournalOptions::default();
    let segment_bytes = u64::from(journal.segment_mib) << 20;
    // A whole queue is written as one batch, which must fit into a segment.
    let queue_bytes = usize::try_from(segment_bytes / 2).unwrap_or(usize::MAX);
    JournalOptions {
        segment_bytes,
        queue_records: journal.queue,
        queue_bytes: queue_bytes.min(defaults.queue_bytes),
        gather: journal.gather,
        priority: match journal.priority {
            Priority::Realtime => WriterPriority::Realtime,
            Priority::Normal => WriterPriority::Normal,
        },
        ..defaults
    }
}

#[cfg(test)]
mod tests {
    use kessai_journal::OpenError;
    use tempfile::TempDir;

    use super::{LAYOUT, Node, NodeError, journal_options};
    use crate::entropy::SystemEntropy;
    use crate::init::init;
    use crate::keys::Keys;
    use crate::settings::Settings;

    fn made() -> (TempDir, Settings, Keys) {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::load(&init(folder.path(), &SystemEntropy).unwrap()).unwrap();
        settings.journal.segment_mib = 1;
        let keys = Keys::load(&settings.keys).unwrap();
        (folder, settings, keys)
    }

    fn failure(settings: &Settings, keys: &Keys) -> NodeError {
        Node::open(settings, keys, &SystemEntropy).unwrap_err()
    }

    #[test]
    fn every_segment_length_that_can_be_set_can_be_used() {
        let mut settings = Settings::default();
        for mib in [1, 2, 16, 17, 64, 1_024] {
            settings.journal.segment_mib = mib;
            assert_eq!(journal_options(&settings).check(), Ok(()), "{mib} MiB");
        }
    }

    #[test]
    fn a_layout_that_makes_no_sense_is_named() {
        let seed = "00".repeat(16);
        for (text, told) in [
            (format!("format = 2\nshards = 256\nseed = \"{seed}\"\n"), "format 2"),
            (format!("format = 1\nshards = 100\nseed = \"{seed}\"\n"), "power of two"),
            (format!("format = 1\nshards = 256\nseed = \"{}\"\n", &seed[1..]), "seed"),
            (format!("format = 1\nshards = 256\nseed = \"{seed}\"\nmore = 1\n"), "more"),
            ("format = 1".to_owned(), "shards"),
            ("?".to_owned(), "layout.toml"),
        ] {
            let (_folder, settings, keys) = made();
            std::fs::write(settings.data.join(LAYOUT), text).unwrap();
            let error = failure(&settings, &keys).to_string();
            assert!(error.contains(told) && error.contains(LAYOUT), "{error}");
        }
    }

    #[test]
    fn a_missing_data_directory_or_journal_is_named_and_not_made_anew() {
        let (_folder, settings, keys) = made();
        std::fs::remove_dir_all(settings.data.join("journal")).unwrap();
        let error = failure(&settings, &keys).to_string();
        assert!(error.contains("journal") && error.contains("kessai init"), "{error}");
        std::fs::remove_dir_all(&settings.data).unwrap();
        let error = failure(&settings, &keys);
        assert!(matches!(&error, NodeError::Missing(path) if *path == settings.data), "{error}");
        assert!(!settings.data.exists());
    }

    #[test]
    fn a_data_directory_in_use_is_named_as_such() {
        let (_folder, settings, keys) = made();
        let node = Node::open(&settings, &keys, &SystemEntropy).unwrap();
        let error = failure(&settings, &keys);
        assert!(error.to_string().contains("in use by another process"), "{error}");
        drop(node);
        Node::open(&settings, &keys, &SystemEntropy).unwrap();
    }

    #[test]
    fn another_sealing_key_is_named_and_changes_nothing() {
        let (_folder, settings, keys) = made();
        drop(Node::open(&settings, &keys, &SystemEntropy).unwrap());
        let other = tempfile::tempdir().unwrap();
        Keys::create(other.path(), &SystemEntropy).unwrap();
        let error = failure(&settings, &Keys::load(other.path()).unwrap());
        let NodeError::Journal { source, .. } = &error else { panic!("{error}") };
        assert!(matches!(**source, OpenError::WrongKey(_)), "{error}");
        assert!(error.to_string().contains("sealing key"), "{error}");
        Node::open(&settings, &keys, &SystemEntropy).unwrap();
    }

    #[test]
    fn a_data_directory_is_never_made_over_another() {
        let (_folder, settings, _keys) = made();
        let before = std::fs::read(settings.data.join(LAYOUT)).unwrap();
        let error = Node::create(&settings, &SystemEntropy).unwrap_err();
        assert!(matches!(error, NodeError::File { .. }), "{error}");
        assert_eq!(std::fs::read(settings.data.join(LAYOUT)).unwrap(), before);
    }
}
