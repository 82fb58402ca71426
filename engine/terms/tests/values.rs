//! Properties of the values: what is made is checked, what is stored comes back, and nothing that
//! was not checked gets in through deserialising.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use std::fmt::Debug;

use kessai_terms::collation::{ContentDigest, Salt, Signature};
use kessai_terms::gtin::GtinError;
use kessai_terms::{
    Amount, ApprovalNumber, Basket, Currency, CustomerId, DeviceId, Gtin, Line, Money, Net,
    PaymentId, ProductName, Reason, Reference, Rounding, Tax, TaxKind, TaxRate, TerminalId,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn amount(most: u64) -> impl Strategy<Value = Amount> {
    (0..=most).prop_map(|minor| Amount::new(minor).unwrap())
}

fn gtin() -> impl Strategy<Value = Gtin> {
    prop_oneof!["[0-9]{6}[1-9]", "[0-9]{10}[1-9]", "[0-9]{11}[1-9]", "[0-9]{12}[1-9]"]
        .prop_map(|payload: String| Gtin::complete(&payload).unwrap())
}

fn tax() -> impl Strategy<Value = Tax> {
    let rate = prop_oneof![Just(800), Just(1_000), 0_u16..=5_000];
    let rate = rate.prop_map(|basis_points| TaxRate::new(basis_points).unwrap());
    prop_oneof![
        Just(Tax::Exempt),
        rate.clone().prop_map(Tax::Included),
        rate.prop_map(Tax::Exclusive)
    ]
}

fn line() -> impl Strategy<Value = Line> {
    (gtin(), "[a-zぁ-ん]{1,20}", 1_u64..1_000_000, 1_u32..=9_999, any::<u64>(), tax()).prop_map(
        |(code, name, unit_price, quantity, discount, tax)| Line {
            code,
            name: ProductName::new(&name).unwrap(),
            unit_price: Amount::new(unit_price).unwrap(),
            quantity,
            discount: Amount::new(discount % (unit_price * u64::from(quantity))).unwrap(),
            tax,
        },
    )
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::Down), Just(Rounding::HalfUp), Just(Rounding::Up)]
}

/// Computes the total anew, in wide integers and by another way: per rate from `0..=5000`.
fn expected_total(lines: &[Line], rounding: Rounding) -> u128 {
    let of = |line: &Line| {
        u128::from(line.unit_price.minor()) * u128::from(line.quantity)
            - u128::from(line.discount.minor())
    };
    let plain: u128 = lines.iter().map(of).sum();
    let added: u128 = (0..=5_000)
        .map(|basis_points| {
            let rate = Tax::Exclusive(TaxRate::new(basis_points).unwrap());
            let base: u128 = lines.iter().filter(|line| line.tax == rate).map(of).sum();
            let exact = base * u128::from(basis_points);
            match rounding {
                Rounding::Down => exact / 10_000,
                Rounding::HalfUp => (exact + 5_000) / 10_000,
                Rounding::Up => exact.div_ceil(10_000),
            }
        })
        .sum();
    plain + added
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, longest: usize) {
    let stored = postcard::to_stdvec(value).unwrap();
    assert!(stored.len() <= longest, "{value:?} takes {} bytes", stored.len());
    assert_eq!(&postcard::from_bytes::<T>(&stored).unwrap(), value);
    let told = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&told).unwrap(), value);
}

fn refused<T: DeserializeOwned + Debug>(stored: &impl Serialize) {
    let stored = postcard::to_stdvec(stored).unwrap();
    let read = postcard::from_bytes::<T>(&stored);
    assert!(read.is_err(), "{read:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_basket_adds_up(
        lines in prop::collection::vec(line(), 1..12),
        rounding in rounding(),
        off in prop_oneof![-2_i64..=2, any::<i32>().prop_map(i64::from)],
    ) {
        let expected = u64::try_from(expected_total(&lines, rounding)).unwrap();
        let total = Amount::new(expected).unwrap();
        let basket = Basket::check(lines.clone(), rounding, total).unwrap();
        prop_assert_eq!(basket.total(), total);
        prop_assert_eq!(basket.lines(), &lines[..]);
        comes_back(&basket, 4_096);
        for sum in basket.taxes() {
            let base = sum.net.minor() + if sum.kind == TaxKind::Included { sum.tax.minor() } else { 0 };
            let tax = match sum.kind {
                TaxKind::Included => Tax::Included(sum.rate),
                TaxKind::Exclusive => Tax::Exclusive(sum.rate),
            };
            let lines = lines.iter().filter(|line| line.tax == tax);
            prop_assert_eq!(base, lines.map(|line| line.total().unwrap().minor()).sum::<u64>());
        }
        if let Some(claimed) = expected.checked_add_signed(off).filter(|_| off != 0) {
            let refused = Basket::check(lines, rounding, Amount::new(claimed).unwrap());
            prop_assert_eq!(refused, Err(Reason::TotalMismatch));
        }
    }

    #[test]
    fn a_part_of_a_basket_costs_no_more_than_a_greater_part(
        lines in prop::collection::vec(line(), 1..12),
        rounding in rounding(),
        shares in prop::collection::vec((0_u64..=1_000, 0_u64..=1_000), 12),
    ) {
        let total = u64::try_from(expected_total(&lines, rounding)).unwrap();
        let whole = Basket::check(lines.clone(), rounding, Amount::new(total).unwrap()).unwrap();
        let pieces = |place: usize, share: u64| {
            u32::try_from(u64::from(lines[place].quantity) * share / 1_000).unwrap()
        };
        let lesser = whole.part(|place| pieces(place, shares[place].0.min(shares[place].1)));
        let greater = whole.part(|place| pieces(place, shares[place].0.max(shares[place].1)));
        let costs = |part: Result<Option<Basket>, Reason>| {
            part.unwrap().map_or(Amount::ZERO, |part| part.total())
        };
        let (lesser, greater) = (costs(lesser), costs(greater));
        prop_assert!(lesser <= greater && greater <= whole.total(), "{lesser:?} {greater:?}");
    }

    #[test]
    fn amounts_compute_as_integers_do(
        a in amount(Amount::MAX.minor()), b in amount(Amount::MAX.minor()), times: u32,
    ) {
        let (wide_a, wide_b) = (i128::from(a.minor()), i128::from(b.minor()));
        let fits = |wide: i128| {
            u64::try_from(wide).ok().filter(|minor| *minor <= Amount::MAX.minor())
        };
        prop_assert_eq!(a.checked_add(b).ok().map(Amount::minor), fits(wide_a + wide_b));
        prop_assert_eq!(a.checked_sub(b).ok().map(Amount::minor), fits(wide_a - wide_b));
        let product = wide_a * i128::from(times);
        prop_assert_eq!(a.checked_mul(times).ok().map(Amount::minor), fits(product));
        let net = Net::from(a).checked_sub(b).unwrap();
        prop_assert_eq!(net.minor(), wide_a - wide_b);
        prop_assert_eq!(Amount::try_from(net).ok(), a.checked_sub(b).ok());
        prop_assert_eq!(net.checked_add(b).unwrap(), Net::from(a));
    }

    #[test]
    fn money_is_written_without_loss(minor in amount(Amount::MAX.minor()), number in 0_u16..1_000) {
        let Ok(currency) = Currency::from_numeric(number) else { return Ok(()) };
        let written = Money { amount: minor, currency }.to_string();
        let (figure, code) = written.split_once(' ').unwrap();
        prop_assert_eq!(code, currency.code());
        let decimals = figure.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        prop_assert_eq!(decimals, usize::from(currency.exponent()));
        let digits: String = figure.chars().filter(char::is_ascii_digit).collect();
        prop_assert_eq!(digits.parse::<u64>().unwrap(), minor.minor());
        let whole = figure.split('.').next().unwrap();
        let groups: Vec<_> = whole.split(',').collect();
        prop_assert!(groups[1..].iter().all(|group| group.len() == 3), "{}", written);
        prop_assert!((1..=3).contains(&groups[0].len()), "{}", written);
    }

    #[test]
    fn one_wrong_digit_never_passes(code in gtin(), at: prop::sample::Index, by in 1_u8..=9) {
        let mut digits = code.to_string().into_bytes();
        let at = at.index(digits.len());
        digits[at] = b'0' + (digits[at] - b'0' + by) % 10;
        let misread = String::from_utf8(digits).unwrap();
        let is_check_digit_error =
            matches!(Gtin::new(&misread), Err(GtinError::CheckDigit { .. } | GtinError::Zero));
        prop_assert!(is_check_digit_error, "{}", misread);
    }

    #[test]
    fn a_bar_code_is_shown_as_it_was_scanned(code in gtin()) {
        let shown = code.to_string();
        prop_assert_eq!(shown.len(), usize::from(code.length()));
        prop_assert_eq!(Gtin::new(&shown).unwrap().to_string(), shown);
        let padded = format!("{:014}", code.number());
        prop_assert_eq!(Gtin::new(&padded).unwrap(), code);
        comes_back(&code, 8);
        let length = postcard::from_bytes::<Gtin>(&postcard::to_stdvec(&code).unwrap()).unwrap();
        prop_assert_eq!(length.length(), code.length());
    }

    #[test]
    fn any_text_is_taken_clean_or_refused(
        text in prop_oneof![any::<String>(), r"\PC{1,70}", "[ぁ-んｱ-ﾝa-z \u{300}-\u{30f}\u{3099}]{1,70}"],
    ) {
        if let Ok(name) = ProductName::new(&text) {
            prop_assert_eq!(ProductName::new(&name).unwrap(), name.clone(), "cleaning ends");
            prop_assert!((1..=64).contains(&name.chars().count()));
            prop_assert!(!name.chars().any(char::is_control));
            prop_assert_eq!(name.trim(), name.as_str());
            comes_back(&name, 64 * 4 + 2);
        }
    }

    #[test]
    fn any_text_is_an_id_only_in_its_alphabet(text in ".{0,30}") {
        let fits = |most: usize, also: &[char]| {
            (1..=most).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(&c))
        };
        prop_assert_eq!(CustomerId::new(&text).is_ok(), fits(23, &['-']));
        prop_assert_eq!(TerminalId::new(&text).is_ok(), fits(8, &[]));
    }

    #[test]
    fn ids_come_back(
        customer in "[0-9A-Za-z-]{1,23}", terminal in "[0-9A-Za-z]{1,8}", device: [u8; 16],
        unix_ms in 0_u64..1 << 48, random: [u8; 10], approval in 0_u32..1_000_000,
        reference in 0_u64..1_000_000_000_000,
    ) {
        let id = CustomerId::new(&customer).unwrap();
        prop_assert_eq!(id.as_str(), &customer);
        comes_back(&id, 1 + customer.len());
        comes_back(&TerminalId::new(&terminal).unwrap(), 1 + terminal.len());
        comes_back(&DeviceId(device), 16);
        prop_assert_eq!(DeviceId(device).to_string().parse(), Ok(DeviceId(device)));
        let payment = PaymentId::from_parts(unix_ms, random);
        prop_assert_eq!(payment.unix_ms(), unix_ms);
        prop_assert_eq!(payment.to_string().parse(), Ok(payment));
        comes_back(&payment, 16);
        comes_back(&ApprovalNumber::new(approval).unwrap(), 3);
        comes_back(&Reference::new(reference).unwrap(), 6);
    }

    #[test]
    fn random_bytes_are_seldom_a_payment_id(bytes: [u8; 16]) {
        let fits = bytes[6] >> 4 == 7 && bytes[8] >> 6 == 2;
        prop_assert_eq!(PaymentId::from_bytes(bytes).is_ok(), fits);
    }
}

#[test]
fn small_values_come_back() {
    for reason in Reason::ALL {
        comes_back(reason, 1);
    }
    comes_back(&Amount::MAX, 8);
    comes_back(&Net::new(-300), 2);
    comes_back(&Net::new(i128::MIN), 19);
    comes_back(&Currency::JPY, 2);
    comes_back(&Money { amount: Amount::MAX, currency: Currency::EUR }, 10);
    comes_back(&Tax::Included(TaxRate::JAPAN_STANDARD), 3);
    comes_back(&Rounding::HalfUp, 1);
    comes_back(&ContentDigest([9; 32]), 32);
    comes_back(&Salt([9; 16]), 16);
    comes_back(&Signature([9; 32]), 32);
}

#[test]
fn what_was_not_checked_does_not_get_in() {
    refused::<Amount>(&(Amount::MAX.minor() + 1));
    refused::<ApprovalNumber>(&1_000_000_u32);
    refused::<Reference>(&1_000_000_000_000_u64);
    refused::<Currency>(&959_u16);
    refused::<Currency>(&0_u16);
    refused::<TaxRate>(&5_001_u16);
    refused::<Reason>(&9_u16);
    refused::<CustomerId>(&"");
    refused::<CustomerId>(&"1234 567");
    refused::<TerminalId>(&"POS000001");
    refused::<ProductName>(&"a\u{202e}b");
    refused::<Gtin>(&(4_901_234_567_893_u64, 13_u8));
    refused::<Gtin>(&(4_901_234_567_894_u64, 12_u8));
    refused::<PaymentId>(&[0_u8; 16]);
}

#[test]
fn a_stored_basket_is_checked_again() {
    let line = Line {
        code: Gtin::new("4901234567894").unwrap(),
        name: ProductName::new("緑茶").unwrap(),
        unit_price: Amount::new(120).unwrap(),
        quantity: 2,
        discount: Amount::ZERO,
        tax: Tax::Exempt,
    };
    let right = (vec![line.clone()], Rounding::Down, Amount::new(240).unwrap());
    let stored = postcard::to_stdvec(&right).unwrap();
    assert_eq!(postcard::from_bytes::<Basket>(&stored).unwrap().total().minor(), 240);
    refused::<Basket>(&(vec![line], Rounding::Down, Amount::new(241).unwrap()));
    refused::<Basket>(&(Vec::<Line>::new(), Rounding::Down, Amount::ZERO));
}
