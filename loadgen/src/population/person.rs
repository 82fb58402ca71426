//! What a processor knows of its customers as persons: made up, in the scripts of real files.
//!
//! Nobody is meant: telephone numbers begin as none does, the bank does not exist, and mail to the
//! addresses reaches no server.
//!
//! # Source
//! RFC 2606 (the domain `example`); mobile numbers in Japan have no 0 after the first three digits.

use rand::RngExt;

use crate::seeds::{Purpose, stream};

/// Family names as they are written, as banks have them, and as addresses have them.
const FAMILIES: [(&str, &str, &str); 12] = [
    ("佐藤", "サトウ", "sato"),
    ("鈴木", "スズキ", "suzuki"),
    ("高橋", "タカハシ", "takahashi"),
    ("田中", "タナカ", "tanaka"),
    ("渡辺", "ワタナベ", "watanabe"),
    ("山本", "ヤマモト", "yamamoto"),
    ("中村", "ナカムラ", "nakamura"),
    ("小林", "コバヤシ", "kobayashi"),
    ("吉田", "ヨシダ", "yoshida"),
    ("髙﨑", "タカサキ", "takasaki"),
    ("五十嵐", "イガラシ", "igarashi"),
    ("渡邉", "ワタナベ", "watanabe"),
];

/// Given names alike.
const GIVEN: [(&str, &str, &str); 12] = [
    ("花子", "ハナコ", "hanako"),
    ("太郎", "タロウ", "taro"),
    ("陽菜", "ヒナ", "hina"),
    ("蓮", "レン", "ren"),
    ("さくら", "サクラ", "sakura"),
    ("大翔", "ヒロト", "hiroto"),
    ("美咲", "ミサキ", "misaki"),
    ("健一", "ケンイチ", "kenichi"),
    ("悠真", "ユウマ", "yuma"),
    ("結衣", "ユイ", "yui"),
    ("ジョージ", "ジョージ", "george"),
    ("真由美", "マユミ", "mayumi"),
];

/// The fields of a profile, as an import has them.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The number of the handset.
    pub mobile: String,
    /// Where mail would go.
    pub email: String,
    /// The name as it is written.
    pub name: String,
    /// The name as the bank has it.
    pub kana: String,
    /// The bank's code.
    pub bank: &'static str,
    /// The branch's code.
    pub branch: String,
    /// The type of the account: ordinary or current.
    pub deposit_type: &'static str,
    /// The account's number.
    pub account: String,
}

impl Person {
    /// Makes up who the customer of that number is.
    #[must_use]
    pub fn draw(seed: u64, number: u32) -> Self {
        let mut rng = stream(seed, Purpose::Persons, number.into());
        let mut pick = |names: &[(&'static str, &'static str, &'static str)]| {
            names.get(rng.random_range(0..names.len())).copied().unwrap_or_default()
        };
        let (family, family_kana, family_latin) = pick(&FAMILIES);
        let (given, given_kana, given_latin) = pick(&GIVEN);
        Self {
            mobile: format!("090-{:04}-{:04}", number / 10_000 % 1_000, number % 10_000),
            email: format!("{given_latin}.{family_latin}.{number}@customers.example"),
            name: format!("{family} {given}"),
            kana: format!("{family_kana} {given_kana}"),
            bank: "0000",
            branch: format!("{:03}", rng.random_range(1..1_000)),
            deposit_type: if rng.random_ratio(1, 10) { "2" } else { "1" },
            account: format!("{:07}", rng.random_range(1..10_000_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Person;
    use kessai_engine::terms::profile::{
        AccountNumber, BankCode, BranchCode, DepositType, EmailAddress, KanaName, MobileNumber,
        PersonName,
    };

    #[test]
    fn everybody_has_a_profile_that_can_be_kept() {
        for number in (0..300).chain([999_999]) {
            let person = Person::draw(42, number);
            assert!(person.mobile.starts_with("090-0"), "no real number: {}", person.mobile);
            assert!(MobileNumber::new(&person.mobile).is_ok(), "{}", person.mobile);
            assert!(EmailAddress::new(&person.email).is_ok(), "{}", person.email);
            assert!(PersonName::new(&person.name).is_ok(), "{}", person.name);
            assert!(KanaName::new(&person.kana).is_ok(), "{}", person.kana);
            assert!(BankCode::new(person.bank).is_ok(), "{}", person.bank);
            assert!(BranchCode::new(&person.branch).is_ok(), "{}", person.branch);
            assert!(person.deposit_type.parse::<DepositType>().is_ok());
            assert!(AccountNumber::new(&person.account).is_ok(), "{}", person.account);
        }
        assert!(Person::draw(1, 5) == Person::draw(1, 5), "one seed is one person");
    }
}
