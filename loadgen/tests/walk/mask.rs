//! What differs from run to run, made the same: the one place that says what is not asserted.

use regex_lite::{Captures, Regex};

/// What is masked, and what stands there instead. A single `#` takes the place of each digit and
/// letter, so that tables keep their columns.
const MASKS: [(&str, &str); 13] = [
    // Where this run's gateway listens.
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    // Payment ids.
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "#"),
    // Pins, handsets, secret codes and their check digits.
    (r"\b[0-9a-f]{64}\b", "#"),
    (r"\b[0-9a-f]{32}(:[0-9a-f]{8})?\b", "#"),
    // Instants, and the days of the books.
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "#"),
    (r"\b20\d{6}\b", "#"),
    (r"\b\d{4}年\d\d月\d\d日( \d\d:\d\d:\d\d)?", "#"),
    (r"Business day \d{4}-\d\d-\d\d", "#"),
    // Approval numbers and references.
    (r"(Approval number|承認番号) +\d{6}\b", "#"),
    (r"\b\d{12}\b", "#"),
    // Presentment codes.
    (r"\b\d{3} \d{3} \d{4}\b", "#"),
    // How long somebody took.
    (r"\b\d+ s left", "## s left"),
    (r"Good for \d+ s", "Good for ## s"),
];

/// Masks what differs from run to run.
pub(crate) fn mask(text: &str) -> String {
    let masked = MASKS.iter().fold(text.to_owned(), |text, (pattern, mask)| {
        let pattern = Regex::new(pattern).expect("a pattern");
        let masked = |found: &Captures<'_>| match *mask {
            "#" => hashes(&found[0]),
            other => other.to_owned(),
        };
        pattern.replace_all(&text, masked).into_owned()
    });
    without_repeated_waits(&masked)
}

/// Puts `#` for every digit, and for every letter of a hexadecimal number. A name stays.
fn hashes(text: &str) -> String {
    let from = text.rfind(' ').filter(|_| text.starts_with(char::is_alphabetic)).unwrap_or(0);
    let (name, number) = text.split_at(from);
    format!("{name}{}", number.replace(|digit: char| digit.is_ascii_hexdigit(), "#"))
}

/// A slow machine has a till say more than once how long it still waits.
fn without_repeated_waits(text: &str) -> String {
    let wait = "Waiting for the customer: ## s left.";
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.dedup_by(|line, before| line == before && *line == wait);
    lines.join("\n")
}

#[test]
fn what_differs_is_masked_and_nothing_else() {
    for (text, masked) in [
        (
            "Payment 01890a5d-ac96-7b1e-8c5a-3f2d6e9b4c10, 447 JPY: paid.",
            "Payment ########-####-####-####-############, 447 JPY: paid.",
        ),
        ("Approval number                   000017", "Approval number                   ######"),
        ("2026-11-22 22:12:08 +09:00", "####-##-## ##:##:## +09:00"),
        ("2026-11-22T22:12:08Z", "####-##-##T##:##:##Z"),
        ("2026年11月22日 22:12:08 +09:00", "####年##月##日 ##:##:## +09:00"),
        ("承認番号                          000017", "承認番号                          ######"),
        ("faced01890a5dac967b1e8c5a3f2d6e9b", "faced01890a5dac967b1e8c5a3f2d6e9b"),
        ("faced01890a5dac967b1e8c5a3f2d6e9", "################################"),
        ("pay 012 345 6782", "pay ### ### ####"),
        ("7 s left, 3 tries.", "## s left, 3 tries."),
        ("9521000000377 x 1235000 at 1234-567-890", "9521000000377 x 1235000 at 1234-567-890"),
        ("faced added", "faced added"),
    ] {
        assert_eq!(mask(text), masked);
    }
}
