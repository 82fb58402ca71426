//! Answers that are longer than memory: JSON objects, one a line, written while they are read.
//!
//! # Source
//! <https://github.com/ndjson/ndjson-spec> (newline-delimited JSON).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc;

/// What newline-delimited JSON is called.
pub(super) const NDJSON: &str = "application/x-ndjson";

/// Lines are sent once so many bytes of them have come together.
const CHUNK: usize = 32 << 10;

/// Chunks that may wait for a reader.
const WAITING: usize = 4;

/// Where the lines of an answer are written.
pub(super) struct Answer {
    chunk: Vec<u8>,
    out: mpsc::Sender<Bytes>,
}

/// The reader has gone away.
#[derive(Debug)]
pub(super) struct Unread;

/// Makes an answer, and the place where its lines are written.
pub(super) fn answer() -> (Answer, Response) {
    let (out, chunks) = mpsc::channel(WAITING);
    let mut response = Body::new(Chunks(chunks)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    (Answer { chunk: Vec::new(), out }, response)
}

impl Answer {
    /// Writes a line; it is sent with those after it.
    pub(super) async fn write(&mut self, row: &impl Serialize) -> Result<(), Unread> {
        self.append(row)?;
        if self.chunk.len() < CHUNK { Ok(()) } else { self.flush().await }
    }

    /// Sends what was written.
    pub(super) async fn flush(&mut self) -> Result<(), Unread> {
        let chunk = std::mem::take(&mut self.chunk);
        self.out.send(chunk.into()).await.map_err(|_closed| Unread)
    }

    /// Writes a line, outside the runtime; it is sent with those after it.
    pub(super) fn write_blocking(&mut self, row: &impl Serialize) -> Result<(), Unread> {
        self.append(row)?;
        if self.chunk.len() < CHUNK { Ok(()) } else { self.flush_blocking() }
    }

    /// Sends what was written, outside the runtime.
    pub(super) fn flush_blocking(&mut self) -> Result<(), Unread> {
        let chunk = std::mem::take(&mut self.chunk);
        self.out.blocking_send(chunk.into()).map_err(|_closed| Unread)
    }

    fn append(&mut self, row: &impl Serialize) -> Result<(), Unread> {
        // Our rows have string keys and no maps: they can always be written.
        serde_json::to_writer(&mut self.chunk, row).map_err(|_never| Unread)?;
        self.chunk.push(b'\n');
        Ok(())
    }
}

/// A body that ends when its writer does.
struct Chunks(mpsc::Receiver<Bytes>);

impl HttpBody for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
