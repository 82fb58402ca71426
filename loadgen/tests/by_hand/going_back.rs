//! Payments that are taken back, and money that is paid back.

use std::fs;

use kessai_engine::terms::PaymentId;
use serde_json::json;

use crate::stage::{CUSTOMER, OTHER_TILL, Stage, TILL};
use crate::{mask, sell};

#[test]
fn payments_are_taken_back_whole() {
    let stage = Stage::set();
    stage.enrol();
    let receipts = stage.path("receipts");
    let mut till = stage.open(TILL, &["--receipts", &receipts]);
    let mut phone = stage.phone();
    till.ask("reverse", "There has been no payment yet.");
    let first = sell(&mut till, &mut phone, 1, "115 JPY");
    let second = sell(&mut till, &mut phone, 3, "346 JPY");

    let said = mask(&till.ask("reverse", "TAKEN BACK: "));
    assert_eq!(said, REVERSED.replace("{receipts}", &receipts));
    phone
        .hear("TAKEN BACK: 346 JPY at 渋谷店. The shop took the payment back. Your money is back.");
    assert_eq!(stage.balance(), 1_000 - 115);
    till.ask("status", ", 346 JPY: taken back. The payment is taken back. Approval number ");
    // The same again is the same.
    till.ask("reverse", "TAKEN BACK: 346 JPY. The payment is taken back.");
    till.ask(&format!("refund {second}"), "The payment's state does not allow this.");
    for extension in ["txt", "json", "escpos"] {
        for slip in [format!("sale-{first}"), format!("reversal-{second}")] {
            let path = format!("{receipts}/{slip}.{extension}");
            assert!(fs::metadata(&path).unwrap().len() > 100, "{path}");
        }
    }
    let json = fs::read_to_string(format!("{receipts}/reversal-{second}.json")).unwrap();
    let slip: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&slip["kind"], &slip["cause"]), (&json!("reversal"), &json!("on_request")));

    // One that was named, by a till that was closed meanwhile.
    assert_eq!(till.leave(), Some(0));
    let mut till = stage.till();
    till.ask(&format!("reverse {first}"), "TAKEN BACK: 115 JPY.");
    assert_eq!(stage.balance(), 1_000);
    // One that nobody has asked for.
    let never = PaymentId::from_parts(stage.gateway().now_ms(), [7; 10]);
    till.ask(&format!("reverse {never}"), "cancelled. Cancelled at this terminal.");
    till.ask("totals", "left ");
    let totals = till.heard.lines().rev().take(5).collect::<Vec<_>>();
    assert_eq!(
        totals.into_iter().rev().skip(1).collect::<Vec<_>>(),
        [
            "paid           2                461 JPY",
            "taken back     2                461 JPY",
            "paid back      0                  0 JPY",
            "left                              0 JPY",
        ]
    );
}

const REVERSED: &str = "\
Taking the payment back ...
              Kessai Mart
                 渋谷店
        登録番号 T7123456789012
                 取消票
####年##月##日 ##:##:## +09:00
端末番号                        POS00001
お取引を取り消しました。
----------------------------------------
おにぎり 鮭
  ¥105 x 3                          ¥315
----------------------------------------
小計                                ¥315
外税10%                              ¥31
取消額                              ¥346
10%対象                             ¥346
  うち消費税                         ¥31
----------------------------------------
承認番号                          ######
照会番号                    ############
取引番号
    ########-####-####-####-############
Written to {receipts}/reversal-########-####-####-####-############.txt, .json and .escpos.
TAKEN BACK: 346 JPY. The payment is taken back.
";

#[test]
fn money_is_paid_back_in_parts_and_never_more_than_was_paid() {
    let stage = Stage::set();
    stage.enrol();
    stage.enrol_terminal(OTHER_TILL);
    let receipts = stage.path("receipts");
    let mut till = stage.open(TILL, &["--receipts", &receipts, "--width", "48"]);
    let mut phone = stage.phone();
    let payment = sell(&mut till, &mut phone, 3, "346 JPY");
    let mut pays_back = |amount: &str, words: &str| {
        till.ask(format!("refund {payment} {amount}").trim_end(), words)
    };

    pays_back("347", "The amount is more than was paid.");
    let said = mask(&pays_back("100", "PAID BACK: "));
    assert_eq!(said, PART.replace("{receipts}", &receipts));
    phone.hear("PAID BACK IN PART: 100 JPY of 346 JPY at 渋谷店. Approval number ");
    assert_eq!(stage.balance(), 1_000 - 246);
    pays_back("247", "The amount is more than was paid.");

    // Another till of the merchant's does not know how much is left, but may pay it back.
    let mut other = stage.open(OTHER_TILL, &[]);
    other.ask(&format!("refund {payment}"), "type the amount behind its id.");
    other.ask(&format!("refund {payment} 46"), "PAID BACK: 46 JPY; in all 146 JPY of 346 JPY.");
    phone.hear("PAID BACK IN PART: 146 JPY of 346 JPY at 渋谷店.");

    pays_back("", "PAID BACK: 200 JPY; in all 346 JPY of 346 JPY. Reference ");
    phone.hear("PAID BACK: 346 JPY at 渋谷店, all that you paid.");
    pays_back("", "Nothing is left of this payment to be paid back.");
    assert_eq!(stage.balance(), 1_000);
    till.ask("status", ", 346 JPY: paid back, 346 JPY.");
    till.ask(&format!("reverse {payment}"), "The payment's state does not allow this.");
    let totals = mask(&till.ask("totals", "left "));
    assert_eq!(
        totals,
        "Business day ####-##-##\n\
         paid           1                346 JPY\n\
         taken back     0                  0 JPY\n\
         paid back      2                300 JPY\n\
         left                             46 JPY\n"
    );
    till.ask("totals 2020-01-01", "Business day 2020-01-01");
    till.hear("Nothing has moved at this terminal.");
}

const PART: &str = "\
Paying 100 JPY of payment ########-####-####-####-############ back ...
                  Kessai Mart
                     渋谷店
            登録番号 T7123456789012
                     返金票
####年##月##日 ##:##:## +09:00
端末番号                                POS00001
お買上日                          ####年##月##日
------------------------------------------------
返金額                                      ¥100
------------------------------------------------
承認番号                                  ######
照会番号                            ############
取引番号    ########-####-####-####-############
返金番号    ########-####-####-####-############
Written to {receipts}/refund-########-####-####-####-############.txt, .json and .escpos.
PAID BACK: 100 JPY; in all 100 JPY of 346 JPY. Reference ############.
";

#[test]
fn a_refund_without_an_answer_is_the_same_refund_when_it_is_repeated() {
    let stage = Stage::set();
    stage.enrol();
    let receipts = stage.path("receipts");
    let mut till = stage.open(TILL, &["--receipts", &receipts]);
    let mut phone = stage.phone();
    let payment = sell(&mut till, &mut phone, 3, "346 JPY");
    till.ask(&format!("refund {payment} 100"), "PAID BACK: 100 JPY");
    assert_eq!(till.leave(), Some(0));
    let slips = fs::read_dir(&receipts).unwrap().map(|slip| slip.unwrap().file_name());
    let slip =
        slips.map(|slip| slip.into_string().unwrap()).find(|slip| slip.starts_with("refund"));
    let refund: PaymentId = slip.unwrap()["refund-".len()..][..36].parse().unwrap();

    // As the till would find it after a power cut between the refund and its answer.
    let id: PaymentId = payment.parse().unwrap();
    let intent = json!({"Refund": {"refund": refund, "payment": id, "amount": 100}});
    fs::write(format!("{}/unfinished", stage.path(TILL)), intent.to_string()).unwrap();
    let mut till = stage.till();
    till.hear(&format!("A refund of payment {payment} had no answer"));
    till.hear("PAID BACK: 100 JPY; in all 100 JPY of 346 JPY.");
    assert_eq!(stage.balance(), 1_000 - 246);

    // So is a reversal, whose payment cannot be reversed any more.
    let reversal = json!({"Reversal": {"payment": id, "cause": "OnRequest", "sale": null}});
    assert_eq!(till.leave(), Some(0));
    fs::write(format!("{}/unfinished", stage.path(TILL)), reversal.to_string()).unwrap();
    let mut till = stage.till();
    till.hear(&format!("Payment {payment} was being taken back: this goes on now."));
    till.hear("The payment's state does not allow this.");
    till.ask("status", ", 346 JPY: paid back in part, 100 JPY of 346 JPY.");
    till.ask(&format!("pay {CUSTOMER}"), "The purchase list is empty.");
}

#[test]
fn a_reversal_is_asked_for_until_it_is_acknowledged() {
    let mut stage = Stage::set();
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    let first = sell(&mut till, &mut phone, 1, "115 JPY");
    sell(&mut till, &mut phone, 3, "346 JPY");
    stage.go_down();
    till.ask("reverse", "Taking the payment back ...");
    stage.come_up();
    till.hear("TAKEN BACK: 346 JPY. The payment is taken back.");
    assert_eq!(stage.balance(), 1_000 - 115);

    // A clerk who leaves before is told that it goes on.
    stage.go_down();
    till.ask(&format!("reverse {first}"), "Taking the payment back ...");
    till.ask("totals", "The payment is still being taken back: no answer yet.");
    till.ask("quit", "It goes on when this terminal is opened again.");
    till.hear("Goodbye.");
    assert_eq!(till.child.wait().unwrap().code(), Some(0));
    stage.come_up();
    let mut till = stage.till();
    till.hear(&format!("Payment {first} was being taken back: this goes on now."));
    let slip = till.hear("TAKEN BACK: 115 JPY. The payment is taken back.");
    assert!(slip.contains("取消額                              ¥115"), "{slip}");
    assert_eq!(stage.balance(), 1_000);
}

#[test]
fn a_slip_that_cannot_be_written_is_shown_all_the_same() {
    let stage = Stage::set();
    stage.enrol();
    let no_folder = stage.path("catalogue.csv");
    let (mut till, mut phone) = (stage.open(TILL, &["--receipts", &no_folder]), stage.phone());
    sell(&mut till, &mut phone, 1, "115 JPY");
    assert!(till.heard.contains("合計                                ¥115"), "{}", till.heard);
    assert!(till.heard.contains("The slip was not written: "), "{}", till.heard);
}
