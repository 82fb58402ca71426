//! Locks and seeded maps: the one place where they are named, so that a model checker can stand in.
//!
//! Nothing else in this crate names a lock type.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam_utils::CachePadded;
use dashmap::DashMap;
pub(crate) use dashmap::Entry as SharedEntry;
use foldhash::fast::FixedState;

/// A map whose hasher is seeded by its owner, so that nobody outside can aim at one bucket.
pub(crate) type SeededMap<K, V> = HashMap<K, V, FixedState>;

/// A concurrent [`SeededMap`].
pub(crate) type SharedMap<K, V> = DashMap<K, V, FixedState>;

#[cfg(not(feature = "shuttle"))]
#[expect(clippy::disallowed_types, reason = "this module is where the lock comes from")]
type Mutex<T> = std::sync::Mutex<T>;

/// The model checker's, which goes through the orders in which threads can come to it.
#[cfg(feature = "shuttle")]
type Mutex<T> = shuttle::sync::Mutex<T>;

/// Plain data behind one lock, on cache lines of its own.
#[derive(Debug)]
pub(crate) struct Locked<T>(CachePadded<Mutex<T>>);

impl<T> Locked<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(CachePadded::new(Mutex::new(value)))
    }

    /// Runs `work` alone with the data. A caller never asks for a second lock inside `work`, but a
    /// shard's inside that of the engine's mover, which nobody asks for inside a shard's.
    ///
    /// A panic of an earlier caller left the data in doubt, perhaps decided but not journalled:
    /// then the process ends here, and what is on disk is the truth.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        match self.0.lock() {
            Ok(mut guard) => work(&mut guard),
            Err(_poisoned) => std::process::abort(),
        }
    }
}

/// A value that is replaced whole and read without waiting.
#[derive(Debug)]
pub(crate) struct Published<T> {
    current: ArcSwap<T>,
}

impl<T> Published<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { current: ArcSwap::from_pointee(value) }
    }

    pub(crate) fn read(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Takes the value out; readers see an empty one until it is replaced.
    pub(crate) fn take(&self) -> T
    where
        T: Clone + Default,
    {
        Arc::unwrap_or_clone(self.current.swap(Arc::default()))
    }

    pub(crate) fn replace(&self, value: T) {
        self.current.store(Arc::new(value));
    }
}
