//! The command line: what can be said, and where it leads.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use kessai_gateway::shell::ShellCommand;

mod archive;
mod books;
mod customers;
mod desk;
mod evidence;
mod import;
mod journal;
mod limits;
mod rates;
mod register;
mod server;
mod table;

use desk::{Desk, Request};

/// The Kessai payment gateway: authorises and settles purchases that customers confirm on their
/// own handsets.
#[derive(Debug, Parser)]
#[command(name = "kessai", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  kessai init /srv/kessai                           make configuration, keys and data
  kessai serve --config /srv/kessai/kessai.toml     serve until SIGTERM or SIGINT
  export KESSAI_CONFIG=/srv/kessai/kessai.toml      for the commands below
  kessai merchant set M0001 --name 'Blue Shop'      enter a merchant
  kessai store set S0001 --merchant M0001 --name 'Blue Shop, station' --currency JPY
  kessai terminal set POS00001 --store S0001        enter a till
  kessai terminal activate POS00001                 give out its activation string
  kessai customer add 1234-567-890 --currency JPY --balance 1235000
  kessai customer activate 1234-567-890             give out a handset's activation string
  kessai import customers customers.csv             enter many at once
  kessai payment list --state pending               look at what waits
  kessai evidence 01890a5d-ac96-7b1e-8c5a-3f2d6e9b4c10
  kessai journal check                              verify every byte of the journal

Exit codes: 0 done, 1 could not be done (the last line says why), 2 usage; of `evidence` also 2 a
check failed, 3 the journal is damaged; of `journal` 1 it is damaged, or a loss is not
accepted, 3 it could not be done.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a folder with a commented configuration, new keys and an empty data directory.
    ///
    /// The folder must be empty or not there yet. Keys lie beside the data directory, never in
    /// it: keep copies of them apart from copies of the data.
    Init {
        /// The folder to make.
        folder: PathBuf,
    },
    /// Serve terminals and handsets until SIGTERM or SIGINT.
    ///
    /// A first signal drains: no new payments, what was decided is told, everything is durable.
    /// A second one ends the process at once, which loses nothing either.
    Serve {
        /// The configuration file that `kessai init` wrote.
        #[arg(long, value_name = "FILE", env = "KESSAI_CONFIG")]
        config: PathBuf,
        /// Log one JSON object a line instead of text.
        #[arg(long)]
        log_json: bool,
    },
    /// Import a table: every line is checked before any is entered.
    ///
    /// CSV with a heading, or one JSON object a line; docs/OPERATING.md lists the columns. What is
    /// wrong is said as FILE:LINE: REASON, and keeps everything out unless --skip-bad is given.
    #[command(verbatim_doc_comment)]
    Import(import::Import),
    /// The gateway itself.
    Gateway(Administered<server::GatewayCommand>),
    /// Merchants: who is paid.
    Merchant(Administered<register::MerchantCommand>),
    /// Stores of merchants.
    Store(Administered<register::StoreCommand>),
    /// Terminals in stores: tills and vending machines.
    Terminal(Administered<register::TerminalCommand>),
    /// Store controllers: one connection for a merchant's many terminals.
    Controller(Administered<register::ControllerCommand>),
    /// Carrier hubs: one connection for many handsets.
    Hub(Administered<register::HubCommand>),
    /// Customers, their balances and their handsets.
    Customer(Administered<customers::CustomerCommand>),
    /// All handsets at once.
    Devices(Administered<customers::DevicesCommand>),
    /// Limits of all who have none of their own.
    Limits(Administered<limits::LimitsCommand>),
    /// Rates of exchange, for prices in other currencies.
    Rates(Administered<rates::RatesCommand>),
    /// Payments, to look up.
    Payment(Administered<books::PaymentCommand>),
    /// Print what the journal says of a payment: what the customer was shown, digests, times,
    /// handset, outcome, refunds; and check it all.
    ///
    /// Reads the data directory itself, beside a gateway that serves or without one, and changes
    /// nothing. Exit codes: 0 all checks hold, 1 no such payment, 2 a check failed, 3 the journal
    /// is damaged (what could be read is printed).
    Evidence(evidence::EvidenceCommand),
    /// The archive of payments that have left the memory.
    Archive(Archived),
    /// The journal on disk: whether it is sound, and what it says.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// The sums of all accounts, and what is wrong with them.
    Books(Administered<books::BooksCommand>),
    #[command(flatten)]
    Shell(ShellCommand),
}

/// A command for the archive, and where that is.
#[derive(Debug, clap::Args)]
struct Archived {
    #[command(subcommand)]
    command: archive::ArchiveCommand,
    #[command(flatten)]
    desk: desk::Where,
}

/// A command for a gateway that serves, and where that is.
#[derive(Debug, clap::Args)]
struct Administered<C: Subcommand> {
    #[command(subcommand)]
    command: C,
    #[command(flatten)]
    desk: desk::Where,
}

impl Arguments {
    /// Does what was said.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let done = match self.command {
            Command::Evidence(it) => return it.run(),
            Command::Journal(it) => return Ok(it.run()),
            Command::Init { folder } => server::make(&folder),
            Command::Serve { config, log_json } => {
                server::start_log(log_json);
                server::serve(&config)
            }
            Command::Import(it) => it.run(),
            Command::Gateway(it) => it.run(server::GatewayCommand::request),
            Command::Merchant(it) => it.run(register::MerchantCommand::request),
            Command::Store(it) => it.run(register::StoreCommand::request),
            Command::Terminal(it) => it.run(register::TerminalCommand::request),
            Command::Controller(it) => it.run(register::ControllerCommand::request),
            Command::Hub(it) => it.run(register::HubCommand::request),
            Command::Customer(it) => it.run(customers::CustomerCommand::request),
            Command::Devices(it) => it.run(customers::DevicesCommand::request),
            Command::Limits(it) => it.run(limits::LimitsCommand::request),
            Command::Rates(it) => it.command.run(&it.desk),
            Command::Payment(it) => it.run(books::PaymentCommand::request),
            Command::Archive(it) => it.command.run(&it.desk),
            Command::Books(it) => it.run(books::BooksCommand::request),
            Command::Shell(it) => it.run(Self::command()).map_err(anyhow::Error::from),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

impl<C: Subcommand> Administered<C> {
    fn run(&self, request: impl FnOnce(&C) -> Request) -> anyhow::Result<()> {
        let request = request(&self.command);
        let answer = Desk::open(&self.desk)?.ask(&request)?;
        self.desk.show(&answer, request.layout())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{Command, CommandFactory};
    use kessai_gateway::shell::ShellCommand;

    use super::Arguments;

    fn check_pages(command: &Command, name: &str, folder: &Path) {
        assert!(folder.join(format!("{name}.1")).exists(), "{name} has no page");
        for inner in command.get_subcommands() {
            check_pages(inner, &format!("{name}-{}", inner.get_name()), folder);
        }
    }

    #[test]
    fn every_command_has_a_man_page() {
        Arguments::command().debug_assert();
        let folder = tempfile::tempdir().unwrap();
        ShellCommand::Man { out: folder.path().to_owned() }.run(Arguments::command()).unwrap();
        check_pages(&Arguments::command(), "kessai", folder.path());
    }
}
