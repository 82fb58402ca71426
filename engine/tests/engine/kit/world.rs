//! An engine, what came out of it, and short ways to command it.

use std::sync::Arc;

use kessai_engine::terms::money::Currency;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    AdminError, Claim, Collated, Credited, CustomerAdded, CustomerPolicy, CustomerView, Engine,
    KeyChange, Keyring, Offer, Opening, PaymentView, PolicySet, Portion, PromptView, Record,
    Refund, Refunding, RegisterChange, RegisterError, Rekeyed, ReverseCause, Rules, Terminal,
};

use super::{
    BALANCE, HOME, NOON_MS, Person, Recorder, RecorderSlot, enrolment, layout, nonce, payment_id,
    person, replayed, sealing_key, street, terminal, transfer, yen,
};

/// An engine with what came out of it, at a time that a test moves on.
pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) recorder: Recorder,
    pub(crate) now_ms: u64,
}

impl World {
    /// The street, and people 1 to 3 with a handset and [`BALANCE`] each.
    pub(crate) fn new() -> Self {
        Self::with(Rules::default())
    }

    pub(crate) fn with(rules: Rules) -> Self {
        let world = Self {
            engine: Engine::new(rules, layout(), Keyring::new(vec![sealing_key()]), 42).into(),
            recorder: Recorder::default(),
            now_ms: NOON_MS,
        };
        let changes = street().into_iter().map(|change| (change, world.slot())).collect();
        world.engine.enter_register(changes, NOON_MS).unwrap();
        for n in 1..=3 {
            world.enter_customer(&person(n), BALANCE);
            world.enrol(&person(n));
        }
        world
    }

    pub(crate) fn slot(&self) -> RecorderSlot {
        self.recorder.slot()
    }

    pub(crate) fn enter_customer(&self, person: &Person, balance: u64) {
        let (customer, currency) = (person.customer, Currency::JPY);
        let added = CustomerAdded { customer, currency, balance: yen(balance) };
        self.engine.add_customer(added, self.now_ms, self.slot()).unwrap();
    }

    pub(crate) fn enrol(&self, person: &Person) {
        self.engine.add_device(enrolment(person), self.now_ms, self.slot()).unwrap();
    }

    pub(crate) fn enter(&self, changes: Vec<RegisterChange>) -> Result<KeyChange, RegisterError> {
        let changes = changes.into_iter().map(|change| (change, self.slot())).collect();
        self.engine.enter_register(changes, self.now_ms)
    }

    pub(crate) fn rekey(&self, rekeyed: Rekeyed) -> Result<KeyChange, AdminError> {
        self.engine.rekey_device(rekeyed, self.now_ms, self.slot())
    }

    pub(crate) fn open(&self, offer: &Offer) -> Result<Opening, Reason> {
        self.engine.open(offer.clone(), self.now_ms, self.slot())
    }

    /// Opens what must come to be pending.
    pub(crate) fn opened(&self, offer: &Offer) -> PaymentView {
        let opening = self.open(offer).unwrap();
        assert_eq!(opening.view.reason, None, "{:?}", opening.view);
        opening.view
    }

    pub(crate) fn ask(&self, offer: &Offer, whom: &Person, n: u64) -> Option<PromptView> {
        self.engine.prompt(offer.terms.payment, whom.device, HOME, nonce(n), self.now_ms)
    }

    pub(crate) fn collate(&self, claim: &Claim, next: u64) -> Result<Collated, Reason> {
        self.engine.collate(claim, nonce(next), self.now_ms, self.slot())
    }

    /// Asks and answers rightly.
    pub(crate) fn approve(&self, offer: &Offer, whom: &Person) -> Result<Collated, Reason> {
        self.ask(offer, whom, 900);
        self.collate(&whom.claim(offer, nonce(900)), 901)
    }

    /// Opens and approves.
    pub(crate) fn pay(&self, offer: &Offer, whom: &Person) -> PaymentView {
        self.opened(offer);
        match self.approve(offer, whom).unwrap() {
            Collated::Approved { view, .. } => view,
            other => panic!("not approved: {other:?}"),
        }
    }

    pub(crate) fn cancel_by_customer(
        &self,
        offer: &Offer,
        whom: &Person,
    ) -> Result<Opening, Reason> {
        let payment = offer.terms.payment;
        self.engine.cancel_by_customer(payment, whom.customer, self.now_ms, self.slot())
    }

    pub(crate) fn cancel_by_terminal(&self, offer: &Offer, by: &str) -> Result<Opening, Reason> {
        let payment = offer.terms.payment;
        self.engine.cancel_by_terminal(payment, terminal(by), self.now_ms, self.slot())
    }

    pub(crate) fn deliver(&self, offer: &Offer, by: &str) -> Result<Opening, Reason> {
        self.deliver_part(offer, by, Portion::All)
    }

    pub(crate) fn deliver_part(
        &self,
        offer: &Offer,
        by: &str,
        portion: Portion,
    ) -> Result<Opening, Reason> {
        self.engine.deliver(offer.terms.payment, terminal(by), portion, self.now_ms, self.slot())
    }

    pub(crate) fn reverse(&self, offer: &Offer, by: &str) -> Result<Opening, Reason> {
        let cause = ReverseCause::OnRequest;
        self.engine.reverse(offer.terms.payment, terminal(by), cause, self.now_ms, self.slot())
    }

    /// Gives back `price` of what `offer` was paid for, as the refund number `serial`.
    pub(crate) fn refund(
        &self,
        serial: u16,
        offer: &Offer,
        by: &str,
        price: u64,
    ) -> Result<Refunding, Reason> {
        let (refund, payment) = (payment_id(serial), offer.terms.payment);
        let asked = Refund { refund, payment, terminal: terminal(by), price: yen(price) };
        self.engine.refund(asked, self.now_ms, self.slot())
    }

    pub(crate) fn set_policy(&self, person: &Person, policy: CustomerPolicy) {
        let set = PolicySet { customer: person.customer, policy };
        self.engine.set_policy(set, self.now_ms, self.slot()).unwrap();
    }

    /// Enters a terminal of the street again, changed.
    pub(crate) fn change_terminal(&self, id: &str, change: impl FnOnce(&mut Terminal)) {
        let register = self.engine.register();
        let mut terminal = register.place(&terminal(id)).unwrap().terminal.clone();
        change(&mut terminal);
        self.enter(vec![RegisterChange::Terminal(terminal)]).unwrap();
    }

    /// Raises what a person has.
    pub(crate) fn credit(&self, person: &Person, amount: u64, serial: u64) {
        let (amount, reference) = (yen(amount), transfer(serial));
        let credited = Credited { customer: person.customer, amount, reference };
        self.engine.credit(credited, self.now_ms, self.slot()).unwrap();
    }

    pub(crate) fn status(&self, offer: &Offer, by: &str) -> Result<PaymentView, Reason> {
        self.engine.status(offer.terms.payment, terminal(by))
    }

    /// Ends all that is due.
    pub(crate) fn expire(&self) -> Vec<PaymentView> {
        let due = |unit| self.engine.expire_due(unit, self.now_ms, || Some(self.slot()));
        self.engine.units().flat_map(|unit| std::iter::from_fn(move || due(unit))).collect()
    }

    pub(crate) fn customer(&self, person: &Person) -> CustomerView {
        self.engine.customer(&person.customer).unwrap()
    }

    /// Balance and held part, in yen.
    pub(crate) fn money(&self, person: &Person) -> (u64, u64) {
        let view = self.customer(person);
        (view.balance.minor(), view.held.minor())
    }

    /// Runs `command` and says what it answered and recorded.
    pub(crate) fn recorded<T>(&self, command: impl FnOnce(&Self) -> T) -> (T, Vec<Record>) {
        let before = self.recorder.count();
        let answer = command(self);
        let records = self.recorder.entries().split_off(before);
        (answer, records.into_iter().map(|entry| entry.record).collect())
    }

    /// Runs `command`, which must leave no trace, and says what it answered.
    #[track_caller]
    pub(crate) fn traceless<T>(&self, command: impl FnOnce(&Self) -> T) -> T {
        let before = (self.engine.state_hash(), self.engine.open_payments());
        let (answer, records) = self.recorded(command);
        assert_eq!(records, [], "a record was written");
        assert_eq!((self.engine.state_hash(), self.engine.open_payments()), before);
        answer
    }

    #[track_caller]
    pub(crate) fn assert_sound(&self) {
        let books = self.engine.books().unwrap();
        assert_eq!(books.problems, [""; 0]);
        let again = replayed(&self.recorder.entries(), *self.engine.rules());
        assert_eq!(again.state_hash(), self.engine.state_hash());
        assert_eq!(again.books().unwrap(), books);
        assert_eq!(again.open_payments(), self.engine.open_payments());
    }
}
