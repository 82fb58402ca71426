//! What was found when a journal was looked over, line by line.

use std::fmt;

use kessai_engine::Lsn;
use kessai_journal::{Agreement, CopyReport, Ending, Report, SegmentReport};

/// The report for people.
pub(super) struct Page<'r>(pub(super) &'r Report);

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { journal, mirror } = self.0;
        copy(f, journal)?;
        if let Some((mirror, agreement)) = mirror {
            writeln!(f, "The mirror:")?;
            copy(f, mirror)?;
            agree(f, agreement)?;
        }
        f.write_str(if self.0.is_sound() { "sound" } else { "DAMAGED" })
    }
}

fn copy(f: &mut fmt::Formatter<'_>, copy: &CopyReport) -> fmt::Result {
    for segment in &copy.segments {
        let SegmentReport { number, records, batches, epochs: (first, last), used_bytes } = segment;
        let records = told(records.start, records.end);
        writeln!(
            f,
            "segment {number}: {records} in {batches} batches, epochs {first} to {last}, \
             {used_bytes} bytes used"
        )?;
    }
    for damage in &copy.damage {
        write!(f, "damage: {}", damage.corruption)?;
        match &damage.lost {
            Some(lost) => writeln!(f, "; {} stood there", told(lost.start, lost.end))?,
            None => writeln!(f, "; nothing behind it can be read")?,
        }
    }
    for place in &copy.unreadable {
        writeln!(f, "damage: {place} cannot be read")?;
    }
    if let Ending::Torn(torn) = &copy.ending {
        writeln!(
            f,
            "at {} stands a write that was not finished ({} bytes: {}), which the next start cuts \
             off",
            torn.place, torn.bytes, torn.flaw
        )?;
    }
    Ok(())
}

fn agree(f: &mut fmt::Formatter<'_>, agreement: &Agreement) -> fmt::Result {
    if let Some((which, records)) = &agreement.behind {
        writeln!(f, "{which} is behind by {}", told(records.start, records.end))?;
    }
    for difference in &agreement.differences {
        writeln!(f, "damage: {} bytes at {} differ", difference.bytes, difference.place)?;
    }
    Ok(())
}

/// Records, of which the last one is given by the one behind it.
fn told(from: Lsn, to: Lsn) -> String {
    if from >= to {
        "no records".to_owned()
    } else {
        format!("records {} to {}", from.0, to.0.saturating_sub(1))
    }
}
