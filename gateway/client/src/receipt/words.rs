//! The words on a slip, in each language.

use kessai_terms::{Amount, Currency, TaxRate};

use crate::receipt::tax::RateStanding;
use crate::receipt::{Deed, Language, Undone};

/// Holds what is always said alike.
pub(super) struct Words {
    pub(super) registration: &'static str,
    pub(super) terminal: &'static str,
    pub(super) sold_on: &'static str,
    /// Stands behind the name of goods at a reduced rate.
    pub(super) mark: &'static str,
    pub(super) mark_meaning: &'static str,
    pub(super) discount: &'static str,
    pub(super) subtotal: &'static str,
    pub(super) tax_within: &'static str,
    pub(super) untaxed: &'static str,
    pub(super) ordered: &'static str,
    pub(super) not_delivered: &'static str,
    pub(super) approval: &'static str,
    pub(super) reference: &'static str,
    pub(super) payment: &'static str,
    pub(super) refund: &'static str,
}

const JAPANESE: Words = Words {
    registration: "登録番号",
    terminal: "端末番号",
    sold_on: "お買上日",
    mark: "※",
    mark_meaning: "※は軽減税率対象商品です",
    discount: "値引",
    subtotal: "小計",
    tax_within: "うち消費税",
    untaxed: "非課税対象",
    ordered: "ご注文額",
    not_delivered: "お渡しできず請求しない額",
    approval: "承認番号",
    reference: "照会番号",
    payment: "取引番号",
    refund: "返金番号",
};

const ENGLISH: Words = Words {
    registration: "Registration number",
    terminal: "Terminal",
    sold_on: "Date of sale",
    mark: " *",
    mark_meaning: "* reduced rate of tax",
    discount: "Discount",
    subtotal: "Subtotal",
    tax_within: "of which tax",
    untaxed: "Untaxed",
    ordered: "Ordered",
    not_delivered: "Not delivered, not charged",
    approval: "Approval number",
    reference: "Reference",
    payment: "Payment",
    refund: "Refund",
};

/// Lends the words of a language.
pub(super) const fn of(language: Language) -> &'static Words {
    match language {
        Language::Japanese => &JAPANESE,
        Language::English => &ENGLISH,
    }
}

/// Names the slip.
pub(super) const fn title(deed: Deed, language: Language) -> &'static str {
    match (deed, language) {
        (Deed::Sale, Language::Japanese) => "領収書",
        (Deed::Sale, Language::English) => "RECEIPT",
        (Deed::SaleInPart { .. }, Language::Japanese) => "領収書（一部お渡し）",
        (Deed::SaleInPart { .. }, Language::English) => "RECEIPT (DELIVERED IN PART)",
        (Deed::Refund { .. }, Language::Japanese) => "返金票",
        (Deed::Refund { .. }, Language::English) => "REFUND",
        (Deed::Reversal(_), Language::Japanese) => "取消票",
        (Deed::Reversal(_), Language::English) => "REVERSAL",
    }
}

/// Names what was paid or went back.
pub(super) const fn total(deed: Deed, language: Language) -> &'static str {
    match (deed, language) {
        (Deed::Sale | Deed::SaleInPart { .. }, Language::Japanese) => "合計",
        (Deed::Sale | Deed::SaleInPart { .. }, Language::English) => "TOTAL",
        (Deed::Refund { .. }, Language::Japanese) => "返金額",
        (Deed::Refund { .. }, Language::English) => "REFUNDED",
        (Deed::Reversal(_), Language::Japanese) => "取消額",
        (Deed::Reversal(_), Language::English) => "REVERSED",
    }
}

/// Says why a payment was undone.
pub(super) const fn undone(undone: Undone, language: Language) -> &'static str {
    match (undone, language) {
        (Undone::OnRequest, Language::Japanese) => "お取引を取り消しました。",
        (Undone::OnRequest, Language::English) => "The payment was undone at the shop's request.",
        (Undone::NotDispensed, Language::Japanese) => {
            "商品をお渡しできなかったため取り消しました。"
        }
        (Undone::NotDispensed, Language::English) => {
            "The payment was undone because the goods did not come out."
        }
    }
}

/// Names a tax that was added to prices.
pub(super) fn tax_added(rate: TaxRate, language: Language) -> String {
    match language {
        Language::Japanese => format!("外税{}", tight(rate)),
        Language::English => format!("Tax {rate}"),
    }
}

/// Names what was paid at a rate.
pub(super) fn paid_at(rate: TaxRate, standing: RateStanding, language: Language) -> String {
    let mark = match standing {
        RateStanding::Ordinary => "",
        RateStanding::Reduced => of(language).mark,
    };
    match language {
        Language::Japanese => format!("{}対象{mark}", tight(rate)),
        Language::English => format!("At {rate}{mark}"),
    }
}

fn tight(rate: TaxRate) -> String {
    rate.to_string().replace(' ', "")
}

/// Writes an amount: `¥1,235` in a shop in Japan, else `1,235 JPY`.
pub(super) fn money(amount: Amount, currency: Currency, language: Language) -> String {
    let written = amount.of(currency).to_string();
    let yen = language == Language::Japanese && currency == Currency::JPY;
    match written.strip_suffix(" JPY") {
        Some(digits) if yen => format!("¥{digits}"),
        Some(_) | None => written,
    }
}
