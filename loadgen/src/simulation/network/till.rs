//! A till and its clerk: sells, asks again when the line is lost, and in the end knows how every
//! purchase of the day ended.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use kessai_client::Terminal;
use kessai_client::terms::{Amount, Currency, Gtin, Line, PaymentId, Tax};
use kessai_client::wire::{
    Capture, Delivery, Payer, Payment, PaymentState, Purchase, Refund, ReverseCause,
};
use kessai_engine::TerminalKind;
use tokio::time::{sleep, timeout};

use super::cast::{Cast, Till, behind_the_keys};
use super::heard::Heard;
use super::plan::{FAULTY, Plan};
use super::station::{Station, Surroundings};
use super::time;
use crate::simulation::chance::{Chance, Of};

mod asking;

/// When the last purchase may begin: the ends of some are in calm weather.
const CLOSING: Duration = Duration::from_secs(36);

/// The dearest purchase, in yen: customers run out of money now and then.
const DEAREST: u64 = 1_500;

/// A till at work.
pub(super) struct TillAtWork {
    plan: Rc<Plan>,
    cast: Rc<Cast>,
    number: usize,
    heard: Rc<Heard>,
    around: Surroundings,
    chance: RefCell<Chance>,
    /// The line, and one beside it for what is asked twice at the same time.
    lines: [RefCell<Option<(Station, Terminal)>>; 2],
}

/// How a purchase goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it should.
    Plain,
    /// The same open goes over two connections.
    Twice,
    /// The till forgets what it has asked, and asks again.
    Forgotten,
    /// The clerk gives up while the customer thinks.
    GivenUp,
}

impl TillAtWork {
    pub(super) fn new(
        seed: u64,
        number: usize,
        plan: &Rc<Plan>,
        cast: &Rc<Cast>,
        heard: &Rc<Heard>,
        around: Surroundings,
    ) -> Self {
        let chance = behind_the_keys(seed, Of::Till(number));
        Self {
            plan: Rc::clone(plan),
            cast: Rc::clone(cast),
            number,
            heard: Rc::clone(heard),
            around,
            chance: RefCell::new(chance),
            lines: Default::default(),
        }
    }

    /// Sells until closing time, and then finds out what is not known yet.
    ///
    /// # Errors
    /// What no misfortune explains.
    pub(super) async fn work(self) -> turmoil::Result {
        let mut open = Vec::new();
        while time::elapsed() < CLOSING {
            sleep(self.pause(300..=4_000)).await;
            open.push(self.sell().await?);
        }
        let calm = (FAULTY + Duration::from_secs(2)).saturating_sub(time::elapsed());
        sleep(calm).await;
        for purchase in open {
            self.settle(&purchase).await?;
        }
        Ok(())
    }

    /// Sells something once, and gives it away again now and then.
    async fn sell(&self) -> turmoil::Result<Purchase> {
        let terminal = self.terminal(0).await?;
        let purchase = self.basket(terminal.payment_id());
        let Payer::Customer(customer) = purchase.payer else { return Err("nobody pays".into()) };
        self.heard.begins(purchase.payment, customer, purchase.claimed_total);
        let end = match self.manner() {
            Manner::Plain => self.pay(0, &purchase).await?,
            Manner::Twice => {
                let (one, other) =
                    tokio::join!(biased; self.pay(0, &purchase), self.pay(1, &purchase));
                one?.or(other?)
            }
            Manner::Forgotten => {
                let pause = self.pause(20..=3_000);
                match timeout(pause, self.pay(0, &purchase)).await {
                    Ok(end) => end?,
                    Err(_) => self.pay(0, &purchase).await?,
                }
            }
            Manner::GivenUp => {
                let pause = self.pause(20..=4_000);
                let giving_up = async {
                    sleep(pause).await;
                    self.ask(0, async |terminal| terminal.cancel(purchase.payment).await).await
                };
                let (paid, given_up) = tokio::join!(biased; self.pay(0, &purchase), giving_up);
                given_up?.or(paid?)
            }
        };
        if let Some(end) = end {
            self.go_on(&purchase, &end).await?;
        }
        Ok(purchase)
    }

    /// What follows an end that is known.
    async fn go_on(&self, purchase: &Purchase, end: &Payment) -> turmoil::Result {
        let payment = purchase.payment;
        match (end.state, self.dice()) {
            (PaymentState::Captured, 0..=14) => {
                let cause = ReverseCause::OnRequest;
                self.ask(0, async |terminal| terminal.reverse(payment, cause).await).await?;
            }
            (PaymentState::Captured, 15..=34) => {
                let refund = self.terminal(0).await?.payment_id();
                let most = end.captured.minor().max(1);
                let minor = self.chance.borrow_mut().between(1..=most);
                let refund = Refund { refund, payment, amount: yen(minor) };
                self.heard.refunding(payment, refund.refund, refund.amount);
                self.give_back(refund).await?;
            }
            (PaymentState::Authorised, 0..=59) => {
                let out = Delivery::All;
                self.ask(0, async |terminal| terminal.deliver(payment, out.clone()).await).await?;
            }
            (PaymentState::Authorised, 60..=79) => {
                let cause = ReverseCause::NotDispensed;
                self.ask(0, async |terminal| terminal.reverse(payment, cause).await).await?;
            }
            (_, 90..=99) => self.try_another(purchase).await?,
            _ => {}
        }
        Ok(())
    }

    /// Asks for another purchase under the id of one that was answered.
    async fn try_another(&self, purchase: &Purchase) -> turmoil::Result {
        let mut other = self.basket(purchase.payment);
        other.payer = purchase.payer;
        if other.claimed_total == purchase.claimed_total {
            return Ok(());
        }
        let terminal = self.terminal(0).await?;
        match terminal.pay(other).await {
            Ok(answer) => {
                let payment = purchase.payment;
                self.heard.is_wrong(format!("{payment} was answered twice: now {answer:?}"));
            }
            Err(error) => {
                self.heard.note(&("another", error.reason()));
                self.hung_up(0, &error);
            }
        }
        Ok(())
    }

    fn basket(&self, payment: PaymentId) -> Purchase {
        let mut chance = self.chance.borrow_mut();
        let customer = chance.below(self.cast.customers.len());
        let price = yen(chance.between(1..=DEAREST));
        Purchase {
            payment,
            payer: Payer::Customer(*self.cast.customers.get(customer).expect("one of them")),
            lines: vec![Line {
                code: Gtin::complete("490177701868").expect("eleven digits and one"),
                name: "濃いお茶 525ml".parse().expect("a name"),
                unit_price: price,
                quantity: 1,
                discount: Amount::ZERO,
                tax: Tax::Exempt,
            }],
            claimed_total: price,
            currency: Currency::JPY,
            capture: match self.role().kind {
                TerminalKind::PointOfSale => Capture::AtApproval,
                TerminalKind::Vending => Capture::OnDelivery,
            },
        }
    }

    fn manner(&self) -> Manner {
        let drawn = match self.dice() {
            0..=14 => Manner::Twice,
            15..=29 => Manner::Forgotten,
            30..=44 => Manner::GivenUp,
            _ => Manner::Plain,
        };
        self.plan.manner.unwrap_or(drawn)
    }

    fn dice(&self) -> u64 {
        self.chance.borrow_mut().between(0..=99)
    }

    fn pause(&self, ms: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.chance.borrow_mut().between(ms))
    }

    fn role(&self) -> &Till {
        self.cast.tills.get(self.number).expect("a till of this cast")
    }
}

/// # Panics
/// Above what an amount can be, which is far above all prices here.
fn yen(minor: u64) -> Amount {
    Amount::new(minor).expect("a price")
}
