//! The product name file: what the stores sell, under bar codes that no real product bears.
//!
//! # Source
//! The patent's product name file (81). Codes are of GS1's prefix 952, which is set aside for
//! demonstrations and examples; names and prices are made up.

use kessai_engine::terms::{Amount, Currency, Gtin, ProductName, TaxRate};

/// The file: `code,name,price_minor,tax_rate_bp`, one product a line below a heading.
const FILE: &str = include_str!("../data/catalogue.csv");

/// Is one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its bar code.
    pub code: Gtin,
    /// Its name, as the customer reads it.
    pub name: ProductName,
    /// Its price, in the currency of the catalogue.
    pub price: Amount,
    /// Its tax: 8 % for food, 10 % for alcohol and all else.
    pub tax: TaxRate,
}

/// Holds all products, the one that is bought most first.
#[derive(Debug, Clone)]
pub struct Catalogue {
    products: Vec<Product>,
}

/// Says what is wrong with a catalogue file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The heading lacks a column.
    #[error("the catalogue has no column {column}")]
    Column {
        /// Which one.
        column: &'static str,
    },
    /// A line is no product.
    #[error("line {line} of the catalogue is not a code, a name, a price and a tax rate")]
    Line {
        /// Which line, from 1.
        line: u64,
    },
    /// A price is not in the currency that the till charges in.
    #[error("line {line} of the catalogue has a price in another currency than {}", expected.code())]
    Currency {
        /// Which line, from 1.
        line: u64,
        /// What the till charges in.
        expected: Currency,
    },
    /// There is no product.
    #[error("the catalogue has no products")]
    Empty,
}

impl Catalogue {
    /// Reads the catalogue that comes with the program, priced in yen.
    ///
    /// # Errors
    /// [`CatalogueError`]; never for the committed file, which a test reads.
    pub fn builtin() -> Result<Self, CatalogueError> {
        Self::read(FILE, Currency::JPY)
    }

    /// Reads the catalogue file of a till that charges in `currency`: CSV with the columns `code`,
    /// `name`, `price_minor` and `tax_rate_bp` in any order, as `kessai merchant catalogue` writes
    /// it. Where there is a column `currency`, it must say the same; other columns are passed over.
    ///
    /// # Errors
    /// [`CatalogueError`] names the column that is missing, or the first line that is no product or
    /// not priced in that currency.
    pub fn read(file: &str, currency: Currency) -> Result<Self, CatalogueError> {
        let mut reader = csv::Reader::from_reader(file.as_bytes());
        let columns = match reader.headers() {
            Ok(heading) => Columns::find(heading)?,
            Err(_) => return Err(CatalogueError::Line { line: 1 }),
        };
        let mut products = Vec::new();
        for record in reader.records() {
            // Of unequal length, or not in UTF-8.
            let wrong = |error: csv::Error| CatalogueError::Line {
                line: error.position().map_or(0, csv::Position::line),
            };
            let record = record.map_err(wrong)?;
            let line = record.position().map_or(0, csv::Position::line);
            if columns.currency(&record).is_some_and(|code| code != currency.code()) {
                return Err(CatalogueError::Currency { line, expected: currency });
            }
            products.push(columns.product(&record).ok_or(CatalogueError::Line { line })?);
        }
        if products.is_empty() { Err(CatalogueError::Empty) } else { Ok(Self { products }) }
    }

    /// Lends all products.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// Finds the product that bears a bar code.
    #[must_use]
    pub fn find(&self, code: Gtin) -> Option<&Product> {
        self.products.iter().find(|product| product.code == code)
    }
}

/// Where each field stands in a line.
struct Columns {
    code: usize,
    name: usize,
    price: usize,
    tax: usize,
    currency: Option<usize>,
}

impl Columns {
    fn find(heading: &csv::StringRecord) -> Result<Self, CatalogueError> {
        let place = |column| {
            let found = heading.iter().position(|name| name == column);
            found.ok_or(CatalogueError::Column { column })
        };
        Ok(Self {
            code: place("code")?,
            name: place("name")?,
            price: place("price_minor")?,
            tax: place("tax_rate_bp")?,
            currency: place("currency").ok(),
        })
    }

    fn currency<'a>(&self, record: &'a csv::StringRecord) -> Option<&'a str> {
        record.get(self.currency?)
    }

    fn product(&self, record: &csv::StringRecord) -> Option<Product> {
        Some(Product {
            code: Gtin::new(record.get(self.code)?).ok()?,
            name: ProductName::new(record.get(self.name)?).ok()?,
            price: Amount::new(record.get(self.price)?.parse().ok()?).ok()?,
            tax: TaxRate::new(record.get(self.tax)?.parse().ok()?).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, CatalogueError, FILE};
    use kessai_engine::terms::{Currency, TaxRate};
    use std::collections::BTreeSet;

    #[test]
    fn the_file_holds_at_least_200_different_products_with_valid_jan_codes() {
        let catalogue = Catalogue::builtin().unwrap();
        let products = catalogue.products();
        assert!(products.len() >= 200, "{}", products.len());
        assert_eq!(products.len(), FILE.lines().count() - 1);
        let codes: BTreeSet<_> = products.iter().map(|p| p.code).collect();
        let names: BTreeSet<_> = products.iter().map(|p| p.name.as_str()).collect();
        assert_eq!((codes.len(), names.len()), (products.len(), products.len()));
        for product in products {
            // `Gtin` has checked the check digit.
            let code = product.code.to_string();
            assert!(code.len() == 13 && code.starts_with("952"), "{code} is not of GS1's examples");
            let japanese = |c: char| ('\u{3040}'..='\u{30ff}').contains(&c) || c >= '\u{4e00}';
            assert!(product.name.chars().any(japanese), "{} is not Japanese", product.name);
            assert!((1..=10_000).contains(&product.price.minor()), "{}", product.name);
        }
        for rate in [TaxRate::JAPAN_REDUCED, TaxRate::JAPAN_STANDARD] {
            assert!(products.iter().filter(|p| p.tax == rate).count() >= 20, "{rate}");
        }
        let other = |p: &&super::Product| ![800, 1_000].contains(&p.tax.basis_points());
        assert_eq!(products.iter().find(other), None);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let read = |file: &str| Catalogue::read(file, Currency::JPY).map(|_| ());
        let line = |text: &str| read(&format!("code,name,price_minor,tax_rate_bp\n{text}\n"));
        let wrong = Err(CatalogueError::Line { line: 2 });
        assert_eq!(line("9521000000377,鮭,138,800"), Ok(()));
        assert_eq!(line("9521000000378,鮭,138,800"), wrong, "a wrong check digit");
        for text in ["9521000000377,鮭,138", "9521000000377,鮭,138,800,1", "9521000000377,,1,800"]
        {
            assert_eq!(line(text), wrong, "{text}");
        }
        assert_eq!(line(""), Err(CatalogueError::Empty));
        assert_eq!(read("code,name\n"), Err(CatalogueError::Column { column: "price_minor" }));
    }

    /// As a processor's own file may have it, and `kessai merchant catalogue` writes it.
    #[test]
    fn columns_come_in_any_order_and_names_may_have_commas() {
        let file = "merchant,price_minor,name,tax_rate_bp,code,currency\n\
                    M0001,138,\"鮭, \"\"大\"\"\",800,9521000000377,JPY\n";
        let catalogue = Catalogue::read(file, Currency::JPY).unwrap();
        let product = &catalogue.products()[0];
        assert_eq!(product.name.as_str(), "鮭, \"大\"");
        assert_eq!((product.price.minor(), product.tax.basis_points()), (138, 800));
        let dollars = Catalogue::read(&file.replace("JPY", "USD"), Currency::JPY).map(|_| ());
        let expected = Currency::JPY;
        let cents = Err(CatalogueError::Currency { line: 2, expected });
        assert_eq!(dollars, cents, "138 cents are not 138 yen");
        let dollars = Currency::from_code("USD").unwrap();
        assert!(Catalogue::read(&file.replace("JPY", "USD"), dollars).is_ok());
    }
}
