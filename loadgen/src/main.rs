//! `kessai-loadgen`: loads a Kessai gateway, and judges it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use kessai_loadgen::board::Board;
use kessai_loadgen::demo::{self, DemoError, Plan};
use kessai_loadgen::fleet::Way;
use kessai_loadgen::hand::{self, HandError, Left};
use kessai_loadgen::life::Workload;
use kessai_loadgen::people::Pace;
use kessai_loadgen::population::{MOST, Size, Wealth};
use kessai_loadgen::schedule::{Bounds, Rate};
use kessai_loadgen::screen::{self, Mode, Screen};
use kessai_loadgen::site::Durability;
use tokio::sync::watch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The audit found something.
const AUDIT_FAILED: u8 = 1;
/// The run could not be made.
const COULD_NOT_RUN: u8 = 3;
/// Somebody called it off.
const INTERRUPTED: u8 = 130;

/// Loads a Kessai gateway with tills, handsets and people, and audits what became of their money.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(Demo),
    Terminal(hand::Terminal),
    Handset(hand::Handset),
}

/// Starts a gateway, connects everybody, runs mixed life, and audits the books.
///
/// The gateway runs in this process on a free loopback port with a temporary data directory.
/// Merchants, stores, terminals and customers are entered, each terminal and each handset connects
/// over QUIC, and payments are offered at moments that a seed fixes before the run.
///
/// Customers look at their handsets and approve, mistype the password once or three times, cancel,
/// run out of money or do not answer; clerks now and then give up. Afterwards the load generator
/// compares all that both sides were told with the gateway's books, yen by yen, and with the books
/// that it recovers from the journal.
///
/// On a terminal the run is drawn live (NO_COLOR is respected); anywhere else it prints a line a
/// second. Ctrl-C stops offering payments, waits for the open ones, audits and reports; a second
/// Ctrl-C ends at once.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
struct Demo {
    /// For how many seconds payments are offered
    #[arg(long, default_value = "20", value_parser = seconds)]
    seconds: Duration,

    /// How many payments are offered a second, on average: a Poisson process that waits for nobody
    #[arg(long, default_value = "200")]
    rate: Rate,

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

    /// Writes the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen demo
      the declared workload: 20 s, 500 terminals, 5000 customers, pace 10
  kessai-loadgen demo --seconds 5 --customers 200 --terminals 20 --rate 30
      a small one
  kessai-loadgen demo --seconds 60 --rate 1000 --customers 20000 --json out.json
      a heavier one, with the report for programs
  kessai-loadgen demo --pace 1 --rate 50
      people as fast as in life

Exit codes:
  0    the audit found nothing wrong
  1    the audit found something: the report says what
  2    the command line is wrong
  3    the run could not be made, or the report not be written
  130  interrupted; what was run until then is audited and reported

The JSON has audit.ok, audit.problems[], payments.{offered,approved,declined,cancelled,expired,
refused,skipped} (offered is their sum), payments.by_reason{}, throughput_per_s,
latency_ms.{machine,human}.{p50,p90,p99,p999,max}, seed and seconds. Machine time is from the
intended moment to the prompt and from the last answer of a person to the till's receipt; human
time is between the two.";

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a number of seconds, above 0 and at most 86400".to_owned();
    let seconds: f64 = text.parse().map_err(|_no_number| wrong())?;
    if !(seconds > 0.0 && seconds <= 86_400.0) {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_no_duration| wrong())
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(demo) => judge(&demo),
        Command::Terminal(terminal) => by_hand(hand::run(terminal.run())),
        Command::Handset(handset) => by_hand(hand::run(handset.run())),
    }
}

fn by_hand(left: Result<Left, HandError>) -> ExitCode {
    match left {
        Ok(Left::Quit) => ExitCode::SUCCESS,
        Ok(Left::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            eprintln!("kessai-loadgen: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn judge(demo: &Demo) -> ExitCode {
    match run(demo) {
        Ok(code) => ExitCode::from(code),
        Err(DemoError::Interrupted) => {
            eprintln!("kessai-loadgen: {}", DemoError::Interrupted);
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("kessai-loadgen: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run(demo: &Demo) -> Result<u8, DemoError> {
    let json = demo.json.as_deref();
    if let Some(path) = json {
        // Better now than after the run. What it held stays until there is a new report.
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.map_err(unwritable(path))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(DemoError::Threads)?;
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    let plan = Plan {
        workload: Workload {
            rate: demo.rate,
            span: demo.seconds,
            pace: demo.pace,
            seed: demo.seed,
            bounds: Bounds::default(),
        },
        size: Size { customers: demo.customers, terminals: demo.terminals, wealth: Wealth::Mixed },
        way: Way::Network,
        durability: Durability::Journal,
    };
    let board = Arc::new(Board::new(demo.seconds));
    let pressed = Arc::clone(&stop);
    let interrupt = move || interrupt(&pressed);
    let screen =
        Screen::show(Arc::clone(&board), Mode::detect(), plan.heading(), interrupt.clone());
    let screen = screen.map_err(DemoError::Threads)?;
    let finding = runtime.block_on(async {
        tokio::spawn(signals(interrupt));
        demo::run(&plan, board, stopped).await
    });
    screen.close();
    // Thousands of connections need not be taken down one by one.
    runtime.shutdown_background();
    let finding = finding?;
    print(&finding.page());
    if let Some(path) = json {
        let written = finding.report.to_json().map_err(std::io::Error::from);
        written.and_then(|json| std::fs::write(path, json)).map_err(unwritable(path))?;
    }
    Ok(if !finding.report.audit.ok {
        AUDIT_FAILED
    } else if *stop.borrow() {
        INTERRUPTED
    } else {
        0
    })
}

/// Stops the offering at the first call, the program at the second.
fn interrupt(stop: &watch::Sender<bool>) {
    if stop.send_replace(true) {
        screen::restore();
        eprintln!("kessai-loadgen: interrupted twice, nothing was audited");
        std::process::exit(i32::from(INTERRUPTED));
    }
}

/// Treats Ctrl-C and a request to terminate alike.
async fn signals(interrupt: impl Fn()) {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = || {
        Ok::<_, std::io::Error>((
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ))
    };
    // Without handlers the signals end the program at once, which is what they mean.
    let Ok((mut pressed, mut asked)) = listen() else { return };
    loop {
        tokio::select! {
            _ = pressed.recv() => interrupt(),
            _ = asked.recv() => interrupt(),
        }
    }
}

/// A reader who has gone is no reason to fail.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> DemoError {
    let path = path.to_owned();
    |source| DemoError::Report { path, source }
}
