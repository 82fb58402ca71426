//! Whole slips, as they leave the printer.

use kessai_terms::{Gtin, Line, ProductName, Rounding, Tax, TaxRate};
use proptest::prelude::*;
use time::UtcOffset;
use unicode_width::UnicodeWidthStr;

use super::*;

const STANDARD: TaxRate = TaxRate::JAPAN_STANDARD;
const REDUCED: TaxRate = TaxRate::JAPAN_REDUCED;

pub(super) fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

pub(super) fn line(name: &str, unit_price: u64, quantity: u32, tax: Tax) -> Line {
    Line {
        code: Gtin::new("9521000000377").unwrap(),
        name: ProductName::new(name).unwrap(),
        unit_price: yen(unit_price),
        quantity,
        discount: Amount::ZERO,
        tax,
    }
}

pub(super) fn basket(lines: &[Line], rounding: Rounding, total: u64) -> Basket {
    Basket::check(lines.to_vec(), rounding, yen(total)).unwrap()
}

fn issuer() -> Issuer {
    Issuer {
        merchant: "カッパ商店株式会社".parse().unwrap(),
        invoice_number: Some("T7123456789012".parse().unwrap()),
        store: "渋谷店".parse().unwrap(),
        terminal: "POS00001".parse().unwrap(),
        currency: Currency::JPY,
        language: Language::Japanese,
    }
}

fn at(unix: i64) -> OffsetDateTime {
    let tokyo = UtcOffset::from_hms(9, 0, 0).unwrap();
    OffsetDateTime::from_unix_timestamp(unix).unwrap().to_offset(tokyo)
}

fn trace() -> Trace {
    Trace {
        payment: "019a6f3e-8c00-7000-8000-000000000001".parse().unwrap(),
        approval: ApprovalNumber::new(17).unwrap(),
        reference: Reference::new(4_711).unwrap(),
        at: at(1_795_353_128),
    }
}

/// Prices without tax at two rates, one in half-width kana, one that a printer lacks, one reduced
/// in price, one untaxed.
fn shopping() -> Basket {
    let lines = [
        line("おにぎり 鮭", 105, 3, Tax::Exclusive(STANDARD)),
        line("ﾊﾝｶｸ ﾁｮｺ", 98, 1, Tax::Exclusive(REDUCED)),
        Line {
            discount: yen(20), ..line("🍙カッパ巻き 髙級", 1_280, 1, Tax::Exclusive(REDUCED))
        },
        line("Crème brûlée with vanilla from Madagascar", 350, 2, Tax::Exclusive(STANDARD)),
        line("切手", 85, 1, Tax::Exempt),
    ];
    basket(&lines, Rounding::Down, 315 + 98 + 1_260 + 700 + 85 + 101 + 108)
}

fn sale() -> Receipt {
    Receipt::sale(issuer(), shopping(), yen(2_667), trace()).unwrap()
}

fn check(receipt: &Receipt, columns: Columns, expected: &str) {
    let text = receipt.to_text(columns);
    assert_eq!(text, expected.strip_prefix('\n').unwrap());
    assert!(text.lines().all(|line| line.width_cjk() <= columns.count()));
}

#[test]
fn a_sale_on_narrow_paper() {
    let expected = r"
       カッパ商店株式会社
             渋谷店
    登録番号 T7123456789012
             領収書
2026年11月22日 22:12:08 +09:00
端末番号                POS00001
--------------------------------
おにぎり 鮭
  ¥105 x 3                  ¥315
ﾊﾝｶｸ ﾁｮｺ※
  ¥98 x 1                    ¥98
🍙カッパ巻き 髙級※
  ¥1,280 x 1              ¥1,280
  値引                      -¥20
Crème brûlée with vanilla from
Madagascar
  ¥350 x 2                  ¥700
切手
  ¥85 x 1                    ¥85
--------------------------------
小計                      ¥2,458
外税8%                      ¥108
外税10%                     ¥101
合計                      ¥2,667
8%対象※                  ¥1,466
  うち消費税                ¥108
10%対象                   ¥1,116
  うち消費税                ¥101
非課税対象                   ¥85
※は軽減税率対象商品です
--------------------------------
承認番号                  000017
照会番号            000000004711
取引番号
        019a6f3e-8c00-7000-8000-
                    000000000001
";
    check(&sale(), Columns::PAPER_58_MM, expected);
}

#[test]
fn a_sale_on_wide_paper() {
    let expected = r"
               カッパ商店株式会社
                     渋谷店
            登録番号 T7123456789012
                     領収書
2026年11月22日 22:12:08 +09:00
端末番号                                POS00001
------------------------------------------------
おにぎり 鮭
  ¥105 x 3                                  ¥315
ﾊﾝｶｸ ﾁｮｺ※
  ¥98 x 1                                    ¥98
🍙カッパ巻き 髙級※
  ¥1,280 x 1                              ¥1,280
  値引                                      -¥20
Crème brûlée with vanilla from Madagascar
  ¥350 x 2                                  ¥700
切手
  ¥85 x 1                                    ¥85
------------------------------------------------
小計                                      ¥2,458
外税8%                                      ¥108
外税10%                                     ¥101
合計                                      ¥2,667
8%対象※                                  ¥1,466
  うち消費税                                ¥108
10%対象                                   ¥1,116
  うち消費税                                ¥101
非課税対象                                   ¥85
※は軽減税率対象商品です
------------------------------------------------
承認番号                                  000017
照会番号                            000000004711
取引番号    019a6f3e-8c00-7000-8000-000000000001
";
    check(&sale(), Columns::PAPER_80_MM, expected);
}

#[test]
fn a_sale_for_programs() {
    let expected = concat!(
        r#"{"kind":"sale","merchant":"カッパ商店株式会社","invoice_number":"T7123456789012","store":"渋谷店","#,
        r#""terminal":"POS00001","#,
        r#""at":"2026-11-22T22:12:08+09:00","currency":"JPY","exponent":0,"#,
        r#""total_minor":2667,"#,
        r#""payment":"019a6f3e-8c00-7000-8000-000000000001","approval_number":"000017","reference":"000000004711","#,
        r#""rounding":"down","lines":["#,
        r#"{"code":"9521000000377","name":"おにぎり 鮭","unit_price_minor":105,"quantity":3,"discount_minor":0,"#,
        r#""total_minor":315,"tax":{"kind":"exclusive","rate_basis_points":1000},"reduced":false},"#,
        r#"{"code":"9521000000377","name":"ﾊﾝｶｸ ﾁｮｺ","unit_price_minor":98,"quantity":1,"discount_minor":0,"#,
        r#""total_minor":98,"tax":{"kind":"exclusive","rate_basis_points":800},"reduced":true},"#,
        r#"{"code":"9521000000377","name":"🍙カッパ巻き 髙級","unit_price_minor":1280,"quantity":1,"discount_minor":20,"#,
        r#""total_minor":1260,"tax":{"kind":"exclusive","rate_basis_points":800},"reduced":true},"#,
        r#"{"code":"9521000000377","name":"Crème brûlée with vanilla from Madagascar","unit_price_minor":350,"quantity":2,"discount_minor":0,"#,
        r#""total_minor":700,"tax":{"kind":"exclusive","rate_basis_points":1000},"reduced":false},"#,
        r#"{"code":"9521000000377","name":"切手","unit_price_minor":85,"quantity":1,"discount_minor":0,"#,
        r#""total_minor":85,"tax":{"kind":"exempt"},"reduced":false}],"#,
        r#""taxes":["#,
        r#"{"rate_basis_points":800,"reduced":true,"paid_minor":1466,"tax_minor":108},"#,
        r#"{"rate_basis_points":1000,"reduced":false,"paid_minor":1116,"tax_minor":101}],"#,
        r#""untaxed_minor":85}"#,
    );
    assert_eq!(sale().to_json(), expected);
}

/// Replaced are the rice ball, which no printer has, the first character of `髙級` and the accents.
#[test]
fn a_sale_for_a_printer() {
    let expected: [&[u8]; 37] = [
        b"\x1b@\x1c&\x1cC\x01\x1cS\x00\x00\x1bR\x08\x1bt\x01       \x83J\x83b\x83p\x8f\xa4\x93X\x8a\x94\x8e\xae\x89\xef\x8e\xd0\n",
        b"             \x8fa\x92J\x93X\n",
        b"    \x93o\x98^\x94\xd4\x8d\x86 T7123456789012\n",
        b"             \x97\xcc\x8e\xfb\x8f\x91\n",
        b"2026\x94N11\x8c\x8e22\x93\xfa 22:12:08 +09:00\n",
        b"\x92[\x96\x96\x94\xd4\x8d\x86                POS00001\n",
        b"--------------------------------\n",
        b"\x82\xa8\x82\xc9\x82\xac\x82\xe8 \x8d\xf8\n",
        b"  \\105 x 3                  \\315\n",
        b"\xca\xdd\xb6\xb8 \xc1\xae\xba\x81\xa6\n",
        b"  \\98 x 1                    \\98\n",
        b"\x81\xac\x83J\x83b\x83p\x8a\xaa\x82\xab \x8d\x82\x8b\x89\x81\xa6\n",
        b"  \\1,280 x 1              \\1,280\n",
        b"  \x92l\x88\xf8                      -\\20\n",
        b"Creme brulee with vanilla from\n",
        b"Madagascar\n",
        b"  \\350 x 2                  \\700\n",
        b"\x90\xd8\x8e\xe8\n",
        b"  \\85 x 1                    \\85\n",
        b"--------------------------------\n",
        b"\x8f\xac\x8cv                      \\2,458\n",
        b"\x8aO\x90\xc58%                      \\108\n",
        b"\x8aO\x90\xc510%                     \\101\n",
        b"\x1bE\x01\x1d!\x01\x8d\x87\x8cv                      \\2,667\n",
        b"\x1d!\x00\x1bE\x008%\x91\xce\x8f\xdb\x81\xa6                  \\1,466\n",
        b"  \x82\xa4\x82\xbf\x8f\xc1\x94\xef\x90\xc5                \\108\n",
        b"10%\x91\xce\x8f\xdb                   \\1,116\n",
        b"  \x82\xa4\x82\xbf\x8f\xc1\x94\xef\x90\xc5                \\101\n",
        b"\x94\xf1\x89\xdb\x90\xc5\x91\xce\x8f\xdb                   \\85\n",
        b"\x81\xa6\x82\xcd\x8cy\x8c\xb8\x90\xc5\x97\xa6\x91\xce\x8f\xdb\x8f\xa4\x95i\x82\xc5\x82\xb7\n",
        b"--------------------------------\n",
        b"\x8f\xb3\x94F\x94\xd4\x8d\x86                  000017\n",
        b"\x8f\xc6\x89\xef\x94\xd4\x8d\x86            000000004711\n",
        b"\x8e\xe6\x88\xf8\x94\xd4\x8d\x86\n",
        b"        019a6f3e-8c00-7000-8000-\n",
        b"                    000000000001\n",
        b"\x1dVB\x00",
    ];
    let bytes = sale().to_escpos(Columns::PAPER_58_MM);
    assert_eq!(bytes.escape_ascii().to_string(), expected.concat().escape_ascii().to_string());
}

#[test]
fn a_sale_of_what_a_machine_could_hand_out() {
    let ordered = shopping();
    let delivered = ordered.part(|place| [2, 0, 1, 0, 0][place]).unwrap().unwrap();
    let make = |goods, captured| {
        Receipt::sale_in_part(issuer(), &shopping(), goods, yen(captured), trace())
    };
    let receipt = make(delivered.clone(), 1_591).unwrap();
    let expected = r"
       カッパ商店株式会社
             渋谷店
    登録番号 T7123456789012
      領収書（一部お渡し）
2026年11月22日 22:12:08 +09:00
端末番号                POS00001
--------------------------------
おにぎり 鮭
  ¥105 x 2                  ¥210
🍙カッパ巻き 髙級※
  ¥1,280 x 1              ¥1,280
  値引                      -¥20
--------------------------------
小計                      ¥1,470
外税8%                      ¥100
外税10%                      ¥21
合計                      ¥1,591
8%対象※                  ¥1,360
  うち消費税                ¥100
10%対象                     ¥231
  うち消費税                 ¥21
※は軽減税率対象商品です
ご注文額                  ¥2,667
お渡しできず請求しない額  ¥1,076
--------------------------------
承認番号                  000017
照会番号            000000004711
取引番号
        019a6f3e-8c00-7000-8000-
                    000000000001
";
    check(&receipt, Columns::PAPER_58_MM, expected);
    let expected = r#"{"kind":"sale_in_part","merchant":"カッパ商店株式会社","invoice_number":"T7123456789012","store":"渋谷店","terminal":"POS00001","at":"2026-11-22T22:12:08+09:00","currency":"JPY","exponent":0,"total_minor":1591,"ordered_minor":2667"#;
    assert!(receipt.to_json().starts_with(expected), "{}", receipt.to_json());
    assert_eq!(make(ordered, 2_667), Err(ReceiptError::NoPart));
    let other = ReceiptError::OtherAmount { goods: yen(1_591), moved: yen(1_590) };
    assert_eq!(make(delivered, 1_590), Err(other));
}

#[test]
fn a_refund_of_goods_is_a_return_invoice() {
    let lines = [line("おにぎり 鮭", 105, 1, Tax::Exclusive(STANDARD))];
    let receipt = refund(115, Some(basket(&lines, Rounding::Down, 115))).unwrap();
    let expected = r"
       カッパ商店株式会社
             渋谷店
    登録番号 T7123456789012
             返金票
2026年11月22日 22:12:08 +09:00
端末番号                POS00001
お買上日          2026年11月20日
--------------------------------
おにぎり 鮭
  ¥105 x 1                  ¥105
--------------------------------
小計                        ¥105
外税10%                      ¥10
返金額                      ¥115
10%対象                     ¥115
  うち消費税                 ¥10
--------------------------------
承認番号                  000017
照会番号            000000004711
取引番号
        019a6f3e-8c00-7000-8000-
                    000000000001
返金番号
        019a6f3e-8c00-7000-8000-
                    0000000000ff
";
    check(&receipt, Columns::PAPER_58_MM, expected);
    let other = ReceiptError::OtherAmount { goods: yen(115), moved: yen(116) };
    assert_eq!(refund(116, Some(basket(&lines, Rounding::Down, 115))), Err(other));
}

#[test]
fn a_refund_without_goods_names_the_amount_alone() {
    let receipt = refund(115, None).unwrap();
    let expected = r"
       カッパ商店株式会社
             渋谷店
    登録番号 T7123456789012
             返金票
2026年11月22日 22:12:08 +09:00
端末番号                POS00001
お買上日          2026年11月20日
--------------------------------
返金額                      ¥115
--------------------------------
承認番号                  000017
照会番号            000000004711
取引番号
        019a6f3e-8c00-7000-8000-
                    000000000001
返金番号
        019a6f3e-8c00-7000-8000-
                    0000000000ff
";
    check(&receipt, Columns::PAPER_58_MM, expected);
    let expected = concat!(
        r#"{"kind":"refund","merchant":"カッパ商店株式会社","invoice_number":"T7123456789012","store":"渋谷店","#,
        r#""terminal":"POS00001","#,
        r#""at":"2026-11-22T22:12:08+09:00","currency":"JPY","exponent":0,"#,
        r#""total_minor":115,"refund":"019a6f3e-8c00-7000-8000-0000000000ff","sold_at":"2026-11-20T22:12:08+09:00","#,
        r#""payment":"019a6f3e-8c00-7000-8000-000000000001","approval_number":"000017","reference":"000000004711"}"#,
    );
    assert_eq!(receipt.to_json(), expected);
    assert_eq!(receipt.taxes(), []);
    assert_eq!(refund(0, None), Err(ReceiptError::NothingMoved));
}

#[test]
fn a_reversal_says_why() {
    let goods = basket(&[line("緑茶", 150, 1, Tax::Included(REDUCED))], Rounding::Down, 150);
    let undone = Undone::by(Reason::NotDispensed).unwrap();
    let receipt = Receipt::reversal(issuer(), goods.clone(), undone, trace());
    let expected = r"
       カッパ商店株式会社
             渋谷店
    登録番号 T7123456789012
             取消票
2026年11月22日 22:12:08 +09:00
端末番号                POS00001
商品をお渡しできなかったため取り
消しました。
--------------------------------
緑茶※
  ¥150 x 1                  ¥150
--------------------------------
取消額                      ¥150
8%対象※                    ¥150
  うち消費税                 ¥11
※は軽減税率対象商品です
--------------------------------
承認番号                  000017
照会番号            000000004711
取引番号
        019a6f3e-8c00-7000-8000-
                    000000000001
";
    check(&receipt, Columns::PAPER_58_MM, expected);
    assert!(receipt.to_json().contains(r#""cause":"not_dispensed","#));
    let undone = Undone::by(Reason::ReversedOnRequest).unwrap();
    let receipt = Receipt::reversal(issuer(), goods, undone, trace());
    assert!(receipt.to_json().contains(r#""cause":"on_request","#));
    assert!(receipt.to_text(Columns::MIN).contains("\nお取引を取り消しました。\n"));
    assert_eq!(Undone::by(Reason::Approved), None);
}

#[test]
fn a_sale_elsewhere_is_written_in_english_and_its_own_currency() {
    let issuer = Issuer {
        merchant: "Kappa Trading Inc.".parse().unwrap(),
        invoice_number: None,
        store: "Third Street".parse().unwrap(),
        terminal: "VEND0007".parse().unwrap(),
        currency: Currency::USD,
        language: Language::of(Currency::USD),
    };
    let rate = TaxRate::new(825).unwrap();
    let lines = [line("Coffee", 350, 2, Tax::Exclusive(rate)), line("Book", 1_299, 1, Tax::Exempt)];
    let goods = basket(&lines, Rounding::HalfUp, 2_057);
    let receipt = Receipt::sale(issuer, goods, yen(2_057), trace()).unwrap();
    let expected = r"
       Kappa Trading Inc.
          Third Street
            RECEIPT
2026-11-22 22:12:08 +09:00
Terminal                VEND0007
--------------------------------
Coffee
  3.50 USD x 2          7.00 USD
Book
  12.99 USD x 1        12.99 USD
--------------------------------
Subtotal               19.99 USD
Tax 8.25 %              0.58 USD
TOTAL                  20.57 USD
At 8.25 %               7.58 USD
  of which tax          0.58 USD
Untaxed                12.99 USD
--------------------------------
Approval number           000017
Reference           000000004711
Payment
        019a6f3e-8c00-7000-8000-
                    000000000001
";
    check(&receipt, Columns::PAPER_58_MM, expected);
}

#[test]
fn goods_of_another_price_are_no_receipt() {
    let other = ReceiptError::OtherAmount { goods: yen(2_667), moved: yen(2_666) };
    assert_eq!(Receipt::sale(issuer(), shopping(), yen(2_666), trace()), Err(other));
    let message = "the goods cost 2667 minor units, but 2666 were moved";
    assert_eq!(other.to_string(), message);
}

fn refund(refunded: u64, returned: Option<Basket>) -> Result<Receipt, ReceiptError> {
    let refund = "019a6f3e-8c00-7000-8000-0000000000ff".parse().unwrap();
    let sold_at = at(1_795_180_328);
    Receipt::refund(issuer(), refund, yen(refunded), returned, sold_at, trace())
}

/// Narrow, wide, ambiguous and composed characters, some that a name may not have.
const NAME: &str = "[ -~¡-ÿ①-⑳あ-ん漢-瀬ｱ-ﾝ👀-👿🏻-🏿🇦-🇿가-힣\u{300}-\u{36f}ก-๛क-ह]{1,64}";

/// What stands before the text of a line, if anything does.
const COMMANDS: [&[u8]; 3] =
    [b"\x1b@\x1c&\x1cC\x01\x1cS\0\0\x1bR\x08\x1bt\x01", b"\x1bE\x01\x1d!\x01", b"\x1d!\0\x1bE\0"];

proptest! {
    /// Whatever things are called and cost, and however wide the paper: no line is too wide, and
    /// nothing but spaces is lost.
    #[test]
    fn no_line_is_ever_too_wide(
        names in prop::collection::vec(NAME, 2..6),
        price in 1_u64..=9_999_999,
        quantity in 1_u32..=9_999,
        columns in 24_u16..=240,
    ) {
        let names: Vec<_> = names.iter().filter_map(|name| ProductName::new(name).ok()).collect();
        prop_assume!(!names.is_empty());
        let lines: Vec<_> = names
            .iter()
            .map(|name| Line { name: name.clone(), ..line("x", price, quantity, Tax::Exempt) })
            .collect();
        let total = lines.iter().map(|line| line.total().unwrap().minor()).sum();
        let goods = basket(&lines, Rounding::Down, total);
        let receipt = Receipt::sale(issuer(), goods, yen(total), trace()).unwrap();
        let columns = Columns::new(columns).unwrap();
        let text = receipt.to_text(columns);
        for line in text.lines() {
            prop_assert!(line.width_cjk() <= columns.count(), "{line:?}");
        }
        let solid = |text: &str| text.replace([' ', '\n'], "");
        for name in names {
            prop_assert!(solid(&text).contains(&solid(&name)), "{name:?} in {text}");
        }
        for line in receipt.to_escpos(columns).split(|byte| *byte == b'\n') {
            let command = COMMANDS.iter().find_map(|command| line.strip_prefix(*command));
            let line = command.unwrap_or(line);
            prop_assert!(line.len() <= columns.count(), "{}", line.escape_ascii());
        }
    }
}
