//! Keeps what a till has sold lately, so that the slip of a refund or a reversal names the goods:
//! one JSON object a line.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use kessai_engine::terms::{Basket, PaymentId};
use serde::{Deserialize, Serialize};

const NAME: &str = "sales";

/// How many sales are kept.
const MOST: usize = 1_000;

/// What was sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sale {
    pub(super) payment: PaymentId,
    pub(super) goods: Basket,
}

/// The last sales, by the time at which they were made.
pub(super) struct Sales {
    path: PathBuf,
    sales: Vec<Sale>,
}

impl Sales {
    /// Reads what was kept in a folder. A line that a power cut has torn is left out.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let read = |line: &str| serde_json::from_str(line).ok();
        let mut sales: Vec<Sale> = text.lines().filter_map(read).collect();
        sales.drain(..sales.len().saturating_sub(MOST));
        // What is too old, or torn, goes now; a new line must begin at the beginning of one.
        let kept: String = sales.iter().map(line).collect::<io::Result<_>>()?;
        if kept != text {
            let draft = path.with_extension("new");
            fs::write(&draft, kept)?;
            fs::rename(&draft, &path)?;
        }
        Ok(Self { path, sales })
    }

    /// Keeps a sale.
    pub(super) fn add(&mut self, sale: Sale) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(line(&sale)?.as_bytes())?;
        file.sync_all()?;
        self.sales.push(sale);
        Ok(())
    }

    /// Finds what was sold by a payment.
    pub(super) fn find(&self, payment: PaymentId) -> Option<&Sale> {
        self.sales.iter().rfind(|sale| sale.payment == payment)
    }
}

fn line(sale: &Sale) -> io::Result<String> {
    Ok(serde_json::to_string(sale)? + "\n")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::hand::cart::tests::cart;
    use crate::till::Prices;

    /// Three rice balls for 346 yen.
    pub(in super::super) fn sale(number: u64) -> Sale {
        let mut cart = cart(Prices::BeforeTax);
        cart.scan("9521000000377", 3).unwrap();
        let payment = PaymentId::from_parts(number, [7; 10]);
        Sale { payment, goods: cart.basket().unwrap() }
    }

    #[test]
    fn sales_are_kept_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let written: String = (1..=1_005).map(|number| line(&sale(number)).unwrap()).collect();
        fs::write(&path, written + "{\"payment\":").unwrap();
        let mut sales = Sales::open(folder.path()).unwrap();
        assert_eq!(sales.find(sale(5).payment), None);
        sales.add(sale(1_006)).unwrap();
        let again = Sales::open(folder.path()).unwrap();
        for number in [7, 1_005, 1_006] {
            assert_eq!(again.find(sale(number).payment), Some(&sale(number)));
        }
        assert_eq!(again.find(sale(6).payment), None, "a thousand are kept");
    }
}
