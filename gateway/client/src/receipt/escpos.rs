//! The slip as bytes for a receipt printer.

use crate::receipt::layout::{self, Row, Weight};
use crate::receipt::{Columns, Receipt, page, sjis};

/// ESC @: as after switching on, whatever was printed before.
const INITIALISE: &[u8] = b"\x1b@";
/// FS &, FS C 1: two-byte characters, in Shift_JIS.
const KANJI_IN_SHIFT_JIS: &[u8] = b"\x1c&\x1cC\x01";
/// FS S 0 0: no gaps beside them, so that each takes two columns.
const KANJI_UNSPACED: &[u8] = b"\x1cS\x00\x00";
/// ESC R 8, ESC t 1: one-byte characters of Japan, with the yen sign and half-width kana.
const KANA_AND_YEN: &[u8] = b"\x1bR\x08\x1bt\x01";
/// ESC E 1, GS ! 1: emphasised, double in height; the width stays.
const STRONG: &[u8] = b"\x1bE\x01\x1d!\x01";
/// GS ! 0, ESC E 0.
const NORMAL: &[u8] = b"\x1d!\x00\x1bE\x00";
/// GS V 66 0: feeds the last line past the knife and cuts, but for one point.
const CUT: &[u8] = b"\x1dVB\x00";

pub(super) fn write(receipt: &Receipt, columns: Columns) -> Vec<u8> {
    let rows: Vec<Row> = page::rows(receipt).into_iter().map(printable).collect();
    let mut bytes = [INITIALISE, KANJI_IN_SHIFT_JIS, KANJI_UNSPACED, KANA_AND_YEN].concat();
    for line in layout::lay(&rows, columns, sjis::columns) {
        let text = sjis::encode(&line.text);
        match line.weight {
            Weight::Normal => bytes.extend([text.as_slice(), b"\n"].concat()),
            Weight::Strong => bytes.extend([STRONG, &text, b"\n", NORMAL].concat()),
        }
    }
    bytes.extend_from_slice(CUT);
    bytes
}

fn printable(row: Row) -> Row {
    let printable = |text: String| sjis::printable(&text);
    match row {
        Row::Rule => Row::Rule,
        Row::Centre(text) => Row::Centre(printable(text)),
        Row::Plain(text) => Row::Plain(printable(text)),
        Row::Pair { left, right } => Row::Pair { left: printable(left), right: printable(right) },
        Row::Total { left, right } => Row::Total { left: printable(left), right: printable(right) },
    }
}
