//! A vending machine that a person plays.

use std::time::Duration;

use crate::shell::Shell;
use crate::stage::{CUSTOMER, MACHINE, Stage};
use crate::{approve, mask};

/// Has two rice balls and a tea approved: 231 and 129 yen.
fn order(machine: &mut Shell, phone: &mut Shell) {
    machine.ask("9521000000377 2", "To pay: 231 JPY.");
    machine.ask("4901234567894", "To pay: 360 JPY.");
    machine.say(&format!("pay {CUSTOMER}"));
    let shown = phone.hear("You pay what the machine hands out within ");
    assert!(shown.contains("PAY 360 JPY?"), "{shown}");
    phone.ask("pay", "Password (not shown");
    phone.say(crate::stage::PASSWORD);
    phone.hear("Approved: 360 JPY at 渋谷店, to be paid on delivery. Approval number ");
    machine
        .hear("Type what came out: `all`, `nothing`, or for example `1 of line 2, 3 of line 1`.");
}

#[test]
fn what_comes_out_is_paid_and_the_rest_is_not() {
    let stage = Stage::set();
    stage.enrol();
    stage.enrol_terminal(MACHINE);
    let (mut machine, mut phone) = (stage.open(MACHINE, &[]), stage.phone());
    machine.hear("Vending machine VEND0001 of 渋谷店 (Kessai Mart), in JPY, is ready.");
    phone.hear("is ready.");

    order(&mut machine, &mut phone);
    let asked = mask(&machine.heard);
    let said = "APPROVED: 360 JPY. ## s left; after that the payment is taken back.\n\
        Type what came out: `all`, `nothing`, or for example `1 of line 2, 3 of line 1`.\n";
    assert!(asked.ends_with(said), "{asked}");
    for (wrong, answer) in [
        ("", "That is not understood. Type what came out: "),
        ("some", "That is not understood. Type what came out: "),
        ("1 of line 3", "Line 3 is not on the list, or is named twice. Type what came out: "),
        ("3 of line 1", "Of line 1 only 2 were ordered. Type what came out: "),
    ] {
        machine.ask(wrong, answer);
    }
    let said = mask(&machine.ask("1 of line 2, 1 of line 1", "PAID IN PART: "));
    assert_eq!(said, IN_PART);
    phone.hear(
        "PAID IN PART: 244 JPY of 360 JPY at 渋谷店. \
         The rest was not handed out and is yours again. Approval number ",
    );
    assert_eq!(stage.balance(), 1_000 - 244);
    machine.ask("status", ", 360 JPY: paid in part, 244 JPY. Approval number ");

    order(&mut machine, &mut phone);
    machine.ask("all", "PAID: 360 JPY.");
    phone.hear("PAID: 360 JPY at 渋谷店.");

    order(&mut machine, &mut phone);
    machine
        .ask("nothing", "TAKEN BACK: 360 JPY. Nothing was dispensed. The payment is taken back.");
    phone.hear("TAKEN BACK: 360 JPY at 渋谷店. Nothing was dispensed. Your money is back.");
    assert_eq!(stage.balance(), 1_000 - 244 - 360);
    machine.ask("basket", "TOTAL                            360 JPY");
    machine.ask("cancel", "No payment is open.");
}

const IN_PART: &str = "\
\x20             Kessai Mart
                 渋谷店
        登録番号 T7123456789012
          領収書（一部お渡し）
####年##月##日 ##:##:## +09:00
端末番号                        VEND0001
----------------------------------------
おにぎり 鮭
  ¥105 x 1                          ¥105
緑茶※
  ¥120 x 1                          ¥120
----------------------------------------
小計                                ¥225
外税8%                                ¥9
外税10%                              ¥10
合計                                ¥244
8%対象※                            ¥129
  うち消費税                          ¥9
10%対象                             ¥115
  うち消費税                         ¥10
※は軽減税率対象商品です
ご注文額                            ¥360
お渡しできず請求しない額            ¥116
----------------------------------------
承認番号                          ######
照会番号                    ############
取引番号
    ########-####-####-####-############
PAID IN PART: 244 JPY of 360 JPY. The rest is not charged.
";

#[test]
fn a_machine_that_dies_is_asked_again_what_came_out() {
    let stage = Stage::set();
    stage.enrol();
    stage.enrol_terminal(MACHINE);
    let (mut machine, mut phone) = (stage.open(MACHINE, &[]), stage.phone());
    order(&mut machine, &mut phone);
    drop(machine);
    let mut machine = stage.open(MACHINE, &[]);
    machine.hear(", 360 JPY: approved, to be paid on delivery. Approval number ");
    machine.hear("APPROVED: 360 JPY.");
    machine.ask("2 of line 1", "PAID IN PART: 231 JPY of 360 JPY. The rest is not charged.");
    phone.hear("PAID IN PART: 231 JPY of 360 JPY");

    // One that is left alone is not asked: nothing is reported.
    order(&mut machine, &mut phone);
    drop(machine.stdin.take());
    machine.hear("Nothing was reported: the gateway takes the payment back by itself.");
    machine.hear("Goodbye.");
}

#[test]
fn silence_takes_the_payment_back() {
    let stage = Stage::set_with(|settings, _| settings.payments.delivery = Duration::from_secs(2));
    stage.enrol();
    stage.enrol_terminal(MACHINE);
    let (mut machine, mut phone) = (stage.open(MACHINE, &[]), stage.phone());
    machine.ask("4901234567894", "To pay: 129 JPY.");
    machine.say(&format!("pay {CUSTOMER}"));
    approve(&mut phone, "129 JPY");
    machine.hear("Nothing was reported in time.");
    machine.hear("TAKEN BACK: 129 JPY. Nothing was dispensed. The payment is taken back.");
    phone.hear("TAKEN BACK: 129 JPY at 渋谷店. Nothing was dispensed. Your money is back.");
    assert_eq!(stage.balance(), 1_000);
}
