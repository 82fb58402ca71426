//! Names who speaks, and who is spoken to.

use std::fmt;

use bytes::Bytes;
use kessai_terms::collation::PeerName;
use kessai_terms::{ControllerId, CustomerId, DeviceId, HubId, TerminalId};

use crate::field::{self, FieldError};
use crate::v1;

/// Names one enrolled party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A terminal of a store.
    Terminal(TerminalId),
    /// A customer's handset.
    Handset(Handset),
    /// A store controller, which carries many terminals.
    Controller(ControllerId),
    /// A carrier hub, which carries many handsets.
    Hub(HubId),
}

/// Names one device of one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handset {
    /// Whose it is.
    pub customer: CustomerId,
    /// Which of the customer's devices.
    pub device: DeviceId,
}

impl Identity {
    /// Checks the identity that a message names.
    ///
    /// # Errors
    /// [`FieldError`] names the part that no such party can have.
    pub fn parse(message: &v1::Identity) -> Result<Self, FieldError> {
        match message.kind.as_ref().ok_or(FieldError("identity"))? {
            v1::identity::Kind::Terminal(id) => field::text("terminal", id).map(Self::Terminal),
            v1::identity::Kind::Controller(id) => {
                field::text("controller", id).map(Self::Controller)
            }
            v1::identity::Kind::Hub(id) => field::text("hub", id).map(Self::Hub),
            v1::identity::Kind::Handset(handset) => Handset::parse(handset).map(Self::Handset),
        }
    }

    pub(crate) fn parse_optional(
        message: Option<&v1::Identity>,
    ) -> Result<Option<Self>, FieldError> {
        message.map(Self::parse).transpose()
    }
}

impl Handset {
    pub(crate) fn parse(message: &v1::Handset) -> Result<Self, FieldError> {
        Ok(Self {
            customer: field::text("customer_id", &message.customer_id)?,
            device: DeviceId(field::bytes("device_id", &message.device_id)?),
        })
    }

    pub(crate) fn to_message(self) -> v1::Handset {
        v1::Handset {
            customer_id: self.customer.to_string(),
            device_id: Bytes::copy_from_slice(self.device.as_bytes()),
        }
    }
}

impl From<PeerName> for Identity {
    fn from(peer: PeerName) -> Self {
        match peer {
            PeerName::Terminal(id) => Self::Terminal(id),
            PeerName::Controller(id) => Self::Controller(id),
            PeerName::Hub(id) => Self::Hub(id),
        }
    }
}

impl From<Identity> for v1::Identity {
    fn from(identity: Identity) -> Self {
        let kind = match identity {
            Identity::Terminal(id) => v1::identity::Kind::Terminal(id.to_string()),
            Identity::Controller(id) => v1::identity::Kind::Controller(id.to_string()),
            Identity::Hub(id) => v1::identity::Kind::Hub(id.to_string()),
            Identity::Handset(handset) => v1::identity::Kind::Handset(handset.to_message()),
        };
        Self { kind: Some(kind) }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal(id) => write!(f, "terminal {id}"),
            Self::Handset(handset) => write!(f, "handset {handset}"),
            Self::Controller(id) => write!(f, "controller {id}"),
            Self::Hub(id) => write!(f, "hub {id}"),
        }
    }
}

impl fmt::Display for Handset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.customer, self.device)
    }
}
