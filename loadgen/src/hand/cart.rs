//! What is on the counter: bar codes become lines, lines become a total.

use kessai_engine::terms::gtin::GtinError;
use kessai_engine::terms::{Amount, Basket, Currency, Gtin, Line, Reason, Rounding, Tax};

use crate::catalogue::{Catalogue, Product};
use crate::till::{Prices, total};

/// Collects what is scanned.
pub(super) struct Cart {
    catalogue: Catalogue,
    prices: Prices,
    /// What the store charges in.
    currency: Currency,
    rounding: Rounding,
    lines: Vec<Line>,
}

/// Why nothing was put on the counter, or taken off it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CartError {
    /// It is no bar code.
    Code(GtinError),
    /// No product in the catalogue bears it.
    Unknown(Gtin),
    /// The basket could not be paid with it.
    Basket(Reason),
    /// There is no such line.
    NoLine,
}

impl Cart {
    pub(super) const fn new(
        catalogue: Catalogue,
        prices: Prices,
        currency: Currency,
        rounding: Rounding,
    ) -> Self {
        Self { catalogue, prices, currency, rounding, lines: Vec::new() }
    }

    /// Tells what the prices are in.
    pub(super) const fn currency(&self) -> Currency {
        self.currency
    }

    /// Puts a product on the counter, and tells its line. The same product has one line.
    pub(super) fn scan(&mut self, code: &str, quantity: u32) -> Result<&Line, CartError> {
        let code = Gtin::new(code).map_err(CartError::Code)?;
        let product = self.catalogue.find(code).ok_or(CartError::Unknown(code))?;
        let found = self.lines.iter().position(|line| line.code == code);
        let before = found.and_then(|place| self.lines.get(place));
        let mut line = before.cloned().unwrap_or_else(|| line(product, self.prices));
        line.quantity = line.quantity.saturating_add(quantity);
        let mut lines = self.lines.clone();
        let place = found.unwrap_or(lines.len());
        lines.splice(place..place.saturating_add(1).min(lines.len()), [line]);
        check(&lines, self.rounding).map_err(CartError::Basket)?;
        self.lines = lines;
        self.lines.get(place).ok_or(CartError::NoLine)
    }

    /// Takes a line off the counter, by its number from 1.
    pub(super) fn remove(&mut self, number: usize) -> Result<Line, CartError> {
        let place = number.checked_sub(1).filter(|place| *place < self.lines.len());
        place.map(|place| self.lines.remove(place)).ok_or(CartError::NoLine)
    }

    /// Takes everything off the counter.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }

    /// Adds all of it up.
    pub(super) fn basket(&self) -> Result<Basket, Reason> {
        check(&self.lines, self.rounding)
    }
}

fn line(product: &Product, prices: Prices) -> Line {
    Line {
        code: product.code,
        name: product.name.clone(),
        unit_price: product.price,
        quantity: 0,
        discount: Amount::ZERO,
        tax: match prices {
            Prices::BeforeTax => Tax::Exclusive(product.tax),
            Prices::WithTax => Tax::Included(product.tax),
        },
    }
}

fn check(lines: &[Line], rounding: Rounding) -> Result<Basket, Reason> {
    let claimed = match total(lines, rounding) {
        Ok(claimed) => claimed,
        Err(_too_great) => return Err(Reason::AmountOverflow),
    };
    Basket::check(lines.to_vec(), rounding, claimed)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Rice balls at 105 yen and tea at 120, and something that nobody can pay.
    pub(in super::super) fn cart(prices: Prices) -> Cart {
        let file = "code,name,price_minor,tax_rate_bp\n\
            9521000000377,おにぎり 鮭,105,1000\n\
            4901234567894,緑茶,120,800\n\
            9521000000742,宇宙船,999999999999,1000\n";
        let catalogue = Catalogue::read(file, Currency::JPY).unwrap();
        Cart::new(catalogue, prices, Currency::JPY, Rounding::Down)
    }

    fn check(cart: &Cart, expected: Result<u64, Reason>) {
        assert_eq!(cart.basket().map(|basket| basket.total().minor()), expected);
    }

    #[test]
    fn what_is_scanned_adds_up_with_its_tax_rounded_once() {
        let mut cart = cart(Prices::BeforeTax);
        check(&cart, Err(Reason::BasketEmpty));
        cart.scan("9521000000377", 1).unwrap();
        check(&cart, Ok(115));
        assert_eq!(cart.scan("9521000000377", 2).unwrap().quantity, 3);
        check(&cart, Ok(315 + 31));
        assert_eq!(cart.scan("04901234567894", 1).unwrap().name.as_str(), "緑茶");
        check(&cart, Ok(315 + 31 + 120 + 9));
        assert_eq!(cart.remove(1).unwrap().quantity, 3);
        check(&cart, Ok(129));
        cart.clear();
        check(&cart, Err(Reason::BasketEmpty));
    }

    #[test]
    fn a_price_may_have_its_tax_in_it() {
        let mut cart = cart(Prices::WithTax);
        cart.scan("9521000000377", 3).unwrap();
        check(&cart, Ok(315));
        assert_eq!(cart.basket().unwrap().taxes()[0].tax.minor(), 28);
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let mut cart = cart(Prices::BeforeTax);
        cart.scan("9521000000377", 3).unwrap();
        let unknown = Gtin::new("9521000001114").unwrap();
        for (code, quantity, why) in [
            ("9521000000378", 1, CartError::Code(GtinError::CheckDigit { expected: 7 })),
            ("952100000037", 1, CartError::Code(GtinError::CheckDigit { expected: 2 })),
            ("95210000003", 1, CartError::Code(GtinError::Length)),
            ("95210O0000377", 1, CartError::Code(GtinError::Digit)),
            ("9521000001114", 1, CartError::Unknown(unknown)),
            ("4901234567894", 0, CartError::Basket(Reason::QuantityInvalid)),
            ("9521000000377", 9_997, CartError::Basket(Reason::QuantityInvalid)),
            ("9521000000377", u32::MAX, CartError::Basket(Reason::QuantityInvalid)),
            ("9521000000742", 1, CartError::Basket(Reason::AmountOverflow)),
        ] {
            let refused = cart.scan(code, quantity).err();
            assert_eq!(refused, Some(why), "{code} x {quantity}");
        }
        assert_eq!(cart.remove(0).err(), Some(CartError::NoLine));
        assert_eq!(cart.remove(2).err(), Some(CartError::NoLine));
        check(&cart, Ok(346));
    }
}
