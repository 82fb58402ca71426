//! A handset and its owner: shows what it is asked, answers rightly, wrongly or not at all, is
//! switched off at the worst moment, and hears of every end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use kessai_client::terms::collation::HandsetSecrets;
use kessai_client::{Answered, Event, Events, Handset, Question};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::cast::{Cast, Phone, behind_the_keys};
use super::heard::Heard;
use super::plan::{FAULTY, Plan};
use super::station::{Station, Surroundings, options, persist};
use super::time;
use crate::simulation::chance::{Chance, Of};

/// How long a handset stays on at the end: all that is owed to it is told meanwhile.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// A handset in use.
pub(super) struct PhoneInUse {
    plan: Rc<Plan>,
    cast: Rc<Cast>,
    number: usize,
    heard: Rc<Heard>,
    around: Surroundings,
    chance: RefCell<Chance>,
    /// Up to which notice all were told.
    seen: Cell<u64>,
    /// It is to go off at once.
    off: Notify,
}

/// What the owner does about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mind {
    /// Types the password.
    Approves,
    /// Types another one first.
    Mistypes,
    /// Sends the proof, and is cut off before the outcome.
    ApprovesAndIsLost,
    /// Does not want it.
    Refuses,
    /// Does not look.
    IsSilent,
}

impl PhoneInUse {
    pub(super) fn new(
        seed: u64,
        number: usize,
        plan: &Rc<Plan>,
        cast: &Rc<Cast>,
        heard: &Rc<Heard>,
        around: Surroundings,
    ) -> Rc<Self> {
        let chance = behind_the_keys(seed, Of::Phone(number));
        Rc::new(Self {
            plan: Rc::clone(plan),
            cast: Rc::clone(cast),
            number,
            heard: Rc::clone(heard),
            around,
            chance: RefCell::new(chance),
            seen: Cell::new(0),
            off: Notify::new(),
        })
    }

    /// Is on and off as long as things go wrong; then stays on until `over`, and looks once more.
    ///
    /// # Errors
    /// What no misfortune explains.
    pub(super) async fn live(self: Rc<Self>, over: impl AsyncFn()) -> turmoil::Result {
        while time::elapsed() < FAULTY {
            let on = Duration::from_millis(self.between(2_000, 15_000));
            self.clone().stay_on(async || sleep(on).await).await?;
            sleep(Duration::from_millis(self.between(50, 3_000))).await;
        }
        self.clone().stay_on(over).await?;
        self.stay_on(async || sleep(LAST_LOOK).await).await
    }

    /// Is on until `enough`, or until it is switched off.
    async fn stay_on(self: Rc<Self>, enough: impl AsyncFn()) -> turmoil::Result {
        let phone = self.phone();
        let station = Station::open(&phone.peer, &self.around).await?;
        let server = phone.right.device_keys().server.clone();
        let connect = || {
            let (connector, seen) = (station.connector(), self.seen.get());
            Handset::connect(connector, phone.id, server.clone(), seen, options(&phone.peer))
        };
        let (handset, mut events) = persist(connect).await?;
        // What is being answered is given up with it.
        let mut answers = JoinSet::new();
        tokio::select! {
            biased;
            () = self.off.notified() => {}
            () = enough() => {}
            () = self.listen(&handset, &mut events, &mut answers) => {}
        }
        // What it took in before it went off was told.
        while let Some(event) = events.try_next() {
            self.take(event);
        }
        self.seen.set(handset.seen());
        Ok(())
    }

    /// Takes what happens, until the line has ended for good.
    async fn listen(
        self: &Rc<Self>,
        handset: &Handset,
        events: &mut Events,
        answers: &mut JoinSet<()>,
    ) {
        while let Some(event) = events.next().await {
            if let Some(question) = self.take(event) {
                let (own, handset) = (Rc::clone(self), handset.clone());
                answers.spawn_local(async move { own.answer(&handset, *question).await });
            }
        }
    }

    /// Notes what happens; a question is to be answered.
    fn take(&self, event: Event) -> Option<Box<Question>> {
        match event {
            Event::Asked(question) => {
                let (payment, tries_left) = (question.payment(), question.tries_left);
                self.heard.note(&("asked", self.number, payment, tries_left));
                return Some(question);
            }
            Event::Told(notice) => {
                self.heard.noticed(self.phone().id, &notice);
            }
            Event::Untrusted(why) => {
                self.heard.is_wrong(format!("handset {} does not believe: {why}", self.number));
            }
            Event::Connected => self.heard.note(&("connected", self.number)),
            Event::Disconnected(_) => self.heard.note(&("disconnected", self.number)),
        }
        None
    }

    /// Has the owner answer.
    async fn answer(&self, handset: &Handset, question: Question) {
        let mind = self.mind();
        sleep(Duration::from_millis(self.between(200, 3_000))).await;
        let phone = self.phone();
        match mind {
            Mind::IsSilent => {}
            Mind::Refuses => match handset.refuse(question.payment()).await {
                Ok(notice) => self.heard.noticed(phone.id, &notice),
                Err(error) => self.heard.note(&("no refusal", self.number, error.reason())),
            },
            Mind::Approves => self.prove(handset, &question, &phone.right).await,
            Mind::Mistypes => {
                self.prove(handset, &question, &phone.wrong).await;
                sleep(Duration::from_millis(self.between(500, 1_500))).await;
                self.prove(handset, &question, &phone.right).await;
            }
            Mind::ApprovesAndIsLost => {
                let lost = Instant::now() + Duration::from_millis(self.between(1, 80));
                tokio::select! {
                    biased;
                    () = sleep_until(lost) => self.off.notify_one(),
                    () = self.prove(handset, &question, &phone.right) => {}
                }
            }
        }
    }

    async fn prove(&self, handset: &Handset, question: &Question, secrets: &HandsetSecrets) {
        let own = self.phone().id;
        match handset.approve(question, secrets).await {
            Ok(
                Answered::Approved(notice) | Answered::Declined(notice) | Answered::Ended(notice),
            ) => self.heard.noticed(own, &notice),
            Ok(Answered::TryAgain { tries_left }) => {
                self.heard.note(&("try again", self.number, tries_left));
            }
            Err(error) => self.heard.note(&("no outcome", self.number, error.reason())),
        }
    }

    fn mind(&self) -> Mind {
        let drawn = match self.between(0, 99) {
            0..=9 => Mind::Mistypes,
            10..=24 => Mind::ApprovesAndIsLost,
            25..=34 => Mind::Refuses,
            35..=44 => Mind::IsSilent,
            _ => Mind::Approves,
        };
        self.plan.mind.unwrap_or(drawn)
    }

    fn between(&self, least: u64, most: u64) -> u64 {
        self.chance.borrow_mut().between(least..=most)
    }

    fn phone(&self) -> &Phone {
        self.cast.phones.get(self.number).expect("a handset of this cast")
    }
}
