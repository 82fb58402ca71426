//! Prices in another currency than the customer's: both are shown, and the proof covers them.

use std::path::PathBuf;

use kessai_client::Terminal;
use kessai_client::terms::{Currency, Reason};
use kessai_client::wire::{Capture, DeliveredLines, Delivery, PaymentState, Purchase};
use kessai_engine::TerminalKind;
use kessai_gateway::Settings;

use crate::support::owner::{by_code, in_currency, patient, refund};
use crate::support::{RICH, Shop, asked, bounded, purchase, yen};

const HEADER: &str = "base,quote,rate,markup_bp,valid_from,valid_until\n";
const VALID: &str = "2020-01-01T00:00:00Z,2100-01-01T00:00:00Z";
const PAST: &str = "2020-01-01T00:00:00Z,2020-01-02T00:00:00Z";

const AMERICAN: &str = "1-212-555-0100";
const BAHRAINI: &str = "973-1755-0100";

/// Puts `lines` where the gateway of these settings reads its rates.
fn write_rates(settings: &Settings, lines: &str) {
    let path = &settings.exchange.rates;
    // Whole at once, as an operator is told to.
    let new = path.with_extension("new");
    std::fs::write(&new, format!("{HEADER}{lines}")).unwrap();
    std::fs::rename(&new, path).unwrap();
}

async fn start(lines: &str) -> Shop {
    Shop::start_with(|settings| {
        patient(settings);
        settings.exchange.rates =
            settings.data.parent().map(PathBuf::from).unwrap().join("rates.csv");
        write_rates(settings, lines);
    })
    .await
}

fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap()
}

/// The balances in every currency add up; merchants are owed `owed` minor units of `code`.
fn check_books(shop: &Shop, code: &str, owed: i128) {
    let books = shop.engine().books().unwrap();
    assert_eq!(books.problems, Vec::<String>::new());
    assert_eq!(books.currencies[&currency(code)].tallies.minor(), owed);
    assert!(books.currencies.values().all(|of_one| of_one.held.is_zero()));
}

#[tokio::test]
async fn two_currencies_at_a_yen_store_are_shown_and_charged() {
    let rates = format!("JPY,USD,0.0064,150,{VALID}\nJPY,BHD,0.0024,0,{VALID}\n");
    let shop = start(&rates).await;
    let phone = shop.enters_customer(AMERICAN, ("USD", 10_000), 11).await;
    let mut american = shop.owner_of(&phone).await;
    let phone = shop.enters_customer(BAHRAINI, ("BHD", 10_000), 12).await;
    let mut bahraini = shop.owner_of(&phone).await;
    let till = shop.till(0).await;

    // 1,234 yen at 0.0064 with 1.5 per cent on top, 0.006496: 8.016064 dollars.
    let (end, ()) = bounded(async {
        tokio::join!(till.pay(purchase(till.payment_id(), AMERICAN, 1_234)), async {
            let question = asked(&mut american.events).await;
            let shown = &question.confirmation;
            assert_eq!(shown.total(), yen(802).of(currency("USD")));
            assert_eq!(shown.basket.total().of(shown.currency), yen(1_234).of(Currency::JPY));
            let exchange = shown.exchange.unwrap();
            assert_eq!((exchange.rate.to_string().as_str(), exchange.markup_bp), ("0.006496", 150));
            let notice = american.approves(&question).await;
            assert_eq!((notice.price, notice.captured), (shown.total(), yen(802)));
            let foreign = notice.foreign.unwrap();
            assert_eq!((foreign.price, foreign.markup_bp), (yen(1_234).of(Currency::JPY), 150));
        })
    })
    .await;
    // The shop learns nothing of the dollars.
    let end = end.unwrap();
    assert_eq!((end.price, end.captured), (Some(yen(1_234).of(Currency::JPY)), yen(1_234)));
    assert_eq!(shop.balance(AMERICAN), 10_000 - 802);

    // 1,234 yen at 0.0024: 2.9616 dinars, of three decimals. By code, as well.
    let bought = by_code(purchase(till.payment_id(), BAHRAINI, 1_234), bahraini.code().await);
    bahraini.pays(&till, bought).await;
    assert_eq!(shop.balance(BAHRAINI), 10_000 - 2_962);
    check_books(&shop, "JPY", 2_468);
    let shop = shop.restart().await;
    let told = bounded(till.status(end.payment)).await.unwrap();
    assert_eq!(told.without_receipt(), end.without_receipt());
    assert_eq!(bounded(american.phone.recent()).await.unwrap()[0].captured, yen(802));
    check_books(&shop, "JPY", 2_468);
}

#[tokio::test]
async fn a_yen_balance_pays_abroad_and_refunds_return_what_was_taken() {
    let rates = format!("USD,JPY,157.250268528,0,{VALID}\nBHD,JPY,400.5,0,{VALID}\n");
    let shop = start(&rates).await;
    let abroad = shop.enters_store("USD", "USPOS1", TerminalKind::PointOfSale).await;
    let mut rich = shop.owner(0).await;
    let dollars = |minor| in_currency(purchase(abroad.payment_id(), RICH, minor), "USD");
    // The euro's reference rates of 2026-10-30: 12.715 dollars would be a tenth of the vector.
    let paid = rich.pays(&abroad, dollars(1_271)).await;
    assert_eq!(paid.price, Some(yen(1_271).of(currency("USD"))));
    // 12.71 x 157.250268528 = 1998.65...
    assert_eq!(shop.balance(RICH), 10_000 - 1_999);
    for (back, refunded, left) in [(1_270, 1_270, 2), (1, 1_271, 0)] {
        let end = bounded(abroad.refund(refund(&abroad, paid.payment, back))).await.unwrap();
        let whole = refunded == 1_271;
        let state = if whole { PaymentState::Refunded } else { PaymentState::PartlyRefunded };
        assert_eq!((end.state, end.refunded), (state, yen(refunded)));
        assert_eq!(shop.balance(RICH), 10_000 - left);
        assert_eq!(rich.told().await.refunded, yen(1_999 - left));
    }
    // A tie goes up: 1.000 dinar at 400.5 yen.
    let dinars = shop.enters_store("BHD", "BHPOS1", TerminalKind::PointOfSale).await;
    let bought = in_currency(purchase(dinars.payment_id(), RICH, 1_000), "BHD");
    rich.pays(&dinars, bought).await;
    assert_eq!(shop.balance(RICH), 10_000 - 401);
    check_books(&shop, "BHD", 1_000);
    check_books(&shop, "USD", 0);
}

/// One cent of 210 is less than a yen of 324: each side counts its own.
#[tokio::test]
async fn a_machine_abroad_is_paid_for_a_part_and_gives_back_by_both_sums() {
    let shop = start(&format!("JPY,USD,0.0064,150,{VALID}\n")).await;
    let machine = shop.till(2).await;
    let phone = shop.enters_customer(AMERICAN, ("USD", 10_000), 11).await;
    let mut american = shop.owner_of(&phone).await;
    let mut bought = Purchase {
        capture: Capture::OnDelivery,
        claimed_total: yen(324),
        ..purchase(machine.payment_id(), AMERICAN, 108)
    };
    bought.lines[0].quantity = 3;
    let paid = american.pays(&machine, bought).await.payment;
    let two = Delivery::Lines(DeliveredLines::new([(0, 2)]).unwrap());
    let end = bounded(machine.deliver(paid, two)).await.unwrap();
    assert_eq!((end.state, end.captured), (PaymentState::Captured, yen(216)));
    // 216 yen at 0.006496: 1.403136 dollars.
    assert_eq!(american.told().await.captured, yen(140));
    assert_eq!(shop.balance(AMERICAN), 10_000 - 140);
    let end = bounded(machine.refund(refund(&machine, paid, 215))).await.unwrap();
    assert_eq!((end.state, end.refunded), (PaymentState::PartlyRefunded, yen(215)));
    let end = bounded(machine.refund(refund(&machine, paid, 1))).await.unwrap();
    assert_eq!(end.state, PaymentState::Refunded);
    assert_eq!(shop.balance(AMERICAN), 10_000);
    check_books(&shop, "JPY", 0);
}

#[tokio::test]
async fn without_a_good_rate_it_is_declined_by_name_until_the_file_has_one() {
    let shop = start("").await;
    let phone = shop.enters_customer(AMERICAN, ("USD", 10_000), 11).await;
    let mut american = shop.owner_of(&phone).await;
    let till = shop.till(0).await;
    let declined = async |till: &Terminal, american: &mut crate::support::owner::Owner| {
        let end = bounded(till.pay(purchase(till.payment_id(), AMERICAN, 1_000))).await.unwrap();
        assert_eq!((end.state, end.reason), (PaymentState::Declined, Some(Reason::NotHonoured)));
        assert_eq!(end.price, Some(yen(1_000).of(Currency::JPY)));
        american.told().await.reason
    };
    assert_eq!(declined(&till, &mut american).await, Reason::RateMissing);
    let reason_after = async |rates: String, american: &mut crate::support::owner::Owner| {
        let before = declined(&till, american).await;
        write_rates(&shop.settings, &rates);
        loop {
            let reason = declined(&till, american).await;
            if reason != before {
                break reason;
            }
        }
    };
    let stale = format!("JPY,USD,0.0064,0,{PAST}\n");
    let reason = bounded(reason_after(stale, &mut american)).await;
    assert_eq!(reason, Reason::RateStale);
    // A price that comes to nothing is not charged.
    let to_nothing = format!("JPY,USD,0.000001,0,{VALID}\n");
    let reason = bounded(reason_after(to_nothing, &mut american)).await;
    assert_eq!(reason, Reason::AmountInvalid);
    // Nonsense changes nothing: what is in force stays so.
    write_rates(&shop.settings, "nonsense\n");
    assert_eq!(declined(&till, &mut american).await, Reason::AmountInvalid);
    assert_eq!(shop.balance(AMERICAN), 10_000);

    let shop = shop
        .restart_with(|settings| {
            write_rates(settings, &format!("JPY,USD,0.0064,0,{VALID}\n"));
        })
        .await;
    let (end, _) = bounded(async {
        tokio::join!(till.pay(purchase(till.payment_id(), AMERICAN, 1_000)), async {
            let question = asked(&mut american.events).await;
            american.approves(&question).await
        })
    })
    .await;
    assert_eq!(end.unwrap().state, PaymentState::Captured);
    assert_eq!(shop.balance(AMERICAN), 10_000 - 640);
}
