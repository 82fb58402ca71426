//! What a printer's Shift_JIS can say of a text.

use encoding_rs::SHIFT_JIS;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Stands for a character that the printer does not have.
pub(super) const MISSING: char = '〓';

/// The first lead byte that printers do not read: behind it are users' own characters and IBM's.
const BEYOND: u8 = 0xf0;

/// The usual forms of characters that Shift_JIS has under another name or not at all.
const USUAL: [(char, char); 15] = [
    // Unicode has two of each; the encoding standard maps the other one.
    ('\u{301c}', '\u{ff5e}'),
    ('\u{2014}', '\u{2015}'),
    ('\u{2013}', '\u{2010}'),
    ('\u{2016}', '\u{2225}'),
    ('\u{00a2}', '\u{ffe0}'),
    ('\u{00a3}', '\u{ffe1}'),
    ('\u{00ac}', '\u{ffe2}'),
    ('\u{00a0}', ' '),
    // Variants that stand in names.
    ('髙', '高'),
    ('﨑', '崎'),
    ('𠮷', '吉'),
    ('德', '徳'),
    ('栁', '柳'),
    ('濵', '濱'),
    ('瀨', '瀬'),
];

/// Replaces what the printer does not have.
pub(super) fn printable(text: &str) -> String {
    text.graphemes(true).map(replaced).collect()
}

/// Encodes a text that is [`printable`]; each byte takes a column.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let (bytes, _, _) = SHIFT_JIS.encode(text);
    bytes.into_owned()
}

/// Tells how many columns a text that is [`printable`] takes: narrow characters have one byte, wide
/// ones two.
pub(super) fn columns(text: &str) -> usize {
    encode(text).len()
}

fn replaced(character: &str) -> String {
    let usual: String = character.chars().map(usual).collect();
    if has(&usual) {
        return usual;
    }
    let letters: String = usual.nfd().take(1).map(self::usual).collect();
    if has(&letters) { letters } else { MISSING.to_string() }
}

fn usual(character: char) -> char {
    USUAL.iter().find(|(from, _)| *from == character).map_or(character, |(_, to)| *to)
}

/// Says whether the printer has all of a text.
fn has(text: &str) -> bool {
    text.chars().all(|character| {
        let mut utf8 = [0; 4];
        let (bytes, _, unmappable) = SHIFT_JIS.encode(character.encode_utf8(&mut utf8));
        !unmappable && bytes.first().is_some_and(|lead| *lead < BEYOND)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, bytes: &[u8]) {
        let printable = printable(text);
        assert_eq!(printable, expected);
        assert_eq!(encode(&printable), bytes, "{text}");
    }

    #[test]
    fn what_the_printer_has_is_sent_as_it_is() {
        check("Tea 500ml", "Tea 500ml", b"Tea 500ml");
        check("鮭", "鮭", b"\x8d\xf8");
        check("ﾊﾝｶｸ", "ﾊﾝｶｸ", b"\xca\xdd\xb6\xb8");
        check("ソ表", "ソ表", b"\x83\\\x95\\");
        check("¥\\", "¥\\", b"\\\\");
        check("※①㈱", "※①㈱", b"\x81\xa6\x87\x40\x87\x8a");
        check("ガ", "ガ", b"\x83K");
    }

    #[test]
    fn other_characters_are_replaced_by_what_is_nearest() {
        check("〜—–£", "～―‐￡", b"\x81\x60\x81\x5c\x81\x5d\x81\x92");
        check("髙﨑𠮷", "高崎吉", b"\x8d\x82\x8d\xe8\x8bg");
        check("Crème brûlée", "Creme brulee", b"Creme brulee");
        check("か\u{309a}", "か", b"\x82\xa9");
        check("Hà Nội", "Ha Noi", b"Ha Noi");
    }

    #[test]
    fn what_is_missing_is_one_mark_for_each_character_that_is_seen() {
        check("🍙", "〓", b"\x81\xac");
        check("👍🏽🇯🇵!", "〓〓!", b"\x81\xac\x81\xac!");
        check("彅", "〓", b"\x81\xac");
        check("한국", "〓〓", b"\x81\xac\x81\xac");
        // In Windows' Shift_JIS, behind the bytes that printers read.
        check("纊", "〓", b"\x81\xac");
    }

    #[test]
    fn nothing_that_is_printed_can_be_taken_for_a_command() {
        for character in ('\u{20}'..='\u{ffff}').filter(|c| !c.is_control()) {
            let bytes = encode(&printable(&character.to_string()));
            assert!(bytes.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f), "{character:?}");
            assert!((1..=2).contains(&bytes.len()), "{character:?}");
        }
    }
}
