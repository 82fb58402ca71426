//! What the exit code of every command means.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All was well.
    Ok,
    /// The audit found something, or a promise was broken.
    AuditFailed,
    /// The command line is wrong; what clap ends with.
    Usage,
    /// It could not be done.
    CouldNot,
    /// The gateway did not keep its goals.
    GoalMissed,
    /// Something got worse from one run to another.
    Regression,
    /// The load generator itself was the limit.
    GeneratorLimited,
    /// Somebody called it off.
    Interrupted,
}

impl Exit {
    /// The number that the program ends with.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::AuditFailed => 1,
            Self::Usage => 2,
            Self::CouldNot => 3,
            Self::GoalMissed => 4,
            Self::Regression => 5,
            Self::GeneratorLimited => 6,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
