//! `kessai journal accept-loss`: lets a gateway serve again that has lost records.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, ensure};
use clap::Args;
use humantime::format_rfc3339_seconds;
use kessai_gateway::clock::{Clock, SystemClock};
use kessai_gateway::losses::{Accepted, Found, Losses};
use kessai_gateway::{Settings, journal_in};
use kessai_journal::Files;

/// A loss waits to be accepted.
const NOT_ACCEPTED: u8 = 1;

#[derive(Debug, Args)]
pub(in crate::cli) struct AcceptLoss {
    /// Accept it. Without this, what was found is printed and nothing is changed.
    #[arg(long)]
    yes: bool,
    /// The configuration file that `kessai init` wrote: it names the data directory.
    #[arg(long, value_name = "FILE", env = "KESSAI_CONFIG")]
    config: PathBuf,
}

impl AcceptLoss {
    pub(in crate::cli) fn run(&self) -> anyhow::Result<ExitCode> {
        let settings = Settings::load(&self.config)?;
        let journal = journal_in(&settings.data);
        ensure!(journal != settings.data, "{}: no journal is there", settings.data.display());
        // Held to the end: a gateway that serves would not hear of what is accepted here.
        let _held = Files::open(&journal).context("stop the gateway first")?;
        let mut losses = Losses::open(&settings.data)?;
        let mut out = io::stdout().lock();
        let Some(found) = losses.found() else {
            writeln!(out, "No loss waits to be accepted.")?;
            return Ok(ExitCode::SUCCESS);
        };
        writeln!(out, "{}", told(found))?;
        if !self.yes {
            writeln!(out, "Nothing was changed. With --yes the loss is accepted.")?;
            return Ok(ExitCode::from(NOT_ACCEPTED));
        }
        if let Some(Accepted { goes_on_in, .. }) = losses.accept(SystemClock::new().now_ms())? {
            writeln!(
                out,
                "Accepted. The gateway serves again, and goes on in epoch {goes_on_in}."
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What was found, and what it means.
fn told(found: &Found) -> String {
    let Found { since_ms, returned_by, lowest, highest, kept } = found;
    let since = UNIX_EPOCH.checked_add(Duration::from_millis(*since_ms)).unwrap_or(UNIX_EPOCH);
    let lost = if lowest == highest {
        lowest.to_string()
    } else {
        format!("{lowest}, {highest}, and what lies between")
    };
    format!(
        "\
Since {} this gateway refuses to serve: {returned_by} showed a genuine receipt
of a record that this journal does not hold. So records are lost that were durable and told.

  lost  {lost}; perhaps more that nobody has told of yet
  kept  what comes before, and the gateway had come to {kept}

What it means: payments, refunds, reversals, credits and changes of the register that came after the
data here was copied are not in these books. Customers may have been debited, and goods handed over,
for payments that this gateway does not know; it would let the same money be spent again.

If newer data exists (another disk, the mirror, the machine that served last): put it back and do
not accept. The gateway then serves again by itself. See docs/OPERATING.md.
",
        format_rfc3339_seconds(since)
    )
}
