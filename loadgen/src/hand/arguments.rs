//! The commands `terminal` and `handset`.

use std::io;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kessai_engine::terms::{Rounding, StoreName};
use time::UtcOffset;

use super::cart::Cart;
use super::counter::Counter;
use super::keyboard::Keyboard;
use super::terminal::Setting;
use super::voice::Voice;
use super::{HandError, Left, enrol, handset, terminal};
use crate::catalogue::Catalogue;
use crate::till::Prices;

/// Is a till for one clerk: scans, asks the customer to pay, prints the receipt.
///
/// Every line is a bar code or a command; `help` lists them. Bar codes are checked by their last
/// digit and looked up in the catalogue. Keys are kept in the directory, and so is the id of a
/// payment whose end is not known yet: after a power cut it is given up before the next one.
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

    /// The products, as CSV with columns code, name, price_minor and tax_rate_bp
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,

    /// Whether tax is added to the catalogue's prices or is in them
    #[arg(long, value_enum, default_value_t = PricesAre::BeforeTax)]
    prices: PricesAre,

    /// How the store is registered to round tax that is added
    #[arg(long, value_enum, default_value_t = RoundingIs::Down)]
    rounding: RoundingIs,

    /// The store's name, for receipts
    #[arg(long, value_name = "NAME", value_parser = store_name)]
    store: Option<String>,

    /// How far the clock on receipts is ahead of UTC, in minutes
    #[arg(long, value_name = "MINUTES", default_value = "540", value_parser = offset,
        allow_negative_numbers = true)]
    utc_offset: UtcOffset,
}

/// Is a customer's handset: shows each purchase, asks for the password, tells the result.
///
/// The password is not shown while it is typed, and kept nowhere. Keys are kept in the directory,
/// with the last payments that the handset was told of.
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoundingIs {
    Down,
    HalfUp,
    Up,
}

const TERMINAL_EXAMPLES: &str = "\
Examples:
  kessai-loadgen terminal enrol --dir till kessai1:127.0.0.1:4433:terminal:POS00001:...
      enrols a key once, with the activation string from `kessai`
  kessai-loadgen terminal --dir till
      opens the till, with the built-in catalogue
  kessai-loadgen terminal --dir till --catalogue shop.csv --prices with-tax --store 渋谷店
      a till with products of its own
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

fn store_name(text: &str) -> Result<String, String> {
    StoreName::new(text).map(|name| name.to_string()).map_err(|error| error.to_string())
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
        let catalogue = match &self.catalogue {
            None => Catalogue::builtin()?,
            Some(path) => {
                let unreadable = |source| HandError::Unreadable { path: path.clone(), source };
                Catalogue::read(&std::fs::read_to_string(path).map_err(unreadable)?)?
            }
        };
        let prices = match self.prices {
            PricesAre::BeforeTax => Prices::BeforeTax,
            PricesAre::WithTax => Prices::WithTax,
        };
        let rounding = match self.rounding {
            RoundingIs::Down => Rounding::Down,
            RoundingIs::HalfUp => Rounding::HalfUp,
            RoundingIs::Up => Rounding::Up,
        };
        let counter = Counter::new(Cart::new(catalogue, prices, rounding), voice);
        let setting = Setting { store: self.store, offset: self.utc_offset };
        let folder = self.dir.unwrap_or_default();
        terminal::converse(&folder, setting, counter, keyboard).await
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
                handset::converse(&folder, self.utc_offset, voice, keyboard).await
            }
        }
    }
}
