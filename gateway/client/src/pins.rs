//! Knows the passwords that everybody would guess first.
//!
//! A thief who holds an unlocked handset has five tries. Most people choose their digits from few
//! patterns; without these patterns five tries are worth little. The rules, for passwords of digits
//! only:
//!
//! - a block repeated: `111111`, `121212`, `123123`, `19801980`;
//! - a run up or down, in steps of one, each digit once or doubled, 9 next to 0: `123456`, `987654`,
//!   `789012`, `112233`;
//! - a date of the years 1900 to 2029, as six digits (`YYMMDD`, `DDMMYY`, `MMDDYY`, `YYYYMM`,
//!   `MMYYYY`) or eight (`YYYYMMDD`, `DDMMYYYY`, `MMDDYYYY`);
//! - lines of a telephone's keypad: `147258`, `159357`, `741852963`;
//! - the same there and back: `123321`, `520025`.
//!
//! These are nearly nine in a hundred of the six digits there are, and far more of those that are
//! chosen. Of other passwords only the best known are refused.

use kessai_terms::collation::Password;
use thiserror::Error;

/// Says why a password is refused. It never quotes the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Guessable {
    /// It is the same again and again.
    #[error("this password repeats itself")]
    Repeats,
    /// Its digits count up or down.
    #[error("this password only counts up or down")]
    Runs,
    /// It is a date.
    #[error("this password is a date")]
    Date,
    /// It is drawn on the keypad.
    #[error("this password is a line on the keypad")]
    Keypad,
    /// It reads the same backwards.
    #[error("this password reads the same backwards")]
    Mirrored,
    /// Everybody knows it.
    #[error("this password is one of the best known")]
    WellKnown,
}

/// Refuses the passwords that are guessed first.
///
/// # Errors
/// [`Guessable`] tells which pattern it follows.
pub fn check_password(password: &Password) -> Result<(), Guessable> {
    let text = password.expose();
    if well_known(text) {
        return Err(Guessable::WellKnown);
    }
    if repeats(text) {
        return Err(Guessable::Repeats);
    }
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|character| character.to_digit(10).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    match digits {
        Some(digits) => check_digits(&digits),
        None => Ok(()),
    }
}

fn check_digits(digits: &[u8]) -> Result<(), Guessable> {
    if runs(digits) {
        Err(Guessable::Runs)
    } else if on_keypad(digits) {
        Err(Guessable::Keypad)
    } else if is_date(digits) {
        Err(Guessable::Date)
    } else if digits.iter().eq(digits.iter().rev()) {
        Err(Guessable::Mirrored)
    } else {
        Ok(())
    }
}

/// Small letters and digits only.
const WELL_KNOWN: [&str; 30] = [
    "password",
    "passw0rd",
    "password1",
    "passwort",
    "qwerty",
    "qwertz",
    "azerty",
    "qwerty123",
    "qwertyuiop",
    "asdfgh",
    "asdfghjkl",
    "zxcvbn",
    "1q2w3e",
    "1q2w3e4r",
    "q1w2e3",
    "abc123",
    "abcdef",
    "abcd1234",
    "1234abcd",
    "a1b2c3",
    "iloveyou",
    "letmein",
    "welcome",
    "dragon",
    "monkey",
    "sunshine",
    "princess",
    "football",
    "kessai",
    "secret",
];

fn well_known(text: &str) -> bool {
    WELL_KNOWN.iter().any(|known| text.eq_ignore_ascii_case(known))
}

/// A block of at most half the length, again and again.
fn repeats(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let length = characters.len();
    (1..=length / 2)
        .filter(|block| length.is_multiple_of(*block))
        .any(|block| characters.iter().zip(characters.iter().skip(block)).all(|(a, b)| a == b))
}

fn runs(digits: &[u8]) -> bool {
    let each_once = |step| digits.is_sorted_by(|a, b| (a + step) % 10 == *b);
    let (pairs, odd) = digits.as_chunks::<2>();
    let doubled = |step| {
        odd.is_empty()
            && pairs.iter().all(|[a, b]| a == b)
            && pairs.is_sorted_by(|[a, _], [b, _]| (a + step) % 10 == *b)
    };
    [1, 9].into_iter().any(|step| each_once(step) || doubled(step))
}

/// Columns, rows and diagonals of a telephone's keypad, each also backwards.
const LINES: [[u8; 3]; 8] =
    [[1, 4, 7], [2, 5, 8], [3, 6, 9], [1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 5, 9], [3, 5, 7]];

fn on_keypad(digits: &[u8]) -> bool {
    let (threes, rest) = digits.as_chunks::<3>();
    let line = |three: &[u8; 3]| {
        let [a, b, c] = *three;
        LINES.contains(three) || LINES.contains(&[c, b, a])
    };
    // The middle column ends at the 0.
    rest.iter().all(|digit| *digit == 0) && rest.len() < 2 && threes.iter().all(line)
}

fn is_date(digits: &[u8]) -> bool {
    let two = |a: u8, b: u8| u16::from(a) * 10 + u16::from(b);
    match *digits {
        [a, b, c, d, e, f] => {
            let (first, second, third) = (two(a, b), two(c, d), two(e, f));
            // Any two digits are a year between 1930 and 2029.
            is_day(second, third)
                || is_day(second, first)
                || is_day(first, second)
                || (is_year(first * 100 + second) && is_month(third))
                || (is_month(first) && is_year(second * 100 + third))
        }
        [a, b, c, d, e, f, g, h] => {
            let (first, second, third, fourth) = (two(a, b), two(c, d), two(e, f), two(g, h));
            (is_year(first * 100 + second) && is_day(third, fourth))
                || (is_year(third * 100 + fourth)
                    && (is_day(first, second) || is_day(second, first)))
        }
        _ => false,
    }
}

fn is_year(year: u16) -> bool {
    (1900..=2029).contains(&year)
}

fn is_month(month: u16) -> bool {
    (1..=12).contains(&month)
}

/// Days that some year has.
fn is_day(month: u16, day: u16) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, expected: Result<(), Guessable>) {
        assert_eq!(check_password(&Password::new(typed).unwrap()), expected, "{typed}");
    }

    #[test]
    fn every_pattern_is_refused_by_name() {
        for typed in ["111111", "0000000", "121212", "123123", "19801980", "abcabc", "12341234"] {
            check(typed, Err(Guessable::Repeats));
        }
        for typed in
            ["123456", "1234567", "654321", "789012", "321098", "112233", "998877", "00998877"]
        {
            check(typed, Err(Guessable::Runs));
        }
        for typed in ["147258", "258369", "159357", "753951", "741852963"] {
            check(typed, Err(Guessable::Keypad));
        }
        check("1472580", Err(Guessable::Keypad));
        for typed in
            ["800229", "290280", "022980", "198012", "121980", "19800229", "29022000", "12312029"]
        {
            check(typed, Err(Guessable::Date));
        }
        for typed in ["493394", "1905091", "2580852"] {
            check(typed, Err(Guessable::Mirrored));
        }
        for typed in ["password", "PassWord", "qwerty", "1234abcd", "1q2w3e"] {
            check(typed, Err(Guessable::WellKnown));
        }
    }

    #[test]
    fn what_follows_no_pattern_is_taken() {
        for typed in [
            "490172",
            "135790",
            "123457",
            "800230",
            "994931",
            "19300230",
            "18991231",
            "20300101",
            "147259",
            "1472589",
            "14725800",
            "113355",
            "correct horse",
            "パスワード長い",
            "123456a",
        ] {
            check(typed, Ok(()));
        }
    }

    /// Enough to matter, little enough to leave a choice.
    #[test]
    fn nine_in_a_hundred_of_six_digits_are_refused() {
        let mut refused = 0;
        for number in 0..1_000_000_u32 {
            let text = format!("{number:06}");
            let digits: Vec<u8> = text.bytes().map(|byte| byte - b'0').collect();
            if repeats(&text) || check_digits(&digits).is_err() {
                refused += 1;
            }
        }
        // Counted by another program as well.
        assert_eq!(refused, 87_585);
    }
}
