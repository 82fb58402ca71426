//! Reads and writes activation strings: all that a new peer needs to be enrolled, in one line.

use std::fmt;
use std::str::FromStr;

use kessai_terms::CustomerId;
use kessai_terms::collation::{ActivationCode, PeerName, SpkiHash};
use thiserror::Error;

use crate::address::GatewayAddress;

/// Is what the processor hands to whoever is to be enrolled: where the gateway is, how to know it,
/// as whom to enrol, and the code that permits it, once.
///
/// Its text is secret for as long as the code is good. [`Display`](fmt::Display) writes it,
/// [`Debug`](fmt::Debug) leaves the code out.
///
/// ```
/// use kessai_wire::{Activation, ActivationError};
///
/// let text = format!(
///     "kessai1:pay.example:4433:customer:1234-567-890:{}:{}:82ee990d",
///     "3031323334353637".repeat(4),
///     "909192939495969798999a9b9c9d9e9f",
/// );
/// let activation: Activation = text.parse()?;
/// assert_eq!(activation.gateway.as_str(), "pay.example:4433");
/// assert_eq!(activation.to_string(), text);
///
/// let mistyped = text.replace("567", "576");
/// assert_eq!(mistyped.parse::<Activation>().err(), Some(ActivationError::Checksum));
/// # Ok::<(), ActivationError>(())
/// ```
#[derive(Clone)]
pub struct Activation {
    /// Where the gateway is.
    pub gateway: GatewayAddress,
    /// The SHA-256 of the root key's `SubjectPublicKeyInfo`, by which the gateway is known.
    pub root: SpkiHash,
    /// As whom to enrol.
    pub subject: Subject,
    /// What permits it.
    pub code: ActivationCode,
}

/// Says as whom a key is enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// As a handset of this customer.
    Customer(CustomerId),
    /// As this terminal, controller or hub.
    Peer(PeerName),
}

/// Says why a text is no activation string. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ActivationError {
    /// It does not begin as one, or has another number of parts.
    #[error("an activation string begins with `{PREFIX}` and has seven more parts")]
    Shape,
    /// The gateway's address cannot be one.
    #[error("the gateway's address in the activation string is impossible")]
    Gateway,
    /// The role or the id cannot be one.
    #[error("the role or the id in the activation string is impossible")]
    Subject,
    /// The root pin has not 64 hexadecimal digits.
    #[error("the root pin in the activation string has not 64 hexadecimal digits")]
    Root,
    /// The code has not 32 hexadecimal digits.
    #[error("the code in the activation string has not 32 hexadecimal digits")]
    Code,
    /// The checksum does not fit: a character is wrong.
    #[error("the activation string has a typing error")]
    Checksum,
}

/// What every activation string of this version begins with.
const PREFIX: &str = "kessai1:";

/// The role of a customer's handset; the other roles are those of [`PeerName::role`].
const CUSTOMER: &str = "customer";

impl Subject {
    /// Tells the role, as it stands in an activation string.
    pub const fn role(&self) -> &'static str {
        match self {
            Self::Customer(_) => CUSTOMER,
            Self::Peer(peer) => peer.role(),
        }
    }

    /// Lends the id, as it was registered.
    pub fn id(&self) -> &str {
        match self {
            Self::Customer(id) => id.as_str(),
            Self::Peer(peer) => peer.id(),
        }
    }

    /// Takes a role and an id, as they stand in an activation string.
    ///
    /// # Errors
    /// [`ActivationError::Subject`] if there is no such role, or the id is none of that role.
    pub fn parse(role: &str, id: &str) -> Result<Self, ActivationError> {
        let subject = match role {
            CUSTOMER => id.parse().map(Self::Customer),
            "terminal" => id.parse().map(PeerName::Terminal).map(Self::Peer),
            "controller" => id.parse().map(PeerName::Controller).map(Self::Peer),
            "hub" => id.parse().map(PeerName::Hub).map(Self::Peer),
            _ => return Err(ActivationError::Subject),
        };
        subject.map_err(|_| ActivationError::Subject)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role(), self.id())
    }
}

impl FromStr for Activation {
    type Err = ActivationError;

    /// Reads an activation string; space around it, and breaks in it, do not matter.
    fn from_str(text: &str) -> Result<Self, ActivationError> {
        let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        let body = text.strip_prefix(PREFIX).ok_or(ActivationError::Shape)?;
        // From the end: an address may hold colons.
        let mut parts = body.rsplitn(6, ':');
        let mut next = || parts.next().ok_or(ActivationError::Shape);
        let (check, code, root, id, role, gateway) =
            (next()?, next()?, next()?, next()?, next()?, next()?);
        let activation = Self {
            gateway: gateway.parse()?,
            root: SpkiHash(hexadecimal(root).ok_or(ActivationError::Root)?),
            subject: Subject::parse(role, id)?,
            code: hexadecimal(code).map(ActivationCode::from_bytes).ok_or(ActivationError::Code)?,
        };
        match hexadecimal(check).map(u32::from_be_bytes) {
            Some(check) if check == checksum(&activation.unchecked()) => Ok(activation),
            Some(_) | None => Err(ActivationError::Checksum),
        }
    }
}

impl Activation {
    /// Writes all but the checksum.
    fn unchecked(&self) -> String {
        let Self { gateway, root, subject, code } = self;
        let (role, id) = (subject.role(), subject.id());
        let code = Hexadecimal(code.expose());
        format!("{PREFIX}{gateway}:{role}:{id}:{root}:{code}")
    }
}

impl fmt::Display for Activation {
    /// Writes the activation string, which is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unchecked = self.unchecked();
        write!(f, "{unchecked}:{:08x}", checksum(&unchecked))
    }
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activation")
            .field("gateway", &self.gateway)
            .field("root", &self.root)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Finds every error of up to 32 bits in a row, so every one of up to four neighbouring characters.
///
/// # Source
/// CRC-32C, RFC 3720 appendix B.4.
fn checksum(unchecked: &str) -> u32 {
    crc32c::crc32c(unchecked.as_bytes())
}

/// Writes bytes as digits.
struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Takes exactly `2 * N` digits, of either case.
fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut digits = text.chars().map(|digit| digit.to_digit(16));
    let mut bytes = [0; N];
    for byte in &mut bytes {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}
