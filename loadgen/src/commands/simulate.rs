//! `kessai-loadgen simulate`: the whole system in virtual time, from seeds.

use std::fmt::Display;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Args;
use indicatif::ProgressBar;
#[cfg(feature = "planted")]
use kessai_engine::planted::{self, Bug};

use super::Exit;
use super::progress::bar;
use crate::simulation::network;
use crate::simulation::{Campaign, EVENTS, Failure, Stop, Voice, name_seeds_in_panics, watched};

/// Plays the whole system in virtual time, with everything going wrong that can.
///
/// Engine, journal and recovery are the real ones; disks and network are simulated; tills, handsets
/// with their owners, carriers and the processor are actors; a plain model is judge. All that
/// happens follows from the seed: a seed that breaks a promise does so every time, and the one
/// command that plays it again is printed. Each seed is played twice and must come out the same.
///
/// With --network the real gateway and the real client are played, over QUIC, on machines whose
/// clocks, sockets, randomness and disks are simulated.
///
/// On a terminal it shows how many seeds were played, and how long the rest will take.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Simulate {
    /// The first seed
    #[arg(long, value_name = "N", default_value = "1")]
    first_seed: u64,

    /// How many seeds are played
    #[arg(long, value_name = "N", default_value = "100")]
    seeds: NonZeroU64,

    /// How many seeds are played at a time [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// How many events a seed has before everything is brought to its end
    #[arg(long, value_name = "N", default_value_t = EVENTS, conflicts_with = "network")]
    events: u64,

    /// Plays the real gateway and the real client on a simulated network
    #[arg(long)]
    network: bool,

    /// Writes all that happens to standard error: for one seed
    #[arg(long)]
    trace: bool,

    /// Plants an error that must be found
    #[cfg(feature = "planted")]
    #[arg(long, value_name = "BUG")]
    planted: Option<Bug>,

    /// Writes the summary as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen simulate --seeds 1000
      seeds 1 to 1000
  kessai-loadgen simulate --first-seed 812 --seeds 1
      one seed again, as a failure prints it
  kessai-loadgen simulate --network --seeds 50
      50 seeds of the real gateway and client on a simulated network

Exit codes:
  0    no promise was broken
  1    a promise was broken: standard error says by which seeds
  2    the command line is wrong
  3    the JSON could not be written";

impl Simulate {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let replay = self.replay();
        #[cfg(feature = "planted")]
        if let Some(bug) = self.planted {
            planted::plant(bug);
        }
        name_seeds_in_panics(replay.clone());
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (first_seed, seeds) = (self.first_seed, self.seeds.get());
        let jobs = self.jobs.map_or(processors, NonZeroUsize::get);
        let stop = Stop::AtEnd;
        let voice = if self.trace { Voice::Loud } else { Voice::Silent };
        let bar = match voice {
            Voice::Silent => bar("playing seeds", seeds),
            // It would be drawn into what is told.
            Voice::Loud => ProgressBar::hidden(),
        };
        let watch = || bar.inc(1);
        if self.network {
            let campaign = network::Campaign { first_seed, seeds, jobs, stop, voice };
            let summary = network::watched(&campaign, watch);
            bar.finish_and_clear();
            return self.tell(&summary, &summary.to_json(), summary.failures(), replay);
        }
        let events = self.events;
        let campaign = Campaign { first_seed, seeds, jobs, events, stop, voice };
        let summary = watched(&campaign, watch);
        bar.finish_and_clear();
        self.tell(&summary, &summary.to_json(), summary.failures(), replay)
    }

    /// Tells what came of the seeds, and how to play those again that failed.
    fn tell(
        &self,
        summary: &impl Display,
        json: &serde_json::Value,
        failures: &[Failure],
        replay: impl Fn(u64) -> String,
    ) -> ExitCode {
        print!("{summary}");
        let mut code = Exit::Ok;
        for Failure { seed, what, .. } in failures {
            eprintln!("seed {seed}: {what}\n  {}", replay(*seed));
            code = Exit::AuditFailed;
        }
        if let Some(file) = &self.json
            && let Err(error) = std::fs::write(file, format!("{json:#}\n"))
        {
            eprintln!("kessai-loadgen: {}: {error}", file.display());
            return Exit::CouldNot.into();
        }
        code.into()
    }

    /// Words the one command that plays a seed again.
    fn replay(&self) -> impl Fn(u64) -> String + Clone + Send + Sync + use<> {
        let mut more = String::new();
        if self.network {
            more.push_str(" --network");
        }
        if self.events != EVENTS {
            more.push_str(&format!(" --events {}", self.events));
        }
        #[cfg(feature = "planted")]
        if let Some(bug) = self.planted {
            more.push_str(&format!(" --planted {bug}"));
        }
        move |seed| format!("kessai-loadgen simulate --first-seed {seed} --seeds 1{more}")
    }
}
