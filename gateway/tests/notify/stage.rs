//! What every test here stands on: settings with short pauses, a folder with secrets, customers.

use std::collections::HashMap;
use std::future::Future;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kessai_engine::terms::CustomerId;
use kessai_gateway::clock::SystemClock;
use kessai_gateway::entropy::{SystemEntropy, draw};
use kessai_gateway::notify::{
    Channels, Contacts, Counts, EventId, Kind, Lookup, MailAddress, Notification, NotifyError,
    NotifySettings, Surroundings,
};

pub(crate) const SECRET: &str = "a shared secret of more than 32 bytes";
pub(crate) const PASSWORD: &str = "the password of the mail server";
pub(crate) const CUSTOMER: &str = "090-1111-1111";
pub(crate) const ADDRESS: &str = "hanako.suzuki@post.example";

/// Knows one customer's address.
struct Book(HashMap<CustomerId, MailAddress>);

impl Contacts for Book {
    fn mail_address(&self, customer: CustomerId) -> Lookup<'_> {
        let found = self.0.get(&customer).cloned();
        Box::pin(async { found })
    }
}

/// A folder with secrets and settings that point into it.
pub(crate) struct Stage {
    pub(crate) settings: NotifySettings,
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        crate::logs::keep();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        let mut settings = NotifySettings {
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(20),
            ..NotifySettings::default()
        };
        settings.resolve(folder.path());
        write_private(&settings.webhook.secret, SECRET);
        write_private(&settings.mail.password, PASSWORD);
        Self { settings, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start(&self) -> Result<Channels, NotifyError> {
        let known = [(CUSTOMER.parse().unwrap(), MailAddress::parse(ADDRESS).unwrap())];
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            contacts: Arc::new(Book(HashMap::from(known))),
        };
        Channels::start(&self.settings, &surroundings)
    }

    pub(crate) fn dead(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.settings.dead_letters).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn write_private(path: &Path, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}

/// Asks the customer to open the app within `lives`.
pub(crate) fn notification(customer: &str, lives: Duration) -> Notification {
    let now_ms = now_ms();
    Notification {
        event: EventId::from_parts(now_ms, draw(&SystemEntropy)),
        kind: Kind::OpenApp,
        customer: customer.parse().unwrap(),
        expires_at_ms: now_ms + u64::try_from(lives.as_millis()).unwrap(),
    }
}

/// Gives the counts of the one channel that is set up.
pub(crate) fn counts(channels: &Channels) -> Counts {
    let mut counts = channels.counts();
    let (_, only) = counts.next().unwrap();
    assert!(counts.next().is_none());
    only
}

/// Waits for what cannot take long.
pub(crate) async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it takes too long")
}

/// Lets other tasks run until `holds`.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    bounded(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
