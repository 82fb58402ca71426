//! `kessai evidence`: what the journal says of one payment.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use kessai_engine::terms::PaymentId;
use kessai_gateway::evidence::{EvidenceError, Filed, of_payment};
use kessai_gateway::{Keys, Settings};
use serde_json::Value;

use super::desk;

/// A check failed.
const CHECK_FAILED: u8 = 2;
/// The journal is damaged.
const DAMAGED: u8 = 3;

#[derive(Debug, clap::Args)]
pub(super) struct EvidenceCommand {
    /// The one-time id of a payment, or of a refund of it.
    payment: String,
    #[command(flatten)]
    place: desk::Where,
}

impl EvidenceCommand {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let payment: PaymentId = self.payment.parse().context("this is no payment id")?;
        let settings = Settings::load(self.place.config()?)?;
        let keys = Keys::load(&settings.keys).context("cannot use the keys")?;
        let evidence = match of_payment(&settings, &keys, payment, &|payment| self.ask(payment)) {
            Ok(evidence) => evidence,
            Err(error @ EvidenceError::Lost { .. }) => {
                eprintln!("kessai: {error}");
                return Ok(ExitCode::from(DAMAGED));
            }
            Err(error) => return Err(error.into()),
        };
        let mut out = io::stdout().lock();
        if self.place.wants_json() {
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

    /// Asks the gateway that has the archive open.
    fn ask(&self, payment: PaymentId) -> Result<Option<Filed>, String> {
        let request = desk::Request::get(format!("/v1/archive/payments/{payment}"));
        let answer = desk::Desk::open(&self.place).and_then(|desk| desk.ask(&request));
        match answer.map_err(|error| format!("{error:#}"))? {
            Value::Null => Ok(None),
            filed => serde_json::from_value(filed).map(Some).map_err(|error| error.to_string()),
        }
    }
}
