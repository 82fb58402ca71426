//! Payments by the code that the handset shows.

use std::time::Duration;

use crate::shell::Shell;
use crate::stage::{CUSTOMER, OTHER_TILL, Stage};
use crate::{approve, mask};

/// Has a code shown, and gives its digits as they are grouped.
pub(crate) fn code(phone: &mut Shell) -> String {
    let shown = phone.ask("code", "Good for ");
    let (picture, words) = shown.split_once("Code ").unwrap();
    assert!(picture.lines().count() > 21 && picture.lines().any(|line| line.contains("####")));
    let (digits, rest) = words.split_once('\n').unwrap();
    let told = "Good for ## s, for one payment. Show it to the shop, or read it out.\n";
    assert_eq!(mask(rest), told);
    digits.to_owned()
}

#[test]
fn a_code_pays_once_however_it_is_typed() {
    let stage = Stage::set();
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    phone.hear("is ready.");
    till.ask("9521000000377", "To pay: 115 JPY.");

    let grouped = code(&mut phone);
    till.ask(&format!("pay {grouped}"), "Asking the customer to pay 115 JPY.");
    approve(&mut phone, "115 JPY");
    phone.hear("PAID: 115 JPY at 渋谷店.");
    till.hear("Hand the goods over.");

    till.ask("9521000000377", "To pay: 115 JPY.");
    till.ask(
        &format!("pay {grouped}"),
        "NOT PAID. The code is not valid. Please ask the customer for a new one. \
         Nothing has happened.",
    );

    // As a scanner types it.
    let bare = code(&mut phone).replace(' ', "");
    till.ask("pay", "Code from the handset, or customer id (Enter alone goes back):");
    till.ask(&bare, "Taken as the code of a handset. If it is a customer id, type `cancel`");
    approve(&mut phone, "115 JPY");
    till.hear("Hand the goods over.");
    assert_eq!(stage.balance(), 1_000 - 2 * 115);

    // Another digit at the end.
    till.ask("9521000000377", "To pay: 115 JPY.");
    let last = if bare.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &bare[..9]);
    till.ask(
        &format!("pay {mistyped}"),
        "As a code this is mistyped: its last digit does not fit.",
    );
    till.ask(&format!("pay code {mistyped}"), "The code is mistyped: its last digit does not fit.");
    till.ask(&format!("pay id {mistyped}"), "NOT PAID. Not approved.");
    let heard = [&till.heard, &phone.heard].map(|heard| heard.replace(&grouped, ""));
    assert!(!heard[0].contains(&bare), "a till does not show codes: {}", heard[0]);
}

#[test]
fn a_payment_with_a_code_takes_the_place_of_one_without() {
    let stage = Stage::set();
    stage.enrol();
    stage.enrol_terminal(OTHER_TILL);
    let (mut till, mut phone) = (stage.till(), stage.phone());
    let mut other = stage.open(OTHER_TILL, &[]);
    till.ask("9521000000377", "To pay: 115 JPY.");
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    other.ask("9521000000377 3", "To pay: 346 JPY.");
    other.say(&format!("pay {}", code(&mut phone)));
    phone.hear("Not paid: 115 JPY at 渋谷店. Another payment took this one's place.");
    till.hear("NOT PAID. Not approved. Please start again. The list is kept.");
    approve(&mut phone, "346 JPY");
    other.hear("Hand the goods over.");
}

#[test]
fn a_code_that_is_not_used_is_told_to_be_over() {
    let stage = Stage::set_with(|settings, _| settings.payments.code = Duration::from_secs(1));
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    till.ask("9521000000377", "To pay: 115 JPY.");
    let late = code(&mut phone);
    phone.hear("The code is not good any more. Type `code` for another one.");
    till.ask(&format!("pay {late}"), "NOT PAID. The code is not valid.");
}
