//! What a part of a purchase list costs, when a machine could not hand out all of it.

use crate::basket::{Basket, Line};
use crate::money::Amount;
use crate::reason::Reason;

impl Basket {
    /// Takes the part of the basket that came out: `pieces` tells how many of the line at each
    /// place. Nothing is left if nothing of it is to be paid.
    ///
    /// A line's discount is shared out by pieces, its fraction in the customer's favour. The taxes
    /// are computed anew, each rounded once per rate as in the whole basket, so that a part never
    /// costs more than the whole.
    ///
    /// # Errors
    /// [`Reason::QuantityInvalid`] for more pieces than the line has.
    pub fn part(&self, pieces: impl Fn(usize) -> u32) -> Result<Option<Self>, Reason> {
        let mut lines = Vec::with_capacity(self.lines().len());
        for (place, line) in self.lines().iter().enumerate() {
            let quantity = pieces(place);
            if quantity > line.quantity {
                return Err(Reason::QuantityInvalid);
            }
            if quantity > 0 {
                let discount = share(line, quantity)?;
                lines.push(Line { quantity, discount, ..line.clone() });
            }
        }
        match Self::add_up(lines, self.rounding()) {
            Ok(part) => Ok(Some(part)),
            // No line is left, or only such as are free.
            Err(Reason::BasketEmpty | Reason::AmountInvalid) => Ok(None),
            Err(reason) => Err(reason),
        }
    }
}

/// Computes how much of a line's discount goes with some of its pieces.
fn share(line: &Line, pieces: u32) -> Result<Amount, Reason> {
    let product = line.discount.minor().checked_mul(u64::from(pieces));
    let share = product.map(|product| product.div_ceil(u64::from(line.quantity.max(1))));
    share.and_then(|share| Amount::new(share).ok()).ok_or(Reason::AmountOverflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gtin, ProductName, Rounding, Tax, TaxRate};

    fn line(unit_price: u64, quantity: u32, discount: u64, tax: Tax) -> Line {
        Line {
            code: Gtin::new("4901234567894").unwrap(),
            name: ProductName::new("緑茶").unwrap(),
            unit_price: Amount::new(unit_price).unwrap(),
            quantity,
            discount: Amount::new(discount).unwrap(),
            tax,
        }
    }

    /// Two at 130 less 21 in all, 8 % added; one at 150, taxed within; one for nothing.
    fn basket() -> Basket {
        let rate = TaxRate::JAPAN_REDUCED;
        let lines = vec![
            line(130, 2, 21, Tax::Exclusive(rate)),
            line(150, 1, 0, Tax::Included(rate)),
            line(98, 1, 98, Tax::Exempt),
        ];
        Basket::check(lines, Rounding::Down, Amount::new(239 + 19 + 150).unwrap()).unwrap()
    }

    fn check(pieces: [u32; 3], expected: Result<Option<u64>, Reason>) {
        let part = basket().part(|place| pieces[place]);
        assert_eq!(part.map(|part| part.map(|part| part.total().minor())), expected, "{pieces:?}");
    }

    #[test]
    fn a_part_costs_its_pieces_its_share_of_the_discount_and_its_own_tax() {
        check([2, 1, 1], Ok(Some(408)));
        // 130 - 11 (of 10.5), and 9 (of 9.52).
        check([1, 1, 1], Ok(Some(119 + 9 + 150)));
        check([1, 0, 0], Ok(Some(119 + 9)));
        check([0, 1, 0], Ok(Some(150)));
    }

    #[test]
    fn the_whole_is_a_part_of_itself() {
        assert_eq!(basket().part(|place| basket().lines()[place].quantity), Ok(Some(basket())));
    }

    #[test]
    fn of_nothing_and_of_what_is_free_nothing_is_left() {
        check([0, 0, 0], Ok(None));
        check([0, 0, 1], Ok(None));
    }

    #[test]
    fn more_than_was_bought_is_no_part() {
        check([3, 1, 1], Err(Reason::QuantityInvalid));
        check([0, 2, 0], Err(Reason::QuantityInvalid));
        check([0, 0, u32::MAX], Err(Reason::QuantityInvalid));
    }
}
