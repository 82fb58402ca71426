//! Asks the administration of a gateway that runs somewhere else: what an auditor may read.
//!
//! Calls block; they are made beside the tasks of a run, never among them.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::Response;
use ureq::{Agent, Body};

/// How long the beginning of an answer may take: a gateway under load, and a million customers.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest row, in bytes: a payment has some hundreds.
const MAX_ROW: u64 = 64 << 10;

/// A way to the administration.
#[derive(Debug, Clone)]
pub struct Administration {
    agent: Agent,
    base: String,
    token: Token,
}

#[derive(Clone)]
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why the administration does not tell what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The token cannot be read.
    #[error("{path}: {source}")]
    Token {
        /// In which file it should stand.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody answers, or no longer.
    #[error("no administration answers at {url}: {source}; is `kessai serve` running?")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// It answers that it will not.
    #[error("{url}: {problem}")]
    Refused {
        /// What was asked.
        url: String,
        /// What it says.
        problem: String,
    },
    /// The answer breaks off.
    #[error("{url}: the answer breaks off: {source}")]
    Broken {
        /// What was asked.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The answer is not what a gateway of this version tells.
    #[error("{url}: the answer cannot be read: {problem}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// What is wrong.
        problem: String,
    },
}

/// What the register tells of a merchant, a store, a terminal, a controller or a hub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// The store of a terminal.
    #[serde(default)]
    pub store: Option<String>,
    /// The merchant of a store or a controller.
    #[serde(default)]
    pub merchant: Option<String>,
    /// Whether a key is known, of those that have one.
    #[serde(default)]
    pub enrolled: bool,
}

/// The detail of a refusal.
///
/// # Source
/// RFC 9457.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Administration {
    /// Prepares to ask at `url`, with the token in `token_file`. Nothing is asked yet.
    ///
    /// # Errors
    /// [`AskError::Token`].
    pub fn new(url: &str, token_file: &Path) -> Result<Self, AskError> {
        let unreadable = |source| AskError::Token { path: token_file.to_owned(), source };
        let token = std::fs::read_to_string(token_file).map_err(unreadable)?;
        let config = Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_recv_response(Some(PATIENCE))
            .http_status_as_error(false)
            .build();
        let base = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.into(), base, token: Token(token.trim().to_owned()) })
    }

    /// Asks for one value.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        let (url, text) = self.read_whole(path)?;
        read(&url, &text)
    }

    /// Asks what the gateway makes of something.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn ask_about<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &impl Serialize,
    ) -> Result<T, AskError> {
        let url = format!("{}{path}", self.base);
        let request = self.agent.post(&url).header("Authorization", self.bearer());
        let request = request.header("Content-Type", "application/json");
        let unspeakable = |error: serde_json::Error| AskError::Unreadable {
            url: url.clone(),
            problem: error.to_string(),
        };
        let body = serde_json::to_vec(what).map_err(unspeakable)?;
        let (url, body) = answered(url, request.send(body.as_slice()))?;
        let (url, text) = whole(url, body)?;
        read(&url, &text)
    }

    /// Asks for what is no JSON.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn text(&self, path: &str) -> Result<String, AskError> {
        Ok(self.read_whole(path)?.1)
    }

    /// Asks for rows, one a line, and takes each as it comes.
    ///
    /// # Errors
    /// [`AskError`]; also what `take` finds wrong with a row, as [`AskError::Unreadable`].
    pub fn rows<T: DeserializeOwned>(
        &self,
        path: &str,
        mut take: impl FnMut(T) -> Result<(), String>,
    ) -> Result<(), AskError> {
        let (url, body) = self.get(path)?;
        let mut body = BufReader::new(body);
        let mut line = String::new();
        loop {
            line.clear();
            match body.by_ref().take(MAX_ROW).read_line(&mut line) {
                Err(source) => return Err(AskError::Broken { url, source }),
                Ok(0) => return Ok(()),
                Ok(_) => {}
            }
            let taken = read(&url, &line).map(&mut take)?;
            taken.map_err(|problem| AskError::Unreadable { url: url.clone(), problem })?;
        }
    }

    fn read_whole(&self, path: &str) -> Result<(String, String), AskError> {
        let (url, body) = self.get(path)?;
        whole(url, body)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token.0)
    }

    /// Sends a request, and gives the body of an answer that is one.
    fn get(&self, path: &str) -> Result<(String, impl Read + use<>), AskError> {
        let url = format!("{}{path}", self.base);
        let sent = self.agent.get(&url).header("Authorization", self.bearer()).call();
        answered(url, sent)
    }
}

/// The body of an answer that is one.
fn answered(
    url: String,
    sent: Result<Response<Body>, ureq::Error>,
) -> Result<(String, impl Read + use<>), AskError> {
    let response = match sent {
        Ok(response) => response,
        Err(source) => return Err(AskError::Unreachable { url, source: Box::new(source) }),
    };
    let status = response.status();
    let body = response.into_body().into_reader();
    if status.is_success() {
        return Ok((url, body));
    }
    // What it says is of help only if it can be read.
    let problem = serde_json::from_reader(body.take(MAX_ROW));
    let problem = problem.map_or_else(|_| status.to_string(), |problem: Problem| problem.detail);
    Err(AskError::Refused { url, problem })
}

fn whole(url: String, mut body: impl Read) -> Result<(String, String), AskError> {
    let mut text = String::new();
    match body.read_to_string(&mut text) {
        Ok(_) => Ok((url, text)),
        Err(source) => Err(AskError::Broken { url, source }),
    }
}

fn read<T: DeserializeOwned>(url: &str, text: &str) -> Result<T, AskError> {
    serde_json::from_str(text)
        .map_err(|error| AskError::Unreadable { url: url.to_owned(), problem: error.to_string() })
}
