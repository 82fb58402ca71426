//! What came of connections, for programs; `page` writes it for people.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use kessai_gateway::admin::rows::GatewayRow;
use serde::Serialize;

use super::attempts::AttemptsReport;
use super::came::{Came, Kept, Others, Stormed};
use super::held::Book;
use super::limits::GatewayLimits;
use super::phases::Done;
use super::usage::{Knocks, Usage};
use super::{ConnectionsTest, Loss, Peers, Plan};
use crate::generator::Effort;
use crate::report::Gateway;
use crate::results::Origin;

/// The version of the report as JSON: raised when a key changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// What came of connections, as JSON has it: these keys are relied on, and there are no others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConnectionsReport {
    /// The version of these keys.
    pub version: u32,
    /// How it came to be.
    #[serde(flatten)]
    pub origin: Origin,
    /// What it was drawn from.
    pub seed: u64,
    /// By whom, over what.
    pub config: Config,
    /// Which gateway it was.
    pub gateway: Gateway,
    /// What that takes.
    pub limits: GatewayLimits,
    /// What came of it.
    #[serde(flatten)]
    pub found: Found,
    /// What it cost both sides.
    pub usage: Usage,
    /// What the gateway counted of those who knocked, from the first connection on.
    pub knocks: Knocks,
    /// What the load generator itself needed, once the connections that it is about stood.
    pub generator: Effort,
    /// The limits of the gateway that turned connections away, a sentence each: what they are for.
    pub limits_reached: Vec<String>,
    /// What should not have been, a sentence each.
    pub problems: Vec<String>,
}

/// By whom connections were made, and over what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// Whose keys connected.
    pub peers: Peers,
    /// How many connections were to stand at a time; none where they came and went.
    pub connections: Option<usize>,
    /// How many were opened a second, or handshakes were offered.
    pub rate_per_s: f64,
    /// UDP sockets for each address.
    pub sockets: usize,
    /// The addresses to go out by; any, if there is none.
    pub from: Vec<IpAddr>,
    /// How often a silent connection made a sign of life.
    pub keep_alive_s: Option<f64>,
    /// How long an attempt or a round trip might take.
    pub patience_s: f64,
}

/// What came of it, by what was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Full handshakes.
    Handshakes(HandshakesFound),
    /// Connections that were held and said nothing.
    Idle(HeldFound),
    /// Connections that were held, with round trips.
    LongLived(HeldFound),
    /// All connections were lost at once.
    Storm(Box<StormFound>),
    /// All connections changed their address.
    Migration(MigrationFound),
}

/// Full handshakes: until the gateway said Welcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandshakesFound {
    /// For how long they were offered.
    pub seconds: f64,
    /// What became of them.
    pub attempts: AttemptsReport,
}

/// Connections that were held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldFound {
    /// How they were opened.
    pub opened: Opened,
    /// How long they were held.
    pub seconds: f64,
    /// How many stood at the end.
    pub alive: usize,
    /// How many were lost after they stood, by the reason.
    pub lost: BTreeMap<String, u64>,
    /// Round trips over them; none if they said nothing.
    pub round_trips: Option<AttemptsReport>,
}

/// How connections were opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opened {
    /// How many stood.
    pub stood: usize,
    /// How many gave up.
    pub missing: u64,
    /// When the last of them stood, from the first attempt.
    pub seconds: Option<f64>,
    /// All attempts: those who are turned away try again.
    pub attempts: AttemptsReport,
}

/// A storm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StormFound {
    /// How the connections were opened before it.
    pub opened: Opened,
    /// How they were lost.
    pub loss: Loss,
    /// How long nobody could connect.
    pub outage_s: f64,
    /// Within which time, after that, each made its first attempt.
    pub within_s: f64,
    /// How many were lost.
    pub dropped: usize,
    /// How they came back.
    pub back: Opened,
    /// When so many of the lost were back, in seconds from the end of the outage.
    pub back_s: BackAfter,
    /// What became of the payments of others.
    pub bystanders: Option<BystandersFound>,
}

/// When so many were back; none where so many never were.
///
/// # Units
/// Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BackAfter {
    /// Half of them.
    pub p50: Option<f64>,
    /// Nine of ten.
    pub p90: Option<f64>,
    /// 99 of a hundred.
    pub p99: Option<f64>,
    /// All of them.
    pub all: Option<f64>,
}

/// Others who paid meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BystandersFound {
    /// How many paid, once a second each.
    pub pairs: usize,
    /// Their payments before the storm.
    pub before: AttemptsReport,
    /// Their payments from the loss until the last was back.
    pub during: AttemptsReport,
}

/// Connections that changed their address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MigrationFound {
    /// How they were opened.
    pub opened: Opened,
    /// How often each moved.
    pub moves: u32,
    /// How many stood at the end.
    pub survived: usize,
    /// How many were lost, by the reason.
    pub lost: BTreeMap<String, u64>,
    /// The first round trip after each move, from the moment of the move.
    pub round_trips: AttemptsReport,
}

impl ConnectionsReport {
    /// Says what a plan came to.
    pub(super) fn of(
        test: &ConnectionsTest,
        gateway: &GatewayRow,
        started_at: SystemTime,
        done: Done,
    ) -> Self {
        let Done { came, marks: [before, stood, after] } = done;
        let limits = GatewayLimits::of(gateway);
        let knocks = before.knocks(&after);
        let turned_away = came.turned_away();
        let stands = came.stood();
        let usage = Usage::of(stands, before.until(&stood), stood.until(&after), &knocks);
        let generator = Effort::of(&stood.spent(&after), came.lag(), &came.bounds());
        let problems = came.problems(test.peers);
        Self {
            version: VERSION,
            origin: Origin::here(test.heading(), started_at),
            seed: test.seed,
            config: Config::of(test),
            gateway: Gateway { address: test.gateway.clone(), version: gateway.version.clone() },
            limits,
            found: Found::of(came),
            usage,
            knocks,
            generator,
            limits_reached: limits.reached(turned_away, &knocks),
            problems,
        }
    }
}

impl Config {
    fn of(test: &ConnectionsTest) -> Self {
        let rate = match &test.plan {
            Plan::Handshakes(offer, _) => offer.rate,
            Plan::Idle(gathering, _)
            | Plan::LongLived(gathering, _)
            | Plan::Storm(gathering, _)
            | Plan::Migration(gathering, _) => gathering.rate,
        };
        Self {
            peers: test.peers,
            connections: test.plan.connections(),
            rate_per_s: rate.payments(),
            sockets: test.sockets,
            from: test.from.clone(),
            keep_alive_s: test.keep_alive.map(|time| time.as_secs_f64()),
            patience_s: test.patience.as_secs_f64(),
        }
    }
}

impl Opened {
    fn of(book: &Book) -> Self {
        let last = book.stood_at.last().copied();
        Self {
            stood: book.stood_at.len(),
            missing: book.missing,
            seconds: last.map(|at| at.as_secs_f64()),
            attempts: book.opening.report(last.unwrap_or_default()),
        }
    }
}

impl BackAfter {
    /// Takes the moments at which those came back who are, of so many.
    fn of(stood_at: &[Duration], dropped: usize) -> Self {
        let at = |percent: usize| {
            let least = dropped.saturating_mul(percent).div_ceil(100).checked_sub(1)?;
            stood_at.get(least).map(|at| at.as_secs_f64())
        };
        Self { p50: at(50), p90: at(90), p99: at(99), all: at(100) }
    }
}

impl Found {
    fn of(came: Came) -> Self {
        match came {
            Came::Handshakes(span, attempts) => {
                let (seconds, attempts) = (span.as_secs_f64(), attempts.report(span));
                Self::Handshakes(HandshakesFound { seconds, attempts })
            }
            Came::Idle(kept) => Self::Idle(HeldFound { round_trips: None, ..HeldFound::of(kept) }),
            Came::LongLived(kept) => Self::LongLived(HeldFound::of(kept)),
            Came::Storm(stormed) => Self::Storm(Box::new(StormFound::of(*stormed))),
            Came::Migration(moves, Kept { book, .. }) => Self::Migration(MigrationFound {
                opened: Opened::of(&book),
                moves,
                survived: book.standing(),
                round_trips: book.trips.report(Duration::ZERO),
                lost: book.lost,
            }),
        }
    }
}

impl HeldFound {
    fn of(Kept { book, held }: Kept) -> Self {
        Self {
            opened: Opened::of(&book),
            seconds: held.as_secs_f64(),
            alive: book.standing(),
            round_trips: Some(book.trips.report(held)),
            lost: book.lost,
        }
    }
}

impl StormFound {
    fn of(stormed: Stormed) -> Self {
        let Stormed { storm, before, dropped, after, others } = stormed;
        Self {
            opened: Opened::of(&before),
            loss: storm.loss,
            outage_s: storm.outage.as_secs_f64(),
            within_s: storm.within.as_secs_f64(),
            dropped,
            back: Opened::of(&after),
            back_s: BackAfter::of(&after.stood_at, dropped),
            bystanders: others.map(|Others { pairs, before, during }| BystandersFound {
                pairs,
                before: before.0.report(before.1),
                during: during.0.report(during.1),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BackAfter;
    use std::time::Duration;

    #[test]
    fn shares_of_the_lost_are_back_when_so_many_are() {
        let stood: Vec<_> = (1..=99).map(Duration::from_secs).collect();
        let back = BackAfter::of(&stood, 100);
        assert_eq!((back.p50, back.p90, back.p99), (Some(50.0), Some(90.0), Some(99.0)));
        assert_eq!(back.all, None, "one of them never was");
        let one = BackAfter::of(&stood[..1], 1);
        assert_eq!([one.p50, one.p90, one.p99, one.all], [Some(1.0); 4]);
        assert_eq!(BackAfter::of(&[], 0).all, None, "nobody was lost");
    }
}
