//! A till that charges in another currency than the customer has.

use std::fs;

use crate::approve;
use crate::shell::finish;
use crate::stage::{ABROAD, CUSTOMER, Stage};

const RATES: &str = "base,quote,rate,markup_bp,valid_from,valid_until\n\
    USD,JPY,157.25,150,2020-01-01T00:00:00Z,2100-01-01T00:00:00Z\n";

#[test]
fn a_foreign_price_is_shown_with_rate_and_mark_up_and_paid_back_in_its_currency() {
    let stage = Stage::set_with(|settings, folder| {
        settings.exchange.rates = folder.join("rates.csv");
        fs::write(&settings.exchange.rates, RATES).unwrap();
    });
    stage.enrol();
    stage.enrol_terminal(ABROAD);
    let (code, said) = finish(&["terminal", "--dir", &stage.path(ABROAD)], "");
    let no_catalogue = "the store charges in USD, and the built-in products are priced in JPY: \
        name a file of its own with --catalogue\n";
    assert!(code == Some(3) && said.ends_with(no_catalogue), "{said}");

    let (mut till, mut phone) = (stage.open(ABROAD, &[]), stage.phone());
    till.hear("Terminal USD00001 of Honolulu (Kessai Mart), in USD, is ready.");
    till.ask("9521000000377 3", "おにぎり 鮭: 3 x 1.05 USD. To pay: 3.46 USD.");
    let asked = till.ask(&format!("pay {CUSTOMER}"), "Asking the customer to pay 3.46 USD.");
    let payment = asked.split("Payment ").nth(1).unwrap().split('.').next().unwrap().to_owned();
    let price = "The price is 3.46 USD, at 159.60875 JPY for 1 USD, a mark-up of 1.5 % in it.";
    approve(&mut phone, "552 JPY");
    let shown = phone.hear("PAID: 552 JPY at Honolulu. Approval number ");
    assert!(phone.heard.contains(&format!("PAY 552 JPY?\n{price}\nHonolulu (Kessai Mart)")));
    assert!(shown.ends_with(&format!(" {price}\n")), "{shown}");
    let receipt = till.hear("Hand the goods over.");
    assert!(receipt.contains("TOTAL                           3.46 USD"), "{receipt}");

    till.ask(&format!("refund {payment} 1.005"), "with up to 2 decimals.");
    till.ask(&format!("refund {payment} 1.5"), "PAID BACK: 1.50 USD; in all 1.50 USD of 3.46 USD.");
    // 552 yen times 1.50 by 3.46, rounded half up.
    phone.hear("PAID BACK IN PART: 239 JPY of 552 JPY at Honolulu.");
    assert_eq!(stage.balance(), 1_000 - 552 + 239);
    till.ask("reverse", "The payment's state does not allow this.");
}
