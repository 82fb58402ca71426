//! Reports to look at: single files, drawn here, that load nothing and run nothing.

mod curve;
mod frame;
mod numbers;
mod over_time;
mod run;
mod search;
mod spectrum;

use std::fmt::{self, Write};

use frame::Frame;

pub(super) use run::RunDocument;
pub(super) use search::CapacityDocument;

const STYLE: &str = include_str!("html/style.css");

/// Writes a page around what it says.
fn page(
    f: &mut fmt::Formatter<'_>,
    heading: &str,
    body: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    let heading = Escaped(heading);
    write!(
        f,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{heading}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{heading}</h1>\n"
    )?;
    body(f)?;
    f.write_str("</main>\n</body>\n</html>\n")
}

/// Writes a plot with its legend, once for each size of screen.
fn figure(
    f: &mut fmt::Formatter<'_>,
    (title, legend): (&str, &[(&str, &str)]),
    note: &str,
    draw: impl Fn(&mut fmt::Formatter<'_>, &Frame) -> fmt::Result,
) -> fmt::Result {
    write!(f, "<h2>{title}</h2>\n<figure>\n<ul class=\"legend\">")?;
    for (class, name) in legend {
        write!(f, "<li><i class=\"{class}\"></i>{name}</li>")?;
    }
    f.write_str("</ul>\n")?;
    for frame in [&Frame::WIDE, &Frame::NARROW] {
        let Frame { class, width, height, .. } = frame;
        writeln!(
            f,
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{title}\">"
        )?;
        draw(f, frame)?;
        f.write_str("</svg>\n")?;
    }
    writeln!(f, "<figcaption>{note}</figcaption>\n</figure>")
}

fn verdict(f: &mut fmt::Formatter<'_>, class: &str, words: &str) -> fmt::Result {
    writeln!(f, "<p class=\"verdict {class}\">{words}</p>")
}

fn sentences<'a>(
    f: &mut fmt::Formatter<'_>,
    sentences: impl Iterator<Item = &'a String>,
) -> fmt::Result {
    f.write_str("<ul>\n")?;
    for sentence in sentences {
        writeln!(f, "<li>{}</li>", Escaped(sentence))?;
    }
    f.write_str("</ul>\n")
}

/// Words as HTML has them: whatever they are, they stay words.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
