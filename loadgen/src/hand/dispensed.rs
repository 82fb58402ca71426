//! What came out of a machine, as the person who plays it says.

use kessai_client::wire::{DeliveredLines, Delivery};
use kessai_engine::terms::{Basket, Reason};

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dispensed {
    /// Nothing, or nothing that costs anything.
    Nothing,
    /// All of it.
    All,
    /// A part.
    Part(Delivery, Basket),
}

/// Why a text does not say what came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DispensedError {
    /// It is not understood.
    Form,
    /// There is no such line, or it is named twice.
    Line(usize),
    /// The line has fewer pieces.
    Pieces { line: usize, ordered: u32 },
    /// The part cannot be priced.
    Part(Reason),
}

/// Reads `all`, `nothing`, or `1 of line 2, 3 of line 1`.
pub(super) fn dispensed(text: &str, ordered: &Basket) -> Result<Dispensed, DispensedError> {
    let text = text.trim().to_ascii_lowercase();
    match text.as_str() {
        "all" => return Ok(Dispensed::All),
        "nothing" | "none" => return Ok(Dispensed::Nothing),
        _ => {}
    }
    let mut pieces = vec![None; ordered.lines().len()];
    for clause in text.split(',') {
        let (count, number) = clause_of(clause).ok_or(DispensedError::Form)?;
        let place = number.checked_sub(1).ok_or(DispensedError::Line(number))?;
        let line = ordered.lines().get(place).ok_or(DispensedError::Line(number))?;
        if count > line.quantity {
            return Err(DispensedError::Pieces { line: number, ordered: line.quantity });
        }
        match pieces.get_mut(place) {
            Some(slot @ None) => *slot = Some(count),
            Some(Some(_)) | None => return Err(DispensedError::Line(number)),
        }
    }
    let of = |place: usize| pieces.get(place).copied().flatten().unwrap_or(0);
    if ordered.lines().iter().enumerate().all(|(place, line)| of(place) == line.quantity) {
        return Ok(Dispensed::All);
    }
    let Some(part) = ordered.part(of).map_err(DispensedError::Part)? else {
        return Ok(Dispensed::Nothing);
    };
    let named = (0_u32..).zip(&pieces).filter_map(|(place, count)| Some((place, (*count)?)));
    let lines = DeliveredLines::new(named).map_err(DispensedError::Part)?;
    Ok(Dispensed::Part(Delivery::Lines(lines), part))
}

/// Reads `1 of line 2`; the word `line` may be left out.
fn clause_of(text: &str) -> Option<(u32, usize)> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [count, "of", "line", line] | [count, "of", line] => {
            Some((count.parse().ok()?, line.parse().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::cart::tests::cart;
    use crate::till::Prices;

    /// Three rice balls and two teas: 346 and 259 yen.
    fn ordered() -> Basket {
        let mut cart = cart(Prices::BeforeTax);
        cart.scan("9521000000377", 3).unwrap();
        cart.scan("4901234567894", 2).unwrap();
        cart.basket().unwrap()
    }

    #[test]
    fn all_nothing_or_a_part_comes_out() {
        let check = |text: &str, expected: Dispensed| {
            assert_eq!(dispensed(text, &ordered()), Ok(expected), "{text}");
        };
        check(" All ", Dispensed::All);
        check("2 of line 2, 3 of line 1", Dispensed::All);
        for text in ["nothing", "none", "0 of line 1", "0 of 1, 0 of 2"] {
            check(text, Dispensed::Nothing);
        }
        for (text, lines, total) in [
            ("1 of line 2", vec![(1, 1)], 129),
            ("1 of 2", vec![(1, 1)], 129),
            ("2 of line 2, 1 of line 1", vec![(0, 1), (1, 2)], 105 + 10 + 240 + 19),
            ("1 of line 1, 0 of line 2", vec![(0, 1), (1, 0)], 115),
        ] {
            let Ok(Dispensed::Part(delivery, part)) = dispensed(text, &ordered()) else {
                panic!("{text}");
            };
            let lines = DeliveredLines::new(lines).unwrap();
            assert_eq!((delivery, part.total().minor()), (Delivery::Lines(lines), total));
        }
    }

    #[test]
    fn what_cannot_have_come_out_is_told() {
        let check = |text: &str, expected: DispensedError| {
            assert_eq!(dispensed(text, &ordered()), Err(expected), "{text}");
        };
        for text in ["", "some", "1", "1 of", "one of line 1", "1 of line 1,", "1 of line 1 2"] {
            check(text, DispensedError::Form);
        }
        check("1 of line 0", DispensedError::Line(0));
        check("1 of line 3", DispensedError::Line(3));
        check("1 of line 1, 1 of line 1", DispensedError::Line(1));
        check("4 of line 1", DispensedError::Pieces { line: 1, ordered: 3 });
    }
}
