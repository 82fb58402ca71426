//! Receipts and slips: shown at the till's width, and written to a folder if one was named.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kessai_client::receipt::{Columns, Issuer, Language, Receipt, ReceiptError, Trace, Undone};
use kessai_client::wire::{Payment, TerminalFacts};
use kessai_engine::terms::{Amount, Basket, Reference, TerminalId};
use time::{OffsetDateTime, UtcOffset};

use super::errand::Intent;
use super::page::instant;

/// Writes what the customer takes home.
pub(super) struct Slips {
    issuer: Issuer,
    offset: UtcOffset,
    columns: Columns,
    folder: Option<PathBuf>,
}

/// Why there is no slip.
#[derive(Debug, thiserror::Error)]
pub(super) enum SlipError {
    /// The gateway's answer lacks the numbers or the time that stand on a slip.
    #[error("the answer has no approval")]
    NotApproved,
    /// The till does not know what was sold.
    #[error("what was sold is not known here")]
    UnknownGoods,
    /// It would claim something else than what happened.
    #[error("{0}")]
    Receipt(#[from] ReceiptError),
}

/// A slip, shown and perhaps written.
pub(super) struct Slip {
    /// As it is shown, without an end of line.
    pub(super) text: String,
    /// Where its files are, without their extensions; or why they are not all there.
    pub(super) files: Option<io::Result<PathBuf>>,
}

impl Slips {
    pub(super) fn new(
        terminal: TerminalId,
        facts: &TerminalFacts,
        columns: Columns,
        folder: Option<PathBuf>,
    ) -> Self {
        let issuer = Issuer {
            merchant: facts.merchant_name.clone(),
            invoice_number: facts.invoice_number,
            store: facts.store_name.clone(),
            terminal,
            currency: facts.currency,
            language: Language::of(facts.currency),
        };
        let seconds = i32::from(facts.utc_offset_minutes).saturating_mul(60);
        let offset = UtcOffset::from_whole_seconds(seconds).unwrap_or(UtcOffset::UTC);
        Self { issuer, offset, columns, folder }
    }

    /// Writes the receipt of what was ordered and came, or came in part.
    pub(super) fn sale(
        &self,
        ordered: &Basket,
        delivered: &Basket,
        end: &Payment,
    ) -> Result<Slip, SlipError> {
        let (issuer, trace) = (self.issuer.clone(), self.trace(end)?);
        let (goods, captured) = (delivered.clone(), end.captured);
        let receipt = if delivered == ordered {
            Receipt::sale(issuer, goods, captured, trace)?
        } else {
            Receipt::sale_in_part(issuer, ordered, goods, captured, trace)?
        };
        Ok(self.issue(&receipt, &format!("sale-{}", end.payment)))
    }

    /// Writes the slip of a payment that was taken back.
    pub(super) fn reversal(
        &self,
        goods: Option<&Basket>,
        end: &Payment,
    ) -> Result<Slip, SlipError> {
        let undone = end.reason.and_then(Undone::by).ok_or(SlipError::NotApproved)?;
        let trace = self.trace(end)?;
        let goods = goods.ok_or(SlipError::UnknownGoods)?.clone();
        let receipt = Receipt::reversal(self.issuer.clone(), goods, undone, trace);
        Ok(self.issue(&receipt, &format!("reversal-{}", end.payment)))
    }

    /// Writes the slip of a refund; it names the goods if all of them were paid back at once.
    pub(super) fn refund(
        &self,
        intent: Intent,
        reference: Reference,
        goods: Option<&Basket>,
        end: &Payment,
    ) -> Result<Slip, SlipError> {
        let trace = Trace { reference, ..self.trace(end)? };
        let sold_at = self.instant(end.opened_at_ms)?;
        let returned = goods.filter(|goods| goods.total() == intent.amount).cloned();
        let Intent { refund, amount, .. } = intent;
        let receipt =
            Receipt::refund(self.issuer.clone(), refund, amount, returned, sold_at, trace)?;
        Ok(self.issue(&receipt, &format!("refund-{refund}")))
    }

    fn trace(&self, end: &Payment) -> Result<Trace, SlipError> {
        let approval = end.approval.ok_or(SlipError::NotApproved)?;
        Ok(Trace {
            payment: end.payment,
            approval: approval.number,
            reference: approval.reference,
            at: self.instant(end.ended_at_ms)?,
        })
    }

    fn instant(&self, at_ms: Option<u64>) -> Result<OffsetDateTime, SlipError> {
        at_ms.and_then(|at_ms| instant(at_ms, self.offset)).ok_or(SlipError::NotApproved)
    }

    fn issue(&self, receipt: &Receipt, name: &str) -> Slip {
        let text = receipt.to_text(self.columns);
        let files = self.folder.as_deref().map(|folder| self.write(receipt, &text, folder, name));
        Slip { text: text.trim_end().to_owned(), files }
    }

    fn write(
        &self,
        receipt: &Receipt,
        text: &str,
        folder: &Path,
        name: &str,
    ) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let path = folder.join(name);
        fs::write(path.with_extension("txt"), text)?;
        fs::write(path.with_extension("json"), receipt.to_json() + "\n")?;
        fs::write(path.with_extension("escpos"), receipt.to_escpos(self.columns))?;
        Ok(path)
    }
}

/// Tells how much of a payment can still be paid back.
pub(super) fn left_of(payment: &Payment) -> Amount {
    payment.captured.checked_sub(payment.refunded).unwrap_or_default()
}
