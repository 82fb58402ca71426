//! A till, a vending machine and a handset as people use them: the real program over pipes, against
//! a real gateway.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod abroad;
mod codes;
mod declined;
mod going_back;
mod machine;
#[path = "../walk/mask.rs"]
mod mask;
mod shell;
mod stage;

use std::path::Path;
use std::process::Command;

use mask::mask;
use shell::{Shell, finish};
use stage::{CUSTOMER, PASSWORD, Stage, TILL, customer, terminal};

const RECEIPT: &str = "\
\x20             Kessai Mart
                 渋谷店
        登録番号 T7123456789012
                 領収書
####年##月##日 ##:##:## +09:00
端末番号                        POS00001
----------------------------------------
おにぎり 鮭
  ¥105 x 3                          ¥315
----------------------------------------
小計                                ¥315
外税10%                              ¥31
合計                                ¥346
10%対象                             ¥346
  うち消費税                         ¥31
----------------------------------------
承認番号                          ######
照会番号                    ############
取引番号
    ########-####-####-####-############
Hand the goods over.
";

/// Pays on the handset for what was asked.
fn approve(phone: &mut Shell, price: &str) {
    phone.hear(&format!("PAY {price}?"));
    phone.ask("pay", "Password (not shown");
    phone.say(PASSWORD);
}

/// Sells so many rice balls of 105 yen and their tax, and gives the payment's id.
fn sell(till: &mut Shell, phone: &mut Shell, pieces: u32, price: &str) -> String {
    till.ask(&format!("9521000000377 {pieces}"), &format!("To pay: {price}."));
    let asked = till.ask(&format!("pay {CUSTOMER}"), "Asking the customer");
    approve(phone, price);
    phone.hear(&format!("PAID: {price} at "));
    till.hear("Hand the goods over.");
    let payment = asked.split("Payment ").nth(1).unwrap();
    payment.split('.').next().unwrap().to_owned()
}

fn scan_wrongly(till: &mut Shell) {
    till.say("9521000000378");
    till.hear("9521000000378 is misread: its last digit should be 7.");
    till.say("9521000000742");
    till.hear("9521000000742 is not in the catalogue.");
}

#[test]
fn purchases_are_approved_cancelled_and_tried_again() {
    let stage = Stage::set();
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    till.hear("Terminal POS00001 of 渋谷店 (Kessai Mart), in JPY, is ready.");
    phone.hear("The handset of customer 1234-567-890 is ready.");

    scan_wrongly(&mut till);

    // Approved.
    till.say("9521000000377 3");
    till.hear("おにぎり 鮭: 3 x 105 JPY. To pay: 346 JPY.");
    till.say("pay");
    till.hear("Code from the handset, or customer id (Enter alone goes back):");
    till.say(CUSTOMER);
    till.hear("Asking the customer to pay 346 JPY.");
    till.hear("Waiting for the customer: ");
    let shown = phone.hear("Type `pay`");
    let lines: Vec<_> = shown.lines().skip_while(|line| !line.starts_with('-')).collect();
    assert_eq!(lines[1..3], ["PAY 346 JPY?", "渋谷店 (Kessai Mart), terminal POS00001"]);
    assert!(shown.contains("Tax 10 % on 315 JPY               31 JPY"), "{shown}");
    assert!(shown.contains(" s left, 3 tries."), "{shown}");
    phone.say("pay");
    phone.hear("Password (not shown");
    phone.say(PASSWORD);
    phone.hear("PAID: 346 JPY at 渋谷店. Approval number ");
    let receipt = mask(&till.hear("Hand the goods over."));
    assert!(receipt.ends_with(RECEIPT), "{receipt}");
    assert_eq!(stage.balance(), 1_000 - 346);
    till.say("status");
    till.hear(", 346 JPY: paid. Approval number ");

    // Cancelled by the customer; the list is kept, so that it can be asked for again.
    till.say("9521000000377");
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    phone.say("cancel");
    phone.hear("Not paid: 115 JPY at 渋谷店. You cancelled the payment.");
    till.hear("NOT PAID. The customer cancelled. The list is kept.");

    // Cancelled by the clerk.
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    till.say("cancel");
    till.hear("NOT PAID. Cancelled at this terminal.");
    phone.hear("Not paid: 115 JPY at 渋谷店. The shop cancelled the payment.");

    // A wrong password first.
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    phone.say("pay");
    phone.say("another horse 8");
    let wrong = phone.hear("Wrong password.");
    assert!(wrong.contains(" s left, 2 tries."), "{wrong}");
    phone.say("pay");
    phone.say(PASSWORD);
    phone.hear("PAID: 115 JPY");
    till.hear("Hand the goods over.");
    assert_eq!(stage.balance(), 1_000 - 346 - 115);

    // More than there is: the handset learns why, the till does not.
    till.say("9521000000377 9");
    till.say(&format!("pay {CUSTOMER}"));
    till.hear("NOT PAID. Not approved. Please ask for another way to pay.");
    phone.hear("Not paid: 1,039 JPY at 渋谷店. Your balance is not sufficient.");

    assert!(!phone.heard.contains("horse"), "a password is never shown: {}", phone.heard);
    assert_eq!((till.leave(), phone.leave()), (Some(0), Some(0)));

    // The gateway knows what became of them.
    let (code, said) = finish(&["handset", "--dir", &stage.path("phone")], "recent\n");
    let listed: Vec<_> = said.lines().filter(|line| line.contains("JPY")).map(mask).collect();
    let listed: Vec<_> = listed.iter().map(|line| line.split_once("+09:00  ").unwrap().1).collect();
    let numbers = "Approval number ######, reference ############.";
    let golden = [
        "Not paid: 1,039 JPY at 渋谷店. Your balance is not sufficient.",
        &format!("PAID: 115 JPY at 渋谷店. {numbers}"),
        "Not paid: 115 JPY at 渋谷店. The shop cancelled the payment.",
        "Not paid: 115 JPY at 渋谷店. You cancelled the payment.",
        &format!("PAID: 346 JPY at 渋谷店. {numbers}"),
    ];
    assert_eq!((code, listed.as_slice()), (Some(0), &golden[..]));
}

#[test]
fn a_till_that_is_left_gives_its_payment_up() {
    let stage = Stage::set();
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    phone.hear("is ready.");
    till.say("9521000000377");
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    drop(till.stdin.take());
    till.hear("NOT PAID. Cancelled at this terminal.");
    phone.hear("The shop cancelled the payment.");

    // A till that dies cannot: the next one does so before anything else.
    drop(till);
    let mut till = stage.till();
    till.say("9521000000377");
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    drop(till);
    let mut till = stage.till();
    till.hear("The end of payment ");
    till.hear(", 115 JPY: cancelled. Cancelled at this terminal.");
    phone.hear("The shop cancelled the payment.");
    interrupt(&till);
    till.hear("Goodbye.");
    assert_eq!(till.child.wait().unwrap().code(), Some(130));
    assert_eq!(stage.balance(), 1_000);
}

fn interrupt(shell: &Shell) {
    let kill = format!("kill -INT {}", shell.child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
fn what_cannot_be_enrolled_or_opened_is_told_in_plain_words() {
    let stage = Stage::set();
    let folder = |name: &str| stage.path(name);
    let check = |arguments: &[&str], typed: &str, words: &str| {
        let (code, said) = finish(arguments, typed);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    };
    let mut mistyped = stage.activate(terminal(TILL), 1);
    mistyped.pop();
    let enrol = ["terminal", "enrol", "--dir", &folder(TILL), &mistyped];
    check(&enrol, "", "has a typing error");
    let handsets = stage.activate(customer(), 2);
    let enrol = ["terminal", "enrol", "--dir", &folder(TILL), &handsets];
    check(&enrol, "", "the activation string is for a customer");
    check(&["terminal", "--dir", &folder(TILL)], "", "POS00001/peer: ");
    check(&["handset", "--dir", &folder("phone")], "", "phone/handset: ");
    assert!(!Path::new(&folder(TILL)).exists(), "nothing was written");

    let activation = stage.activate(terminal(TILL), 3);
    let enrol = ["terminal", "enrol", "--dir", &folder(TILL), "-"];
    let (code, said) = finish(&enrol, &format!("{activation}\n"));
    assert_eq!(code, Some(0), "{said}");
    let again = ["terminal", "enrol", "--dir", &folder(TILL), &activation];
    check(&again, "", "the code is wrong, used or too old: ask for a new one");
}

#[test]
fn the_help_has_examples_and_exit_codes() {
    for command in ["terminal", "handset"] {
        let (code, help) = finish(&[command, "--help"], "");
        assert_eq!(code, Some(0), "{help}");
        for words in ["Examples:", "enrol", "--dir", "Exit codes:", "130"] {
            assert!(help.contains(words), "{words}: {help}");
        }
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "a line of {longest:?} characters");
        assert_eq!(finish(&[command], "").0, Some(2), "the directory is missing");
    }
    for (width, words) in
        [("23", "a receipt has 24 to 240 columns"), ("wide", "a number of columns")]
    {
        let (code, said) = finish(&["terminal", "--dir", "till", "--width", width], "");
        assert!(code == Some(2) && said.contains(words), "{said}");
    }
}
