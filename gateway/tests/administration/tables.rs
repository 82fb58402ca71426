//! Tables of every kind, as processors send them.

use kessai_client::terms::collation::HandsetSecrets;
use serde_json::{Map, Value};

pub const MERCHANTS: &str = "id,name\nM1,鈴木商店\nM2,\"Smith, \"\"Sons\"\" & Co\"\n";

pub const STORES: &str = "name,id,merchant,currency,rounding\n\
    上野店,S1,M1,JPY,half_up\nStation,S2,M2,USD,\n";

pub const CATALOGUE: &str = "merchant,code,name,price_minor,currency,tax_rate_bp\n\
    M1,4901234567894,\"お茶, 濃い\",120,JPY,800\n\
    M2,4901234567894,Tea,150,USD,0\n\
    M1,96385074,おにぎり,105,JPY,800\n";

/// Two customers: one of whom all is known, one of whom nothing is.
pub const CUSTOMERS: &str = "id,currency,balance_minor,mobile,email,name,kana,bank,branch,\
    deposit_type,account\n\
    1234-567-890,JPY,1235000,090-1234-5678,hanako@example.jp,山田 花子,ヤマダ ハナコ,\
    0009,123,1,7654321\n\
    C-2,USD,0,,,,,,,,\n";

/// What in [`CUSTOMERS`] is personal.
pub const PERSONAL: [&str; 7] =
    ["090-1234-5678", "hanako", "山田", "花子", "ヤマダ", "7654321", "ハナコ"];

pub fn terminals(pin: &str) -> String {
    format!("id,store,kind,key_pin\nPOS1,S1,,{pin}\nVEND1,S1,vending,\n")
}

pub fn controllers(pin: &str) -> String {
    format!("id,merchant,key_pin\nK1,M1,{pin}\nK2,M2,\n")
}

pub fn hubs(pin: &str) -> String {
    format!("id,key_pin\nH1,{pin}\nH2,\n")
}

/// One handset of `customer`, whose id has `device` throughout.
pub fn handset(customer: &str, device: u8, pin: &str, secrets: &HandsetSecrets) -> String {
    let keys = secrets.device_keys();
    let keys = [keys.stored.expose(), keys.server.expose(), keys.device.expose()];
    format!(
        "customer,device,key_pin,salt,stored_key,server_key,device_key\n{customer},{},{pin},{},{}\n",
        hex::encode([device; 16]),
        "0a".repeat(16),
        keys.map(hex::encode).join(",")
    )
}

/// A key's hash that has `byte` throughout.
pub fn pin(byte: u8) -> String {
    hex::encode([byte; 32])
}

/// The same table as JSON Lines, with whole numbers as numbers and empty fields left out.
pub fn as_json(table: &str) -> String {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let heading = reader.headers().unwrap().clone();
    let mut lines = String::new();
    for record in reader.records() {
        let record = record.unwrap();
        let field = |(name, text): (&str, &str)| {
            let number = text.parse::<u64>().ok().filter(|n| n.to_string() == text);
            (name.to_owned(), number.map_or_else(|| text.into(), Value::from))
        };
        let fields = heading.iter().zip(&record).filter(|(_, text)| !text.is_empty());
        let object: Map<String, Value> = fields.map(field).collect();
        lines.push_str(&Value::Object(object).to_string());
        lines.push('\n');
    }
    lines
}
