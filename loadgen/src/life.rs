//! The run itself: payments begin at their intended moments, people answer or do not, and all that
//! is told is written into the [`Ledger`].

mod aftermath;
mod codes;
mod desk;
mod floor;
mod outages;
mod pacing;
mod phone;
mod trade;

use std::sync::Arc;
use std::time::Duration;

use kessai_client::{Handset, Terminal};
use kessai_engine::terms::MerchantId;
use kessai_engine::terms::collation::HandsetSecrets;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::audit::Outage;
use crate::board::Board;
use crate::catalogue::CatalogueError;
use crate::course::Courses;
use crate::exchange;
use crate::fleet::Fleet;
use crate::ledger::{Ledger, Moment, Order, Progress, Telling};
use crate::messages::Messages;
use crate::people::{Pace, People};
use crate::population::Population;
use crate::scenario::Scenario;
use crate::schedule::{Arrival, Arrivals, Bounds, Form, Rate, Shape, Skip, Spacing};
use crate::seeds::{Purpose, stream};
use crate::tally::Summary;
use crate::till::{self, Baskets, Selling};
use floor::Floor;
use outages::Whose;
use pacing::Pacing;
use trade::Trade;

/// What a run offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// How many payments a second.
    pub rate: Rate,
    /// How that changes meanwhile.
    pub form: Form,
    /// How arrivals lie between each other.
    pub spacing: Spacing,
    /// For how long.
    pub span: Duration,
    /// How much faster than life people are.
    pub pace: Pace,
    /// Who pays what, how people behave, and what goes wrong.
    pub scenario: Arc<Scenario>,
    /// What everything is drawn from.
    pub seed: u64,
    /// When an arrival is skipped.
    pub bounds: Bounds,
}

impl Workload {
    /// Which steps of a payment its customer must be told of, so that it can be over.
    #[must_use]
    pub fn telling(&self) -> Telling {
        match self.scenario.values().outages.handsets {
            Some(_) => Telling::Latest,
            None => Telling::Every,
        }
    }

    /// Lays out when payments begin.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        let shape = Shape::new(&self.form, self.rate, self.span);
        Arrivals::new(self.spacing.clone(), shape, self.seed)
    }
}

/// Where a run is written down while it goes on.
#[derive(Debug, Clone)]
pub struct Seen {
    /// In short, for the screen.
    pub board: Arc<Board>,
    /// In full, for the audit.
    pub ledger: Arc<Ledger>,
    /// Message by message.
    pub messages: Arc<Messages>,
}

/// How long the ends of the last payments are waited for, beyond the time that customers have:
/// enough for a till to lose its patience and give the payment up, and for a message that a crowded
/// network lost to be sent again, whose pauses double from time to time.
const DRAIN: Duration = Duration::from_secs(60);

/// Everything that the tasks of a run share.
struct World {
    population: Arc<Population>,
    terminals: Vec<Terminal>,
    handsets: Vec<Handset>,
    ledger: Arc<Ledger>,
    messages: Arc<Messages>,
    board: Arc<Board>,
    floor: Floor,
    baskets: Baskets,
    people: People,
    courses: Courses,
    trade: Trade,
    seed: u64,
    started: Instant,
}

/// Runs a workload on a connected fleet until every payment has ended, or none ends any more.
///
/// Says who was cut off from the gateway meanwhile, as the scenario wants it.
///
/// Arrivals stop early when `stop` becomes true, or when nobody is left who could set it; the drain
/// is made all the same. The fleet is disconnected at the end, and the ledger says all that
/// happened.
///
/// # Errors
/// [`CatalogueError`]; never, for the catalogue comes with the program.
pub async fn run(
    workload: &Workload,
    population: Arc<Population>,
    fleet: Fleet,
    prompt: Duration,
    seen: Seen,
    mut stop: watch::Receiver<bool>,
) -> Result<Vec<Outage>, CatalogueError> {
    let scenario = &workload.scenario;
    let baskets = Baskets::new(crate::catalogue::Catalogue::builtin()?, scenario);
    let trade = Trade::new(&population, scenario.values().skew);
    let (handsets, events): (Vec<_>, Vec<_>) = fleet.handsets.into_iter().unzip();
    let lines = [(Whose::Tills, fleet.till_lines), (Whose::Handsets, fleet.handset_lines)];
    let world = Arc::new(World {
        floor: Floor::new(handsets.len()),
        population,
        terminals: fleet.terminals,
        handsets,
        ledger: seen.ledger,
        messages: seen.messages,
        board: seen.board,
        baskets,
        people: People::new(scenario, workload.pace),
        courses: Courses::new(scenario, workload.pace),
        trade,
        seed: workload.seed,
        started: Instant::now(),
    });
    world.board.running();
    let phones: Vec<_> = events
        .into_iter()
        .enumerate()
        .map(|(seat, events)| tokio::spawn(phone::attend(Arc::clone(&world), seat, events)))
        .collect();
    let mut outages = JoinSet::new();
    for (whose, lines) in lines {
        let counts = (workload.span, lines.keepers.len());
        let planned = outages::plan(whose, scenario, workload.pace, counts, workload.seed);
        outages.spawn(outages::happen(Arc::clone(&world), whose, lines, planned, stop.clone()));
    }
    let (throttle, span) = (world.board.throttle(), workload.span);
    let is_here = |arrival: &Arrival| world.comes_here(arrival);
    let mut pacing = Pacing::new((workload.arrivals(), is_here), throttle, world.started, span);
    loop {
        let arrival = tokio::select! {
            biased;
            _stopped = stop.wait_for(|stop| *stop) => {
                throttle.stop(world.now());
                break;
            }
            arrival = pacing.next() => arrival,
        };
        let Some(arrival) = arrival else { break };
        if let Err(skip) = world.begin(arrival, &workload.bounds) {
            world.board.skipped(arrival.at, skip);
        }
    }
    world.board.draining();
    let outages = outages.join_all().await.into_iter().flatten().collect();
    world.drain(prompt).await;
    for phone in phones {
        phone.abort();
    }
    Ok(outages)
}

impl World {
    fn now(&self) -> Moment {
        self.started.elapsed()
    }

    /// Says whether an arrival is at one of these tills, and not at another part's.
    fn comes_here(&self, arrival: &Arrival) -> bool {
        let mut rng = stream(self.seed, Purpose::Life, arrival.number);
        self.trade.till(&mut rng).is_some()
    }

    /// Begins the payment of an arrival, unless it is too late or too much.
    fn begin(self: &Arc<Self>, arrival: Arrival, bounds: &Bounds) -> Result<(), Skip> {
        let now = self.now();
        bounds.judge(arrival, now, self.floor.open())?;
        let (terminal, order) = self.draw(arrival, now).ok_or(Skip::NobodyFree)?;
        self.board.begun(now.saturating_sub(arrival.at), self.floor.open());
        tokio::spawn(desk::serve(Arc::clone(self), terminal, order));
        Ok(())
    }

    /// Waits until every payment has ended, or none ends any more: that is found by the audit.
    async fn drain(&self, prompt: Duration) {
        let stopped = self.now();
        loop {
            // A machine that is silent keeps its customer waiting until its time is over.
            let last = stopped.saturating_add(prompt).max(self.floor.waited_for());
            let until = self.started + last.saturating_add(DRAIN);
            if timeout_at(until, self.floor.empty()).await.is_ok()
                || self.floor.waited_for() <= last
            {
                return;
            }
        }
    }

    /// Picks a terminal of a merchant's.
    fn another_terminal(&self, merchant: &MerchantId, number: u32) -> Option<Terminal> {
        self.terminals.get(self.trade.another_till(merchant, number)?).cloned()
    }

    /// Draws who buys what, and sends the customer to the till; nobody if no customer is free.
    ///
    /// All of it follows from the seed and the number of the arrival, but for one thing: a customer
    /// who still stands at a till is passed over for the next who does not.
    fn draw(&self, arrival: Arrival, now: Moment) -> Option<(Terminal, Order)> {
        let mut rng = stream(self.seed, Purpose::Life, arrival.number);
        let place = self.trade.till(&mut rng)?;
        let wanted = self.trade.customer(&mut rng);
        let person = self.people.draw(&mut rng);
        let (till, terminal) = self.population.tills.get(place).zip(self.terminals.get(place))?;
        let shop = self.population.shop_of(till)?;
        let (currency, rounding) = (shop.store.currency, shop.store.rounding);
        let selling = Selling { prices: shop.prices, currency, kind: till.kind };
        let lines = self.baskets.draw(till.shop, selling, &mut rng);
        let total = till::total(&lines, rounding).ok()?;
        let mut rng = stream(self.seed, Purpose::Course, arrival.number);
        let course = self.courses.draw(till.kind, &lines, &mut rng);
        let charge = exchange::charge(total.of(currency))?;
        let seat = self.floor.sit(wanted)?;
        let order = Order {
            number: arrival.number,
            intended: arrival.at,
            begun: now,
            seat,
            terminal: till.id,
            kind: till.kind,
            merchant: shop.store.merchant,
            store_name: shop.store.name.clone(),
            customer: self.population.customers.get(seat)?.id,
            lines,
            rounding,
            total,
            currency,
            charge,
            person,
            course,
        };
        Some((terminal.clone(), order))
    }

    /// Lets a customer go whose payment is finished, and shows it.
    fn note(&self, progress: Progress) {
        if let Progress::Finished(record) = progress {
            self.floor.leave(record.order.seat);
            self.board.finished(&Summary::of(&record), &record, self.floor.open());
        }
    }

    fn secrets(&self, seat: usize) -> Option<(HandsetSecrets, HandsetSecrets)> {
        let customer = self.population.customers.get(seat)?;
        Some((customer.secrets(), customer.mistyped()))
    }
}
