//! `kessai-loadgen audit`: the audit of a run once more.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Exit;
use super::show::{could_not, print, write};
use crate::administration::Administration;
use crate::audit::{Books, Evidence, Testimony, compare, missing};
use crate::capacity::export;
use crate::report;
use crate::trial::TrialError;

/// Holds the ledger of a run that is over against a gateway's books, once more.
///
/// `run --out DIR` and `demo --out DIR` leave everything that terminals and customers were told, and
/// the books as they were then. Without --token-file the two are compared again. With it the books
/// are read from the gateway as they are now: after a restart, after a recovery, after payments have
/// gone to its archive. That says something for as long as nothing else has moved the money of the
/// run's customers or merchants since.
///
/// Several directories are audited as one: of processes that each played a share of one population
/// (--partition), or of runs one after the other. Their books are read from the gateway.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Audit {
    /// The directories that --out made
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,

    /// Where the gateway is administered
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:7480",
        requires = "token_file"
    )]
    admin: String,

    /// The file of the administration's token; with it the books are read from the gateway
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Writes what was found as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  kessai-loadgen audit results/before
      against the books that were kept with the run
  kessai-loadgen audit results/before --token-file my-processor/keys/admin.token
      against the books of the gateway as they are now, as after a restart
  kessai-loadgen audit part-1 part-2 --token-file my-processor/keys/admin.token
      what two processes saw, each of its share of one population

Exit codes:
  0    nothing is wrong
  1    something is: it is printed
  2    the command line is wrong
  3    a directory has no ledger, is damaged or of another version, or the gateway does not answer

The JSON has ok and problems[], as audit{} of `kessai-loadgen demo` has them.";

impl Audit {
    /// Does what the command line says.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        if self.folders.len() > 1 && self.token_file.is_none() {
            eprintln!(
                "kessai-loadgen: of several directories the books are read from the gateway: say \
                 --token-file"
            );
            return Exit::Usage.into();
        }
        match self.audit() {
            Ok(audit) if audit.ok => Exit::Ok.into(),
            Ok(_) => Exit::AuditFailed.into(),
            Err(error) => could_not(&error),
        }
    }

    fn audit(&self) -> Result<report::Audit, TrialError> {
        let testimonies: Result<Vec<_>, _> =
            self.folders.iter().map(|folder| Testimony::open(folder)).collect();
        let testimonies = testimonies?;
        let books = self.books(&testimonies)?;
        let mut payments = 0_u64;
        let problems = compare(&testimonies, &books, |_| payments = payments.saturating_add(1))?;
        let audit = report::Audit::of(problems);
        print(&format!(
            "{payments} payments, {} customers, {} receipts of the journal\n",
            books.customers.len(),
            books.receipts.len()
        ));
        let missing = missing(&testimonies);
        if !missing.is_empty() {
            let missing: Vec<_> = missing.iter().map(u32::to_string).collect();
            print(&format!(
                "what was exchanged is left out: nobody told of share {}\n",
                missing.join(", ")
            ));
        }
        print(&audit.to_string());
        if let Some(path) = &self.json {
            write(path, &audit)?;
        }
        Ok(audit)
    }

    /// The books that are there, or those of the gateway.
    fn books(&self, testimonies: &[Testimony]) -> Result<Books, TrialError> {
        if let Some(token_file) = &self.token_file {
            let administration = Administration::new(&self.admin, token_file)?;
            let evidence: Vec<&Evidence> =
                testimonies.iter().map(|testimony| &testimony.evidence).collect();
            return Ok(export::books(&administration, &evidence)?);
        }
        let books = self.folders.first().map(|folder| Books::open(folder)).transpose()?;
        Ok(books.unwrap_or_default())
    }
}
