//! Locks, atomic numbers and threads of the journal's own: the one place where they are named, so
//! that a model checker can stand in. The threads that only wait for files are outside the model.
//!
//! No code of others runs under a lock, and nothing there can panic half-way.

#[cfg(not(feature = "shuttle"))]
pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicU64},
    sync::mpsc,
    sync::{Condvar, Mutex, MutexGuard},
    thread, thread_local,
};

/// The model checker's, which goes through the orders in which threads can come to them.
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::{
    sync::atomic::{AtomicBool, AtomicU64},
    sync::mpsc,
    sync::{Condvar, Mutex, MutexGuard},
    thread, thread_local,
};

/// A number that only tells how often something happened, and orders nothing: the model checker need
/// not go through it.
pub(crate) use std::sync::atomic::{AtomicU64 as Count, Ordering};

/// Locks `mutex`; a panic of another holder left nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
