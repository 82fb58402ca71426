//! What a payment's step moves: holds, balances, what the customer spends on a day, and what the
//! merchant is owed.

use super::Corrupt;
use crate::customer::Account;
use crate::ledger::{Flow, Ledger, Movement};
use crate::payment::Payment;
use crate::planted::{self, Bug};
use crate::policy::Spending;
use crate::record::Entry;
use crate::state::{Event, PaymentState};

/// Moves the money that goes with the step of `payment` from `left` to where it stands now.
pub(super) fn move_money(
    payment: &Payment,
    left: PaymentState,
    (account, spending): (&mut Account, &mut Spending),
    ledger: &mut Ledger,
    entry: &Entry,
) -> Result<(), Corrupt> {
    let view = &payment.view;
    let terms = view.terms.as_ref().ok_or(Corrupt::Payment(view.payment))?;
    let (authorised, opened_on) = (terms.charge.amount, payment.opened_on);
    let movement = Movement {
        terms,
        flow: Flow::Capture,
        amount: view.captured,
        price: view.captured_price,
        terminal: view.terminal,
        on: entry.business_date,
        approved_of: None,
    };
    match view.state {
        // The hold stays until the goods are delivered or not.
        PaymentState::Authorised => ledger.approve(terms, opened_on)?,
        PaymentState::Captured => {
            account.release(authorised)?;
            account.balance = account.balance.checked_sub(view.captured)?;
            spending.give_back(opened_on, 0, authorised.checked_sub(view.captured)?)?;
            let approved_of = (left == PaymentState::Pending).then_some(opened_on);
            ledger.settle(&Movement { approved_of, ..movement })?;
        }
        // As if it had never been.
        PaymentState::Reversed if left == PaymentState::Captured => {
            account.balance = account.balance.checked_add(view.captured)?;
            spending.give_back(opened_on, 1, view.captured)?;
            ledger.settle(&Movement { flow: Flow::Reversal, ..movement })?;
        }
        PaymentState::Refunded => {
            let made = payment.refunds.last().ok_or(Corrupt::Payment(view.payment))?;
            account.balance = account.balance.checked_add(made.amount)?;
            let (amount, price, terminal) = (made.amount, made.price, made.terminal);
            let flow = Flow::Refund;
            ledger.settle(&Movement { flow, amount, price, terminal, ..movement })?;
        }
        PaymentState::Expired if planted::is(Bug::HoldForgottenOnExpiry) => {}
        PaymentState::Declined
        | PaymentState::Cancelled
        | PaymentState::Expired
        | PaymentState::Reversed => {
            account.release(authorised)?;
            spending.give_back(opened_on, 1, authorised)?;
        }
        PaymentState::Pending => {
            let (payment, event) = (view.payment, Event::Cancel);
            return Err(Corrupt::Event { payment, state: left, event });
        }
    }
    Ok(())
}
