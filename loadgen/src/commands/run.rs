//! `kessai-loadgen run`: a capacity test of a gateway that runs somewhere else.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::against::{Against, Offered, Sharing};
use super::behaviour::wrong;
use super::leaving::Leaving;
use super::offering::Offering;
use super::positive;
use super::show::{Show, could_not, judge};
use crate::capacity::run;

/// Plays a population that was provisioned and imported against a gateway, and audits its books.
///
/// The gateway runs by itself, here or on another machine. Its administration tells the books as
/// they are before the run; then every terminal and every handset connects, or with --through few
/// controllers and hubs that carry them; payments are offered at moments that the seed fixes, and
/// customers and clerks do what people do, as in `kessai-loadgen demo`. Afterwards the books are
/// read again and compared with all that both sides were told, yen by yen.
///
/// On a terminal keys steer it as they do the demo; a run whose rate was changed so cannot be compared
/// with another.
///
/// The run must be alone: whatever else moves the money of its customers, or opens a payment at any
/// till, is found and named by the audit. A population can be played any number of times.
///
/// What the customers have time to answer is the gateway's to say (payments.prompt): at --pace 10
/// let it be 3s, or those who do not answer keep the run waiting.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Run {
    #[command(flatten)]
    against: Against,

    #[command(flatten)]
    offering: Offering,

    #[command(flatten)]
    sharing: Sharing,

    /// For how long payments are offered, as 60s or 5min
    #[arg(long, default_value = "60s", value_parser = positive)]
    duration: Duration,

    /// Prints the ladder of messages besides: of each how often it was sent, repeated, answered,
    /// refused, timed out or unexpected
    #[arg(long)]
    ladder: bool,

    #[command(flatten)]
    leaving: Leaving,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen run --gateway 127.0.0.1:7443 --provision people \\
      --token-file my-processor/keys/admin.token --rate 300 --duration 60s
      each terminal and each handset with a connection of its own
  kessai-loadgen run --gateway 127.0.0.1:7443 --provision people \\
      --token-file my-processor/keys/admin.token --through controllers,hubs --json out.json
      through the controllers and hubs of the provision, with the report for programs
  kessai-loadgen run ... --preset hot-merchant --set skew.stores=3
      another way to buy: see `kessai-loadgen presets`
  kessai-loadgen run --gateway 127.0.0.1:7443 --provision people \\
      --token-file my-processor/keys/admin.token --out results/before
      keeps all that was measured, with a report to be looked at in a browser
  begin=$(date -u -d '+30 seconds' +%FT%TZ); for n in 1 2; do kessai-loadgen run ... \
      --partition $n/2 --begin-at $begin --out part-$n & done; wait; kessai-loadgen merge part-1 part-2
      two processes that play one population together, and what they came to
  ssh -L 7480:127.0.0.1:7480 gateway.example
      reaches the administration of another machine, which listens there alone

Exit codes:
  0    the audit found nothing wrong, and the load generator kept up
  1    the audit found something: the report says what
  2    the command line is wrong
  3    the run could not be made, or the report not be written
  6    the load generator was the limit: what was measured is no capacity of the gateway
  130  interrupted; what was run until then is audited and reported

The JSON is that of `kessai-loadgen demo`, and so is the directory that --out makes; see there.";

impl Run {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let Offering { rate, shape, arrivals } = self.offering.clone();
        let scenario = match self.against.scenario() {
            Ok(scenario) => scenario,
            Err(error) => return wrong(&error),
        };
        let shape = shape.unwrap_or_else(|| scenario.form().clone());
        let offered = Offered {
            rate,
            form: shape,
            spacing: arrivals,
            span: self.duration,
            sharing: self.sharing,
        };
        let test = match self.against.test(scenario, offered) {
            Ok(test) => test,
            Err(error) => return could_not(&error),
        };
        let leaving = &self.leaving;
        let show = Show {
            title: test.heading(),
            span: self.duration,
            leaving,
            ladder: self.ladder,
            measures: true,
        };
        judge(show, async |board, stop| run(&test, board, stop).await)
    }
}
