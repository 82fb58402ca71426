//! Holds what belongs to the connection, not to a payment: greeting, limits, refusals.

use std::borrow::Cow;

use bytes::Bytes;
use kessai_terms::collation::GatewayNonce;
use kessai_terms::{JournalReceipt, Reason, Text};

use crate::VERSIONS;
use crate::faults::Faults;
use crate::field::{self, FieldError};
use crate::identity::Identity;
use crate::limits::{MAX_ROUTE, MAX_SOFTWARE_NAME, MAX_VERSIONS};
use crate::receipt;
use crate::v1;

/// Names a piece of software, for the other side's log.
pub type SoftwareName = Text<MAX_SOFTWARE_NAME>;

/// Opens the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Who speaks, if it says so; what counts is the key's enrolment.
    pub from: Option<Identity>,
    /// The protocol versions that the peer speaks.
    pub versions: Vec<u32>,
    /// The peer's software, if it says so.
    pub software: Option<SoftwareName>,
    /// The highest receipt that it holds of this gateway, if it holds one.
    pub receipt: Option<JournalReceipt>,
}

impl Hello {
    /// Tells the highest version that this peer and this crate speak.
    pub fn agreed_version(&self) -> Option<u32> {
        self.versions.iter().copied().filter(|version| VERSIONS.contains(version)).max()
    }

    pub(crate) fn parse(from: Option<Identity>, message: &v1::Hello) -> Result<Self, Reason> {
        let mut faults = Faults::default();
        if message.versions.is_empty() || message.versions.len() > MAX_VERSIONS {
            faults.note(Reason::Malformed);
        }
        let software = match message.software.as_str() {
            "" => None,
            name => faults.keep(SoftwareName::new(name)),
        };
        let receipt = match message.receipt.as_ref().map(receipt::parse) {
            None => None,
            Some(parsed) => faults.keep(parsed.map_err(|_wrong_length| Reason::Malformed)),
        };
        faults.into_result()?;
        Ok(Self { from, versions: message.versions.clone(), software, receipt })
    }

    pub(crate) fn to_message(&self) -> v1::Hello {
        v1::Hello {
            versions: self.versions.clone(),
            software: self.software.as_ref().map(ToString::to_string).unwrap_or_default(),
            receipt: self.receipt.as_ref().map(receipt::to_message),
        }
    }
}

/// Answers a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The version that both speak from now on.
    pub version: u32,
    /// The gateway's clock, from which payment ids are made.
    pub gateway_time_ms: u64,
    /// The token to send back in every later request.
    pub route: Bytes,
    /// What this connection may do at once.
    pub limits: Limits,
    /// The gateway instance.
    pub gateway: SoftwareName,
    /// With what handsets attach through this connection, if it is a carrier hub's.
    pub hub_nonce: Option<GatewayNonce>,
}

/// Bounds a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest frame that the gateway reads, in bytes.
    pub max_frame_bytes: u32,
    /// How many requests may be unanswered at once.
    pub max_in_flight: u32,
    /// After how long a silence the connection is dropped.
    pub idle_timeout_ms: u32,
}

impl Welcome {
    pub(crate) fn parse(message: &v1::Welcome) -> Result<Self, FieldError> {
        if !VERSIONS.contains(&message.version) {
            return Err(FieldError("version"));
        }
        if message.route.len() > MAX_ROUTE {
            return Err(FieldError("route"));
        }
        let limits = message.limits.as_ref().ok_or(FieldError("limits"))?;
        Ok(Self {
            version: message.version,
            gateway_time_ms: message.gateway_time_ms,
            // Copied: it outlives the frame, whose memory it would hold.
            route: Bytes::copy_from_slice(&message.route),
            limits: Limits {
                max_frame_bytes: limits.max_frame_bytes,
                max_in_flight: limits.max_in_flight,
                idle_timeout_ms: limits.idle_timeout_ms,
            },
            gateway: field::text("gateway", &message.gateway)?,
            hub_nonce: field::optional_bytes("hub_nonce", &message.hub_nonce)?.map(GatewayNonce),
        })
    }

    pub(crate) fn to_message(&self) -> v1::Welcome {
        v1::Welcome {
            version: self.version,
            gateway_time_ms: self.gateway_time_ms,
            route: self.route.clone(),
            limits: Some(v1::Limits {
                max_frame_bytes: self.limits.max_frame_bytes,
                max_in_flight: self.limits.max_in_flight,
                idle_timeout_ms: self.limits.idle_timeout_ms,
            }),
            gateway: self.gateway.to_string(),
            hub_nonce: field::optional_copy(self.hub_nonce.as_ref().map(GatewayNonce::as_bytes)),
        }
    }
}

/// Refuses a request, which has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Whether asking again can help.
    pub retry: Retry,
    /// A sentence for whoever stands in front of the peer's screen.
    pub text: Cow<'static, str>,
}

/// Says whether asking again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request would be refused again.
    Never,
    /// The same request may be sent again at once.
    Same,
    /// The same request may be sent again later.
    Later {
        /// After at least so long.
        after_ms: u32,
    },
}

impl Retry {
    /// Tells what follows from a reason: what is only too much at the moment may be asked again.
    pub const fn advised(reason: Reason, pause_ms: u32) -> Self {
        match reason {
            Reason::ShuttingDown
            | Reason::Busy
            | Reason::TooManyRequests
            | Reason::TooManyPending
            | Reason::StorageLow => Self::Later { after_ms: pause_ms },
            _ => Self::Never,
        }
    }
}

impl Refusal {
    /// Refuses a terminal, which is told no more than it may know.
    ///
    /// What is only too much at the moment may be asked again after `pause_ms`.
    pub const fn to_terminal(reason: Reason, pause_ms: u32) -> Self {
        let told = reason.told_to_terminal();
        Self {
            reason: told,
            retry: Retry::advised(told, pause_ms),
            text: Cow::Borrowed(told.clerk_text()),
        }
    }

    /// Refuses a handset, which is told all.
    ///
    /// What is only too much at the moment may be asked again after `pause_ms`.
    pub const fn to_handset(reason: Reason, pause_ms: u32) -> Self {
        Self {
            reason,
            retry: Retry::advised(reason, pause_ms),
            text: Cow::Borrowed(reason.customer_text()),
        }
    }

    pub(crate) fn parse(message: &v1::Refusal) -> Result<Self, FieldError> {
        let retry = match v1::Retry::try_from(message.retry) {
            Ok(v1::Retry::Never) => Retry::Never,
            Ok(v1::Retry::Same) => Retry::Same,
            Ok(v1::Retry::Later) => Retry::Later { after_ms: message.retry_after_ms },
            Ok(v1::Retry::Unspecified) | Err(_) => return Err(FieldError("retry")),
        };
        Ok(Self {
            reason: field::reason(message.reason)?,
            retry,
            text: Cow::Owned(message.text.clone()),
        })
    }

    pub(crate) fn to_message(&self) -> v1::Refusal {
        let (retry, retry_after_ms) = match self.retry {
            Retry::Never => (v1::Retry::Never, 0),
            Retry::Same => (v1::Retry::Same, 0),
            Retry::Later { after_ms } => (v1::Retry::Later, after_ms),
        };
        v1::Refusal {
            reason: self.reason.number().into(),
            field39: self.reason.field39().to_owned(),
            text: self.text.to_string(),
            retry: retry.into(),
            retry_after_ms,
        }
    }
}
