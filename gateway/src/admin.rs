//! Administration: a second listener, for the processor's own people and programs, on loopback.
//!
//! JSON over HTTP with a bearer token; amounts are integers in minor units; errors are problem
//! details. It decides nothing: every change is a command of the engine, answered once its record
//! is durable. It never shares a port, a key or a session with terminals and handsets.
//!
//! # Source
//! RFC 9110 (HTTP), RFC 6750 (bearer tokens), RFC 9457 (problem details).

mod about;
mod activation;
mod archive;
mod catalogue;
mod customers;
mod export;
mod health;
mod import;
mod listener;
mod metrics;
mod office;
mod payments;
mod policies;
mod problem;
mod rates;
mod receipts;
mod register;
pub mod rows;
mod stream;
mod table;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use listener::{Administration, AdministrationError};
use office::Office;
use problem::Problem;
pub use rates::check_rates;

/// The longest request body that is not an import, in bytes; imports have a setting.
const MAX_BODY: usize = 64 << 10;

/// The secret that every request must bear.
#[derive(Clone)]
struct Token(Arc<str>);

impl Token {
    fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// Compares in a time that tells nothing but the length.
    fn admits(&self, offered: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), offered.as_bytes())
            .is_ok()
    }
}

/// Listens for the processor's own people.
///
/// # Errors
/// If the address cannot be listened at.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves until `stop`.
async fn serve(listener: TcpListener, office: Arc<Office>, token: Token, stop: CancellationToken) {
    let served = axum::serve(listener, router(office, token)).with_graceful_shutdown(async move {
        stop.cancelled().await;
    });
    if let Err(error) = served.await {
        tracing::error!(%error, "administration has stopped");
    }
}

fn router(office: Arc<Office>, token: Token) -> Router {
    let guarded = Router::new()
        .merge(register::routes())
        .merge(customers::routes())
        .merge(policies::routes())
        .merge(payments::routes())
        .merge(rates::routes())
        .merge(activation::routes())
        .merge(archive::routes())
        .merge(export::routes())
        .merge(about::routes())
        .merge(metrics::routes())
        .merge(import::routes())
        .merge(catalogue::routes())
        .route_layer(from_fn_with_state(Arc::clone(&office), health::refuse_changes))
        // It changes nothing, and is asked for most of all when the service is stopped.
        .merge(receipts::routes())
        .route_layer(from_fn_with_state(token, check_token));
    Router::new()
        .merge(health::routes())
        .merge(guarded)
        .fallback(|| async { Problem::not_found("there is nothing at this path") })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(office)
}

async fn check_token(
    State(token): State<Token>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let offered = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match offered.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(offered) if token.admits(offered) => Ok(next.run(request).await),
        Some(_) | None => Err(Problem::unauthorised()),
    }
}
