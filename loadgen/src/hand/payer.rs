//! Whom a clerk means: a customer by id, or whoever shows a code.
//!
//! Which of the two a text is, its form decides. A code has ten digits, together or as the handset
//! groups them, 3 3 4; a customer id may look the same.

use kessai_client::wire::Payer;
use kessai_engine::terms::PresentmentCode;
use kessai_engine::terms::ids::PresentmentCodeError;

/// What a text was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// It can be nothing else.
    Clearly(Payer),
    /// It is a code, and might have been meant as a customer id.
    AsCode(Payer),
}

/// Why a text names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayerError {
    /// It is neither.
    Neither,
    /// It is no customer id.
    Customer,
    /// It is no code.
    Code(PresentmentCodeError),
    /// It has the form of a code, but was mistyped; or it is meant as a customer id.
    MistypedOrCustomer,
}

/// Reads the words behind `pay`: a code, a customer id, or either with `code` or `id` before it.
pub(super) fn payer(words: &[&str]) -> Result<Named, PayerError> {
    match words {
        [word, customer] if word.eq_ignore_ascii_case("id") => self::customer(customer),
        [word, code @ ..] if word.eq_ignore_ascii_case("code") => {
            self::code(&code.join(" ")).map(Named::Clearly).map_err(PayerError::Code)
        }
        // No customer id has a space in it.
        [_, _, ..] => match code(&words.join(" ")) {
            Ok(payer) => Ok(Named::Clearly(payer)),
            Err(PresentmentCodeError::Character) => Err(PayerError::Neither),
            Err(why) => Err(PayerError::Code(why)),
        },
        [text] if has_form_of_code(text) => match code(text) {
            Ok(payer) => Ok(Named::AsCode(payer)),
            Err(_) => Err(PayerError::MistypedOrCustomer),
        },
        [text] => customer(text).map_err(|_| PayerError::Neither),
        [] => Err(PayerError::Neither),
    }
}

fn code(text: &str) -> Result<Payer, PresentmentCodeError> {
    text.parse::<PresentmentCode>().map(Payer::Code)
}

fn customer(text: &str) -> Result<Named, PayerError> {
    let id = text.parse().map_err(|_| PayerError::Customer)?;
    Ok(Named::Clearly(Payer::Customer(id)))
}

fn has_form_of_code(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    digits && matches!(groups.as_slice(), [10] | [3, 3, 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Named, PayerError>) {
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(payer(&words), expected, "{text}");
    }

    #[test]
    fn the_form_decides_who_is_meant() {
        let code = Payer::Code("0123456782".parse().unwrap());
        let id = |text: &str| Ok(Named::Clearly(Payer::Customer(text.parse().unwrap())));
        for text in ["012 345 6782", "01 23 45 67 82", "code 0123456782", "CODE 012-345-6782"] {
            check(text, Ok(Named::Clearly(code)));
        }
        for text in ["0123456782", "012-345-6782"] {
            check(text, Ok(Named::AsCode(code)));
        }
        for text in ["1234-567-890", "C000017", "123456789", "01-2345-6782"] {
            check(text, id(text));
        }
        check("id 0123456782", id("0123456782"));
        for text in ["0123456789", "012-345-6789"] {
            check(text, Err(PayerError::MistypedOrCustomer));
        }
        check("012 345 6789", Err(PayerError::Code(PresentmentCodeError::CheckDigit)));
        check("code 0123456789", Err(PayerError::Code(PresentmentCodeError::CheckDigit)));
        check("012 345", Err(PayerError::Code(PresentmentCodeError::Length)));
        check("code", Err(PayerError::Code(PresentmentCodeError::Length)));
        check("id 12_34", Err(PayerError::Customer));
        for text in ["12_34", "two words", "id 1 2", ""] {
            check(text, Err(PayerError::Neither));
        }
    }
}
