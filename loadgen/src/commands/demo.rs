//! `kessai-loadgen demo`: everything in one process.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::behaviour::{Behaviour, wrong};
use super::leaving::Leaving;
use super::offering::Offering;
use super::show::{Show, could_not, judge};
use super::{Carrier, ways, within_a_day};
use crate::demo::{Medium, Plan, run};
use crate::life::Workload;
use crate::people::Pace;
use crate::population::{MOST, MOST_CARRIERS, Size};
use crate::schedule::Bounds;
use crate::site::Durability;

/// Starts a gateway, connects everybody, runs mixed life, and audits the books.
///
/// The gateway runs in this process on a free loopback port with a temporary data directory.
/// Merchants, stores, terminals and customers are entered, each terminal and each handset connects
/// over QUIC, and payments are offered at moments that a seed fixes before the run. With --through,
/// store controllers and carrier hubs carry many of them over few connections.
///
/// Customers look at their handsets and approve, mistype the password once or three times, cancel,
/// run out of money or do not answer; clerks now and then give up. Some customers show a code
/// instead of their id. Some terminals are vending machines, which hand out all or a part, jam, fall
/// silent or report too late; some stores charge in dollars or dinars; tills lose the answer and take
/// the payment back, or give money back later, whole, in part or twice, and now and then try to give
/// back too much. Afterwards the load generator compares all that both sides were told with the
/// gateway's books, yen by yen, and with the books that it recovers from the journal.
///
/// On a terminal the run is drawn live (NO_COLOR is respected), and keys steer it: + and - change the
/// rate by a tenth, p pauses and goes on, d and q stop. Anywhere else it prints a line a second. To
/// stop is to offer no more payments, wait for the open ones, audit and report; Ctrl-C does so too,
/// and a second q or Ctrl-C ends at once. What was done to the rate stands in the report.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Demo {
    /// For how many seconds payments are offered
    #[arg(long, default_value = "20", value_parser = seconds)]
    seconds: Duration,

    #[command(flatten)]
    offering: Offering,

    #[command(flatten)]
    behaviour: Behaviour,

    /// What everything is drawn from: arrivals, baskets, people, balances
    #[arg(long, default_value_t = 42)]
    seed: u64,

    /// How many customers there are, each with a handset and a connection
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    customers: u32,

    /// How many tills there are, each with a connection
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    terminals: u32,

    /// How many times faster than life people are; they have 30 s to answer, divided by it
    #[arg(long, default_value = "10")]
    pace: Pace,

    /// What carries tills and handsets, instead of a connection each
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CARRIERS")]
    through: Vec<Carrier>,

    /// How many store controllers there are, with --through controllers
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_CARRIERS)))]
    controllers: u32,

    /// How many carrier hubs there are, with --through hubs
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_CARRIERS)))]
    hubs: u32,

    /// Prints the ladder of messages besides: of each how often it was sent, repeated, answered,
    /// refused, timed out or unexpected
    #[arg(long)]
    ladder: bool,

    #[command(flatten)]
    leaving: Leaving,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen demo
      the declared workload: 20 s, 500 terminals, 5000 customers, pace 10
  kessai-loadgen demo --seconds 5 --customers 200 --terminals 20 --rate 30
      a small one
  kessai-loadgen demo --seconds 60 --rate 1000 --customers 20000 --json out.json
      a heavier one, with the report for programs
  kessai-loadgen demo --out results/first
      keeps all that was measured, with results/first/report.html to be looked at
  kessai-loadgen demo --pace 1 --rate 50
      people as fast as in life
  kessai-loadgen demo --through controllers,hubs
      the same workload over 16 connections instead of 5500
  kessai-loadgen demo --ladder --preset hostile --set skew.customers=0
      guessed passwords, lost lines and jammed machines, everybody as often as others

Exit codes:
  0    the audit found nothing wrong
  1    the audit found something: the report says what
  2    the command line is wrong
  3    the run could not be made, or the report not be written
  130  interrupted; what was run until then is audited and reported

The JSON has version, config{} (with the preset and a digest of its values; by_hand[] says what keys
did to the rate, or that the run was stopped; partition and begin_at are null here), audit.{ok,
problems[],left_out[]}, payments.{offered,approved,declined,cancelled,expired,refused,skipped}
(offered is their sum), payments.overtaken (of the expired: the customer had answered early; of the
approved: a vending machine had reported early and was not paid), payments.by_reason{},
payments.refused_for{}, payments.{refunded,reversed,captured_in_part}
(all among the approved: what went back later had been approved), payments.{with_code,foreign,
vending} (whatever became of them), throughput_per_s, latency_ms.{machine,human}.{p50,p90,p99,p999,
max}, intervals.{throughput_per_s,machine_ms.{p50,p90,p99,p999}}.{estimate,low,high} (the bounds hold
in 95 of 100 runs; null where too little was seen), by_outcome{}.{response_ms,service_ms,lag_ms}{},
ladder[].{message,sender,sent,repeated,answered,refused,timed_out,unexpected},
generator.{cpu_s,cpu_share,lag_ms{},limited_by[]}, gateway_cost.{payments,cpu_s,syncs,written_bytes,
datagrams,resident_bytes} (payments that the gateway ended, and of each of them its share of what the
gateway took; null where it does not tell, always here), seed, seconds, gateway.{address,version} and
connections.{terminals,handsets,controllers,hubs}. Machine time is from the intended moment to the
prompt and from the last answer of a person to the till's receipt; human time is between the two.
Response time is from the intended moment to the end, service time from the beginning, lag between
the two.

The directory that --out makes has result.json: the same keys, and heading, reasons.{OUTCOME}{},
troubles.{count,last}, started_at, program.{version,commit} and host.{name,cpu,cores,memory_bytes,
kernel};
series.jsonl: a line for each second, by the moment at which its payments were meant to begin, with
second, offered, a count for each outcome, response_p50_ms, response_p99_ms and lag_p99_ms (null
where there was nothing to measure); latency.hlog: an HdrHistogram log of microseconds, with the
response times of each second, its lag by the tag second:lag, and those of the whole run by other tags
(approved, approved:service, approved:lag and so on, and human); report.html: the same for people, with plots.";

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a number of seconds, above 0 and at most 86400".to_owned();
    let seconds: f64 = text.parse().map_err(|_no_number| wrong())?;
    within_a_day(Duration::try_from_secs_f64(seconds).ok()).ok_or_else(wrong)
}

impl Demo {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let scenario = match self.behaviour.scenario() {
            Ok(scenario) => scenario,
            Err(error) => return wrong(&error),
        };
        let carried = |carrier, count| if self.through.contains(&carrier) { count } else { 0 };
        let size = Size {
            customers: self.customers,
            terminals: self.terminals,
            controllers: carried(Carrier::Controllers, self.controllers),
            hubs: carried(Carrier::Hubs, self.hubs),
            machines: scenario.machines(),
            wealth: scenario.wealth(),
        };
        let scenario = match scenario.settled(size) {
            Ok(scenario) => Arc::new(scenario),
            Err(unfit) => return could_not(&unfit.into()),
        };
        let plan = Plan {
            workload: Workload {
                rate: self.offering.rate,
                form: self.offering.shape.clone().unwrap_or_else(|| scenario.form().clone()),
                spacing: self.offering.arrivals.clone(),
                span: self.seconds,
                pace: self.pace,
                scenario,
                seed: self.seed,
                bounds: Bounds::default(),
            },
            size,
            medium: Medium::Network,
            ways: ways(&self.through),
            durability: Durability::Journal,
        };
        // Gateway and load share the processors here: it is no measurement.
        let leaving = &self.leaving;
        let show = Show {
            title: plan.heading(),
            span: self.seconds,
            leaving,
            ladder: self.ladder,
            measures: false,
        };
        judge(show, async |board, stop| run(&plan, board, stop).await)
    }
}
