//! The id of a handset's registration.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::hex;

/// Names one enrolled handset of a customer; 16 random bytes, shown in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceId(pub [u8; 16]);

/// Says that a text is no device id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a device id is 32 hexadecimal digits")]
pub struct DeviceIdError;

impl DeviceId {
    /// Lends the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for DeviceId {
    type Err = DeviceIdError;

    fn from_str(text: &str) -> Result<Self, DeviceIdError> {
        hex::decode(text).map(Self).ok_or(DeviceIdError)
    }
}

impl TryFrom<&[u8]> for DeviceId {
    type Error = DeviceIdError;

    fn try_from(bytes: &[u8]) -> Result<Self, DeviceIdError> {
        bytes.try_into().map(Self).map_err(|_wrong_length| DeviceIdError)
    }
}

impl From<[u8; 16]> for DeviceId {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::fmt(&self.0, f)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_and_parsed_in_hexadecimal() {
        let text = "101112131415161718191a1b1c1d1eff";
        let device: DeviceId = text.parse().unwrap();
        assert_eq!(device.as_bytes()[..2], [0x10, 0x11]);
        assert_eq!(device.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(device));
        assert_eq!(DeviceId::try_from(&device.as_bytes()[..]), Ok(device));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "10", "101112131415161718191a1b1c1d1e", "é", "+0112131415161718191a1b1c1d1e1f0"]
        {
            assert_eq!(text.parse::<DeviceId>(), Err(DeviceIdError), "{text}");
        }
        assert_eq!(DeviceId::try_from(&[0; 15][..]), Err(DeviceIdError));
        assert_eq!(DeviceId::try_from(&[0; 17][..]), Err(DeviceIdError));
    }
}
