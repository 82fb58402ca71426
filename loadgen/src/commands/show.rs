//! Shows a trial while it goes on, and tells what came of it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use serde::Serialize;

use super::Exit;
use super::leaving::Leaving;
use crate::board::Board;
use crate::results::Kept;
use crate::screen::{self, Mode, Screen, Wish};
use crate::trial::{Finding, TrialError};

/// What is shown, and where the report goes besides.
pub(super) struct Show<'a> {
    /// What is run, in a line.
    pub(super) title: String,
    /// For how long payments are offered.
    pub(super) span: Duration,
    /// Where the report goes besides.
    pub(super) leaving: &'a Leaving,
    /// Whether the ladder of messages is printed besides.
    pub(super) ladder: bool,
    /// Whether it is a measurement, which the load generator must not limit.
    pub(super) measures: bool,
}

/// Makes a trial, and says by the exit code what came of it.
pub(super) fn judge(
    show: Show<'_>,
    trial: impl AsyncFnOnce(Arc<Board>, watch::Receiver<bool>) -> Result<Finding, TrialError>,
) -> ExitCode {
    match run(show, trial) {
        Ok(exit) => exit.into(),
        Err(error) => could_not(&error),
    }
}

/// Says why there is nothing to tell.
pub(super) fn could_not(error: &TrialError) -> ExitCode {
    eprintln!("kessai-loadgen: {error}");
    match error {
        TrialError::Interrupted => Exit::Interrupted.into(),
        _ => Exit::CouldNot.into(),
    }
}

/// Does something that can be called off by the keyboard, with no picture of it.
pub(super) fn called_off<T, E: From<TrialError>>(
    work: impl AsyncFnOnce(watch::Receiver<bool>) -> Result<T, E>,
) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(TrialError::Threads)?;
    let (stop, stopped) = watch::channel(false);
    let done = runtime.block_on(async {
        tokio::spawn(signals(move || interrupt(&stop)));
        work(stopped).await
    });
    runtime.shutdown_background();
    done
}

fn run(
    show: Show<'_>,
    trial: impl AsyncFnOnce(Arc<Board>, watch::Receiver<bool>) -> Result<Finding, TrialError>,
) -> Result<Exit, TrialError> {
    let places = show.leaving.prepare()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(TrialError::Threads)?;
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    let board = Arc::new(Board::new(show.span));
    let pressed = Arc::clone(&stop);
    let interrupt = move || interrupt(&pressed);
    let title = show.title.clone();
    let (drained, pressed) = (Arc::clone(&stop), interrupt.clone());
    let wished = move |wish| match wish {
        Wish::Drain => {
            drained.send_replace(true);
        }
        Wish::Quit => pressed(),
    };
    let screen = Screen::show(Arc::clone(&board), Mode::detect(), title, wished);
    let screen = screen.map_err(TrialError::Threads)?;
    let finding = runtime.block_on(async {
        tokio::spawn(signals(interrupt));
        trial(board, stopped).await
    });
    screen.close();
    // Thousands of connections need not be taken down one by one.
    runtime.shutdown_background();
    let finding = finding?;
    print(&finding.page());
    if show.ladder {
        print(&format!("\n{}", finding.report.ladder));
    }
    places.fill_evidence(&finding)?;
    places.fill(&Kept::from(&finding))?;
    Ok(if !finding.report.audit.ok {
        Exit::AuditFailed
    } else if *stop.borrow() {
        Exit::Interrupted
    } else if show.measures && !finding.report.generator.kept_up() {
        Exit::GeneratorLimited
    } else {
        Exit::Ok
    })
}

/// Writes something as JSON.
pub(super) fn write(path: &Path, what: &impl Serialize) -> Result<(), TrialError> {
    let json = serde_json::to_string_pretty(what).map_err(io::Error::from);
    json.and_then(|json| std::fs::write(path, json + "\n")).map_err(unwritable(path))
}

/// Stops the offering at the first call, the program at the second.
fn interrupt(stop: &watch::Sender<bool>) {
    if stop.send_replace(true) {
        screen::restore();
        eprintln!("kessai-loadgen: interrupted twice, nothing was audited");
        std::process::exit(i32::from(Exit::Interrupted.number()));
    }
}

/// Treats Ctrl-C and a request to terminate alike.
async fn signals(interrupt: impl Fn()) {
    use tokio::signal::unix::{SignalKind, signal};
    let listen =
        || Ok::<_, io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?));
    // Without handlers the signals end the program at once, which is what they mean.
    let Ok((mut pressed, mut asked)) = listen() else { return };
    loop {
        tokio::select! {
            _ = pressed.recv() => interrupt(),
            _ = asked.recv() => interrupt(),
        }
    }
}

/// Sets `stop` at the first call for an end, and returns at the second.
pub(super) async fn interrupted(stop: watch::Sender<bool>) {
    let (again, mut calls) = mpsc::unbounded_channel();
    let interrupt = move || {
        if stop.send_replace(true) {
            // It fails only when nobody waits for it any more.
            again.send(()).ok();
        }
    };
    let listening = async {
        signals(interrupt).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = listening => {}
        _ = calls.recv() => {}
    }
}

/// A reader who has gone is no reason to fail.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

pub(super) fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> TrialError {
    let path = path.to_owned();
    |source| TrialError::Report { path, source }
}
