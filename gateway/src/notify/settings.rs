//! What can be set about notifications, its defaults and its bounds.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;
use lettre::message::Mailbox;
use serde::Deserialize;

/// How customers are told to open their app. An empty `url` and an empty `relay` mean: not at all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifySettings {
    /// Notifications that may wait in each channel; beyond it they are dropped and counted.
    pub queue: usize,
    /// Attempts at a time in each channel.
    pub at_once: usize,
    /// How long one attempt may take.
    #[serde(with = "humantime_serde")]
    pub attempt: Duration,
    /// The pause after a first attempt that failed; it doubles with each one.
    #[serde(with = "humantime_serde")]
    pub first_pause: Duration,
    /// What no pause exceeds, but for one that a webhook's receiver asks for.
    #[serde(with = "humantime_serde")]
    pub longest_pause: Duration,
    /// How long a customer is told nothing again.
    #[serde(with = "humantime_serde")]
    pub quiet: Duration,
    /// Where notifications are written that were given up, as JSON lines.
    pub dead_letters: PathBuf,
    /// What that file and the older one beside it may hold together, in KiB.
    pub dead_letters_kib: u32,
    /// Certificate authorities in PEM that alone are trusted; empty: the system's.
    pub roots: PathBuf,
    /// The webhook.
    pub webhook: WebhookSettings,
    /// Mail.
    pub mail: MailSettings,
}

/// Where the webhook goes and what signs it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to post, by https; by http to a loopback address alone. Empty: nowhere.
    pub url: String,
    /// The file of the shared secret, readable by its owner alone; a second line while it changes.
    pub secret: PathBuf,
}

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// The mail server that takes our mail. Empty: none.
    pub relay: String,
    /// Its port.
    pub port: u16,
    /// How the way there is protected.
    pub security: Security,
    /// Whom mail is from: `address` or `name <address>`.
    pub from: String,
    /// The name that we greet the server by; empty: the domain of `from`.
    pub hello: String,
    /// The user name; empty: none is given.
    pub user: String,
    /// The file of the password, readable by its owner alone; only read if there is a user.
    pub password: PathBuf,
}

/// How the way to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// By STARTTLS, without which nothing is said (RFC 3207).
    Starttls,
    /// By TLS from the first byte (RFC 8314).
    Tls,
    /// Not at all; to a loopback address alone.
    None,
}

impl Default for NotifySettings {
    fn default() -> Self {
        Self {
            queue: 10_000,
            at_once: 16,
            attempt: Duration::from_secs(5),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(15),
            quiet: Duration::from_secs(30),
            dead_letters: PathBuf::from("dead-letters.jsonl"),
            dead_letters_kib: 4_096,
            roots: PathBuf::new(),
            webhook: WebhookSettings::default(),
            mail: MailSettings::default(),
        }
    }
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { url: String::new(), secret: PathBuf::from("keys/webhook.secret") }
    }
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            relay: String::new(),
            port: 587,
            security: Security::Starttls,
            from: String::new(),
            hello: String::new(),
            user: String::new(),
            password: PathBuf::from("keys/mail.password"),
        }
    }
}

impl NotifySettings {
    /// Lets paths count from `folder`, the one that the configuration lies in.
    pub fn resolve(&mut self, folder: &Path) {
        for path in [&mut self.dead_letters, &mut self.webhook.secret, &mut self.mail.password] {
            *path = folder.join(&*path);
        }
        if !self.roots.as_os_str().is_empty() {
            self.roots = folder.join(&self.roots);
        }
    }

    /// Names everything that is out of bounds, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, sentence: &str| {
            if !holds {
                problems.push(format!("notify.{sentence}"));
            }
        };
        let (millisecond, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let hour = second * 3_600;
        demand((1..=1_000_000).contains(&self.queue), "queue must be 1 to 1000000");
        demand((1..=1_024).contains(&self.at_once), "at_once must be 1 to 1024");
        demand(
            (millisecond * 100..=second * 60).contains(&self.attempt),
            "attempt must be 100ms to 1min",
        );
        demand(
            (millisecond * 10..=self.longest_pause).contains(&self.first_pause),
            "first_pause must be 10ms to longest_pause",
        );
        demand(self.longest_pause <= hour, "longest_pause must be at most 1h");
        demand(self.quiet <= hour, "quiet must be at most 1h");
        demand(
            (4..=1_048_576).contains(&self.dead_letters_kib),
            "dead_letters_kib must be 4 to 1048576",
        );
        if self.webhook.is_on()
            && let Err(problem) = self.webhook.address()
        {
            demand(false, &format!("webhook.url {problem}"));
        }
        if self.mail.is_on() {
            demand(
                self.mail.security != Security::None || is_loopback(&self.mail.relay),
                "mail.security may be \"none\" only if relay is a loopback address",
            );
            demand(self.mail.sender().is_some(), "mail.from must be a mail address");
            demand(self.mail.port != 0, "mail.port must not be 0");
        }
        problems
    }

    /// What the dead letters may take in all.
    pub(super) fn dead_letters_bytes(&self) -> u64 {
        u64::from(self.dead_letters_kib).saturating_mul(1_024)
    }
}

impl WebhookSettings {
    pub(super) const fn is_on(&self) -> bool {
        !self.url.is_empty()
    }

    /// Parses the address, and says what is wrong with it.
    pub(super) fn address(&self) -> Result<Uri, &'static str> {
        let address: Uri = self.url.parse().map_err(|_| "is no URL")?;
        let authority = address.authority().ok_or("is no URL")?;
        if authority.as_str().contains('@') {
            return Err("must not hold a user or a password: it is no secret");
        }
        match (address.scheme_str(), address.host()) {
            (Some("https"), Some(_)) => Ok(address),
            (Some("http"), Some(host)) if is_loopback(host) => Ok(address),
            _ => Err("must begin with https://, or with http:// and a loopback address"),
        }
    }
}

impl MailSettings {
    pub(super) const fn is_on(&self) -> bool {
        !self.relay.is_empty()
    }

    pub(super) fn sender(&self) -> Option<Mailbox> {
        self.from.parse().ok()
    }
}

/// Says whether a host is an address of this machine; names are not, for they can be told to be
/// anything.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::NotifySettings;

    fn check(toml: &str, expected: &[&str]) {
        let settings: NotifySettings = toml::from_str(toml).unwrap();
        assert_eq!(settings.problems(), expected, "{toml}");
    }

    #[test]
    fn the_defaults_are_sound_and_notify_nobody() {
        check("", &[]);
        let settings = NotifySettings::default();
        assert!(!settings.webhook.is_on() && !settings.mail.is_on());
    }

    #[test]
    fn a_setting_that_there_is_not_is_refused() {
        for toml in ["que = 1", "[webhook]\nuri = \"\"", "[mail]\nhost = \"\""] {
            assert!(toml::from_str::<NotifySettings>(toml).is_err(), "{toml}");
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        check(
            "queue = 0\nat_once = 0\nattempt = \"1ms\"\nfirst_pause = \"1m\"\nquiet = \"1day\"\n\
             longest_pause = \"2h\"\ndead_letters_kib = 3",
            &[
                "notify.queue must be 1 to 1000000",
                "notify.at_once must be 1 to 1024",
                "notify.attempt must be 100ms to 1min",
                "notify.longest_pause must be at most 1h",
                "notify.quiet must be at most 1h",
                "notify.dead_letters_kib must be 4 to 1048576",
            ],
        );
        check("first_pause = \"20s\"", &["notify.first_pause must be 10ms to longest_pause"]);
    }

    #[test]
    fn what_is_said_in_the_clear_stays_on_this_machine() {
        let url = "notify.webhook.url must begin with https://, or with http:// and a loopback \
                   address";
        for (address, problems) in [
            ("https://shop.example/hook", &[][..]),
            ("http://127.0.0.1:8080/hook", &[]),
            ("http://[::1]:8080/hook", &[]),
            ("http://shop.example/hook", &[url]),
            ("http://localhost/hook", &[url]),
            ("http://127.0.0.1.shop.example/hook", &[url]),
            ("ftp://shop.example/hook", &[url]),
            ("/hook", &["notify.webhook.url is no URL"]),
            (
                "https://user:word@shop.example/hook",
                &["notify.webhook.url must not hold a user or a password: it is no secret"],
            ),
        ] {
            check(&format!("[webhook]\nurl = \"{address}\""), problems);
        }
        let security = "notify.mail.security may be \"none\" only if relay is a loopback address";
        for (relay, problems) in [
            ("127.0.0.1", &[][..]),
            ("::1", &[]),
            ("localhost", &[security]),
            ("mail.example", &[security]),
        ] {
            let mail = format!("relay = \"{relay}\"\nsecurity = \"none\"\nfrom = \"a@b.example\"");
            check(&format!("[mail]\n{mail}"), problems);
        }
    }

    #[test]
    fn mail_needs_a_sender() {
        let problem = &["notify.mail.from must be a mail address"][..];
        let good = &[][..];
        for (from, problems) in
            [("", problem), ("Kessai", problem), ("a@b.example", good), ("K <a@b.example>", good)]
        {
            check(&format!("[mail]\nrelay = \"m.example\"\nfrom = \"{from}\""), problems);
        }
    }

    #[test]
    fn paths_count_from_the_folder_of_the_configuration() {
        let mut settings = NotifySettings::default();
        settings.resolve(Path::new("/srv/kessai"));
        assert_eq!(settings.webhook.secret, Path::new("/srv/kessai/keys/webhook.secret"));
        assert_eq!(settings.mail.password, Path::new("/srv/kessai/keys/mail.password"));
        assert_eq!(settings.dead_letters, Path::new("/srv/kessai/dead-letters.jsonl"));
        assert_eq!(settings.roots, Path::new(""), "nothing set is no path");
        settings.roots = "roots.pem".into();
        settings.resolve(Path::new("/srv"));
        assert_eq!(settings.roots, Path::new("/srv/roots.pem"));
    }
}
