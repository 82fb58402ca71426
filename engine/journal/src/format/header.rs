//! The header of a batch.

use kessai_engine::Lsn;

use crate::format::chain::Link;
use crate::format::{BLOCK_BYTES, blocks_up, wide};

/// The length of a header.
pub(crate) const HEADER_BYTES: usize = 96;

/// The format written here, and the only one read: 2 since records tell of codes, parts, refunds,
/// policies and foreign prices, 3 since a batch tells of how many copies it is one, and where it stands.
pub(crate) const VERSION: u16 = 3;

const MAGIC: [u8; 8] = *b"kessaijr";
const CHECKED_BYTES: usize = 92;

/// What a header says, but for the hash of its own batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// To how many copies the batch was written. Nothing behind it was begun before it was durable
    /// in all of them.
    pub(crate) copies: u16,
    pub(crate) count: u32,
    pub(crate) segment: u64,
    pub(crate) epoch: u64,
    pub(crate) first: Lsn,
    /// Header and records, without the zeros behind.
    pub(crate) bytes: u32,
    pub(crate) segment_blocks: u32,
    pub(crate) previous: Link,
    /// Where in the segment the batch stands, in blocks: a disk that writes elsewhere is found out.
    pub(crate) block: u32,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFlaw {
    /// Not the bytes of a header, or some of them changed.
    Broken,
    /// A whole header of another version.
    Version(u16),
}

impl Header {
    /// Encodes the header with its batch's hash and the checksum.
    pub(crate) fn encode(&self, link: Link) -> [u8; HEADER_BYTES] {
        let mut out = self.fields(link);
        let (checked, checksum) = out.split_at_mut(CHECKED_BYTES);
        checksum.copy_from_slice(&crc32c::crc32c(checked).to_le_bytes());
        out
    }

    /// Encodes the header as it is hashed: hash and checksum at zero.
    pub(crate) fn unsealed(&self) -> [u8; HEADER_BYTES] {
        self.fields(Link::FIRST)
    }

    /// Reads the header and the hash of its batch from the start of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, Link), HeaderFlaw> {
        let raw = bytes.first_chunk::<HEADER_BYTES>().ok_or(HeaderFlaw::Broken)?;
        let mut fields = Reader(raw);
        let magic = fields.take::<8>();
        let version = u16::from_le_bytes(fields.take());
        let mut header = Self {
            copies: u16::from_le_bytes(fields.take()),
            count: u32::from_le_bytes(fields.take()),
            segment: u64::from_le_bytes(fields.take()),
            epoch: u64::from_le_bytes(fields.take()),
            first: Lsn(u64::from_le_bytes(fields.take())),
            bytes: u32::from_le_bytes(fields.take()),
            segment_blocks: u32::from_le_bytes(fields.take()),
            previous: Link(fields.take()),
            block: 0,
        };
        let link = Link(fields.take());
        header.block = u32::from_le_bytes(fields.take());
        // Encoding it again checks magic, version, zeros and checksum in one comparison.
        if header.encode(link) == *raw {
            return Ok((header, link));
        }
        let (checked, checksum) = raw.split_at(CHECKED_BYTES);
        let whole = magic == MAGIC && checksum == crc32c::crc32c(checked).to_le_bytes();
        Err(if whole && version != VERSION {
            HeaderFlaw::Version(version)
        } else {
            HeaderFlaw::Broken
        })
    }

    /// The length of header, records and the zeros behind; none if it can be no batch.
    pub(crate) fn padded_bytes(&self) -> Option<usize> {
        let bytes = usize::try_from(self.bytes).ok()?;
        (bytes >= HEADER_BYTES).then(|| blocks_up(bytes))
    }

    /// Where in the segment the batch stands.
    pub(crate) fn offset(&self) -> u64 {
        u64::from(self.block).saturating_mul(wide(BLOCK_BYTES))
    }

    /// The length of the segment.
    pub(crate) fn segment_bytes(&self) -> u64 {
        u64::from(self.segment_blocks).saturating_mul(wide(BLOCK_BYTES))
    }

    fn fields(&self, link: Link) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let mut fields = Fields(&mut out);
        fields.put(&MAGIC);
        fields.put(&VERSION.to_le_bytes());
        fields.put(&self.copies.to_le_bytes());
        fields.put(&self.count.to_le_bytes());
        fields.put(&self.segment.to_le_bytes());
        fields.put(&self.epoch.to_le_bytes());
        fields.put(&self.first.0.to_le_bytes());
        fields.put(&self.bytes.to_le_bytes());
        fields.put(&self.segment_blocks.to_le_bytes());
        fields.put(&self.previous.0);
        fields.put(&link.0);
        fields.put(&self.block.to_le_bytes());
        out
    }
}

/// Writes one field after another.
struct Fields<'a>(&'a mut [u8]);

impl Fields<'_> {
    /// # Panics
    /// If the fields are longer than the header: their lengths are constants.
    fn put(&mut self, field: &[u8]) {
        let (place, rest) = std::mem::take(&mut self.0).split_at_mut(field.len());
        place.copy_from_slice(field);
        self.0 = rest;
    }
}

/// Reads one field after another.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// # Panics
    /// If the fields are longer than the header: their lengths are constants.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_at(N);
        self.0 = rest;
        let mut out = [0; N];
        out.copy_from_slice(field);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        copies: 2,
        count: 2,
        segment: 3,
        epoch: 4,
        first: Lsn(5),
        bytes: 600,
        segment_blocks: 7,
        previous: Link([8; 16]),
        block: 6,
    };

    #[test]
    fn a_header_reads_back_and_every_changed_bit_is_seen() {
        let link = Link([9; 16]);
        let bytes = HEADER.encode(link);
        assert_eq!(Header::decode(&bytes), Ok((HEADER, link)));
        for bit in 0..HEADER_BYTES * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&changed), Err(HeaderFlaw::Broken), "bit {bit}");
        }
        assert_eq!(Header::decode(&bytes[..HEADER_BYTES - 1]), Err(HeaderFlaw::Broken));
    }

    #[test]
    fn a_whole_header_of_another_version_is_named() {
        let mut bytes = HEADER.encode(Link::FIRST);
        bytes[8..10].copy_from_slice(&7_u16.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(HeaderFlaw::Version(7)));
    }
}
