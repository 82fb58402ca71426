//! Fits rows into columns: nothing is wider than the paper, nothing is cut off, and no character
//! is cut in two.

use unicode_segmentation::UnicodeSegmentation;

/// Counts the columns of a line: how many narrow characters it has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Columns(u16);

/// Says that paper is too narrow or too wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a receipt has {} to {} columns", Columns::MIN.0, Columns::MAX.0)]
pub struct ColumnsError;

impl Columns {
    /// The narrowest: any amount and any number has room on a line.
    pub const MIN: Self = Self(24);
    /// The widest.
    pub const MAX: Self = Self(240);
    /// Paper of 58 mm, printed with characters of 12 dots.
    pub const PAPER_58_MM: Self = Self(32);
    /// Paper of 80 mm, printed with characters of 12 dots.
    pub const PAPER_80_MM: Self = Self(48);

    /// Takes a number of columns.
    ///
    /// # Errors
    /// [`ColumnsError`] when it is below [`Columns::MIN`] or above [`Columns::MAX`].
    pub const fn new(columns: u16) -> Result<Self, ColumnsError> {
        if columns < Self::MIN.0 || columns > Self::MAX.0 {
            return Err(ColumnsError);
        }
        Ok(Self(columns))
    }

    /// Tells the number.
    #[must_use]
    pub fn count(self) -> usize {
        usize::from(self.0)
    }
}

/// One row of a slip, however many lines it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Row {
    /// A line across the paper.
    Rule,
    /// A text in the middle.
    Centre(String),
    /// A text from the left.
    Plain(String),
    /// A label at the left, what it is about at the right.
    Pair { left: String, right: String },
    /// The same, to be seen first.
    Total { left: String, right: String },
}

/// A line as wide as the paper, or less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Laid {
    pub(super) weight: Weight,
    pub(super) text: String,
}

/// How heavily a line is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Normal,
    Strong,
}

/// Tells how many columns a text takes.
pub(super) type Measure = fn(&str) -> usize;

/// Lays rows out.
pub(super) fn lay(rows: &[Row], columns: Columns, measure: Measure) -> Vec<Laid> {
    let paper = Paper { columns: columns.count(), measure };
    rows.iter()
        .flat_map(|row| {
            let weight = match row {
                Row::Rule | Row::Centre(_) | Row::Plain(_) | Row::Pair { .. } => Weight::Normal,
                Row::Total { .. } => Weight::Strong,
            };
            paper.lines(row).into_iter().map(move |text| Laid { weight, text })
        })
        .collect()
}

struct Paper {
    columns: usize,
    measure: Measure,
}

impl Paper {
    fn lines(&self, row: &Row) -> Vec<String> {
        match row {
            Row::Rule => vec!["-".repeat(self.columns)],
            Row::Centre(text) => self.shifted(text, |room| room / 2),
            Row::Plain(text) => self.wrap(text),
            Row::Pair { left, right } | Row::Total { left, right } => self.pair(left, right),
        }
    }

    /// Puts both on one line if they fit, else one below the other.
    fn pair(&self, left: &str, right: &str) -> Vec<String> {
        let taken = (self.measure)(left).saturating_add((self.measure)(right));
        match self.columns.checked_sub(taken) {
            Some(room) if room > 0 => vec![format!("{left}{}{right}", " ".repeat(room))],
            Some(_) | None => {
                let mut lines = self.wrap(left);
                lines.extend(self.shifted(right, |room| room));
                lines
            }
        }
    }

    /// Wraps a text, with as many spaces before each line as `shift` makes of the room beside it.
    fn shifted(&self, text: &str, shift: fn(usize) -> usize) -> Vec<String> {
        let mut lines = self.wrap(text);
        for line in &mut lines {
            let room = self.columns.saturating_sub((self.measure)(line));
            line.insert_str(0, &" ".repeat(shift(room)));
        }
        lines
    }

    /// Breaks a text into lines: behind the last space or hyphen if that leaves a line more than
    /// half full, else between any two characters, as Japanese is broken.
    fn wrap(&self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for character in self.characters(text) {
            let candidate = format!("{line}{character}");
            if (self.measure)(&candidate) <= self.columns {
                line = candidate;
                continue;
            }
            let begun =
                if character == " " { String::new() } else { self.cut_behind_word(&mut line) };
            lines.push(line.trim_end_matches(' ').to_owned());
            line = begun;
            if character != " " {
                line.push_str(character);
            }
        }
        lines.push(line);
        lines
    }

    /// Takes the last word off a full line, if enough is left, and gives it.
    fn cut_behind_word(&self, line: &mut String) -> String {
        let end = line.rfind([' ', '-']).map_or(0, |at| at.saturating_add(1));
        let (kept, word) = line.split_at(end);
        if word.is_ascii() && (self.measure)(kept) > self.columns / 2 {
            line.split_off(end)
        } else {
            String::new()
        }
    }

    /// Splits a text into what a reader calls characters; one that is wider than the paper, into
    /// code points.
    fn characters<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut characters = Vec::new();
        for character in text.graphemes(true) {
            if (self.measure)(character) <= self.columns {
                characters.push(character);
            } else {
                characters.extend(character.split("").filter(|part| !part.is_empty()));
            }
        }
        characters
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn check(row: &Row, expected: &[&str]) {
        let laid = lay(std::slice::from_ref(row), Columns::MIN, UnicodeWidthStr::width_cjk);
        let lines: Vec<_> = laid.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(lines, expected);
    }

    fn plain(text: &str) -> Row {
        Row::Plain(text.to_owned())
    }

    fn pair(left: &str, right: &str) -> Row {
        Row::Pair { left: left.to_owned(), right: right.to_owned() }
    }

    #[test]
    fn a_text_is_broken_between_characters_and_never_within() {
        check(&plain("一二三四五六七八九十一二"), &["一二三四五六七八九十一二"]);
        check(&plain("a一二三四五六七八九十一二"), &["a一二三四五六七八九十一", "二"]);
        // Marks that have no width stay with what bears them.
        check(
            &plain("一二三四五六七八九十一か\u{309a}か\u{309a}"),
            &["一二三四五六七八九十一か\u{309a}", "か\u{309a}"],
        );
        check(&plain("一二三四五六七八九十一👍🏽👍🏽"), &["一二三四五六七八九十一👍🏽", "👍🏽"]);
    }

    #[test]
    fn words_stay_whole_where_lines_stay_more_than_half_full() {
        check(
            &plain("the quick brown fox jumps over it"),
            &["the quick brown fox", "jumps over it"],
        );
        check(&plain("ten letters each of them fit"), &["ten letters each of them", "fit"]);
        check(&plain("a pneumonoultramicroscopic"), &["a pneumonoultramicroscop", "ic"]);
        check(
            &plain("019a6f3e-8c00-7000-8000-000000000001"),
            &["019a6f3e-8c00-7000-8000-", "000000000001"],
        );
    }

    #[test]
    fn a_pair_that_does_not_fit_stands_on_two_lines() {
        check(&pair("合計", "¥1,235"), &["合計              ¥1,235"]);
        check(&pair("twelve chars", "eleven here"), &["twelve chars eleven here"]);
        check(&pair("twelve chars", "twelve chars"), &["twelve chars", "            twelve chars"]);
    }

    #[test]
    fn what_is_in_the_middle_leans_left() {
        check(&Row::Centre("渋谷店".to_owned()), &["         渋谷店"]);
        check(&Row::Centre("abc".to_owned()), &["          abc"]);
        check(&Row::Rule, &["------------------------"]);
    }

    #[test]
    fn one_character_wider_than_the_paper_is_broken_all_the_same() {
        let wide = format!("क{}", "ा".repeat(40));
        assert_eq!(wide.graphemes(true).count(), 1);
        let laid = lay(&[plain(&wide)], Columns::MIN, UnicodeWidthStr::width_cjk);
        assert!(laid.iter().all(|line| line.text.width_cjk() <= 24), "{laid:?}");
        assert_eq!(laid.into_iter().map(|line| line.text).collect::<String>(), wide);
    }

    #[test]
    fn paper_has_bounds() {
        assert_eq!(Columns::new(23), Err(ColumnsError));
        assert_eq!(Columns::new(24), Ok(Columns::MIN));
        assert_eq!(Columns::new(240), Ok(Columns::MAX));
        assert_eq!(Columns::new(241), Err(ColumnsError));
        assert_eq!(ColumnsError.to_string(), "a receipt has 24 to 240 columns");
    }
}
