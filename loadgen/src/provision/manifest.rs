//! What a provision was made from: all that a run needs to make everybody up again.

use serde::{Deserialize, Serialize};

use crate::population::{MOST, MOST_CARRIERS, Size, Wealth};
use crate::shares::{MACHINES, WHOLE};

/// Counts the ways in which everybody follows from the seed. What another way made is not ours.
const VERSION: u32 = 1;

/// What a provision was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    version: u32,
    seed: u64,
    customers: u32,
    terminals: u32,
    controllers: u32,
    hubs: u32,
    /// What was made before this could be said has as many as were usual.
    #[serde(default = "usual_machines")]
    machines: u32,
    wealth: Wealth,
}

const fn usual_machines() -> u32 {
    MACHINES
}

impl Provision {
    /// The greatest seed: what an integer of TOML holds.
    pub const MAX_SEED: u64 = i64::MAX.unsigned_abs();

    /// Describes a provision. A seed above [`MAX_SEED`](Self::MAX_SEED) is taken for that.
    #[must_use]
    pub const fn new(size: Size, seed: u64) -> Self {
        let Size { customers, terminals, controllers, hubs, machines, wealth } = size;
        let seed = if seed > Self::MAX_SEED { Self::MAX_SEED } else { seed };
        Self { version: VERSION, seed, customers, terminals, controllers, hubs, machines, wealth }
    }

    /// What everything is drawn from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// How many live in it.
    #[must_use]
    pub const fn size(&self) -> Size {
        let Self { customers, terminals, controllers, hubs, machines, wealth, .. } = *self;
        Size { customers, terminals, controllers, hubs, machines, wealth }
    }

    pub(super) fn to_toml(self) -> String {
        #[expect(clippy::expect_used, reason = "numbers and a word have a place in TOML")]
        let table = toml::to_string(&self).expect("a flat table");
        format!(
            "# Made by `kessai-loadgen provision`; `kessai-loadgen run` plays it. Whoever has the \
             seed can pay\n# with every handset of it: never import it where money moves.\n{table}"
        )
    }

    pub(super) fn from_toml(text: &str) -> Result<Self, String> {
        let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        match table.get("version").and_then(toml::Value::as_integer) {
            Some(version) if version == i64::from(VERSION) => {}
            _ => return Err("made by another version: make it anew, and import it anew".into()),
        }
        let provision: Self = table.try_into().map_err(|error| error.to_string())?;
        let Size { customers, terminals, controllers, hubs, machines, .. } = provision.size();
        let people = [customers, terminals].iter().all(|count| (1..=MOST).contains(count));
        if people
            && [controllers, hubs].iter().all(|count| *count <= MOST_CARRIERS)
            && machines <= WHOLE
        {
            Ok(provision)
        } else {
            Err("it has more than a run can have, or nobody".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MACHINES, Provision};
    use crate::population::{Size, Wealth};

    #[test]
    fn what_was_written_is_read() {
        let size = Size {
            customers: 9,
            terminals: 4,
            controllers: 2,
            hubs: 1,
            machines: 500,
            wealth: Wealth::Plenty,
        };
        let provision = Provision::new(size, u64::MAX);
        let text = provision.to_toml();
        assert_eq!(Provision::from_toml(&text), Ok(provision));
        assert_eq!((provision.size(), provision.seed()), (size, Provision::MAX_SEED));
        let older = Provision::from_toml(&text.replace("machines = 500\n", "")).unwrap();
        assert_eq!(older.size(), Size { machines: MACHINES, ..size });
        let check = |from: &str, to: &str, words: &str| {
            let error = Provision::from_toml(&text.replace(from, to)).unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        check("version = 1", "version = 2", "another version");
        check("version = 1", "", "another version");
        check("customers = 9", "customers = 0", "nobody");
        check("customers = 9", "customers = -1", "invalid");
        check("machines = 500", "machines = 1001", "more than a run can have");
        check("plenty", "endless", "endless");
        check("hubs = 1", "hubs = 1\nfans = 2", "fans");
    }
}
