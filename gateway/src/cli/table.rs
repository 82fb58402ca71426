//! Shows an answer to a person: a list as a table, one thing as lines. Shows a list to programs.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use comfy_table::{CellAlignment, Table, presets};
use humantime::{format_duration, format_rfc3339_seconds};
use serde_json::{Map, Value};

/// Lays `answer` out.
pub(super) fn of(answer: &Value) -> String {
    match answer {
        Value::Array(rows) => list(rows, &[]),
        Value::Object(fields) => lines(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => cell(answer),
    }
}

/// Lays a list out with some of its columns; with none named, all of them.
pub(super) fn of_columns(answer: &Value, columns: &[&str]) -> String {
    match answer {
        Value::Array(rows) => list(rows, columns),
        other => of(other),
    }
}

fn list(rows: &[Value], columns: &[&str]) -> String {
    let Some(Value::Object(first)) = rows.first() else {
        return if rows.is_empty() { "none".to_owned() } else { cell(&Value::from(rows)) };
    };
    let keys: Vec<&str> = match columns {
        [] => first.keys().map(String::as_str).collect(),
        columns => columns.to_vec(),
    };
    let mut table = table();
    table.set_header(keys.iter().map(|key| heading(key)));
    for row in rows {
        table.add_row(keys.iter().map(|key| row.get(key).map_or_else(String::new, shown(key))));
    }
    for (index, key) in keys.iter().enumerate() {
        if let Some(column) = table.column_mut(index)
            && is_counted(key, first.get(*key))
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    trimmed(table)
}

fn lines(fields: &Map<String, Value>) -> String {
    let mut table = table();
    let mut below = String::new();
    for (key, value) in fields {
        // What has lines of its own stands below, under its name.
        let inner = match value {
            Value::Array(rows) if rows.iter().any(Value::is_object) => list(rows, &[]),
            Value::Object(fields) if !fields.is_empty() => lines(fields),
            value => {
                table.add_row([heading(key).to_owned(), shown(key)(value)]);
                continue;
            }
        };
        below.push_str(&format!("\n{}\n  {}", heading(key), inner.replace('\n', "\n  ")));
    }
    format!("{}{below}", trimmed(table)).trim_start_matches('\n').to_owned()
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Whether a column is added up in the head: then its ends stand below each other.
fn is_counted(key: &str, value: Option<&Value>) -> bool {
    key == "minor"
        || key.ends_with("_minor")
        || (!key.ends_with("_ms") && value.is_some_and(Value::is_number))
}

/// Writes a list as CSV with a heading.
pub(super) fn write_csv(answer: &Value, columns: &[&str], out: impl Write) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(columns)?;
    for row in answer.as_array().into_iter().flatten() {
        csv.write_record(
            columns.iter().map(|column| row.get(column).map(cell).unwrap_or_default()),
        )?;
    }
    Ok(csv.flush()?)
}

/// Without the room that a table leaves at its edges.
fn trimmed(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The name of a field, without the unit that programs need.
fn heading(key: &str) -> &str {
    key.strip_suffix("_ms").unwrap_or(key)
}

/// How the values of a field are shown: instants and durations as people write them.
fn shown(key: &str) -> impl Fn(&Value) -> String {
    let unit = match key.strip_suffix("_ms") {
        Some(name) if name == "time" || name.ends_with("_at") => Unit::Instant,
        Some(_) => Unit::Duration,
        None => Unit::None,
    };
    move |value| match (unit, value.as_u64()) {
        (Unit::Instant, Some(ms)) if ms < END_OF_TIME_MS => {
            format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
        }
        (Unit::Duration, Some(ms)) => format_duration(Duration::from_millis(ms)).to_string(),
        _ => cell(value),
    }
}

/// What the number of a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Instant,
    Duration,
    None,
}

/// The year 10000, which instants cannot be written in.
const END_OF_TIME_MS: u64 = 253_402_300_800_000;

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) if fields.is_empty() => "none".to_owned(),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(key, value)| format!("{key} {}", cell(value)));
            pairs.collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{of, of_columns, write_csv};

    #[track_caller]
    fn check(answer: &Value, page: &str) {
        assert_eq!(of(answer), page);
    }

    #[test]
    fn a_list_is_a_table() {
        let list = json!([
            {"id": "S1", "name": "渋谷店", "enrolled": true, "held_minor": 5, "time_ms": 0},
            {"id": "S22", "name": null, "enrolled": false, "held_minor": "1234", "time_ms": 999},
        ]);
        let page = "\
id   name    enrolled  held_minor  time
S1   渋谷店  yes                5  1970-01-01T00:00:00Z
S22  -       no              1234  1970-01-01T00:00:00Z";
        check(&list, page);
        assert_eq!(
            of_columns(&list, &["enrolled", "id"]),
            "enrolled  id\nyes       S1\nno        S22"
        );
        check(&json!([]), "none");
    }

    #[test]
    fn one_thing_is_lines_and_what_is_in_it_stands_below() {
        let one = json!({
            "id": "1", "devices": ["a", "b"], "reason": null, "payments": {}, "prompt_ms": 60_000,
        });
        check(&one, "id        1\ndevices   a, b\nreason    -\npayments  none\nprompt    1m");
        let books = json!({
            "currencies": [{"currency": "JPY", "funded_minor": "1235000"}],
            "payments": {"captured": 2, "declined": 12},
            "problems": [],
        });
        let page = "\
problems  none
currencies
  currency  funded_minor
  JPY            1235000
payments
  captured  2
  declined  12";
        check(&books, page);
    }

    #[test]
    fn an_instant_that_nobody_can_write_stays_a_number() {
        check(&json!({"opened_at_ms": u64::MAX}), "opened_at  18446744073709551615");
    }

    #[test]
    fn a_list_may_be_csv() {
        let list = json!([{"name": "お茶, \"濃い\"", "code": "96385074", "price_minor": 105}]);
        let mut out = Vec::new();
        write_csv(&list, &["code", "name", "price_minor"], &mut out).unwrap();
        let expected = "code,name,price_minor\n96385074,\"お茶, \"\"濃い\"\"\",105\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
