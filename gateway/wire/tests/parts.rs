//! What a part of a purchase costs, as a gateway computes it from what the customer was shown.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use kessai_wire::terms::{Amount, Reason};
use kessai_wire::{Confirmation, DeliveredLines, Part};

#[path = "support/samples.rs"]
mod samples;

fn check(confirmation: &Confirmation, lines: &[(u32, u32)], expected: Result<(u64, u64), Reason>) {
    let lines = DeliveredLines::new(lines.iter().copied()).unwrap();
    let part = confirmation.delivered(&lines);
    let minor = |amount| Amount::new(amount).unwrap();
    let expected =
        expected.map(|(price, amount)| Part { price: minor(price), amount: minor(amount) });
    assert_eq!(part, expected, "{lines:?}");
}

/// Two at 130 less 20 and 8 % of tax on top, 150, 84: 493 in all.
#[test]
fn a_part_costs_its_pieces_its_share_of_the_discount_and_its_tax() {
    let whole = samples::confirmation();
    check(&whole, &[(0, 2), (1, 1), (2, 1)], Ok((493, 493)));
    // 130 - 10, and 9 (of 9.6).
    check(&whole, &[(0, 1), (2, 1)], Ok((129 + 84, 129 + 84)));
    check(&whole, &[(0, 1), (1, 0), (2, 1)], Ok((129 + 84, 129 + 84)));
    check(&whole, &[(1, 1)], Ok((150, 150)));
    check(&whole, &[(0, 0), (1, 0)], Ok((0, 0)));
}

#[test]
fn a_part_of_a_foreign_price_is_converted_by_the_rate_that_was_shown() {
    let whole = samples::foreign_confirmation();
    check(&whole, &[(0, 2), (1, 1), (2, 1)], Ok((493, 330)));
    // 150 yen at 0.0067 are 1.005 euro, and half a cent goes up.
    check(&whole, &[(1, 1)], Ok((150, 101)));
    check(&whole, &[(2, 1)], Ok((84, 56)));
}

#[test]
fn no_more_comes_out_than_was_bought() {
    let whole = samples::confirmation();
    check(&whole, &[(0, 3)], Err(Reason::QuantityInvalid));
    check(&whole, &[(3, 1)], Err(Reason::QuantityInvalid));
    check(&whole, &[(3, 0)], Err(Reason::QuantityInvalid));
    check(&whole, &[(0, 1), (199, 1)], Err(Reason::QuantityInvalid));
}

#[test]
fn the_lines_are_told_in_order_however_they_came() {
    let lines = DeliveredLines::new([(2, 1), (0, 2)]).unwrap();
    assert_eq!(lines.iter().collect::<Vec<_>>(), [(0, 2), (2, 1)]);
    assert_eq!((lines.pieces(0), lines.pieces(1), lines.pieces(2)), (2, 0, 1));
}
