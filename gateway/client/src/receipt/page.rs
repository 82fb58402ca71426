//! What stands on a slip, from top to bottom. Knows nothing of widths and encodings.

use kessai_terms::{Amount, Basket, Line, TaxKind};

use crate::receipt::layout::Row;
use crate::receipt::tax::{self, RateStanding};
use crate::receipt::{Deed, Receipt, instant, words};

/// Lists the rows of a slip.
pub(super) fn rows(receipt: &Receipt) -> Vec<Row> {
    let page = Page { receipt, words: words::of(receipt.issuer.language) };
    let mut rows = page.head();
    rows.push(Row::Rule);
    if let Some(goods) = &receipt.goods {
        goods.lines().iter().for_each(|line| rows.extend(page.line(line)));
        rows.push(Row::Rule);
        rows.extend(page.added_taxes(goods));
    }
    rows.extend(page.total());
    rows.push(Row::Rule);
    rows.extend(page.trace());
    rows
}

struct Page<'a> {
    receipt: &'a Receipt,
    words: &'static words::Words,
}

impl Page<'_> {
    fn head(&self) -> Vec<Row> {
        let Receipt { issuer, deed, trace, .. } = self.receipt;
        let language = issuer.language;
        let mut rows =
            vec![Row::Centre(issuer.merchant.to_string()), Row::Centre(issuer.store.to_string())];
        if let Some(number) = issuer.invoice_number {
            rows.push(Row::Centre(format!("{} {number}", self.words.registration)));
        }
        rows.push(Row::Centre(words::title(*deed, language).to_owned()));
        rows.push(Row::Plain(instant::for_reader(trace.at, language)));
        rows.push(pair(self.words.terminal, issuer.terminal.as_ref()));
        match deed {
            Deed::Refund { sold_at, .. } => {
                rows.push(pair(self.words.sold_on, &instant::date(*sold_at, language)));
            }
            Deed::Reversal(undone) => {
                rows.push(Row::Plain(words::undone(*undone, language).to_owned()));
            }
            Deed::Sale | Deed::SaleInPart { .. } => {}
        }
        rows
    }

    fn line(&self, line: &Line) -> Vec<Row> {
        let mark = match RateStanding::of_line(line, self.receipt.issuer.currency) {
            RateStanding::Reduced => self.words.mark,
            RateStanding::Ordinary => "",
        };
        // A basket has checked that its lines have totals, which are these less their discounts.
        let price = line.unit_price.checked_mul(line.quantity).unwrap_or_default();
        let each = format!("  {} x {}", self.money(line.unit_price), line.quantity);
        let mut rows =
            vec![Row::Plain(format!("{}{mark}", line.name)), pair(&each, &self.money(price))];
        if !line.discount.is_zero() {
            let label = format!("  {}", self.words.discount);
            rows.push(pair(&label, &format!("-{}", self.money(line.discount))));
        }
        rows
    }

    /// What leads from the prices of the lines to the total.
    fn added_taxes(&self, goods: &Basket) -> Vec<Row> {
        let added = || goods.taxes().iter().filter(|sum| sum.kind == TaxKind::Exclusive);
        if added().next().is_none() {
            return Vec::new();
        }
        // Parts of a total that was checked: what is taken off was added before.
        let subtotal =
            added().fold(goods.total(), |sum, tax| sum.checked_sub(tax.tax).unwrap_or_default());
        let language = self.receipt.issuer.language;
        let mut rows = vec![pair(self.words.subtotal, &self.money(subtotal))];
        rows.extend(
            added().map(|sum| pair(&words::tax_added(sum.rate, language), &self.money(sum.tax))),
        );
        rows
    }

    fn total(&self) -> Vec<Row> {
        let Receipt { issuer, deed, goods, amount, .. } = self.receipt;
        let language = issuer.language;
        let mut rows = vec![Row::Total {
            left: words::total(*deed, language).to_owned(),
            right: self.money(*amount),
        }];
        if let Some(goods) = goods {
            let mut marked = false;
            for rate in tax::by_rate(goods, issuer.currency) {
                let label = words::paid_at(rate.rate, rate.standing, language);
                rows.push(pair(&label, &self.money(rate.paid)));
                let label = format!("  {}", self.words.tax_within);
                rows.push(pair(&label, &self.money(rate.tax)));
                marked |= rate.standing == RateStanding::Reduced;
            }
            let untaxed = tax::untaxed(goods);
            if !untaxed.is_zero() {
                rows.push(pair(self.words.untaxed, &self.money(untaxed)));
            }
            if marked {
                rows.push(Row::Plain(self.words.mark_meaning.to_owned()));
            }
        }
        if let Deed::SaleInPart { ordered } = deed {
            rows.push(pair(self.words.ordered, &self.money(*ordered)));
            // A part was checked to be less than what was ordered.
            let released = ordered.checked_sub(*amount).unwrap_or_default();
            rows.push(pair(self.words.not_delivered, &self.money(released)));
        }
        rows
    }

    fn trace(&self) -> Vec<Row> {
        let Receipt { deed, trace, .. } = self.receipt;
        let mut rows = vec![
            pair(self.words.approval, &trace.approval.to_string()),
            pair(self.words.reference, &trace.reference.to_string()),
            pair(self.words.payment, &trace.payment.to_string()),
        ];
        if let Deed::Refund { refund, .. } = deed {
            rows.push(pair(self.words.refund, &refund.to_string()));
        }
        rows
    }

    fn money(&self, amount: Amount) -> String {
        words::money(amount, self.receipt.issuer.currency, self.receipt.issuer.language)
    }
}

fn pair(left: &str, right: &str) -> Row {
    Row::Pair { left: left.to_owned(), right: right.to_owned() }
}
