//! What merchants sell.

use std::collections::BTreeMap;

use kessai_engine::terms::MerchantId;

use super::clerk::Clerk;
use super::kind::{Existing, Kind, already_there};
use super::report::Halt;
use crate::admin::Office;
use crate::admin::catalogue::{Product, Products};
use crate::admin::table::{Column, Row};

/// Products that are kept in memory; beyond it those are put away that were read before.
const MOST: usize = 200_000;

static COLUMNS: [Column; 6] = [
    Column::required("merchant"),
    Column::required("code"),
    Column::required("name"),
    Column::required("price_minor"),
    Column::required("currency"),
    Column::required("tax_rate_bp"),
];

/// The catalogues that are being changed.
#[derive(Default)]
pub(super) struct Shelves {
    open: BTreeMap<MerchantId, Shelf>,
    products: usize,
}

struct Shelf {
    products: Products,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    AsRead,
    Changed,
}

impl Shelves {
    /// The catalogue of a merchant, read if need be.
    fn shelf(&mut self, merchant: MerchantId, office: &Office) -> Result<&mut Shelf, Halt> {
        if !self.open.contains_key(&merchant) && self.products > MOST {
            self.put_away(office)?;
        }
        Ok(match self.open.entry(merchant) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let products = office.catalogues.read(&merchant)?;
                self.products = self.products.saturating_add(products.len());
                place.insert(Shelf { products, state: State::AsRead })
            }
        })
    }

    fn put_away(&mut self, office: &Office) -> Result<(), Halt> {
        self.products = 0;
        for (merchant, shelf) in std::mem::take(&mut self.open) {
            if shelf.state == State::Changed {
                office.catalogues.write(&merchant, &shelf.products)?;
            }
        }
        Ok(())
    }
}

impl Kind for Shelves {
    type Entry = (MerchantId, Product);
    type Id = (MerchantId, u64);

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn id_column(&self) -> &'static str {
        "code"
    }

    fn parse(&self, row: &Row) -> Result<Self::Entry, String> {
        Ok((row.required("merchant", MerchantId::new)?, Product::parse(row)?))
    }

    fn id(&self, (merchant, product): &Self::Entry) -> Self::Id {
        (*merchant, product.code.number())
    }

    fn check(
        &mut self,
        (merchant, product): &Self::Entry,
        existing: Existing,
        office: &Office,
    ) -> Result<Result<(), String>, Halt> {
        if office.engine.register().merchant(merchant).is_none() {
            return Ok(Err("merchant: not registered".to_owned()));
        }
        let shelf = self.shelf(*merchant, office)?;
        let is_there = shelf.products.contains_key(&product.code.number());
        Ok(match existing {
            Existing::Refused if is_there => Err(already_there(self.id_column())),
            Existing::Refused | Existing::Updated => Ok(()),
        })
    }

    fn enter(&mut self, line: u64, entry: Self::Entry, clerk: &mut Clerk<'_>) -> Result<(), Halt> {
        if let Err(problem) = self.check(&entry, clerk.existing, clerk.office)? {
            return clerk.report.bad(line, problem);
        }
        let (merchant, product) = entry;
        let shelf = self.shelf(merchant, clerk.office)?;
        shelf.state = State::Changed;
        if shelf.products.insert(product.code.number(), product).is_some() {
            clerk.report.updated();
        } else {
            self.products = self.products.saturating_add(1);
            clerk.report.entered();
        }
        Ok(())
    }

    fn finish(&mut self, clerk: &mut Clerk<'_>) -> Result<(), Halt> {
        self.put_away(clerk.office)
    }
}
