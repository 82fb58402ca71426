//! What a run was made by and on.

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, System};

/// The program that made a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// The commit that it was built from, if `KESSAI_COMMIT` said so when it was built.
    pub commit: Option<String>,
}

/// The machine that a run was made on: the load generator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// What it is called, where the system tells it.
    pub name: Option<String>,
    /// The model of its processors, where the system tells it.
    pub cpu: Option<String>,
    /// How many threads run at once.
    pub cores: usize,
    /// How much memory it has, where the system tells it.
    ///
    /// # Units
    /// Bytes.
    pub memory_bytes: Option<u64>,
    /// The version of its kernel, where the system tells it.
    pub kernel: Option<String>,
}

impl Program {
    /// Describes this program.
    #[must_use]
    pub fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("KESSAI_COMMIT").map(str::to_owned),
        }
    }
}

impl Host {
    /// Describes this machine.
    #[must_use]
    pub fn this() -> Self {
        let system = System::new().ok().map(|mut system| {
            system.refresh_cpu_list(CpuRefreshKind::nothing());
            system.refresh_memory();
            system
        });
        let cpu = system.as_ref().and_then(|system| Some(system.cpus().first()?.brand()));
        Self {
            name: System::host_name().ok(),
            cpu: cpu.filter(|brand| !brand.is_empty()).map(str::to_owned),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_bytes: system.map(|system| system.total_memory()).filter(|bytes| *bytes > 0),
            kernel: System::kernel_version().ok(),
        }
    }
}
