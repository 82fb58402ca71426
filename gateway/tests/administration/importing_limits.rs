//! Limits and registration numbers come in with tables, and an update touches only what it has
//! columns for.

use kessai_gateway::admin::rows::ImportRow;
use serde_json::{Value, json};

use crate::processor::{Processor, end};
use crate::tables::as_json;

const CUSTOMERS: &str = "id,currency,balance_minor,per_payment_minor,per_day_minor,count_per_day\n\
    C-1,JPY,1000,500,900,3\nC-2,JPY,1000,,,\nC-3,JPY,1000,0,,7\n";

const MERCHANTS: &str = "id,name,invoice_number\nM1,Shop,T8700110005901\nM2,Kiosk,\n\
    M3,Trader,T7700110005901\n";

const ODD: &str = "invoice_number: entered, but its check digit is not a company's: is it a sole \
    trader's, or mistyped?";

const TERMINALS: &str = "id,store,per_payment_minor,per_day_minor,count_per_day\n\
    POS1,S1,500,,\nPOS2,S1,,,\n";

fn processor() -> Processor {
    let processor = Processor::start();
    let odd = ImportRow::Odd { line: 4, warning: ODD.to_owned() };
    assert_eq!(processor.import("merchants", MERCHANTS), [odd, end(3, 0, 0)]);
    processor.enter("stores", "id,merchant,name,currency\nS1,M1,Station,JPY\n");
    processor
}

fn customers(processor: &Processor) -> [Value; 3] {
    ["C-1", "C-2", "C-3"]
        .map(|id| processor.json(&["customer", "show", id])["policy"]["limits"].clone())
}

fn terminals(processor: &Processor) -> Vec<(Value, Value)> {
    let list = processor.json(&["terminal", "list"]);
    let list = list.as_array().unwrap().iter();
    list.map(|it| (it["standing"].clone(), it["limits"].clone())).collect()
}

fn numbers(processor: &Processor) -> Vec<Value> {
    let list = processor.json(&["merchant", "list"]);
    list.as_array().unwrap().iter().map(|it| it["invoice_number"].clone()).collect()
}

#[test]
fn customers_bring_their_limits() {
    for table in [CUSTOMERS.to_owned(), as_json(CUSTOMERS)] {
        let processor = Processor::start();
        let told = match table.starts_with('{') {
            true => processor.import_json("customers", &table),
            false => processor.import("customers", &table),
        };
        assert_eq!(told, [end(3, 0, 0)]);
        let first = json!({"per_payment_minor": 500, "per_day_minor": 900, "count_per_day": 3});
        let third = json!({"per_payment_minor": 0, "count_per_day": 7});
        assert_eq!(customers(&processor), [first.clone(), json!({}), third.clone()]);
        processor.kessai(&["customer", "freeze", "C-1"]);
        // Without the columns they stay; of those that are there, also an empty one is obeyed.
        let plain = "id,currency,balance_minor\nC-1,JPY,7\nC-2,JPY,7\n";
        assert_eq!(processor.import("customers?update=true", plain), [end(0, 2, 0)]);
        assert_eq!(customers(&processor), [first, json!({}), third]);
        let some = "id,currency,balance_minor,per_day_minor,count_per_day\n\
            C-1,JPY,7,,4\nC-2,JPY,7,600,\n";
        assert_eq!(processor.import("customers?update=true", some), [end(0, 2, 0)]);
        let [first, second, _] = customers(&processor);
        assert_eq!(first, json!({"per_payment_minor": 500, "count_per_day": 4}));
        assert_eq!(second, json!({"per_day_minor": 600}));
        let shown = processor.json(&["customer", "show", "C-1"]);
        assert_eq!(shown["policy"]["standing"], "frozen");
        assert_eq!(shown["balance_minor"], 1_000);
    }
}

#[test]
fn terminals_bring_their_limits() {
    let mut processor = processor();
    processor.enter("terminals", TERMINALS);
    let (active, limited) = (Value::from("active"), json!({"per_payment_minor": 500}));
    let entered = [(active.clone(), limited), (active.clone(), json!({}))];
    assert_eq!(terminals(&processor), entered);
    processor.kessai(&["terminal", "freeze", "POS2"]);
    let update = |processor: &Processor, table: &str| {
        assert_eq!(processor.import("terminals?update=true", table), [end(0, 2, 0)]);
        terminals(processor)
    };
    let plain = update(&processor, "id,store\nPOS1,S1\nPOS2,S1\n");
    let frozen = Value::from("frozen");
    assert_eq!(plain, [entered[0].clone(), (frozen.clone(), json!({}))]);
    let some = update(&processor, "id,store,count_per_day\nPOS1,S1,9\nPOS2,S1,8\n");
    let expected = [
        (active.clone(), json!({"per_payment_minor": 500, "count_per_day": 9})),
        (frozen.clone(), json!({"count_per_day": 8})),
    ];
    assert_eq!(some, expected);
    let none = "id,store,per_payment_minor\nPOS1,S1,\nPOS2,S1,\n";
    let expected = [(active, json!({"count_per_day": 9})), (frozen, json!({"count_per_day": 8}))];
    assert_eq!(update(&processor, none), expected);
    processor.stop("-KILL");
    processor.serve_again();
    assert_eq!(terminals(&processor), expected, "after a restart too");
}

#[test]
fn merchants_bring_their_registration_numbers() {
    let processor = processor();
    let entered = ["T8700110005901".into(), Value::Null, "T7700110005901".into()];
    assert_eq!(numbers(&processor), entered, "also a sole trader's");
    let plain = "id,name\nM1,Shop\nM2,Kiosk\n";
    assert_eq!(processor.import("merchants?update=true", plain), [end(0, 2, 0)]);
    assert_eq!(numbers(&processor), entered, "there is no column of them");
    let some = "id,name,invoice_number\nM1,Shop,\nM2,Kiosk,T8700110005901\n";
    assert_eq!(processor.import("merchants?update=true", some), [end(0, 2, 0)]);
    let expected = [Value::Null, "T8700110005901".into(), "T7700110005901".into()];
    assert_eq!(numbers(&processor), expected);
    std::fs::write(processor.desk().join("odd.csv"), MERCHANTS.replace('M', "N")).unwrap();
    let output = processor.command(&["import", "merchants", "odd.csv"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "imported 3 merchants\n");
    let told = format!("odd.csv:4: warning: {ODD}\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), told);
}
