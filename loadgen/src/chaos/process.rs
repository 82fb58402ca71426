//! A program that runs beside this one, and never longer than it is wanted: whoever drops it ends
//! it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// How often it is looked whether a process is gone.
const LOOK: Duration = Duration::from_millis(1);

/// How many lines of a program's output may wait to be read.
const LINES: usize = 64;

/// A program that runs.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Process {
    /// Starts a program whose standard error goes to the end of `log`.
    ///
    /// # Errors
    /// [`io::Error`] if it cannot be started.
    pub fn start(command: &mut Command, log: File) -> io::Result<Self> {
        let mut child = spawn(command.stdout(Stdio::piped()).stderr(log))?;
        let (sender, lines) = mpsc::channel(LINES);
        if let Some(output) = child.stdout.take() {
            // Ends with the program, or with whoever reads the lines.
            std::thread::spawn(move || {
                let lines = BufReader::new(output).lines().map_while(Result::ok);
                lines.into_iter().try_for_each(|line| sender.blocking_send(line))
            });
        }
        Ok(Self { child, lines })
    }

    /// Starts a program all of whose output goes to `log`.
    ///
    /// # Errors
    /// [`io::Error`] if it cannot be started.
    pub fn quiet(command: &mut Command, log: File) -> io::Result<Self> {
        let (_nobody, lines) = mpsc::channel(1);
        let child = spawn(command.stdout(log.try_clone()?).stderr(log))?;
        Ok(Self { child, lines })
    }

    /// Waits for a line that begins with `words`, and gives the rest of it; nothing if the program
    /// ends, or says nothing for so long.
    pub async fn says(&mut self, words: &str, within: Duration) -> Option<String> {
        let line = async {
            loop {
                let line = self.lines.recv().await?;
                if let Some(rest) = line.strip_prefix(words) {
                    return Some(rest.to_owned());
                }
            }
        };
        timeout(within, line).await.ok().flatten()
    }

    /// Waits until it is gone; nothing if it is still there after so long.
    ///
    /// # Errors
    /// [`io::Error`] if the system does not say it.
    pub async fn gone(&mut self, within: Duration) -> io::Result<Option<ExitStatus>> {
        let until = Instant::now() + within;
        loop {
            let status = self.poll()?;
            if status.is_some() || Instant::now() >= until {
                return Ok(status);
            }
            sleep(LOOK).await;
        }
    }

    /// Says how it ended, if it has.
    fn poll(&mut self) -> io::Result<Option<ExitStatus>> {
        let mut running = running();
        let status = self.child.try_wait()?;
        if status.is_some() {
            running.remove(&self.child.id());
        }
        Ok(status)
    }

    /// Sends it a signal; none if it is gone.
    ///
    /// # Errors
    /// [`io::Error`] if the system refuses it.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if self.poll()?.is_some() {
            return Ok(());
        }
        // It has not been waited for, so that the id is still its own.
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        match id {
            Some(id) => kill_process(id, signal).map_err(io::Error::from),
            None => Err(io::Error::other("the system gave an id that is none")),
        }
    }

    /// Ends it at once, and waits until it is gone.
    ///
    /// # Errors
    /// [`io::Error`] if the system refuses it.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        let status = self.child.wait()?;
        running().remove(&self.child.id());
        Ok(status)
    }
}

/// The ids of all programs that run: those of processes that nobody has waited for yet, so that no
/// other process can have them.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a program in a process group of its own, so that Ctrl-C at the keyboard is for us to deal
/// with.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut running = running();
    let child = command.stdin(Stdio::null()).process_group(0).spawn()?;
    running.insert(child.id());
    Ok(child)
}

/// Ends every program at once: for a panic where nothing is dropped any more.
pub fn end_all() {
    for id in running().iter() {
        if let Some(id) = i32::try_from(*id).ok().and_then(Pid::from_raw) {
            // It fails only if it is gone already.
            kill_process(id, Signal::KILL).ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails only if it is gone already.
        drop(self.kill());
    }
}

#[cfg(test)]
mod tests {
    use super::Process;
    use rustix::process::{Signal, test_kill_process};
    use std::process::Command;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Process {
        let log = tempfile::tempfile().unwrap();
        Process::start(Command::new("sh").args(["-c", script]), log).unwrap()
    }

    #[tokio::test]
    async fn what_it_says_is_heard_until_it_ends() {
        let mut process = shell("echo one; echo two: three; exit 7");
        assert_eq!(process.says("two: ", LONG).await, Some("three".to_owned()));
        assert_eq!(process.says("four", LONG).await, None);
        assert_eq!(process.gone(LONG).await.unwrap().unwrap().code(), Some(7));
        process.signal(Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn whoever_drops_it_ends_it() {
        let mut process = shell("echo here; exec sleep 3600");
        assert!(process.says("here", LONG).await.is_some());
        let id = rustix::process::Pid::from_raw(process.child.id().try_into().unwrap()).unwrap();
        test_kill_process(id).unwrap();
        assert_eq!(process.gone(Duration::ZERO).await.unwrap(), None);
        drop(process);
        assert!(test_kill_process(id).is_err());
    }
}
