//! Speaks with the administration of a gateway that serves.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use kessai_gateway::{Keys, Settings};
use serde_json::Value;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{Response, StatusCode};
use ureq::{Body, SendBody};

use super::table;

/// How the administration calls answers of one JSON object a line.
const NDJSON: &str = "application/x-ndjson";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which gateway, and how its answer is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Where {
    /// The gateway's configuration: it tells the address and the token.
    #[arg(long, value_name = "FILE", env = "KESSAI_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// The address of the administration, instead of the one in the configuration.
    #[arg(long, value_name = "URL", global = true, requires = "token_file")]
    admin: Option<String>,
    /// The file of the token, with --admin.
    #[arg(long, value_name = "FILE", global = true, requires = "admin")]
    token_file: Option<PathBuf>,
    /// Show the answer as JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

impl Where {
    /// Shows an answer; of one without content, nothing.
    pub(super) fn show(&self, answer: &Value, layout: Layout) -> anyhow::Result<()> {
        match (answer, layout) {
            (Value::Null, _) => {}
            _ if self.json => println!("{answer:#}"),
            (_, Layout::Table) => println!("{}", table::of(answer)),
            (_, Layout::Columns(columns)) => println!("{}", table::of_columns(answer, columns)),
            (_, Layout::Csv(columns)) => table::write_csv(answer, columns, io::stdout().lock())?,
        }
        Ok(())
    }

    /// The gateway's configuration, for what reads its data.
    ///
    /// # Errors
    /// If none is given.
    pub(super) fn config(&self) -> anyhow::Result<&Path> {
        self.config.as_deref().context("which gateway? give --config FILE, or set KESSAI_CONFIG")
    }

    /// Whether the answer is wanted as JSON.
    pub(super) const fn wants_json(&self) -> bool {
        self.json
    }
}

/// How an answer is laid out for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Table,
    /// As a table of these columns: people have no room for more.
    Columns(&'static [&'static str]),
    /// With these columns, for other programs.
    Csv(&'static [&'static str]),
}

/// What is asked of the administration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    method: Method,
    path: String,
    body: Value,
    layout: Layout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Put,
    Patch,
    Post,
    Delete,
}

impl Request {
    fn new(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self { method, path: path.into(), body, layout: Layout::Table }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, path, Value::Null)
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::Put, path, body)
    }

    pub(super) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::Patch, path, body)
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::Post, path, body)
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::Delete, path, Value::Null)
    }

    /// Has the answer, a list, shown with some of its columns.
    pub(super) fn in_columns(self, columns: &'static [&'static str]) -> Self {
        Self { layout: Layout::Columns(columns), ..self }
    }

    /// Has the answer, a list, shown as CSV.
    pub(super) fn in_csv(self, columns: &'static [&'static str]) -> Self {
        Self { layout: Layout::Csv(columns), ..self }
    }

    pub(super) const fn layout(&self) -> Layout {
        self.layout
    }
}

/// What is sent without being held in memory.
pub(super) struct Upload {
    pub(super) path: String,
    pub(super) content_type: &'static str,
    /// Unless nobody knows before its end.
    pub(super) length: Option<u64>,
    pub(super) content: Box<dyn Read>,
}

/// A way to the administration.
pub(super) struct Desk {
    agent: ureq::Agent,
    base: String,
    token: String,
}

impl Desk {
    /// Finds the administration; speaks with nobody yet.
    pub(super) fn open(place: &Where) -> anyhow::Result<Self> {
        let (base, token) = match (&place.admin, &place.token_file, &place.config) {
            (Some(url), Some(file), _) => {
                let token = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                (url.trim_end_matches('/').to_owned(), token.trim().to_owned())
            }
            (_, _, Some(config)) => {
                let settings = Settings::load(config)?;
                let token = Keys::admin_token(&settings.keys)?;
                (format!("http://{}", settings.admin.listen), token)
            }
            (_, _, None) => bail!(
                "which gateway? give --config FILE (or set KESSAI_CONFIG), or --admin URL with \
                 --token-file FILE"
            ),
        };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build();
        Ok(Self { agent: config.into(), base, token })
    }

    /// Asks, and gives the answer's content.
    pub(super) fn ask(&self, request: &Request) -> anyhow::Result<Value> {
        let url = format!("{}{}", self.base, request.path);
        let bearer = format!("Bearer {}", self.token);
        let sent = match request.method {
            Method::Get => self.agent.get(&url).header("Authorization", bearer).call(),
            Method::Delete => self.agent.delete(&url).header("Authorization", bearer).call(),
            Method::Put => {
                self.agent.put(&url).header("Authorization", bearer).send_json(&request.body)
            }
            Method::Patch => {
                self.agent.patch(&url).header("Authorization", bearer).send_json(&request.body)
            }
            Method::Post => {
                self.agent.post(&url).header("Authorization", bearer).send_json(&request.body)
            }
        };
        let mut response = sent.map_err(|error| self.unanswered(&error))?;
        if !response.status().is_success() {
            return Err(self.refusal(&mut response));
        }
        let is_list = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == NDJSON);
        let content = response.body_mut().with_config().limit(u64::MAX).read_to_string();
        let content = content.context("the answer broke off")?;
        let parse = |text: &str| serde_json::from_str(text).context("the answer is no JSON");
        if is_list {
            content.lines().map(parse).collect::<anyhow::Result<Vec<_>>>().map(Value::from)
        } else if content.is_empty() {
            Ok(Value::Null)
        } else {
            parse(&content)
        }
    }

    /// Sends an upload, for as long as it takes, and lends the answer as it comes.
    pub(super) fn send(&self, upload: Upload) -> anyhow::Result<impl Read + use<>> {
        let url = format!("{}{}", self.base, upload.path);
        let mut request = self
            .agent
            .post(&url)
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", upload.content_type)
            // What would be refused need not be sent.
            .header("Expect", "100-continue")
            .config()
            .timeout_global(None)
            .build();
        if let Some(length) = upload.length {
            request = request.header("Content-Length", length);
        }
        let sent = request.send(SendBody::from_owned_reader(upload.content));
        let mut response = sent.map_err(|error| self.unanswered(&error))?;
        if !response.status().is_success() {
            return Err(self.refusal(&mut response));
        }
        Ok(response.into_body().into_with_config().limit(u64::MAX).reader())
    }

    fn unanswered(&self, error: &ureq::Error) -> anyhow::Error {
        anyhow!("no gateway answers at {}: {error}; is `kessai serve` running?", self.base)
    }

    /// Reads why something was refused.
    fn refusal(&self, response: &mut Response<Body>) -> anyhow::Error {
        if response.status() == StatusCode::UNAUTHORIZED {
            return anyhow!("the gateway at {} has another token: is it the one meant?", self.base);
        }
        let detail = response.body_mut().read_json::<Value>();
        match detail.ok().as_ref().and_then(|content| content.get("detail")?.as_str()) {
            Some(detail) => anyhow!("{detail}"),
            None => anyhow!("the gateway answered {}", response.status()),
        }
    }
}
