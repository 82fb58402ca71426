//! Outages: connections that are lost at once and come back at once, at moments fixed by the seed.
//!
//! Who is cut off knows nothing of it: tills and handsets find their connections lost, come back as
//! soon as there is a way, and repeat what they had under way. When the last of them is back, it is
//! written down who was cut off from when to when: the audit excuses nobody else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_client::CallError;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::World;
use crate::audit::{CutOff, Outage};
use crate::fleet::Lines;
use crate::ledger::Moment;
use crate::people::Pace;
use crate::scenario::{BatchDraws, Scenario};
use crate::seeds::{Purpose, stream};
use crate::shares::WHOLE;

/// Whose connections are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Tills,
    Handsets,
}

/// An outage that is going to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    /// When it begins.
    at: Moment,
    /// How long nobody of them can connect.
    lasts: Duration,
    /// Which lines are cut.
    lines: BTreeSet<usize>,
}

/// What tills and handsets bear in patience: a longer outage would be one of the whole run.
const LONGEST: Duration = Duration::from_secs(4);

/// The shortest time between two outages, whatever the mean is: there is an end to a plan.
const SHORTEST: Duration = Duration::from_millis(10);

/// How long those who were cut off are waited for.
const BACK: Duration = Duration::from_secs(60);

impl Whose {
    const fn number(self) -> u64 {
        match self {
            Self::Tills => 0,
            Self::Handsets => 1,
        }
    }

    const fn draws(self, scenario: &Scenario) -> Option<BatchDraws> {
        let distributions = scenario.distributions();
        match self {
            Self::Tills => distributions.tills_out,
            Self::Handsets => distributions.handsets_out,
        }
    }
}

/// Draws the outages of a run whose arrivals lie in its first `span`, for so many lines. All of it
/// follows from the seed.
pub(super) fn plan(
    whose: Whose,
    scenario: &Scenario,
    pace: Pace,
    (span, lines): (Duration, usize),
    seed: u64,
) -> Vec<Planned> {
    let Some(batch) = whose.draws(scenario) else { return Vec::new() };
    let mut rng = stream(seed, Purpose::Outages, whose.number());
    let mut planned = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        let gap: f64 = Exp1.sample(&mut rng);
        at = at.saturating_add(pace.shorten(seconds(gap * batch.every_s)).max(SHORTEST));
        let lasts = pace.shorten(seconds(batch.lasts.sample(&mut rng))).min(LONGEST);
        let lines = members(&mut rng, batch.share, lines);
        if at >= span {
            return planned;
        }
        planned.push(Planned { at, lasts, lines });
        at = at.saturating_add(lasts);
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

fn members(rng: &mut ChaCha8Rng, share: u32, lines: usize) -> BTreeSet<usize> {
    (0..lines).filter(|_| rng.random_ratio(share, WHOLE)).collect()
}

/// Lets outages happen until the last is over, or `stop` is set: then none begins any more. Says who
/// was cut off, and when.
pub(super) async fn happen(
    world: Arc<World>,
    whose: Whose,
    lines: Lines,
    planned: Vec<Planned>,
    mut stop: watch::Receiver<bool>,
) -> Vec<Outage> {
    let mut outages = Vec::new();
    for Planned { at, lasts, lines: cut } in planned {
        tokio::select! {
            biased;
            _stopped = stop.wait_for(|stop| *stop) => break,
            () = sleep_until(world.started + at) => {}
        }
        let from = world.now();
        let keepers = || cut.iter().filter_map(|line| lines.keepers.get(*line));
        keepers().for_each(crate::fleet::Keeper::close);
        sleep(lasts).await;
        keepers().for_each(crate::fleet::Keeper::open);
        let peers: BTreeSet<usize> =
            (0..).zip(&lines.of).filter(|(_, line)| cut.contains(line)).map(|(at, _)| at).collect();
        all_back(&world, whose, &peers).await;
        outages.push(Outage { from, until: world.now(), of: cut_off(&world, whose, &peers) });
    }
    outages
}

/// Names those who go by lines that were cut.
fn cut_off(world: &World, whose: Whose, peers: &BTreeSet<usize>) -> CutOff {
    match whose {
        Whose::Tills => {
            let tills = peers.iter().filter_map(|at| world.population.tills.get(*at));
            CutOff::Tills(tills.map(|till| till.id).collect())
        }
        Whose::Handsets => {
            let customers = peers.iter().filter_map(|at| world.population.customers.get(*at));
            CutOff::Handsets(customers.map(|customer| customer.id).collect())
        }
    }
}

/// Waits until every one of them is answered again.
async fn all_back(world: &Arc<World>, whose: Whose, peers: &BTreeSet<usize>) {
    let until = Instant::now() + BACK;
    let mut tasks = JoinSet::new();
    for peer in peers.iter().copied() {
        let world = Arc::clone(world);
        tasks.spawn(async move {
            while Instant::now() < until {
                let echoed = echo(&world, whose, peer).await;
                match echoed {
                    Some(Err(CallError::Deadline | CallError::Lost)) => {}
                    Some(Ok(_) | Err(_)) | None => return,
                }
            }
        });
    }
    // What is wrong with anybody else shows in what they were told.
    while tasks.join_next().await.is_some() {}
}

async fn echo(world: &World, whose: Whose, peer: usize) -> Option<Result<Duration, CallError>> {
    const PAYLOAD: Bytes = Bytes::from_static(b"back");
    Some(match whose {
        Whose::Tills => world.terminals.get(peer)?.echo(PAYLOAD).await,
        Whose::Handsets => world.handsets.get(peer)?.echo(PAYLOAD).await,
    })
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Planned, Whose, plan};
    use crate::people::Pace;
    use crate::scenario::Scenario;
    use std::time::Duration;

    const SPAN: Duration = Duration::from_secs(300);

    fn hostile() -> Scenario {
        let set = ["outages.tills.share=250", "outages.tills.every_s=60"];
        let set: Vec<_> = set.map(|text| text.parse().unwrap()).into();
        Scenario::load("hostile", &set).unwrap()
    }

    fn outages(whose: Whose, lines: usize, seed: u64) -> Vec<Planned> {
        plan(whose, &hostile(), Pace::new(10.0).unwrap(), (SPAN, lines), seed)
    }

    #[test]
    fn one_seed_is_one_plan_and_tills_are_apart_from_handsets() {
        let plan = outages(Whose::Tills, 400, 5);
        assert_eq!(plan, outages(Whose::Tills, 400, 5));
        assert_ne!(plan, outages(Whose::Tills, 400, 6));
        assert_ne!(plan, outages(Whose::Handsets, 400, 5));
        let mixed = Scenario::default();
        let pace = Pace::new(10.0).unwrap();
        assert!(super::plan(Whose::Tills, &mixed, pace, (SPAN, 400), 5).is_empty());
    }

    /// A time of 60 s at the pace of life is 6 s here, of which there are 50 in 300 s; less those that
    /// the outages themselves take.
    #[test]
    fn outages_are_as_many_and_as_large_as_is_said_and_follow_each_other() {
        let plan = outages(Whose::Tills, 400, 5);
        assert!((20..=70).contains(&plan.len()), "{}", plan.len());
        for pair in plan.windows(2) {
            assert!(pair[0].at + pair[0].lasts <= pair[1].at);
        }
        assert!(plan.iter().all(|outage| outage.at < SPAN && outage.lasts <= LONGEST));
        let cut: usize = plan.iter().map(|outage| outage.lines.len()).sum();
        let mean = cut / plan.len();
        assert!((80..=120).contains(&mean), "a quarter of 400 lines: {mean}");
        assert_ne!(plan[0].lines, plan[1].lines, "who, is drawn anew");
    }
}
