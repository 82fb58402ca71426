//! `kessai archive`: what it holds, and making it anew.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kessai_engine::Lsn;
use kessai_gateway::admin::rows::ArchiveRow;
use kessai_gateway::{Keys, Settings, archive_in, journal_in};
use kessai_journal::{Archive, ArchiveError, ArchiveOptions, ChainKey, Files, Rebuilt};

use super::desk::{Desk, Layout, Request, Where};

#[derive(Debug, Subcommand)]
pub(super) enum ArchiveCommand {
    /// Show which records the archive has, and its size; with or without a gateway that serves.
    Status,
    /// Make the archive anew, from the journal and from what the old archive says of the records
    /// before it. The gateway must be stopped.
    ///
    /// Where the old one cannot be read, it says which records are missing: payments of that time
    /// cannot be looked up any more, and their ids are refused as too old all the same.
    Rebuild,
}

impl ArchiveCommand {
    pub(super) fn run(&self, place: &Where) -> anyhow::Result<()> {
        let settings = Settings::load(place.config()?)?;
        let archive = archive_in(&settings.data);
        match self {
            Self::Status => status(&archive, place),
            Self::Rebuild => rebuild(&settings, &archive),
        }
    }
}

fn status(archive: &Path, place: &Where) -> anyhow::Result<()> {
    std::fs::metadata(archive).with_context(|| archive.display().to_string())?;
    match Archive::open(archive, &ArchiveOptions::default()) {
        Ok(archive) => {
            let status = archive.status()?;
            let row = ArchiveRow::new(&status, archive.upto());
            place.show(&serde_json::to_value(row)?, Layout::Table)
        }
        Err(ArchiveError::InUse(_)) => {
            let request = Request::get("/v1/archive");
            place.show(&Desk::open(place)?.ask(&request)?, request.layout())
        }
        Err(error) => Err(error).with_context(|| archive.display().to_string()),
    }
}

fn rebuild(settings: &Settings, archive: &Path) -> anyhow::Result<()> {
    let keys = Keys::load(&settings.keys).context("cannot use the keys")?;
    let journal: PathBuf = journal_in(&settings.data);
    std::fs::metadata(&journal).with_context(|| journal.display().to_string())?;
    // Held meanwhile: no gateway starts, and none is running.
    let _held = Files::open(&journal).context("stop the gateway first")?;
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template("{spinner} {human_pos} records, {per_sec}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let key = ChainKey(*keys.chain_key());
    let options = ArchiveOptions::default();
    let rebuilt =
        Archive::rebuild(archive, &journal, &key, &options, |done| bar.set_position(done));
    bar.finish_and_clear();
    let Rebuilt { status, missing } =
        rebuilt.with_context(|| format!("cannot rebuild {}", archive.display()))?;
    println!(
        "The archive has {} of the journal, {} of them of payments.",
        told(&status.covers),
        status.records
    );
    if let Some(missing) = missing {
        println!(
            "Missing are {}: payments of that time cannot be looked up.",
            told(&missing.records)
        );
        if let Some(damage) = missing.damage {
            println!("The old archive does not give them: {damage}.");
        }
    }
    Ok(())
}

/// Records, of which the last one is given by the one behind it.
fn told(records: &Range<Lsn>) -> String {
    format!("records {} to {}", records.start.0, records.end.0.saturating_sub(1))
}
