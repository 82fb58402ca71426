//! What came of each plan, and what of it should not have been.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attempts::Attempts;
use super::held::Book;
use super::{Peers, Storm};
use crate::generator::Limits;
use crate::tally::Times;

/// What came of each plan.
pub(super) enum Came {
    /// Handshakes, which were offered for so long.
    Handshakes(Duration, Attempts),
    Idle(Kept),
    LongLived(Kept),
    Storm(Box<Stormed>),
    /// So many moves of each connection.
    Migration(u32, Kept),
}

/// What came of connections that were kept.
pub(super) struct Kept {
    pub(super) book: Book,
    /// How long they were kept.
    pub(super) held: Duration,
}

/// What came of a storm.
pub(super) struct Stormed {
    pub(super) storm: Storm,
    /// The connections before it.
    pub(super) before: Book,
    /// How many of them stood when it began.
    pub(super) dropped: usize,
    /// Those that came back.
    pub(super) after: Book,
    pub(super) others: Option<Others>,
}

/// What became of the payments of others, and in how long a time.
pub(super) struct Others {
    /// How many paid.
    pub(super) pairs: usize,
    pub(super) before: (Attempts, Duration),
    pub(super) during: (Attempts, Duration),
}

/// How late one of a hundred of a burst may begin: what is meant for one moment takes its time.
const BURST: Duration = Duration::from_secs(1);

/// How the gateway closes a terminal whose address changed.
const ADDRESS_CHANGED: &str = "closed_address_changed";

impl Came {
    /// Counts the attempts that a limit of the gateway turned away.
    pub(super) fn turned_away(&self) -> u64 {
        match self {
            Self::Handshakes(_, attempts) => attempts.turned_away(),
            Self::Idle(kept) | Self::LongLived(kept) | Self::Migration(_, kept) => {
                kept.book.opening.turned_away()
            }
            Self::Storm(stormed) => {
                let Stormed { before, after, .. } = stormed.as_ref();
                before.opening.turned_away().saturating_add(after.opening.turned_away())
            }
        }
    }

    /// Counts the connections that stood at first; none where they came and went.
    pub(super) fn stood(&self) -> Option<usize> {
        match self {
            Self::Handshakes(..) => None,
            Self::Idle(kept) | Self::LongLived(kept) | Self::Migration(_, kept) => {
                Some(kept.book.stood_at.len())
            }
            Self::Storm(stormed) => Some(stormed.before.stood_at.len()),
        }
    }

    /// How late the load generator began what it is about, and which share it skipped for that.
    pub(super) fn lag(&self) -> (&Times, f64) {
        let attempts = match self {
            Self::Handshakes(_, attempts) => attempts,
            Self::Idle(kept) => &kept.book.opening,
            Self::LongLived(kept) | Self::Migration(_, kept) => &kept.book.trips,
            Self::Storm(stormed) => &stormed.after.opening,
        };
        (&attempts.times().lag, attempts.late_share())
    }

    /// What the load generator may need for it without being the limit itself.
    pub(super) fn bounds(&self) -> Limits {
        match self {
            Self::Handshakes(..) | Self::Idle(_) | Self::LongLived(_) => Limits::default(),
            Self::Storm(_) | Self::Migration(..) => Limits { lag_p99: BURST, ..Limits::default() },
        }
    }

    /// Says what should not have been. What a limit of the gateway turned away is none of it.
    pub(super) fn problems(&self, peers: Peers) -> Vec<String> {
        let mut problems = Vec::new();
        match self {
            Self::Handshakes(..) => {}
            Self::Idle(Kept { book, .. }) | Self::LongLived(Kept { book, .. }) => {
                problems.extend(never_stood(book, "opened"));
                problems.extend(were_lost(&book.lost, "lost"));
                problems.extend(unanswered(&book.trips, "round trips were not answered"));
            }
            Self::Storm(stormed) => {
                let Stormed { before, after, others, .. } = stormed.as_ref();
                problems.extend(never_stood(before, "opened"));
                problems.extend(were_lost(&before.lost, "lost before the storm"));
                problems.extend(never_stood(after, "back"));
                problems.extend(were_lost(&after.lost, "lost again after they were back"));
                let during = others.as_ref().map(|others| &others.during.0);
                let failed = during.and_then(|during| {
                    unanswered(during, "payments of others came to nothing in the storm")
                });
                problems.extend(failed);
            }
            Self::Migration(_, Kept { book, .. }) => {
                problems.extend(never_stood(book, "opened"));
                let mut lost = book.lost.clone();
                if peers == Peers::Terminals {
                    // That is the rule for them.
                    lost.remove(ADDRESS_CHANGED);
                }
                problems.extend(were_lost(&lost, "lost when their address changed"));
                // Those of lost connections are none beside them.
                let silent = book.trips.failed().saturating_sub(book.lost());
                let words = "connections stood, and were not answered after a move";
                problems.extend((silent > 0).then(|| format!("{silent} {words}")));
            }
        }
        problems
    }
}

/// Says that connections never stood, unless limits of the gateway alone are why.
fn never_stood(book: &Book, what: &str) -> Option<String> {
    let others = book.opening.failed().saturating_sub(book.opening.turned_away());
    let missing = book.missing;
    (missing > 0 && others > 0).then(|| format!("{missing} connections were never {what}"))
}

fn were_lost(lost: &BTreeMap<String, u64>, what: &str) -> Option<String> {
    let count: u64 = lost.values().sum();
    let reasons: Vec<_> = lost.iter().map(|(why, count)| format!("{why} {count}")).collect();
    (count > 0).then(|| format!("{count} connections were {what}: {}", reasons.join(", ")))
}

fn unanswered(attempts: &Attempts, what: &str) -> Option<String> {
    let count = attempts.failed();
    (count > 0).then(|| format!("{count} {what}"))
}

#[cfg(test)]
mod tests {
    use super::{ADDRESS_CHANGED, Came, Kept};
    use crate::connections::Peers;
    use crate::connections::attempts::Moments;
    use crate::connections::failure::Failure;
    use crate::connections::held::Book;
    use kessai_client::ConnectError;
    use std::time::Duration;

    const AT: Moments =
        Moments { intended: Duration::ZERO, begun: Duration::ZERO, ended: Duration::ZERO };

    fn idle(book: Book) -> Vec<String> {
        Came::Idle(Kept { book, held: Duration::ZERO }).problems(Peers::Handsets)
    }

    #[test]
    fn what_a_limit_turned_away_is_no_problem_and_what_failed_otherwise_is() {
        let mut book = Book { missing: 1, ..Book::default() };
        book.opening.take(AT, &Err(Failure::Connect(ConnectError::TurnedAway)));
        assert_eq!(idle(book), Vec::<String>::new());
        let mut book = Book { missing: 1, ..Book::default() };
        book.opening.take(AT, &Err(Failure::Connect(ConnectError::TimedOut)));
        assert_eq!(idle(book), ["1 connections were never opened"]);
        let mut book = Book::default();
        book.lost.insert("unreachable".to_owned(), 2);
        book.trips.take(AT, &Err(Failure::Unanswered));
        assert_eq!(
            idle(book),
            ["2 connections were lost: unreachable 2", "1 round trips were not answered"]
        );
    }

    #[test]
    fn a_terminal_may_not_move_and_a_handset_may() {
        let moved = |peers| {
            let mut book = Book::default();
            book.lost.insert(ADDRESS_CHANGED.to_owned(), 3);
            Came::Migration(1, Kept { book, held: Duration::ZERO }).problems(peers)
        };
        assert_eq!(moved(Peers::Terminals), Vec::<String>::new());
        let told = moved(Peers::Handsets);
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
