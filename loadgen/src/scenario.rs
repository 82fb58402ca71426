//! Scenarios: who pays what, how people behave, and what goes wrong, as values that can be read,
//! changed and compared.
//!
//! [`Scenario::default`] has what [`shares`](crate::shares) declares. The other presets come with the
//! program, and say only what is otherwise in them; so do files of others. Nothing here knows of a
//! gateway or a clock: a scenario and a seed are a run.

mod outages;
mod setting;
mod sizes;
mod values;

use std::fs;
use std::path::PathBuf;

use toml::Table;

use crate::population::{Size, Wealth};
use crate::schedule::Form;
use crate::shares::MACHINES;

pub(crate) use outages::BatchDraws;
pub use outages::{Batch, Outages};
pub use setting::{Setting, SettingError};
pub use sizes::{BasketSizes, LineCounts, Pieces};
pub use values::{Demands, Distributions, Reactions, ValueError, Values};

use setting::lay_over;

/// The name of the scenario in which nothing is changed.
pub const DEFAULT: &str = "mixed";

/// The presets that come with the program, by name, as their files have them.
const FILES: [(&str, &str); 6] = [
    (DEFAULT, ""),
    ("convenience-store", include_str!("../presets/convenience-store.toml")),
    ("vending", include_str!("../presets/vending.toml")),
    ("commuter-peak", include_str!("../presets/commuter-peak.toml")),
    ("hot-merchant", include_str!("../presets/hot-merchant.toml")),
    ("hostile", include_str!("../presets/hostile.toml")),
];

/// A scenario whose values can all be.
#[derive(Debug, Clone)]
pub struct Scenario {
    name: String,
    values: Values,
    distributions: Distributions,
}

/// Why there is no such scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is neither a preset nor a file.
    #[error("there is no preset {name:?} and no file of that name: the presets are {}", presets())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// Its file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML, or has a key that there is not, or a value of another kind.
    #[error("preset {name}: {problem}")]
    Shape {
        /// Which scenario.
        name: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A value cannot be.
    #[error("preset {name}: {source}")]
    Value {
        /// Which scenario.
        name: String,
        /// Which value, and why.
        source: ValueError,
    },
}

/// Says that a population is not one for a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There are more or fewer machines among its terminals.
    #[error(
        "preset {scenario} is for {wanted} vending machines in a thousand terminals, and there are \
         {found}: use `kessai-loadgen provision --machines {wanted}`"
    )]
    Machines {
        /// For which scenario.
        scenario: String,
        /// How many it wants.
        wanted: u32,
        /// How many there are.
        found: u32,
    },
    /// Its customers have other means.
    #[error(
        "preset {scenario} is for customers whose wealth is {wanted:?}, and theirs is {found:?}"
    )]
    Wealth {
        /// For which scenario.
        scenario: String,
        /// What they should have.
        wanted: Wealth,
        /// What they have.
        found: Wealth,
    },
}

fn presets() -> String {
    FILES.map(|(name, _)| name).join(", ")
}

impl Scenario {
    /// Reads a preset by its name, or a file of one, and changes what is set.
    ///
    /// # Errors
    /// [`ScenarioError`] names the key that is not as it must be.
    pub fn load(name: &str, settings: &[Setting]) -> Result<Self, ScenarioError> {
        match FILES.iter().find(|(preset, _)| *preset == name) {
            Some((_, text)) => Self::read(name, text, settings),
            None => {
                let path = PathBuf::from(name);
                let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
                    std::io::ErrorKind::NotFound => ScenarioError::Unknown { name: name.into() },
                    _ => ScenarioError::File { path, source },
                })?;
                Self::read(name, &text, settings)
            }
        }
    }

    /// Reads what is otherwise than in the [default](Self::default).
    fn read(name: &str, text: &str, settings: &[Setting]) -> Result<Self, ScenarioError> {
        let shape = |problem: String| {
            let problem = problem.trim_end().replace('\n', " ");
            ScenarioError::Shape { name: name.to_owned(), problem }
        };
        let mut table = Table::try_from(Values::default()).map_err(|e| shape(e.to_string()))?;
        lay_over(&mut table, toml::from_str(text).map_err(|error| shape(error.to_string()))?);
        for setting in settings {
            lay_over(&mut table, setting.table());
        }
        let values = table.try_into().map_err(|error| shape(error.to_string()))?;
        Self::new(name, values)
            .map_err(|source| ScenarioError::Value { name: name.to_owned(), source })
    }

    fn new(name: &str, values: Values) -> Result<Self, ValueError> {
        let distributions = Distributions::new(&values)?;
        Ok(Self { name: name.to_owned(), values, distributions })
    }

    /// Lists the presets that come with the program.
    ///
    /// # Errors
    /// [`ScenarioError`]; never for the committed files, which a test reads.
    pub fn presets() -> Result<Vec<Self>, ScenarioError> {
        FILES.iter().map(|(name, text)| Self::read(name, text, &[])).collect()
    }

    /// Lends what it is called: a preset's name, or the path of a file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lends its values.
    #[must_use]
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// Lends what is drawn from.
    #[must_use]
    pub const fn distributions(&self) -> &Distributions {
        &self.distributions
    }

    /// Says how the rate goes in it, where nobody says otherwise.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.distributions.form
    }

    /// How many of a thousand terminals of a population that is made for it are vending machines.
    #[must_use]
    pub fn machines(&self) -> u32 {
        self.values.population.machines.unwrap_or(MACHINES)
    }

    /// What the customers of a population that is made for it have to begin with.
    #[must_use]
    pub fn wealth(&self) -> Wealth {
        self.values.population.wealth.unwrap_or(Wealth::Mixed)
    }

    /// Settles it on a population, so that it says of which it is.
    ///
    /// # Errors
    /// [`Unfit`] if it is for another.
    pub fn settled(mut self, size: Size) -> Result<Self, Unfit> {
        let Demands { machines, wealth } = self.values.population;
        let Size { machines: has_machines, wealth: has_wealth, .. } = size;
        if let Some(wanted) = machines.filter(|wanted| *wanted != has_machines) {
            return Err(Unfit::Machines { scenario: self.name, wanted, found: has_machines });
        }
        if let Some(wanted) = wealth.filter(|wanted| *wanted != has_wealth) {
            return Err(Unfit::Wealth { scenario: self.name, wanted, found: has_wealth });
        }
        self.values.population = Demands { machines: Some(has_machines), wealth: Some(has_wealth) };
        Ok(self)
    }

    /// Writes all its values, as a file has them.
    #[must_use]
    pub fn to_toml(&self) -> String {
        written(&self.values)
    }

    /// A digest of all values that a run depends on: the same for the same values, whatever they are
    /// called.
    #[must_use]
    pub fn digest(&self) -> String {
        /// Bytes of the digest that are shown: runs are told apart by it, nothing is proven.
        const SHOWN: usize = 8;
        let untold = Values { description: String::new(), ..self.values.clone() };
        let mut digest = [0; SHOWN];
        blake3::Hasher::new().update(written(&untold).as_bytes()).finalize_xof().fill(&mut digest);
        hex::encode(digest)
    }
}

/// # Panics
/// Never: all values have a place in TOML.
fn written(values: &Values) -> String {
    #[expect(clippy::expect_used, reason = "numbers, words and tables have a place in TOML")]
    toml::to_string(values).expect("tables of numbers and words")
}

impl Default for Scenario {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "constants, which a test reads")]
        Self::new(DEFAULT, Values::default()).expect("the declared values can be")
    }
}

impl PartialEq for Scenario {
    fn eq(&self, other: &Self) -> bool {
        // What is drawn from follows from the values.
        self.name == other.name && self.values == other.values
    }
}

#[cfg(test)]
mod tests;
