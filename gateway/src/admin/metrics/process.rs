//! What the process has had of the machine.

use std::time::Duration;

use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

/// The processor time of all threads, ended ones included.
///
/// # Source
/// clock_gettime(2), CLOCK_PROCESS_CPUTIME_ID.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The bytes of memory that are in use, shared ones included; none where the system does not tell.
///
/// # Source
/// proc_pid_statm(5): the second number counts resident pages.
pub(super) fn resident_bytes() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = told.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(page_size()).ok()?)
}
