//! `kessai evidence`: what the journal says of one payment.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use kessai_engine::terms::PaymentId;
use kessai_gateway::evidence::{EvidenceError, of_payment};
use kessai_gateway::{Keys, Settings};

/// A check failed.
const CHECK_FAILED: u8 = 2;
/// The journal is damaged.
const DAMAGED: u8 = 3;

#[derive(Debug, clap::Args)]
pub(super) struct EvidenceCommand {
    /// The one-time id of a payment, or of a refund of it.
    payment: String,
    /// The configuration file that `kessai init` wrote.
    #[arg(long, value_name = "FILE", env = "KESSAI_CONFIG")]
    config: PathBuf,
    /// Print JSON instead of a page.
    #[arg(long)]
    json: bool,
}

impl EvidenceCommand {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let payment: PaymentId = self.payment.parse().context("this is no payment id")?;
        let settings = Settings::load(&self.config)?;
        let keys = Keys::load(&settings.keys).context("cannot use the keys")?;
        let evidence = match of_payment(&settings, &keys, payment) {
            Ok(evidence) => evidence,
            Err(error @ EvidenceError::Lost { .. }) => {
                eprintln!("kessai: {error}");
                return Ok(ExitCode::from(DAMAGED));
            }
            Err(error) => return Err(error.into()),
        };
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &evidence)?;
            writeln!(out)?;
        } else {
            write!(out, "{evidence}")?;
        }
        Ok(if evidence.is_damaged() {
            ExitCode::from(DAMAGED)
        } else if evidence.holds() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(CHECK_FAILED)
        })
    }
}
