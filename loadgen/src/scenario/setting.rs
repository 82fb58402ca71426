//! Single values that somebody sets, as `skew.stores=1.2`.

use std::str::FromStr;

use toml::{Table, Value};

/// One value to be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    key: String,
    value: Value,
}

/// Why a text sets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("KEY=VALUE, such as skew.stores=1.2 or population.wealth=plenty")]
pub struct SettingError;

impl FromStr for Setting {
    type Err = SettingError;

    /// Reads `KEY=VALUE`, with a value as TOML has it; a word needs no quotes.
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (key, value) = text.split_once('=').ok_or(SettingError)?;
        let (key, value) = (key.trim(), value.trim());
        if value.is_empty() || key.split('.').any(str::is_empty) {
            return Err(SettingError);
        }
        let value = value.parse().unwrap_or_else(|_no_toml| Value::String(value.to_owned()));
        Ok(Self { key: key.to_owned(), value })
    }
}

impl Setting {
    /// As a table that holds this value alone.
    pub(super) fn table(&self) -> Table {
        let mut keys = self.key.rsplit('.');
        let own = |key: &str, value| Table::from_iter([(key.to_owned(), value)]);
        let innermost = own(keys.next().unwrap_or_default(), self.value.clone());
        keys.fold(innermost, |inner, key| own(key, Value::Table(inner)))
    }
}

/// Lays one table over another: what both have is the upper one's, tables are laid over each other.
pub(super) fn lay_over(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (Some(below), value) => *below = value,
            (None, value) => {
                lower.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Setting, SettingError, lay_over};
    use toml::{Table, Value};

    #[test]
    fn a_setting_changes_one_value_and_no_other() {
        let mut table: Table = toml::from_str("a = 1\n[b.c]\nd = 2\ne = 3\n").unwrap();
        for text in ["b.c.d = 2.5", "b.f=plenty", "b.g=\"x=y\"", "h = [1, 2]"] {
            lay_over(&mut table, text.parse::<Setting>().unwrap().table());
        }
        let expected = "a = 1\nh = [1, 2]\n[b]\nf = 'plenty'\ng = 'x=y'\n[b.c]\nd = 2.5\ne = 3\n";
        assert_eq!(table, toml::from_str::<Table>(expected).unwrap());
        assert_eq!(table["b"]["c"]["d"], Value::Float(2.5));
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for text in ["", "a", "a=", "=1", "a..b=1", ".a=1"] {
            assert_eq!(text.parse::<Setting>(), Err(SettingError), "{text}");
        }
    }
}
