//! The program over pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(40);

/// The program with its standard streams in our hands. It does not outlive the test.
pub(crate) struct Shell {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    pub(crate) heard: String,
}

impl Shell {
    pub(crate) fn open(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { stdin: child.stdin.take(), child, lines, heard: String::new() }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for a line that contains `words`, and tells all that was said up to it.
    pub(crate) fn hear(&mut self, words: &str) -> String {
        let until = Instant::now() + WITHIN;
        let mut said = String::new();
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let heard = &self.heard;
            let line =
                line.unwrap_or_else(|_| panic!("no `{words}`; before:\n{heard}\nsince:\n{said}"));
            said.push_str(&line);
            said.push('\n');
            if line.contains(words) {
                self.heard.push_str(&said);
                return said;
            }
        }
    }

    /// Says a line, and waits as [`hear`](Self::hear) does.
    pub(crate) fn ask(&mut self, line: &str, words: &str) -> String {
        self.say(line);
        self.hear(words)
    }

    /// Ends the input, and waits for the program to leave by itself.
    pub(crate) fn leave(mut self) -> Option<i32> {
        drop(self.stdin.take());
        self.hear("Goodbye.");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs the program to its end, and tells its exit code and all that it said.
pub(crate) fn finish(arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that fails early does not read it all.
    child.stdin.take().unwrap().write_all(typed.as_bytes()).ok();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}
