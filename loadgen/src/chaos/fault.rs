//! What is done to a gateway, and what it takes to do it.

use clap::ValueEnum;
use serde::{Serialize, Serializer};

/// Something that happens to a gateway while it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Fault {
    /// SIGKILL under load, now and then again while it starts
    Kill,
    /// The disk fails a sync (fdatasync gives EIO); needs strace
    Eio,
    /// The disk is full: soon, and then wholly; needs a small file system
    Enospc,
    /// Every sync takes long, then SIGKILL; needs strace
    Slow,
    /// SIGSTOP, and SIGCONT some seconds later
    Stop,
    /// A segment of the journal is cut short between a kill and the start
    Truncate,
    /// A bit of the journal is flipped between a kill and the start
    Flip,
}

impl Fault {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 7] =
        [Self::Kill, Self::Eio, Self::Enospc, Self::Slow, Self::Stop, Self::Truncate, Self::Flip];

    /// Names it on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Eio => "eio",
            Self::Enospc => "enospc",
            Self::Slow => "slow",
            Self::Stop => "stop",
            Self::Truncate => "truncate",
            Self::Flip => "flip",
        }
    }

    /// Whether strace must be there.
    #[must_use]
    pub const fn needs_strace(self) -> bool {
        matches!(self, Self::Eio | Self::Slow)
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;
    use clap::ValueEnum;

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(Fault::ALL.as_slice(), Fault::value_variants());
        for fault in Fault::ALL {
            assert_eq!(fault.to_possible_value().unwrap().get_name(), fault.name());
        }
    }
}
