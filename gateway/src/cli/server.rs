//! Makes a data directory, serves from it, and tells of who serves.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use clap::Subcommand;
use kessai_gateway::admin::Administration;
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::init::init;
use kessai_gateway::{Gateway, Keys, Node, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::desk::Request;

mod progress;

use progress::Start;

#[derive(Debug, Subcommand)]
pub(super) enum GatewayCommand {
    /// Show its version, address, root pin, clock, and what payments and connections may.
    Show,
}

impl GatewayCommand {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::Show => Request::get("/v1/gateway"),
        }
    }
}

pub(super) fn make(folder: &Path) -> anyhow::Result<()> {
    let configuration = init(folder, &SystemEntropy)?;
    println!("Made configuration, keys and data in {}.", folder.display());
    println!("Next: kessai serve --config {}", configuration.display());
    Ok(())
}

/// What is logged unless `RUST_LOG` says otherwise. Of address tokens quinn warns for each that comes
/// a little later than a newer one: it asks such a client to prove its address once more, which is
/// no trouble, and clients alone would fill the log.
const LOGGED: &str = "info,quinn_proto::bloom_token_log=error";

pub(super) fn start_log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if json { log.json().init() } else { log.init() }
}

pub(super) fn serve(config: &Path) -> anyhow::Result<()> {
    let settings = Settings::load(config)?;
    let keys = Keys::load(&settings.keys).context("cannot use the keys")?;
    let mut start = Start::new();
    let node = Node::open_watched(&settings, &keys, &SystemEntropy, &mut |it| start.tell(it));
    start.clear();
    let node = node.context("cannot use the data")?;
    if let Some(found) = node.recovered() {
        tracing::info!(
            records = found.records.end.0.saturating_sub(1),
            snapshot = node.replayed_after().0,
            epoch = found.epoch,
            torn_tail_bytes = found.torn.as_ref().map(|torn| torn.bytes),
            writer_priority = ?found.priority,
            "recovered"
        );
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let gateway = Gateway::start(&node, &settings, &keys)?;
        let administration = Administration::start(&gateway, &settings, &keys)?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Scripts wait for this line; the port may have been chosen by the system.
        let (address, pin) = (gateway.local_addr(), hex::encode(gateway.root_pin().0));
        let admin = administration.local_addr();
        let mut out = std::io::stdout().lock();
        // To whom nobody listens it serves all the same.
        if writeln!(out, "serving at {address}\nroot pin {pin}\nadministration at {admin}")
            .and_then(|()| out.flush())
            .is_err()
        {
            tracing::warn!(%address, "serving; nobody reads standard output");
        }
        drop(out);
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("draining");
        administration.stop();
        tokio::select! {
            biased;
            () = gateway.stop() => tracing::info!("stopped"),
            _ = terminate.recv() => tracing::warn!("stopped at once"),
            _ = interrupt.recv() => tracing::warn!("stopped at once"),
        }
        Ok(())
    })
}
