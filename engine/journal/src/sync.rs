//! Locks. No code of others runs under one, and nothing there can panic half-way.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`; a panic of another holder left nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
