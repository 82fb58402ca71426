//! `kessai`: makes a data directory, serves from it, and administers what serves.

use std::process::ExitCode;

use clap::Parser;

mod cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::Arguments::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kessai: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// Says what went wrong and why, each cause once: many errors say their cause themselves.
fn told(error: &anyhow::Error) -> String {
    let causes = error.chain().map(ToString::to_string);
    causes.fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        before if before.contains(&cause) => told,
        before => format!("{before}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context;

    use super::told;

    #[test]
    fn every_cause_is_told_once() {
        let taken = || io::Error::other("address in use");
        let says_its_cause = Err::<(), _>(taken()).context("cannot listen: address in use; sorry");
        assert_eq!(told(&says_its_cause.unwrap_err()), "cannot listen: address in use; sorry");
        let does_not = Err::<(), _>(taken()).context("cannot listen").context("cannot serve");
        assert_eq!(told(&does_not.unwrap_err()), "cannot serve: cannot listen: address in use");
    }
}
