//! Keeps an upload on disk while it is read twice, so that nobody else can read it.
//!
//! The file has no name, and what it holds is encrypted under a key that only this process has:
//! uploads hold names, addresses and keys of handsets, and their blocks may stay on the disk for
//! long after the file is gone.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, Write};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// So many bytes are encrypted at a time.
const CHUNK: usize = 64 << 10;

/// What is received.
pub(super) struct Spool {
    file: File,
    cipher: LessSafeKey,
    chunk: Zeroizing<Vec<u8>>,
    chunks: u64,
    length: u64,
}

/// What was received.
pub(super) struct Spooled {
    file: File,
    cipher: LessSafeKey,
    length: u64,
}

/// One reading of it, from the start.
pub(super) struct SpoolReader<'a> {
    spooled: &'a mut Spooled,
    chunk: Zeroizing<Vec<u8>>,
    /// How much of the chunk is plain text.
    filled: usize,
    at: usize,
    chunks: u64,
}

fn broken(_: aws_lc_rs::error::Unspecified) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the upload has changed on the disk")
}

/// Every chunk has a number of its own, and every upload a key of its own.
fn nonce(chunk: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    if let Some(place) = nonce.last_chunk_mut() {
        *place = chunk.to_be_bytes();
    }
    Nonce::assume_unique_for_key(nonce)
}

impl Spool {
    /// Opens an unnamed file in `folder`; `key` is drawn for it.
    pub(super) fn create(folder: &Path, key: &[u8; 32]) -> io::Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(broken)?;
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            cipher: LessSafeKey::new(key),
            chunk: Zeroizing::default(),
            chunks: 0,
            length: 0,
        })
    }

    /// Takes more of the upload.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = CHUNK.saturating_sub(self.chunk.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.extend_from_slice(now);
            if self.chunk.len() == CHUNK {
                self.seal()?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// Ends the upload.
    pub(super) fn finish(mut self) -> io::Result<Spooled> {
        if !self.chunk.is_empty() {
            self.seal()?;
        }
        Ok(Spooled { file: self.file, cipher: self.cipher, length: self.length })
    }

    fn seal(&mut self) -> io::Result<()> {
        let plain = u64::try_from(self.chunk.len()).unwrap_or(u64::MAX);
        let sealed = self.cipher.seal_in_place_append_tag(
            nonce(self.chunks),
            Aad::empty(),
            &mut *self.chunk,
        );
        sealed.map_err(broken)?;
        self.file.write_all(&self.chunk)?;
        self.chunk.clear();
        self.chunks = self.chunks.saturating_add(1);
        self.length = self.length.saturating_add(plain);
        Ok(())
    }
}

impl Spooled {
    /// How long the upload is, in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Reads it from the start.
    pub(super) fn read(&mut self) -> io::Result<SpoolReader<'_>> {
        self.file.rewind()?;
        let chunk = Zeroizing::new(Vec::new());
        Ok(SpoolReader { spooled: self, chunk, filled: 0, at: 0, chunks: 0 })
    }
}

impl SpoolReader<'_> {
    fn open_next(&mut self) -> io::Result<()> {
        (self.filled, self.at) = (0, 0);
        self.chunk.clear();
        let whole = u64::try_from(CHUNK.saturating_add(AES_256_GCM.tag_len())).unwrap_or(u64::MAX);
        (&mut self.spooled.file).take(whole).read_to_end(&mut self.chunk)?;
        if self.chunk.is_empty() {
            return Ok(());
        }
        let cipher = &self.spooled.cipher;
        let plain = cipher.open_in_place(nonce(self.chunks), Aad::empty(), &mut self.chunk);
        self.filled = plain.map_err(broken)?.len();
        self.chunks = self.chunks.saturating_add(1);
        Ok(())
    }

    fn rest(&self) -> &[u8] {
        self.chunk.get(self.at..self.filled).unwrap_or_default()
    }
}

impl BufRead for SpoolReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest().is_empty() {
            self.open_next()?;
        }
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount).min(self.filled);
    }
}

impl Read for SpoolReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};

    use super::{CHUNK, Spool, Spooled};

    fn spooled(upload: &[u8], piece: usize) -> Spooled {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(folder.path(), &[7; 32]).unwrap();
        for piece in upload.chunks(piece) {
            spool.write(piece).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
        spool.finish().unwrap()
    }

    fn upload(length: usize) -> Vec<u8> {
        b"id,mobile\n1,090-1234-5678\n".iter().copied().cycle().take(length).collect()
    }

    #[test]
    fn what_was_written_is_read_as_often_as_needed() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            for piece in [1 << 10, CHUNK, usize::MAX] {
                let upload = upload(length);
                let mut spooled = spooled(&upload, piece);
                assert_eq!(spooled.length(), u64::try_from(length).unwrap());
                for _ in 0..2 {
                    let mut read = Vec::new();
                    spooled.read().unwrap().read_to_end(&mut read).unwrap();
                    assert!(read == upload, "{length} bytes in pieces of {piece}");
                }
            }
        }
    }

    #[test]
    fn the_disk_never_sees_the_upload() {
        let mut spooled = spooled(&upload(CHUNK + 100), CHUNK);
        let mut stored = Vec::new();
        spooled.file.rewind().unwrap();
        spooled.file.read_to_end(&mut stored).unwrap();
        assert_eq!(stored.len(), CHUNK + 100 + 2 * 16);
        assert!(!stored.windows(8).any(|part| part == b"090-1234"));
    }

    #[test]
    fn what_has_changed_on_the_disk_is_not_read() {
        let mut spooled = spooled(&upload(100), CHUNK);
        spooled.file.seek(SeekFrom::Start(50)).unwrap();
        spooled.file.write_all(b"x").unwrap();
        let error = spooled.read().unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("changed"), "{error}");
    }
}
