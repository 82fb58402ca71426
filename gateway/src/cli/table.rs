//! Shows an answer to a person: a list as a table, one thing as lines. Shows a list to programs.

use std::io::Write;

use comfy_table::{Table, presets};
use serde_json::{Map, Value};

/// Lays `answer` out.
pub(super) fn of(answer: &Value) -> String {
    match answer {
        Value::Array(rows) => list(rows),
        Value::Object(fields) => lines(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => cell(answer),
    }
}

fn list(rows: &[Value]) -> String {
    let Some(Value::Object(first)) = rows.first() else {
        return if rows.is_empty() { "none".to_owned() } else { cell(&Value::from(rows)) };
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(first.keys());
    for row in rows {
        table.add_row(first.keys().map(|key| row.get(key).map(cell).unwrap_or_default()));
    }
    trimmed(&table)
}

fn lines(fields: &Map<String, Value>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (key, value) in fields {
        table.add_row([key.clone(), cell(value)]);
    }
    trimmed(&table)
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
fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(key, value)| format!("{key} {}", cell(value)));
            pairs.collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{of, write_csv};

    #[test]
    fn a_list_is_a_table_and_one_thing_is_lines() {
        let list = json!([{"id": "S1", "enrolled": true}, {"id": "S22", "enrolled": false}]);
        let table = of(&list);
        let words: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected = [["id", "enrolled"], ["S1", "yes"], ["S22", "no"]];
        assert_eq!(words, expected.map(|row| row.to_vec()));
        let one = of(&json!({"id": "1", "devices": ["a", "b"], "reason": null}));
        assert!(one.contains("a, b") && one.contains('-'), "{one}");
        assert_eq!(of(&json!([])), "none");
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
