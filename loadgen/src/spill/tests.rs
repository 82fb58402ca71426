//! What is put is what is read, by part and in order, also from a kept copy; damage is told.

use std::fs;

use super::{AT_ONCE, Parted, Spill, SpillError, part_of};

/// A part, a number, and something that takes room.
type Row = (u8, u32, String);

impl Parted for Row {
    fn part(&self) -> u8 {
        self.0
    }
}

fn row(part: u8, number: u32) -> Row {
    (part, number, "x".repeat(100))
}

/// More of the first part than waits in memory, less of the second, nothing of others.
fn filled() -> Spill<Row> {
    let spill = Spill::default();
    for number in 0..u32::try_from(AT_ONCE / 50).unwrap() {
        spill.put(&row(7, number));
        if number < 3 {
            spill.put(&row(255, number));
        }
    }
    spill
}

fn numbers(spill: &Spill<Row>, part: u8) -> Vec<u32> {
    let mut numbers = Vec::new();
    spill
        .read(part, |(of, number, _)| {
            assert_eq!(of, part);
            numbers.push(number);
        })
        .unwrap();
    numbers
}

fn check_filled(spill: &Spill<Row>) {
    let all: Vec<u32> = (0..u32::try_from(AT_ONCE / 50).unwrap()).collect();
    assert_eq!(numbers(spill, 7), all);
    assert_eq!(numbers(spill, 255), [0, 1, 2]);
    assert_eq!(numbers(spill, 0), Vec::<u32>::new());
    let mut count = 0;
    spill.each(|_| count += 1).unwrap();
    assert_eq!(count, all.len() + 3);
}

#[test]
fn rows_come_back_by_part_in_the_order_in_which_they_were_put() {
    let spill = filled();
    let folder = spill.path(7).unwrap().parent().unwrap().to_owned();
    let on_disk = fs::read_dir(&folder).unwrap().count();
    assert_eq!(on_disk, 1, "what is little waits in memory");
    check_filled(&spill);
    check_filled(&spill);
    drop(spill);
    assert!(!folder.exists(), "the folder goes with the spill");
}

#[test]
fn a_kept_copy_is_the_same_and_damage_of_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    filled().keep(&kept).unwrap();
    check_filled(&Spill::open(&kept).unwrap());

    let part = kept.join("ff");
    let whole = fs::read(&part).unwrap();
    for damaged in [whole[..whole.len() - 1].to_vec(), [&[whole[0] ^ 1], &whole[1..]].concat()] {
        fs::write(&part, damaged).unwrap();
        let error = Spill::<Row>::open(&kept).unwrap().read(255, |_| {}).unwrap_err();
        assert!(error.to_string().contains("part ff is not what was written"), "{error}");
    }
    fs::remove_file(&part).unwrap();
    let error = Spill::<Row>::open(&kept).unwrap().each(|_| {}).unwrap_err();
    assert!(matches!(error, SpillError::Read { .. }), "{error}");
    fs::write(kept.join("index.json"), r#"{"version":9,"digests":{}}"#).unwrap();
    let error = Spill::<Row>::open(&kept).unwrap_err();
    assert!(error.to_string().contains("version 9 is not known here"), "{error}");
}

/// A disk that is full in the middle of a run: nothing may be said about what is left.
#[test]
fn what_could_not_be_written_is_told_to_whoever_reads() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    filled().keep(&kept).unwrap();
    let spill = Spill::open(&kept).unwrap();
    while numbers_or_error(&spill).is_ok() {
        spill.put(&row(3, 0));
    }
    assert!(matches!(numbers_or_error(&spill), Err(SpillError::Incomplete(_))));
    assert!(spill.keep(&folder.path().join("again")).is_err());
}

fn numbers_or_error(spill: &Spill<Row>) -> Result<(), SpillError> {
    spill.read(3, |_| {})
}

#[test]
fn keys_are_spread_over_the_parts() {
    let mut parts: Vec<u8> = (0..2_000_u64).map(|key| part_of(&key)).collect();
    parts.sort_unstable();
    parts.dedup();
    assert!(parts.len() > 250, "{}", parts.len());
    assert_eq!(part_of(&"same"), part_of(&"same"));
}
