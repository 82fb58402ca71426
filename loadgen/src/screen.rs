//! Shows a run while it goes on: as a picture in a terminal, as plain lines anywhere else.
//!
//! The picture takes the terminal over and gives it back however the run ends: at its end, on
//! Ctrl-C, and when the program panics.

mod live;
mod plain;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::board::Board;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a picture that is drawn anew, in colours.
    Colour,
    /// As a picture that is drawn anew, without colours.
    Monochrome,
    /// As lines, one a second.
    Plain,
}

impl Mode {
    /// Chooses what standard output and the environment allow: a picture on a terminal that can
    /// move its cursor, colours unless `NO_COLOR` is set.
    #[must_use]
    pub fn detect() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self::choose(io::stdout().is_terminal(), dumb, set("NO_COLOR"))
    }

    const fn choose(is_terminal: bool, is_dumb: bool, no_colour: bool) -> Self {
        match (is_terminal, is_dumb, no_colour) {
            (false, _, _) | (true, true, _) => Self::Plain,
            (true, false, true) => Self::Monochrome,
            (true, false, false) => Self::Colour,
        }
    }
}

/// What the person at the keyboard wants of the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// No more payments: those under way come to their end, then all is audited.
    Drain,
    /// The same; wished for a second time, an end at once.
    Quit,
}

/// How often the picture is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How often a line is printed.
const LINE: Duration = Duration::from_secs(1);

/// A thread that shows a run. Dropping it ends it and gives the terminal back.
#[derive(Debug)]
pub struct Screen {
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Begins to show a run under `title`. `wished` is called when the person at the keyboard presses
    /// d, q or Ctrl-C; other keys turn the rate.
    ///
    /// If the picture cannot be drawn, lines are printed instead.
    ///
    /// # Errors
    /// [`io::Error`] if there is no thread to be had.
    pub fn show(
        board: Arc<Board>,
        mode: Mode,
        title: String,
        wished: impl Fn(Wish) + Send + 'static,
    ) -> io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("screen".into()).spawn(move || {
            let drawn = match mode {
                Mode::Plain => None,
                Mode::Colour | Mode::Monochrome => live::Live::start(mode, title.clone()).ok(),
            };
            match drawn {
                Some(mut live) => {
                    while ended.recv_timeout(FRAME) == Err(RecvTimeoutError::Timeout) {
                        if live.draw(&board, &wished).is_err() {
                            return;
                        }
                    }
                }
                None => {
                    let mut plain = plain::Plain::start(&title);
                    while ended.recv_timeout(LINE) == Err(RecvTimeoutError::Timeout) {
                        plain.print(&board.view());
                    }
                }
            }
        })?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }

    /// Stops showing, and returns when the terminal is as it was.
    pub fn close(mut self) {
        self.end_thread();
    }

    fn end_thread(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was reported from there.
            drop(thread.join());
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end_thread();
    }
}

/// Gives the terminal back at once, from wherever the program ends.
pub fn restore() {
    live::restore();
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn the_picture_is_for_terminals_only() {
        assert_eq!(Mode::choose(true, false, false), Mode::Colour);
        assert_eq!(Mode::choose(true, false, true), Mode::Monochrome);
        assert_eq!(Mode::choose(true, true, false), Mode::Plain);
        assert_eq!(Mode::choose(false, false, false), Mode::Plain);
    }
}
