//! Records within a batch: length, CRC-32C, contents.

/// What stands before the contents of a record.
pub(crate) const FRAME_BYTES: usize = 8;

/// Fills `out` with one framed record whose contents `write` appends.
///
/// The length saturates: a record that long is refused by its queue long before.
pub(crate) fn frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.clear();
    out.extend_from_slice(&[0; FRAME_BYTES]);
    write(out);
    if let Some((head, contents)) = out.split_first_chunk_mut::<FRAME_BYTES>() {
        let length = u32::try_from(contents.len()).unwrap_or(u32::MAX).to_le_bytes();
        let (first, second) = head.split_at_mut(length.len());
        second.copy_from_slice(&checksum(length, contents));
        first.copy_from_slice(&length);
    }
}

/// Walks over the framed records of a batch; ends with the first that is not whole.
#[derive(Debug, Clone)]
pub(crate) struct Records<'a> {
    rest: &'a [u8],
}

/// Says that a record is cut short or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordFlaw;

impl<'a> Records<'a> {
    pub(crate) const fn new(framed: &'a [u8]) -> Self {
        Self { rest: framed }
    }

    /// How many bytes have not been walked over.
    pub(crate) const fn rest_bytes(&self) -> usize {
        self.rest.len()
    }

    fn split(&self) -> Option<(&'a [u8], &'a [u8])> {
        let (length, behind) = self.rest.split_first_chunk::<4>()?;
        let (sum, behind) = behind.split_first_chunk::<4>()?;
        let bytes = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (contents, rest) = behind.split_at_checked(bytes)?;
        (checksum(*length, contents) == *sum).then_some((contents, rest))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<&'a [u8], RecordFlaw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(match self.split() {
            Some((contents, rest)) => {
                self.rest = rest;
                Ok(contents)
            }
            None => Err(RecordFlaw),
        })
    }
}

/// The checksum of a frame: over length and contents.
pub(crate) fn checksum(length: [u8; 4], contents: &[u8]) -> [u8; 4] {
    crc32c::crc32c_append(crc32c::crc32c(&length), contents).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back_and_every_changed_bit_is_seen() {
        let mut bytes = Vec::new();
        let mut scratch = Vec::new();
        for contents in [b"first".as_slice(), b"", b"third"] {
            frame(&mut scratch, |out| out.extend_from_slice(contents));
            bytes.extend_from_slice(&scratch);
        }
        let read: Vec<_> = Records::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(read, [b"first".as_slice(), b"", b"third"]);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Records::new(&changed).take(4).any(|record| record.is_err()), "bit {bit}");
        }
    }
}
