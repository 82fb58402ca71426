//! A presentment code as a QR code, drawn with characters.

use std::io::{self, IsTerminal};

use kessai_engine::terms::PresentmentCode;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// With which characters it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawing {
    /// Half blocks, black on white whatever the terminal's colours are.
    Blocks,
    /// `##` and spaces, without colours.
    Plain,
}

const BLACK_ON_WHITE: &str = "\u{1b}[30;107m";
const AS_BEFORE: &str = "\u{1b}[0m";

impl Drawing {
    /// Chooses what standard output can show.
    ///
    /// # Source
    /// <https://no-color.org>
    pub(super) fn of_standard_output() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if io::stdout().is_terminal() && !dumb && !set("NO_COLOR") {
            Self::Blocks
        } else {
            Self::Plain
        }
    }

    /// Draws the ten digits of a code; nothing if they do not fit, which never happens.
    pub(super) fn draw(self, code: &PresentmentCode) -> String {
        let Ok(qr) = QrCode::with_error_correction_level(code.as_str(), EcLevel::M) else {
            return String::new();
        };
        match self {
            Self::Blocks => {
                // Dark is filled: the terminal is told to write in black.
                let drawn = qr.render::<Dense1x2>().build();
                let lines = drawn.lines().map(|line| format!("{BLACK_ON_WHITE}{line}{AS_BEFORE}"));
                lines.collect::<Vec<_>>().join("\n")
            }
            Self::Plain => {
                qr.render::<char>().dark_color('#').light_color(' ').module_dimensions(2, 1).build()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> PresentmentCode {
        "0123456782".parse().unwrap()
    }

    /// Reads a picture as a scanner does.
    fn scan(rows: &[Vec<bool>]) -> String {
        let (width, height) = (rows[0].len(), rows.len());
        let scale = 4;
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(width * scale, height * scale, |x, y| {
                if rows[y / scale][x / scale] { 0 } else { 255 }
            });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one QR code is seen");
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_scanner_reads_the_digits_off_half_blocks() {
        let drawn = Drawing::Blocks.draw(&code());
        let mut rows = Vec::new();
        for line in drawn.lines() {
            let line = line.strip_prefix(BLACK_ON_WHITE).unwrap().strip_suffix(AS_BEFORE).unwrap();
            rows.push(line.chars().map(|block| matches!(block, '█' | '▀')).collect());
            rows.push(line.chars().map(|block| matches!(block, '█' | '▄')).collect());
        }
        assert_eq!(scan(&rows), "0123456782");
    }

    #[test]
    fn a_scanner_reads_the_digits_off_plain_characters() {
        let drawn = Drawing::Plain.draw(&code());
        assert!(drawn.is_ascii());
        let pairs = |line: &str| line.as_bytes().chunks(2).map(|pair| pair == b"##").collect();
        let rows: Vec<Vec<bool>> = drawn.lines().map(pairs).collect();
        assert_eq!(scan(&rows), "0123456782");
    }
}
