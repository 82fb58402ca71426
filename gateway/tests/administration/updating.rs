//! An update changes what is there, but no balance, no currency, and no key that it does not bring.

use kessai_gateway::admin::rows::{CustomerRow, ImportRow};

use crate::processor::{Processor, bad, end, kept_out};
use crate::support::secrets_of;
use crate::tables::{self, CATALOGUE, CUSTOMERS, MERCHANTS, STORES, pin};

#[test]
fn names_and_places_are_replaced_and_keys_kept() {
    let processor = Processor::start();
    processor.enter("merchants", MERCHANTS);
    processor.enter("stores", STORES);
    processor.enter("terminals", &tables::terminals(&pin(1)));
    processor.enter("controllers", &tables::controllers(&pin(2)));
    processor.enter("hubs", &tables::hubs(&pin(3)));
    let merchants = "id,name\nM3,Third\nM1,First\nM1,Newest\n";
    assert_eq!(processor.import("merchants?update=true", merchants), [end(1, 2, 0)]);
    let names = processor.json(&["merchant", "list"]);
    assert_eq!((&names[0]["name"], &names[2]["name"]), (&"Newest".into(), &"Third".into()));
    let stores = "id,merchant,name,currency\nS1,M3,Moved,USD\n";
    assert_eq!(processor.import("stores?update=true", stores), [end(0, 1, 0)]);
    assert_eq!(processor.json(&["store", "list"])[0]["merchant"], "M3");
    let terminals = format!("id,store,key_pin\nPOS1,S2,\nVEND1,S2,{}\nPOS1,S1,\n", pin(5));
    assert_eq!(processor.import("terminals?update=true", &terminals), [end(0, 3, 0)]);
    let list = processor.json(&["terminal", "list"]);
    assert_eq!((&list[0]["store"], &list[0]["enrolled"]), (&"S1".into(), &true.into()));
    assert_eq!((&list[1]["store"], &list[1]["enrolled"]), (&"S2".into(), &true.into()));
    assert_eq!(list[1]["kind"], "pos", "what is left out takes its default");
    for (kind, table) in [("controllers", "id,merchant\nK1,M1\n"), ("hubs", "id\nH1\n")] {
        assert_eq!(processor.import(&format!("{kind}?update=true"), table), [end(0, 1, 0)]);
    }
    assert_eq!(processor.json(&["controller", "list"])[0]["enrolled"], true);
    assert_eq!(processor.json(&["hub", "list"])[0]["enrolled"], true);
    // The key of POS1 is still its own: nobody else can have it.
    let thief = format!("id,key_pin\nH9,{}\n", pin(1));
    let taken = "key_pin: enrolled for another peer already";
    assert_eq!(processor.import("hubs?update=true", thief), [bad(2, taken), kept_out(1)]);
}

#[test]
fn balances_and_currencies_stay_and_profiles_are_replaced() {
    let processor = Processor::start();
    processor.enter("customers", CUSTOMERS);
    let about = |id: &str| {
        let shown = processor.json(&["customer", "show", id]);
        let money = (shown["currency"].clone(), shown["balance_minor"].clone());
        (money, shown["has_profile"].clone())
    };
    let (yen, dollars) = (("JPY".into(), 1_235_000.into()), ("USD".into(), 0.into()));
    let update = |table: &str| processor.import("customers?update=true", table);
    let plain = "id,currency,balance_minor\n1234-567-890,USD,7\nC-3,JPY,5\nC-3,JPY,6\n";
    assert_eq!(update(plain), [end(1, 2, 0)]);
    assert_eq!(about("1234-567-890"), (yen, true.into()), "it has no column of the profile");
    assert_eq!(about("C-3"), (("JPY".into(), 5.into()), false.into()));
    let named = "id,currency,balance_minor,name\nC-2,JPY,9,太郎\n1234-567-890,JPY,9,\n";
    assert_eq!(update(named), [end(0, 2, 0)]);
    assert_eq!(about("C-2"), (dollars, true.into()));
    assert_eq!(about("1234-567-890").1, false, "its columns are empty");
    let books = processor.json(&["books", "show"]);
    assert_eq!(books["problems"].as_array().unwrap().len(), 0);
}

#[test]
fn a_handset_gets_its_next_keys() {
    let processor = Processor::start();
    processor.enter("customers", CUSTOMERS);
    let customer = "1234-567-890";
    processor.enter("handsets", &tables::handset(customer, 7, &pin(1), &secrets_of(7)));
    for round in 2..5 {
        let table = tables::handset(customer, 7, &pin(round), &secrets_of(round));
        assert_eq!(processor.import("handsets?update=true", table), [end(0, 1, 0)]);
    }
    let again = tables::handset(customer, 7, &pin(4), &secrets_of(9));
    assert_eq!(processor.import("handsets?update=true", again), [end(0, 1, 0)], "with its own key");
    let customers: Vec<CustomerRow> = processor.exported("customers");
    let row = customers.iter().find(|row| row.id == customer).unwrap();
    assert_eq!(row.devices, ["07".repeat(16)]);
    // Its first key is free again.
    let other = tables::handset("C-2", 8, &pin(1), &secrets_of(8));
    assert_eq!(processor.import("handsets?update=true", other), [end(1, 0, 0)]);
}

#[test]
fn products_are_replaced_one_by_one() {
    let processor = Processor::start();
    processor.enter("merchants", MERCHANTS);
    processor.enter("catalogue", CATALOGUE);
    let table = "merchant,code,name,price_minor,currency,tax_rate_bp\n\
        M1,04901234567894,お茶,130,JPY,800\nM1,4901777018686,新茶,140,JPY,800\n";
    assert_eq!(processor.import("catalogue?update=true", table), [end(1, 1, 0)]);
    let printed = processor.kessai(&["merchant", "catalogue", "M1"]);
    let lines: Vec<_> = printed.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "96385074,おにぎり,105,JPY,800",
            "04901234567894,お茶,130,JPY,800",
            "4901777018686,新茶,140,JPY,800"
        ]
    );
    assert!(processor.kessai(&["merchant", "catalogue", "M2"]).contains("Tea"));
    assert!(processor.failure(&["merchant", "catalogue", "M9"]).contains("no merchant M9"));
}

#[test]
fn what_a_gateway_left_that_stopped_in_between_is_completed_by_the_same_file() {
    let all = 60_000;
    let customers: Vec<_> = (0..all).map(|id| format!("C-{id},JPY,10,太郎\n")).collect();
    let table = format!("id,currency,balance_minor,name\n{}", customers.concat());
    for signal in ["-KILL", "-TERM"] {
        let mut processor = Processor::start();
        std::thread::scope(|scope| {
            let importing = scope.spawn(|| processor.try_import("customers", &table));
            let begun = (0..100_000).any(|_| processor.exported_bytes("customers") > 0);
            assert!(begun, "nothing is ever entered");
            processor.signal(signal);
            let told = importing.join().unwrap();
            let cut = !matches!(told, Some(ImportRow::End { done: true, .. }));
            assert!(cut, "it had ended before {signal}: {told:?}");
        });
        processor.wait();
        processor.serve_again();
        let before = processor.exported::<CustomerRow>("customers").len();
        assert!((1..all).contains(&before), "{before} were entered");
        let told = processor.import("customers?update=true", &table);
        let count = |number| u64::try_from(number).unwrap();
        assert_eq!(told, [end(count(all - before), count(before), 0)]);
        let customers: Vec<CustomerRow> = processor.exported("customers");
        let sum: u64 = customers.iter().map(|row| row.balance_minor).sum();
        assert_eq!((customers.len(), sum), (all, 600_000));
        let books = processor.json(&["books", "show"]);
        assert_eq!(books["currencies"][0]["funded_minor"], "600000");
    }
}
