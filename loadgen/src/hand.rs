//! A till, a vending machine and a handset for people: everything that is done by hand and over the real protocol.
//!
//! Each is a conversation in plain lines, so that it works in any terminal and over a pipe. What a
//! line means is decided without a network (`counter`, `payer`, `dispensed`, `pocket`); the loops beside them
//! (`terminal`, `handset`) ask the gateway. All sentences are in `texts`.

mod arguments;
mod cart;
mod console;
mod counter;
mod dispensed;
mod enrol;
mod errand;
mod handset;
mod keyboard;
mod page;
mod payer;
mod pocket;
mod qr;
mod reading;
mod sales;
mod slips;
mod terminal;
mod texts;
mod voice;
mod watched;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use kessai_client::wire::{ActivationError, SoftwareName, Subject};
use kessai_client::{CallError, ConnectError, Endpoint, EnrolError, FileError, Options, endpoint};
use kessai_engine::terms::Currency;

use crate::catalogue::CatalogueError;

pub use arguments::{Handset, Terminal};

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Somebody said so, or the input ended.
    Quit,
    /// By Ctrl-C or a request to terminate.
    Interrupted,
}

/// Why a conversation cannot be had, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// The activation string is none.
    #[error("{0}")]
    Activation(#[from] ActivationError),
    /// The key was not enrolled.
    #[error("{}", texts::not_enrolled(.0))]
    Enrol(#[from] EnrolError),
    /// What is kept in the directory cannot be used.
    #[error("{0}")]
    File(#[from] FileError),
    /// Another role has been enrolled in the directory.
    #[error("the directory belongs to {0}, not to a terminal")]
    AnotherPeer(Subject),
    /// The catalogue cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The catalogue is none.
    #[error("{0}")]
    Catalogue(#[from] CatalogueError),
    /// No products are known that are priced in what the store charges in.
    #[error("{}", texts::no_catalogue(*.0))]
    NoCatalogue(Currency),
    /// The gateway does not say what the register has of this terminal.
    #[error("{}", texts::no_facts(.0))]
    Facts(CallError),
    /// There is no connection, and there will be none.
    #[error("{}", texts::no_connection(.0))]
    Connect(#[from] ConnectError),
    /// The system gives no socket or no thread.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Runs a conversation, or an enrolment, to its end.
///
/// # Errors
/// [`HandError`], to be shown as it is.
pub fn run(work: impl Future<Output = Result<Left, HandError>>) -> Result<Left, HandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let left = runtime.block_on(work);
    // The keyboard may still be waited for.
    runtime.shutdown_background();
    left
}

fn options() -> Options {
    Options {
        software: SoftwareName::new(concat!("kessai-loadgen ", env!("CARGO_PKG_VERSION"))).ok(),
        ..Options::default()
    }
}

/// Opens a socket for both kinds of addresses; where there is no IPv6, for the other.
fn socket() -> io::Result<Endpoint> {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
    endpoint(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))
        .or_else(|_no_ipv6| endpoint(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))))
}

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Tells the gateway that nobody is there any more.
async fn close(socket: &Endpoint) {
    socket.close(0_u32.into(), b"");
    // If it does not hear that, it finds out by itself.
    tokio::time::timeout(FAREWELL, socket.wait_idle()).await.ok();
}
