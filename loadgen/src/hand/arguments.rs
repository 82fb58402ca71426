//! The commands `terminal` and `handset`.

use std::io;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kessai_client::receipt::Columns;
use time::UtcOffset;

use super::keyboard::Keyboard;
use super::qr::Drawing;
use super::voice::Voice;
use super::{HandError, Left, enrol, handset, terminal};
use crate::till::Prices;

/// Is a till for one clerk, or a vending machine: scans, asks the customer to pay, prints receipts.
///
/// Every line is a bar code or a command; `help` lists them. Bar codes are checked by their last
/// digit and looked up in the catalogue. Whose terminal it is, what it is and what the store charges
/// in, the gateway tells. A machine asks what came out after each approval. Keys are kept in the
/// directory, with the last sales and whatever has no answer yet: after a power cut that is finished
/// before anything else.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_long_help = TERMINAL_EXAMPLES
)]
pub struct Terminal {
    #[command(subcommand)]
    enrol: Option<Enrolling>,

    /// The directory in which the terminal was enrolled
    #[arg(long, required = true)]
    dir: Option<PathBuf>,

    /// The products, as CSV with columns code, name, price_minor and tax_rate_bp, priced in what the
    /// store charges in
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,

    /// Whether tax is added to the catalogue's prices or is in them
    #[arg(long, value_enum, default_value_t = PricesAre::BeforeTax)]
    prices: PricesAre,

    /// How many columns receipts have
    #[arg(long, value_name = "COLUMNS", default_value = "40", value_parser = columns)]
    width: Columns,

    /// A directory to write each receipt and slip to, as .txt, .json and .escpos
    #[arg(long, value_name = "DIR")]
    receipts: Option<PathBuf>,
}

/// Is a customer's handset: shows each purchase, asks for the password, tells the result.
///
/// The password is not shown while it is typed, and kept nowhere. Keys are kept in the directory.
/// `code` shows a code to pay with instead of the customer id, also as a QR code; on a terminal that
/// is dumb or has NO_COLOR set, it is drawn with plain characters.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_long_help = HANDSET_EXAMPLES
)]
pub struct Handset {
    #[command(subcommand)]
    enrol: Option<Enrolling>,

    /// The directory in which the handset was enrolled
    #[arg(long, required = true)]
    dir: Option<PathBuf>,

    /// How far the clock in the list of payments is ahead of UTC, in minutes
    #[arg(long, value_name = "MINUTES", default_value = "540", value_parser = offset,
        allow_negative_numbers = true)]
    utc_offset: UtcOffset,
}

#[derive(Debug, Subcommand)]
enum Enrolling {
    /// Makes a key and enrols it by an activation string
    Enrol(Enrol),
}

#[derive(Debug, Args)]
struct Enrol {
    /// The directory for the key; it is made if it is not there
    #[arg(long)]
    dir: PathBuf,

    /// The activation string, as the processor gave it; - to type it
    activation: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PricesAre {
    BeforeTax,
    WithTax,
}

const TERMINAL_EXAMPLES: &str = "\
Examples:
  kessai-loadgen terminal enrol --dir till kessai1:127.0.0.1:4433:terminal:POS00001:...
      enrols a key once, with the activation string from `kessai`
  kessai-loadgen terminal --dir till
      opens the till, with the built-in catalogue
  kessai-loadgen terminal --dir till --catalogue shop.csv --prices with-tax
      a till with products of its own
  kessai-loadgen terminal --dir till --width 32 --receipts slips
      receipts for paper of 58 mm, each written to a file for the printer, too
  printf '9521000000377 3\\npay 1234-567-890\\n' | kessai-loadgen terminal --dir till
      asks for one payment; where the input ends, what is still open is given up

Exit codes:
  0    the clerk left, or the input ended
  2    the command line is wrong
  3    it could not be enrolled, or there is no connection
  130  interrupted";

const HANDSET_EXAMPLES: &str = "\
Examples:
  kessai-loadgen handset enrol --dir phone kessai1:127.0.0.1:4433:customer:1234-567-890:...
      enrols a key once, with the activation string from `kessai`, and asks for a password twice;
      in the same directory again, it changes password and key
  kessai-loadgen handset --dir phone
      waits for shops to ask

Exit codes:
  0    the customer left, or the input ended
  2    the command line is wrong
  3    it could not be enrolled, or there is no connection
  130  interrupted";

fn columns(text: &str) -> Result<Columns, String> {
    let count = text.parse().map_err(|_| "a number of columns".to_owned())?;
    Columns::new(count).map_err(|error| error.to_string())
}

fn offset(text: &str) -> Result<UtcOffset, String> {
    let minutes: Option<i32> = text.parse().ok().filter(|minutes| (-720..=840).contains(minutes));
    minutes
        .and_then(|minutes| UtcOffset::from_whole_seconds(minutes.checked_mul(60)?).ok())
        .ok_or_else(|| "a number of minutes, -720 to 840".to_owned())
}

impl Terminal {
    /// Does what the command line says.
    ///
    /// # Errors
    /// [`HandError`].
    pub async fn run(self) -> Result<Left, HandError> {
        let voice = Voice::new(io::stdout());
        let keyboard = Keyboard::standard()?;
        if let Some(Enrolling::Enrol(Enrol { dir, activation })) = &self.enrol {
            return enrol::terminal(dir, activation, voice, keyboard).await;
        }
        let catalogue = match self.catalogue {
            None => None,
            Some(path) => {
                let read = std::fs::read_to_string(&path);
                Some(read.map_err(|source| HandError::Unreadable { path, source })?)
            }
        };
        let prices = match self.prices {
            PricesAre::BeforeTax => Prices::BeforeTax,
            PricesAre::WithTax => Prices::WithTax,
        };
        let (columns, receipts) = (self.width, self.receipts);
        let setting = terminal::Setting { catalogue, prices, columns, receipts };
        let folder = self.dir.unwrap_or_default();
        terminal::converse(&folder, setting, voice, keyboard).await
    }
}

impl Handset {
    /// Does what the command line says.
    ///
    /// # Errors
    /// [`HandError`].
    pub async fn run(self) -> Result<Left, HandError> {
        let voice = Voice::new(io::stdout());
        let keyboard = Keyboard::standard()?;
        match (&self.enrol, self.dir) {
            (Some(Enrolling::Enrol(Enrol { dir, activation })), _) => {
                enrol::handset(dir, activation, voice, keyboard).await
            }
            (None, folder) => {
                let folder = folder.unwrap_or_default();
                let drawing = Drawing::of_standard_output();
                let setting = handset::Setting { offset: self.utc_offset, drawing };
                handset::converse(&folder, setting, voice, keyboard).await
            }
        }
    }
}
