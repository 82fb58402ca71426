//! Reads and writes the text of a file: a heading, lines of a name and a value, a key.

use std::fmt::{Display, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::files::FileError;
use crate::keys::{KeyError, PeerKey};

/// Writes a file's text.
pub(super) struct Writer(Zeroizing<String>);

impl Writer {
    pub(super) fn new(heading: &str) -> Self {
        // Room for all of it: a text that grows leaves its secrets behind.
        let mut text = Zeroizing::new(String::with_capacity(2048));
        text.push_str(heading);
        text.push('\n');
        Self(text)
    }

    pub(super) fn line(mut self, name: &str, value: impl Display) -> Self {
        // Writing to a text cannot fail.
        writeln!(self.0, "{name} {value}").ok();
        self
    }

    pub(super) fn secret(self, name: &str, value: &[u8]) -> Self {
        let digits = Zeroizing::new(hex::encode(value));
        self.line(name, digits.as_str())
    }

    pub(super) fn text(self) -> Zeroizing<String> {
        self.0
    }

    pub(super) fn key(mut self, key: &PeerKey) -> Result<Zeroizing<String>, KeyError> {
        self.0.push_str(&key.to_pem()?);
        Ok(self.0)
    }
}

/// Reads a file's text from the top.
pub(super) struct Reader<'text> {
    path: &'text Path,
    rest: &'text str,
}

impl<'text> Reader<'text> {
    pub(super) fn new(
        path: &'text Path,
        text: &'text str,
        heading: &str,
    ) -> Result<Self, FileError> {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let reader = Self { path, rest };
        if first == heading { Ok(reader) } else { Err(reader.malformed("first line")) }
    }

    fn malformed(&self, part: &'static str) -> FileError {
        FileError::Malformed { path: self.path.to_owned(), part }
    }

    /// Takes the next line, which must have this name.
    pub(super) fn line<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, FileError> {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        let value = line.strip_prefix(name).and_then(|value| value.strip_prefix(' '));
        let value = value.and_then(parse).ok_or_else(|| self.malformed(name))?;
        self.rest = rest;
        Ok(value)
    }

    pub(super) fn bytes<const N: usize>(
        &mut self,
        name: &'static str,
    ) -> Result<[u8; N], FileError> {
        self.line(name, |digits| {
            let mut bytes = [0; N];
            hex::decode_to_slice(digits, &mut bytes).ok().map(|()| bytes)
        })
    }

    /// Takes the key, which is the rest.
    pub(super) fn key(self) -> Result<PeerKey, FileError> {
        PeerKey::from_pem(self.rest).map_err(|_| self.malformed("private key"))
    }
}
