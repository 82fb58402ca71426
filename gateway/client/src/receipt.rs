//! Writes what the customer takes home: receipts, and the slips of refunds and reversals, as text
//! of any width, as JSON and as the bytes of a receipt printer. Asks nobody and decides nothing:
//! it is given what was bought and what the gateway answered.
//!
//! In Japan a receipt is a *simplified qualified invoice*: the issuer with its registration number,
//! the date, the goods with the reduced rate marked, and once per rate what was paid and the tax in
//! it. All of that is on it here; a tax is rounded once per rate, never once per line.
//!
//! ```
//! use kessai_client::receipt::{Columns, Issuer, Language, Receipt, Trace};
//! use kessai_client::terms::{
//!     Amount, ApprovalNumber, Basket, Currency, Gtin, Line, ProductName, Reference, Rounding, Tax,
//!     TaxRate,
//! };
//! use time::{OffsetDateTime, UtcOffset};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rice_ball = Line {
//!     code: Gtin::new("9521000000377")?,
//!     name: ProductName::new("おにぎり 鮭")?,
//!     unit_price: Amount::new(105)?,
//!     quantity: 3,
//!     discount: Amount::ZERO,
//!     tax: Tax::Exclusive(TaxRate::JAPAN_STANDARD),
//! };
//! let basket = Basket::check(vec![rice_ball], Rounding::Down, Amount::new(346)?)?;
//! let issuer = Issuer {
//!     merchant: "カッパ商店".parse()?,
//!     invoice_number: Some("T7123456789012".parse()?),
//!     store: "渋谷店".parse()?,
//!     terminal: "POS00001".parse()?,
//!     currency: Currency::JPY,
//!     language: Language::Japanese,
//! };
//! let trace = Trace {
//!     payment: "019a6f3e-8c00-7000-8000-000000000001".parse()?,
//!     approval: ApprovalNumber::new(17)?,
//!     reference: Reference::new(4_711)?,
//!     at: OffsetDateTime::from_unix_timestamp(1_795_353_128)?
//!         .to_offset(UtcOffset::from_hms(9, 0, 0)?),
//! };
//! let receipt = Receipt::sale(issuer, basket, Amount::new(346)?, trace)?;
//! assert_eq!(receipt.taxes()[0].tax.minor(), 31, "not three times 10");
//! let text = receipt.to_text(Columns::PAPER_58_MM);
//! assert!(text.contains("10%対象                     ¥346\n  うち消費税                 ¥31\n"));
//! # Ok(())
//! # }
//! ```

mod escpos;
mod instant;
mod json;
mod layout;
mod page;
mod sjis;
mod tax;
mod text;
mod words;

use kessai_terms::{
    Amount, ApprovalNumber, Basket, Currency, InvoiceNumber, MerchantName, PaymentId, Reason,
    Reference, StoreName, TerminalId,
};
use time::OffsetDateTime;

pub use layout::{Columns, ColumnsError};
pub use tax::{RateStanding, RateTotal};

/// Says in which language a slip is written. Names stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// As in a shop in Japan; prices in yen with the sign in front.
    Japanese,
    /// For everyone else.
    English,
}

impl Language {
    /// Chooses a language for shops that named none.
    #[must_use]
    pub fn of(currency: Currency) -> Self {
        if currency == Currency::JPY { Self::Japanese } else { Self::English }
    }
}

/// Holds who issues a receipt, as the terminal was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The seller.
    pub merchant: MerchantName,
    /// The number under which it issues qualified invoices, if it is registered for them.
    pub invoice_number: Option<InvoiceNumber>,
    /// Where it sells.
    pub store: StoreName,
    /// At which till or machine.
    pub terminal: TerminalId,
    /// What its prices are in.
    pub currency: Currency,
    /// What its customers read.
    pub language: Language,
}

/// Holds by what a payment, or a refund of it, is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The payment.
    pub payment: PaymentId,
    /// The number of its approval.
    pub approval: ApprovalNumber,
    /// The reference in both sides' books; on a refund slip the refund's own.
    pub reference: Reference,
    /// When it ended or the refund was made, by the clocks of the shop.
    pub at: OffsetDateTime,
}

/// Says what happened to the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// All that was ordered was delivered and paid.
    Sale,
    /// A part was delivered, and only that was paid.
    SaleInPart {
        /// What all would have cost.
        ordered: Amount,
    },
    /// Money went back for goods paid before.
    Refund {
        /// The refund's own id.
        refund: PaymentId,
        /// When the goods were sold.
        sold_at: OffsetDateTime,
    },
    /// The payment was undone as a whole.
    Reversal(Undone),
}

/// Says why a payment was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// The shop asked for it.
    OnRequest,
    /// The goods did not come out.
    NotDispensed,
}

impl Undone {
    /// Reads why a payment was undone from the reason in the gateway's answer; none if that tells
    /// of another end.
    #[must_use]
    pub fn by(reason: Reason) -> Option<Self> {
        if reason == Reason::ReversedOnRequest {
            Some(Self::OnRequest)
        } else if reason == Reason::NotDispensed {
            Some(Self::NotDispensed)
        } else {
            None
        }
    }
}

/// Says why no receipt is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The goods do not cost what was moved: a receipt would claim another price than was paid.
    #[error("the goods cost {} minor units, but {} were moved", goods.minor(), moved.minor())]
    OtherAmount {
        /// What the goods cost.
        goods: Amount,
        /// What was paid or went back.
        moved: Amount,
    },
    /// No money was moved.
    #[error("no money was moved")]
    NothingMoved,
    /// What is called a part is all, or more.
    #[error("what was delivered costs no less than what was ordered")]
    NoPart,
}

/// Holds all that a receipt or a slip says.
///
/// Whatever it is made from has been checked, and its amounts agree; so it can always be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    issuer: Issuer,
    deed: Deed,
    /// None on the slip of a refund whose goods the terminal does not name.
    goods: Option<Basket>,
    amount: Amount,
    trace: Trace,
}

impl Receipt {
    /// Makes the receipt of goods that were paid and handed over.
    ///
    /// # Errors
    /// [`ReceiptError::OtherAmount`] when the goods do not cost what was `captured`.
    pub fn sale(
        issuer: Issuer,
        goods: Basket,
        captured: Amount,
        trace: Trace,
    ) -> Result<Self, ReceiptError> {
        Self::of_goods(issuer, Deed::Sale, goods, captured, trace)
    }

    /// Makes the receipt of the goods that a machine delivered of those that were `ordered`.
    ///
    /// # Errors
    /// [`ReceiptError::OtherAmount`] when the delivered goods do not cost what was `captured`,
    /// [`ReceiptError::NoPart`] when that is as much as was ordered.
    pub fn sale_in_part(
        issuer: Issuer,
        ordered: &Basket,
        delivered: Basket,
        captured: Amount,
        trace: Trace,
    ) -> Result<Self, ReceiptError> {
        if delivered.total() >= ordered.total() {
            return Err(ReceiptError::NoPart);
        }
        let deed = Deed::SaleInPart { ordered: ordered.total() };
        Self::of_goods(issuer, deed, delivered, captured, trace)
    }

    /// Makes the slip of a refund.
    ///
    /// With the `returned` goods it is a qualified return invoice; without them it names the amount
    /// alone, which suffices below 10,000 yen.
    ///
    /// # Errors
    /// [`ReceiptError::OtherAmount`] when the returned goods did not cost what was `refunded`,
    /// [`ReceiptError::NothingMoved`] when that is nothing.
    ///
    /// # Source
    /// Consumption Tax Act of Japan, article 57-4, paragraph 3.
    pub fn refund(
        issuer: Issuer,
        refund: PaymentId,
        refunded: Amount,
        returned: Option<Basket>,
        sold_at: OffsetDateTime,
        trace: Trace,
    ) -> Result<Self, ReceiptError> {
        let deed = Deed::Refund { refund, sold_at };
        match returned {
            Some(goods) => Self::of_goods(issuer, deed, goods, refunded, trace),
            None if refunded.is_zero() => Err(ReceiptError::NothingMoved),
            None => Ok(Self { issuer, deed, goods: None, amount: refunded, trace }),
        }
    }

    /// Makes the slip of a payment that was undone as a whole.
    #[must_use]
    pub fn reversal(issuer: Issuer, goods: Basket, undone: Undone, trace: Trace) -> Self {
        let (deed, amount) = (Deed::Reversal(undone), goods.total());
        Self { issuer, deed, goods: Some(goods), amount, trace }
    }

    fn of_goods(
        issuer: Issuer,
        deed: Deed,
        goods: Basket,
        moved: Amount,
        trace: Trace,
    ) -> Result<Self, ReceiptError> {
        if goods.total() != moved {
            return Err(ReceiptError::OtherAmount { goods: goods.total(), moved });
        }
        Ok(Self { issuer, deed, goods: Some(goods), amount: moved, trace })
    }

    /// Tells what happened to the money.
    #[must_use]
    pub const fn deed(&self) -> Deed {
        self.deed
    }

    /// Tells how much was paid or went back, taxes included.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        self.amount
    }

    /// Tells once per rate, the lowest first, what was paid and the tax in it.
    #[must_use]
    pub fn taxes(&self) -> Vec<RateTotal> {
        self.goods
            .as_ref()
            .map(|goods| tax::by_rate(goods, self.issuer.currency))
            .unwrap_or_default()
    }

    /// Writes the receipt as lines of text, each ended by a line feed and none wider than
    /// `columns`.
    ///
    /// A character counts as wide as East Asian fonts draw it, so one of ambiguous width counts as
    /// two columns.
    ///
    /// # Source
    /// Unicode Standard Annex 11.
    #[must_use]
    pub fn to_text(&self, columns: Columns) -> String {
        text::write(self, columns)
    }

    /// Writes the receipt as a JSON object on one line.
    ///
    /// Amounts are whole numbers of minor units (`..._minor`), instants RFC 3339, rates basis
    /// points. `kind` is `sale`, `sale_in_part` (with `ordered_minor`), `refund` (with `refund` and
    /// `sold_at`) or `reversal` (with `cause`). What does not apply is left out: `invoice_number`,
    /// and on a refund without goods `rounding`, `lines`, `taxes` and `untaxed_minor`.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// Writes the receipt as the bytes of a printer that speaks ESC/POS, in Shift_JIS: it
    /// initialises the printer, chooses its Japanese characters, prints the total emphasised and
    /// double in height, and cuts the paper.
    ///
    /// Only the two-byte characters that such printers read (those of JIS X 0208 and NEC's row 13)
    /// are sent. A character that is none of them is replaced, in this order: by the usual form of
    /// the same character (`髙` by `高`, the wave dash by the full-width tilde, the em dash by the
    /// horizontal bar); by its letter without marks (`é` by `e`); by `〓`, the printer's mark for
    /// a type that is missing, one for each character that a reader would count. A backslash is
    /// printed as the yen sign, which shares its code.
    ///
    /// # Source
    /// JIS X 0208 in the Shift_JIS of the WHATWG Encoding Standard, without the lead bytes from
    /// 0xF0 on.
    #[must_use]
    pub fn to_escpos(&self, columns: Columns) -> Vec<u8> {
        escpos::write(self, columns)
    }
}

#[cfg(test)]
mod tests;
