//! What a clerk types, and what it means. Asks nobody: what needs the gateway is handed on.

use std::io::Write;

use kessai_engine::terms::{Basket, CustomerId, PaymentId};

use super::cart::{Cart, CartError};
use super::voice::Voice;
use super::{receipt, texts};

/// What is to be done about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing more.
    Stay,
    /// The basket is to be paid by this customer.
    Pay(CustomerId, Basket),
    /// The clerk wants to know how a payment stands: this one, or the last.
    Status(Option<PaymentId>),
    /// The clerk leaves.
    Quit,
}

/// The counter before the clerk.
pub(super) struct Counter<W> {
    pub(super) cart: Cart,
    pub(super) voice: Voice<W>,
    /// The next line is a customer's id.
    asks_customer: bool,
}

impl<W: Write> Counter<W> {
    pub(super) const fn new(cart: Cart, voice: Voice<W>) -> Self {
        Self { cart, voice, asks_customer: false }
    }

    /// Takes a line that the clerk has typed, or the scanner.
    pub(super) fn hear(&mut self, line: &str) -> Next {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        if std::mem::take(&mut self.asks_customer) {
            return if first.is_empty() { self.say(texts::NOT_PAID_NOW) } else { self.pay(first) };
        }
        match (first.to_ascii_lowercase().as_str(), rest.as_slice()) {
            ("", _) => Next::Stay,
            ("help" | "?", _) => self.say(texts::TERMINAL_HELP),
            ("quit" | "exit" | "q", []) => Next::Quit,
            ("basket" | "b", []) => self.show(),
            ("clear", []) => {
                self.cart.clear();
                self.say(texts::CLEARED)
            }
            ("remove", [number]) => self.remove(number),
            ("pay", []) => self.ask_customer(),
            ("pay", [customer]) => self.pay(customer),
            ("status", []) => Next::Status(None),
            ("status", [payment]) => match payment.parse() {
                Ok(payment) => Next::Status(Some(payment)),
                Err(_) => self.say(texts::NO_PAYMENT_ID),
            },
            ("cancel" | "c", []) => self.say(texts::NOTHING_OPEN),
            (_, rest) if first.starts_with(|digit: char| digit.is_ascii_digit()) => {
                self.scan(first, rest)
            }
            _ => self.say(texts::not_understood(first)),
        }
    }

    fn say(&mut self, text: impl std::fmt::Display) -> Next {
        self.voice.say(text);
        Next::Stay
    }

    fn scan(&mut self, code: &str, rest: &[&str]) -> Next {
        let quantity = match rest {
            [] => Some(1),
            [quantity] => quantity.trim_start_matches(['x', '*']).parse().ok(),
            _ => None,
        };
        let Some(quantity) = quantity else { return self.say(texts::NO_QUANTITY) };
        let scanned = self.cart.scan(code, quantity).cloned();
        match scanned {
            Ok(line) => {
                let total = self.cart.basket().map(|basket| basket.total()).unwrap_or_default();
                self.say(texts::scanned(&line, total))
            }
            Err(why) => self.say(texts::not_scanned(code, why)),
        }
    }

    fn remove(&mut self, number: &str) -> Next {
        let removed = number.parse().map_err(|_no_number| CartError::NoLine);
        match removed.and_then(|number| self.cart.remove(number)) {
            Ok(line) => self.say(texts::removed(&line)),
            Err(why) => self.say(texts::not_scanned(number, why)),
        }
    }

    fn show(&mut self) -> Next {
        match self.cart.basket() {
            Ok(basket) => self.say(receipt::purchase(&basket, texts::CURRENCY).trim_end()),
            Err(why) => self.say(why.clerk_text()),
        }
    }

    fn ask_customer(&mut self) -> Next {
        match self.cart.basket() {
            Ok(basket) => {
                self.asks_customer = true;
                self.say(receipt::purchase(&basket, texts::CURRENCY).trim_end());
                self.say(texts::WHICH_CUSTOMER)
            }
            Err(why) => self.say(why.clerk_text()),
        }
    }

    fn pay(&mut self, customer: &str) -> Next {
        match (customer.parse(), self.cart.basket()) {
            (Ok(customer), Ok(basket)) => Next::Pay(customer, basket),
            (Err(_), _) => self.say(texts::NO_CUSTOMER_ID),
            (_, Err(why)) => self.say(why.clerk_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::cart::tests::cart;
    use crate::till::Prices;

    fn counter() -> Counter<Vec<u8>> {
        Counter::new(cart(Prices::BeforeTax), Voice::new(Vec::new()))
    }

    /// Types lines that need no gateway, and takes what was said to the last.
    fn said(counter: &mut Counter<Vec<u8>>, lines: &[&str]) -> String {
        for line in lines {
            counter.voice.taken();
            assert_eq!(counter.hear(line), Next::Stay, "{line}");
        }
        counter.voice.taken()
    }

    #[test]
    fn products_are_scanned_shown_and_taken_back() {
        let mut counter = counter();
        let one = said(&mut counter, &["9521000000377"]);
        assert_eq!(one, "おにぎり 鮭: 1 x 105 JPY. To pay: 115 JPY.\n");
        let three = said(&mut counter, &[" 9521000000377  x2 "]);
        assert_eq!(three, "おにぎり 鮭: 3 x 105 JPY. To pay: 346 JPY.\n");
        let basket = said(&mut counter, &["BASKET"]);
        assert!(basket.contains("Tax 10 % on 315 JPY               31 JPY\n"), "{basket}");
        assert!(basket.ends_with("TOTAL                            346 JPY\n"), "{basket}");
        assert_eq!(said(&mut counter, &["remove 1"]), "Taken off: おにぎり 鮭.\n");
        assert_eq!(said(&mut counter, &["basket"]), "The purchase list is empty.\n");
    }

    #[test]
    fn what_is_wrong_is_told_in_plain_words() {
        let mut counter = counter();
        for (line, answer) in [
            (
                "9521000000378",
                "9521000000378 is misread: its last digit should be 7. Scan it again.",
            ),
            ("95210", "95210 is no bar code: it has 8, 12, 13 or 14 digits."),
            ("9521O00000377", "9521O00000377 is no bar code: it has digits only."),
            ("9521000001114", "9521000001114 is not in the catalogue."),
            ("9521000000377 0", "A quantity is wrong."),
            ("9521000000377 many", texts::NO_QUANTITY),
            ("9521000000742", "The amount is too great."),
            ("remove 1", "There is no such line. Type `basket` to see the numbers."),
            ("pay", "The purchase list is empty."),
            ("pay 1234-567-890", "The purchase list is empty."),
            ("pay 12_34", texts::NO_CUSTOMER_ID),
            ("status 17", texts::NO_PAYMENT_ID),
            ("cancel", texts::NOTHING_OPEN),
            ("dance", "`dance` is not understood. Type `help`."),
            ("", ""),
        ] {
            assert_eq!(said(&mut counter, &[line]).trim_end(), answer, "{line}");
        }
    }

    #[test]
    fn the_customer_is_asked_for_and_can_be_given_at_once() {
        let mut counter = counter();
        counter.hear("9521000000377 3");
        let asked = said(&mut counter, &["pay"]);
        assert!(asked.ends_with(&format!("{}\n", texts::WHICH_CUSTOMER)), "{asked}");
        assert_eq!(said(&mut counter, &[""]), format!("{}\n", texts::NOT_PAID_NOW));
        said(&mut counter, &["pay"]);
        let basket = counter.cart.basket().unwrap();
        let next = Next::Pay("1234-567-890".parse().unwrap(), basket);
        assert_eq!(counter.hear("1234-567-890"), next);
        assert_eq!(counter.hear("pay 1234-567-890"), next);
    }

    #[test]
    fn the_rest_is_handed_on() {
        let mut counter = counter();
        let payment = PaymentId::from_parts(1, [7; 10]);
        assert_eq!(counter.hear("status"), Next::Status(None));
        assert_eq!(counter.hear(&format!("status {payment}")), Next::Status(Some(payment)));
        assert_eq!(counter.hear("Quit"), Next::Quit);
    }
}
