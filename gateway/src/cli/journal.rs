//! `kessai journal`: is it sound, and what does it say. Reads only, whoever is using it; but for the
//! acceptance of a loss, which is written beside it.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use kessai_engine::Lsn;
use kessai_engine::terms::PaymentId;
use kessai_gateway::dump::{self, DumpError, Pseudonyms, Selection};
use kessai_gateway::{Keys, Settings, journal_in};
use kessai_journal::{ChainKey, Ending};

mod check;

use check::Page;

mod accept_loss;

/// The journal is damaged.
const DAMAGED: u8 = 1;
/// It could not be read.
const COULD_NOT: u8 = 3;

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Verify every batch and record of a journal, and say where it is damaged.
    ///
    /// Changes nothing, beside a gateway that serves or without one. A write that a crash left
    /// unfinished at the end is no damage: the next start cuts it off, and nothing in it was ever
    /// told. Exit codes: 0 sound, 1 damaged, 2 usage, 3 it could not be read.
    Check(Source),
    /// Print the records of a journal, one JSON object a line.
    ///
    /// Left out are keys, sealed rows and profiles, names, references, and what customers were
    /// shown; customers and handsets go by pseudonyms, the same in each dump. Changes nothing,
    /// beside a gateway that serves or without one. Exit codes: 0 printed to its end, 1 damaged
    /// (what stands before the damage was printed), 2 usage, 3 it could not be read.
    Dump(Dump),
    /// Let a gateway serve again that has found that records are lost.
    ///
    /// Prints what was found and what it means; accepts it with --yes alone. The gateway must not
    /// run. Exit codes: 0 accepted, or there was no loss, 1 a loss waits to be accepted, 2 usage, 3 it
    /// could not be done.
    AcceptLoss(accept_loss::AcceptLoss),
}

#[derive(Debug, Args)]
pub(super) struct Source {
    /// The directory of the journal, or the data directory around it; the configuration's if none
    /// is given.
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The configuration file that `kessai init` wrote: it names the keys.
    #[arg(long, value_name = "FILE", env = "KESSAI_CONFIG")]
    config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Dump {
    #[command(flatten)]
    source: Source,
    /// The first record to print.
    #[arg(long, value_name = "LSN", default_value_t = 0)]
    from: u64,
    /// Only records that name this payment, or the refund of this id.
    #[arg(long, value_name = "ID")]
    payment: Option<String>,
}

impl JournalCommand {
    pub(super) fn run(&self) -> ExitCode {
        let done = match self {
            Self::Check(source) => source.check(),
            Self::Dump(dump) => dump.print(),
            Self::AcceptLoss(loss) => loss.run(),
        };
        match done {
            Ok(code) => code,
            Err(error) => {
                eprintln!("kessai: {}", crate::told(&error));
                ExitCode::from(COULD_NOT)
            }
        }
    }
}

impl Source {
    fn open(&self) -> anyhow::Result<(PathBuf, Option<PathBuf>, Keys)> {
        let settings = Settings::load(&self.config)?;
        let keys = Keys::load(&settings.keys).context("cannot use the keys")?;
        Ok(match &self.directory {
            Some(directory) => (journal_in(directory), None, keys),
            None => {
                let mirror = settings.journal.mirror().map(Path::to_owned);
                (journal_in(&settings.data), mirror, keys)
            }
        })
    }

    fn check(&self) -> anyhow::Result<ExitCode> {
        let (directory, mirror, keys) = self.open()?;
        let key = ChainKey(*keys.chain_key());
        let report = kessai_journal::check(&directory, mirror.as_deref(), &key)
            .with_context(|| format!("cannot read {}", directory.display()))?;
        writeln!(io::stdout().lock(), "{}", Page(&report))?;
        Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
    }
}

impl Dump {
    fn print(&self) -> anyhow::Result<ExitCode> {
        let payment = self.payment.as_deref().map(str::parse::<PaymentId>).transpose();
        let payment = payment.context("this is no payment id")?;
        let (directory, _, keys) = self.source.open()?;
        let selection = Selection { from: Lsn(self.from), payment };
        let (key, pseudonyms) = (ChainKey(*keys.chain_key()), Pseudonyms::new(&keys));
        let mut out = BufWriter::new(io::stdout().lock());
        let reading = match dump::write(&directory, &key, selection, &pseudonyms, &mut out) {
            // Who reads has seen enough.
            Err(DumpError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            reading => reading.with_context(|| format!("cannot print {}", directory.display()))?,
        };
        Ok(match reading.ending {
            Ending::Clean(_) | Ending::Torn(_) => ExitCode::SUCCESS,
            Ending::Corrupt(corruption) => {
                eprintln!("kessai: {corruption}; the records before it were printed");
                ExitCode::from(DAMAGED)
            }
        })
    }
}
