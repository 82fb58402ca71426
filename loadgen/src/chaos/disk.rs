//! A small disk, and what happens when it is full.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kessai_engine::terms::Reason;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::ChaosError;
use super::log::Held;
use super::rig::Rig;

/// How large a disk is made.
const SIZE: &str = "size=512m";

/// How long the gateway may take to see that there is no room, or room again.
const NOTICED: Duration = Duration::from_secs(20);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(100);

/// A file system in memory, mounted as long as it is kept.
#[derive(Debug)]
pub(super) struct Disk {
    /// Emptied of the file system before it is removed.
    folder: Option<TempDir>,
}

impl Disk {
    /// Mounts one.
    ///
    /// # Errors
    /// [`ChaosError::Tool`] if this is not permitted, with what to do then.
    pub(super) fn mount() -> Result<Self, ChaosError> {
        let folder = tempfile::Builder::new().prefix("kessai-disk-").tempdir();
        let folder = folder.map_err(ChaosError::Folder)?;
        mount(&["-t", "tmpfs", "-o", SIZE, "kessai-chaos"], folder.path())?;
        Ok(Self { folder: Some(folder) })
    }

    /// Where it is mounted.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default()
    }

    /// Leaves it mounted, and says where.
    pub(super) fn keep(mut self) -> PathBuf {
        self.folder.take().map(TempDir::keep).unwrap_or_default()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // If it stays, the folder cannot be removed either, and is there for whoever looks.
            drop(Command::new("umount").arg(folder.path()).stderr(Stdio::null()).status());
        }
    }
}

fn mount(words: &[&str], at: &Path) -> Result<(), ChaosError> {
    let failed = |problem: &str| ChaosError::Tool {
        tool: "mount",
        problem: format!(
            "{problem}; without the right to mount, say with --disk where a small file system is"
        ),
    };
    let tried = Command::new("mount").args(words).arg(at).stdin(Stdio::null()).output();
    let output = tried.map_err(|error| failed(&error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim()))
}

/// A file that takes room from whoever shares its disk, until it is dropped.
#[derive(Debug)]
struct Ballast {
    path: PathBuf,
    file: File,
}

impl Ballast {
    fn begin(disk: &Path) -> io::Result<Self> {
        let path = disk.join("ballast");
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(Self { path, file })
    }

    /// Takes room until no more than `left` bytes are free.
    fn fill(&mut self, left: u64) -> io::Result<()> {
        static BLOCK: [u8; 1 << 16] = [0xBA; 1 << 16];
        loop {
            let taken = free(&self.path)?.saturating_sub(left);
            let block = BLOCK.get(..usize::try_from(taken).unwrap_or(usize::MAX)).unwrap_or(&BLOCK);
            if block.is_empty() {
                return Ok(());
            }
            match self.file.write_all(block) {
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                written => written?,
            }
        }
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// The bytes that are free on the file system of `path`.
fn free(path: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(path)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

impl Rig<'_> {
    /// Fills the disk until the gateway refuses new payments, then wholly; makes room, and sees
    /// payments go on.
    pub(super) async fn full_disk(&mut self) -> Result<(), ChaosError> {
        let segment = u64::from(self.plan.setting.segment_mib) << 20;
        self.load().await?;
        let mut ballast = Ballast::begin(self.place.data()).map_err(ChaosError::Folder)?;
        ballast.fill(segment + segment / 2).map_err(ChaosError::Folder)?;
        let before = self.refused_for_room();
        self.wait("refused nothing though its disk was nearly full", |rig| {
            rig.refused_for_room() > before
        })
        .await?;
        ballast.fill(0).map_err(ChaosError::Folder)?;
        self.wait_a_while().await;
        drop(ballast);
        if self.process.gone(Duration::ZERO).await.map_err(ChaosError::Process)?.is_none() {
            let before = Held::count(&self.ledger).acknowledged;
            self.wait("took no payments though its disk had room again", |rig| {
                Held::count(&rig.ledger).acknowledged > before
            })
            .await?;
        }
        let fell = self.kill()?;
        self.rise().await?;
        self.judge(fell).await
    }

    async fn wait(
        &self,
        otherwise: &str,
        has_come: impl Fn(&Self) -> bool,
    ) -> Result<(), ChaosError> {
        let until = Instant::now() + NOTICED;
        while !has_come(self) {
            if Instant::now() >= until {
                let words = self.place.last_words();
                return Err(ChaosError::Otherwise(format!("the gateway {otherwise} ({words})")));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    fn refused_for_room(&self) -> u64 {
        let refused = Held::count(&self.ledger).refused;
        refused.get(&Reason::StorageLow).copied().unwrap_or_default()
    }
}
