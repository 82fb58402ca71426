//! The header and the trailer of a snapshot.

use std::io;

use kessai_engine::Lsn;

pub(super) const VERSION: u16 = 1;
pub(super) const HEADER_BYTES: usize = 24;
pub(super) const TRAILER_BYTES: usize = 68;
/// What of the trailer is under the hash.
pub(super) const HASHED_BYTES: usize = 32;

const HEADER_MAGIC: [u8; 8] = *b"kessaisn";
const TRAILER_MAGIC: [u8; 8] = *b"kessaise";

/// What is wrong with a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFlaw {
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It does not start as a snapshot does, or that part of it has changed.
    #[error("its header is broken")]
    Header,
    /// Another version of the program wrote it.
    #[error("it has format version {0}; this program reads version 1")]
    Version(u16),
    /// Its header names another LSN than its name.
    #[error("it is the snapshot of {}", .0.0)]
    OtherLsn(Lsn),
    /// It does not end as a snapshot does: it was cut, or that part of it has changed.
    #[error("its trailer is broken, perhaps because its end is missing")]
    Trailer,
    /// It is longer or shorter than its trailer says.
    #[error("it should be {expected} bytes long and is {found}")]
    Length {
        /// What the trailer says.
        expected: u64,
        /// What the medium says.
        found: u64,
    },
    /// The checksum of a chunk fails.
    #[error("the chunk at offset {offset} is broken")]
    Chunk {
        /// Where it begins.
        offset: u64,
    },
    /// It holds more or fewer chunks than its trailer says.
    #[error("it should hold {expected} chunks and holds {found}")]
    Chunks {
        /// What the trailer says.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// All checksums are right, the keyed hash is not.
    #[error(
        "it was changed without the chain key, or written under another: its checksums are right, its hash is not"
    )]
    Hash,
}

/// What a trailer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) chunks: u64,
    /// The length of the file.
    pub(super) bytes: u64,
    /// What the journal must have durable.
    pub(super) reaches: Lsn,
}

/// Encodes a header.
pub(super) fn header(replay_after: Lsn) -> Vec<u8> {
    header_of(VERSION, replay_after)
}

fn header_of(version: u16, replay_after: Lsn) -> Vec<u8> {
    let mut out = HEADER_MAGIC.to_vec();
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&replay_after.0.to_le_bytes());
    sealed(out)
}

/// Reads the header of a file whose name says `replay_after`.
pub(super) fn check_header(bytes: &[u8], replay_after: Lsn) -> Result<(), SnapshotFlaw> {
    let mut fields = bytes;
    let version = take(&mut fields).filter(|magic| *magic == HEADER_MAGIC);
    let version = version.and_then(|_| take(&mut fields)).map(u16::from_le_bytes);
    let _zero = take::<2>(&mut fields);
    let lsn = take(&mut fields).map(u64::from_le_bytes);
    let (Some(version), Some(lsn)) = (version, lsn) else {
        return Err(SnapshotFlaw::Header);
    };
    // Encoding it again checks zeros and checksum in one comparison.
    if header_of(version, Lsn(lsn)) != bytes {
        Err(SnapshotFlaw::Header)
    } else if version != VERSION {
        Err(SnapshotFlaw::Version(version))
    } else if Lsn(lsn) != replay_after {
        Err(SnapshotFlaw::OtherLsn(Lsn(lsn)))
    } else {
        Ok(())
    }
}

impl Trailer {
    /// Encodes what of the trailer is hashed.
    pub(super) fn hashed(&self) -> Vec<u8> {
        let mut out = TRAILER_MAGIC.to_vec();
        for field in [self.chunks, self.bytes, self.reaches.0] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out
    }

    /// Encodes the trailer with the hash.
    pub(super) fn encode(&self, hash: [u8; 32]) -> Vec<u8> {
        let mut out = self.hashed();
        out.extend_from_slice(&hash);
        sealed(out)
    }

    /// Reads a trailer and the hash in it.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, [u8; 32]), SnapshotFlaw> {
        let mut fields = bytes;
        let _magic = take::<8>(&mut fields);
        let mut number = || take(&mut fields).map(u64::from_le_bytes);
        let numbers = (number(), number(), number());
        let ((Some(chunks), Some(bytes_said), Some(reaches)), Some(hash)) =
            (numbers, take(&mut fields))
        else {
            return Err(SnapshotFlaw::Trailer);
        };
        let trailer = Self { chunks, bytes: bytes_said, reaches: Lsn(reaches) };
        if trailer.encode(hash) == bytes { Ok((trailer, hash)) } else { Err(SnapshotFlaw::Trailer) }
    }
}

/// Appends the checksum of all that is there.
fn sealed(mut out: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c::crc32c(&out).to_le_bytes();
    out.extend_from_slice(&checksum);
    out
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*field)
}
