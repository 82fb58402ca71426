//! `kessai-loadgen provision`: a population as files to import.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Exit;
use super::progress::bar;
use super::show::print;
use crate::population::{MOST, MOST_CARRIERS, Size, Wealth};
use crate::provision::{self, RATES, Table};
use crate::shares::{MACHINES, WHOLE};

/// Makes up merchants, stores, terminals, customers and handsets, as files for `kessai import`.
///
/// Everything follows from the seed, the TLS keys of all terminals and handsets included: the same
/// command writes the same bytes. The customers are made up as well, names and accounts and all.
/// Beside the files stand provision.toml, which tells `kessai-loadgen run` whom to play, and
/// rates.csv, by which the gateway must convert the prices of stores that charge in dollars and
/// dinars (exchange.rates in its configuration).
///
/// Whoever has the directory can pay with every handset in it: import it into a gateway that was
/// set up for the test, never where money moves.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Provision {
    /// How many customers there are, each with a handset
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    customers: u32,

    /// How many tills there are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    terminals: u32,

    /// How many store controllers there are, so that a run can go through them; there will be no
    /// more merchants than controllers
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_CARRIERS)))]
    controllers: u32,

    /// How many carrier hubs there are, so that a run can go through them
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_CARRIERS)))]
    hubs: u32,

    /// What everything is drawn from
    #[arg(long, default_value_t = 42, value_parser = clap::value_parser!(u64).range(..=provision::Provision::MAX_SEED))]
    seed: u64,

    /// Of a thousand terminals, so many are vending machines
    #[arg(long, value_name = "N", default_value_t = MACHINES, value_parser = clap::value_parser!(u32).range(0..=i64::from(WHOLE)))]
    machines: u32,

    /// What customers have to begin with: for most enough, or plenty for everybody
    #[arg(long, value_enum, default_value_t = Wealth::Mixed)]
    wealth: Wealth,

    /// The directory to write; it must be empty, or not be there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen provision --customers 20000 --terminals 1000 --out people
      for a run in which each terminal and each handset has a connection of its own
  kessai-loadgen provision --customers 20000 --terminals 1000 --controllers 8 --hubs 8 --out people
      for a run that can also go through 8 store controllers and 8 carrier hubs
  kessai-loadgen provision --customers 1000000 --terminals 10000 --wealth plenty --out people
      a large one, in which nobody runs out of money
  kessai-loadgen provision --customers 20000 --terminals 1000 --machines 1000 --out people
      vending machines alone, for `kessai-loadgen run --preset vending`

Exit codes:
  0    everything is written; the commands that import it are on standard output
  2    the command line is wrong
  3    it could not be written";

impl Provision {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let size = Size {
            customers: self.customers,
            terminals: self.terminals,
            controllers: self.controllers,
            hubs: self.hubs,
            machines: self.machines,
            wealth: self.wealth,
        };
        let bar = bar("writing", 0);
        let written = |done, all| {
            // Drawing costs more than writing a record.
            if done == all || done % STEP == 0 {
                bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
                bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            }
        };
        let made = provision::Provision::new(size, self.seed).write(&self.out, written);
        bar.finish_and_clear();
        if let Err(error) = made {
            eprintln!("kessai-loadgen: {error}");
            return Exit::CouldNot.into();
        }
        print(&self.next_steps(size));
        ExitCode::SUCCESS
    }

    /// Tells what to do with the files.
    fn next_steps(&self, size: Size) -> String {
        let folder = self.out.display();
        let mut text = format!("Written to {folder}. Import it in this order:\n");
        for table in Table::ALL.iter().filter(|table| table.has_records(&size)) {
            let (name, file) = (table.name(), table.file());
            text.push_str(&format!("  kessai import {name} {folder}/{file}\n"));
        }
        if size.has_foreign_stores() {
            // A relative path would be taken from where the configuration lies.
            let rates = self.out.join(RATES);
            let rates = std::path::absolute(&rates).unwrap_or(rates);
            text.push_str(&format!(
                "Some stores charge in dollars or dinars: set this in the gateway's configuration, and\n\
                 start it again:\n  [exchange]\n  rates = {:?}\n",
                rates.display().to_string()
            ));
        }
        text
    }
}

/// Records after which progress is shown.
const STEP: usize = 256;
