//! Walks the chain of batches and checks each one. Judges nothing: it stops at the first place
//! where no batch continues the chain. Asked again it goes on from there, if a batch is there now.

use std::io::ErrorKind;

use kessai_engine::Lsn;

use crate::error::{Corruption, Flaw, OpenError};
use crate::format::chain::{ChainKey, Link};
use crate::format::header::{HEADER_BYTES, Header, HeaderFlaw};
use crate::format::record::Records;
use crate::format::{BLOCK_BYTES, SECTOR_BYTES, is_blank, wide};
use crate::queue::{advanced, following};
use crate::recovery::chain::Chain;
use crate::recovery::judge::{first_used, judge};
use crate::recovery::{Batched, TornTail};
use crate::storage::{Place, Segment, Source};

/// Takes the records in order, each with the batch that it stands in.
pub(super) type Each<'a> = dyn FnMut(&Batched, Lsn, &[u8]) -> Result<(), OpenError> + 'a;

/// The first place where no batch continues the chain.
#[derive(Debug)]
pub(super) struct End {
    /// Which of the segments; their count if there is none.
    pub(super) index: usize,
    pub(super) offset: u64,
    pub(super) found: Found,
}

/// What stands at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The segment is full.
    Full,
    /// No header: its sector is blank.
    NoHeader,
    /// Something that cannot be where it is, or was changed.
    Changed(Flaw),
    /// A batch that lacks whole sectors, which an unfinished write explains.
    Unfinished { flaw: Flaw, bytes: u64 },
    /// All that was asked for; what is behind was not looked at.
    Enough,
}

/// The next batch with its hash, or what stands in its place.
type Looked = Result<(Header, Link), Found>;

/// Where a walk ends before the chain does: with the batch that reaches either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The last record that is wanted.
    pub(crate) upto: Lsn,
    /// How many bytes of batches are walked over.
    pub(crate) bytes: usize,
}

/// A walk over the journal.
#[derive(Debug)]
pub(super) struct Scan<'a, S> {
    storage: &'a mut S,
    key: &'a ChainKey,
    /// The first record that is handed on; [`Lsn::NONE`] for all that are held.
    from: Lsn,
    /// How far to go; none to go as far as the chain goes.
    bound: Option<Bound>,
    chain: Chain,
    /// Behind the last batch that continued the chain; none before the first.
    at: Option<Place>,
    /// The first segment that is looked at.
    from_segment: u64,
    /// The batch being looked at.
    batch: Vec<u8>,
}

impl<'a, S: Source> Scan<'a, S> {
    pub(super) fn new(storage: &'a mut S, key: &'a ChainKey, from: Lsn) -> Self {
        Self::resumed(storage, key, from, None)
    }

    /// Goes on from a place behind the batches that were read, or starts if none were.
    pub(super) fn resumed(
        storage: &'a mut S,
        key: &'a ChainKey,
        from: Lsn,
        read: Option<(Chain, Place)>,
    ) -> Self {
        let (chain, at) = match read {
            Some((chain, at)) => (chain, Some(at)),
            None => (Chain { next: Lsn(1), ..Chain::default() }, None),
        };
        Self { storage, key, from, bound: None, chain, at, from_segment: 0, batch: Vec::new() }
    }

    /// Has the walk end at `bound`.
    pub(super) const fn within(mut self, bound: Bound) -> Self {
        self.bound = Some(bound);
        self
    }

    pub(super) const fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(super) fn into_chain(self) -> Chain {
        self.chain
    }

    /// Tells the place behind the last batch that continued the chain; none before the first.
    pub(super) const fn at(&self) -> Option<Place> {
        self.at
    }

    /// What is walked over.
    pub(super) const fn source(&mut self) -> &mut S {
        self.storage
    }

    /// Lists the segments as they are now.
    pub(super) fn list(&mut self) -> Result<Vec<Segment>, OpenError> {
        let listed = self.storage.list().map_err(OpenError::storage("list the segments"))?;
        Ok(listed.into_iter().filter(|segment| segment.number >= self.from_segment).collect())
    }

    /// Goes on at `place`, whatever is before it.
    pub(super) const fn skip_to(&mut self, place: Place) {
        self.at = Some(place);
        self.from_segment = place.segment;
        self.chain.link = None;
    }

    /// Gives the first record of the batch at `place` if it verifies by itself, wherever it belongs.
    pub(super) fn verifies(
        &mut self,
        place: Place,
        segment: Segment,
    ) -> Result<Option<Lsn>, OpenError> {
        let link = self.chain.link.take();
        let looked = self.look(place, segment);
        self.chain.link = link;
        Ok(looked?.ok().map(|(header, _)| header.first))
    }

    /// Tells a clean end from an unfinished write.
    ///
    /// # Errors
    /// [`OpenError::Corrupt`] if neither explains what is there.
    pub(super) fn judge(
        &mut self,
        segments: &[Segment],
        end: &End,
    ) -> Result<Option<TornTail>, OpenError> {
        let torn = judge(self.storage, segments, end, self.chain.next)?;
        // The segment that is appended to is never trimmed, so the first that is left holds
        // something.
        if let Some(segment) = segments.first()
            && segment.number > 1
            && self.chain.first.is_none()
        {
            let place = Place { segment: segment.number, offset: 0 };
            return Err(Corruption { place, flaw: Flaw::Missing, later: None }.into());
        }
        Ok(torn)
    }

    /// Hands every further record on and gives the place where the chain ends.
    pub(super) fn walk(
        &mut self,
        segments: &[Segment],
        each: &mut Each<'_>,
    ) -> Result<End, OpenError> {
        let (mut index, mut offset) = self.resume(segments)?;
        while let Some(segment) = segments.get(index).copied() {
            if self.bound.is_some_and(|bound| self.chain.next > bound.upto || bound.bytes == 0) {
                return Ok(End { index, offset, found: Found::Enough });
            }
            let place = Place { segment: segment.number, offset };
            let found = if offset >= segment.bytes {
                Found::Full
            } else {
                match self.look(place, segment)? {
                    Ok((header, link)) => {
                        self.accept(place, &header, link, each)?;
                        offset = offset.saturating_add(wide(self.batch.len()));
                        if let Some(bound) = &mut self.bound {
                            bound.bytes = bound.bytes.saturating_sub(self.batch.len());
                        }
                        self.at = Some(Place { offset, ..place });
                        continue;
                    }
                    Err(found) => found,
                }
            };
            // The writer leaves the rest of a segment blank when a batch does not fit.
            let may_roll = offset > 0
                && match found {
                    Found::Full => true,
                    Found::NoHeader => first_used(self.storage, segment, offset)?.is_none(),
                    Found::Changed(_) | Found::Unfinished { .. } | Found::Enough => false,
                };
            let next = segments.get(index.saturating_add(1)).copied();
            match next {
                Some(next) if may_roll && first_used(self.storage, next, 0)?.is_some() => {
                    index = index.saturating_add(1);
                    offset = 0;
                }
                _ => return Ok(End { index, offset, found }),
            }
        }
        Ok(End { index, offset, found: Found::Full })
    }

    /// Finds where to go on among the segments as they are now.
    fn resume(&mut self, segments: &[Segment]) -> Result<(usize, u64), OpenError> {
        let Some(at) = self.at else {
            // A journal that was trimmed starts with whatever its first batch says.
            let whole = segments.first().is_none_or(|first| first.number == 1);
            self.chain.link = whole.then_some(Link::FIRST);
            return Ok((0, 0));
        };
        let index = segments.iter().position(|segment| segment.number == at.segment);
        let gone = || OpenError::storage(format!("go on at {at}"))(ErrorKind::NotFound.into());
        index.map(|index| (index, at.offset)).ok_or_else(gone)
    }

    /// Looks for the batch that continues the chain at `place`.
    fn look(&mut self, place: Place, segment: Segment) -> Result<Looked, OpenError> {
        self.batch.clear();
        self.read_up_to(place, BLOCK_BYTES)?;
        if is_blank(self.batch.get(..SECTOR_BYTES).unwrap_or_default()) {
            return Ok(Err(Found::NoHeader));
        }
        let (header, link) = match Header::decode(&self.batch) {
            Ok(decoded) => decoded,
            Err(HeaderFlaw::Broken) => return Ok(Err(Found::Changed(Flaw::Header))),
            Err(HeaderFlaw::Version(version)) => {
                return Err(OpenError::Version { place, version });
            }
        };
        let padded = match self.check_header(&header, place, segment) {
            Ok(padded) => padded,
            Err(flaw) => return Ok(Err(Found::Changed(flaw))),
        };
        self.read_up_to(place, padded)?;
        match self.check_body(&header, link) {
            Ok(()) => Ok(Ok((header, link))),
            // The header and every checksum are right: the key is not.
            Err((Flaw::Hash, _)) if self.chain.first.is_none() => Err(OpenError::WrongKey(place)),
            Err((flaw, Some(at))) if self.lacks_sectors(&header, at) => {
                Ok(Err(Found::Unfinished { flaw, bytes: wide(padded) }))
            }
            Err((flaw, _)) => Ok(Err(Found::Changed(flaw))),
        }
    }

    /// Checks that a header belongs here and follows on; gives the batch's length on disk.
    fn check_header(&self, header: &Header, place: Place, segment: Segment) -> Result<usize, Flaw> {
        if header.segment != segment.number {
            return Err(Flaw::Segment(header.segment));
        }
        if header.offset() != place.offset {
            return Err(Flaw::Offset(header.offset()));
        }
        if header.segment_bytes() != segment.bytes {
            let (expected, found) = (header.segment_bytes(), segment.bytes);
            return Err(Flaw::SegmentLength { expected, found });
        }
        let room = segment.bytes.saturating_sub(place.offset);
        let padded = header.padded_bytes().filter(|padded| wide(*padded) <= room);
        let padded = padded.ok_or(Flaw::Length(header.bytes))?;
        let Some(link) = self.chain.link else {
            return Ok(padded);
        };
        if header.first != self.chain.next {
            return Err(Flaw::Order { expected: self.chain.next, found: header.first });
        }
        // An epoch may be left out after a loss: see `JournalOptions::first_epoch`.
        let opens = header.count == 0 && header.epoch > self.chain.epoch;
        if header.epoch != self.chain.epoch && !opens {
            return Err(Flaw::Epoch { expected: self.chain.epoch, found: header.epoch });
        }
        if header.previous != link {
            return Err(Flaw::Chain);
        }
        Ok(padded)
    }

    /// Checks records, the zeros behind, and the hash. With a broken record, tells where it starts.
    fn check_body(&self, header: &Header, link: Link) -> Result<(), (Flaw, Option<usize>)> {
        let framed = self.framed(header);
        let mut records = Records::new(framed);
        let mut lsn = header.first;
        loop {
            let at = framed.len().saturating_sub(records.rest_bytes());
            match records.next() {
                None => break,
                Some(Ok(_)) => lsn = following(lsn),
                Some(Err(_)) => {
                    return Err((Flaw::Record(lsn), Some(at.saturating_add(HEADER_BYTES))));
                }
            }
        }
        if lsn != advanced(header.first, header.count) {
            return Err((Flaw::Count(header.count), None));
        }
        let (_, behind) = self.batch.split_at(HEADER_BYTES.min(self.batch.len()));
        if !is_blank(behind.get(framed.len()..).unwrap_or_default()) {
            return Err((Flaw::Padding, None));
        }
        if self.key.link(header, behind) == link { Ok(()) } else { Err((Flaw::Hash, None)) }
    }

    /// Tells whether sectors from the broken record at `at` on never reached the disk: before the
    /// first write they are blank, and a disk writes each whole or not at all.
    fn lacks_sectors(&self, header: &Header, at: usize) -> bool {
        let used = usize::try_from(header.bytes).unwrap_or(usize::MAX);
        let used = self.batch.get(..used).unwrap_or(&self.batch);
        used.chunks(SECTOR_BYTES).skip(at / SECTOR_BYTES).any(is_blank)
    }

    /// Takes a batch into the chain and hands its records on.
    fn accept(
        &mut self,
        place: Place,
        header: &Header,
        link: Link,
        each: &mut Each<'_>,
    ) -> Result<(), OpenError> {
        // Told before anything is replayed, so that nothing is replayed onto the wrong state.
        let first = *self.chain.first.get_or_insert(header.first);
        if self.from != Lsn::NONE && self.from < first {
            let held = first..first;
            return Err(OpenError::Missing { wanted: self.from, held });
        }
        let batch = Batched {
            place,
            epoch: header.epoch,
            records: header.first..advanced(header.first, header.count),
            previous: header.previous.0,
            hash: link.0,
        };
        let mut lsn = header.first;
        for contents in Records::new(self.framed(header)).flatten() {
            if lsn >= self.from {
                each(&batch, lsn, contents)?;
            }
            lsn = following(lsn);
        }
        self.chain.extend(header, link, place, self.batch.len());
        Ok(())
    }

    fn framed(&self, header: &Header) -> &[u8] {
        let end = usize::try_from(header.bytes).unwrap_or(usize::MAX);
        self.batch.get(HEADER_BYTES..end).unwrap_or_default()
    }

    /// Reads on until `bytes` bytes of the batch at `place` are there.
    fn read_up_to(&mut self, place: Place, bytes: usize) -> Result<(), OpenError> {
        let had = self.batch.len();
        self.batch.resize(bytes, 0);
        let (_, into) = self.batch.split_at_mut(had.min(bytes));
        let from = Place { offset: place.offset.saturating_add(wide(had)), ..place };
        self.storage.fill(from, into).map_err(OpenError::storage(format!("read {from}")))
    }
}
