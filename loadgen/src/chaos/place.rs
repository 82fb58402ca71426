//! Where the gateway that is tried lives: a temporary folder with its configuration, keys and data,
//! which stays if anything is found.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tempfile::TempDir;

use super::ChaosError;
use super::process::Process;
use crate::administration::Administration;
use crate::provision::{Provision, RATES, Table};

/// How long a command of the gateway's program may take.
const COMMAND: Duration = Duration::from_secs(120);

/// How a gateway is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its program.
    pub program: PathBuf,
    /// How long customers have to answer.
    pub prompt: Duration,
    /// How long machines have to report.
    pub delivery: Duration,
    /// The size of a segment of the journal.
    ///
    /// # Units
    /// MiB.
    pub segment_mib: u32,
    /// How many copies of the journal there are.
    pub copies: Copies,
    /// Where its data go; below the temporary folder, if none.
    pub disk: Option<PathBuf>,
}

/// How many copies of the journal there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// One.
    One,
    /// One, and a mirror.
    Two,
}

/// A folder with everything that a gateway needs.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    program: PathBuf,
    data: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Place {
    /// Makes it: `kessai init`, a configuration of its own, and the provision beside it.
    ///
    /// # Errors
    /// [`ChaosError`], naming what stands in the way.
    pub async fn make(setting: &Setting, provision: &Provision) -> Result<Self, ChaosError> {
        let folder = tempfile::Builder::new().prefix("kessai-chaos-").tempdir();
        let folder = folder.map_err(ChaosError::Folder)?;
        let data = match &setting.disk {
            Some(disk) => disk.join("data"),
            None => folder.path().join("gateway/data"),
        };
        let program = setting.program.clone();
        let (address, admin) = free_addresses().map_err(ChaosError::Folder)?;
        let place = Self { folder, program, data, address, admin };
        place.command(&["init", &place.path("gateway").to_string_lossy()]).await?;
        if setting.disk.is_some() {
            // `init` made it where it always does; the layout in it is all there is.
            move_all(&place.path("gateway/data"), &place.data).map_err(ChaosError::Folder)?;
        }
        let text = place.configuration(setting);
        std::fs::write(place.configured(), text).map_err(ChaosError::Folder)?;
        provision.write(&place.provision(), |_, _| {})?;
        Ok(place)
    }

    /// Something in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of the files that are imported.
    #[must_use]
    pub fn provision(&self) -> PathBuf {
        self.path("people")
    }

    /// The folder of the journal's segments.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// The folder of the journal's mirror, if there is one.
    #[must_use]
    pub fn mirror(&self) -> PathBuf {
        self.path("mirror")
    }

    /// The folder of the data.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where terminals and handsets reach the gateway.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The configuration's file.
    #[must_use]
    pub fn configured(&self) -> PathBuf {
        self.path("gateway/kessai.toml")
    }

    /// The way to the gateway's administration.
    ///
    /// # Errors
    /// [`ChaosError::Ask`] if there is no token.
    pub fn administration(&self) -> Result<Administration, ChaosError> {
        let url = format!("http://{}", self.admin);
        Ok(Administration::new(&url, &self.path("gateway/keys/admin.token"))?)
    }

    /// Starts the gateway, below `wrapper` if there is one.
    ///
    /// # Errors
    /// [`ChaosError::Program`].
    pub fn serve(&self, wrapper: &[String]) -> Result<Process, ChaosError> {
        let mut command = match wrapper.split_first() {
            None => Command::new(&self.program),
            Some((tool, words)) => {
                let mut command = Command::new(tool);
                command.args(words).arg(&self.program);
                command
            }
        };
        command.args(["serve", "--config"]).arg(self.configured());
        let started = self.log().and_then(|log| Process::start(&mut command, log));
        started.map_err(|source| ChaosError::Program { program: self.program.clone(), source })
    }

    /// Enters everybody, with a gateway that serves.
    ///
    /// # Errors
    /// [`ChaosError::Command`], with what it says.
    pub async fn import(&self, provision: &Provision) -> Result<(), ChaosError> {
        let size = provision.size();
        for table in Table::ALL.iter().filter(|table| table.has_records(&size)) {
            let file = self.provision().join(table.file());
            self.command(&["import", table.name(), &file.to_string_lossy()]).await?;
        }
        Ok(())
    }

    /// Runs a command of the gateway's program to its end.
    ///
    /// # Errors
    /// [`ChaosError::Command`], with what it says, if it takes too long or fails.
    pub async fn command(&self, words: &[&str]) -> Result<(), ChaosError> {
        let command = format!("kessai {}", words.join(" "));
        let (status, said) = self.outcome(words).await?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(_) => {
                let problem = said.lines().last().unwrap_or("it says nothing").to_owned();
                Err(ChaosError::Command { command, problem })
            }
            None => {
                let problem = format!("it was not done within {} s", COMMAND.as_secs());
                Err(ChaosError::Command { command, problem })
            }
        }
    }

    /// Runs a command of the gateway's program, and gives how it ended and all that it said; not
    /// how, if it took too long.
    ///
    /// # Errors
    /// [`ChaosError`] if it cannot be run.
    pub async fn outcome(
        &self,
        words: &[&str],
    ) -> Result<(Option<ExitStatus>, String), ChaosError> {
        let file = self.path("command.log");
        let log = File::create(&file).map_err(ChaosError::Folder)?;
        let mut command = Command::new(&self.program);
        command.args(words).env("KESSAI_CONFIG", self.configured());
        let program = self.program.clone();
        let started = Process::quiet(&mut command, log);
        let mut process = started.map_err(|source| ChaosError::Program { program, source })?;
        let status = process.gone(COMMAND).await.map_err(ChaosError::Process)?;
        Ok((status, std::fs::read_to_string(&file).map_err(ChaosError::Folder)?))
    }

    /// The last line that the gateway logged.
    #[must_use]
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.path("gateway.log")).unwrap_or_default();
        log.lines().last().unwrap_or_default().to_owned()
    }

    /// Keeps the folder, and says where it is.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    fn log(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).append(true).open(self.path("gateway.log"))
    }

    /// As docs/OPERATING.md tells to set a gateway up for such populations.
    fn configuration(&self, setting: &Setting) -> String {
        let Self { data, address, admin, .. } = self;
        let rates = self.provision().join(RATES);
        let mirror = match setting.copies {
            Copies::One => String::new(),
            Copies::Two => format!("mirror = {:?}\n", self.mirror()),
        };
        let ms = Duration::as_millis;
        format!(
            "listen = \"{address}\"\nannounce = \"{address}\"\ndata = {data:?}\n\
             [payments]\nprompt = \"{}ms\"\ndelivery = \"{}ms\"\n\
             asks_per_minute = {most}\nmute_after = 0\n\
             declines_per_terminal_per_minute = {most}\nstatus_per_terminal_per_minute = {most}\n\
             codes_per_handset_per_minute = {most}\n\
             wrong_codes_per_terminal_per_minute = {most}\n\
             [connections]\nper_source_per_second = 10000\n\
             [exchange]\nrates = {rates:?}\n\
             [business_day]\nutc_offset_minutes = 0\ncut_off_minutes = 0\n\
             [admin]\nlisten = \"{admin}\"\n\
             [journal]\nsegment_mib = {}\n{mirror}",
            ms(&setting.prompt),
            ms(&setting.delivery),
            setting.segment_mib,
            most = u32::MAX,
        )
    }
}

/// Asks the system for addresses that nobody listens at, which the gateway keeps over restarts.
fn free_addresses() -> std::io::Result<(SocketAddr, SocketAddr)> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (udp, tcp) = (UdpSocket::bind(any)?, TcpListener::bind(any)?);
    Ok((udp.local_addr()?, tcp.local_addr()?))
}

/// Moves what is in one folder into another, which may be on another file system.
fn move_all(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            move_all(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    std::fs::remove_dir_all(from)
}
