//! Commands about rates of exchange.

use std::path::PathBuf;

use clap::Subcommand;
use kessai_gateway::admin::check_rates;

use super::desk::{Desk, Request, Where};

#[derive(Debug, Subcommand)]
pub(super) enum RatesCommand {
    /// Show the rates that the gateway has, and which of them hold now.
    Show,
    /// Check a file of rates before the gateway reads it; this needs no gateway.
    ///
    /// What is wrong is said as FILE:LINE: REASON, with exit code 1.
    Check {
        /// The file.
        file: PathBuf,
    },
}

impl RatesCommand {
    pub(super) fn run(&self, place: &Where) -> anyhow::Result<()> {
        match self {
            Self::Show => {
                let request = Request::get("/v1/rates");
                let answer = Desk::open(place)?.ask(&request)?;
                place.show(&answer, request.layout())
            }
            Self::Check { file } => {
                let rates = check_rates(file)?;
                let s = if rates == 1 { "" } else { "s" };
                println!("{}: {rates} rate{s}, nothing wrong", file.display());
                Ok(())
            }
        }
    }
}
