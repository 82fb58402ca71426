//! Catalogues: what each merchant sells, in a file of its own that tills can read.
//!
//! They are no part of the books: the engine never sees them. A file is replaced whole, so that it
//! is always either the old or the new one.
//!
//! # Source
//! JP 2001-249969, the product name file (81).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::response::Response;
use axum::routing::get;
use kessai_engine::terms::{Amount, Currency, Gtin, MerchantId, ProductName, TaxRate};

use crate::admin::Office;
use crate::admin::problem::Problem;
use crate::admin::register::parse;
use crate::admin::rows::ProductRow;
use crate::admin::stream::answer;
use crate::admin::table::{Column, Row, number, read_csv};

/// The folder in the data directory.
const FOLDER: &str = "catalogue";

/// The columns of a merchant's file.
static COLUMNS: [Column; 5] = [
    Column::required("code"),
    Column::required("name"),
    Column::required("price_minor"),
    Column::required("currency"),
    Column::required("tax_rate_bp"),
];

/// A product that a merchant sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) code: Gtin,
    name: ProductName,
    price: Amount,
    currency: Currency,
    tax: TaxRate,
}

/// What one merchant sells, by bar code.
pub(super) type Products = BTreeMap<u64, Product>;

impl Product {
    pub(super) fn parse(row: &Row) -> Result<Self, String> {
        Ok(Self {
            code: row.required("code", Gtin::new)?,
            name: row.required("name", ProductName::new)?,
            price: row.required("price_minor", amount)?,
            currency: row.required("currency", Currency::from_code)?,
            tax: row.required("tax_rate_bp", |text| {
                TaxRate::new(number(text)?).map_err(|error| error.to_string())
            })?,
        })
    }

    fn row(&self) -> ProductRow {
        ProductRow {
            code: self.code.to_string(),
            name: self.name.to_string(),
            price_minor: self.price.minor(),
            currency: self.currency.code().to_owned(),
            tax_rate_bp: self.tax.basis_points(),
        }
    }
}

/// Reads an amount in minor units.
pub(super) fn amount(text: &str) -> Result<Amount, String> {
    Amount::new(number(text)?).map_err(|error| error.to_string())
}

/// The merchants' files.
#[derive(Debug, Clone)]
pub(super) struct Catalogues {
    folder: PathBuf,
}

impl Catalogues {
    pub(super) fn new(data: &Path) -> Self {
        Self { folder: data.join(FOLDER) }
    }

    fn path(&self, merchant: &MerchantId) -> PathBuf {
        // An id has letters, digits and hyphens alone.
        self.folder.join(format!("{merchant}.csv"))
    }

    /// Reads what a merchant sells; nothing if nothing was ever imported.
    pub(super) fn read(&self, merchant: &MerchantId) -> io::Result<Products> {
        let file = match File::open(self.path(merchant)) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Products::new()),
            Err(error) => return Err(error),
        };
        let mut products = Products::new();
        read_csv(file, &COLUMNS, |row| {
            let product = Product::parse(row)?;
            products.insert(product.code.number(), product);
            Ok(())
        })?;
        Ok(products)
    }

    /// Replaces what a merchant sells; durable when it returns.
    pub(super) fn write(&self, merchant: &MerchantId, products: &Products) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let path = self.path(merchant);
        let draft = path.with_extension("new");
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_path(&draft)?;
        csv.write_record(COLUMNS.iter().map(|column| column.name))?;
        for product in products.values() {
            csv.serialize(product.row())?;
        }
        let mut file = csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        file.flush()?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        File::open(&self.folder)?.sync_all()?;
        // The folder itself may be new.
        self.folder.parent().map_or(Ok(()), |data| File::open(data)?.sync_all())
    }
}

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/v1/merchants/{id}/catalogue", get(look_up))
}

async fn look_up(
    State(office): State<Arc<Office>>,
    UrlPath(id): UrlPath<String>,
) -> Result<Response, Problem> {
    let merchant = parse("id", &id, MerchantId::new)?;
    let register = office.engine.register();
    if register.merchant(&merchant).is_none() {
        return Err(Problem::not_found(format!("no merchant {merchant}")));
    }
    office.settle(register.after).await;
    let catalogues = office.catalogues.clone();
    let read = tokio::task::spawn_blocking(move || catalogues.read(&merchant)).await;
    let products = read.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let (mut answer, response) = answer();
    tokio::spawn(async move {
        for product in products.values() {
            answer.write(&product.row()).await?;
        }
        answer.flush().await
    });
    Ok(response)
}

#[cfg(test)]
mod tests {
    use kessai_engine::terms::MerchantId;

    use super::{Catalogues, Product, Products};
    use crate::admin::table::{Column, Row};

    fn product(code: &str, name: &str) -> Product {
        let mut row = Row::new(&super::COLUMNS);
        for (place, text) in [code, name, "105", "JPY", "800"].iter().enumerate() {
            row.set(place, text).unwrap();
        }
        Product::parse(&row).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let catalogues = Catalogues::new(folder.path());
        let merchant: MerchantId = "M1".parse().unwrap();
        assert_eq!(catalogues.read(&merchant).unwrap(), Products::new());
        let tea = product("4901234567894", "お茶, \"濃い\"");
        let rice = product("96385074", "おにぎり");
        let both: Products =
            [&tea, &rice].map(|product| (product.code.number(), product.clone())).into();
        catalogues.write(&merchant, &both).unwrap();
        assert_eq!(catalogues.read(&merchant).unwrap(), both);
        let text = std::fs::read_to_string(folder.path().join("catalogue/M1.csv")).unwrap();
        let expected = "code,name,price_minor,currency,tax_rate_bp\n\
                        96385074,おにぎり,105,JPY,800\n\
                        4901234567894,\"お茶, \"\"濃い\"\"\",105,JPY,800\n";
        assert_eq!(text, expected);
        let one: Products = [(tea.code.number(), tea)].into();
        catalogues.write(&merchant, &one).unwrap();
        assert_eq!(catalogues.read(&merchant).unwrap(), one);
        assert_eq!(catalogues.read(&"M2".parse().unwrap()).unwrap(), Products::new());
        let names = std::fs::read_dir(folder.path().join("catalogue")).unwrap().count();
        assert_eq!(names, 1, "no draft is left");
        std::fs::write(folder.path().join("catalogue/M1.csv"), "code,name\n").unwrap();
        let error = catalogues.read(&merchant).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("price_minor"), "{error}");
    }

    #[test]
    fn a_file_has_the_columns_that_are_told() {
        let names = super::COLUMNS.map(|Column { name, .. }| name);
        let row = serde_json::to_value(product("96385074", "x").row()).unwrap();
        let told: Vec<_> = row.as_object().unwrap().keys().cloned().collect();
        assert_eq!(told, names);
    }
}
