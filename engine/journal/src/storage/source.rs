//! Where a journal is read from, by its owner or by an onlooker.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::directory::{existing, segment_path};
use crate::storage::{Place, Segment, Storage};

/// How often a list that changes is taken anew.
const MOST_LISTS: usize = 100;

/// Gives the bytes of segments. Every storage does.
pub trait Source: fmt::Debug + Send {
    /// Lists the segments in rising order.
    ///
    /// # Errors
    /// What the medium says.
    fn list(&mut self) -> io::Result<Vec<Segment>>;

    /// Fills `into` with the bytes at `place`.
    ///
    /// # Errors
    /// What the medium says; [`ErrorKind::NotFound`] if there is no such segment,
    /// [`ErrorKind::UnexpectedEof`] behind its end.
    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()>;
}

impl<S: Storage> Source for S {
    fn list(&mut self) -> io::Result<Vec<Segment>> {
        self.segments()
    }

    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.read(place, into)
    }
}

impl Source for Box<dyn Source> {
    fn list(&mut self) -> io::Result<Vec<Segment>> {
        self.as_mut().list()
    }

    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.as_mut().fill(place, into)
    }
}

/// The segments in a directory as they are: neither locked nor synced nor changed, and perhaps
/// written to by their owner meanwhile.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    reading: Option<(u64, File)>,
}

impl Directory {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), reading: None }
    }

    fn once(&self) -> io::Result<Vec<Segment>> {
        let mut found = Vec::new();
        for number in existing(&self.path)? {
            match fs::metadata(segment_path(&self.path, number)) {
                Ok(metadata) => found.push(Segment { number, bytes: metadata.len() }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_by_key(|segment| segment.number);
        Ok(found)
    }
}

impl Source for Directory {
    fn list(&mut self) -> io::Result<Vec<Segment>> {
        // A segment may be removed and another made under the same name.
        self.reading = None;
        // While names come and go a list can have holes; it is believed once it comes out twice.
        let mut before = self.once()?;
        for _ in 0..MOST_LISTS {
            let now = self.once()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
        Err(io::Error::other("the segments keep changing"))
    }

    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        let (number, file) = match self.reading.take() {
            Some((number, file)) if number == place.segment => (number, file),
            _ => (place.segment, File::open(segment_path(&self.path, place.segment))?),
        };
        self.reading.insert((number, file)).1.read_exact_at(into, place.offset)
    }
}

/// Opens ways to read what a storage keeps, beside its owner and from any thread.
#[derive(Clone)]
pub struct Readers(Arc<dyn Fn() -> Box<dyn Source> + Send + Sync>);

impl Readers {
    /// Opens each as `open` does.
    #[must_use]
    pub fn new<S: Source + 'static>(open: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Box::new(open())))
    }

    /// Has the other one read wherever this one cannot.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::new(move || Either(self.open(), other.open()))
    }

    /// Opens one more way.
    #[must_use]
    pub fn open(&self) -> Box<dyn Source> {
        (self.0)()
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readers(..)")
    }
}

/// The first of two copies that can be read.
#[derive(Debug)]
struct Either(Box<dyn Source>, Box<dyn Source>);

impl Source for Either {
    fn list(&mut self) -> io::Result<Vec<Segment>> {
        self.0.list().or_else(|_| self.1.list())
    }

    fn fill(&mut self, place: Place, into: &mut [u8]) -> io::Result<()> {
        self.0.fill(place, into).or_else(|_| self.1.fill(place, into))
    }
}
