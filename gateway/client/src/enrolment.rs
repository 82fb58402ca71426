//! Enrols a new key, by an activation string.
//!
//! The file is written before anything is sent, and becomes the peer's only when the gateway has
//! said that the key is enrolled: a full disk costs no code.

use std::path::Path;
use std::time::Duration;

use kessai_terms::DeviceId;
use kessai_terms::collation::{
    ChannelBinding, DeviceSecret, HandsetSecrets, Password, PeerName, Salt, SpkiHash,
};
use kessai_wire::{
    Activation, Enrol, EnrolAnswer, EnrolHandset, EnrolPeer, FieldError, Handset as HandsetId,
    Refusal, Subject, v1,
};
use quinn::Endpoint;
use thiserror::Error;
use tokio::time::timeout;

use crate::error::{ConnectError, Fault};
use crate::files::{FileError, HandsetFile, PeerFile, stretched};
use crate::keys::{KeyError, PeerKey, RootPin};
use crate::pins::{Guessable, check_password};
use crate::quic::{exchange, resolve};

/// How long the gateway may take, from looking it up to its answer.
const WITHIN: Duration = Duration::from_secs(10);

/// Says why nothing was enrolled.
///
/// Of [`Connect`](Self::Connect) one cannot know: if the connection was lost after the request was
/// sent, the gateway may have enrolled the key. The code is used up then, and with the next one the
/// same device, or peer, is enrolled anew.
#[derive(Debug, Error)]
pub enum EnrolError {
    /// The activation string is for another role.
    #[error("the activation string is for a {}", .0.role())]
    OtherRole(Subject),
    /// The folder holds the handset of another customer, or another peer.
    #[error("the folder is in use, by {0}")]
    InUse(Subject),
    /// The password would be guessed first.
    #[error(transparent)]
    Guessable(#[from] Guessable),
    /// The gateway cannot be reached, or is not the one that the activation string names.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The gateway's answer cannot be understood.
    #[error("the gateway's answer cannot be understood: {0}")]
    Answer(#[from] FieldError),
    /// The gateway refused: the code is wrong, used, too old, or for somebody else. It does not say
    /// which.
    #[error("refused: {}", .0.reason)]
    Refused(Box<Refusal>),
    /// No key can be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file cannot be written, or what is there cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl EnrolError {
    /// Tells whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::OtherRole(_) | Self::InUse(_) | Self::Guessable(_) => Fault::Caller,
            Self::Refused(_) | Self::Key(_) | Self::File(_) => Fault::Caller,
            Self::Answer(_) => Fault::Gateway,
            Self::Connect(error) => error.fault(),
        }
    }
}

/// Enrols a handset, and keeps in `folder` all that it needs from then on but the password.
///
/// If the folder holds a handset of the same customer already, its password, or its key, is changed:
/// everything is made anew but the device id, and the number of the last notice is kept. Until the
/// gateway has agreed, the old file stays as it is.
///
/// # Errors
/// [`EnrolError`]. The password is checked, and whether the folder can be used, before the gateway
/// is spoken to.
pub async fn enrol_handset(
    endpoint: &Endpoint,
    activation: &Activation,
    password: &Password,
    folder: &Path,
) -> Result<HandsetFile, EnrolError> {
    let Subject::Customer(customer) = activation.subject else {
        return Err(EnrolError::OtherRole(activation.subject));
    };
    check_password(password)?;
    let device = match HandsetFile::open_if_there(folder)? {
        None => DeviceId(rand::random()),
        Some(file) if file.id().customer == customer => file.id().device,
        Some(file) => return Err(EnrolError::InUse(Subject::Customer(file.id().customer))),
    };
    let id = HandsetId { customer, device };
    let salt = Salt(rand::random());
    let secret = DeviceSecret::from_bytes(rand::random());
    let stretched = stretched(password, salt).await;
    let keys = HandsetSecrets::derive(&secret, &stretched, &customer, &device).device_keys();
    let file = HandsetFile {
        folder: folder.to_owned(),
        gateway: activation.gateway.clone(),
        root: activation.root.into(),
        id,
        salt,
        secret,
        server: keys.server.clone(),
        key: PeerKey::generate()?,
    };
    let draft = file.draft()?;
    let code = &activation.code;
    enrol(endpoint, activation, &file.key, |channel, spki| {
        Enrol::Handset(Box::new(EnrolHandset::new(id, salt, keys, code, (channel, spki))))
    })
    .await?;
    draft.keep()?;
    Ok(file)
}

/// Enrols a terminal, a store controller or a carrier hub, and keeps in `folder` all that it needs
/// from then on.
///
/// If the folder holds the same peer already, its key is changed.
///
/// # Errors
/// [`EnrolError`]. Whether the folder can be used is checked before the gateway is spoken to.
pub async fn enrol_peer(
    endpoint: &Endpoint,
    activation: &Activation,
    folder: &Path,
) -> Result<PeerFile, EnrolError> {
    let Subject::Peer(peer) = activation.subject else {
        return Err(EnrolError::OtherRole(activation.subject));
    };
    check_free(PeerFile::open_if_there(folder)?.as_ref(), peer)?;
    let file = PeerFile {
        folder: folder.to_owned(),
        gateway: activation.gateway.clone(),
        root: activation.root.into(),
        peer,
        key: PeerKey::generate()?,
    };
    let draft = file.draft()?;
    enrol(endpoint, activation, &file.key, |channel, spki| {
        Enrol::Peer(EnrolPeer::new(peer, &activation.code, channel, spki))
    })
    .await?;
    draft.keep()?;
    Ok(file)
}

fn check_free(found: Option<&PeerFile>, peer: PeerName) -> Result<(), EnrolError> {
    match found {
        Some(file) if file.peer != peer => Err(EnrolError::InUse(Subject::Peer(file.peer))),
        Some(_) | None => Ok(()),
    }
}

async fn enrol(
    endpoint: &Endpoint,
    activation: &Activation,
    key: &PeerKey,
    say: impl FnOnce(&ChannelBinding, &SpkiHash) -> Enrol,
) -> Result<(), EnrolError> {
    let spki = SpkiHash(key.pin());
    let say = |channel| v1::Enrol::from(&say(&channel, &spki));
    let exchanging = async {
        let gateway = resolve(endpoint, &activation.gateway).await?;
        exchange(endpoint, gateway, RootPin::from(activation.root), key, say).await
    };
    let answer = timeout(WITHIN, exchanging).await.unwrap_or(Err(ConnectError::TimedOut))?;
    match EnrolAnswer::parse(&answer)? {
        EnrolAnswer::Enrolled { .. } => Ok(()),
        EnrolAnswer::Refused(refusal) => Err(EnrolError::Refused(Box::new(refusal))),
    }
}
