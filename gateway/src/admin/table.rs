//! Reads a table, row by row: CSV with a heading, or JSON Lines.
//!
//! Every line has a number and is bounded. What is wrong with one is said without repeating what
//! stands there, and leaves those after it alone.

mod json;
mod lines;
mod row;
mod separated;

use std::io::{self, BufRead};

pub(super) use row::{Column, Row, bytes, key_pin, number};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// RFC 4180, with a heading.
    Csv,
    /// One object a line.
    JsonLines,
}

/// Reads row by row.
pub(super) enum Rows<R> {
    Csv(Box<separated::Rows<R>>),
    JsonLines(json::Rows<R>),
}

/// What is wrong with a line, and which it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) line: u64,
    pub(super) problem: String,
}

/// On which line a row begins, and whether it could be read.
pub(super) type Numbered = (u64, Result<(), String>);

impl<R: BufRead> Rows<R> {
    /// Begins a file, whose heading may be wrong.
    pub(super) fn open(
        format: Format,
        source: R,
        columns: &'static [Column],
    ) -> io::Result<Result<Self, BadLine>> {
        Ok(match format {
            Format::Csv => {
                separated::Rows::open(source, columns)?.map(|rows| Self::Csv(Box::new(rows)))
            }
            Format::JsonLines => Ok(Self::JsonLines(json::Rows::new(source))),
        })
    }

    /// Reads the next row; nothing behind the last one.
    pub(super) fn read(&mut self, row: &mut Row) -> io::Result<Option<Numbered>> {
        row.clear();
        match self {
            Self::Csv(rows) => rows.read(row),
            Self::JsonLines(rows) => rows.read(row),
        }
    }

    /// How many bytes were read.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Csv(rows) => rows.bytes(),
            Self::JsonLines(rows) => rows.bytes(),
        }
    }
}

/// Reads a CSV file of ours, which must be right throughout.
pub(super) fn read_csv(
    file: impl BufRead,
    columns: &'static [Column],
    mut take: impl FnMut(&Row) -> Result<(), String>,
) -> io::Result<()> {
    let wrong = |line, problem| io::Error::other(format!("line {line}: {problem}"));
    let mut rows = Rows::open(Format::Csv, file, columns)?
        .map_err(|BadLine { line, problem }| wrong(line, problem))?;
    let mut row = Row::new(columns);
    while let Some((line, read)) = rows.read(&mut row)? {
        read.and_then(|()| take(&row)).map_err(|problem| wrong(line, problem))?;
    }
    Ok(())
}
