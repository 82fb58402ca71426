//! One line as named fields. What is wrong with a field is said by its name, never by its content.

use std::fmt::Display;

use kessai_engine::KeyPin;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(in crate::admin) struct Column {
    pub(in crate::admin) name: &'static str,
    pub(in crate::admin) need: Need,
}

/// Whether a column may be missing or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum Need {
    Required,
    Optional,
}

impl Column {
    pub(in crate::admin) const fn required(name: &'static str) -> Self {
        Self { name, need: Need::Required }
    }

    pub(in crate::admin) const fn optional(name: &'static str) -> Self {
        Self { name, need: Need::Optional }
    }

    /// Lists the names of columns for people.
    pub(in crate::admin) fn names(columns: &[Self]) -> String {
        columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }
}

/// The fields of one line; its memory serves one line after the other.
#[derive(Debug)]
pub(in crate::admin) struct Row {
    columns: &'static [Column],
    fields: Vec<Field>,
}

#[derive(Default)]
struct Field {
    is_there: bool,
    text: String,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Field(..)")
    }
}

impl Row {
    pub(in crate::admin) fn new(columns: &'static [Column]) -> Self {
        Self { columns, fields: columns.iter().map(|_| Field::default()).collect() }
    }

    pub(in crate::admin) const fn columns(&self) -> &'static [Column] {
        self.columns
    }

    /// Forgets the line before.
    pub(in crate::admin) fn clear(&mut self) {
        for field in &mut self.fields {
            field.is_there = false;
            field.text.clear();
        }
    }

    /// Finds a column by its name.
    pub(in crate::admin) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Sets the field in the column at `place`, once a line.
    pub(in crate::admin) fn set(&mut self, place: usize, text: &str) -> Result<(), String> {
        let (Some(field), Some(column)) = (self.fields.get_mut(place), self.columns.get(place))
        else {
            return Ok(());
        };
        if field.is_there {
            return Err(format!("{}: given twice", column.name));
        }
        field.is_there = true;
        field.text.push_str(text);
        Ok(())
    }

    /// Says whether the line has any of these columns, empty or not.
    pub(in crate::admin) fn mentions(&self, names: &[&str]) -> bool {
        let mut fields = self.columns.iter().zip(&self.fields);
        fields.any(|(column, field)| field.is_there && names.contains(&column.name))
    }

    fn text(&self, name: &str) -> Option<&str> {
        let field = self.fields.get(self.place(name)?)?;
        Some(field.text.as_str()).filter(|text| !text.is_empty())
    }

    /// Reads a field that must be there.
    pub(in crate::admin) fn required<T, E: Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, String> {
        self.optional(name, read)?.ok_or_else(|| format!("{name}: missing"))
    }

    /// Reads a field that may be missing or empty.
    pub(in crate::admin) fn optional<T, E: Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        let read = self.text(name).map(read).transpose();
        read.map_err(|error| format!("{name}: {error}"))
    }
}

/// Reads a number that has digits alone.
pub(in crate::admin) fn number<T: std::str::FromStr>(text: &str) -> Result<T, &'static str> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or("must be a whole number, in digits alone, and not too great")
}

/// Reads `N` bytes in hexadecimal.
pub(in crate::admin) fn bytes<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        // The error of the crate repeats a character, which may be one of a secret.
        Err(_) => Err(format!("must be {} hexadecimal digits", N.saturating_mul(2))),
    }
}

/// Reads the hash of a peer's key.
pub(in crate::admin) fn key_pin(text: &str) -> Result<KeyPin, String> {
    bytes(text).map(KeyPin)
}

#[cfg(test)]
mod tests {
    use super::{Column, Row, bytes, number};

    #[test]
    fn a_field_is_missing_where_it_is_empty() {
        static COLUMNS: [Column; 2] = [Column::required("id"), Column::optional("price")];
        let mut row = Row::new(&COLUMNS);
        row.set(0, "").unwrap();
        assert_eq!(row.required("id", number::<u32>), Err("id: missing".to_owned()));
        assert_eq!(row.optional("price", number::<u32>), Ok(None));
        assert!(row.mentions(&["id"]) && !row.mentions(&["price"]));
        assert_eq!(row.set(0, "1"), Err("id: given twice".to_owned()));
        row.clear();
        row.set(0, "17").unwrap();
        assert_eq!(row.required("id", number::<u32>), Ok(17));
    }

    #[test]
    fn numbers_are_digits_alone() {
        for text in ["+1", "-1", " 1", "1 ", "1.0", "1e3", "1_000", "1,000", "４", "4294967296"] {
            assert!(number::<u32>(text).is_err(), "{text}");
        }
        assert_eq!(number("0042"), Ok(42));
    }

    #[test]
    fn hexadecimal_digits_are_not_repeated_where_they_are_wrong() {
        assert_eq!(bytes::<2>("00fF"), Ok([0, 255]));
        for text in ["", "00f", "00ffff", "00fg", "00f "] {
            let error = bytes::<2>(text).unwrap_err();
            assert_eq!(error, "must be 4 hexadecimal digits");
        }
    }
}
