//! A program on a pseudo-terminal of its own: what a person would see of it, and type.

use std::io::{Read, Write};
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty, open};

use crate::mask::mask;

/// How long anything may take on a busy machine.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

const ROWS: u16 = 50;
/// Enough for every table.
const COLUMNS: u16 = 160;

/// A program that runs on a pseudo-terminal. It does not outlive the test.
pub(crate) struct Pane {
    child: Child,
    terminal: Arc<Pty>,
    bytes: Receiver<Vec<u8>>,
    /// All that the terminal ever showed.
    shown: Vec<u8>,
    /// How much of it has been asserted.
    read: usize,
}

impl Pane {
    pub(crate) fn open(command: std::process::Command) -> Self {
        let (terminal, end) = open().expect("a pseudo-terminal");
        terminal.resize(pty_process::Size::new(ROWS, COLUMNS)).expect("a size");
        let child = Command::from(command).spawn(end).expect("the program starts");
        let terminal = Arc::new(terminal);
        let (sender, bytes) = channel();
        let reading = Arc::clone(&terminal);
        thread::spawn(move || {
            let mut buffer = [0; 4_096];
            // Where nobody has the terminal open any more, reading it fails.
            while let Ok(length @ 1..) = (&*reading).read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, terminal, bytes, shown: Vec::new(), read: 0 }
    }

    /// Types a line, and Enter.
    pub(crate) fn enter(&self, line: &str) {
        (&*self.terminal).write_all(format!("{line}\r").as_bytes()).expect("somebody reads it");
    }

    /// Waits for a line that contains `words`, and gives all that was shown up to its end since the
    /// last time, masked.
    pub(crate) fn until(&mut self, words: &str) -> String {
        mask(&self.unmasked_until(words))
    }

    /// Waits as [`until`](Self::until) does, and gives what was shown as it is.
    pub(crate) fn unmasked_until(&mut self, words: &str) -> String {
        let deadline = Instant::now() + WITHIN;
        loop {
            let unread = self.unread();
            let end = unread.find(words).and_then(|at| Some(at + unread[at..].find('\n')? + 1));
            if let Some(end) = end {
                self.read += end;
                return unread[..end].replace("\r\n", "\n");
            }
            match self.bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("`{words}` did not come")),
                Err(RecvTimeoutError::Disconnected) => self.fail(&format!("`{words}` never came")),
            }
        }
    }

    /// Waits for the program to end by itself; gives its exit code and what it still showed.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + WITHIN;
        loop {
            match self.bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(RecvTimeoutError::Timeout) => self.fail("it does not end"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let rest = self.unread().replace("\r\n", "\n");
        self.read = self.shown.len();
        // It has left its terminal.
        (self.child.wait().expect("it ended").code(), mask(&rest))
    }

    /// Shows the screen as a terminal does: without what was drawn over or wiped.
    pub(crate) fn screen(&self) -> String {
        let [rows, columns] = [ROWS, COLUMNS].map(|size| size.try_into().expect("some"));
        let mut screen = vt100::Parser::new(rows, columns, 0);
        screen.process(&self.shown);
        screen.screen().contents()
    }

    /// Checks that no four characters in a row of a secret were ever shown.
    pub(crate) fn check_hidden(&self, secret: &str) {
        let shown = String::from_utf8_lossy(&self.shown);
        for part in secret.as_bytes().windows(4) {
            let part = std::str::from_utf8(part).expect("a secret in ASCII");
            assert!(!shown.contains(part), "`{part}` of a secret was shown:\n{shown}");
        }
    }

    /// What was shown since the last assertion. A character may still be in two pieces: then its
    /// first one is left for later.
    fn unread(&self) -> String {
        let bytes = &self.shown[self.read..];
        let whole = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        whole.to_owned()
    }

    fn fail(&self, what: &str) -> ! {
        let shown = String::from_utf8_lossy(&self.shown);
        panic!("{what}; on the screen until now:\n{shown}\n(the end of the screen)");
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
