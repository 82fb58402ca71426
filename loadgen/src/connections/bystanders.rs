//! Others who pay meanwhile: whether payments go on while a crowd storms the gateway.
//!
//! Each is a customer with a handset and a till of their own, on connections that the crowd does
//! not share. They pay once a second, by the code that the handset shows, and approve at once.

use std::sync::Arc;
use std::time::Duration;

use kessai_client::terms::collation::HandsetSecrets;
use kessai_client::wire::{Capture, Handset as HandsetId, Payer, PaymentState, Purchase};
use kessai_client::{Endpoint, Event, Events, Handset, Options, Terminal};
use kessai_engine::TerminalKind;
use kessai_engine::terms::{Amount, Line};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::attempts::{Attempts, Moments};
use super::crowd::{Peers, Roads};
use super::failure::Failure;
use crate::audit::Baseline;
use crate::catalogue::Catalogue;
use crate::exchange::HOME;
use crate::fleet::FleetError;
use crate::keyring::{Holder, Keyring};
use crate::population::{Customer, Population, Till};
use crate::scenario::Scenario;
use crate::seeds::{Purpose, stream};
use crate::till::{self, Baskets, Selling};
use crate::trial::TrialError;

/// How often each of them pays.
const EVERY: Duration = Duration::from_secs(1);

/// How long payments that are under way are waited for.
const SETTLING: Duration = Duration::from_secs(20);

/// What somebody must have to pay for a while, in minor units.
const WEALTHY: u64 = 50_000;

/// Others who pay meanwhile.
pub(super) struct Bystanders {
    started: Instant,
    paid: mpsc::UnboundedReceiver<Paid>,
    tasks: JoinSet<()>,
    seen: Vec<Paid>,
}

/// What came of one payment.
struct Paid {
    at: Moments,
    came: Result<(), Failure>,
}

/// Who pays, where, for what.
struct Pair {
    terminal: Terminal,
    handset: Handset,
    lines: Vec<Line>,
    total: Amount,
}

/// Whom the provision has for it: customers with money and tills in their currency, behind the
/// `crowd` first of those who storm.
fn chosen<'a>(
    population: &'a Population,
    (peers, crowd): (Peers, usize),
    before: &Baseline,
) -> impl Iterator<Item = ((usize, &'a Customer), (usize, &'a Till))> {
    let (no_customers, no_tills) = match peers {
        Peers::Handsets => (crowd, 0),
        Peers::Terminals => (0, crowd),
    };
    let wealthy: Vec<_> = population
        .customers
        .iter()
        .enumerate()
        .skip(no_customers)
        .filter(|(_, customer)| {
            let entry = before.customers.get(&customer.id);
            entry.is_some_and(|entry| entry.balance.minor() >= WEALTHY)
        })
        .collect();
    let at_home = population.tills.iter().enumerate().skip(no_tills).filter(|(_, till)| {
        let currency = population.shop_of(till).map(|shop| shop.store.currency);
        till.kind == TerminalKind::PointOfSale && currency == Some(HOME)
    });
    wealthy.into_iter().zip(at_home)
}

impl Bystanders {
    /// Connects so many, who begin to pay; fewer, if the provision has no more.
    pub(super) async fn begin(
        count: usize,
        roads: &Roads,
        socket: &(Endpoint, std::net::SocketAddr),
        (population, crowd): (&Population, (Peers, usize)),
        (keyring, before): (Keyring, &Baseline),
    ) -> Result<Self, TrialError> {
        let baskets = Baskets::new(Catalogue::builtin()?, &Scenario::default());
        let (tell, paid) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let started = Instant::now();
        let places = chosen(population, crowd, before).take(count);
        for (((seat, customer), (place, till)), number) in places.zip(0_u32..) {
            let connector = roads.connector(socket, Holder::Till(place), keyring)?;
            let connecting = Terminal::connect(Arc::new(connector), till.id, Options::default());
            let terminal = connecting.await;
            let terminal = terminal.map_err(|why| FleetError::of(till.id.to_string(), why))?;
            let connector = roads.connector(socket, Holder::Handset(seat), keyring)?;
            let id = HandsetId { customer: customer.id, device: customer.device };
            let seen = before.customers.get(&customer.id).map_or(0, |entry| entry.notices);
            let server = customer.keys().server.clone();
            let connecting =
                Handset::connect(Arc::new(connector), id, server, seen, Options::default());
            let (handset, events) =
                connecting.await.map_err(|why| FleetError::of(id.to_string(), why))?;
            let Some(pair) = pair(population, &baskets, till, (terminal, handset.clone())) else {
                continue;
            };
            tasks.spawn(approve(handset, events, customer.secrets()));
            let first = EVERY.saturating_mul(number) / u32::try_from(count).unwrap_or(1).max(1);
            tasks.spawn(pay(pair, started, first, tell.clone()));
        }
        Ok(Self { started, paid, tasks, seen: Vec::new() })
    }

    /// The present moment, as payments are written down by it.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Says what became of the payments that were meant to begin from one moment to another.
    pub(super) fn between(&mut self, from: Duration, to: Duration) -> Attempts {
        while let Ok(paid) = self.paid.try_recv() {
            self.seen.push(paid);
        }
        let mut attempts = Attempts::default();
        for Paid { at, came } in &self.seen {
            if (from..to).contains(&at.intended) {
                let since = |moment: Duration| moment.saturating_sub(from);
                let at = Moments {
                    intended: since(at.intended),
                    begun: since(at.begun),
                    ended: since(at.ended),
                };
                attempts.take(at, came);
            }
        }
        attempts
    }

    /// Waits for the payments that are under way, and says what became of those that were meant to
    /// begin from one moment to another.
    pub(super) async fn settled_between(&mut self, from: Duration, to: Duration) -> Attempts {
        let last = |paid: &Paid| paid.at.intended >= to;
        let mut beyond = self.seen.iter().filter(|paid| last(paid)).count();
        let until = Instant::now() + SETTLING;
        // Each pays in turn: whoever has begun one behind that time has ended all before it.
        while beyond < self.count() {
            let Ok(Some(paid)) = timeout_at(until, self.paid.recv()).await else { break };
            beyond = beyond.saturating_add(usize::from(last(&paid)));
            self.seen.push(paid);
        }
        self.between(from, to)
    }

    /// Counts those who pay.
    pub(super) fn count(&self) -> usize {
        // One task pays, another approves.
        self.tasks.len() / 2
    }
}

/// Puts something on the belt.
fn pair(
    population: &Population,
    baskets: &Baskets,
    till: &Till,
    (terminal, handset): (Terminal, Handset),
) -> Option<Pair> {
    let shop = population.shop_of(till)?;
    let selling = Selling { prices: shop.prices, currency: HOME, kind: till.kind };
    let mut lines = baskets.draw(till.shop, selling, &mut stream(0, Purpose::Life, 0));
    lines.truncate(1);
    let total = till::total(&lines, shop.store.rounding).ok()?;
    Some(Pair { terminal, handset, lines, total })
}

/// Pays at equal distances for ever; one that begins late counts from its moment all the same.
async fn pay(pair: Pair, started: Instant, first: Duration, tell: mpsc::UnboundedSender<Paid>) {
    let mut intended = first;
    loop {
        sleep_until(started + intended).await;
        let begun = started.elapsed();
        let came = pair.pay_once().await;
        let at = Moments { intended, begun, ended: started.elapsed() };
        if tell.send(Paid { at, came }).is_err() {
            return;
        }
        intended = intended.saturating_add(EVERY);
    }
}

impl Pair {
    async fn pay_once(&self) -> Result<(), Failure> {
        let code = self.handset.present_code().await?.code;
        let paid = self.terminal.pay(Purchase {
            payment: self.terminal.payment_id(),
            payer: Payer::Code(code),
            lines: self.lines.clone(),
            claimed_total: self.total,
            currency: HOME,
            capture: Capture::AtApproval,
        });
        match paid.await?.state {
            PaymentState::Captured => Ok(()),
            state => Err(Failure::NotPaid(state)),
        }
    }
}

/// Approves whatever is asked.
async fn approve(handset: Handset, mut events: Events, secrets: HandsetSecrets) {
    while let Some(event) = events.next().await {
        if let Event::Asked(question) = event {
            // What comes of it is told at the till.
            drop(handset.approve(&question, &secrets).await);
        }
    }
}
