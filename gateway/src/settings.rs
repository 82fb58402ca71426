//! The configuration file: every setting, its default and its bounds.
//!
//! Read once at the start and handed on in parts; nothing here is global.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kessai_engine::{Calendar, Rules};
use serde::Deserialize;

use crate::notify::NotifySettings;

mod bounds;

/// The configuration file that `kessai init` writes: all defaults, commented.
pub const TEMPLATE: &str = include_str!("settings/template.toml");

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The UDP address that terminals and handsets reach.
    pub listen: SocketAddr,
    /// How they reach it from where they are, `host:port`; it stands in activation strings.
    pub announce: String,
    /// Customers, payments and journal.
    pub data: PathBuf,
    /// Keys; never inside `data`.
    pub keys: PathBuf,
    /// How long payments live and what they may try.
    pub payments: Payments,
    /// What connections may cost.
    pub connections: Connections,
    /// How records become durable.
    pub journal: JournalSettings,
    /// When a business day begins.
    pub business_day: BusinessDay,
    /// What prices in other currencies are converted by.
    pub exchange: Exchange,
    /// Where the processor's own people are served.
    pub admin: Admin,
    /// How customers are told to open their app.
    pub notify: NotifySettings,
}

/// Where the processor's own people are served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// The TCP address of the administration, on this machine alone.
    pub listen: SocketAddr,
    /// The longest import, in MiB; it is kept on the disk of `data` while it is read.
    pub import_mib: u64,
}

/// How long payments live and what they may try.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Payments {
    /// How long a customer may take to answer.
    #[serde(with = "humantime_serde")]
    pub prompt: Duration,
    /// How long a machine may take to report delivery.
    #[serde(with = "humantime_serde")]
    pub delivery: Duration,
    /// Wrong proofs that a payment bears.
    pub tries: u8,
    /// Wrong proofs in a row that block a customer.
    pub tries_in_row: u8,
    /// Payments that may wait for one customer.
    pub open_per_customer: u8,
    /// Payments that may be pending for one terminal.
    pub open_per_terminal: u32,
    /// Payments that may be pending in all.
    pub open_in_all: u32,
    /// Payments kept in memory.
    pub in_memory: usize,
    /// How long a payment stays in memory after its end; then the archive tells of it.
    #[serde(with = "humantime_serde")]
    pub memory: Duration,
    /// How far ahead of our clock the time in a payment id may be.
    #[serde(with = "humantime_serde")]
    pub id_tolerance: Duration,
    /// Whether a customer may be named by the plain customer id.
    pub plain_ids: PlainIds,
    /// How long a presentment code is good.
    #[serde(with = "humantime_serde")]
    pub code: Duration,
    /// What a shop is told of a decline.
    pub tell_shops: Disclosure,
    /// How often a customer may be asked by plain id a minute, declined asks included.
    pub asks_per_minute: u32,
    /// Payments that came to nothing within `mute_window` after which a customer is left in peace.
    pub mute_after: u8,
    /// See `mute_after`.
    #[serde(with = "humantime_serde")]
    pub mute_window: Duration,
    /// Declines that a terminal may cause a minute.
    pub declines_per_terminal_per_minute: u32,
    /// How often a terminal may ask a minute how payments stand.
    pub status_per_terminal_per_minute: u32,
    /// Presentment codes that a handset may ask for a minute.
    pub codes_per_handset_per_minute: u32,
    /// Codes nobody shows that a terminal may send a minute; beyond it, no code of it is looked up.
    pub wrong_codes_per_terminal_per_minute: u32,
}

/// Whether customers may be named by the plain customer id, as the patent has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainIds {
    /// They may, unless a customer's own policy forbids it.
    Allowed,
    /// Only by presentment codes.
    Refused,
}

/// What a shop is told of a decline before the customer has approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// Only that it was not honoured.
    Nothing,
    /// Also want of funds, if the customer was named by a code.
    FundsWithCode,
}

/// What prices in other currencies are converted by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exchange {
    /// The file of rates; empty for none.
    pub rates: PathBuf,
}

impl Exchange {
    /// The file of rates, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        (!self.rates.as_os_str().is_empty()).then_some(self.rates.as_path())
    }
}

/// What connections may cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connections {
    /// Connections at a time.
    pub most: usize,
    /// Handshakes under way at a time.
    pub handshakes: usize,
    /// New connections from one address a second, with bursts of as many again.
    pub per_source_per_second: u32,
    /// Enrolments from one address a minute, with bursts of as many.
    pub enrolments_per_source_per_minute: u32,
    /// How long a handshake may take.
    #[serde(with = "humantime_serde")]
    pub handshake: Duration,
    /// How long the rest of a frame may take once it has begun.
    #[serde(with = "humantime_serde")]
    pub frame: Duration,
    /// How long a connection may be silent.
    #[serde(with = "humantime_serde")]
    pub idle: Duration,
    /// How long a stop waits for answers that are on their way.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

/// How records become durable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalSettings {
    /// How long the writer gathers records when it is busy.
    #[serde(with = "humantime_serde")]
    pub gather: Duration,
    /// The size of a segment file, in MiB.
    pub segment_mib: u32,
    /// Records that may wait for the writer.
    pub queue: u32,
    /// Whether the writer asks for real-time priority.
    pub priority: Priority,
    /// The folder on another disk that holds the same as the journal; empty for none.
    pub mirror: PathBuf,
    /// How often a snapshot is made, if anything has happened.
    #[serde(with = "humantime_serde")]
    pub snapshot: Duration,
    /// Records after which one is made sooner.
    pub snapshot_records: u64,
}

impl JournalSettings {
    /// The folder of the mirror, if there is one.
    #[must_use]
    pub fn mirror(&self) -> Option<&Path> {
        (!self.mirror.as_os_str().is_empty()).then_some(self.mirror.as_path())
    }
}

/// How the journal's writer competes for the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Ahead of everything else, where the system permits it.
    Realtime,
    /// Like any thread.
    Normal,
}

/// When a business day begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BusinessDay {
    /// Local time, in minutes east of UTC.
    pub utc_offset_minutes: i32,
    /// In minutes after local midnight.
    pub cut_off_minutes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7443)),
            announce: "127.0.0.1:7443".to_owned(),
            data: PathBuf::from("data"),
            keys: PathBuf::from("keys"),
            payments: Payments::default(),
            connections: Connections::default(),
            journal: JournalSettings::default(),
            business_day: BusinessDay::default(),
            exchange: Exchange::default(),
            admin: Admin::default(),
            notify: NotifySettings::default(),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 7480)), import_mib: 4_096 }
    }
}

impl Default for Payments {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            prompt: Duration::from_secs(60),
            delivery: Duration::from_millis(rules.delivery_ms),
            tries: rules.tries_per_payment,
            tries_in_row: rules.tries_in_row,
            open_per_customer: rules.open_per_customer,
            open_per_terminal: rules.open_per_terminal,
            open_in_all: rules.open_in_all,
            in_memory: rules.payments_in_memory,
            memory: Duration::from_secs(900),
            id_tolerance: Duration::from_millis(rules.id_tolerance_ms),
            plain_ids: PlainIds::Allowed,
            code: Duration::from_secs(60),
            tell_shops: Disclosure::Nothing,
            asks_per_minute: rules.asks_per_minute,
            mute_after: rules.mute_after,
            mute_window: Duration::from_millis(rules.mute_window_ms),
            declines_per_terminal_per_minute: rules.declines_per_terminal_per_minute,
            status_per_terminal_per_minute: 600,
            codes_per_handset_per_minute: 30,
            wrong_codes_per_terminal_per_minute: 10,
        }
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            most: 100_000,
            handshakes: 1_024,
            per_source_per_second: 500,
            enrolments_per_source_per_minute: 30,
            handshake: Duration::from_secs(3),
            frame: Duration::from_secs(2),
            idle: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            gather: Duration::from_micros(300),
            segment_mib: 64,
            queue: 65_536,
            priority: Priority::Realtime,
            mirror: PathBuf::new(),
            snapshot: Duration::from_secs(600),
            snapshot_records: 4_000_000,
        }
    }
}

impl Default for BusinessDay {
    fn default() -> Self {
        let calendar = Calendar::default();
        Self {
            utc_offset_minutes: calendar.utc_offset_minutes,
            cut_off_minutes: calendar.cut_off_minutes,
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{path}: {source}; `kessai init DIR` writes one")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or names a setting that there is not.
    #[error("{path}, line {line} ({text}): {problem}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Which line of it, counted from 1.
        line: usize,
        /// That line.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Settings are out of their bounds; all of them are named.
    #[error("{path}: {}", problems.join("; "))]
    Bounds {
        /// Which file.
        path: PathBuf,
        /// One sentence a setting.
        problems: Vec<String>,
    },
}

impl SettingsError {
    /// Says in one line where a file is no configuration: it holds no secret, so it is quoted.
    fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or(text);
        let line = before.matches('\n').count();
        Self::Syntax {
            path: path.to_owned(),
            line: line.saturating_add(1),
            text: text.lines().nth(line).unwrap_or_default().trim().to_owned(),
            problem: error.message().replace('\n', "; "),
        }
    }
}

impl Payments {
    /// What no payment needs to stay in memory longer for, however short that becomes.
    #[must_use]
    pub fn shortest_memory(&self) -> Duration {
        self.prompt.saturating_add(self.delivery).saturating_add(self.id_tolerance)
    }
}

impl Settings {
    /// Reads a configuration file; paths in it count from the folder that it lies in.
    ///
    /// # Errors
    /// [`SettingsError`], naming the file and everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::File { path: path.to_owned(), source })?;
        let mut settings: Self =
            toml::from_str(&text).map_err(|error| SettingsError::syntax(path, &text, &error))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        settings.data = folder.join(&settings.data);
        settings.keys = folder.join(&settings.keys);
        if let Some(mirror) = settings.journal.mirror() {
            settings.journal.mirror = folder.join(mirror);
        }
        if let Some(rates) = settings.exchange.file() {
            settings.exchange.rates = folder.join(rates);
        }
        settings.notify.resolve(folder);
        let problems = settings.problems();
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError::Bounds { path: path.to_owned(), problems })
        }
    }

    /// The numbers that the engine decides by.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            tries_per_payment: self.payments.tries,
            tries_in_row: self.payments.tries_in_row,
            open_per_customer: self.payments.open_per_customer,
            open_per_terminal: self.payments.open_per_terminal,
            open_in_all: self.payments.open_in_all,
            payments_in_memory: self.payments.in_memory,
            id_tolerance_ms: millis(self.payments.id_tolerance),
            delivery_ms: millis(self.payments.delivery),
            calendar: Calendar {
                utc_offset_minutes: self.business_day.utc_offset_minutes,
                cut_off_minutes: self.business_day.cut_off_minutes,
            },
            plain_ids: match self.payments.plain_ids {
                PlainIds::Allowed => kessai_engine::PlainIds::Allowed,
                PlainIds::Refused => kessai_engine::PlainIds::Refused,
            },
            asks_per_minute: self.payments.asks_per_minute,
            mute_after: self.payments.mute_after,
            mute_window_ms: millis(self.payments.mute_window),
            declines_per_terminal_per_minute: self.payments.declines_per_terminal_per_minute,
            disclosure: match self.payments.tell_shops {
                Disclosure::Nothing => kessai_engine::Disclosure::Nothing,
                Disclosure::FundsWithCode => kessai_engine::Disclosure::FundsWithCode,
            },
        }
    }
}

/// A duration in whole milliseconds.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Settings, SettingsError, TEMPLATE};

    /// The template with every commented setting switched on.
    fn uncommented() -> String {
        let setting = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
        TEMPLATE
            .lines()
            .map(|line| if setting(&line) { line.trim_start_matches('#') } else { line })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_template_names_every_setting_with_its_default() {
        let from_template: Settings = toml::from_str(&uncommented()).unwrap();
        assert_eq!(from_template, Settings::default());
        assert_eq!(toml::from_str::<Settings>(TEMPLATE).unwrap(), Settings::default());
        let set = uncommented().lines().filter(|line| line.contains(" = ")).count();
        let fields = format!("{:#?}", Settings::default()).matches(": ").count() - 9;
        assert_eq!(set, fields, "a setting is missing in the template");
    }

    #[test]
    fn a_missing_file_says_how_to_make_one() {
        let error = Settings::load(Path::new("no/such/kessai.toml")).unwrap_err();
        assert!(error.to_string().contains("kessai init"), "{error}");
    }

    #[test]
    fn every_fault_of_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kessai.toml");
        std::fs::write(&path, "[payments]\nprompt = \"0s\"\ntries_in_row = 9\n").unwrap();
        let error = Settings::load(&path).unwrap_err();
        let SettingsError::Bounds { problems, .. } = &error else { panic!("{error}") };
        assert_eq!(problems.len(), 2, "{error}");
        std::fs::write(&path, "keys = \"data/keys\"\n[connections]\nmost = 99999999999\n").unwrap();
        let error = Settings::load(&path).unwrap_err().to_string();
        assert!(error.contains("keys must not lie in the data directory"), "{error}");
        assert!(error.contains("connections.most"), "{error}");
        std::fs::create_dir_all(folder.path().join("data/journal")).unwrap();
        std::os::unix::fs::symlink("data/journal", folder.path().join("link")).unwrap();
        for mirror in ["data/journal", "data/journal/mirror", "data/mirror", "data", ".", "link"] {
            std::fs::write(&path, format!("[journal]\nmirror = \"{mirror}\"\n")).unwrap();
            let error = Settings::load(&path).unwrap_err().to_string();
            assert!(error.contains("journal.mirror must lie apart"), "{mirror}: {error}");
        }
        std::fs::write(&path, "[journal]\nmirror = \"mirror\"\n").unwrap();
        let mirror = Settings::load(&path).unwrap().journal.mirror().unwrap().to_owned();
        assert_eq!(mirror, folder.path().join("mirror"), "it counts from the file's folder");
        std::fs::write(&path, "[payments]\npromt = \"5s\"\n").unwrap();
        let error = Settings::load(&path).unwrap_err().to_string();
        assert!(error.contains("promt"), "{error}");
    }
}
