//! What a clerk types, and what it means. Asks nobody: what needs the gateway is handed on.

use std::io::Write;

use kessai_client::wire::Payer;
use kessai_engine::terms::{Amount, Basket, Currency, PaymentId};

use super::cart::{Cart, CartError};
use super::payer::{Named, payer};
use super::texts::till as texts;
use super::voice::Voice;
use super::{page, reading};

/// What is to be done about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing more.
    Stay,
    /// The basket is to be paid by this customer.
    Pay(Payer, Basket),
    /// A payment is to be taken back: this one, or the last.
    Reverse(Option<PaymentId>),
    /// Of this payment so much is to be paid back, or all that is left.
    Refund(PaymentId, Option<Amount>),
    /// The clerk wants to know how a payment stands: this one, or the last.
    Status(Option<PaymentId>),
    /// The clerk wants to know what moved on this day, or on the current one.
    Totals(Option<u32>),
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
            let named: Vec<&str> = line.split_whitespace().collect();
            return if first.is_empty() { self.say(texts::NOT_PAID_NOW) } else { self.pay(&named) };
        }
        match (first.to_ascii_lowercase().as_str(), rest.as_slice()) {
            ("", _) => Next::Stay,
            ("help" | "?", _) => self.say(texts::HELP),
            ("quit" | "exit" | "q", []) => Next::Quit,
            ("basket" | "b", []) => self.show(),
            ("clear", []) => {
                self.cart.clear();
                self.say(texts::CLEARED)
            }
            ("remove", [number]) => self.remove(number),
            ("pay", []) => self.ask_customer(),
            ("pay", named) => self.pay(named),
            ("reverse", []) => Next::Reverse(None),
            ("reverse", [payment]) => self.about(payment, |payment| Next::Reverse(Some(payment))),
            ("refund", [payment]) => self.about(payment, |payment| Next::Refund(payment, None)),
            ("refund", [payment, amount]) => self.refund(payment, amount),
            ("refund", []) => self.say(texts::REFUND_OF_WHAT),
            ("status", []) => Next::Status(None),
            ("status", [payment]) => self.about(payment, |payment| Next::Status(Some(payment))),
            ("totals", []) => Next::Totals(None),
            ("totals", [day]) => match reading::day(day) {
                Some(day) => Next::Totals(Some(day)),
                None => self.say(texts::NO_DAY),
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

    fn currency(&self) -> Currency {
        self.cart.currency()
    }

    fn about(&mut self, payment: &str, next: impl FnOnce(PaymentId) -> Next) -> Next {
        match payment.parse() {
            Ok(payment) => next(payment),
            Err(_) => self.say(texts::NO_PAYMENT_ID),
        }
    }

    fn refund(&mut self, payment: &str, amount: &str) -> Next {
        match reading::amount(amount, self.currency()) {
            Some(amount) => self.about(payment, |payment| Next::Refund(payment, Some(amount))),
            None => self.say(texts::no_amount(self.currency())),
        }
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
                self.say(texts::scanned(&line, total, self.currency()))
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
            Ok(basket) => self.say(page::purchase(&basket, self.currency()).trim_end()),
            Err(why) => self.say(why.clerk_text()),
        }
    }

    fn ask_customer(&mut self) -> Next {
        match self.cart.basket() {
            Ok(basket) => {
                self.asks_customer = true;
                self.say(page::purchase(&basket, self.currency()).trim_end());
                self.say(texts::WHICH_CUSTOMER)
            }
            Err(why) => self.say(why.clerk_text()),
        }
    }

    fn pay(&mut self, named: &[&str]) -> Next {
        match (payer(named), self.cart.basket()) {
            (Err(why), _) => self.say(texts::no_payer(why)),
            (Ok(_), Err(why)) => self.say(why.clerk_text()),
            (Ok(Named::Clearly(payer)), Ok(basket)) => Next::Pay(payer, basket),
            (Ok(Named::AsCode(payer)), Ok(basket)) => {
                self.voice.say(texts::TAKEN_AS_CODE);
                Next::Pay(payer, basket)
            }
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
            ("pay 12_34", "That is no code of ten digits, and no customer id."),
            (
                "pay id 12_34",
                "That is no customer id: it has up to 23 letters, digits and hyphens.",
            ),
            (
                "pay 0123456789",
                "As a code this is mistyped: its last digit does not fit. \
                 If it is a customer id, type `pay id` and the id.",
            ),
            (
                "pay 012 345 6789",
                "The code is mistyped: its last digit does not fit. Type it again.",
            ),
            ("pay 012 345", "That is no code: it has ten digits."),
            ("pay code 01x", "That is no code: it has digits only, perhaps in groups."),
            ("pay 012 345 6782", "The purchase list is empty."),
            ("reverse 17", texts::NO_PAYMENT_ID),
            ("refund", texts::REFUND_OF_WHAT),
            ("refund 17", texts::NO_PAYMENT_ID),
            ("refund 17 100", texts::NO_PAYMENT_ID),
            (
                "refund 019a6f3e-8c00-7000-8000-000000000001 1.5",
                "That is no amount: type a number above zero, without decimals.",
            ),
            ("status 17", texts::NO_PAYMENT_ID),
            ("totals yesterday", "That is no day: type it as 20261122 or 2026-11-22."),
            ("totals 20260229", "That is no day: type it as 20261122 or 2026-11-22."),
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
        let by_id = Payer::Customer("1234-567-890".parse().unwrap());
        let by_code = Payer::Code("0123456782".parse().unwrap());
        let next = |payer| Next::Pay(payer, basket.clone());
        assert_eq!(counter.hear("1234-567-890"), next(by_id));
        assert_eq!(counter.hear("pay 1234-567-890"), next(by_id));
        said(&mut counter, &["pay"]);
        assert_eq!(counter.hear("012 345 6782"), next(by_code));
        counter.voice.taken();
        assert_eq!(counter.hear("pay 012 345 6782"), next(by_code));
        assert_eq!(counter.voice.taken(), "");
        assert_eq!(counter.hear("pay 0123456782"), next(by_code));
        assert_eq!(counter.voice.taken(), format!("{}\n", texts::TAKEN_AS_CODE));
    }

    #[test]
    fn the_rest_is_handed_on() {
        let mut counter = counter();
        let payment = PaymentId::from_parts(1, [7; 10]);
        assert_eq!(counter.hear("status"), Next::Status(None));
        assert_eq!(counter.hear(&format!("status {payment}")), Next::Status(Some(payment)));
        assert_eq!(counter.hear("reverse"), Next::Reverse(None));
        assert_eq!(counter.hear(&format!("reverse {payment}")), Next::Reverse(Some(payment)));
        assert_eq!(counter.hear(&format!("refund {payment}")), Next::Refund(payment, None));
        let part = Next::Refund(payment, Amount::new(100).ok());
        assert_eq!(counter.hear(&format!("Refund {payment} 100")), part);
        assert_eq!(counter.hear("totals"), Next::Totals(None));
        assert_eq!(counter.hear("totals 2026-11-22"), Next::Totals(Some(20_261_122)));
        assert_eq!(counter.hear("Quit"), Next::Quit);
    }
}
