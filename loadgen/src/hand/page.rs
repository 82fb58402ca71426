//! How a purchase list and an instant are written on a screen.
//!
//! Names stand on lines of their own: they may be as wide as they like.

use kessai_engine::terms::basket::TaxKind;
use kessai_engine::terms::{Amount, Basket, Currency};
use time::{OffsetDateTime, UtcOffset};

/// How wide a purchase list is, in characters.
const WIDTH: usize = 40;

/// A line across the page.
pub(super) fn rule() -> String {
    "-".repeat(WIDTH)
}

/// Writes lines, taxes once per rate, and the total.
pub(super) fn purchase(basket: &Basket, currency: Currency) -> String {
    format!("{}{}", items(basket, currency), row("TOTAL", &money(basket.total(), currency)))
}

/// Writes lines, and taxes once per rate.
pub(super) fn items(basket: &Basket, currency: Currency) -> String {
    let mut page = String::new();
    for (number, line) in (1_usize..).zip(basket.lines()) {
        let price = format!("   {} x {}", line.quantity, money(line.unit_price, currency));
        // A basket has checked that its lines have totals.
        let total = line.total().unwrap_or_default();
        page.push_str(&format!("{number}. {}\n", line.name));
        page.push_str(&row(&price, &money(total, currency)));
        if !line.discount.is_zero() {
            page.push_str(&format!("   less {}\n", money(line.discount, currency)));
        }
    }
    for tax in basket.taxes() {
        let what = match tax.kind {
            TaxKind::Included => format!("Tax {} in the prices", tax.rate),
            TaxKind::Exclusive => format!("Tax {} on {}", tax.rate, money(tax.net, currency)),
        };
        page.push_str(&row(&what, &money(tax.tax, currency)));
    }
    page
}

/// Writes an amount.
pub(super) fn money(amount: Amount, currency: Currency) -> String {
    amount.of(currency).to_string()
}

fn row(left: &str, right: &str) -> String {
    let room = WIDTH.saturating_sub(right.len().saturating_add(1));
    format!("{left:<room$} {right}\n")
}

/// Writes an instant as the clocks show it at an offset from UTC.
pub(super) fn clock(at_ms: u64, offset: UtcOffset) -> String {
    let Some(at) = instant(at_ms, offset) else { return format!("{at_ms} ms") };
    let (hours, minutes, _) = offset.as_hms();
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} {sign}{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        hours.unsigned_abs(),
        minutes.unsigned_abs(),
    )
}

/// Tells an instant at an offset from UTC; none if no calendar has it.
pub(super) fn instant(at_ms: u64, offset: UtcOffset) -> Option<OffsetDateTime> {
    let seconds = i64::try_from(at_ms.div_euclid(1_000)).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.checked_to_offset(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::cart::tests::cart;
    use crate::till::Prices;

    #[test]
    fn a_purchase_list_has_its_taxes_once_per_rate() {
        let mut cart = cart(Prices::BeforeTax);
        cart.scan("9521000000377", 3).unwrap();
        cart.scan("4901234567894", 1).unwrap();
        let golden = "\
1. おにぎり 鮭
   3 x 105 JPY                   315 JPY
2. 緑茶
   1 x 120 JPY                   120 JPY
Tax 8 % on 120 JPY                 9 JPY
Tax 10 % on 315 JPY               31 JPY
TOTAL                            475 JPY
";
        assert_eq!(purchase(&cart.basket().unwrap(), Currency::JPY), golden);
    }

    #[test]
    fn tax_in_the_price_is_told_too() {
        let mut cart = cart(Prices::WithTax);
        cart.scan("9521000000377", 3).unwrap();
        let page = purchase(&cart.basket().unwrap(), Currency::JPY);
        assert!(page.contains("Tax 10 % in the prices            28 JPY\n"), "{page}");
        assert!(page.ends_with("TOTAL                            315 JPY\n"), "{page}");
    }

    #[test]
    fn instants_are_told_at_any_offset() {
        let at = |minutes: i32| clock(0, UtcOffset::from_whole_seconds(minutes * 60).unwrap());
        assert_eq!(at(0), "1970-01-01 00:00:00 +00:00");
        assert_eq!(at(-210), "1969-12-31 20:30:00 -03:30");
        assert_eq!(clock(u64::MAX, UtcOffset::UTC), "18446744073709551615 ms");
    }
}
