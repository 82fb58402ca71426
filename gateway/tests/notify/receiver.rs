//! A webhook's receiver: a real HTTP server that answers as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use kessai_gateway::notify::SIGNATURE_HEADER;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::stage::bounded;
use crate::tls::{Stream, secured};

/// One request as it came.
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub(crate) fn signature(&self) -> &str {
        self.header(SIGNATURE_HEADER)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A receiver and what it has received.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) received: mpsc::UnboundedReceiver<Received>,
}

impl Receiver {
    /// Answers the requests with these statuses in turn, and all others with the last of them.
    pub(crate) async fn start(statuses: &'static [u16]) -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), statuses, None)
    }

    pub(crate) fn serve(
        listener: TcpListener,
        statuses: &'static [u16],
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (sender, count, tls) = (sender.clone(), Arc::clone(&count), tls.clone());
                tokio::spawn(async move {
                    let stream: Stream = match tls {
                        None => Box::new(stream),
                        Some(tls) => match secured(Box::new(stream), tls).await {
                            Some(stream) => stream,
                            None => return,
                        },
                    };
                    let service = service_fn(|request: Request<Incoming>| {
                        let (sender, count) = (sender.clone(), Arc::clone(&count));
                        async move {
                            let received = read(request).await;
                            let number = count.fetch_add(1, Ordering::SeqCst);
                            let status = statuses.get(number).or(statuses.last()).unwrap();
                            // A test that has seen enough drops its end.
                            let _seen = sender.send(received);
                            let response = Response::builder().status(*status);
                            let body = Full::new(Bytes::from_static(b"what the receiver says"));
                            Ok::<_, Infallible>(response.body(body).unwrap())
                        }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ended = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, received }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/kessai?to=app", self.address)
    }

    pub(crate) async fn next(&mut self) -> Received {
        bounded(self.received.recv()).await.unwrap()
    }
}

async fn read(request: Request<Incoming>) -> Received {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().to_string();
    let body = body.collect().await.unwrap().to_bytes();
    Received { method: head.method, path, headers: head.headers, body }
}
