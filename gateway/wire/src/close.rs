//! Numbers the ways in which a connection is closed.

use crate::v1::CloseCode;

impl CloseCode {
    /// Every code, in the order of the numbers.
    pub const ALL: [Self; 14] = [
        Self::Done,
        Self::Protocol,
        Self::FrameTooLong,
        Self::UnknownMessage,
        Self::NotEnrolled,
        Self::Busy,
        Self::ShuttingDown,
        Self::Superseded,
        Self::TooSlow,
        Self::HandshakeTimeout,
        Self::VersionUnsupported,
        Self::AddressChanged,
        Self::Internal,
        Self::Distrust,
    ];

    /// Tells the QUIC application error code.
    pub fn number(self) -> u32 {
        i32::from(self).unsigned_abs()
    }

    /// Finds the code that a QUIC application error code stands for, if it is one of ours.
    pub fn from_number(number: u64) -> Option<Self> {
        i32::try_from(number).ok().and_then(|number| Self::try_from(number).ok())
    }

    /// Tells the name in the schema without its prefix, in small letters: `frame_too_long`. It is
    /// the reason phrase of the QUIC frame.
    pub fn name(self) -> String {
        let name = self.as_str_name();
        name.strip_prefix("CLOSE_CODE_").unwrap_or(name).to_ascii_lowercase()
    }

    /// Tells whether a client should connect again by itself, after a pause.
    pub const fn invites_back(self) -> bool {
        match self {
            Self::Done
            | Self::Busy
            | Self::ShuttingDown
            | Self::TooSlow
            | Self::HandshakeTimeout
            | Self::AddressChanged
            | Self::Internal => true,
            Self::Protocol
            | Self::FrameTooLong
            | Self::UnknownMessage
            | Self::NotEnrolled
            | Self::Superseded
            | Self::VersionUnsupported
            | Self::Distrust => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_leads_to_its_code_and_no_other_number_does() {
        for (number, code) in (0_u64..).zip(CloseCode::ALL) {
            assert_eq!(u64::from(code.number()), number);
            assert_eq!(CloseCode::from_number(number), Some(code));
        }
        for number in [14, 15, 0x100, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(CloseCode::from_number(number), None, "{number}");
        }
        assert_eq!(CloseCode::FrameTooLong.name(), "frame_too_long");
    }
}
