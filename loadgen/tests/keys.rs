//! The picture of a run on a terminal, and the keys that steer it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

use std::io::{Read, Write};
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use vt100::{Color, Parser};

/// How long anything may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

const ROWS: u16 = 24;
const COLUMNS: u16 = 100;

/// The program on a terminal of its own. It does not outlive the test.
struct Picture {
    child: Child,
    terminal: Arc<Pty>,
    bytes: Receiver<Vec<u8>>,
    screen: Parser,
}

impl Picture {
    fn open(arguments: &[&str]) -> Self {
        let (terminal, end) = open().unwrap();
        terminal.resize(Size::new(ROWS, COLUMNS)).unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen")).args(arguments);
        let command = command.env("TERM", "xterm-256color").env("NO_COLOR", "1");
        let child = command.spawn(end).unwrap();
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
        let [rows, columns] = [ROWS, COLUMNS].map(|size| size.try_into().unwrap());
        Self { child, terminal, bytes, screen: Parser::new(rows, columns, 0) }
    }

    fn press(&self, keys: &str) {
        (&*self.terminal).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen shows `words`.
    fn until(&mut self, words: &str) {
        let deadline = Instant::now() + WITHIN;
        while !self.screen.screen().contents().contains(words) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.bytes.recv_timeout(left) else {
                panic!("`{words}` did not come:\n{}", self.screen.screen().contents());
            };
            self.screen.process(&bytes);
        }
    }

    fn has_colours(&self) -> bool {
        let screen = self.screen.screen();
        let mut places = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column)));
        places.any(|(row, column)| {
            let cell = screen.cell(row, column).unwrap();
            (cell.fgcolor(), cell.bgcolor()) != (Color::Default, Color::Default)
        })
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn keys_steer_a_run_and_the_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.json");
    let size = ["--customers", "60", "--terminals", "6", "--rate", "30", "--pace", "30"];
    let report = ["--json", file.to_str().unwrap()];
    let mut picture = Picture::open(&[&["demo", "--seconds", "3600"][..], &size, &report].concat());
    picture.until("+ -: rate   p: pause   d: stop offering, drain, audit");
    picture.until("offering payments");
    for (key, shown) in [
        ("+", "offering payments: 110 % of the rate"),
        ("p", "offering payments: paused"),
        ("p", "offering payments: 110 % of the rate"),
        ("--", "offering payments: 90 % of the rate"),
    ] {
        picture.press(key);
        picture.until(shown);
    }
    assert!(!picture.has_colours(), "NO_COLOR is set");
    // Pressed twice it is still no wish to end at once.
    picture.press("dd");
    picture.until("audit: ok");
    assert_eq!(picture.child.wait().unwrap().code(), Some(130));
    let json = std::fs::read_to_string(&file).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let by_hand = json["config"]["by_hand"].as_array().unwrap();
    let done: Vec<_> =
        by_hand.iter().map(|turned| turned.as_str().unwrap().split_once(": ").unwrap().1).collect();
    let (more, less) = ("110 % of the rate", "90 % of the rate");
    assert_eq!(done, [more, "paused", more, "100 % of the rate", less, "stopped"]);
}
