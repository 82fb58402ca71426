//! The doors of the real binary: entered by its own commands, enrolled by activation strings, a
//! purchase made, looked up and added up, keys revoked.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use kessai_client::terms::collation::Password;
use kessai_client::terms::{Amount, Currency, Gtin, Line, PaymentId, ProductName, Tax, TerminalId};
use kessai_client::wire::{Capture, Payer, PaymentState, Purchase};
use kessai_client::{
    Answered, Event, Options, QuicOptions, Terminal, endpoint, enrol_handset, enrol_peer,
};
use kessai_gateway::admin::rows::{CustomerRow, GatewayRow, MerchantRow, PaymentRow, StateName};
use serde_json::Value;

use crate::processor::{KESSAI, Processor};

/// Nothing here may take longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn purchase(payment: PaymentId, price: u64) -> Purchase {
    Purchase {
        payment,
        payer: Payer::Customer("C-1".parse().unwrap()),
        lines: vec![Line {
            code: Gtin::new("4901234567894").unwrap(),
            name: ProductName::new("Tea").unwrap(),
            unit_price: Amount::new(price).unwrap(),
            quantity: 1,
            discount: Amount::ZERO,
            tax: Tax::Exempt,
        }],
        claimed_total: Amount::new(price).unwrap(),
        currency: Currency::JPY,
        capture: Capture::AtApproval,
    }
}

#[test]
fn what_is_entered_is_listed_and_moves_as_told() {
    let processor = Processor::start();
    processor.enter_shop();
    processor.kessai(&["controller", "set", "K1", "--merchant", "M1"]);
    processor.kessai(&["hub", "set", "H1"]);
    assert_eq!(processor.json(&["merchant", "list"])[0]["name"], "Blue Shop");
    assert_eq!(processor.json(&["store", "list"])[0]["currency"], "JPY");
    assert_eq!(processor.json(&["terminal", "list"])[0]["enrolled"], false);
    assert_eq!(processor.json(&["controller", "list"])[0]["merchant"], "M1");
    assert_eq!(processor.json(&["hub", "list"])[0]["id"], "H1");
    assert!(processor.kessai(&["store", "list"]).contains("Station"), "as a table too");
    processor.kessai(&["customer", "credit", "C-1", "500", "--reference", "top-up 7"]);
    processor.kessai(&["customer", "debit", "C-1", "200", "--reference", "correction"]);
    let customer = processor.json(&["customer", "show", "C-1"]);
    assert_eq!(
        (customer["balance_minor"].as_u64(), &customer["held_minor"]),
        (Some(1_300), &0.into())
    );
    let books = processor.json(&["books", "show"]);
    assert_eq!(books["problems"], Value::Array(Vec::new()));
    assert_eq!(books["currencies"][0]["funded_minor"], "1300");
}

#[test]
fn what_makes_no_sense_is_named_and_changes_nothing() {
    let processor = Processor::start();
    processor.enter_shop();
    let before = processor.kessai(&["books", "show", "--json"]);
    for (words, named) in [
        (&["store", "set", "S2", "--merchant", "M9", "--name", "x", "--currency", "JPY"][..], "M9"),
        (
            &["store", "set", "S2", "--merchant", "M1", "--name", "x", "--currency", "XXX"],
            "currency",
        ),
        (&["terminal", "set", "too-long-an-id", "--store", "S1"], "id"),
        (&["terminal", "activate", "POS9"], "POS9"),
        (&["customer", "add", "C-1", "--currency", "JPY", "--balance", "1"], "already"),
        (&["customer", "add", "C 2", "--currency", "JPY", "--balance", "1"], "id"),
        (&["customer", "show", "C-9"], "C-9"),
        (&["customer", "credit", "C-1", "0", "--reference", "x"], "amount_minor"),
        (&["customer", "debit", "C-1", "1001", "--reference", "x"], "C-1"),
        (&["customer", "revoke", "C-1", "00"], "device"),
        (&["payment", "show", "nonsense"], "id"),
        (&["payment", "list", "--state", "asleep"], "state"),
        (&["terminal", "totals", "POS1", "--date", "20261301"], "date"),
    ] {
        let last = processor.failure(words);
        assert!(last.starts_with("kessai: ") && last.contains(named), "{words:?}: {last}");
    }
    assert_eq!(processor.kessai(&["books", "show", "--json"]), before);
}

#[test]
fn nobody_is_served_without_the_token() {
    let processor = Processor::start();
    let wrong = processor.desk().join("wrong");
    std::fs::write(&wrong, "0".repeat(64)).unwrap();
    let mut command = Command::new(KESSAI);
    command.args(["books", "show", "--admin", &processor.admin, "--token-file"]).arg(&wrong);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("token"), "{output:?}");
    let nowhere = Command::new(KESSAI)
        .args(["books", "show", "--admin", "http://127.0.0.1:1", "--token-file"])
        .arg(processor.token())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("kessai serve"), "{nowhere:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_goes_through_all_doors() {
    tokio::time::timeout(PATIENCE, through_all_doors()).await.expect("it takes too long");
}

async fn through_all_doors() {
    let processor = Processor::start();
    processor.enter_shop();
    let network = endpoint("127.0.0.1:0".parse().unwrap()).unwrap();
    let (till_folder, phone_folder) =
        (processor.desk().join("till"), processor.desk().join("phone"));
    let activation = processor.activation(&["terminal", "activate", "POS1"]);
    let till = enrol_peer(&network, &activation, &till_folder).await.unwrap();
    let again = enrol_peer(&network, &activation, &processor.desk().join("thief")).await;
    assert!(again.is_err(), "a code serves once");
    let password = Password::new("490172").unwrap();
    let activation = processor.activation(&["customer", "activate", "C-1"]);
    let phone = enrol_handset(&network, &activation, &password, &phone_folder).await.unwrap();

    let quic = QuicOptions::default();
    let connector = Arc::new(till.connector(network.clone(), &quic).await.unwrap());
    let pos1: TerminalId = "POS1".parse().unwrap();
    let terminal = Terminal::connect(connector, pos1, Options::default()).await.unwrap();
    let (handset, mut events) =
        phone.connect(network.clone(), &quic, Options::default()).await.unwrap();
    let payment = terminal.payment_id();
    let paying = tokio::spawn({
        let terminal = terminal.clone();
        async move { terminal.pay(purchase(payment, 300)).await }
    });
    let question = loop {
        if let Event::Asked(question) = events.next().await.unwrap() {
            break question;
        }
    };
    assert_eq!(processor.json(&["customer", "show", "C-1"])["held_minor"], 300);
    let answered = handset.approve(&question, &phone.secrets(&password).await).await.unwrap();
    assert!(matches!(answered, Answered::Approved(_)), "{answered:?}");
    let told = paying.await.unwrap().unwrap();
    assert_eq!(told.state, PaymentState::Captured);

    let shown = processor.json(&["payment", "show", &payment.to_string()]);
    assert_eq!((&shown["state"], &shown["captured_minor"]), (&"captured".into(), &300.into()));
    assert_eq!(processor.json(&["payment", "list", "--state", "captured"])[0], shown);
    let date = shown["business_date"].to_string();
    let totals = processor.json(&["terminal", "totals", "POS1", "--date", &date]);
    assert_eq!(totals[0]["captured_minor"], "300");
    assert_eq!(processor.json(&["merchant", "tally", "M1"])[0]["minor"], "300");

    check_exports(&processor, payment);
    let device = processor.json(&["customer", "show", "C-1"])["devices"][0].clone();
    processor.kessai(&["customer", "revoke", "C-1", device.as_str().unwrap()]);
    while let Some(event) = events.next().await {
        if let Event::Disconnected(_) = event {
            break;
        }
    }
    let refused = terminal.pay(purchase(terminal.payment_id(), 300)).await.unwrap();
    assert_eq!(refused.state, PaymentState::Declined, "nobody is there to confirm it");
    processor.kessai(&["terminal", "revoke", "POS1"]);
    assert_eq!(processor.json(&["terminal", "list"])[0]["enrolled"], false);
}

/// What auditors read is what people look up.
fn check_exports(processor: &Processor, payment: PaymentId) {
    let customers: Vec<CustomerRow> = processor.exported("customers");
    let [customer] = &customers[..] else { panic!("{customers:?}") };
    let shown = processor.json(&["customer", "show", "C-1"]);
    assert_eq!((&*customer.id, &*customer.currency), ("C-1", "JPY"));
    assert_eq!((customer.balance_minor, customer.held_minor), (700, 0));
    assert_eq!((customer.wrong_proofs_in_a_row, customer.notices), (0, 1));
    assert_eq!(Value::from(customer.devices.clone()), shown["devices"]);
    let payments: Vec<PaymentRow> = processor.exported("payments");
    let [row] = &payments[..] else { panic!("{payments:?}") };
    assert_eq!((&*row.payment, row.state), (&*payment.to_string(), StateName::Captured));
    assert_eq!((row.captured_minor, row.notice), (300, 1));
    let shown = processor.json(&["payment", "show", &row.payment]);
    assert_eq!(serde_json::to_value(row).unwrap(), shown);
    let at = row.opened_at_ms;
    let count = |range: String| processor.exported::<PaymentRow>(&range).len();
    assert_eq!(count(format!("payments?from_ms={at}&to_ms={}", at + 1)), 1);
    assert_eq!(count(format!("payments?from_ms={}", at + 1)), 0);
    assert_eq!(count(format!("payments?to_ms={at}")), 0);
    let merchants: Vec<MerchantRow> = processor.exported("merchants");
    let owed = MerchantRow { id: "M1".into(), currency: "JPY".into(), minor: "300".into() };
    assert_eq!(merchants, [owed]);
}

#[test]
fn the_gateway_tells_of_itself() {
    let processor = Processor::start();
    let told: GatewayRow = serde_json::from_value(processor.json(&["gateway", "show"])).unwrap();
    assert_eq!(told.version, env!("CARGO_PKG_VERSION"));
    assert_eq!((told.prompt_ms, told.tries, told.tries_in_row), (60_000, 3, 5));
    assert_eq!((told.connections_most, told.handshakes_most), (100_000, 1_024));
    assert_eq!((told.per_source_per_second, told.handshake_ms, told.idle_ms), (500, 3_000, 30_000));
    assert!(told.announce.starts_with("127.0.0.1:") && told.time_ms > 0, "{told:?}");
    assert_eq!(told.root_pin, processor.root_pin);
    assert!(processor.kessai(&["gateway", "show"]).contains(&told.root_pin));
}
