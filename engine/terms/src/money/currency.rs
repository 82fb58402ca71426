//! Currencies of ISO 4217.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names a currency in which one can pay: one of ISO 4217 that has a minor unit or none, so not
/// gold, not a drawing right, not the code for tests.
///
/// Currencies order by their numbers.
///
/// # Source
/// ISO 4217; ISO 8583 data element 49.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Currency(iso_currency::Currency);

/// Says why a code or number is no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// ISO 4217 has no such code or number.
    #[error("there is no such currency in ISO 4217")]
    Unknown,
    /// The code stands for something that has no minor unit, such as gold.
    #[error("this currency has no minor unit, so that no price can be written in it")]
    NoExponent,
}

impl Currency {
    /// The yen.
    pub const JPY: Self = Self(iso_currency::Currency::JPY);
    /// The dollar of the United States.
    pub const USD: Self = Self(iso_currency::Currency::USD);
    /// The euro.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);

    /// Takes a currency by its three letters, in capitals.
    ///
    /// # Errors
    /// [`CurrencyError`] says why there is none.
    pub fn from_code(code: &str) -> Result<Self, CurrencyError> {
        Self::payable(iso_currency::Currency::from_code(code))
    }

    /// Takes a currency by its number.
    ///
    /// # Errors
    /// [`CurrencyError`] says why there is none.
    pub fn from_numeric(number: u16) -> Result<Self, CurrencyError> {
        Self::payable(iso_currency::Currency::from_numeric(number))
    }

    fn payable(found: Option<iso_currency::Currency>) -> Result<Self, CurrencyError> {
        let currency = found.ok_or(CurrencyError::Unknown)?;
        currency.exponent().map(|_| Self(currency)).ok_or(CurrencyError::NoExponent)
    }

    /// Tells the three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Tells the number.
    #[must_use]
    pub fn numeric(self) -> u16 {
        self.0.numeric()
    }

    /// Tells how many decimal digits the minor unit has: 0 for the yen, 2 for the dollar.
    #[must_use]
    pub fn exponent(self) -> u16 {
        // Every currency let in has one.
        self.0.exponent().unwrap_or_default()
    }
}

impl Hash for Currency {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.numeric().hash(state);
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numeric().cmp(&other.numeric())
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(code: &str) -> Result<Self, CurrencyError> {
        Self::from_code(code)
    }
}

impl TryFrom<u16> for Currency {
    type Error = CurrencyError;

    fn try_from(number: u16) -> Result<Self, CurrencyError> {
        Self::from_numeric(number)
    }
}

impl From<Currency> for u16 {
    fn from(currency: Currency) -> Self {
        currency.numeric()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({})", self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_of_iso_4217() {
        let check = |codes: &str, exponent| {
            for code in codes.split(' ') {
                assert_eq!(
                    Currency::from_code(code).map(Currency::exponent),
                    Ok(exponent),
                    "{code}"
                );
            }
        };
        check("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF", 0);
        check("USD EUR GBP HUF MGA MRU CNY TWD THB", 2);
        check("BHD IQD JOD KWD LYD OMR TND", 3);
        check("CLF UYW", 4);
    }

    #[test]
    fn what_has_no_minor_unit_is_no_currency_to_pay_in() {
        for code in ["XAU", "XAG", "XDR", "XTS", "XXX"] {
            assert_eq!(Currency::from_code(code), Err(CurrencyError::NoExponent), "{code}");
        }
        assert_eq!(Currency::from_numeric(959), Err(CurrencyError::NoExponent));
    }

    #[test]
    fn unknown_codes_are_refused() {
        for code in ["", "JP", "jpy", "JPYX", "AAA", "円"] {
            assert_eq!(code.parse::<Currency>(), Err(CurrencyError::Unknown), "{code}");
        }
        assert_eq!(Currency::from_numeric(0), Err(CurrencyError::Unknown));
        assert_eq!(Currency::from_numeric(1_000), Err(CurrencyError::Unknown));
    }

    #[test]
    fn numbers_and_codes_lead_to_the_same_currency() {
        let currencies: Vec<_> =
            (0..1_000).filter_map(|number| Currency::from_numeric(number).ok()).collect();
        assert!(currencies.len() > 150, "only {} currencies", currencies.len());
        for currency in currencies {
            assert_eq!(Currency::from_code(currency.code()), Ok(currency));
            assert_eq!(Currency::from_numeric(currency.numeric()), Ok(currency));
        }
        assert_eq!(Currency::JPY.numeric(), 392);
    }
}
