//! Speaks with the administration of a gateway that serves.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use kessai_gateway::{Keys, Settings};
use serde_json::Value;

use super::table;

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
    pub(super) fn show(&self, answer: &Value) {
        match answer {
            Value::Null => {}
            _ if self.json => println!("{answer:#}"),
            _ => println!("{}", table::of(answer)),
        }
    }
}

/// What is asked of the administration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    method: Method,
    path: String,
    body: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Put,
    Post,
    Delete,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::Get, path: path.into(), body: Value::Null }
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::Put, path: path.into(), body }
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::Post, path: path.into(), body }
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::Delete, path: path.into(), body: Value::Null }
    }
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
            Method::Post => {
                self.agent.post(&url).header("Authorization", bearer).send_json(&request.body)
            }
        };
        let mut response = sent.map_err(|error| {
            anyhow!("no gateway answers at {}: {error}; is `kessai serve` running?", self.base)
        })?;
        let content = response.body_mut().read_to_string().context("the answer broke off")?;
        let content = if content.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&content).context("the answer is no JSON")?
        };
        if response.status().is_success() {
            return Ok(content);
        }
        match content.get("detail").and_then(Value::as_str) {
            Some(detail) => bail!("{detail}"),
            None => bail!("the gateway answered {}", response.status()),
        }
    }
}
