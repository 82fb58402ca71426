//! Looks into everything that is logged while notifications come and go, by all the tests here.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kessai_gateway::notify::Notifier;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::mail;
use crate::mail_server::Manners;
use crate::receiver::Receiver;
use crate::stage::{ADDRESS, CUSTOMER, PASSWORD, SECRET, bounded, notification, until};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

static LOG: OnceLock<Log> = OnceLock::new();

/// Has everything logged from now on, on every thread; the first call counts.
pub(crate) fn keep() -> &'static Mutex<Vec<u8>> {
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .init();
        log
    });
    &log.0
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_logged() {
    let recipient = vec![
        format!("451 <{ADDRESS}> is greylisted"),
        "250 ok".to_owned(),
        format!("550 <{ADDRESS}> is unknown"),
    ];
    let (mut stage, _server) = mail::stage(Manners { recipient, ..Manners::default() }).await;
    let receiver = Receiver::start(&[500, 200, 404]).await;
    stage.settings.webhook.url = receiver.url();
    stage.settings.quiet = Duration::ZERO;
    stage.settings.queue = 1;
    let channels = stage.start().unwrap();
    for round in 1..=2 {
        for _ in 0..2 {
            let told = notification(CUSTOMER, Duration::from_secs(60));
            tracing::debug!(?told, "as dispatch may log it");
            channels.notify(told);
        }
        until(|| channels.counts().all(|(_, counts)| counts.delivered + counts.dead == round))
            .await;
        assert!(channels.counts().all(|(_, counts)| counts.dropped >= round));
    }
    bounded(channels.stop()).await;

    let logged = String::from_utf8(keep().lock().unwrap().clone()).unwrap();
    for line in ["attempt failed", "notified", "not notified", "no place", "SMTP reply 550"] {
        assert!(logged.contains(line), "{line} is missing: {logged}");
    }
    let login = STANDARD.encode(PASSWORD);
    let local = ADDRESS.split('@').next().unwrap();
    for secret in [CUSTOMER, ADDRESS, local, SECRET, PASSWORD, &login, "v1="] {
        assert!(!logged.contains(secret), "{secret} stands in the log: {logged}");
    }
    let letters = std::fs::read_to_string(&stage.settings.dead_letters).unwrap();
    assert!(letters.contains("SMTP reply 550") && !letters.contains(local), "{letters}");
}
