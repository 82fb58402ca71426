//! Prices what a machine could hand out of a purchase.

use kessai_terms::{Amount, Reason};

use crate::confirmation::Confirmation;
use crate::delivery::DeliveredLines;

/// Tells what a part of a purchase costs. Both amounts are zero if nothing of it is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// In the currency of the basket.
    pub price: Amount,
    /// In the currency of the customer's account.
    pub amount: Amount,
}

impl Confirmation {
    /// Prices what was delivered of a purchase, from what its customer was shown.
    ///
    /// # Errors
    /// [`Reason::QuantityInvalid`] for more pieces of a line than were bought, or of a line that
    /// was not.
    pub fn delivered(&self, lines: &DeliveredLines) -> Result<Part, Reason> {
        let bought = self.basket.lines().len();
        let is_beyond = |(line, _)| usize::try_from(line).map_or(true, |line| line >= bought);
        if lines.iter().any(is_beyond) {
            return Err(Reason::QuantityInvalid);
        }
        let part = self.basket.part(|place| lines.pieces(place))?;
        let price = part.map_or(Amount::ZERO, |part| part.total());
        let amount = match &self.exchange {
            None => price,
            Some(exchange) => exchange
                .convert(price.of(self.currency))
                .map_err(|_too_great| Reason::AmountOverflow)?,
        };
        Ok(Part { price, amount })
    }
}
