//! A gateway that serves from a folder of its own, as its operator sees it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use kessai_client::wire::Activation;
use kessai_gateway::admin::rows::ImportRow;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use ureq::Body;
use ureq::http::Response;

pub const KESSAI: &str = env!("CARGO_BIN_EXE_kessai");

/// A gateway that serves from a folder of its own.
pub struct Processor {
    folder: TempDir,
    child: Child,
    pub admin: String,
    pub address: String,
    pub root_pin: String,
}

impl Drop for Processor {
    fn drop(&mut self) {
        self.stop("-KILL");
    }
}

impl Processor {
    pub fn start() -> Self {
        Self::start_with("", "")
    }

    /// Starts with more settings of the administration and of the journal.
    pub fn start_with(admin: &str, journal: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("kessai");
        let made = Command::new(KESSAI).arg("init").arg(&place).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::write(
            place.join("kessai.toml"),
            format!(
                "listen = \"127.0.0.1:{port}\"\nannounce = \"127.0.0.1:{port}\"\n\
                 [admin]\nlisten = \"127.0.0.1:0\"\n{admin}\n[journal]\nsegment_mib = 1\n\
                 {journal}\n"
            ),
        )
        .unwrap();
        let (child, told) = serve(&place);
        let [address, root_pin, admin] = told;
        Self { folder, child, admin: format!("http://{admin}"), address, root_pin }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        drop(Command::new("kill").args([name, &id]).stderr(Stdio::null()).status());
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) {
        self.child.wait().ok();
    }

    /// Ends the process, and waits until it has ended.
    pub fn stop(&mut self, signal: &str) {
        self.signal(signal);
        self.wait();
    }

    /// Serves again what was stopped.
    pub fn serve_again(&mut self) {
        let (child, [_, _, admin]) = serve(&self.path(""));
        self.child = child;
        self.admin = format!("http://{admin}");
    }

    /// A path in the folder that `kessai init` made.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("kessai").join(name)
    }

    /// A folder for a test's own files.
    pub fn desk(&self) -> &Path {
        self.folder.path()
    }

    pub fn token(&self) -> PathBuf {
        self.path("keys/admin.token")
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", std::fs::read_to_string(self.token()).unwrap().trim())
    }

    /// Everything that was logged so far, by our own crates in every detail.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }

    fn prepared(&self, words: &[&str]) -> Command {
        let mut command = Command::new(KESSAI);
        command.args(words).args(["--admin", &self.admin, "--token-file"]).arg(self.token());
        command.env_remove("KESSAI_CONFIG").current_dir(self.desk());
        command
    }

    pub fn command(&self, words: &[&str]) -> Output {
        self.prepared(words).output().unwrap()
    }

    /// Runs a command with something to read.
    pub fn command_with(&self, words: &[&str], input: &Path) -> Output {
        self.prepared(words).stdin(File::open(input).unwrap()).output().unwrap()
    }

    /// Runs a command that must succeed, and gives what it prints.
    pub fn kessai(&self, words: &[&str]) -> String {
        let output = self.command(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.kessai(&[words, &["--json"]].concat())).unwrap()
    }

    /// Runs a command that must fail, and gives its last line.
    pub fn failure(&self, words: &[&str]) -> String {
        let output = self.command(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        text.lines().last().unwrap_or_default().to_owned()
    }

    /// All rows of an export.
    pub fn exported<R: DeserializeOwned>(&self, what: &str) -> Vec<R> {
        let url = format!("{}/v1/export/{what}", self.admin);
        let mut response = ureq::get(url).header("Authorization", self.bearer()).call().unwrap();
        rows(&mut response)
    }

    /// Sends a table, whatever is answered.
    pub fn post(&self, path: &str, content_type: &str, content: &[u8]) -> Response<Body> {
        ureq::post(format!("{}/v1/import/{path}", self.admin))
            .header("Authorization", self.bearer())
            .header("Content-Type", content_type)
            .header("Expect", "100-continue")
            .config()
            .http_status_as_error(false)
            .build()
            .send(content)
            .unwrap()
    }

    /// Sends a table in CSV to `kind?options`, and gives all that is told but progress.
    pub fn import(&self, path: &str, content: impl AsRef<[u8]>) -> Vec<ImportRow> {
        told(&mut self.post(path, "text/csv", content.as_ref()))
    }

    /// Sends a table in JSON Lines.
    pub fn import_json(&self, path: &str, content: impl AsRef<[u8]>) -> Vec<ImportRow> {
        told(&mut self.post(path, "application/x-ndjson", content.as_ref()))
    }

    /// Sends a table to a gateway that may be killed meanwhile: nothing if it was.
    pub fn try_import(&self, path: &str, content: &str) -> Option<ImportRow> {
        let sent = ureq::post(format!("{}/v1/import/{path}", self.admin))
            .header("Authorization", self.bearer())
            .header("Content-Type", "text/csv")
            .send(content);
        let text = sent.ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str(text.lines().last()?).ok()
    }

    /// How much there is to export.
    pub fn exported_bytes(&self, what: &str) -> usize {
        let url = format!("{}/v1/export/{what}", self.admin);
        let mut response = ureq::get(url).header("Authorization", self.bearer()).call().unwrap();
        response.body_mut().with_config().limit(u64::MAX).read_to_string().unwrap().len()
    }

    /// Sends a table that must be entered whole.
    pub fn enter(&self, kind: &str, content: &str) {
        let entered = u64::try_from(content.lines().count() - 1).unwrap();
        let told = self.import(kind, content);
        assert_eq!(told, [end(entered, 0, 0)], "{kind}");
    }

    pub fn activation(&self, words: &[&str]) -> Activation {
        self.json(words)["activation"].as_str().unwrap().parse().unwrap()
    }

    pub fn enter_shop(&self) {
        self.kessai(&["merchant", "set", "M1", "--name", "Blue Shop"]);
        let store = ["store", "set", "S1", "--merchant", "M1", "--name", "Station"];
        self.kessai(&[&store[..], &["--currency", "JPY"]].concat());
        self.kessai(&["terminal", "set", "POS1", "--store", "S1"]);
        self.kessai(&["customer", "add", "C-1", "--currency", "JPY", "--balance", "1000"]);
    }
}

/// Serves, and tells what it prints: its address, its root pin, where it is administered.
fn serve(place: &Path) -> (Child, [String; 3]) {
    let ours = ["kessai", "kessai_gateway", "kessai_engine", "kessai_journal", "kessai_wire"];
    let log = File::options().create(true).append(true).open(place.join("log")).unwrap();
    let mut child = Command::new(KESSAI)
        .args(["serve", "--config"])
        .arg(place.join("kessai.toml"))
        .env("RUST_LOG", ours.map(|name| format!("{name}=trace")).join(","))
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let told = ["serving at ", "root pin ", "administration at "].map(|prefix| {
        let line = lines.next().expect("it serves");
        line.strip_prefix(prefix).unwrap().to_owned()
    });
    (child, told)
}

/// The rows of an answer of one JSON object a line.
fn rows<R: DeserializeOwned>(response: &mut Response<Body>) -> Vec<R> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.body_mut().with_config().limit(u64::MAX).read_to_string().unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn told(response: &mut Response<Body>) -> Vec<ImportRow> {
    let mut told = rows(response);
    told.retain(|row| !matches!(row, ImportRow::Progress { .. }));
    told
}

/// The last row of an import that came to its end.
pub fn end(entered: u64, updated: u64, bad: u64) -> ImportRow {
    ImportRow::End { entered, updated, bad, done: true, problem: None }
}

/// The last row of an import that bad lines kept out.
pub fn kept_out(bad: u64) -> ImportRow {
    ImportRow::End { entered: 0, updated: 0, bad, done: false, problem: None }
}

pub fn bad(line: u64, problem: &str) -> ImportRow {
    ImportRow::Bad { line, problem: problem.to_owned() }
}
