//! `kessai-loadgen presets`: who pays what, and how, in the presets.

use std::process::ExitCode;

use clap::Args;

use super::behaviour::wrong;
use super::show::print;
use crate::scenario::{Scenario, ScenarioError, Setting};

/// Lists the presets, or prints all values of one.
///
/// A preset says who pays what, how people and machines behave, and what goes wrong: how unequally
/// stores, products and customers are chosen, how much people buy, what they do with the handset in
/// hand and how long they take, what tills and machines do. Shares are in thousandths. What is
/// printed can be kept as a file, changed, and given to --preset; a file need only say what is
/// otherwise than in mixed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Presets {
    /// The preset to print, or a file of one
    #[arg(value_name = "NAME|FILE")]
    name: Option<String>,

    /// Sets one value of it before it is printed
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "name")]
    settings: Vec<Setting>,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen presets
      lists them
  kessai-loadgen presets hostile > mine.toml
      a file to change, for `kessai-loadgen demo --preset mine.toml`
  kessai-loadgen presets mixed --set skew.stores=2 --set population.wealth=plenty
      all values, two of them changed

Exit codes:
  0    it is printed
  2    there is no such preset, or a value in it cannot be: the message names the key";

impl Presets {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.text() {
            Ok(text) => {
                print(&text);
                ExitCode::SUCCESS
            }
            Err(error) => wrong(&error),
        }
    }

    fn text(&self) -> Result<String, ScenarioError> {
        if let Some(name) = &self.name {
            return Ok(Scenario::load(name, &self.settings)?.to_toml());
        }
        let line =
            |preset: &Scenario| format!("{:19}{}\n", preset.name(), preset.values().description);
        Ok(Scenario::presets()?.iter().map(line).collect())
    }
}
