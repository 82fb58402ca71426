//! Sends a table to the gateway and shows how it goes.

mod progress;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use kessai_gateway::admin::rows::ImportRow;
use serde_json::json;

use super::desk::{Desk, Upload, Where};
use progress::{Progress, Step};

/// What to import, and how.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Which table.
    #[arg(value_name = "KIND", value_parser = KINDS)]
    kind: String,
    /// The file; - for standard input.
    file: PathBuf,
    /// How it is written; by default as its name ends: .csv, .jsonl or .ndjson.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Enter the good lines although others are bad.
    #[arg(long)]
    skip_bad: bool,
    /// Let lines change what is there; balances and currencies of customers stay.
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    desk: Where,
}

const KINDS: [&str; 8] = [
    "merchants",
    "stores",
    "terminals",
    "controllers",
    "hubs",
    "customers",
    "handsets",
    "catalogue",
];

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated, with a heading (RFC 4180).
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            _ => None,
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Jsonl => "application/x-ndjson",
        }
    }
}

/// What came of it.
struct End {
    entered: u64,
    updated: u64,
    bad: u64,
    done: bool,
    problem: Option<String>,
}

impl Import {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let format = self.format.or_else(|| Format::of(&self.file)).ok_or_else(|| {
            anyhow!("{}: is it CSV or JSON Lines? give --format csv or jsonl", self.name())
        })?;
        let desk = Desk::open(&self.desk)?;
        let (source, length) = self.open()?;
        let progress = Progress::new(self.name());
        let upload = Upload {
            path: format!(
                "/v1/import/{}?skip_bad={}&update={}",
                self.kind, self.skip_bad, self.update
            ),
            content_type: format.content_type(),
            length,
            content: Box::new(progress.watch(source, length)),
        };
        let answer = desk.send(upload)?;
        let end = self.follow(BufReader::new(answer), &progress);
        progress.clear();
        self.tell(&end?)
    }

    fn name(&self) -> String {
        self.file.display().to_string()
    }

    /// Opens the file; the length of one that has any.
    fn open(&self) -> anyhow::Result<(Box<dyn Read>, Option<u64>)> {
        if self.file == Path::new("-") {
            return Ok((Box::new(io::stdin()), None));
        }
        let unreadable = || format!("cannot read {}", self.file.display());
        let file = File::open(&self.file).with_context(unreadable)?;
        let about = file.metadata().with_context(unreadable)?;
        if about.is_dir() {
            bail!("{} is a directory", self.file.display());
        }
        Ok((Box::new(file), about.is_file().then_some(about.len())))
    }

    /// Shows bad lines and progress until the last row.
    fn follow(&self, answer: impl BufRead, progress: &Progress) -> anyhow::Result<End> {
        let mut told: u64 = 0;
        for row in answer.lines() {
            let row = row.context("the answer broke off: look what was imported")?;
            match serde_json::from_str(&row).context("the answer makes no sense")? {
                ImportRow::Progress { stage, bytes, of_bytes, .. } => {
                    progress.tell(Step::Reading(stage), bytes, Some(of_bytes));
                }
                ImportRow::Bad { line, problem } => {
                    told = told.saturating_add(1);
                    progress.print(&format!("{}:{line}: {problem}", self.name()));
                }
                ImportRow::Odd { line, warning } => {
                    progress.print(&format!("{}:{line}: warning: {warning}", self.name()));
                }
                ImportRow::End { entered, updated, bad, done, problem } => {
                    if let Some(more @ 1..) = bad.checked_sub(told) {
                        progress.print(&format!("{}: {more} more bad lines", self.name()));
                    }
                    return Ok(End { entered, updated, bad, done, problem });
                }
            }
        }
        bail!("the answer broke off: look what was imported")
    }

    fn tell(&self, end: &End) -> anyhow::Result<()> {
        let End { entered, updated, bad, done, problem } = end;
        if let Some(problem) = problem {
            bail!("{problem} ({entered} entered, {updated} updated)");
        }
        if !done {
            bail!("nothing was imported: {} in {}", counted(*bad, "bad line"), self.name());
        }
        if self.desk.wants_json() {
            println!("{:#}", json!({"entered": entered, "updated": updated, "bad": bad}));
            return Ok(());
        }
        let what = if self.kind == "catalogue" { "products" } else { &self.kind };
        let what = if *entered == 1 { what.trim_end_matches('s') } else { what };
        let mut line = format!("imported {entered} {what}");
        if self.update {
            line.push_str(&format!(", updated {updated}"));
        }
        if self.skip_bad {
            line.push_str(&format!(", skipped {}", counted(*bad, "bad line")));
        }
        println!("{line}");
        Ok(())
    }
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Format, counted};

    #[test]
    fn a_format_is_known_by_the_end_of_the_name() {
        let check = |name: &str, expected| assert_eq!(Format::of(Path::new(name)), expected);
        check("customers.csv", Some(Format::Csv));
        check("a.b/CUSTOMERS.CSV", Some(Format::Csv));
        check("customers.jsonl", Some(Format::Jsonl));
        check("customers.ndjson", Some(Format::Jsonl));
        check("customers.json", None);
        check("csv", None);
        check("-", None);
    }

    #[test]
    fn one_is_counted_as_one() {
        assert_eq!(counted(0, "bad line"), "0 bad lines");
        assert_eq!(counted(1, "bad line"), "1 bad line");
    }
}
