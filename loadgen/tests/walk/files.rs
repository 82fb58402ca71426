//! The files that a processor has from elsewhere: 100 terminals of ten stores, 10,000 customers.

use std::fmt::Write;

/// The customer whose handset is played.
pub(crate) const CUSTOMER: &str = "1234-567-890";
/// What that customer has to begin with.
pub(crate) const BALANCE: u64 = 1_235_000;
/// What every other customer has.
pub(crate) const POCKET: u64 = 50_000;

pub(crate) const CUSTOMERS: usize = 10_000;
const TERMINALS: usize = 100;
const STORES: usize = 10;

pub(crate) fn merchants() -> String {
    "id,name\nM0001,Kessai Mart\nM0002,青空書店\n".to_owned()
}

/// The even stores are of the first merchant.
pub(crate) fn stores() -> String {
    let mut file = "id,merchant,name,currency,rounding\nS0000,M0001,渋谷店,JPY,down\n".to_owned();
    for store in 1..STORES {
        let merchant = 1 + store % 2;
        writeln!(file, "S{store:04},M{merchant:04},\"Store {store}, north\",JPY,").unwrap();
    }
    file
}

pub(crate) fn terminals() -> String {
    let mut file = "id,store,kind\n".to_owned();
    for terminal in 0..TERMINALS {
        let (number, store) = (terminal + 1, terminal % STORES);
        let kind = if terminal % 20 == 19 { "vending" } else { "pos" };
        writeln!(file, "POS{number:05},S{store:04},{kind}").unwrap();
    }
    file
}

/// What the first merchant's tills sell.
pub(crate) fn catalogue() -> String {
    "merchant,code,name,price_minor,currency,tax_rate_bp\n\
     M0001,9521000000377,おにぎり 鮭,138,JPY,800\n\
     M0001,9521000083257,ビール 350ml,228,JPY,1000\n"
        .to_owned()
}

/// With the columns in an order of their own, as another system wrote them.
pub(crate) fn customers() -> String {
    let mut file =
        "id,name,kana,mobile,email,bank,branch,deposit_type,account,currency,balance_minor\n"
            .to_owned();
    writeln!(
        file,
        "{CUSTOMER},決済 花子,ケッサイ ハナコ,090-1234-5678,hanako@example.com,0001,001,1,\
         1234567,JPY,{BALANCE}"
    )
    .unwrap();
    for number in 1..CUSTOMERS {
        writeln!(
            file,
            "C{number:06},山田 {number}郎,ヤマダ タロウ,,customer{number}@example.com,,,,,JPY,\
             {POCKET}"
        )
        .unwrap();
    }
    file
}
