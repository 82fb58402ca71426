//! Names where a gateway is.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::NonZeroU16;
use std::str::FromStr;

use thiserror::Error;

use crate::activation::ActivationError;

/// Is where a gateway is: `host:port`, the host being a name, an IPv4 address, or an IPv6 address in
/// brackets. It only has the form of an address; whether there is such a host, looking it up tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GatewayAddress(Box<str>);

/// Says that a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an address is a host and a port, as `pay.example:4433` or `[2001:db8::1]:4433`")]
pub struct AddressError;

/// Longest name of a host.
///
/// # Source
/// RFC 1035 section 2.3.4.
const MAX_HOST: usize = 253;

impl GatewayAddress {
    /// Lends it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GatewayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || port.parse::<NonZeroU16>().is_err() || !is_host(host) {
            return Err(AddressError);
        }
        Ok(Self(text.into()))
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[') {
        let address = inside.strip_suffix(']').map(str::parse::<Ipv6Addr>);
        return address.is_some_and(|address| address.is_ok());
    }
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=MAX_HOST).contains(&host.len()) && host.bytes().all(permitted)
}

impl fmt::Display for GatewayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<AddressError> for ActivationError {
    fn from(AddressError: AddressError) -> Self {
        Self::Gateway
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_taken_as_they_are() {
        for text in ["pay.example:4433", "10.0.0.1:1", "[2001:db8::1]:65535", "localhost:4433"] {
            assert_eq!(text.parse::<GatewayAddress>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_has_no_host_or_no_port_is_none() {
        let long = format!("{}:1", "h".repeat(254));
        for text in [
            "",
            ":",
            "host",
            "host:",
            ":4433",
            "host:0",
            "host:65536",
            "host:+1",
            "host: 1",
            "::1:4433",
            "[::1:4433",
            "[::1]",
            "[host]:1",
            "ho st:1",
            "höst:1",
            "a/b:1",
            &long,
        ] {
            assert_eq!(text.parse::<GatewayAddress>(), Err(AddressError), "{text}");
        }
    }
}
