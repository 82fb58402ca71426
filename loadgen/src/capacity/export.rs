//! Reads the books of a gateway that runs somewhere else, as its administration exports them.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use kessai_engine::terms::{
    Amount, ApprovalNumber, Currency, CustomerId, MerchantId, Money, Net, PaymentId, Reason,
    Reference, TerminalId,
};
use kessai_gateway::admin::rows::{
    CustomerRow, JournalReceiptRow, MerchantRow, PaymentRow, ReceiptStanding,
};
use serde::Deserialize;

use crate::administration::{Administration, AskError};
use crate::audit::{
    Books, CustomerEntry, Evidence, Held, InStore, PaymentEntry, Positions, Tallies,
};

/// The gateway's own sums.
#[derive(Debug, Deserialize)]
struct Sums {
    currencies: Vec<CurrencySums>,
    problems: Vec<String>,
}

/// The gateway's own sums of one currency.
#[derive(Debug, Deserialize)]
struct CurrencySums {
    currency: String,
    exchange_minor: String,
}

impl Sums {
    fn exchange(&self) -> Result<Positions, String> {
        let position = |sums: &CurrencySums| {
            let minor = Net::new(parse("exchange_minor", &sums.exchange_minor)?);
            Ok((parse::<Currency>("currency", &sums.currency)?, minor))
        };
        self.currencies.iter().map(position).collect()
    }
}

/// Where the gateway adds its books up.
const BOOKS: &str = "/v1/books";

/// Reads what exchanging has come to.
pub(super) fn exchange(administration: &Administration) -> Result<Positions, AskError> {
    positions(&administration.ask(BOOKS)?)
}

fn positions(sums: &Sums) -> Result<Positions, AskError> {
    let unreadable = |problem| AskError::Unreadable { url: BOOKS.to_owned(), problem };
    sums.exchange().map_err(unreadable)
}

/// Reads the books after what `evidence` is of: its customers, all tallies, all payments since the
/// earliest of it began, and what the receipts are worth that its terminals hold.
pub(crate) fn books<P: Default + Extend<(PaymentId, PaymentEntry)>>(
    administration: &Administration,
    evidence: &[&Evidence],
) -> Result<Books<P>, AskError> {
    let sums: Sums = administration.ask(BOOKS)?;
    let exchange = positions(&sums)?;
    let mut books = Books::<P> { problems: sums.problems, exchange, ..Books::default() };
    administration.rows("/v1/export/customers", |row: CustomerRow| {
        let id = parse("id", &row.id)?;
        if evidence.iter().any(|evidence| evidence.before.customers.contains_key(&id)) {
            books.customers.insert(id, customer(&row)?);
        }
        Ok(())
    })?;
    let from_ms = evidence.iter().map(|evidence| evidence.from_ms).min().unwrap_or_default();
    let path = format!("/v1/export/payments?from_ms={from_ms}");
    administration.rows(&path, |row: PaymentRow| {
        books.payments.extend([(parse("payment", &row.payment)?, payment(&row)?)]);
        Ok(())
    })?;
    books.merchants = tallies(administration)?;
    books.receipts = receipts(administration, evidence.iter().flat_map(|evidence| &evidence.held))?;
    Ok(books)
}

/// How many receipts are asked about at a time: the administration takes 64 KiB.
const RECEIPTS_AT_ONCE: usize = 200;

/// Asks what the receipts are worth that terminals hold: one for all that a controller carries.
fn receipts<'a>(
    administration: &Administration,
    held: impl Iterator<Item = &'a Held>,
) -> Result<Vec<(JournalReceiptRow, ReceiptStanding)>, AskError> {
    let rows: HashSet<&JournalReceiptRow> = held.map(|held| &held.receipt).collect();
    let rows: Vec<_> = rows.into_iter().collect();
    let mut told = Vec::with_capacity(rows.len());
    for rows in rows.chunks(RECEIPTS_AT_ONCE) {
        let standings: Vec<ReceiptStanding> =
            administration.ask_about("/v1/receipts/check", &rows)?;
        told.extend(rows.iter().map(|row| (*row).clone()).zip(standings));
    }
    Ok(told)
}

/// Reads what every merchant is owed.
pub(super) fn tallies(administration: &Administration) -> Result<Tallies, AskError> {
    let mut tallies = BTreeMap::new();
    administration.rows("/v1/export/merchants", |row: MerchantRow| {
        let key =
            (parse::<MerchantId>("id", &row.id)?, parse::<Currency>("currency", &row.currency)?);
        tallies.insert(key, Net::new(parse("minor", &row.minor)?));
        Ok(())
    })?;
    Ok(tallies)
}

/// Takes what a row says of a customer, in the customer's currency.
pub(super) fn customer(row: &CustomerRow) -> Result<CustomerEntry, String> {
    Ok(CustomerEntry {
        balance: amount("balance_minor", row.balance_minor)?,
        held: amount("held_minor", row.held_minor)?,
        wrong_in_row: row.wrong_proofs_in_a_row,
        notices: row.notices,
    })
}

fn payment(row: &PaymentRow) -> Result<PaymentEntry, String> {
    let merchant = row.merchant.as_deref().map(|id| parse::<MerchantId>("merchant", id));
    let customer = row.customer.as_deref().map(|id| parse::<CustomerId>("customer", id));
    let currency = row.currency.as_deref().map(|code| parse::<Currency>("currency", code));
    let charged = row.amount_minor.map(|minor| amount("amount_minor", minor));
    let price = charged.transpose()?.zip(currency.transpose()?);
    let price = price.map(|(amount, currency)| amount.of(currency));
    let approval = row.approval_number.as_deref().map(|text| parse("approval_number", text));
    let approval = approval.transpose()?.map(ApprovalNumber::new);
    let reference = row.reference.as_deref().map(|text| parse("reference", text));
    let reference = reference.transpose()?.map(Reference::new);
    Ok(PaymentEntry {
        terminal: parse::<TerminalId>("terminal", &row.terminal)?,
        merchant: merchant.transpose()?,
        price,
        customer: customer.transpose()?,
        state: row.state.into(),
        reason: row.reason.as_deref().map(reason).transpose()?,
        captured: amount("captured_minor", row.captured_minor)?,
        refunded: amount("refunded_minor", row.refunded_minor)?,
        in_store: in_store(row, price)?,
        approval: approval.transpose().map_err(|error| format!("approval_number: {error}"))?,
        reference: reference.transpose().map_err(|error| format!("reference: {error}"))?,
        notice: (!row.archived).then_some(row.notice),
    })
}

/// What a payment came to for its store, whose price may be in another currency than the charge.
fn in_store(row: &PaymentRow, charge: Option<Money>) -> Result<Option<InStore>, String> {
    let foreign = row.foreign.as_ref().map(|foreign| {
        let currency = parse::<Currency>("foreign.currency", &foreign.currency)?;
        Ok::<_, String>(amount("foreign.price_minor", foreign.price_minor)?.of(currency))
    });
    let Some(price) = foreign.transpose()?.or(charge) else { return Ok(None) };
    let captured = amount("captured_price_minor", row.captured_price_minor)?;
    let refunded = amount("refunded_price_minor", row.refunded_price_minor)?;
    Ok(Some(InStore { price, captured, refunded }))
}

fn reason(name: &str) -> Result<Reason, String> {
    let found = Reason::ALL.iter().copied().find(|reason| reason.name() == name);
    found.ok_or_else(|| format!("reason: there is no {name}"))
}

fn amount(field: &str, minor: u64) -> Result<Amount, String> {
    Amount::new(minor).map_err(|error| format!("{field}: {error}"))
}

pub(crate) fn parse<T: FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: &str,
) -> Result<T, String> {
    text.parse().map_err(|error| format!("{field}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{customer, payment};
    use crate::audit::{CustomerEntry, PaymentEntry};
    use kessai_engine::terms::collation::ContentDigest;
    use kessai_engine::terms::{Amount, ApprovalNumber, Currency, Reason, Reference};
    use kessai_engine::{
        BusinessDate, Capture, Charge, CustomerView, ForeignPrice, Lsn, PaymentState, PaymentView,
        RequestDigest, Terms,
    };
    use kessai_gateway::admin::rows::{CustomerRow, PaymentRow};

    fn view() -> PaymentView {
        let payment = crate::sample::payment(1);
        PaymentView {
            payment,
            terminal: "P0000001".parse().unwrap(),
            terms: Some(Terms {
                payment,
                terminal: "P0000001".parse().unwrap(),
                store: "S000001".parse().unwrap(),
                merchant: "M00001".parse().unwrap(),
                charge: Charge {
                    amount: Amount::new(300).unwrap(),
                    currency: Currency::JPY,
                    foreign: None,
                },
                capture: Capture::AtApproval,
                named_by: kessai_engine::NamedBy::Id,
                request: RequestDigest([0; 32]),
                content: ContentDigest([0; 32]),
            }),
            customer: Some("1000-000-001".parse().unwrap()),
            state: PaymentState::Captured,
            reason: Some(Reason::Approved),
            captured: Amount::new(300).unwrap(),
            captured_price: Amount::new(300).unwrap(),
            refunded: Amount::ZERO,
            refunded_price: Amount::ZERO,
            refunds: 0,
            approval: Some(ApprovalNumber::new(7).unwrap()),
            reference: Some(Reference::new(8).unwrap()),
            notice: 3,
            opened_at_ms: 0,
            changed_at_ms: 0,
            deadline_ms: 0,
            business_date: BusinessDate(0),
            after: Lsn::NONE,
        }
    }

    /// What is read from an export is what would be read from the engine itself.
    #[test]
    fn rows_say_what_the_engine_says() {
        let full = view();
        let mut bare = PaymentView { customer: None, terms: None, reason: None, ..view() };
        (bare.approval, bare.reference) = (None, None);
        for state in [
            PaymentState::Pending,
            PaymentState::Authorised,
            PaymentState::Reversed,
            PaymentState::Refunded,
            PaymentState::Declined,
            PaymentState::Cancelled,
            PaymentState::Expired,
        ] {
            let view = PaymentView { state, ..bare.clone() };
            assert_eq!(payment(&PaymentRow::from(&view)), Ok(PaymentEntry::from(&view)));
        }
        for reason in Reason::ALL.iter().copied() {
            let view = PaymentView { reason: Some(reason), ..full.clone() };
            assert_eq!(payment(&PaymentRow::from(&view)), Ok(PaymentEntry::from(&view)));
        }
        let mut abroad = full;
        let terms = abroad.terms.as_mut().unwrap();
        terms.charge.foreign = Some(ForeignPrice {
            price: Amount::new(188).unwrap(),
            currency: Currency::USD,
            rate: "159.6039795".parse().unwrap(),
            markup_basis_points: 150,
        });
        (abroad.captured_price, abroad.refunded_price) =
            (Amount::new(188).unwrap(), Amount::new(5).unwrap());
        let entry = payment(&PaymentRow::from(&abroad)).unwrap();
        assert_eq!(entry, PaymentEntry::from(&abroad));
        assert_eq!(entry.in_store.unwrap().price.to_string(), "1.88 USD");
        let view = CustomerView {
            customer: "1000-000-001".parse().unwrap(),
            currency: Currency::JPY,
            balance: Amount::new(5).unwrap(),
            held: Amount::new(4).unwrap(),
            wrong_in_row: 3,
            notices: 2,
            devices: Vec::new(),
            policy: kessai_engine::CustomerPolicy::default(),
            spending: kessai_engine::Spending::default(),
            after: Lsn::NONE,
        };
        assert_eq!(customer(&CustomerRow::from(&view)), Ok(CustomerEntry::from(&view)));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let check = |spoil: fn(&mut PaymentRow), words: &str| {
            let mut row = PaymentRow::from(&view());
            spoil(&mut row);
            let error = payment(&row).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        };
        check(|row| row.terminal.clear(), "terminal: ");
        check(|row| row.reason = Some("whim".into()), "reason: there is no whim");
        check(|row| row.reference = Some("-1".into()), "reference: ");
        check(|row| row.captured_minor = u64::MAX, "captured_minor: ");
        check(|row| row.currency = Some("XXX".into()), "currency: ");
        check(|row| row.refunded_price_minor = u64::MAX, "refunded_price_minor: ");
    }
}
