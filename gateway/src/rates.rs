//! Rates of exchange: what a price in a merchant's currency comes to in a customer's.
//!
//! They stand in a file that can be replaced while the gateway serves. What a payment was computed
//! by is in its own record: nothing here is needed to understand the past.
//!
//! # Source
//! JP 2001-249969, paragraph 81.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use kessai_engine::ForeignPrice;
use kessai_engine::terms::{Amount, AmountError, Currency, Rate, Reason};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The longest file that is read, in bytes: some ten thousand rates.
const MOST_BYTES: u64 = 1 << 20;

/// The highest mark-up that can be meant, in hundredths of a per cent.
const MOST_MARKUP: u16 = 2_000;

/// What the first line of the file names, in any order.
const COLUMNS: [&str; 6] = ["base", "quote", "rate", "markup_bp", "valid_from", "valid_until"];

/// Why a file of rates is not taken; whatever was in force before stays so.
#[derive(Debug, thiserror::Error)]
pub enum RatesError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is longer than any table of rates.
    #[error("{0}: longer than {MOST_BYTES} bytes")]
    TooLong(PathBuf),
    /// A line of it makes no sense.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, the first being 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// The rates in force, and the file that they came from.
#[derive(Debug)]
pub(crate) struct Rates {
    /// None: prices are taken in the customer's own currency only.
    file: Option<PathBuf>,
    read: RwLock<Read>,
}

#[derive(Debug, Clone, Default)]
struct Read {
    table: Arc<Table>,
    /// When the file was last changed, as far as it has been looked at.
    changed: Option<SystemTime>,
}

/// All quotations, by the currency of the price and that of the charge.
#[derive(Debug, Default)]
pub(crate) struct Table(HashMap<(Currency, Currency), Vec<Quotation>>);

/// What one unit of a currency costs in another, and when that is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quotation {
    /// With the mark-up in it.
    pub(crate) rate: Rate,
    pub(crate) markup_basis_points: u16,
    /// In milliseconds since the Unix epoch.
    pub(crate) valid_ms: Range<u64>,
}

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    base: String,
    quote: String,
    rate: String,
    markup_bp: String,
    valid_from: String,
    valid_until: String,
}

impl Rates {
    /// Reads the rates from `file`; without one there are none.
    ///
    /// # Errors
    /// [`RatesError`].
    pub(crate) fn load(file: Option<PathBuf>) -> Result<Self, RatesError> {
        let rates = Self { file, read: RwLock::default() };
        rates.reload_if_changed()?;
        Ok(rates)
    }

    /// Reads the file again if it has changed, and says whether it had.
    ///
    /// # Errors
    /// [`RatesError`]; the rates before stay in force, and the file is looked at again once it
    /// changes.
    pub(crate) fn reload_if_changed(&self) -> Result<bool, RatesError> {
        let Some(path) = &self.file else { return Ok(false) };
        let file = |source| RatesError::File { path: path.clone(), source };
        let about = std::fs::metadata(path).map_err(file)?;
        let changed = about.modified().map_err(file)?;
        if self.current().changed == Some(changed) {
            return Ok(false);
        }
        let table = if about.len() > MOST_BYTES {
            Err(RatesError::TooLong(path.clone()))
        } else {
            // What cannot be read now is tried again.
            Table::parse(path, &std::fs::read(path).map_err(file)?)
        };
        let mut read = self.read.write().unwrap_or_else(PoisonError::into_inner);
        read.changed = Some(changed);
        read.table = Arc::new(table?);
        Ok(true)
    }

    /// The rates in force.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.current().table
    }

    fn current(&self) -> Read {
        self.read.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Table {
    fn parse(path: &Path, text: &[u8]) -> Result<Self, RatesError> {
        let wrong = |line, problem| RatesError::Line { path: path.to_owned(), line, problem };
        let mut table = Self::default();
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let mut record = csv::StringRecord::new();
        let headers = reader.headers().map_err(|error| wrong(1, error.to_string()))?.clone();
        // Else a rate would be taken for the names of the columns, and be lost.
        if let Some(column) =
            COLUMNS.iter().find(|column| !headers.iter().any(|one| one == **column))
        {
            return Err(wrong(1, format!("no column {column}")));
        }
        loop {
            let line = reader.position().line();
            match reader.read_record(&mut record) {
                Ok(false) => return Ok(table),
                Ok(true) => {}
                Err(error) => return Err(wrong(line, error.to_string())),
            }
            let line = record.position().map_or(line, csv::Position::line);
            let read: Line = record
                .deserialize(Some(&headers))
                .map_err(|error| wrong(line, error.to_string()))?;
            let (pair, quotation) = read.check().map_err(|problem| wrong(line, problem))?;
            table.0.entry(pair).or_default().push(quotation);
        }
    }

    /// Finds what `base` costs in `quote` now; of several the one that holds since last.
    ///
    /// # Errors
    /// [`Reason::RateMissing`], [`Reason::RateStale`] if none that there is holds now.
    pub(crate) fn find(
        &self,
        base: Currency,
        quote: Currency,
        now_ms: u64,
    ) -> Result<&Quotation, Reason> {
        let quotations = self.0.get(&(base, quote)).ok_or(Reason::RateMissing)?;
        let in_force = quotations.iter().filter(|quotation| quotation.valid_ms.contains(&now_ms));
        in_force.max_by_key(|quotation| quotation.valid_ms.start).ok_or(Reason::RateStale)
    }

    /// Goes through all quotations, ordered by currencies and time.
    pub(crate) fn all(&self) -> Vec<(Currency, Currency, &Quotation)> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .flat_map(|((base, quote), list)| list.iter().map(|one| (*base, *quote, one)))
            .collect();
        all.sort_by_key(|(base, quote, one)| (base.code(), quote.code(), one.valid_ms.start));
        all
    }
}

#[cfg(test)]
impl Table {
    /// One quotation alone.
    pub(crate) fn of(
        base: Currency,
        quote: Currency,
        rate: &str,
        markup_basis_points: u16,
        valid_ms: Range<u64>,
    ) -> Self {
        let rate: Rate = rate.parse().unwrap();
        let rate = rate.with_markup(markup_basis_points).unwrap();
        let quotation = Quotation { rate, markup_basis_points, valid_ms };
        Self(HashMap::from([((base, quote), vec![quotation])]))
    }
}

impl Quotation {
    /// Computes what `price` in `base` comes to in `quote`, with all that is to be shown of it.
    ///
    /// # Errors
    /// [`AmountError`] if it leaves the range of an amount.
    pub(crate) fn convert(
        &self,
        price: Amount,
        base: Currency,
        quote: Currency,
    ) -> Result<(Amount, ForeignPrice), AmountError> {
        let charged = self.rate.convert(price, base, quote)?;
        let markup_basis_points = self.markup_basis_points;
        let rate = self.rate;
        Ok((charged, ForeignPrice { price, currency: base, rate, markup_basis_points }))
    }
}

impl Line {
    fn check(&self) -> Result<((Currency, Currency), Quotation), String> {
        let currency = |code: &str| Currency::from_code(code).map_err(|error| error.to_string());
        let (base, quote) = (currency(&self.base)?, currency(&self.quote)?);
        if base == quote {
            return Err("a currency costs itself".to_owned());
        }
        let markup_basis_points =
            self.markup_bp.parse().ok().filter(|markup| *markup <= MOST_MARKUP);
        let markup_basis_points = markup_basis_points.ok_or_else(|| {
            format!("markup_bp: not a number of hundredths of a per cent up to {MOST_MARKUP}")
        })?;
        let rate: Rate = self.rate.parse().map_err(|error| format!("rate: {error}"))?;
        let rate =
            rate.with_markup(markup_basis_points).map_err(|error| format!("rate: {error}"))?;
        let from_ms = instant("valid_from", &self.valid_from)?;
        let until_ms = instant("valid_until", &self.valid_until)?;
        if until_ms <= from_ms {
            return Err("valid_until does not come after valid_from".to_owned());
        }
        Ok(((base, quote), Quotation { rate, markup_basis_points, valid_ms: from_ms..until_ms }))
    }
}

/// Reads an instant as RFC 3339 writes it, as milliseconds since the Unix epoch.
fn instant(field: &str, text: &str) -> Result<u64, String> {
    let wrong = || format!("{field}: not an instant like 2026-10-30T16:00:00+01:00");
    let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_no_instant| wrong())?;
    u64::try_from(instant.unix_timestamp_nanos() / 1_000_000).map_err(|_before_1970| wrong())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kessai_engine::terms::{Amount, Currency, Reason};

    use super::{Rates, RatesError, Table};

    const HEADER: &str = "base,quote,rate,markup_bp,valid_from,valid_until\n";
    /// 2026-10-30T00:00:00Z.
    const DAY_MS: u64 = 1_793_318_400_000;

    fn currency(code: &str) -> Currency {
        Currency::from_code(code).unwrap()
    }

    fn table(lines: &str) -> Result<Table, RatesError> {
        Table::parse(Path::new("rates.csv"), format!("{HEADER}{lines}").as_bytes())
    }

    fn charge(lines: &str, minor: u64) -> u64 {
        let table = table(lines).unwrap();
        let (usd, jpy) = (currency("USD"), currency("JPY"));
        let quotation = table.find(usd, jpy, DAY_MS).unwrap();
        quotation.convert(Amount::new(minor).unwrap(), usd, jpy).unwrap().0.minor()
    }

    #[test]
    fn a_price_is_converted_at_the_rate_in_force_with_its_mark_up() {
        // The euro's reference rates of 2026-10-30: 175.68 yen by 1.1172 dollars.
        let plain = "USD,JPY,157.250268528,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z\n";
        assert_eq!(charge(plain, 12_715), 19_994);
        let marked = "USD,JPY,100,250,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z\n";
        assert_eq!(charge(marked, 1_000), 1_025, "2.5 per cent on top");
        let newer = format!(
            "{marked}USD,JPY,200,0,2026-10-30T00:00:00+00:00,2026-10-30T12:00:00Z\n\
             USD,JPY,300,0,2026-10-29T00:00:00Z,2026-11-30T12:00:00Z\n"
        );
        assert_eq!(
            charge(&newer, 1_000),
            2_000,
            "the one that holds since last, and of these the last"
        );
    }

    #[test]
    fn a_rate_that_is_not_there_or_does_not_hold_is_named() {
        let table = table("USD,JPY,157,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z\n").unwrap();
        let find = |base, quote, now_ms| {
            table.find(currency(base), currency(quote), now_ms).map(|found| found.valid_ms.clone())
        };
        assert_eq!(find("JPY", "USD", DAY_MS), Err(Reason::RateMissing), "the other way round");
        assert_eq!(find("USD", "JPY", DAY_MS - 1), Err(Reason::RateStale));
        let day_ms = 86_400_000;
        assert_eq!(find("USD", "JPY", DAY_MS), Ok(DAY_MS..DAY_MS + day_ms));
        assert_eq!(find("USD", "JPY", DAY_MS + day_ms), Err(Reason::RateStale));
    }

    #[test]
    fn each_fault_of_a_file_is_named_with_its_line() {
        let good = "USD,JPY,157,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z\n";
        for (line, told) in [
            ("USD,USD,1,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z", "itself"),
            ("USD,XXY,1,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z", "currency"),
            ("USD,JPY,-1,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z", "rate"),
            ("USD,JPY,0,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z", "rate"),
            ("USD,JPY,1e3,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z", "rate"),
            ("USD,JPY,1,2001,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z", "markup_bp"),
            ("USD,JPY,1,-1,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z", "markup_bp"),
            ("USD,JPY,1,0,2026-10-30,2026-10-31T00:00:00Z", "valid_from"),
            ("USD,JPY,1,0,2026-10-30T00:00:00Z,2026-10-30T00:00:00Z", "valid_until"),
            ("USD,JPY,1,0,2026-10-30T00:00:00Z", "fields"),
        ] {
            let error = table(&format!("{good}{line}\n")).unwrap_err().to_string();
            assert!(error.starts_with("rates.csv:3: ") && error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_file_that_does_not_name_its_columns_is_refused() {
        for text in
            ["USD,JPY,157,0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z\n", "", "base,quote\n"]
        {
            let error = Table::parse(Path::new("rates.csv"), text.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with("rates.csv:1: no column"), "{error}");
        }
    }

    #[test]
    fn a_file_is_read_again_when_it_changes_and_a_bad_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rates.csv");
        let at =
            |seconds| std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let write = |rate: &str, seconds| {
            let line = format!("USD,JPY,{rate},0,2026-10-30T00:00:00Z,2026-10-31T00:00:00Z\n");
            std::fs::write(&path, format!("{HEADER}{line}")).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(at(seconds)).unwrap();
        };
        let (usd, jpy) = (currency("USD"), currency("JPY"));
        let ten = |rates: &Rates| {
            let table = rates.table();
            let quotation = table.find(usd, jpy, DAY_MS).unwrap();
            quotation.convert(Amount::new(1_000).unwrap(), usd, jpy).unwrap().0.minor()
        };
        write("100", 1);
        let rates = Rates::load(Some(path.clone())).unwrap();
        assert_eq!(ten(&rates), 1_000);
        assert!(!rates.reload_if_changed().unwrap());
        write("200", 2);
        assert!(rates.reload_if_changed().unwrap());
        assert_eq!(ten(&rates), 2_000);
        write("nonsense", 3);
        assert!(matches!(rates.reload_if_changed(), Err(RatesError::Line { line: 2, .. })));
        assert_eq!(ten(&rates), 2_000, "what was in force stays so");
        assert!(!rates.reload_if_changed().unwrap(), "told once");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(rates.reload_if_changed(), Err(RatesError::File { .. })));
        assert_eq!(ten(&rates), 2_000);
    }

    #[test]
    fn without_a_file_there_are_no_rates() {
        let rates = Rates::load(None).unwrap();
        assert!(!rates.reload_if_changed().unwrap());
        let found = rates.table().find(currency("USD"), currency("JPY"), 0).map(|_| ());
        assert_eq!(found, Err(Reason::RateMissing));
    }
}
