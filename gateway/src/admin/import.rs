//! Import: whole tables at once, checked line by line before anything is entered.
//!
//! The upload is kept on disk and read twice: once to check every line, once to enter them. Nothing
//! here knows what a line means; each kind of table says that ([`kind`]). It never takes more of
//! the journal's queue than leaves room for payments.

mod clerk;
mod customers;
mod handsets;
mod kind;
mod limits;
mod pace;
mod pass;
mod products;
mod register;
mod report;
mod seen;
mod spool;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use axum::routing::post;
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use zeroize::Zeroizing;

use crate::admin::Office;
use crate::admin::problem::Problem;
use crate::admin::stream::{NDJSON, answer};
use crate::admin::table::Format;
use crate::entropy::draw;
use clerk::Clerk;
use kind::Existing;
use pass::{BadLines, Job};
use report::{Ended, Report};
use spool::{Spool, Spooled};

/// Pieces of an upload that may wait for the disk.
const WAITING: usize = 16;

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/v1/import/{kind}", post(import)).layer(DefaultBodyLimit::disable())
}

/// What is imported, by the name of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindName {
    Merchants,
    Stores,
    Terminals,
    Controllers,
    Hubs,
    Customers,
    Handsets,
    Catalogue,
}

/// How it is imported.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Whether the good lines are entered although others are bad.
    #[serde(default)]
    skip_bad: bool,
    /// Whether lines may change what is there.
    #[serde(default)]
    update: bool,
}

async fn import(
    State(office): State<Arc<Office>>,
    Path(kind): Path<String>,
    options: Result<Query<Options>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let kind = kind_name(&kind)?;
    let Query(options) = options?;
    let format = format(&headers)?;
    let most = office.settings.admin.import_mib.saturating_mul(1 << 20);
    if announced(&headers).is_some_and(|length| length > most) {
        return Err(too_large(&office));
    }
    if office.journal.is_short_of_space() {
        return Err(Problem::storage_low());
    }
    let turn = Arc::clone(&office.importing).try_acquire_owned();
    let turn = turn.map_err(|_taken| Problem::import_under_way())?;
    let spooled = receive(&office, body, most).await?;
    let (answer, response) = answer();
    let job = Job {
        spooled,
        format,
        bad_lines: if options.skip_bad { BadLines::Skipped } else { BadLines::KeepAllOut },
    };
    let existing = if options.update { Existing::Updated } else { Existing::Refused };
    let runtime = tokio::runtime::Handle::current();
    spawn_blocking(move || {
        let report = Report::new(answer, job.spooled.length());
        let ended = run(kind, job, Clerk::new(&office, runtime, report, existing));
        // Whoever hears of the end may begin the next one at once.
        drop(turn);
        ended.tell();
    });
    Ok(response)
}

/// The only place where a table's name leads to what it means.
fn run(kind: KindName, job: Job, clerk: Clerk<'_>) -> Ended {
    match kind {
        KindName::Merchants => pass::run(register::Changes::merchants(), job, clerk),
        KindName::Stores => pass::run(register::Changes::stores(), job, clerk),
        KindName::Terminals => pass::run(register::Changes::terminals(), job, clerk),
        KindName::Controllers => pass::run(register::Changes::controllers(), job, clerk),
        KindName::Hubs => pass::run(register::Changes::hubs(), job, clerk),
        KindName::Customers => pass::run(customers::Customers, job, clerk),
        KindName::Handsets => pass::run(handsets::Handsets, job, clerk),
        KindName::Catalogue => pass::run(products::Shelves::default(), job, clerk),
    }
}

fn kind_name(name: &str) -> Result<KindName, Problem> {
    let known = KindName::deserialize(serde::de::value::StrDeserializer::new(name));
    known.map_err(|error: serde::de::value::Error| Problem::not_found(format!("kind: {error}")))
}

fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("text/csv") {
        Ok(Format::Csv)
    } else if kind.eq_ignore_ascii_case(NDJSON) {
        Ok(Format::JsonLines)
    } else {
        Err(Problem::unsupported(format!("send text/csv or {NDJSON}")))
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(office: &Office) -> Problem {
    let mib = office.settings.admin.import_mib;
    Problem::too_large(format!("an import has at most {mib} MiB (admin.import_mib)"))
}

/// Keeps the whole body on disk. One that is too long is read to its end all the same: who sends it
/// listens for an answer only then.
async fn receive(office: &Arc<Office>, mut body: Body, most: u64) -> Result<Spooled, Problem> {
    let (pieces, waiting) = mpsc::channel(WAITING);
    let spooling = spool(office, waiting);
    let mut length: u64 = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::malformed("the body broke off"))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if length <= most {
            // If the disk takes no more, its error is told below.
            pieces.send(piece).await.ok();
        }
    }
    drop(pieces);
    let spooled = spooling.await.map_err(Problem::internal)?;
    let spooled = spooled.map_err(|error| {
        Problem::internal(format!("cannot keep the upload in the data directory: {error}"))
    })?;
    if length > most { Err(too_large(office)) } else { Ok(spooled) }
}

fn spool(
    office: &Arc<Office>,
    mut waiting: mpsc::Receiver<Bytes>,
) -> JoinHandle<std::io::Result<Spooled>> {
    let office = Arc::clone(office);
    spawn_blocking(move || {
        let key = Zeroizing::new(draw(office.entropy.as_ref()));
        let mut spool = Spool::create(&office.settings.data, &key)?;
        while let Some(piece) = waiting.blocking_recv() {
            spool.write(&piece)?;
        }
        spool.finish()
    })
}
