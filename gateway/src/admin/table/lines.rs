//! Lines of a file, with their numbers, none longer than a bound.

use std::io::{self, BufRead};

/// The longest line, and the longest record of several lines, in bytes.
pub(super) const MAX_LINE: usize = 64 << 10;

/// What some programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads line by line.
pub(super) struct LineReader<R> {
    source: R,
    number: u64,
    bytes: u64,
    quotes: usize,
}

/// Whether a line was read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Whole,
    /// It is longer than [`MAX_LINE`]; the reader stands behind it.
    TooLong,
}

impl<R: BufRead> LineReader<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { source, number: 0, bytes: 0, quotes: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes were read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts the double quotes on the line that was read last, all of it.
    pub(super) const fn quotes(&self) -> usize {
        self.quotes
    }

    /// Reads the next line without its end; nothing behind the last one.
    pub(super) fn read(&mut self, line: &mut Vec<u8>) -> io::Result<Option<Fit>> {
        line.clear();
        self.quotes = 0;
        let (mut fit, mut found) = (Fit::Whole, false);
        loop {
            let buffer = self.source.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            found = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            // One more for a carriage return that is no part of the line.
            if line.len().saturating_add(part.len()) <= MAX_LINE.saturating_add(1) {
                line.extend_from_slice(part);
            } else {
                fit = Fit::TooLong;
            }
            let quotes = part.iter().filter(|byte| **byte == b'"').count();
            self.quotes = self.quotes.saturating_add(quotes);
            let used = end.map_or(buffer.len(), |end| end.saturating_add(1));
            self.source.consume(used);
            self.bytes = self.bytes.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
            if end.is_some() {
                break;
            }
        }
        if !found {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        line.pop_if(|last| *last == b'\r');
        Ok(Some(if line.len() > MAX_LINE { Fit::TooLong } else { fit }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{Fit, LineReader, MAX_LINE};

    fn check(file: &[u8], expected: &[(Fit, &str)]) {
        for capacity in [1, 3, 1 << 20] {
            let mut reader = LineReader::new(BufReader::with_capacity(capacity, file));
            let (mut line, mut number) = (Vec::new(), 0);
            for (fit, text) in expected {
                assert_eq!(reader.read(&mut line).unwrap(), Some(*fit));
                number += 1;
                assert_eq!(reader.number(), number);
                if *fit == Fit::Whole {
                    assert_eq!(str::from_utf8(&line).unwrap(), *text);
                }
            }
            assert_eq!(reader.read(&mut line).unwrap(), None);
            assert_eq!(reader.bytes(), u64::try_from(file.len()).unwrap());
        }
    }

    #[test]
    fn lines_end_in_either_way_and_the_last_one_need_not() {
        let whole = |text| (Fit::Whole, text);
        check(b"", &[]);
        check(b"a", &[whole("a")]);
        check(b"a\n", &[whole("a")]);
        check(b"a\r\n\r\nb\rc", &[whole("a"), whole(""), whole("b\rc")]);
        check("\u{feff}a\n\u{feff}b".as_bytes(), &[whole("a"), whole("\u{feff}b")]);
    }

    #[test]
    fn what_is_too_long_is_skipped_without_being_kept() {
        let longest = "x".repeat(MAX_LINE);
        check(format!("{longest}\r\nb").as_bytes(), &[(Fit::Whole, &longest), (Fit::Whole, "b")]);
        let file = format!("a\n{longest}x\nb\n");
        check(file.as_bytes(), &[(Fit::Whole, "a"), (Fit::TooLong, ""), (Fit::Whole, "b")]);
        let file = format!("{longest}\"\"{longest}\"\n");
        check(file.as_bytes(), &[(Fit::TooLong, "")]);
        let mut reader = LineReader::new(file.as_bytes());
        reader.read(&mut Vec::new()).unwrap();
        assert_eq!(reader.quotes(), 3);
    }
}
