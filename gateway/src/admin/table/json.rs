//! JSON Lines: one object a line, whose fields are texts or numbers.

use std::fmt;
use std::io::{self, BufRead};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use super::Numbered;
use crate::admin::table::lines::{Fit, LineReader, MAX_LINE};
use crate::admin::table::row::{Column, Row};

pub(in crate::admin) struct Rows<R> {
    lines: LineReader<R>,
    line: Vec<u8>,
}

impl<R: BufRead> Rows<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { lines: LineReader::new(source), line: Vec::new() }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.lines.bytes()
    }

    pub(super) fn read(&mut self, row: &mut Row) -> io::Result<Option<Numbered>> {
        loop {
            let Some(fit) = self.lines.read(&mut self.line)? else {
                return Ok(None);
            };
            if fit == Fit::Whole && self.line.trim_ascii().is_empty() {
                continue;
            }
            let read = match fit {
                Fit::Whole => fill(row, &self.line),
                Fit::TooLong => Err(format!("longer than {MAX_LINE} bytes")),
            };
            return Ok(Some((self.lines.number(), read)));
        }
    }
}

fn fill(row: &mut Row, line: &[u8]) -> Result<(), String> {
    let text = str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    let mut problem = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Object { row, problem: &mut problem }.deserialize(&mut json);
    // The messages of the parser may repeat what they complain of: only ours are told.
    read.and_then(|()| json.end()).map_err(|error| {
        problem.unwrap_or_else(|| match error.classify() {
            Category::Data => "must be one JSON object".to_owned(),
            Category::Io | Category::Syntax | Category::Eof => {
                format!("no JSON, at column {}", error.column())
            }
        })
    })
}

/// Fills a row from an object.
struct Object<'a> {
    row: &'a mut Row,
    problem: &'a mut Option<String>,
}

impl Object<'_> {
    fn refuse<E: Error>(&mut self, problem: String) -> E {
        *self.problem = Some(problem);
        E::custom("see `problem`")
    }
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Key(self.row))? {
            let Some(place) = place else {
                let known = Column::names(self.row.columns());
                return Err(self.refuse(format!("a field is not known; the fields are {known}")));
            };
            let set = match map.next_value_seed(Value)? {
                Some(text) => self.row.set(place, &text),
                None => {
                    let name = self.row.columns().get(place).map_or("", |column| column.name);
                    Err(format!("{name}: must be a text or a number"))
                }
            };
            set.map_err(|problem| self.refuse(problem))?;
        }
        Ok(())
    }
}

/// Finds the column that a field is named after.
struct Key<'a>(&'a Row);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.place(name))
    }
}

/// Reads a text, a number, or null as an empty text; of anything else, nothing.
struct Value;

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        // With its decimal point, so that it is taken for no whole number.
        Ok(Some(format!("{number:?}")))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(String::new()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;
    use crate::admin::table::lines::MAX_LINE;
    use crate::admin::table::row::{Column, Row};

    static COLUMNS: [Column; 2] = [Column::required("id"), Column::optional("price")];

    type Found = (u64, Result<(Option<String>, Option<String>), String>);

    fn all(file: &[u8]) -> Vec<Found> {
        let mut rows = Rows::new(file);
        let mut row = Row::new(&COLUMNS);
        let mut found = Vec::new();
        loop {
            row.clear();
            let Some((line, read)) = rows.read(&mut row).unwrap() else { break };
            let text = |name| row.optional(name, |text| Ok::<_, String>(text.to_owned())).unwrap();
            found.push((line, read.map(|()| (text("id"), text("price")))));
        }
        assert_eq!(rows.bytes(), u64::try_from(file.len()).unwrap());
        found
    }

    #[test]
    fn fields_are_texts_or_numbers_in_any_order() {
        let file = "\u{feff}{\"price\": 12, \"id\": \"a\\u00e9\"}\r\n\n  \n{\"id\":\"b\",\"price\":null}\n\
                    {\"id\":-7,\"price\":1.0}\n{}";
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            (1, Ok((text("aé"), text("12")))),
            (4, Ok((text("b"), None))),
            (5, Ok((text("-7"), text("1.0")))),
            (6, Ok((None, None))),
        ];
        assert_eq!(all(file.as_bytes()), expected);
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_it() {
        for (line, expected) in [
            ("090-1234-5678", "no JSON, at column 2"),
            ("\"090-1234-5678\"", "must be one JSON object"),
            ("[\"090\"]", "must be one JSON object"),
            ("{\"id\":\"090\"", "no JSON, at column 11"),
            ("{\"id\":\"090\"} 090", "no JSON, at column 14"),
            ("{\"090\":1}", "a field is not known; the fields are id, price"),
            ("{\"id\":1,\"id\":090}", "no JSON, at column 15"),
            ("{\"id\":1,\"id\":90}", "id: given twice"),
            ("{\"id\":true}", "id: must be a text or a number"),
            ("{\"price\":[90,[]]}", "price: must be a text or a number"),
            ("{\"price\":{\"a\":90}}", "price: must be a text or a number"),
        ] {
            assert_eq!(all(line.as_bytes()), [(1, Err(expected.to_owned()))], "{line}");
        }
        let found = all(b"{\"id\":\"\xff\"}\n{\"id\":1}");
        assert_eq!(found[0], (1, Err("not UTF-8".to_owned())));
        assert!(found[1].1.is_ok(), "the next line is read all the same");
        let long = format!("{{\"id\":\"{}\"}}\n{{}}", "9".repeat(MAX_LINE));
        let found = all(long.as_bytes());
        assert_eq!(found[0], (1, Err("longer than 65536 bytes".to_owned())));
        assert_eq!((found.len(), found[1].0), (2, 2));
    }
}
