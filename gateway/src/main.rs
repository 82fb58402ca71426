//! `kessai`: makes a data directory, and serves from it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::init::init;
use kessai_gateway::{Gateway, Keys, Node, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The Kessai payment gateway: authorises and settles purchases that customers confirm on their
/// own handsets.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  kessai init /srv/kessai                           make configuration, keys and data
  kessai serve --config /srv/kessai/kessai.toml     serve until SIGTERM or SIGINT

Exit codes: 0 done, 1 could not run (the last line says why), 2 usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a folder with a commented configuration, new keys and an empty data directory.
    ///
    /// The folder must be empty or not there yet. Keys lie beside the data directory, never in
    /// it: keep copies of them apart from copies of the data.
    Init {
        /// The folder to make.
        folder: PathBuf,
    },
    /// Serve terminals and handsets until SIGTERM or SIGINT.
    ///
    /// A first signal drains: no new payments, what was decided is told, everything is durable.
    /// A second one ends the process at once, which loses nothing either.
    Serve {
        /// The configuration file that `kessai init` wrote.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Log one JSON object a line instead of text.
        #[arg(long)]
        log_json: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Init { folder } => make(&folder),
        Command::Serve { config, log_json } => {
            start_log(log_json);
            serve(&config)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kessai: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn make(folder: &Path) -> anyhow::Result<()> {
    let configuration = init(folder, &SystemEntropy)?;
    println!("Made configuration, keys and data in {}.", folder.display());
    println!("Next: kessai serve --config {}", configuration.display());
    Ok(())
}

fn start_log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json { log.json().init() } else { log.init() }
}

fn serve(config: &Path) -> anyhow::Result<()> {
    let settings = Settings::load(config)?;
    let keys = Keys::load(&settings.keys).context("cannot use the keys")?;
    let node = Node::open(&settings, &keys, &SystemEntropy).context("cannot use the data")?;
    if let Some(found) = node.recovered() {
        tracing::info!(
            records = found.records.end.0.saturating_sub(1),
            epoch = found.epoch,
            torn_tail_bytes = found.torn.as_ref().map(|torn| torn.bytes),
            writer_priority = ?found.priority,
            "recovered"
        );
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let gateway = Gateway::start(&node, &settings, &keys)?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Scripts wait for this line; the port may have been chosen by the system.
        let (address, pin) = (gateway.local_addr(), hex::encode(gateway.root_pin().0));
        let mut out = std::io::stdout().lock();
        // To whom nobody listens it serves all the same.
        if writeln!(out, "serving at {address}\nroot pin {pin}").and_then(|()| out.flush()).is_err()
        {
            tracing::warn!(%address, "serving; nobody reads standard output");
        }
        drop(out);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("draining");
        tokio::select! {
            () = gateway.stop() => tracing::info!("stopped"),
            _ = terminate.recv() => tracing::warn!("stopped at once"),
            _ = interrupt.recv() => tracing::warn!("stopped at once"),
        }
        Ok(())
    })
}
