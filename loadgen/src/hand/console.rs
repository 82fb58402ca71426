//! A real terminal: echoes what may be seen, and nothing of a password.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::keyboard::{Source, Typed, line_of, read_line};

/// What the program exits with when it is interrupted.
pub(super) const INTERRUPTED: i32 = 130;

/// How the terminal was before its echo was taken.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal without echo. It has it again once this is dropped.
pub(super) struct Concealed(());

impl Drop for Concealed {
    fn drop(&mut self) {
        restore();
    }
}

/// Takes the echo of the terminal on standard input.
///
/// What was typed before was echoed: somebody may have read it, so it is thrown away.
pub(super) fn conceal() -> io::Result<Concealed> {
    let before = tcgetattr(io::stdin())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    let concealed = Concealed(());
    tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
    Ok(concealed)
}

/// Gives the terminal its echo back, if it was taken.
pub(super) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // There is nobody to tell, and nothing else to try.
        tcsetattr(io::stdin(), OptionalActions::Now, &before).ok();
    }
}

/// Reads the terminal on standard input.
pub(super) struct Console;

/// Longest line that a terminal gives, in bytes.
const LONGEST: usize = 4_096;

impl Source for Console {
    fn shown(&mut self) -> Typed {
        // The standard input has a buffer of its own, which lives on between lines.
        read_line(&mut io::stdin().lock())
    }

    fn hidden(&mut self) -> Typed {
        // Past that buffer, which nobody wipes. It is empty: a terminal gives one line at a time.
        let mut bytes = Zeroizing::new([0; LONGEST]);
        loop {
            match rustix::io::read(io::stdin(), bytes.as_mut_slice()) {
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Typed::End,
                Ok(length) => return line_of(bytes.get(..length).unwrap_or_default()),
            }
        }
    }
}
