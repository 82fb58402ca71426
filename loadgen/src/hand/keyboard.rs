//! What a person types, a line at a time, and only when it is asked for.
//!
//! A thread reads, because reading a terminal cannot be broken off. It reads no line before the
//! conversation wants one: whether the next one may be echoed is known only then.

use std::io::{self, BufRead, IsTerminal, Read};
use std::sync::mpsc as std_mpsc;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::console;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line, without its end. It may be a password.
    Line(Zeroizing<String>),
    /// Nothing, and nothing will be.
    End,
    /// Ctrl-C, or a request to terminate.
    Interrupted,
}

/// How a line is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Shown,
    Hidden,
}

/// Where lines come from.
pub(super) trait Source: Send + 'static {
    /// Reads a line that may be seen.
    fn shown(&mut self) -> Typed;
    /// Reads a line that may not.
    fn hidden(&mut self) -> Typed;
}

/// Asks for lines.
#[derive(Debug)]
pub(super) struct Keyboard {
    wanted: std_mpsc::Sender<Wanted>,
    typed: mpsc::UnboundedReceiver<Typed>,
    echo: Echo,
    /// A line is being waited for already.
    asked: bool,
}

/// Whether what is typed is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Echo {
    /// On a terminal, until that is told otherwise.
    Terminal,
    /// Nobody sees what comes from a file or a pipe.
    None,
}

impl Keyboard {
    /// Reads standard input: a terminal without echo where a password is typed, anything else as it
    /// comes. Ctrl-C is told as well; at the second one the program ends at once.
    pub(super) fn standard() -> io::Result<Self> {
        let (keyboard, typed) = if io::stdin().is_terminal() {
            Self::reading(console::Console, Echo::Terminal)?
        } else {
            Self::reading(Plain(io::BufReader::new(io::stdin())), Echo::None)?
        };
        let (mut pressed, mut asked) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(async move {
            for before in 0.. {
                tokio::select! {
                    _ = pressed.recv() => {}
                    _ = asked.recv() => {}
                }
                console::restore();
                if before > 0 || typed.send(Typed::Interrupted).is_err() {
                    std::process::exit(console::INTERRUPTED);
                }
            }
        });
        Ok(keyboard)
    }

    fn reading(
        mut source: impl Source,
        echo: Echo,
    ) -> io::Result<(Self, mpsc::UnboundedSender<Typed>)> {
        let (wanted, wants) = std_mpsc::channel();
        let (sender, typed) = mpsc::unbounded_channel();
        let also = sender.clone();
        thread::Builder::new().name("keyboard".into()).spawn(move || {
            while let Ok(wanted) = wants.recv() {
                let typed = match wanted {
                    Wanted::Shown => source.shown(),
                    Wanted::Hidden => source.hidden(),
                };
                if sender.send(typed).is_err() {
                    return;
                }
            }
        })?;
        Ok((Self { wanted, typed, echo, asked: false }, also))
    }

    /// Waits for a line. May be dropped and called again: no line is lost.
    pub(super) async fn line(&mut self) -> Typed {
        self.wait(Wanted::Shown).await
    }

    /// Asks for a line that must not be seen, and waits for it. No other line may be waited for.
    ///
    /// It is asked for only once nothing is echoed any more, however fast somebody types.
    pub(super) async fn hidden(&mut self, ask: impl FnOnce()) -> Typed {
        let concealed = match self.echo {
            Echo::None => None,
            Echo::Terminal => match console::conceal() {
                Ok(concealed) => Some(concealed),
                // Rather no password than one that everybody around can read.
                Err(_) => return Typed::End,
            },
        };
        ask();
        let typed = self.wait(Wanted::Hidden).await;
        drop(concealed);
        typed
    }

    async fn wait(&mut self, wanted: Wanted) -> Typed {
        if !self.asked {
            if self.wanted.send(wanted).is_err() {
                return Typed::End;
            }
            self.asked = true;
        }
        let typed = self.typed.recv().await.unwrap_or(Typed::End);
        if typed != Typed::Interrupted {
            self.asked = false;
        }
        typed
    }
}

/// Longest line that is read at a time, in bytes.
const LONGEST: u64 = 4_096;

/// Reads a file or a pipe, where nothing is echoed anyway.
struct Plain<R>(R);

impl<R: BufRead + Send + 'static> Source for Plain<R> {
    fn shown(&mut self) -> Typed {
        read_line(&mut self.0)
    }

    fn hidden(&mut self) -> Typed {
        read_line(&mut self.0)
    }
}

/// Reads one line. What is not UTF-8 in it is replaced.
pub(super) fn read_line(reader: &mut impl BufRead) -> Typed {
    let mut bytes = Zeroizing::new(Vec::new());
    match reader.take(LONGEST).read_until(b'\n', &mut bytes) {
        Err(_) => Typed::End,
        Ok(_) => line_of(&bytes),
    }
}

/// Makes a line of what was read; of nothing, the end.
pub(super) fn line_of(bytes: &[u8]) -> Typed {
    if bytes.is_empty() {
        return Typed::End;
    }
    let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
    Typed::Line(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
impl Keyboard {
    /// Types a text.
    pub(super) fn typing(text: &'static str) -> Self {
        Self::reading(Plain(io::Cursor::new(text)), Echo::None).unwrap().0
    }
}

#[cfg(test)]
mod tests {
    use super::{Keyboard, Typed};

    #[tokio::test]
    async fn lines_come_in_order_hidden_or_not_until_the_end() {
        let mut keyboard = Keyboard::typing("one\r\n\ntwo\nthree");
        let line = |text: &str| Typed::Line(text.to_owned().into());
        assert_eq!(keyboard.line().await, line("one"));
        assert_eq!(keyboard.line().await, line(""));
        let mut asked = 0;
        assert_eq!(keyboard.hidden(|| asked += 1).await, line("two"));
        assert_eq!(keyboard.line().await, line("three"));
        assert_eq!(keyboard.line().await, Typed::End);
        assert_eq!(keyboard.hidden(|| asked += 1).await, Typed::End);
        assert_eq!(asked, 2);
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_loses_no_line() {
        let mut keyboard = Keyboard::typing("one\ntwo\n");
        tokio::select! {
            biased;
            () = std::future::ready(()) => {}
            typed = keyboard.line() => panic!("{typed:?}"),
        }
        drop(Box::pin(keyboard.line()));
        assert_eq!(keyboard.line().await, Typed::Line("one".to_owned().into()));
        assert_eq!(keyboard.line().await, Typed::Line("two".to_owned().into()));
    }
}
