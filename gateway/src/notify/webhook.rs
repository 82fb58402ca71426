//! The webhook: a small signed JSON object, posted to a service of the processor's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::postbox::{Attempt, Carrier};
use super::secret::Secret;
use super::signature::{SIGNATURE_HEADER, SigningKeys};
use super::{Fault, Notification, NotifyError, NotifySettings, trust};
use crate::clock::Clock;

/// Posts to one address. Redirects are not followed: a signature is for one receiver.
pub(super) struct Webhook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: Uri,
    keys: SigningKeys,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    pub(super) fn new(
        settings: &NotifySettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NotifyError> {
        let keys = SigningKeys::parse(&Secret::read(&settings.webhook.secret)?)?;
        let address = settings.webhook.address().map_err(|problem| {
            NotifyError::Settings(vec![format!("notify.webhook.url {problem}")])
        })?;
        let connector = match address.scheme_str() {
            // Permitted to this machine alone, where there is no use for authorities.
            Some("http") => HttpsConnectorBuilder::new()
                .with_tls_config(trust::none()?)
                .https_or_http()
                .enable_http1()
                .build(),
            _ => HttpsConnectorBuilder::new()
                .with_tls_config(trust::client(trust::roots(&settings.roots)?)?)
                .https_only()
                .enable_http1()
                .build(),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(settings.at_once)
            .build(connector);
        Ok(Self { client, address, keys, clock })
    }

    fn request(&self, notification: &Notification) -> Option<Request<Full<Bytes>>> {
        let body = body(notification);
        let signature = self.keys.sign(self.clock.now_ms(), &body);
        Request::builder()
            .method(Method::POST)
            .uri(self.address.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("kessai/", env!("CARGO_PKG_VERSION")))
            .header(SIGNATURE_HEADER, signature)
            .body(Full::new(body))
            .ok()
    }
}

impl Carrier for Webhook {
    const NAME: &'static str = "webhook";

    async fn carry(&self, notification: &Notification) -> Attempt {
        let Some(request) = self.request(notification) else {
            return Attempt::Refused(Fault::Unwritable);
        };
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Attempt::again(Fault::Unreachable),
            Err(_) => return Attempt::again(Fault::Broken),
        };
        // The status has said everything; a body is not waited for.
        judge(&response)
    }
}

/// Writes what is posted; every channel's receiver may see it, so it names no purchase.
fn body(notification: &Notification) -> Bytes {
    let body = serde_json::json!({
        "event": notification.event.to_string(),
        "kind": notification.kind.name(),
        "customer": notification.customer.as_str(),
        "expires_at_ms": notification.expires_at_ms,
    });
    Bytes::from(body.to_string())
}

fn judge<B>(response: &Response<B>) -> Attempt {
    let status = response.status();
    let fault = Fault::Status(status.as_u16());
    if status.is_success() {
        Attempt::Delivered
    } else if status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS]
            .contains(&status)
    {
        let after = response.headers().get(RETRY_AFTER);
        let seconds = after.and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
        Attempt::Again(fault, Duration::from_secs(seconds.unwrap_or(0).into()))
    } else {
        Attempt::Refused(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::Response;
    use hyper::header::RETRY_AFTER;

    use super::{body, judge};
    use crate::notify::postbox::Attempt;
    use crate::notify::{EventId, Fault, Kind, Notification};

    #[test]
    fn the_body_says_open_your_app_and_no_more() {
        let notification = Notification {
            event: EventId::from_parts(1_700_000_000_000, [0; 10]),
            kind: Kind::OpenApp,
            customer: "090-1111-1111".parse().unwrap(),
            expires_at_ms: 1_700_000_060_000,
        };
        assert_eq!(
            body(&notification),
            "{\"event\":\"018bcfe5-6800-7000-8000-000000000000\",\"kind\":\"open_app\",\
             \"customer\":\"090-1111-1111\",\"expires_at_ms\":1700000060000}"
        );
    }

    #[test]
    fn an_answer_says_whether_to_come_again_and_when() {
        let check = |status: u16, after: &str, expected| {
            let response = Response::builder().status(status).header(RETRY_AFTER, after);
            assert_eq!(judge(&response.body(()).unwrap()), expected, "{status}");
        };
        let again =
            |status, seconds| Attempt::Again(Fault::Status(status), Duration::from_secs(seconds));
        for status in [200, 202, 204] {
            check(status, "9", Attempt::Delivered);
        }
        for status in [408, 425, 429, 500, 502, 503, 599] {
            check(status, "9", again(status, 9));
        }
        check(503, "Wed, 21 Oct 2015 07:28:00 GMT", again(503, 0));
        check(503, "-1", again(503, 0));
        for status in [301, 307, 400, 401, 404, 410] {
            check(status, "9", Attempt::Refused(Fault::Status(status)));
        }
    }
}
