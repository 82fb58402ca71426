//! What is imported is there, works, and is nowhere to be read.

use kessai_client::wire::PaymentState;
use kessai_client::{Answered, PeerKey};
use kessai_engine::KeyPin;
use kessai_gateway::admin::rows::CustomerRow;

use crate::processor::{Processor, end};
use crate::support::{Phone, asked, bounded, connector_to, handset, purchase, secrets_of, till};
use crate::tables::{self, CATALOGUE, CUSTOMERS, MERCHANTS, PERSONAL, STORES, as_json, pin};

/// All tables, in the order in which they can be entered.
fn all() -> [(&'static str, String); 8] {
    [
        ("merchants", MERCHANTS.to_owned()),
        ("stores", STORES.to_owned()),
        ("terminals", tables::terminals(&pin(1))),
        ("controllers", tables::controllers(&pin(2))),
        ("hubs", tables::hubs(&pin(3))),
        ("customers", CUSTOMERS.to_owned()),
        ("handsets", tables::handset("1234-567-890", 7, &pin(4), &secrets_of(7))),
        ("catalogue", CATALOGUE.to_owned()),
    ]
}

fn check_all(processor: &Processor) {
    let merchants = processor.json(&["merchant", "list"]);
    assert_eq!(merchants[0]["name"], "鈴木商店");
    assert_eq!(merchants[1]["name"], "Smith, \"Sons\" & Co");
    let stores = processor.json(&["store", "list"]);
    assert_eq!((&stores[0]["name"], &stores[0]["merchant"]), (&"上野店".into(), &"M1".into()));
    let money =
        |store: usize| (stores[store]["currency"].clone(), stores[store]["rounding"].clone());
    assert_eq!(money(0), ("JPY".into(), "half_up".into()));
    assert_eq!(money(1), ("USD".into(), "down".into()));
    let terminals = processor.json(&["terminal", "list"]);
    let about = |terminal: usize| {
        let terminal = &terminals[terminal];
        (terminal["kind"].clone(), terminal["enrolled"].clone())
    };
    assert_eq!(about(0), ("pos".into(), true.into()));
    assert_eq!(about(1), ("vending".into(), false.into()));
    for kind in ["controller", "hub"] {
        let list = processor.json(&[kind, "list"]);
        assert_eq!((&list[0]["enrolled"], &list[1]["enrolled"]), (&true.into(), &false.into()));
    }
    let customer = processor.json(&["customer", "show", "1234-567-890"]);
    assert_eq!(customer["balance_minor"], 1_235_000);
    assert_eq!(customer["has_profile"], true);
    assert_eq!(customer["devices"][0], "07".repeat(16));
    let other = processor.json(&["customer", "show", "C-2"]);
    assert_eq!((&other["currency"], &other["has_profile"]), (&"USD".into(), &false.into()));
    let catalogue = "code,name,price_minor,currency,tax_rate_bp\n\
        96385074,おにぎり,105,JPY,800\n4901234567894,\"お茶, 濃い\",120,JPY,800\n";
    assert_eq!(processor.kessai(&["merchant", "catalogue", "M1"]), catalogue);
    let products = processor.json(&["merchant", "catalogue", "M2"]);
    assert_eq!(products.as_array().unwrap().len(), 1);
    assert_eq!(
        (&products[0]["price_minor"], &products[0]["currency"]),
        (&150.into(), &"USD".into())
    );
    let books = processor.json(&["books", "show"]);
    assert_eq!(books["problems"].as_array().unwrap().len(), 0);
    assert_eq!(books["currencies"][0]["funded_minor"], "1235000");
}

#[test]
fn every_table_can_be_imported_in_both_formats_and_outlives_a_restart() {
    for as_lines in [false, true] {
        let mut processor = Processor::start();
        for (kind, table) in all() {
            let entered = u64::try_from(table.lines().count() - 1).unwrap();
            let told = if as_lines {
                processor.import_json(kind, as_json(&table))
            } else {
                processor.import(kind, &table)
            };
            assert_eq!(told, [end(entered, 0, 0)], "{kind}");
        }
        check_all(&processor);
        processor.stop("-KILL");
        processor.serve_again();
        check_all(&processor);
    }
}

#[test]
fn nothing_personal_and_no_key_is_in_the_log_or_on_the_disk() {
    let mut processor = Processor::start();
    for (kind, table) in all() {
        processor.import(kind, &table);
        // Everything is there already, and every line is bad.
        processor.import(kind, &table);
        processor.import_json(&format!("{kind}?skip_bad=true"), table);
    }
    let shifted =
        "id,currency,balance_minor,mobile\nhanako,山田,ヤマダ,7654321\n090-1234-5678,,,\n";
    processor.import("customers", shifted);
    processor.import("customers", "hanako,山田,ヤマダ,7654321\n");
    processor.stop("-TERM");
    let keys = secrets_of(7).device_keys();
    let keys = [keys.stored.expose(), keys.server.expose(), keys.device.expose()];
    let log = processor.log();
    assert!(log.contains("import"), "nothing is captured: {log}");
    for secret in PERSONAL.map(str::to_owned).into_iter().chain(keys.map(hex::encode)) {
        assert!(!log.contains(&secret), "{secret} stands in the log: {log}");
    }
    let written = keys.map(hex::encode);
    let secrets: Vec<&[u8]> = PERSONAL
        .iter()
        .map(|text| text.as_bytes())
        .chain(keys.iter().map(|key| &key[..]))
        .chain(written.iter().map(|key| key.as_bytes()))
        .collect();
    let mut paths = vec![processor.path("data")];
    let mut read = 0;
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        read += bytes.len();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|part| part == *secret);
            assert!(!found, "{secret:?} stands in {}", path.display());
        }
    }
    assert!(read > 0, "nothing is looked at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_imported_with_keys_can_pay_without_enrolling() {
    let processor = Processor::start();
    let (till_key, phone_key) = (PeerKey::generate().unwrap(), PeerKey::generate().unwrap());
    processor.enter("merchants", MERCHANTS);
    processor.enter("stores", STORES);
    processor.enter("terminals", &tables::terminals(&hex::encode(till_key.pin())));
    processor.enter("customers", CUSTOMERS);
    let customer = "1234-567-890";
    let phone_pin = hex::encode(phone_key.pin());
    processor.enter("handsets", &tables::handset(customer, 7, &phone_pin, &secrets_of(7)));

    let address = processor.address.parse().unwrap();
    let mut root = KeyPin([0; 32]);
    hex::decode_to_slice(&processor.root_pin, &mut root.0).unwrap();
    let pos1 = till("POS1", connector_to(&till_key, address, root)).await;
    let phone = Phone {
        id: kessai_client::wire::Handset {
            customer: customer.parse().unwrap(),
            device: [7; 16].into(),
        },
        key: phone_key,
        secrets: secrets_of(7),
    };
    let (handset, mut events) =
        handset(&phone, connector_to(&phone.key, address, root), u64::MAX).await;
    let asking = purchase(pos1.payment_id(), customer, 300);
    let (end, answered) = bounded(async {
        tokio::join!(pos1.pay(asking), async {
            let question = asked(&mut events).await;
            handset.approve(&question, &phone.secrets).await.unwrap()
        })
    })
    .await;
    assert_eq!(end.unwrap().state, PaymentState::Captured);
    assert!(matches!(answered, Answered::Approved(_)), "{answered:?}");
    let customers: Vec<CustomerRow> = processor.exported("customers");
    let payer = customers.iter().find(|row| row.id == customer).unwrap();
    assert_eq!((payer.balance_minor, payer.notices), (1_234_700, 1));
}
