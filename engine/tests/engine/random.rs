//! Random commands to the engine and to the plain model: the same answers, the same money.

use kessai_engine::terms::collation::Signature;
use kessai_engine::terms::money::{Amount, Currency};
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    Collated, Credited, CustomerPolicy, Debited, ForeignPrice, Freshness, Limits, Naming, Offer,
    Opening, PaymentState, PaymentView, Portion, Refund, Standing,
};
use proptest::prelude::{ProptestConfig, proptest};

use crate::kit::{
    BALANCE, HARBOUR_TILL, OTHER_TILL, Person, TILL, World, nonce, offer, person, rekeying,
    relayed, terminal, transfer, yen,
};
use crate::model::{
    ABROAD, Answer, Asked, Model, PROMPT_MS, Password, Payment, Road, START_MS, rules, yen_for,
};

mod archive;
mod commands;
mod comparing;

use commands::{Command, Share, UNKNOWN, commands};

const TILLS: [&str; 3] = [TILL, OTHER_TILL, HARBOUR_TILL];

/// An engine and the model of it, side by side.
struct Pair {
    world: World,
    model: Model,
    /// Whether a snapshot is being made.
    is_copied: bool,
}

impl Pair {
    fn new() -> Self {
        let mut world = World::with(rules());
        world.now_ms = START_MS;
        world.enter_customer(&person(4), BALANCE);
        Self { world, model: Model::new(), is_copied: false }
    }

    fn offer(&self, serial: u16, till: usize, asked: Asked, wait_ms: u64) -> Offer {
        let Asked { who, price, capture, named_by } = asked;
        let mut offer = offer(serial, TILLS[till], &person(who), yen_for(till, price));
        offer.terms.payment = self.id(serial);
        if till == ABROAD {
            offer.terms.charge.foreign = Some(ForeignPrice {
                price: yen(price),
                currency: Currency::USD,
                rate: "150".parse().unwrap(),
                markup_basis_points: 0,
            });
        }
        (offer.terms.capture, offer.terms.named_by) = (capture, named_by);
        offer.terms.request.0[0] ^= capture as u8;
        offer.terms.request.0[1] ^= named_by as u8;
        offer.expires_at_ms = self.world.now_ms + wait_ms;
        offer
    }

    /// The offer that was opened under `serial`, or one like it.
    fn opened(&self, serial: u16, who: &Person) -> Offer {
        let payment = self.model.payments.get(&serial);
        match payment.and_then(|payment| payment.asked.map(|asked| (payment.till, asked))) {
            Some((till, asked)) => self.offer(serial, till, asked, PROMPT_MS),
            None => {
                let mut offer = offer(serial, TILL, who, 1);
                offer.terms.payment = self.id(serial);
                offer
            }
        }
    }

    /// The payment that a number stands for; some stand for none.
    fn pick(&self, number: u16) -> u16 {
        let known = self.model.payments.keys();
        let place = usize::from(number).checked_rem(known.len());
        let found = place.and_then(|place| self.model.payments.keys().nth(place));
        if number < UNKNOWN { found.copied().unwrap_or(number) } else { number }
    }

    /// An id that no payment has yet.
    fn unused(&self) -> u16 {
        let is_free = |serial: &u16| {
            !self.model.payments.contains_key(serial) && !self.model.is_too_old(*serial)
        };
        (0..).find(is_free).unwrap()
    }

    /// The refund that a number stands for; most that are too old to be new stand for another.
    fn pick_refund(&self, number: u16) -> u16 {
        let model = &self.model;
        let is_free =
            |serial: &u16| !model.refunds.contains_key(serial) && !model.is_too_old(*serial);
        let is_spent = !model.refunds.contains_key(&number) && model.is_too_old(number);
        if is_spent && !number.is_multiple_of(4) {
            (1_000..).find(is_free).unwrap()
        } else {
            number
        }
    }

    fn whose(&self, serial: u16, who: Option<u8>) -> u8 {
        let payer = |payment: &Payment| payment.asked.map(|asked| asked.who);
        who.or_else(|| self.model.payments.get(&serial).and_then(payer)).unwrap_or(1)
    }

    fn place(&self, serial: u16, till: Option<usize>) -> usize {
        till.or_else(|| self.model.payments.get(&serial).map(|own| own.till)).unwrap_or(0)
    }

    fn run(&mut self, command: &Command) {
        let told = |opening: Result<Opening, Reason>| opening.map(|opening| stands(&opening.view));
        let (found, expected) = match *command {
            Command::Open { serial, till, asked, wait_ms } => {
                let serial = serial.map_or_else(|| self.unused(), |serial| self.pick(serial));
                let offer = self.offer(serial, till, asked, wait_ms);
                let found = self.open(&offer);
                if let Ok(opening) = &found {
                    let mut displaced = opening.displaced.iter();
                    assert!(displaced.all(|view| view.reason == Some(Reason::PreEmpted)));
                }
                (told(found), self.model.open(serial, till, asked, wait_ms))
            }
            Command::Buy { till, asked } => {
                let serial = self.unused();
                let offer = self.offer(serial, till, asked, PROMPT_MS);
                let found = told(self.open(&offer));
                assert_eq!(found, self.model.open(serial, till, asked, PROMPT_MS), "{command:?}");
                self.ask(serial, asked.who);
                self.prove(serial, asked.who, Password::Right, Road::Own)
            }
            Command::Prove { serial, who, password, road } => {
                let serial = self.pick(serial);
                self.prove(serial, self.whose(serial, who), password, road)
            }
            Command::CancelByCustomer { serial, who } => {
                let serial = self.pick(serial);
                let who = self.whose(serial, who);
                let offer = self.opened(serial, &person(who));
                let found = self.cancel_by_customer(&offer, &person(who));
                (told(found), self.model.cancel_by_customer(serial, who))
            }
            Command::CancelByTerminal { serial, till } => {
                let serial = self.pick(serial);
                let till = self.place(serial, till);
                let offer = self.opened(serial, &person(1));
                let found = self.cancel_by_terminal(&offer, till);
                (told(found), self.model.cancel(serial, till))
            }
            Command::Deliver { serial, till, share } => {
                let serial = self.pick(serial);
                self.deliver(serial, self.place(serial, till), share)
            }
            Command::Reverse { serial, till, cause } => {
                let serial = self.pick(serial);
                let till = self.place(serial, till);
                (told(self.reverse(serial, till, cause)), self.model.reverse(serial, till, cause))
            }
            Command::Ask { .. }
            | Command::Refund { .. }
            | Command::Transfer { .. }
            | Command::Unblock { .. }
            | Command::Policy { .. }
            | Command::Till { .. }
            | Command::Rekey { .. }
            | Command::Wait { .. }
            | Command::Expire
            | Command::Evict { .. }
            | Command::Restart { .. } => return self.run_other(command),
        };
        assert_eq!(found, expected, "{command:?}");
    }

    /// Commands that are answered otherwise.
    fn run_other(&mut self, command: &Command) {
        match *command {
            Command::Ask { serial, who } => {
                let serial = self.pick(serial);
                self.ask(serial, self.whose(serial, who));
            }
            Command::Refund { serial, of, till, price } => {
                let of = self.pick(of);
                self.refund(self.pick_refund(serial), of, self.place(of, till), price);
            }
            Command::Transfer { who, reference, amount } => self.transfer(who, reference, amount),
            Command::Unblock { who } => {
                let (customer, slot) = (person(who).customer, self.world.slot());
                let found = self.world.engine.unblock(customer, self.world.now_ms, slot);
                assert_eq!(found.is_ok(), self.model.unblock(who).is_some());
            }
            Command::Policy { who, policy } => self.set_policy(who, policy),
            Command::Till { till, standing, per_day } => {
                let limits = Limits { per_day: per_day.map(yen), ..Limits::default() };
                self.world.change_terminal(TILLS[till], |terminal| {
                    (terminal.standing, terminal.limits) = (standing, limits);
                });
                let till = &mut self.model.tills[till];
                (till.standing, till.per_day) = (standing, per_day);
            }
            Command::Rekey { who, version } => {
                let found = self.world.rekey(rekeying(&keyed(who, version), version));
                let retired = self.model.rekey(who, version).map(|old| keyed(who, old).pin);
                assert_eq!(found.ok().map(|change| change.retired), retired.map(|pin| vec![pin]));
            }
            Command::Wait { ms } => {
                self.world.now_ms += ms;
                self.model.now_ms += ms;
            }
            Command::Expire => self.expire(),
            Command::Evict { keep_ms, lag, limit } => self.evict(keep_ms, lag, limit),
            Command::Restart { ref during } => self.restart(during),
            _ => unreachable!("`run` runs it"),
        }
    }

    fn ask(&mut self, serial: u16, who: u8) {
        let offer = self.opened(serial, &person(who));
        let next = self.model.nonces + 1;
        let found = self.world.ask(&offer, &person(who), next);
        assert_eq!(found.is_some(), self.model.ask(serial, who).is_some());
    }

    fn prove(&mut self, serial: u16, who: u8, password: Password, road: Road) -> (Answer, Answer) {
        let payer = keyed(who, self.model.customers.get(&who).map_or(1, |payer| payer.version));
        let offer = self.opened(serial, &payer);
        let prompt = self.model.payments.get(&serial).and_then(|payment| payment.prompt);
        let prompt = nonce(prompt.unwrap_or(u64::MAX));
        let claim = match password {
            Password::Right => payer.claim(&offer, prompt),
            Password::Wrong => payer.mistyped(&offer, prompt),
            Password::Stale => payer.claim(&offer, nonce(u64::MAX)),
        };
        let claim = match road {
            Road::Own => claim,
            Road::Hub => relayed(&claim, payer.tag(&claim, &offer)),
            Road::RogueHub => relayed(&claim, Signature([0; 32])),
        };
        let next = self.model.next_nonce();
        let found = match self.prove_to(&claim, next) {
            Ok(Collated::Stale { .. }) => Err(Reason::PromptStale),
            Ok(
                Collated::Approved { view, .. }
                | Collated::Mismatched { view, .. }
                | Collated::Declined { view, .. }
                | Collated::Ended { view, .. },
            ) => Ok(stands(&view)),
            Err(reason) => Err(reason),
        };
        (found, self.model.prove(serial, who, (password, road), next))
    }

    fn deliver(&mut self, serial: u16, till: usize, share: Share) -> (Answer, Answer) {
        let payment = self.model.payments.get(&serial);
        let asked = payment.and_then(|payment| payment.asked);
        let full = asked.map_or(10, |asked| asked.price);
        let at = payment.map_or(till, |payment| payment.till);
        let price = match share {
            Share::All => full,
            Share::Half => full / 2,
            Share::Nothing => 0,
            Share::More => full + 1,
        };
        let portion = match share {
            Share::All => Portion::All,
            Share::Half | Share::Nothing | Share::More => {
                Portion::Part { amount: yen(yen_for(at, price)), price: yen(price) }
            }
        };
        let found = self.deliver_to(serial, till, portion, price);
        let found = found.map(|opening| stands(&opening.view));
        (found, self.model.deliver(serial, till, price))
    }

    fn refund(&mut self, serial: u16, of: u16, till: usize, price: u64) {
        let (refund, payment) = (self.id(serial), self.id(of));
        let asked = Refund { refund, payment, terminal: terminal(TILLS[till]), price: yen(price) };
        let before = self.model.refunds.contains_key(&serial);
        let found = self.refund_to(asked);
        if let Ok(refunding) = &found {
            assert_eq!(refunding.freshness == Freshness::Repeat, before);
            assert_eq!(refunding.view.state, PaymentState::Refunded);
        }
        let found = found.map(|made| (made.refund.amount.minor(), made.view.refunded.minor()));
        assert_eq!(found, self.model.refund(serial, (of, till), price));
    }

    fn transfer(&mut self, who: u8, reference: u64, amount: i64) {
        let (customer, engine) = (person(who).customer, &self.world.engine);
        let (now_ms, slot) = (self.world.now_ms, self.world.slot());
        let (reference, size) = (reference, yen(amount.unsigned_abs()));
        let found = if amount > 0 {
            let reference = transfer(reference);
            engine.credit(Credited { customer, amount: size, reference }, now_ms, slot)
        } else {
            let reference = transfer(reference);
            engine.debit(Debited { customer, amount: size, reference }, now_ms, slot)
        };
        let found = found.ok().map(|transferred| transferred.freshness == Freshness::First);
        assert_eq!(found, self.model.transfer(who, reference, amount));
    }

    fn set_policy(
        &mut self,
        who: u8,
        (standing, named_by, per_day, count_per_day): (Standing, Naming, Option<u64>, Option<u32>),
    ) {
        let Some(customer) = self.model.customers.get_mut(&who) else { return };
        (customer.standing, customer.named_by) = (standing, named_by);
        (customer.per_day, customer.count_per_day) = (per_day, count_per_day);
        let per_day = per_day.map(|minor| Amount::new(minor).unwrap());
        let limits = Limits { per_payment: None, per_day, count_per_day };
        self.world.set_policy(&person(who), CustomerPolicy { standing, named_by, limits });
    }

    fn expire(&mut self) {
        let mut found: Vec<_> =
            self.world.expire().iter().map(|view| (view.payment, stands(view))).collect();
        found.sort();
        let due = self.model.due();
        let mut expected: Vec<_> = due
            .into_iter()
            .map(|serial| (self.id(serial), self.model.expire(serial).unwrap()))
            .collect();
        expected.sort();
        assert_eq!(found, expected);
    }
}

/// The person with the keys of that version of their handset's row.
fn keyed(who: u8, version: u32) -> Person {
    match u8::try_from(version).unwrap() {
        1 => person(who),
        later => person(who).with_keys(who + 10 * later),
    }
}

fn stands(view: &PaymentView) -> (PaymentState, Option<Reason>) {
    (view.state, view.reason)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(commands in commands()) {
        let mut pair = Pair::new();
        for command in &commands {
            pair.run(command);
            pair.compare();
        }
        pair.compare_archived();
        pair.world.assert_sound();
    }
}
