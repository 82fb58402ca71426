//! Everything that a new user does, in order, with the real programs on pseudo-terminals: a gateway
//! from nothing, files imported, a till and a handset enrolled and played, the handset revoked, the
//! books looked at.
//!
//! What is shown is asserted whole. `mask` says what of it is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod files;
mod mask;
mod pane;
mod processor;
mod programs;
mod readme;
mod shop;

use mask::mask;
use processor::{Processor, Serving};
use shop::Shop;

/// Lines that OPERATING.md tells to type.
fn documented(line: &str) -> &str {
    let document = include_str!("../../../docs/OPERATING.md");
    assert!(document.lines().any(|there| there.starts_with(line)), "no `{line}` in OPERATING.md");
    line
}

#[test]
fn a_gateway_from_nothing_sells_until_a_handset_is_revoked_and_its_books_add_up() {
    let processor = Processor::new();
    let serving = begin(&processor);
    import(&processor);
    look_up(&processor);

    let mut shop = Shop::enrol(&processor);
    shop.open(&processor);
    shop.sells();
    shop.is_cancelled();
    let beer = shop.has_a_wrong_password_forgiven();
    shop.has_three_wrong_passwords_declined();
    shop.is_paid_by_code();
    shop.pays_back(&beer);
    shop.takes_back();
    shop.lists();
    shop.loses_its_handset(&processor);

    check_books(&processor);
    let (payments, books) = ("kessai payment list", documented("kessai books show"));
    let before = [payments, books].map(|line| processor.said(line));
    stop(serving);
    let serving = processor.serve();
    serving.heading();
    assert_eq!([payments, books].map(|line| processor.said(line)), before, "it starts again");
    stop(serving);
}

fn begin(processor: &Processor) -> Serving {
    let made = "Made configuration, keys and data in my-processor.\n\
        Next: kessai serve --config my-processor/kessai.toml\n";
    assert_eq!(processor.said(documented("kessai init my-processor")), made);
    processor.configure();
    let serving = processor.serve();
    let heading = "serving at 127.0.0.1:PORT\n\
        root pin ################################################################\n\
        administration at 127.0.0.1:PORT\n";
    let shown = serving.heading();
    assert_eq!(mask(&shown), heading);

    std::fs::write(processor.file("another.token"), "00".repeat(32)).unwrap();
    let administration = shown.rsplit(' ').next().unwrap().trim_end();
    let line = "kessai gateway show --token-file another.token --admin";
    let (code, _, stderr) = processor.given(&format!("{line} http://{administration}"));
    let told = "kessai: the gateway at http://127.0.0.1:PORT has another token: \
        is it the one meant?\n";
    assert_eq!((code, mask(&stderr).as_str()), (Some(1), told));
    let (code, _, stderr) = processor.given("kessai serve");
    assert_eq!(code, Some(1));
    assert!(stderr.ends_with(" is in use by another process\n"), "{stderr}");
    serving
}

fn stop(serving: Serving) {
    let (code, log) = serving.stop();
    assert_eq!(code, Some(0), "{log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.ends_with(" stopped"), "{log}");
    for private in ["花子", "hanako", "1234567", shop::PASSWORD] {
        assert!(!log.contains(private), "{private} is in the log: {log}");
    }
}

fn import(processor: &Processor) {
    for (kind, file, said) in [
        ("merchants", files::merchants(), "imported 2 merchants\n"),
        ("stores", files::stores(), "imported 10 stores\n"),
        ("terminals", files::terminals(), "imported 100 terminals\n"),
        ("catalogue", files::catalogue(), "imported 2 products\n"),
    ] {
        std::fs::write(processor.file(&format!("{kind}.csv")), file).unwrap();
        let line = format!("kessai import {kind} {kind}.csv");
        assert_eq!(processor.said(documented(&line)), said);
    }
    assert_eq!(processor.said(documented("kessai merchant catalogue M0001 > till.csv")), "");

    // On a terminal a bar shows how far it has come; it does not stay.
    std::fs::write(processor.file("customers.csv"), files::customers()).unwrap();
    let mut pane = processor.pane(documented("kessai import customers customers.csv"));
    let (code, all) = pane.end();
    assert_eq!((code, pane.screen().as_str()), (Some(0), "imported 10000 customers"), "{all:?}");

    // One bad line keeps all out.
    let more = "id,currency,balance_minor\nC010000,JPY,1\n1234-567-890,JPY,1\nC010001,YEN,1\n";
    std::fs::write(processor.file("more.csv"), more).unwrap();
    let (code, stdout, stderr) = processor.given("kessai import customers more.csv");
    let told = "more.csv:3: id: already there\n\
        more.csv:4: currency: there is no such currency in ISO 4217\n\
        kessai: nothing was imported: 2 bad lines in more.csv\n";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(1), "", told));
}

fn look_up(processor: &Processor) {
    let customer = "\
id                     1234-567-890
currency               JPY
balance_minor          1235000
held_minor             0
wrong_proofs_in_a_row  0
devices                none
has_profile            yes
limits_in_force        none
policy
  standing  active
  named_by  id_or_code
  limits    none
today
  business_date  ########
  amount_minor   0
  count          0
";
    assert_eq!(processor.masked(documented("kessai customer show 1234-567-890")), customer);
    let stores = "\
id     merchant  name            currency  rounding  standing
S0000  M0001     渋谷店          JPY       down      active
S0001  M0002     Store 1, north  JPY       down      active
S0002  M0001     Store 2, north  JPY       down      active
";
    let listed = processor.said("kessai store list");
    assert_eq!(listed.lines().take(4).map(|line| format!("{line}\n")).collect::<String>(), stores);
    assert_eq!(processor.said("kessai terminal list").lines().count(), 1 + 100);
    let (code, _, stderr) = processor.given("kessai customer show C010000");
    assert_eq!((code, stderr.as_str()), (Some(1), "kessai: no customer C010000\n"));
}

/// What is left of it all: 697 yen were paid, and 150 of 250.
fn check_books(processor: &Processor) {
    let payments = "\
opened_at             payment                               terminal  customer      currency  amount_minor  state      reason
####-##-##T##:##:##Z  ########-####-####-####-############  POS00001  1234-567-890  JPY                250  declined   no_device
####-##-##T##:##:##Z  ########-####-####-####-############  POS00001  1234-567-890  JPY                250  reversed   reversed_on_request
####-##-##T##:##:##Z  ########-####-####-####-############  POS00001  1234-567-890  JPY                250  declined   tries_exceeded
####-##-##T##:##:##Z  ########-####-####-####-############  POS00001  1234-567-890  JPY                250  refunded   approved
####-##-##T##:##:##Z  ########-####-####-####-############  POS00001  1234-567-890  JPY                250  cancelled  cancelled_by_customer
####-##-##T##:##:##Z  ########-####-####-####-############  POS00001  1234-567-890  JPY                697  captured   approved
";
    assert_eq!(processor.masked("kessai payment list"), payments);
    assert_eq!(processor.said("kessai payment list --state pending"), "none\n");
    let customer = "\
id                     1234-567-890
currency               JPY
balance_minor          1234153
held_minor             0
wrong_proofs_in_a_row  0
devices                none
has_profile            yes
limits_in_force        none
policy
  standing  active
  named_by  id_or_code
  limits    none
today
  business_date  ########
  amount_minor   947
  count          2
";
    assert_eq!(processor.masked("kessai customer show 1234-567-890"), customer);
    let day = &processor.json("kessai payment list")[0]["business_date"];
    let totals = "\
currency  captures  captured_minor  reversals  reversed_minor  refunds  refunded_minor
JPY              3            1197          1             250        1             100
";
    let line = format!("kessai terminal totals POS00001 --date {day}");
    assert_eq!(processor.said(&line), totals);
    assert_eq!(processor.said("kessai merchant tally M0001"), "currency  minor\nJPY         847\n");
    let books = "\
problems  none
currencies
  currency  balances_minor  held_minor  tallies_minor  exchange_minor  funded_minor
  JPY            501184153           0            847               0     501185000
payments
  captured   1
  reversed   1
  refunded   1
  declined   2
  cancelled  1
";
    assert_eq!(processor.said("kessai books show"), books);
}
