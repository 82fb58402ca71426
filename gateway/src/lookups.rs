//! What waits for the archive: bounded, apart from the hot path, which never touches it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// How many questions may wait; each costs some tens of microseconds, if the disk is well.
const MOST: usize = 1_024;

/// How many are looked up at a time, so that the first need not wait for the last.
const AT_ONCE: usize = 64;

/// Questions that only the archive can answer.
#[derive(Debug)]
pub(crate) struct Lookups<Q> {
    asked: Mutex<Asked<Q>>,
    more: Notify,
}

#[derive(Debug)]
struct Asked<Q> {
    waiting: VecDeque<Q>,
    /// Taken, and not answered yet.
    under_way: usize,
}

impl<Q> Default for Lookups<Q> {
    fn default() -> Self {
        let asked = Asked { waiting: VecDeque::new(), under_way: 0 };
        Self { asked: Mutex::new(asked), more: Notify::new() }
    }
}

impl<Q> Lookups<Q> {
    /// Lets a question wait for its turn, or gives it back if too many wait.
    pub(crate) fn ask(&self, question: Q) -> Option<Q> {
        let turned_away = self.with(|asked| {
            if asked.waiting.len() >= MOST {
                return Some(question);
            }
            asked.waiting.push_back(question);
            None
        });
        if turned_away.is_none() {
            self.more.notify_one();
        }
        turned_away
    }

    /// Waits for questions, and takes those whose turn it is. Those taken before are done with.
    pub(crate) async fn next(&self) -> Vec<Q> {
        loop {
            let taken: Vec<Q> = self.with(|asked| {
                let most = asked.waiting.len().min(AT_ONCE);
                asked.under_way = most;
                asked.waiting.drain(..most).collect()
            });
            if !taken.is_empty() {
                return taken;
            }
            self.more.notified().await;
        }
    }

    /// Says whether every question was answered.
    pub(crate) fn is_empty(&self) -> bool {
        self.with(|asked| asked.waiting.is_empty() && asked.under_way == 0)
    }

    fn with<R>(&self, work: impl FnOnce(&mut Asked<Q>) -> R) -> R {
        // Questions are only moved in and out: a panic elsewhere leaves the queue whole.
        work(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::{AT_ONCE, Lookups, MOST};

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn one_question_too_many_is_given_back() {
        let lookups = Lookups::default();
        for number in 0..MOST {
            assert_eq!(lookups.ask(number), None);
        }
        assert_eq!(lookups.ask(MOST), Some(MOST));
        let Poll::Ready(first) = poll(lookups.next()) else { panic!("questions wait") };
        assert_eq!(first, (0..AT_ONCE).collect::<Vec<_>>());
        assert_eq!(lookups.ask(MOST), None, "there is room again");
    }

    #[test]
    fn what_is_looked_up_is_not_answered_yet() {
        let lookups = Lookups::default();
        assert!(lookups.is_empty() && poll(lookups.next()).is_pending());
        lookups.ask(1);
        assert!(!lookups.is_empty());
        assert_eq!(poll(lookups.next()), Poll::Ready(vec![1]));
        assert!(!lookups.is_empty(), "it is under way");
        assert!(poll(lookups.next()).is_pending());
        assert!(lookups.is_empty());
    }
}
