//! Room that runs out and comes back.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use super::*;

const BYTES: u64 = 4_096;

/// A disk with so many bytes free.
#[derive(Default)]
struct Small {
    free: AtomicU64,
    made: Mutex<Vec<u64>>,
    abandoned: AtomicU64,
}

impl Small {
    fn with_room_for(segments: u64) -> Arc<Self> {
        let small = Self::default();
        small.frees(segments);
        Arc::new(small)
    }

    fn frees(&self, segments: u64) {
        self.free.store(segments * BYTES, Ordering::SeqCst);
    }
}

impl Ground for Arc<Small> {
    fn prepare(&self, segment: Segment) -> io::Result<File> {
        let take = |free: u64| free.checked_sub(segment.bytes);
        if self.free.try_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return Err(ErrorKind::StorageFull.into());
        }
        self.made.lock().unwrap().push(segment.number);
        tempfile::tempfile()
    }

    fn abandon(&self) -> io::Result<()> {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn remove(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.free.load(Ordering::SeqCst))
    }
}

const fn segment(number: u64) -> Segment {
    Segment { number, bytes: BYTES }
}

fn start(small: &Arc<Small>) -> Ahead {
    Ahead::start(Arc::clone(small), Duration::from_millis(1)).unwrap()
}

/// Waits until the thread has seen it.
fn wait_until(ahead: &mut Ahead, is_so: impl Fn(&Ahead) -> bool) {
    while !is_so(ahead) {
        ahead.check().unwrap();
        thread::yield_now();
    }
}

#[test]
fn room_is_short_below_two_further_segments_and_again_enough_when_it_comes_back() {
    let small = Small::with_room_for(3);
    let mut ahead = start(&small);
    ahead.prepare(segment(1)).unwrap();
    wait_until(&mut ahead, |ahead| ahead.prepared.is_some());
    assert!(!ahead.shortage().is_short(), "two more fit");
    small.free.fetch_sub(1, Ordering::SeqCst);
    wait_until(&mut ahead, |ahead| ahead.shortage().is_short());
    small.frees(2);
    wait_until(&mut ahead, |ahead| !ahead.shortage().is_short());
}

#[test]
fn a_segment_without_room_is_made_once_there_is_room_and_ends_nothing_before() {
    let small = Small::with_room_for(0);
    let mut ahead = start(&small);
    ahead.prepare(segment(7)).unwrap();
    wait_until(&mut ahead, |ahead| ahead.waits);
    assert!(ahead.shortage().is_short());
    assert_eq!(small.abandoned.load(Ordering::SeqCst), 1, "it keeps none of the little room");
    small.frees(1);
    wait_until(&mut ahead, |ahead| ahead.prepared.is_some());
    assert!(ahead.shortage().is_short(), "it fits, two more do not");
    ahead.take(segment(7)).unwrap();
    assert_eq!(*small.made.lock().unwrap(), [7], "it was made once");
}

#[test]
fn a_segment_that_is_needed_without_room_is_an_error() {
    let small = Small::with_room_for(0);
    let mut ahead = start(&small);
    ahead.prepare(segment(7)).unwrap();
    let error = ahead.take(segment(7)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    // Also if that was known before.
    let mut ahead = start(&small);
    ahead.prepare(segment(7)).unwrap();
    wait_until(&mut ahead, |ahead| ahead.waits);
    assert_eq!(ahead.take(segment(7)).unwrap_err().kind(), ErrorKind::StorageFull);
}

#[test]
fn room_that_comes_at_the_last_moment_is_used() {
    let small = Small::with_room_for(0);
    let mut ahead = Ahead::start(Arc::clone(&small), Duration::from_secs(3_600)).unwrap();
    ahead.prepare(segment(7)).unwrap();
    wait_until(&mut ahead, |ahead| ahead.waits);
    small.frees(1);
    ahead.take(segment(7)).unwrap();
}
