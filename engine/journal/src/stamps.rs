//! By what a record can be told from another that stood in its place: the epoch and the chain hash
//! of its batch. The latest are kept in memory, older ones stand in the segments.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use kessai_engine::Lsn;

use crate::format::chain::Link;
use crate::format::header::{HEADER_BYTES, Header};
use crate::format::wide;
use crate::queue::advanced;
use crate::storage::{Place, Source};
use crate::sync::{Mutex, lock};

/// How many of the latest batches are remembered: at full load those of the last second.
const REMEMBERED: usize = 8_192;

/// What a record stood in when it became durable. Two histories do not share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// How often the journal had been opened.
    pub epoch: u64,
    /// The first bytes of the batch's hash, which covers all that is before it.
    pub prefix: [u8; 8],
}

impl Stamp {
    pub(crate) fn new(epoch: u64, link: Link) -> Self {
        let mut prefix = [0; 8];
        prefix.iter_mut().zip(link.0).for_each(|(to, from)| *to = from);
        Self { epoch, prefix }
    }
}

/// How a record with a [`Stamp`] from elsewhere stands to this journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the record that the journal holds.
    Ours,
    /// It is older than all that the journal still holds.
    NotKept,
    /// The journal never came that far: what was durable once is gone.
    Above {
        /// The latest record that is durable here.
        durable: Lsn,
    },
    /// The journal holds another record in its place.
    Beside {
        /// What that one stands in.
        ours: Stamp,
    },
}

impl Standing {
    /// Tells `theirs` from what stands in the same place here.
    pub(crate) fn of(ours: Stamp, theirs: Stamp) -> Self {
        if ours == theirs { Self::Ours } else { Self::Beside { ours } }
    }
}

/// The stamps of the latest batches.
#[derive(Debug, Default)]
pub(crate) struct Stamps(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    /// The first record of each batch, rising.
    batches: VecDeque<(Lsn, Stamp)>,
    /// The record behind the last.
    next: Lsn,
}

impl Stamps {
    /// Takes note of a batch with the records from `first` up to before `next`.
    pub(crate) fn note(&self, first: Lsn, next: Lsn, stamp: Stamp) {
        let mut latest = lock(&self.0);
        if latest.batches.len() >= REMEMBERED {
            latest.batches.pop_front();
        }
        latest.batches.push_back((first, stamp));
        latest.next = next;
    }

    /// Gives the stamp of a record, if its batch is remembered.
    pub(crate) fn of(&self, lsn: Lsn) -> Option<Stamp> {
        let latest = lock(&self.0);
        if lsn >= latest.next {
            return None;
        }
        let behind = latest.batches.partition_point(|(first, _)| *first <= lsn);
        latest.batches.get(behind.checked_sub(1)?).map(|(_, stamp)| *stamp)
    }
}

/// Looks a durable record up in the segments, by the headers alone. None if it was trimmed.
pub(crate) fn find(source: &mut dyn Source, lsn: Lsn) -> io::Result<Option<Stamp>> {
    match search(source, lsn) {
        // Its segment was trimmed since they were listed.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result,
    }
}

fn search(source: &mut dyn Source, lsn: Lsn) -> io::Result<Option<Stamp>> {
    for segment in source.list()?.iter().rev() {
        let mut place = Place { segment: segment.number, offset: 0 };
        match header(source, place)? {
            Some((first, _)) if first.first <= lsn => {}
            // Blank, or behind the record.
            Some(_) | None => continue,
        }
        while place.offset < segment.bytes {
            let Some((batch, link)) = header(source, place)? else { break };
            if (batch.first..advanced(batch.first, batch.count)).contains(&lsn) {
                return Ok(Some(Stamp::new(batch.epoch, link)));
            }
            let bytes = batch.padded_bytes().map_or(u64::MAX, wide);
            place.offset = place.offset.saturating_add(bytes);
        }
        let message = format!("record {} is not in segment {}", lsn.0, segment.number);
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    Ok(None)
}

/// Finds the record behind the last batch, by the headers alone: nothing is verified.
pub(crate) fn end(source: &mut dyn Source) -> io::Result<Lsn> {
    for segment in source.list()?.iter().rev() {
        let mut place = Place { segment: segment.number, offset: 0 };
        let mut next = None;
        while place.offset < segment.bytes {
            let Some((batch, _)) = header(source, place)? else { break };
            next = Some(advanced(batch.first, batch.count));
            place.offset = place.offset.saturating_add(batch.padded_bytes().map_or(u64::MAX, wide));
        }
        if let Some(next) = next {
            return Ok(next);
        }
    }
    Ok(Lsn(1))
}

/// Reads the header at `place`, if a whole one stands there.
fn header(source: &mut dyn Source, place: Place) -> io::Result<Option<(Header, Link)>> {
    let mut bytes = [0; HEADER_BYTES];
    source.fill(place, &mut bytes)?;
    Ok(Header::decode(&bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u64) -> Stamp {
        Stamp { epoch: 1, prefix: number.to_le_bytes() }
    }

    #[test]
    fn the_latest_batches_are_remembered_and_no_more() {
        let stamps = Stamps::default();
        assert_eq!(stamps.of(Lsn(1)), None);
        let batches = wide(REMEMBERED) + 10;
        for batch in 0..batches {
            // Three records each.
            stamps.note(Lsn(batch * 3 + 1), Lsn(batch * 3 + 4), stamp(batch));
        }
        for lsn in 1..=batches * 3 {
            let batch = (lsn - 1) / 3;
            let expected = (batch >= 10).then(|| stamp(batch));
            assert_eq!(stamps.of(Lsn(lsn)), expected, "record {lsn}");
        }
        assert_eq!(stamps.of(Lsn(batches * 3 + 1)), None, "not durable yet");
    }
}
