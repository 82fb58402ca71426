//! Remembers what stood in earlier lines, in a few bytes a line.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

use kessai_engine::KeyPin;

use super::kind::Existing;

/// Ids and keys of one file, by their hashes under a key of this file's own.
///
/// Two ids that differ have the same hash once in 10^19 pairs; then a good line is called bad, and
/// is good when the file is sent again.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hasher: RandomState,
    /// On which line each id stood first.
    ids: HashMap<u64, u64>,
    /// Whose each key is, and on which line it stood first.
    pins: HashMap<u64, (u64, u64)>,
}

impl Seen {
    /// Takes note of a line; or says which earlier one has the same id or key.
    pub(super) fn note(
        &mut self,
        line: u64,
        (column, id): (&str, &impl Hash),
        pin: Option<KeyPin>,
        existing: Existing,
    ) -> Result<(), String> {
        let id = self.hasher.hash_one(id);
        let pin = pin.map(|pin| self.hasher.hash_one(pin));
        if let Some(first) = self.ids.get(&id)
            && existing == Existing::Refused
        {
            return Err(format!("{column}: the same as in line {first}"));
        }
        match pin.and_then(|pin| self.pins.get(&pin)) {
            Some((owner, first)) if *owner != id => {
                return Err(format!("key_pin: the same as in line {first}"));
            }
            Some(_) | None => {}
        }
        self.ids.entry(id).or_insert(line);
        if let Some(pin) = pin {
            self.pins.entry(pin).or_insert((id, line));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kessai_engine::KeyPin;

    use super::{Existing, Seen};

    #[test]
    fn ids_and_keys_stand_in_one_line_each() {
        let mut seen = Seen::default();
        let (one, other) = (Some(KeyPin([1; 32])), Some(KeyPin([2; 32])));
        let mut note = |line, id: &str, pin, existing| seen.note(line, ("id", &id), pin, existing);
        assert_eq!(note(2, "a", one, Existing::Refused), Ok(()));
        assert_eq!(note(3, "b", None, Existing::Refused), Ok(()));
        assert_eq!(note(4, "c", None, Existing::Refused), Ok(()));
        let same_id = Err("id: the same as in line 2".to_owned());
        assert_eq!(note(5, "a", other, Existing::Refused), same_id);
        let same_key = Err("key_pin: the same as in line 2".to_owned());
        assert_eq!(note(6, "d", one, Existing::Refused), same_key);
        assert_eq!(note(7, "d", one, Existing::Updated), same_key);
        assert_eq!(note(8, "a", one, Existing::Updated), Ok(()), "it is its own key");
        assert_eq!(note(9, "d", other, Existing::Refused), Ok(()), "bad lines leave nothing");
    }
}
