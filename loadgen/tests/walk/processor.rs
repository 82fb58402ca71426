//! A processor's folder, its gateway, and the commands that are given in it.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;

use crate::mask::mask;
use crate::pane::{Pane, WITHIN};
use crate::programs;

/// What `kessai init my-processor` writes.
const CONFIGURATION: &str = "my-processor/kessai.toml";

/// A folder in which both programs are found by their names.
pub(crate) struct Processor {
    folder: TempDir,
    path: std::ffi::OsString,
}

impl Processor {
    pub(crate) fn new() -> Self {
        let earlier = std::env::var_os("PATH").unwrap_or_default();
        let path = [programs::folder()].into_iter().chain(std::env::split_paths(&earlier));
        let path = std::env::join_paths(path).expect("a search path");
        Self { folder: tempfile::tempdir().unwrap(), path }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {line}")]).current_dir(self.folder.path());
        command.env("PATH", &self.path).env_remove("RUST_LOG").env("PS1", "$ ");
        // As a person's terminal is, whatever this test runs in.
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        command.env("KESSAI_CONFIG", CONFIGURATION);
        command
    }

    /// Gives a command on a pseudo-terminal.
    pub(crate) fn pane(&self, line: &str) -> Pane {
        Pane::open(self.command(line))
    }

    /// Gives a command that must succeed in silence on standard error, and tells what it prints.
    pub(crate) fn said(&self, line: &str) -> String {
        let (code, stdout, stderr) = self.given(line);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{line}: {stdout}");
        stdout
    }

    /// The same, masked.
    pub(crate) fn masked(&self, line: &str) -> String {
        mask(&self.said(line))
    }

    /// The same as JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.said(&format!("{line} --json"))).unwrap()
    }

    /// Has an activation string given out, and copies it off the table.
    pub(crate) fn activation(&self, line: &str) -> String {
        let shown = self.said(line);
        let found = regex_lite::Regex::new("^activation  (.*)\nexpires_in  10m\n$").unwrap();
        let found = found.captures(&shown).unwrap_or_else(|| panic!("{line}: {shown}"));
        found[1].to_owned()
    }

    /// Gives a command to its end; tells its exit code and what it printed.
    pub(crate) fn given(&self, line: &str) -> (Option<i32>, String, String) {
        let mut command = self.command(line);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Kept(command.spawn().unwrap());
        let stdout = all_of(child.0.stdout.take().unwrap());
        let stderr = all_of(child.0.stderr.take().unwrap());
        let [stdout, stderr] = [stdout, stderr].map(|text| {
            text.recv_timeout(WITHIN).unwrap_or_else(|_| panic!("`{line}` does not end"))
        });
        (child.0.wait().unwrap().code(), stdout, stderr)
    }

    /// Has the gateway listen where nobody else does, and begin no business day during the test.
    pub(crate) fn configure(&self) {
        let (udp, tcp) = free_ports();
        let cut_off = (minutes_of_day() + 12 * 60) % (24 * 60);
        let path = self.file(CONFIGURATION);
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("listen = \"127.0.0.1:7443\"", format!("listen = \"127.0.0.1:{udp}\"")),
            ("announce = \"127.0.0.1:7443\"", format!("announce = \"127.0.0.1:{udp}\"")),
            ("listen = \"127.0.0.1:7480\"", format!("listen = \"127.0.0.1:{tcp}\"")),
            ("cut_off_minutes = 0", format!("cut_off_minutes = {cut_off}")),
        ] {
            let from = format!("\n#{from}\n");
            assert_eq!(text.matches(&from).count(), 1, "{from}");
            text = text.replace(&from, &format!("\n{to}\n"));
        }
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn serve(&self) -> Serving {
        let mut command = self.command("kessai serve");
        let log = std::fs::File::create(self.file("serve.log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = Kept(command.spawn().unwrap());
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.0.stdout.take().unwrap());
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Serving { child, lines, log: self.file("serve.log") }
    }
}

/// A process that does not outlive its owner, not even one that panics.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn all_of(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, text) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        sender.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    text
}

/// A gateway that serves in a process of its own.
pub(crate) struct Serving {
    child: Kept,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Serving {
    /// Waits until it serves, and gives the lines that it says so with.
    pub(crate) fn heading(&self) -> String {
        (0..3).map(|_| self.line() + "\n").collect()
    }

    fn line(&self) -> String {
        let line = self.lines.recv_timeout(WITHIN);
        line.unwrap_or_else(|_| panic!("it does not serve:\n{}", read(&self.log)))
    }

    /// Asks it to stop, and waits until it has; gives its exit code and its log.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        let id = self.child.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let more = self.lines.recv_timeout(WITHIN);
        let ended = Err(std::sync::mpsc::RecvTimeoutError::Disconnected);
        assert_eq!(more, ended, "it does not stop:\n{}", read(&self.log));
        (self.child.0.wait().unwrap().code(), read(&self.log))
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Two ports that nobody listens at: one of UDP, one of TCP.
fn free_ports() -> (u16, u16) {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    (udp.local_addr().unwrap().port(), tcp.local_addr().unwrap().port())
}

/// Minutes since midnight where the gateway's business days are reckoned: 9 hours ahead of UTC.
fn minutes_of_day() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (now.as_secs() / 60 + 9 * 60) % (24 * 60)
}
