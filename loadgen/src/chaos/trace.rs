//! Has strace make syncs fail or take long, and reads from its log when.
//!
//! strace runs beside the gateway, as a process that ends with it; the gateway itself stays the one
//! that was started.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::ChaosError;

/// What strace does to syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Injection {
    /// The so many-th of a thread fails with EIO.
    Fails(u32),
    /// Each takes so much longer.
    Delays(Duration),
}

/// The program that injects.
const STRACE: &str = "strace";

/// Makes sure that strace is there, and lets itself be used.
///
/// # Errors
/// [`ChaosError::Tool`].
pub(super) fn check() -> Result<(), ChaosError> {
    let missing = |problem: String| ChaosError::Tool { tool: STRACE, problem };
    let tried = Command::new(STRACE)
        .args(["-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=fdatasync", "-o", "/dev/null"])
        .arg("true")
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(missing(said.lines().last().unwrap_or("it fails").to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(missing("it is not there: install the package strace".to_owned()))
        }
        Err(error) => Err(missing(error.to_string())),
    }
}

/// A log of syncs.
#[derive(Debug)]
pub(super) struct Trace {
    injection: Injection,
    log: PathBuf,
}

impl Trace {
    /// Prepares to inject; what is logged goes to a new file at `log`.
    pub(super) const fn new(injection: Injection, log: PathBuf) -> Self {
        Self { injection, log }
    }

    /// What stands before the gateway's program on the command line.
    pub(super) fn wrapper(&self) -> Vec<String> {
        let inject = match self.injection {
            Injection::Fails(when) => format!("inject=fdatasync:error=EIO:when={when}"),
            Injection::Delays(by) => format!("inject=fdatasync:delay_enter={}", by.as_micros()),
        };
        let log = self.log.to_string_lossy().into_owned();
        let words = [STRACE, "-D", "-f", "-qq", "--seccomp-bpf", "-ttt", "-e", "trace=fdatasync"];
        let then = ["-e", "signal=none", "-e", &inject, "-o", &log];
        words.into_iter().chain(then).map(ToOwned::to_owned).collect()
    }

    /// When a sync failed first, since the Unix epoch; nothing if none did.
    pub(super) fn failed_at(&self) -> Option<Duration> {
        std::fs::read_to_string(&self.log).ok()?.lines().find_map(failure)
    }
}

/// Reads a line as `4711 1763832132.123456 fdatasync(7) = -1 EIO (Input/output error) (INJECTED)`.
fn failure(line: &str) -> Option<Duration> {
    if !line.contains(" EIO ") {
        return None;
    }
    let (seconds, micros) = line.split_whitespace().nth(1)?.split_once('.')?;
    Some(Duration::from_secs(seconds.parse().ok()?) + Duration::from_micros(micros.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Injection, Trace, failure};
    use std::time::Duration;

    #[test]
    fn the_moment_of_a_failure_is_read() {
        let check = |line: &str, expected| assert_eq!(failure(line), expected, "{line}");
        let at = Duration::from_micros(1_763_832_132_123_456);
        let failed = "7 1763832132.123456 fdatasync(7) = -1 EIO (Input/output error) (INJECTED)";
        check(failed, Some(at));
        check(&failed.replace("fdatasync(7)", "<... fdatasync resumed>)"), Some(at));
        check("7 1763832132.123456 fdatasync(7) = 0", None);
        check("EIO EIO EIO", None);
    }

    #[test]
    fn what_is_injected_stands_on_the_command_line() {
        let words = |injection| Trace::new(injection, "log".into()).wrapper().join(" ");
        assert!(words(Injection::Fails(7)).contains("inject=fdatasync:error=EIO:when=7"));
        let slow = words(Injection::Delays(Duration::from_millis(20)));
        assert!(slow.contains("inject=fdatasync:delay_enter=20000"), "{slow}");
    }
}
