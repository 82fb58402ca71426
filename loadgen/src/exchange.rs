//! The currencies of a run: stores that charge in dollars or dinars, customers who keep yen, and the
//! rates between them.
//!
//! Conversions are computed here by plain integers and not by the gateway's own code: what it
//! charges is judged by this.
//!
//! # Source
//! JP 2001-249969, paragraph 81.

use kessai_engine::terms::{Amount, Currency, Money};

/// What every customer's balance is kept in.
pub const HOME: Currency = Currency::JPY;

/// What a unit of a currency costs in the customers' one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// The currency of the price (ISO 4217).
    pub base: &'static str,
    /// The rate without its decimal point.
    pub digits: u64,
    /// Digits behind its decimal point.
    pub decimals: u32,
    /// What the processor adds, in hundredths of a per cent.
    pub markup_bp: u16,
    /// What a shelf price of a hundred yen is written as, in minor units.
    pub per_hundred_yen: u64,
}

/// Every foreign currency that stores charge in: one with two decimals and one with three.
pub const QUOTES: [Quote; 2] = [
    Quote { base: "USD", digits: 1_572_453, decimals: 4, markup_bp: 150, per_hundred_yen: 64 },
    Quote { base: "BHD", digits: 4_170_712, decimals: 4, markup_bp: 225, per_hundred_yen: 240 },
];

/// From when and until when the rates hold: in every run.
const VALID: &str = "2000-01-01T00:00:00Z,2100-01-01T00:00:00Z";

/// A mark-up of everything, in hundredths of a per cent.
const WHOLE_BP: u16 = 10_000;

impl Quote {
    /// Finds the quote of a currency; none for yen, and for those that no store charges in.
    #[must_use]
    pub fn of(currency: Currency) -> Option<&'static Self> {
        QUOTES.iter().find(|quote| quote.base == currency.code())
    }

    /// Writes the rate as the file of rates has it, without the mark-up.
    #[must_use]
    pub fn rate(&self) -> String {
        decimal(u128::from(self.digits), self.decimals)
    }

    /// Writes the rate with the mark-up in it, as customers are shown it: exact, with four more
    /// decimals at most.
    #[must_use]
    pub fn marked_up(&self) -> String {
        let (mut digits, mut decimals) = (self.marked_up_digits(), self.decimals.saturating_add(4));
        while decimals > self.decimals && digits.is_multiple_of(10) {
            (digits, decimals) = (digits / 10, decimals.saturating_sub(1));
        }
        decimal(digits, decimals)
    }

    /// The rate with the mark-up in it, with four more decimals.
    fn marked_up_digits(&self) -> u128 {
        u128::from(self.digits).saturating_mul(u128::from(WHOLE_BP.saturating_add(self.markup_bp)))
    }
}

fn decimal(digits: u128, decimals: u32) -> String {
    let unit = 10_u128.saturating_pow(decimals).max(1);
    let (whole, rest) = (digits / unit, digits % unit);
    let width = usize::try_from(decimals).unwrap_or_default();
    if width == 0 { whole.to_string() } else { format!("{whole}.{rest:0width$}") }
}

/// Writes the rates as the gateway's `exchange.rates` takes them.
#[must_use]
pub fn file() -> String {
    let mut text = String::from("base,quote,rate,markup_bp,valid_from,valid_until\n");
    for quote in &QUOTES {
        let (base, home, rate) = (quote.base, HOME.code(), quote.rate());
        text.push_str(&format!("{base},{home},{rate},{},{VALID}\n", quote.markup_bp));
    }
    text
}

/// Computes what a price takes from a customer: half a yen is rounded up. None for a currency
/// without a rate, and for more than an amount can be.
#[must_use]
pub fn charge(price: Money) -> Option<Amount> {
    if price.currency == HOME {
        return Some(price.amount);
    }
    let quote = Quote::of(price.currency)?;
    let home_unit = 10_u128.checked_pow(HOME.exponent().into())?;
    let decimals = quote.decimals.checked_add(4)?.checked_add(price.currency.exponent().into())?;
    let dividend = u128::from(price.amount.minor())
        .checked_mul(quote.marked_up_digits())?
        .checked_mul(home_unit)?;
    half_up(dividend, 10_u128.checked_pow(decimals)?)
}

/// Computes what a customer gets back of a `captured` charge once `back` of its `price` has been
/// refunded in all: half a yen is rounded up, and the whole price is the whole charge.
#[must_use]
pub fn given_back(captured: Amount, back: Amount, price: Amount) -> Option<Amount> {
    let dividend = u128::from(captured.minor()).checked_mul(u128::from(back.minor()))?;
    half_up(dividend, u128::from(price.minor()))
}

fn half_up(dividend: u128, divisor: u128) -> Option<Amount> {
    let doubled = dividend.checked_mul(2)?.checked_add(divisor)?;
    let minor = doubled.checked_div(divisor.checked_mul(2)?)?;
    Amount::new(u64::try_from(minor).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{HOME, QUOTES, Quote, charge, file, given_back};
    use kessai_engine::terms::{Amount, Currency, Rate};

    fn amount(minor: u64) -> Amount {
        Amount::new(minor).unwrap()
    }

    fn check(minor: u64, code: &str, yen: u64) {
        let price = amount(minor).of(Currency::from_code(code).unwrap());
        assert_eq!(charge(price), Some(amount(yen)), "{price}");
    }

    /// 127.15 dollars at 157.2453 and 1.5 % more are 20,293.65 yen; 1.234 dinars at 417.0712 and
    /// 2.25 % more are 526.25.
    #[test]
    fn prices_are_converted_half_up() {
        check(300, "JPY", 300);
        check(12_715, "USD", 20_294);
        check(1_234, "BHD", 526);
        check(1, "USD", 2);
        check(1, "BHD", 0);
        let euros = amount(1).of(Currency::EUR);
        assert_eq!(charge(euros), None);
    }

    /// What is computed by hand here is what the terms compute, for every last minor unit.
    #[test]
    fn the_terms_convert_alike() {
        for quote in &QUOTES {
            let base = Currency::from_code(quote.base).unwrap();
            let rate: Rate = quote.rate().parse().unwrap();
            let rate = rate.with_markup(quote.markup_bp).unwrap();
            assert_eq!(rate.to_string(), quote.marked_up());
            for minor in (0..3_000).chain([1_000_000_007, 999_999_999_999]) {
                let expected = rate.convert(amount(minor), base, HOME).ok();
                assert_eq!(charge(amount(minor).of(base)), expected, "{minor} {base}");
            }
        }
    }

    #[test]
    fn a_whole_refund_gives_back_the_whole_charge() {
        assert_eq!(given_back(amount(101), amount(1), amount(2)), Some(amount(51)), "half up");
        assert_eq!(given_back(amount(101), amount(2), amount(2)), Some(amount(101)));
        assert_eq!(given_back(amount(5), amount(1), Amount::ZERO), None);
        for part in 0..=1_000 {
            let terms = amount(1_619).share(amount(part), amount(1_000)).ok();
            assert_eq!(given_back(amount(1_619), amount(part), amount(1_000)), terms);
        }
    }

    #[test]
    fn the_file_has_a_line_for_each_currency() {
        let text = file();
        assert_eq!(text.lines().count(), QUOTES.len() + 1);
        assert!(text.contains("USD,JPY,157.2453,150,2000-01-01T00:00:00Z,2100-"), "{text}");
        assert_eq!(Quote::of(Currency::JPY), None);
    }
}
