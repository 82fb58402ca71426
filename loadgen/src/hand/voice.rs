//! Says lines to a person, or to a test.

use std::fmt::Display;
use std::io::Write;

/// Writes lines, each at once.
pub(super) struct Voice<W> {
    out: W,
}

impl<W: Write> Voice<W> {
    pub(super) const fn new(out: W) -> Self {
        Self { out }
    }

    /// Says one line, or more.
    pub(super) fn say(&mut self, text: impl Display) {
        // A reader who has gone is no reason to fail: a payment may be under way.
        drop(writeln!(self.out, "{text}").and_then(|()| self.out.flush()));
    }
}

#[cfg(test)]
impl Voice<Vec<u8>> {
    /// Takes what has been said since.
    pub(super) fn taken(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.out)).unwrap()
    }
}
