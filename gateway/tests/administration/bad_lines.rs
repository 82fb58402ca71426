//! Every kind of bad line is told by its number, and what stands there is not.

use kessai_gateway::admin::rows::{CustomerRow, ImportRow};

use crate::processor::{Processor, bad, end, kept_out};
use crate::support::secrets_of;
use crate::tables::{self, CUSTOMERS, MERCHANTS, STORES, as_json, pin};

/// A gateway with a merchant, a store, a terminal with a key, a customer with a handset.
fn stocked() -> Processor {
    let processor = Processor::start();
    processor.enter("merchants", MERCHANTS);
    processor.enter("stores", STORES);
    processor.enter("terminals", &tables::terminals(&pin(1)));
    processor.enter("controllers", &tables::controllers(&pin(2)));
    processor.enter("customers", CUSTOMERS);
    let handset = tables::handset("1234-567-890", 7, &pin(4), &secrets_of(7));
    processor.enter("handsets", &handset);
    processor.enter("catalogue", tables::CATALOGUE);
    processor
}

/// Sends one line below a heading, in both formats: it must be told to be bad, and kept out.
fn check(processor: &Processor, kind: &str, heading: &str, line: &str, problem: &str) {
    let table = format!("{heading}\n{line}\n");
    let told = processor.import(kind, &table);
    assert_eq!(told, [bad(2, problem), kept_out(1)], "{kind}: {line}");
    let told = processor.import_json(kind, as_json(&table));
    assert_eq!(told, [bad(1, problem), kept_out(1)], "{kind}: {line}");
}

#[test]
fn what_is_wrong_with_the_register_is_told() {
    let processor = stocked();
    let check = |kind: &str, heading: &str, line: &str, problem: &str| {
        check(&processor, kind, heading, line, problem);
    };
    let merchants = "id,name";
    check("merchants", merchants, ",Shop", "id: missing");
    check("merchants", merchants, "M3,", "name: missing");
    check(
        "merchants",
        merchants,
        "M 3,x",
        "id: the character at byte 1 is not allowed in a code of this kind",
    );
    check("merchants", merchants, "M1,Shop", "id: already there");
    check("merchants", merchants, "M3, Shop", "name: the text begins or ends with a space");
    check("merchants", merchants, "M3,a\u{202e}b", "name: the character U+202E is not allowed");
    let stores = "id,merchant,name,currency,rounding";
    check("stores", stores, "S3,M9,x,JPY,", "merchant: not registered");
    check("stores", stores, "S3,M1,x,YEN,", "currency: there is no such currency in ISO 4217");
    check("stores", stores, "S3,M1,x,JPY,even", "rounding: must be down, half_up or up");
    check("stores", stores, "S1,M1,x,JPY,", "id: already there");
    let terminals = "id,store,kind,key_pin";
    check("terminals", terminals, "POS2,S9,pos,", "store: not registered");
    check("terminals", terminals, "POS2,S1,kiosk,", "kind: must be pos or vending");
    check("terminals", terminals, "POS2,S1,pos,0g", "key_pin: must be 64 hexadecimal digits");
    let taken = "key_pin: enrolled for another peer already";
    check("terminals", terminals, &format!("POS2,S1,pos,{}", pin(2)), taken);
    check("terminals", terminals, "POS1,S1,pos,", "id: already there");
    check(
        "terminals",
        terminals,
        "TOOLONG1X,S1,pos,",
        "id: a code of this kind has at most 8 characters",
    );
    let limited = "id,store,per_payment_minor,per_day_minor,count_per_day";
    let number = "must be a whole number, in digits alone, and not too great";
    check("terminals", limited, "POS2,S1,1.5,,", &format!("per_payment_minor: {number}"));
    check("terminals", limited, "POS2,S1,,-1,", &format!("per_day_minor: {number}"));
    check("terminals", limited, "POS2,S1,,,4294967296", &format!("count_per_day: {number}"));
    let number = "a registration number has 13 digits behind its letter";
    let merchants = "id,name,invoice_number";
    check("merchants", merchants, "M3,x,T123", &format!("invoice_number: {number}"));
    check("controllers", "id,merchant", "K3,M9", "merchant: not registered");
    check("controllers", "id,merchant,key_pin", &format!("K3,M1,{}", pin(4)), taken);
    check("hubs", "id,key_pin", &format!("H3,{}", pin(1)), taken);
    let told = processor.import("controllers?update=true", "id,merchant\nK1,M2\n");
    let problem = "merchant: a controller cannot be given to another";
    assert_eq!(told, [bad(2, problem), kept_out(1)]);
}

#[test]
fn what_is_wrong_with_a_customer_is_told() {
    let processor = stocked();
    let check = |heading: &str, line: &str, problem: &str| {
        check(&processor, "customers", heading, line, problem);
    };
    let plain = "id,currency,balance_minor";
    let number = "balance_minor: must be a whole number, in digits alone, and not too great";
    check(plain, "C-3,JPY,", "balance_minor: missing");
    for amount in ["1.5", "-5", "1e3", "12 000", "18446744073709551616"] {
        check(plain, &format!("C-3,JPY,{amount}"), number);
    }
    check(plain, "C-3,JPY,1000000000000001", "balance_minor: the amount is too great");
    check(
        plain,
        "C-3,XAU,5",
        "currency: this currency has no minor unit, so that no price can be written in it",
    );
    check(plain, "C_3,JPY,5", "id: the character at byte 1 is not allowed in a code of this kind");
    check(plain, "1234-567-890,JPY,5", "id: already there");
    let one = |column: &str, text: &str, problem: &str| {
        check(&format!("{plain},{column}"), &format!("C-3,JPY,5,{text}"), problem);
    };
    one(
        "mobile",
        "090-1234-567x",
        "mobile: the character U+0078 does not belong into a telephone number",
    );
    one("per_payment_minor", "1e3", &number.replace("balance_minor", "per_payment_minor"));
    one("per_day_minor", "1000000000000001", "per_day_minor: the amount is too great");
    one("count_per_day", "-1", &number.replace("balance_minor", "count_per_day"));
    one("mobile", "110", "mobile: this is not a telephone number");
    one("email", "hanako.example.jp", "email: this is not an e-mail address");
    one("name", &"花".repeat(61), "name: the text has more than 60 characters");
    one("kana", "やまだ", "kana: the character U+3084 does not belong into a name in kana");
    one("bank", "00 09", "bank: the character U+0020 does not belong into a bank code");
    one("branch", "12_3", "branch: the character U+005F does not belong into a branch code");
    one("deposit_type", "3", "deposit_type: this is not a deposit type (1, 2, 4 or 9)");
    one(
        "account",
        "76/54321",
        "account: the character U+002F does not belong into an account number",
    );
}

#[test]
fn what_is_wrong_with_a_handset_is_told() {
    let processor = stocked();
    let (other, keys) = (pin(9), ["bb"; 3].map(|byte| byte.repeat(32)).join(","));
    let heading = "customer,device,key_pin,salt,stored_key,server_key,device_key";
    let salt = "0a".repeat(16);
    let check = |line: &str, problem: &str| check(&processor, "handsets", heading, line, problem);
    let device = "0c".repeat(16);
    check(&format!("C-9,{device},{other},{salt},{keys}"), "customer: not registered");
    check(
        &format!("C-2,0c0c,{other},{salt},{keys}"),
        "device: a device id is 32 hexadecimal digits",
    );
    check(&format!("C-2,{device},,{salt},{keys}"), "key_pin: missing");
    check(&format!("C-2,{device},{other},{salt}0a,{keys}"), "salt: must be 32 hexadecimal digits");
    check(
        &format!("C-2,{device},{other},{salt},secret,{}", &keys[65..]),
        "stored_key: must be 64 hexadecimal digits",
    );
    for (place, name) in ["server_key", "device_key"].iter().enumerate() {
        let mut keys: Vec<_> = keys.split(',').collect();
        keys[place + 1] = "";
        let line = format!("C-2,{device},{other},{salt},{}", keys.join(","));
        check(&line, &format!("{name}: missing"));
    }
    let taken = "key_pin: enrolled for another peer already";
    check(&format!("C-2,{device},{},{salt},{keys}", pin(1)), taken);
    check(&format!("1234-567-890,{device},{},{salt},{keys}", pin(4)), taken);
    let there = "07".repeat(16);
    check(&format!("1234-567-890,{there},{other},{salt},{keys}"), "device: already there");
}

#[test]
fn what_is_wrong_with_a_product_is_told() {
    let processor = stocked();
    let heading = "merchant,code,name,price_minor,currency,tax_rate_bp";
    let check = |line: &str, problem: &str| check(&processor, "catalogue", heading, line, problem);
    check("M9,96385074,x,1,JPY,800", "merchant: not registered");
    check("M1,96385075,x,1,JPY,800", "code: the check digit should be 4");
    check("M1,9638507,x,1,JPY,800", "code: a bar code has 8, 12, 13 or 14 digits");
    check("M1,04901234567894,x,1,JPY,800", "code: already there");
    check("M2,96385074,,1,JPY,800", "name: missing");
    check(
        "M2,96385074,x,one,JPY,800",
        "price_minor: must be a whole number, in digits alone, and not too great",
    );
    check("M2,96385074,x,1,JPY,5001", "tax_rate_bp: a rate of tax is at most 5000 basis points");
    check(
        "M2,96385074,x,1,JPY,65536",
        "tax_rate_bp: must be a whole number, in digits alone, and not too great",
    );
}

#[test]
fn lines_that_cannot_be_read_are_told_by_where_they_begin() {
    let processor = Processor::start();
    let long = "9".repeat(1 << 16);
    let mut table = b"id,currency,balance_minor\r\n\r\nC-1,JPY\r\nC-2,JPY,1,2\r\n".to_vec();
    table.extend(b"C-3,J\xffY,1\n\"C\n-4\",JPY,1\n");
    table.extend(format!("C-5,JPY,{long}\nC-6,JPY,1\n\"C-7,JPY,1\n").as_bytes());
    let expected = [
        bad(3, "2 fields where the heading has 3"),
        bad(4, "4 fields where the heading has 3"),
        bad(5, "currency: not UTF-8"),
        bad(6, "id: the character at byte 1 is not allowed in a code of this kind"),
        bad(8, "longer than 65536 bytes"),
        bad(10, "a quoted field is not closed"),
    ];
    let mut told = processor.import("customers", &table);
    assert_eq!(told.pop(), Some(kept_out(6)));
    assert_eq!(told, expected);
    let known = "the fields are id, currency, balance_minor, mobile, email, name, kana, bank, branch, \
                 deposit_type, account, per_payment_minor, per_day_minor, count_per_day";
    let lines = format!(
        "{{\"id\":\"C-1\"}}\n\n{{\"id\":\"C-2\",\"currency\":\"JPY\",\"balance\":1}}\nC-3\n\
         {{\"id\":\"{long}\"}}\n{{\"id\":[\"C-5\"]}}\n"
    );
    let expected = [
        bad(1, "currency: missing"),
        bad(3, &format!("a field is not known; {known}")),
        bad(4, "no JSON, at column 1"),
        bad(5, "longer than 65536 bytes"),
        bad(6, "id: must be a text or a number"),
        kept_out(5),
    ];
    assert_eq!(processor.import_json("customers", lines), expected);
    assert_eq!(processor.exported::<CustomerRow>("customers"), []);
}

#[test]
fn a_heading_that_is_wrong_refuses_the_whole_file() {
    let processor = Processor::start();
    for path in ["merchants", "merchants?skip_bad=true", "merchants?update=true"] {
        for (file, problem) in [
            ("", "there is no heading"),
            (
                "id,name,colour\nM1,x,blue\n",
                "column 3 of the heading is not known; the columns are id, name, invoice_number",
            ),
            ("id\nM1\n", "the heading lacks the column name"),
            ("id,name,id\nM1,x,M1\n", "the heading has the column id twice"),
        ] {
            assert_eq!(processor.import(path, file), [bad(1, problem), kept_out(1)], "{file}");
        }
    }
    assert_eq!(processor.json(&["merchant", "list"]).as_array().unwrap().len(), 0);
    assert_eq!(processor.import("merchants", "id,name\n"), [end(0, 0, 0)]);
    assert_eq!(processor.import_json("merchants", ""), [end(0, 0, 0)]);
}

#[test]
fn the_same_id_or_key_twice_in_a_file_is_told() {
    let processor = stocked();
    let table = "id,currency,balance_minor\nC-3,JPY,1\nC-4,JPY,2\nC-3,JPY,3\n";
    let told = [bad(4, "id: the same as in line 2"), kept_out(1)];
    assert_eq!(processor.import("customers", table), told);
    let key = pin(9);
    let table = format!("id,store,key_pin\nPOS2,S1,{key}\nPOS3,S1,{key}\nPOS2,S2,\n");
    let told = [
        bad(3, "key_pin: the same as in line 2"),
        bad(4, "id: the same as in line 2"),
        kept_out(2),
    ];
    assert_eq!(processor.import("terminals", &table), told);
    let [_, one] = ["M1,96385074", "M2,96385074"].map(|start| format!("{start},x,1,JPY,0\n"));
    let heading = "merchant,code,name,price_minor,currency,tax_rate_bp\n";
    let told = [bad(3, "code: the same as in line 2"), kept_out(1)];
    assert_eq!(processor.import("catalogue", format!("{heading}{one}{one}")), told);
    assert_eq!(processor.json(&["terminal", "list"]).as_array().unwrap().len(), 2);
}

#[test]
fn good_lines_are_entered_where_bad_ones_are_skipped() {
    let processor = stocked();
    let table =
        "id,currency,balance_minor\nC-3,JPY,1\nC-4,YEN,2\nC-3,JPY,3\nC-2,JPY,4\nC-5,JPY,5\n";
    let expected = [
        bad(3, "currency: there is no such currency in ISO 4217"),
        bad(4, "id: the same as in line 2"),
        bad(5, "id: already there"),
    ];
    let mut told = processor.import("customers?skip_bad=true", table);
    assert_eq!(told.pop(), Some(end(2, 0, 3)));
    assert_eq!(told, expected);
    let customers: Vec<CustomerRow> = processor.exported("customers");
    let mut balances: Vec<_> = customers.iter().map(|row| (&*row.id, row.balance_minor)).collect();
    balances.sort_unstable();
    assert_eq!(balances, [("1234-567-890", 1_235_000), ("C-2", 0), ("C-3", 1), ("C-5", 5)]);
    let key = pin(9);
    let table = format!("id,key_pin\nH3,{key}\nH4,{key}\nH3,\nH5,\n");
    let mut told = processor.import("hubs?skip_bad=true", &table);
    assert_eq!(told.pop(), Some(end(2, 0, 2)));
    assert_eq!(told.len(), 2);
    let ids = processor.json(&["hub", "list"]);
    assert_eq!(
        (&ids[0]["id"], &ids[1]["id"], &ids[2]),
        (&"H3".into(), &"H5".into(), &serde_json::Value::Null)
    );
    let heading = "merchant,code,name,price_minor,currency,tax_rate_bp\n";
    let line = "M2,96385074,x,1,JPY,0\n";
    let told = processor.import("catalogue?skip_bad=true", format!("{heading}{line}{line}"));
    assert_eq!(told, [bad(3, "code: the same as in line 2"), end(1, 0, 1)]);
}

#[test]
fn of_many_bad_lines_the_first_thousand_are_told_and_all_are_counted() {
    let processor = Processor::start();
    let table = format!("id,name\n{}", "M 1,x\n".repeat(2_500));
    let mut told = processor.import("merchants", &table);
    assert_eq!(told.pop(), Some(kept_out(2_500)));
    let lines = told.iter().filter_map(|row| match row {
        ImportRow::Bad { line, .. } => Some(*line),
        ImportRow::Progress { .. } | ImportRow::Odd { .. } | ImportRow::End { .. } => None,
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, (2..1_002).collect::<Vec<_>>());
}
