//! Every payment, every refund and every yen stands where the model has it.

use std::collections::BTreeMap;

use kessai_engine::terms::money::Currency;
use kessai_engine::{BusinessDate, PaymentState};

use super::{Pair, TILLS, keyed, stands};
use crate::kit::{person, terminal};
use crate::model::{ABROAD, START_MS};

impl Pair {
    pub(super) fn compare(&self) {
        self.compare_customers();
        self.compare_payments();
        self.compare_lists();
        self.compare_books();
    }

    fn compare_customers(&self) {
        let model = &self.model;
        for (n, customer) in &model.customers {
            let view = self.world.customer(&person(*n));
            assert_eq!(self.world.money(&person(*n)), (customer.balance, model.held(*n)));
            assert!(view.held <= view.balance);
            for version in 1..=4 {
                let peer = self.world.engine.peer(&keyed(*n, version).pin);
                assert_eq!(peer.is_some(), *n <= 3 && version == customer.version);
            }
            assert_eq!(view.wrong_in_row, customer.wrong_in_row);
            assert!(view.wrong_in_row <= 3);
            assert_eq!(view.policy.standing, customer.standing);
            let spent = (view.spending.count, view.spending.amount.minor());
            let is_todays = u64::from(view.spending.on.0) == model.day();
            assert_eq!(if is_todays { spent } else { (0, 0) }, model.spent(*n));
        }
    }

    fn compare_payments(&self) {
        let model = &self.model;
        let mut payments = BTreeMap::new();
        self.world.engine.each_payment(|view| {
            let captured = (view.captured.minor(), view.captured_price.minor());
            let refunded = (view.refunded.minor(), view.refunded_price.minor());
            assert!(refunded <= captured);
            let found = (stands(view), captured, refunded, view.refunds);
            assert!(payments.insert(view.payment, found).is_none());
        });
        let engine = &self.world.engine;
        let is_here = |serial: &u16| !engine.is_archived(&self.id(*serial));
        let here = model.payments.iter().filter(|(serial, _)| is_here(serial));
        let expected = here.map(|(serial, payment)| {
            assert!(payment.wrong <= 2);
            let refunds = model.refunds.values().filter(|refund| refund.of == *serial).count();
            let state = (payment.state, payment.reason);
            let refunds = u32::try_from(refunds).unwrap();
            (self.id(*serial), (state, payment.captured, payment.refunded, refunds))
        });
        assert_eq!(payments, expected.collect());
        for serial in model.payments.keys().filter(|serial| is_here(serial)) {
            let refunds = engine.refunds_of(&self.id(*serial));
            let mut found: Vec<_> =
                refunds.iter().map(|made| (made.refund, made.price.minor())).collect();
            found.sort();
            let own = model.refunds.iter().filter(|(_, refund)| refund.of == *serial);
            let mut expected: Vec<_> = own.map(|(id, made)| (self.id(*id), made.price)).collect();
            expected.sort();
            assert_eq!(found, expected);
        }
        assert_eq!(self.world.engine.open_payments() as usize, model.pending(|_| true));
    }

    /// What is listed is what there is, and the totals are those of the model.
    fn compare_lists(&self) {
        let (engine, model) = (&self.world.engine, &self.model);
        let all = engine.payments_between(0, u64::MAX, None, usize::MAX);
        let is_here = |serial: &u16| !engine.is_archived(&self.id(*serial));
        let here: Vec<_> =
            model.payments.iter().filter(|(serial, _)| is_here(serial)).map(|(_, p)| p).collect();
        assert_eq!(all.len(), here.len());
        assert!(all.is_sorted_by_key(|view| std::cmp::Reverse(view.opened_at_ms)));
        for state in PaymentState::ALL {
            let found = engine.payments_between(0, u64::MAX, Some(state), usize::MAX).len();
            assert_eq!(found, here.iter().filter(|p| p.state == state).count());
        }
        let day = u32::try_from((START_MS + 9 * 3_600_000) / 86_400_000).unwrap();
        for (till, day) in (0..3).flat_map(|till| [(till, day), (till, day + 1)]) {
            let found = engine.terminal_totals(&terminal(TILLS[till]), BusinessDate(day)).unwrap();
            let currency = if till == ABROAD { Currency::USD } else { Currency::JPY };
            let found = found.get(&currency).map(|sums| {
                let counts = [sums.captures, sums.reversals, sums.refunds].map(i128::from);
                let sums = [sums.captured, sums.reversed, sums.refunded].map(|net| net.minor());
                [counts[0], sums[0], counts[1], sums[1], counts[2], sums[2]]
            });
            let expected = model.totals.get(&(till, day.into()));
            assert_eq!(found, expected.map(|sums| sums.map(i128::from)));
        }
    }

    /// Money is conserved: what customers no longer have, merchants are owed or was exchanged.
    fn compare_books(&self) {
        let model = &self.model;
        let books = self.world.engine.books().unwrap();
        assert_eq!(books.problems, [""; 0]);
        for state in PaymentState::ALL {
            let count = model.payments.values().filter(|payment| payment.state == state).count();
            assert_eq!(books.payments.get(&state).copied().unwrap_or(0), count as u64);
        }
        let owed = |merchant: &str, currency| {
            let owed = books.merchants.get(&(merchant.parse().unwrap(), currency));
            owed.map_or(0, |net| net.minor())
        };
        let sum = |abroad: bool, part: fn((u64, u64)) -> u64| {
            let paid = model.payments.values().filter(|p| (p.till == ABROAD) == abroad);
            let stand = paid.filter(|p| p.state != PaymentState::Reversed);
            let left = stand.map(|p| part(p.captured) - part(p.refunded));
            i128::from(left.sum::<u64>())
        };
        assert_eq!(owed("M1", Currency::JPY), sum(false, |(_, price)| price));
        assert_eq!(owed("M2", Currency::USD), sum(true, |(_, price)| price));
        let exchanged = books.currencies[&Currency::JPY].exchange.minor();
        assert_eq!(exchanged, sum(true, |(yen, _)| yen));
        let kept: u64 = model.customers.values().map(|customer| customer.balance).sum();
        let gone = i128::from(model.funded) - i128::from(kept);
        assert_eq!(gone, owed("M1", Currency::JPY) + exchanged);
    }
}
