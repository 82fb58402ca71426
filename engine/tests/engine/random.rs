//! Random commands to the engine and to the plain model: the same answers, the same money.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kessai_engine::terms::collation::Signature;
use kessai_engine::terms::money::Currency;
use kessai_engine::terms::reason::Reason;
use kessai_engine::{
    BusinessDate, Capture, Collated, Credited, Debited, Offer, Opening, PaymentState, PaymentView,
};
use proptest::prelude::{Just, ProptestConfig, Strategy, proptest};
use proptest::{collection, prop_oneof};

use crate::kit::{
    BALANCE, OTHER_TILL, Person, TILL, World, nonce, offer, payment_id, person, rekeying, relayed,
    terminal, transfer, yen,
};
use crate::model::{Answer, Model, PROMPT_MS, Password, Road, START_MS, rules};

/// People 1 to 3 have a handset, person 4 has none, person 5 is nobody's customer.
const PEOPLE: RangeInclusive<u8> = 1..=5;

#[derive(Debug, Clone)]
enum Command {
    Open { serial: u16, payer: u8, till: usize, price: u64, capture: Capture },
    Ask { serial: u16, who: u8 },
    Prove { serial: u16, who: u8, password: Password, road: Road },
    CancelByCustomer { serial: u16, who: u8 },
    CancelByTerminal { serial: u16, till: usize },
    Deliver { serial: u16, till: usize },
    Reverse { serial: u16, till: usize },
    Credit { who: u8, amount: u64 },
    Debit { who: u8, amount: u64 },
    Unblock { who: u8 },
    Rekey { who: u8, version: u32 },
    Wait { ms: u64 },
    Expire,
}

const TILLS: [&str; 2] = [TILL, OTHER_TILL];

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let (serial, who, till) = (0_u16..5, PEOPLE, 0_usize..2);
    let at = (serial.clone(), till.clone());
    let by = (serial.clone(), who.clone());
    let price =
        prop_oneof![Just(1_u64), Just(3_000), Just(4_000), Just(BALANCE), Just(BALANCE + 1)];
    let capture = prop_oneof![3 => Just(Capture::AtApproval), 2 => Just(Capture::OnDelivery)];
    let password = prop_oneof![
        4 => Just(Password::Right), 2 => Just(Password::Wrong), 1 => Just(Password::Stale)
    ];
    let road = prop_oneof![3 => Just(Road::Own), 1 => Just(Road::Hub), 1 => Just(Road::RogueHub)];
    let command = prop_oneof![
        6 => (serial, 1_u8..=5, till, price, capture).prop_map(
            |(serial, payer, till, price, capture)| Command::Open { serial, payer, till, price, capture }
        ),
        6 => by.clone().prop_map(|(serial, who)| Command::Ask { serial, who }),
        10 => (by.clone(), password, road).prop_map(|((serial, who), password, road)| {
            Command::Prove { serial, who, password, road }
        }),
        2 => by.prop_map(|(serial, who)| Command::CancelByCustomer { serial, who }),
        2 => at.clone().prop_map(|(serial, till)| Command::CancelByTerminal { serial, till }),
        3 => at.clone().prop_map(|(serial, till)| Command::Deliver { serial, till }),
        3 => at.prop_map(|(serial, till)| Command::Reverse { serial, till }),
        1 => (who.clone(), 1_u64..5_000).prop_map(|(who, amount)| Command::Credit { who, amount }),
        1 => (who.clone(), 1_u64..9_000).prop_map(|(who, amount)| Command::Debit { who, amount }),
        1 => who.clone().prop_map(|who| Command::Unblock { who }),
        1 => (who, 1_u32..5).prop_map(|(who, version)| Command::Rekey { who, version }),
        3 => (1_u64..2_500).prop_map(|ms| Command::Wait { ms }),
        2 => Just(Command::Expire),
    ];
    collection::vec(command, 1..80)
}

/// An engine and the model of it, side by side.
struct Pair {
    world: World,
    model: Model,
}

impl Pair {
    fn new() -> Self {
        let mut world = World::with(rules());
        world.now_ms = START_MS;
        world.enter_customer(&person(4), BALANCE);
        Self { world, model: Model::new() }
    }

    fn offer(&self, serial: u16, till: usize, (who, price, capture): (u8, u64, Capture)) -> Offer {
        let mut offer = offer(serial, TILLS[till], &person(who), price);
        offer.terms.capture = capture;
        offer.terms.request.0[0] ^= capture as u8;
        offer.expires_at_ms = self.world.now_ms + PROMPT_MS;
        offer
    }

    /// The offer that was opened under `serial`, or one like it.
    fn opened(&self, serial: u16, who: &Person) -> Offer {
        let payment = self.model.payments.get(&serial);
        match payment.and_then(|payment| payment.asked.map(|asked| (payment.till, asked))) {
            Some((till, asked)) => self.offer(serial, till, asked),
            None => offer(serial, TILL, who, 1),
        }
    }

    fn run(&mut self, command: &Command) {
        let told = |opening: Result<Opening, Reason>| opening.map(|opening| stands(&opening.view));
        let (found, expected) = match *command {
            Command::Open { serial, payer, till, price, capture } => {
                let asked = (payer, price, capture);
                let offer = self.offer(serial, till, asked);
                (told(self.world.open(&offer)), self.model.open(serial, till, asked))
            }
            Command::Ask { serial, who } => return self.ask(serial, who),
            Command::Prove { serial, who, password, road } => {
                self.prove(serial, who, password, road)
            }
            Command::CancelByCustomer { serial, who } => {
                let offer = self.opened(serial, &person(who));
                let found = self.world.cancel_by_customer(&offer, &person(who));
                (told(found), self.model.cancel_by_customer(serial, who))
            }
            Command::CancelByTerminal { serial, till } => {
                let offer = self.opened(serial, &person(1));
                let found = self.world.cancel_by_terminal(&offer, TILLS[till]);
                (told(found), self.model.cancel(serial, till))
            }
            Command::Deliver { serial, till } => {
                let offer = self.opened(serial, &person(1));
                let found = self.world.deliver(&offer, TILLS[till]);
                (told(found), self.model.deliver(serial, till))
            }
            Command::Reverse { serial, till } => {
                let offer = self.opened(serial, &person(1));
                let found = self.world.reverse(&offer, TILLS[till]);
                (told(found), self.model.reverse(serial, till))
            }
            Command::Credit { who, amount } => return self.credit(who, amount),
            Command::Debit { who, amount } => return self.debit(who, amount),
            Command::Unblock { who } => return self.unblock(who),
            Command::Rekey { who, version } => return self.rekey(who, version),
            Command::Wait { ms } => {
                self.world.now_ms += ms;
                self.model.now_ms += ms;
                return;
            }
            Command::Expire => return self.expire(),
        };
        assert_eq!(found, expected, "{command:?}");
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
        let found = match self.world.collate(&claim, next) {
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

    fn credit(&mut self, who: u8, amount: u64) {
        let (customer, reference) = (person(who).customer, transfer(self.model.next_nonce()));
        let credited = Credited { customer, amount: yen(amount), reference };
        let found = self.world.engine.credit(credited, self.world.now_ms, self.world.slot());
        let customer = self.model.customers.get_mut(&who);
        assert_eq!(found.is_ok(), customer.is_some());
        if let Some(customer) = customer {
            customer.balance += amount;
            self.model.funded += amount;
        }
    }

    fn debit(&mut self, who: u8, amount: u64) {
        let (customer, reference) = (person(who).customer, transfer(self.model.next_nonce()));
        let debited = Debited { customer, amount: yen(amount), reference };
        let found = self.world.engine.debit(debited, self.world.now_ms, self.world.slot());
        let held = self.model.held(who);
        let customer = self.model.customers.get_mut(&who);
        let customer = customer.filter(|customer| customer.balance - held >= amount);
        assert_eq!(found.is_ok(), customer.is_some());
        if let Some(customer) = customer {
            customer.balance -= amount;
            self.model.funded -= amount;
        }
    }

    fn rekey(&mut self, who: u8, version: u32) {
        let found = self.world.rekey(rekeying(&keyed(who, version), version));
        let retired = self.model.rekey(who, version).map(|old| keyed(who, old).pin);
        assert_eq!(found.ok().map(|change| change.retired), retired.map(|pin| vec![pin]));
    }

    fn unblock(&mut self, who: u8) {
        let (customer, slot) = (person(who).customer, self.world.slot());
        let found = self.world.engine.unblock(customer, self.world.now_ms, slot);
        let customer = self.model.customers.get_mut(&who);
        assert_eq!(found.is_ok(), customer.is_some());
        if let Some(customer) = customer {
            customer.wrong_in_row = 0;
        }
    }

    fn expire(&mut self) {
        let mut found: Vec<_> =
            self.world.expire().iter().map(|view| (view.payment, stands(view))).collect();
        found.sort();
        let due = self.model.due();
        let expected: Vec<_> = due
            .into_iter()
            .map(|serial| (payment_id(serial), self.model.expire(serial).unwrap()))
            .collect();
        assert_eq!(found, expected);
    }

    /// Every payment and every yen stands where the model has it.
    fn compare(&self) {
        let model = &self.model;
        for (n, customer) in &model.customers {
            let view = self.world.customer(&person(*n));
            assert_eq!(self.world.money(&person(*n)), (customer.balance, model.held(*n)));
            assert!(view.held <= view.balance);
            for version in 1..=4 {
                let peer = self.world.engine.peer(&keyed(*n, version).pin);
                assert_eq!(peer.is_some(), *n <= 3 && version == customer.version);
            }
            assert_eq!(view.wrong_in_row, customer.wrong_in_row);
            assert!(view.wrong_in_row <= 3);
        }
        let mut payments = BTreeMap::new();
        self.world.engine.each_payment(|view| {
            assert!(payments.insert(view.payment, stands(view)).is_none());
        });
        let expected = model.payments.iter().map(|(serial, payment)| {
            assert!(payment.wrong <= 2);
            (payment_id(*serial), (payment.state, payment.reason))
        });
        assert_eq!(payments, expected.collect());
        assert_eq!(self.world.engine.open_payments() as usize, model.pending(|_| true));
        self.compare_lists();
        let books = self.world.engine.books().unwrap();
        assert_eq!(books.problems, [""; 0]);
        let owed: i128 = books.merchants.values().map(|net| net.minor()).sum();
        let kept: u64 = model.customers.values().map(|customer| customer.balance).sum();
        assert_eq!(owed, i128::from(model.funded) - i128::from(kept));
    }

    /// What is listed is what there is, and the totals are those of the model.
    fn compare_lists(&self) {
        let (engine, model) = (&self.world.engine, &self.model);
        let all = engine.payments_between(0, u64::MAX, None, usize::MAX);
        assert_eq!(all.len(), model.payments.len());
        assert!(all.is_sorted_by_key(|view| std::cmp::Reverse(view.opened_at_ms)));
        for state in PaymentState::ALL {
            let found = engine.payments_between(0, u64::MAX, Some(state), usize::MAX).len();
            assert_eq!(found, model.payments.values().filter(|p| p.state == state).count());
        }
        let day = u32::try_from((START_MS + 9 * 3_600_000) / 86_400_000).unwrap();
        for (till, day) in (0..2).flat_map(|till| [(till, day), (till, day + 1)]) {
            let found = engine.terminal_totals(&terminal(TILLS[till]), BusinessDate(day)).unwrap();
            let found = found.get(&Currency::JPY).map(|sums| {
                let (captured, reversed) = (sums.captured.minor(), sums.reversed.minor());
                [i128::from(sums.captures), captured, i128::from(sums.reversals), reversed]
            });
            let expected = model.totals.get(&(till, day.into()));
            assert_eq!(found, expected.map(|sums| sums.map(i128::from)));
        }
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
        pair.world.assert_sound();
    }
}
