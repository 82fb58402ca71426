//! Keeps what a terminal, a store controller or a carrier hub needs to come.

use std::path::{Path, PathBuf};

use kessai_terms::JournalReceipt;
use kessai_terms::collation::PeerName;
use kessai_wire::{GatewayAddress, Subject};
use quinn::Endpoint;

use crate::error::ConnectError;
use crate::files::text::{Reader, Writer};
use crate::files::{Draft, FileError, failed, read_secret, receipt};
use crate::keys::{PeerKey, RootPin};
use crate::quic::{QuicConnector, QuicOptions, resolve};

/// Is what [`enrol_peer`](crate::enrol_peer) leaves in its folder: which peer it is, its private key,
/// and where and how to know the gateway.
#[derive(Debug)]
pub struct PeerFile {
    pub(crate) folder: PathBuf,
    pub(crate) gateway: GatewayAddress,
    pub(crate) root: RootPin,
    pub(crate) peer: PeerName,
    pub(crate) key: PeerKey,
}

const NAME: &str = "peer";
const HEADING: &str = "kessai-peer 1";

impl PeerFile {
    /// Reads what was left in a folder.
    ///
    /// # Errors
    /// [`FileError`] tells which file, and what is wrong with it.
    pub fn open(folder: &Path) -> Result<Self, FileError> {
        let missing = || failed(&folder.join(NAME), std::io::ErrorKind::NotFound.into());
        Self::open_if_there(folder)?.ok_or_else(missing)
    }

    pub(crate) fn open_if_there(folder: &Path) -> Result<Option<Self>, FileError> {
        let path = folder.join(NAME);
        let Some(text) = read_secret(&path)? else { return Ok(None) };
        let mut reader = Reader::new(&path, &text, HEADING)?;
        let gateway = reader.line("gateway", |text| text.parse().ok())?;
        let root = reader.line("root", |text| text.parse().ok())?;
        let role = reader.line("role", |text| Some(text.to_owned()))?;
        let peer = reader.line("id", |id| match Subject::parse(&role, id) {
            Ok(Subject::Peer(peer)) => Some(peer),
            Ok(Subject::Customer(_)) | Err(_) => None,
        })?;
        let folder = folder.to_owned();
        Ok(Some(Self { folder, gateway, root, peer, key: reader.key()? }))
    }

    pub(crate) fn draft(&self) -> Result<Draft, FileError> {
        let text = Writer::new(HEADING)
            .line("gateway", &self.gateway)
            .line("root", self.root)
            .line("role", self.peer.role())
            .line("id", self.peer.id())
            .key(&self.key)
            .map_err(|error| failed(&self.folder.join(NAME), std::io::Error::other(error)))?;
        Draft::write(&self.folder, NAME, &text)
    }

    /// Tells which peer it is.
    pub const fn peer(&self) -> PeerName {
        self.peer
    }

    /// Tells where the gateway is.
    pub const fn gateway(&self) -> &GatewayAddress {
        &self.gateway
    }

    /// Tells by which root the gateway is known.
    pub const fn root(&self) -> RootPin {
        self.root
    }

    /// Lends the key.
    pub const fn key(&self) -> &PeerKey {
        &self.key
    }

    /// Reads the highest receipt of this gateway's journal that was [kept](Self::keep_receipt); none
    /// at first. It is where [`Options::receipt`](crate::Options::receipt) goes on from.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read.
    pub fn receipt(&self) -> Result<Option<JournalReceipt>, FileError> {
        receipt::read(&self.folder, self.root)
    }

    /// Keeps a receipt: what [`Terminal::highest_receipt`](crate::Terminal::highest_receipt) tells,
    /// after a payment. One that is not higher than the one that is kept changes nothing.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn keep_receipt(&self, receipt: &JournalReceipt) -> Result<(), FileError> {
        receipt::keep(&self.folder, self.root, receipt)
    }

    /// Looks the gateway up and prepares connections to it.
    ///
    /// # Errors
    /// [`ConnectError`] if there is no such host, or the key cannot be used.
    pub async fn connector(
        &self,
        endpoint: Endpoint,
        options: &QuicOptions,
    ) -> Result<QuicConnector, ConnectError> {
        let gateway = resolve(&endpoint, &self.gateway).await?;
        QuicConnector::new(endpoint, gateway, self.root, &self.key, options)
    }
}
