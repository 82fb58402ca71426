//! Shows how far a command has come, with the time left: on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

const WORDS: &str = "{msg} [{wide_bar}] {human_pos} of {human_len}, {eta} left";

/// Begins to show that something is done, `all` times in all.
pub(super) fn bar(doing: &'static str, all: u64) -> ProgressBar {
    // The template is right, as the test below shows.
    let style = ProgressStyle::with_template(WORDS);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(all).with_style(style).with_message(doing)
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressStyle;

    use super::WORDS;

    #[test]
    fn the_template_is_right() {
        assert!(ProgressStyle::with_template(WORDS).is_ok());
    }
}
