//! The webhook against a real receiver.

use std::time::Duration;

use hyper::Method;
use kessai_gateway::notify::{Counts, Notifier, NotifyError, SignatureError, verify_signature};
use tokio::net::{TcpListener, TcpSocket};

use crate::receiver::{Received, Receiver};
use crate::stage::{CUSTOMER, SECRET, Stage, bounded, counts, notification, now_ms, until};
use crate::tls::authority;

const MINUTE: Duration = Duration::from_secs(60);

fn verify(received: &Received, secret: &str) -> Result<(), SignatureError> {
    let tolerance = Duration::from_secs(60);
    verify_signature(secret.as_bytes(), received.signature(), &received.body, now_ms(), tolerance)
}

async fn stage(statuses: &'static [u16]) -> (Stage, Receiver) {
    let receiver = Receiver::start(statuses).await;
    let mut stage = Stage::new();
    stage.settings.webhook.url = receiver.url();
    (stage, receiver)
}

#[tokio::test]
async fn the_receiver_gets_what_it_can_verify_and_no_more_than_it_needs() {
    let (stage, mut receiver) = stage(&[204]).await;
    let channels = stage.start().unwrap();
    let told = notification(CUSTOMER, MINUTE);
    channels.notify(told);
    let received = receiver.next().await;
    assert_eq!((&received.method, received.path.as_str()), (&Method::POST, "/kessai?to=app"));
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(
        received.json(),
        serde_json::json!({
            "event": told.event.to_string(),
            "kind": "open_app",
            "customer": CUSTOMER,
            "expires_at_ms": told.expires_at_ms,
        })
    );
    assert_eq!(verify(&received, SECRET), Ok(()));
    let wrong = SECRET.replace("shared", "stolen");
    assert_eq!(verify(&received, &wrong), Err(SignatureError::Wrong));
    until(|| counts(&channels) == Counts { delivered: 1, ..Counts::default() }).await;
    bounded(channels.stop()).await;
    assert!(stage.dead().is_empty());
}

#[tokio::test]
async fn a_receiver_that_fails_gets_the_same_event_again_signed_anew() {
    let (stage, mut receiver) = stage(&[500, 503, 429, 200]).await;
    let channels = stage.start().unwrap();
    channels.notify(notification(CUSTOMER, MINUTE));
    let first = receiver.next().await;
    for _ in 0..3 {
        let again = receiver.next().await;
        assert_eq!(again.body, first.body);
        assert_eq!(verify(&again, SECRET), Ok(()));
        assert_ne!(again.signature(), first.signature(), "it is of another time");
    }
    until(|| counts(&channels) == Counts { failed: 3, delivered: 1, ..Counts::default() }).await;
}

#[tokio::test]
async fn a_receiver_that_is_down_gets_it_once_it_is_back() {
    // Bound and not listening: nobody else can take the port, and connections are refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut stage = Stage::new();
    stage.settings.webhook.url = format!("http://{}/", socket.local_addr().unwrap());
    let channels = stage.start().unwrap();
    channels.notify(notification(CUSTOMER, MINUTE));
    until(|| counts(&channels).failed >= 2).await;
    let mut receiver = Receiver::serve(socket.listen(16).unwrap(), &[200], None);
    assert_eq!(verify(&receiver.next().await, SECRET), Ok(()));
    until(|| counts(&channels).delivered == 1).await;
}

#[tokio::test]
async fn what_is_not_taken_before_the_payment_expires_is_a_dead_letter() {
    let (stage, mut receiver) = stage(&[503]).await;
    let channels = stage.start().unwrap();
    let told = notification(CUSTOMER, Duration::from_millis(300));
    channels.notify(told);
    until(|| counts(&channels).dead == 1).await;
    let [letter] = &stage.dead()[..] else { panic!("one letter") };
    assert_eq!(letter["event"], told.event.to_string());
    assert_eq!(letter["customer"], CUSTOMER);
    assert_eq!(letter["ending"], "expired");
    assert_eq!(letter["fault"], "HTTP status 503");
    let attempts = std::iter::from_fn(|| receiver.received.try_recv().ok()).count();
    assert_eq!(letter["attempts"], attempts);
    assert!(attempts > 1);
}

#[tokio::test]
async fn a_refusal_or_a_redirect_is_not_repeated() {
    for status in [&[404][..], &[307], &[410]] {
        let (stage, mut receiver) = stage(status).await;
        let channels = stage.start().unwrap();
        channels.notify(notification(CUSTOMER, MINUTE));
        until(|| counts(&channels).dead == 1).await;
        receiver.next().await;
        assert!(receiver.received.try_recv().is_err());
        assert_eq!(stage.dead()[0]["ending"], "refused");
    }
}

#[tokio::test]
async fn a_stop_writes_down_what_waits() {
    let (mut stage, mut receiver) = stage(&[500]).await;
    stage.settings.longest_pause = MINUTE;
    stage.settings.first_pause = MINUTE;
    let channels = stage.start().unwrap();
    channels.notify(notification(CUSTOMER, MINUTE * 10));
    receiver.next().await;
    bounded(channels.stop()).await;
    assert_eq!(stage.dead()[0]["ending"], "stopped");
    channels.notify(notification(CUSTOMER, MINUTE));
    assert_eq!(counts(&channels).dropped, 1);
}

#[tokio::test]
async fn over_the_bound_nothing_waits_and_all_is_counted() {
    let (mut stage, mut receiver) = stage(&[200]).await;
    stage.settings.queue = 4;
    let channels = stage.start().unwrap();
    // No other task has run yet: this takes no step of waiting.
    for number in 0..10 {
        channels.notify(notification(&format!("C-{number}"), MINUTE));
    }
    assert_eq!(counts(&channels).dropped, 6);
    for _ in 0..4 {
        receiver.next().await;
    }
    until(|| counts(&channels).delivered == 4).await;
}

#[tokio::test]
async fn over_https_the_receiver_must_be_who_it_says() {
    let (tls, trusted) = authority("127.0.0.1");
    let (other_name, trusted_for_other) = authority("shop.example");
    let (_, stranger) = authority("127.0.0.1");
    for (tls, root, believed) in [
        (tls.clone(), trusted, true),
        (tls, stranger, false),
        (other_name, trusted_for_other, false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut receiver = Receiver::serve(listener, &[200], Some(tls));
        let mut stage = Stage::new();
        stage.settings.webhook.url = format!("https://{}/", receiver.address);
        stage.settings.roots = stage.path("roots.pem");
        std::fs::write(&stage.settings.roots, root).unwrap();
        let channels = stage.start().unwrap();
        channels.notify(notification(CUSTOMER, MINUTE));
        if believed {
            assert_eq!(verify(&receiver.next().await, SECRET), Ok(()));
        } else {
            until(|| counts(&channels).failed >= 2).await;
            assert!(receiver.received.try_recv().is_err(), "a stranger was told something");
        }
    }
}

#[tokio::test]
async fn what_is_unsafe_does_not_start() {
    let check = |change: &dyn Fn(&mut Stage), expected: &str| {
        let mut stage = Stage::new();
        stage.settings.webhook.url = "https://shop.example/hook".to_owned();
        change(&mut stage);
        let error = stage.start().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        error
    };
    let chmod = |stage: &mut Stage| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(&stage.settings.webhook.secret, mode).unwrap();
    };
    let error = check(&chmod, "webhook.secret can be read by others");
    assert!(matches!(error, NotifyError::Exposed(_)));
    let weaken = |stage: &mut Stage| {
        std::fs::write(&stage.settings.webhook.secret, "too short").unwrap();
    };
    let error = check(&weaken, "32 bytes");
    assert!(!error.to_string().contains("too short"), "the secret is quoted: {error}");
    let expose = |stage: &mut Stage| {
        stage.settings.webhook.url = "http://shop.example/hook".to_owned();
    };
    check(&expose, "loopback");
    check(&|stage| stage.settings.roots = stage.path("no.pem"), "no.pem");
    let empty = |stage: &mut Stage| {
        stage.settings.roots = stage.path("empty.pem");
        std::fs::write(&stage.settings.roots, "").unwrap();
    };
    check(&empty, "no certificate authorities");
}

#[tokio::test]
async fn where_nothing_is_set_up_nothing_happens() {
    let stage = Stage::new();
    let channels = stage.start().unwrap();
    channels.notify(notification(CUSTOMER, MINUTE));
    assert_eq!(channels.counts().count(), 0);
    bounded(channels.stop()).await;
    assert!(!stage.settings.dead_letters.exists());
}
