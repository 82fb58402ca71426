//! What is printed of a purchase: lines, taxes, total, and the receipt.
//!
//! Names stand on lines of their own: they may be as wide as they like.

use kessai_client::wire::Payment;
use kessai_engine::terms::basket::TaxKind;
use kessai_engine::terms::{Amount, Basket, Currency, TerminalId};
use time::{OffsetDateTime, UtcOffset};

/// How wide a receipt is, in characters.
const WIDTH: usize = 40;

/// What is known of a purchase that was paid.
pub(super) struct Receipt<'a> {
    /// The store's name, if the terminal was told.
    pub(super) store: Option<&'a str>,
    pub(super) terminal: TerminalId,
    pub(super) basket: &'a Basket,
    pub(super) payment: &'a Payment,
    pub(super) offset: UtcOffset,
}

impl Receipt<'_> {
    /// Writes the receipt.
    pub(super) fn print(&self, currency: Currency) -> String {
        let rule = rule();
        let mut page = format!("{rule}\n");
        if let Some(store) = self.store {
            page.push_str(&format!("{store}\n"));
        }
        page.push_str(&format!("Terminal {}\n", self.terminal));
        if let Some(at_ms) = self.payment.ended_at_ms {
            page.push_str(&format!("{}\n", clock(at_ms, self.offset)));
        }
        page.push_str(&format!("{rule}\n{}", purchase(self.basket, currency)));
        page.push_str(&format!("{rule}\nPAID\n"));
        if let Some(approval) = self.payment.approval {
            page.push_str(&row("Approval number", &approval.number.to_string()));
            page.push_str(&row("Reference", &approval.reference.to_string()));
        }
        page.push_str(&format!("{}\n{rule}", self.payment.payment));
        page
    }
}

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
    let seconds = i64::try_from(at_ms.div_euclid(1_000)).ok();
    let instant = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let Some(at) = instant.and_then(|instant| instant.checked_to_offset(offset)) else {
        return format!("{at_ms} ms");
    };
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

#[cfg(test)]
pub(super) mod tests {
    use kessai_client::wire::{Approval, PaymentState};
    use kessai_engine::terms::{ApprovalNumber, Reason, Reference};

    use super::*;
    use crate::hand::cart::tests::cart;
    use crate::till::Prices;

    const PAYMENT: &str = "019a6f3e-8c00-7000-8000-000000000001";

    pub(in super::super) fn paid(total: u64) -> Payment {
        Payment {
            payment: PAYMENT.parse().unwrap(),
            state: PaymentState::Captured,
            reason: Some(Reason::Approved),
            price: Some(Amount::new(total).unwrap().of(Currency::JPY)),
            captured: Amount::new(total).unwrap(),
            refunded: Amount::ZERO,
            approval: Some(Approval {
                number: ApprovalNumber::new(17).unwrap(),
                reference: Reference::new(4_711).unwrap(),
            }),
            business_date: Some(20_261_122),
            opened_at_ms: Some(1_795_353_128_000),
            ended_at_ms: Some(1_795_353_128_999),
            expires_at_ms: None,
            refund: None,
        }
    }

    #[test]
    fn a_receipt_says_all_that_it_must() {
        let mut cart = cart(Prices::BeforeTax);
        cart.scan("9521000000377", 3).unwrap();
        cart.scan("4901234567894", 1).unwrap();
        let basket = cart.basket().unwrap();
        let receipt = Receipt {
            store: Some("渋谷店"),
            terminal: "POS00001".parse().unwrap(),
            basket: &basket,
            payment: &paid(475),
            offset: UtcOffset::from_hms(9, 0, 0).unwrap(),
        };
        let golden = "\
----------------------------------------
渋谷店
Terminal POS00001
2026-11-22 22:12:08 +09:00
----------------------------------------
1. おにぎり 鮭
   3 x 105 JPY                   315 JPY
2. 緑茶
   1 x 120 JPY                   120 JPY
Tax 8 % on 120 JPY                 9 JPY
Tax 10 % on 315 JPY               31 JPY
TOTAL                            475 JPY
----------------------------------------
PAID
Approval number                   000017
Reference                   000000004711
019a6f3e-8c00-7000-8000-000000000001
----------------------------------------";
        assert_eq!(receipt.print(Currency::JPY), golden);
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
