//! CSV: a heading, then records; a quoted field may span lines.
//!
//! # Source
//! RFC 4180.

use std::io::{self, BufRead, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{BadLine, Numbered};
use crate::admin::table::lines::{Fit, LineReader, MAX_LINE};
use crate::admin::table::row::{Column, Need, Row};

pub(in crate::admin) struct Rows<R> {
    records: Records<R>,
    record: ByteRecord,
    /// For each field of a record the column that it belongs to.
    places: Vec<usize>,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn open(source: R, columns: &'static [Column]) -> io::Result<Result<Self, BadLine>> {
        let mut records = Records::new(source);
        let mut record = ByteRecord::new();
        let (line, places) = match records.read(&mut record)? {
            None => (1, Err("there is no heading".to_owned())),
            Some((line, Err(problem))) => (line, Err(problem)),
            Some((line, Ok(()))) => (line, places(&record, columns)),
        };
        Ok(match places {
            Ok(places) => Ok(Self { records, record, places }),
            Err(problem) => Err(BadLine { line, problem }),
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.records.bytes()
    }

    pub(super) fn read(&mut self, row: &mut Row) -> io::Result<Option<Numbered>> {
        let Some((line, read)) = self.records.read(&mut self.record)? else {
            return Ok(None);
        };
        Ok(Some((line, read.and_then(|()| self.fill(row)))))
    }

    fn fill(&self, row: &mut Row) -> Result<(), String> {
        let (found, expected) = (self.record.len(), self.places.len());
        if found != expected {
            return Err(format!("{found} fields where the heading has {expected}"));
        }
        for (place, field) in self.places.iter().zip(&self.record) {
            let text = str::from_utf8(field).map_err(|_| {
                let name = row.columns().get(*place).map_or("", |column| column.name);
                format!("{name}: not UTF-8")
            })?;
            row.set(*place, text)?;
        }
        Ok(())
    }
}

/// Finds the columns that a heading names. Names that are not known are not repeated: a file
/// without a heading would show a customer's fields.
fn places(heading: &ByteRecord, columns: &[Column]) -> Result<Vec<usize>, String> {
    let mut places = Vec::with_capacity(heading.len());
    for (number, name) in (1_usize..).zip(heading) {
        let known = columns.iter().position(|column| column.name.as_bytes() == name);
        let Some(place) = known else {
            let known = Column::names(columns);
            return Err(format!(
                "column {number} of the heading is not known; the columns are {known}"
            ));
        };
        if places.contains(&place) {
            let name = columns.get(place).map_or("", |column| column.name);
            return Err(format!("the heading has the column {name} twice"));
        }
        places.push(place);
    }
    let lacks = |(place, column): &(usize, &Column)| {
        column.need == Need::Required && !places.contains(place)
    };
    match columns.iter().enumerate().find(lacks) {
        Some((_, column)) => Err(format!("the heading lacks the column {}", column.name)),
        None => Ok(places),
    }
}

/// Records with the numbers of the lines on which they begin, none longer than [`MAX_LINE`].
struct Records<R> {
    /// Always there between two calls.
    reader: Option<Reader<Feed<R>>>,
}

impl<R: BufRead> Records<R> {
    fn new(source: R) -> Self {
        Self { reader: Some(reader(Feed::new(source))) }
    }

    fn bytes(&self) -> u64 {
        self.reader.as_ref().map_or(0, |reader| reader.get_ref().lines.bytes())
    }

    fn read(&mut self, record: &mut ByteRecord) -> io::Result<Option<Numbered>> {
        let Some(mut reader) = self.reader.take() else {
            return Ok(None);
        };
        reader.get_mut().begin();
        let read = reader.read_byte_record(record);
        let line = reader.get_ref().began.unwrap_or_else(|| reader.get_ref().lines.number());
        match read {
            Ok(found) => {
                self.reader = Some(reader);
                Ok(found.then_some((line, Ok(()))))
            }
            Err(error) => {
                // The parser stands in the middle of a record: the next one gets a new parser.
                let mut feed = reader.into_inner();
                let problem = feed.problem.take();
                self.reader = Some(self::reader(feed));
                match problem {
                    Some(problem) => Ok(Some((line, Err(problem)))),
                    None => Err(error.into()),
                }
            }
        }
    }
}

fn reader<R: BufRead>(feed: Feed<R>) -> Reader<Feed<R>> {
    ReaderBuilder::new().has_headers(false).flexible(true).from_reader(feed)
}

/// Feeds the parser one line at a time: so it is known on which line a record began, and that the
/// parser wants another line only while a quoted field is open.
struct Feed<R> {
    lines: LineReader<R>,
    line: Vec<u8>,
    at: usize,
    /// The line on which the record began that is being read.
    began: Option<u64>,
    /// How long that record is so far.
    length: usize,
    /// Why the record cannot be read on.
    problem: Option<String>,
}

impl<R: BufRead> Feed<R> {
    const fn new(source: R) -> Self {
        let lines = LineReader::new(source);
        Self { lines, line: Vec::new(), at: 0, began: None, length: 0, problem: None }
    }

    fn begin(&mut self) {
        (self.began, self.length) = (None, 0);
    }

    fn refuse(&mut self, problem: String) -> io::Error {
        self.problem = Some(problem);
        self.line.clear();
        self.at = 0;
        io::ErrorKind::InvalidData.into()
    }

    /// Takes up the next line; says whether there was one.
    fn next_line(&mut self) -> io::Result<bool> {
        loop {
            self.at = 0;
            let Some(fit) = self.lines.read(&mut self.line)? else {
                let is_open = self.began.is_some();
                return if is_open { Err(self.refuse(UNCLOSED.to_owned())) } else { Ok(false) };
            };
            if self.began.is_none() && fit == Fit::Whole && self.line.is_empty() {
                continue;
            }
            let was_open = self.began.is_some();
            self.began = self.began.or(Some(self.lines.number()));
            self.length = self.length.saturating_add(self.line.len()).saturating_add(1);
            if fit == Fit::TooLong || self.length > MAX_LINE.saturating_add(1) {
                self.skip_record(was_open)?;
                return Err(self.refuse(format!("longer than {MAX_LINE} bytes")));
            }
            self.line.push(b'\n');
            return Ok(true);
        }
    }

    /// Goes on to where the record ends: behind the line on which its quotes are even.
    fn skip_record(&mut self, was_open: bool) -> io::Result<()> {
        let mut is_open = was_open;
        loop {
            is_open ^= self.lines.quotes() % 2 == 1;
            if !is_open || self.lines.read(&mut self.line)?.is_none() {
                return Ok(());
            }
        }
    }
}

const UNCLOSED: &str = "a quoted field is not closed";

impl<R: BufRead> Read for Feed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() && !self.next_line()? {
            return Ok(0);
        }
        let read = self.line.get(self.at..).unwrap_or_default().read(out)?;
        self.at = self.at.saturating_add(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;
    use crate::admin::table::lines::MAX_LINE;
    use crate::admin::table::row::{Column, Row};

    static COLUMNS: [Column; 3] =
        [Column::required("id"), Column::required("name"), Column::optional("price")];

    type Found = (u64, Result<[String; 3], String>);

    fn all(file: &[u8]) -> Vec<Found> {
        let mut rows = match Rows::open(file, &COLUMNS).unwrap() {
            Ok(rows) => rows,
            Err(bad) => return vec![(bad.line, Err(bad.problem))],
        };
        let mut row = Row::new(&COLUMNS);
        let mut found = Vec::new();
        loop {
            row.clear();
            let Some((line, read)) = rows.read(&mut row).unwrap() else { break };
            let text = |name| row.optional(name, |text| Ok::<_, String>(text.to_owned())).unwrap();
            let texts = ["id", "name", "price"].map(|name| text(name).unwrap_or_default());
            found.push((line, read.map(|()| texts)));
        }
        assert_eq!(rows.bytes(), u64::try_from(file.len()).unwrap());
        found
    }

    fn good(line: u64, texts: [&str; 3]) -> Found {
        (line, Ok(texts.map(str::to_owned)))
    }

    fn bad(line: u64, problem: &str) -> Found {
        (line, Err(problem.to_owned()))
    }

    #[test]
    fn columns_come_in_any_order_and_lines_are_counted() {
        let file =
            "\u{feff}price,id,name\r\n5,a,\"A, \"\"the\"\" first\"\r\n\r\n,b,\"B\nb\"\r\n7,c,C";
        let expected = [
            good(2, ["a", "A, \"the\" first", "5"]),
            good(4, ["b", "B\nb", ""]),
            good(6, ["c", "C", "7"]),
        ];
        assert_eq!(all(file.as_bytes()), expected);
        assert_eq!(all(b"\nname,id\n\n\nA,a\n"), [good(5, ["a", "A", ""])]);
        assert_eq!(all(b"id,name\n"), []);
    }

    #[test]
    fn headings_must_be_known_and_whole() {
        let known = "the columns are id, name, price";
        let unknown = |number| format!("column {number} of the heading is not known; {known}");
        for (file, expected) in [
            ("", "there is no heading".to_owned()),
            ("\n\n", "there is no heading".to_owned()),
            ("id,090-1234-5678,name\n", unknown(2)),
            ("id,name,\n", unknown(3)),
            ("id;name\n", unknown(1)),
            ("ID,name\n", unknown(1)),
            ("id,name,id\n", "the heading has the column id twice".to_owned()),
            ("name,price\n", "the heading lacks the column id".to_owned()),
            ("id,\"name\n", "a quoted field is not closed".to_owned()),
        ] {
            assert_eq!(all(file.as_bytes()), [bad(1, &expected)], "{file}");
        }
    }

    #[test]
    fn records_that_cannot_be_read_leave_the_others_alone() {
        assert_eq!(
            all(b"id,name\na\nb,B\nc,C,3\nd,\xff\ne,E\n"),
            [
                bad(2, "1 fields where the heading has 2"),
                good(3, ["b", "B", ""]),
                bad(4, "3 fields where the heading has 2"),
                bad(5, "name: not UTF-8"),
                good(6, ["e", "E", ""]),
            ]
        );
        let long = "x".repeat(MAX_LINE);
        let file = format!("id,name\na,{long}\nb,B\n\"c,{long}\n\"d,D\ne,E\n");
        let expected = [
            bad(2, "longer than 65536 bytes"),
            good(3, ["b", "B", ""]),
            bad(4, "longer than 65536 bytes"),
            good(6, ["e", "E", ""]),
        ];
        assert_eq!(all(file.as_bytes()), expected);
        let many = format!("id,name\na,\"{}\"\nb,B\n", "x\n".repeat(MAX_LINE / 2));
        let found = all(many.as_bytes());
        assert_eq!(found[0], bad(2, "longer than 65536 bytes"), "lines of one record are bounded");
        let last = good(u64::try_from(MAX_LINE / 2).unwrap() + 3, ["b", "B", ""]);
        assert_eq!(found[1..], [last]);
        assert_eq!(all(b"id,name\na,\"A\nb,B\n"), [bad(2, "a quoted field is not closed")]);
    }
}
