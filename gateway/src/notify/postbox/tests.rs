//! Runs the queue and its attempts under paused time, with carriers that do as they are told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Attempt, Carrier, Counts, Office, Postbox};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::notify::dead::DeadLetters;
use crate::notify::{
    Contacts, EventId, Fault, Kind, Lookup, Notification, NotifySettings, Surroundings,
};

const START_MS: u64 = 1_700_000_000_000;

/// Tells the runtime's time, which stands still until everybody waits.
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now_ms(&self) -> u64 {
        START_MS + u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// Makes every pause as long as it can be.
struct NoChance;

impl Entropy for NoChance {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0xff);
    }
}

struct Nobody;

impl Contacts for Nobody {
    fn mail_address(&self, _: kessai_engine::terms::CustomerId) -> Lookup<'_> {
        Box::pin(async { None })
    }
}

/// Reports when each attempt begins, and ends it as a function of its number says; an attempt
/// that is told nothing hangs.
struct Told<F> {
    began: mpsc::UnboundedSender<(EventId, Duration)>,
    start: Instant,
    count: std::sync::atomic::AtomicU32,
    script: F,
}

impl<F: Fn(u32) -> Option<Attempt> + Send + Sync + 'static> Carrier for Told<F> {
    const NAME: &'static str = "told";

    async fn carry(&self, notification: &Notification) -> Attempt {
        let number = self.count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        self.began.send((notification.event, self.start.elapsed())).unwrap();
        match (self.script)(number) {
            Some(attempt) => attempt,
            None => std::future::pending().await,
        }
    }
}

/// One channel over a folder for its dead letters.
struct Stage {
    postbox: Postbox,
    began: mpsc::UnboundedReceiver<(EventId, Duration)>,
    letters: PathBuf,
    _folder: tempfile::TempDir,
}

fn settings() -> NotifySettings {
    NotifySettings {
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(8),
        quiet: Duration::ZERO,
        ..NotifySettings::default()
    }
}

fn stage(
    settings: &NotifySettings,
    script: impl Fn(u32) -> Option<Attempt> + Send + Sync + 'static,
) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let letters = folder.path().join("dead.jsonl");
    let start = Instant::now();
    let surroundings = Surroundings {
        clock: Arc::new(PausedClock(start)),
        entropy: Arc::new(NoChance),
        contacts: Arc::new(Nobody),
    };
    let dead = Arc::new(DeadLetters::open(&letters, settings.dead_letters_bytes()).unwrap());
    let office = Office::new(settings, &surroundings, dead);
    let (sender, began) = mpsc::unbounded_channel();
    let carrier = Told { began: sender, start, count: 0.into(), script };
    Stage { postbox: Postbox::open(&office, carrier), began, letters, _folder: folder }
}

impl Stage {
    /// Waits until nothing is under way any more, without ending what is.
    async fn idle(&self) {
        let places = u32::try_from(self.postbox.places.available_permits()).unwrap();
        assert!(places < QUEUE, "nothing is under way");
        drop(self.postbox.places.acquire_many(QUEUE).await.unwrap());
    }

    /// Gives the seconds at which attempts began, rounded.
    fn seconds(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.began.try_recv().ok())
            .map(|(_, at)| (at + Duration::from_millis(500)).as_secs())
            .collect()
    }

    fn dead(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.letters).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const QUEUE: u32 = 10_000;

fn notification(number: u8, lives: Duration) -> Notification {
    Notification {
        event: EventId::from_parts(START_MS, [number; 10]),
        kind: Kind::OpenApp,
        customer: format!("C-{number}").parse().unwrap(),
        expires_at_ms: START_MS + u64::try_from(lives.as_millis()).unwrap(),
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const FAILED: Option<Attempt> = Some(Attempt::again(Fault::Status(500)));

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_after_pauses_that_double() {
    let mut stage = stage(&settings(), |n| if n < 4 { FAILED } else { Some(Attempt::Delivered) });
    stage.postbox.post(notification(1, MINUTE));
    stage.idle().await;
    assert_eq!(stage.seconds(), [0, 1, 3, 7]);
    assert_eq!(stage.postbox.counts(), Counts { failed: 3, delivered: 1, ..Counts::default() });
    assert!(stage.dead().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_fails_until_the_payment_expires_is_a_dead_letter() {
    let mut stage = stage(&settings(), |_| FAILED);
    stage.postbox.post(notification(1, MINUTE));
    stage.idle().await;
    assert_eq!(stage.seconds(), [0, 1, 3, 7, 15, 23, 31, 39, 47, 55]);
    let [letter] = &stage.dead()[..] else { panic!("one letter") };
    assert_eq!(letter["ending"], "expired");
    assert_eq!(letter["attempts"], 10);
    assert_eq!(letter["fault"], "HTTP status 500");
    assert_eq!(letter["customer"], "C-1");
    assert_eq!(stage.postbox.counts(), Counts { failed: 10, dead: 1, ..Counts::default() });
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_is_not_tried_at_all() {
    let mut stage = stage(&settings(), |_| Some(Attempt::Delivered));
    stage.postbox.post(notification(1, Duration::ZERO));
    stage.idle().await;
    assert_eq!(stage.seconds(), [0; 0]);
    assert_eq!(stage.dead()[0]["ending"], "expired");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_it_at_once() {
    let mut stage = stage(&settings(), |_| Some(Attempt::Refused(Fault::Status(404))));
    stage.postbox.post(notification(1, MINUTE));
    stage.idle().await;
    assert_eq!(stage.seconds(), [0]);
    assert_eq!(stage.dead()[0]["ending"], "refused");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_time_gets_it() {
    let later = Attempt::Again(Fault::Status(503), Duration::from_secs(20));
    let mut stage =
        stage(&settings(), move |n| Some(if n == 1 { later } else { Attempt::Delivered }));
    stage.postbox.post(notification(1, MINUTE));
    stage.idle().await;
    assert_eq!(stage.seconds(), [0, 20]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_cut_off_and_tried_again() {
    let mut stage = stage(&settings(), |n| if n == 1 { None } else { Some(Attempt::Delivered) });
    stage.postbox.post(notification(1, MINUTE));
    stage.idle().await;
    assert_eq!(stage.seconds(), [0, 6], "five seconds and a pause of one");
}

#[tokio::test(start_paused = true)]
async fn no_attempt_outlives_the_payment() {
    let stage = stage(&settings(), |_| None);
    let start = Instant::now();
    stage.postbox.post(notification(1, Duration::from_secs(2)));
    stage.idle().await;
    assert!(start.elapsed() < Duration::from_millis(2_010), "{:?}", start.elapsed());
    assert_eq!(stage.dead()[0]["fault"], "no answer in time");
}

#[tokio::test(start_paused = true)]
async fn over_the_bound_notifications_are_dropped_and_counted() {
    let settings = NotifySettings { queue: 3, ..settings() };
    let stage = stage(&settings, |_| None);
    for number in 0..8 {
        stage.postbox.post(notification(number, MINUTE));
    }
    assert_eq!(stage.postbox.counts().dropped, 5);
    // A place is free again once what held it is given up, in the queue or in an attempt.
    drop(stage.postbox.places.acquire_many(3).await.unwrap());
    assert_eq!(stage.postbox.counts().dead, 3);
    stage.postbox.post(notification(9, MINUTE * 3));
    assert_eq!(stage.postbox.counts().dropped, 5);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_does_not_hold_up_the_others() {
    let settings = NotifySettings { at_once: 1, ..settings() };
    let mut stage = stage(&settings, |n| if n == 1 { FAILED } else { Some(Attempt::Delivered) });
    for number in 0..3 {
        stage.postbox.post(notification(number, MINUTE));
    }
    stage.idle().await;
    assert_eq!(stage.seconds(), [0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_at_a_time_than_set() {
    let settings = NotifySettings { at_once: 2, ..settings() };
    let mut stage = stage(&settings, |n| if n <= 2 { None } else { Some(Attempt::Delivered) });
    for number in 0..4 {
        stage.postbox.post(notification(number, MINUTE));
    }
    stage.idle().await;
    assert_eq!(stage.seconds(), [0, 0, 5, 5, 6, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_customer_is_told_once_in_a_while() {
    let settings = NotifySettings { quiet: Duration::from_secs(30), ..settings() };
    let mut stage = stage(&settings, |_| Some(Attempt::Delivered));
    for _ in 0..3 {
        stage.postbox.post(notification(1, MINUTE));
    }
    stage.postbox.post(notification(2, MINUTE));
    stage.idle().await;
    assert_eq!(stage.seconds(), [0, 0]);
    let expected = Counts { delivered: 2, quieted: 2, ..Counts::default() };
    assert_eq!(stage.postbox.counts(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_customer_without_an_address_is_no_dead_letter() {
    let stage = stage(&settings(), |_| Some(Attempt::Nowhere));
    stage.postbox.post(notification(1, MINUTE));
    stage.idle().await;
    assert_eq!(stage.postbox.counts(), Counts { nowhere: 1, ..Counts::default() });
    assert!(stage.dead().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_attempts_end_and_writes_down_what_waits() {
    // The first is in a pause, the second in an attempt, the third waits for its turn.
    let mut stage = stage(&NotifySettings { at_once: 1, ..settings() }, |n| match n {
        1 => FAILED,
        _ => None,
    });
    for number in 1..=3 {
        stage.postbox.post(notification(number, MINUTE));
    }
    for _ in 0..2 {
        stage.began.recv().await.unwrap();
    }
    let start = Instant::now();
    stage.postbox.close();
    stage.postbox.closed().await;
    assert!(start.elapsed() <= settings().attempt + Duration::from_millis(10));
    let mut dead: Vec<_> = stage
        .dead()
        .iter()
        .map(|letter| {
            assert_eq!(letter["ending"], "stopped");
            (letter["customer"].as_str().unwrap().to_owned(), letter["attempts"].as_u64().unwrap())
        })
        .collect();
    dead.sort();
    assert_eq!(dead, [("C-1".to_owned(), 1), ("C-2".to_owned(), 1), ("C-3".to_owned(), 0)]);
    stage.postbox.post(notification(4, MINUTE));
    assert_eq!(stage.postbox.counts().dropped, 1, "what comes afterwards is dropped");
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_written_is_counted_as_lost() {
    let settings = NotifySettings { dead_letters_kib: 0, ..settings() };
    let stage = stage(&settings, |_| Some(Attempt::Refused(Fault::Status(410))));
    // The first letter fills the file, and with its folder gone there can be no other.
    std::fs::remove_dir_all(stage.letters.parent().unwrap()).unwrap();
    for number in 0..3 {
        stage.postbox.post(notification(number, MINUTE));
    }
    stage.idle().await;
    assert_eq!(stage.postbox.counts(), Counts { failed: 3, dead: 1, lost: 2, ..Counts::default() });
}
