//! Lets arrivals come at their moments, as far as nobody at the keyboard holds them back.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::schedule::{Arrival, Arrivals};
use crate::throttle::{Flow, Setting, Throttle};

/// The arrivals of a run, one after the other.
#[derive(Debug)]
pub(super) struct Pacing<H> {
    arrivals: Arrivals,
    /// Whether an arrival comes here, and not to another process that plays another part.
    is_here: H,
    setting: watch::Receiver<Setting>,
    started: Instant,
    /// When none comes any more.
    over: Instant,
}

impl<H: Fn(&Arrival) -> bool> Pacing<H> {
    pub(super) fn new(
        (arrivals, is_here): (Arrivals, H),
        throttle: &Throttle,
        started: Instant,
        span: Duration,
    ) -> Self {
        Self { arrivals, is_here, setting: throttle.follow(), started, over: started + span }
    }

    /// Waits for the moment of the next arrival; none comes any more when the time is over. What was
    /// meant for a pause is left out: nobody stood at a till then.
    pub(super) async fn next(&mut self) -> Option<Arrival> {
        let times = self.setting.borrow().times();
        self.arrivals.turn_to(times);
        let mut arrival = self.arrivals.find(|arrival| (self.is_here)(arrival))?;
        loop {
            tokio::select! {
                biased;
                () = turned_to(&mut self.setting, Flow::Paused) => {}
                () = sleep_until(self.started + arrival.at) => return Some(arrival),
            }
            let goes_on = turned_to(&mut self.setting, Flow::Open);
            if timeout_at(self.over, goes_on).await.is_err() {
                return None;
            }
            let now = self.started.elapsed();
            let is_due = |arrival: &Arrival| arrival.at >= now && (self.is_here)(arrival);
            arrival = self.arrivals.find(is_due)?;
        }
    }
}

/// Returns when payments flow so.
async fn turned_to(setting: &mut watch::Receiver<Setting>, flow: Flow) {
    // Nobody can turn it any more once the throttle is gone.
    if setting.wait_for(|setting| setting.flow == flow).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::Pacing;
    use crate::schedule::{Arrival, Arrivals, Form, Rate, Shape, Spacing};
    use crate::throttle::{Throttle, Turn};

    const SPAN: Duration = Duration::from_secs(2);

    /// Ten payments a second, equally far apart, for two seconds.
    fn pacing(throttle: &Throttle) -> (Pacing<impl Fn(&Arrival) -> bool>, Instant) {
        let shape = Shape::new(&Form::Constant, Rate::per_second(10.0).unwrap(), SPAN);
        let arrivals = Arrivals::new(Spacing::Uniform, shape, 1);
        let started = Instant::now();
        (Pacing::new((arrivals, |_: &Arrival| true), throttle, started, SPAN), started)
    }

    /// The tenths of a second at which the next arrivals come.
    async fn moments(
        pacing: &mut Pacing<impl Fn(&Arrival) -> bool>,
        started: Instant,
        most: usize,
    ) -> Vec<u128> {
        let mut moments = Vec::new();
        while moments.len() < most
            && let Some(arrival) = pacing.next().await
        {
            let late = started.elapsed().saturating_sub(arrival.at);
            assert!(late < Duration::from_millis(2), "{late:?}");
            moments.push((arrival.at.as_millis() + 5) / 10);
        }
        moments
    }

    #[tokio::test(start_paused = true)]
    async fn arrivals_come_at_their_moments() {
        let throttle = Throttle::default();
        let (mut pacing, started) = pacing(&throttle);
        let expected: Vec<_> = (1..20).map(|n| n * 10).collect();
        assert_eq!(moments(&mut pacing, started, 100).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_elsewhere_is_passed_over_and_not_waited_for() {
        let throttle = Throttle::default();
        let shape = Shape::new(&Form::Constant, Rate::per_second(10.0).unwrap(), SPAN);
        let arrivals = Arrivals::new(Spacing::Uniform, shape, 1);
        let (started, is_here) = (Instant::now(), |arrival: &Arrival| arrival.number % 3 == 1);
        let mut pacing = Pacing::new((arrivals, is_here), &throttle, started, SPAN);
        assert_eq!(moments(&mut pacing, started, 100).await, [20, 50, 80, 110, 140, 170]);
        assert!(started.elapsed() < Duration::from_millis(1_710));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_back_what_was_meant_for_it_and_makes_up_for_nothing() {
        let throttle = Throttle::default();
        let (mut pacing, started) = pacing(&throttle);
        assert_eq!(moments(&mut pacing, started, 5).await, [10, 20, 30, 40, 50]);
        throttle.turn(Turn::PauseOrGoOn, SPAN);
        let going_on = async {
            sleep(Duration::from_millis(1_050)).await;
            throttle.turn(Turn::PauseOrGoOn, SPAN);
        };
        let (rest, ()) = tokio::join!(moments(&mut pacing, started, 100), going_on);
        assert_eq!(rest, [160, 170, 180, 190]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_under_way_begins_at_once_and_ends_with_the_run() {
        let throttle = Throttle::default();
        let (mut pacing, started) = pacing(&throttle);
        let pausing = async {
            sleep(Duration::from_millis(120)).await;
            throttle.turn(Turn::PauseOrGoOn, SPAN);
        };
        let (came, ()) = tokio::join!(moments(&mut pacing, started, 100), pausing);
        assert_eq!(came, [10], "the one that was waited for does not come");
        assert_eq!(started.elapsed().as_secs(), 2, "nobody waits longer than the run");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_turned_for_the_arrivals_to_come() {
        let throttle = Throttle::default();
        let (mut pacing, started) = pacing(&throttle);
        assert_eq!(moments(&mut pacing, started, 10).await.last(), Some(&100));
        (0..10).for_each(|_| throttle.turn(Turn::Up, SPAN));
        let twice: Vec<_> = (21..40).map(|n| n * 5).collect();
        assert_eq!(moments(&mut pacing, started, 100).await, twice);
    }
}
