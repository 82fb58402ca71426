//! Who pays, how, and what goes wrong, as the command line has it.

use std::process::ExitCode;

use clap::Args;

use super::Exit;
use crate::scenario::{DEFAULT, Scenario, ScenarioError, Setting};

/// A preset, and what is otherwise than in it.
#[derive(Debug, Clone, Args)]
pub(super) struct Behaviour {
    /// Who pays what, how people behave, and what goes wrong: one of `kessai-loadgen presets`, or a
    /// TOML file that says what is otherwise than in mixed
    #[arg(long, value_name = "NAME|FILE", default_value = DEFAULT)]
    preset: String,

    /// Sets one value of the preset, as skew.stores=1.2; can be said again for another
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
}

impl Behaviour {
    /// Reads the preset, and changes it.
    pub(super) fn scenario(&self) -> Result<Scenario, ScenarioError> {
        Scenario::load(&self.preset, &self.settings)
    }
}

/// Says what is wrong with a preset.
pub(super) fn wrong(error: &ScenarioError) -> ExitCode {
    eprintln!("kessai-loadgen: {error}");
    Exit::Usage.into()
}
