//! The slip as plain text.

use unicode_width::UnicodeWidthStr;

use crate::receipt::{Columns, Receipt, layout, page};

pub(super) fn write(receipt: &Receipt, columns: Columns) -> String {
    let lines = layout::lay(&page::rows(receipt), columns, UnicodeWidthStr::width_cjk);
    lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect()
}
