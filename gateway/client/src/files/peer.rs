//! Keeps what a terminal, a store controller or a carrier hub needs to come.

use std::path::Path;

use kessai_terms::collation::PeerName;
use kessai_wire::{GatewayAddress, Subject};
use quinn::Endpoint;

use crate::error::ConnectError;
use crate::files::text::{Reader, Writer};
use crate::files::{Draft, FileError, failed, read_secret};
use crate::keys::{PeerKey, RootPin};
use crate::quic::{QuicConnector, QuicOptions, resolve};

/// Is what [`enrol_peer`](crate::enrol_peer) leaves in its folder: which peer it is, its private key,
/// and where and how to know the gateway.
#[derive(Debug)]
pub struct PeerFile {
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
        Ok(Some(Self { gateway, root, peer, key: reader.key()? }))
    }

    pub(crate) fn draft(&self, folder: &Path) -> Result<Draft, FileError> {
        let text = Writer::new(HEADING)
            .line("gateway", &self.gateway)
            .line("root", self.root)
            .line("role", self.peer.role())
            .line("id", self.peer.id())
            .key(&self.key)
            .map_err(|error| failed(&folder.join(NAME), std::io::Error::other(error)))?;
        Draft::write(folder, NAME, &text)
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
