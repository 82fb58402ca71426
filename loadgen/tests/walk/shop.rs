//! A till and a handset, each on a terminal of its own, and what both show of six purchases, of
//! which one is paid back in part and one is taken back.

use crate::documented;
use crate::mask::mask;
use crate::pane::Pane;
use crate::processor::Processor;

pub(crate) const PASSWORD: &str = "Tsubame-58-Yuzu";
const WRONG: &str = "Tsubame-59-Yuzu";

/// Who is met at the counter.
pub(crate) struct Shop {
    till: Pane,
    phone: Pane,
}

/// What the till says once a beer is to be paid for.
const BEER_SCANNED: &str = "\
9521000083257
ビール 350ml: 1 x 228 JPY. To pay: 250 JPY.
";
const BEER_ASKED: &str = "\
pay 1234-567-890
Asking the customer to pay 250 JPY. Payment ########-####-####-####-############. Type `cancel` to give it up.
Waiting for the customer: ## s left.
";
/// What the handset shows then.
const BEER_SHOWN: &str = "\
----------------------------------------
PAY 250 JPY?
渋谷店 (Kessai Mart), terminal POS00001
####-##-## ##:##:## +09:00
1. ビール 350ml
   1 x 228 JPY                   228 JPY
Tax 10 % on 228 JPY               22 JPY
## s left, 3 tries.
Type `pay` to enter the password, `cancel` to refuse.
";
const BEER_RECEIPT: &str = "\
\x20             Kessai Mart
                 渋谷店
                 領収書
####年##月##日 ##:##:## +09:00
端末番号                        POS00001
----------------------------------------
ビール 350ml
  ¥228 x 1                          ¥228
----------------------------------------
小計                                ¥228
外税10%                              ¥22
合計                                ¥250
10%対象                             ¥250
  うち消費税                         ¥22
----------------------------------------
承認番号                          ######
照会番号                    ############
取引番号
    ########-####-####-####-############
Hand the goods over.
";
const BEER_TAKEN_BACK: &str = "\
reverse
Taking the payment back ...
              Kessai Mart
                 渋谷店
                 取消票
####年##月##日 ##:##:## +09:00
端末番号                        POS00001
お取引を取り消しました。
----------------------------------------
ビール 350ml
  ¥228 x 1                          ¥228
----------------------------------------
小計                                ¥228
外税10%                              ¥22
取消額                              ¥250
10%対象                             ¥250
  うち消費税                         ¥22
----------------------------------------
承認番号                          ######
照会番号                    ############
取引番号
    ########-####-####-####-############
TAKEN BACK: 250 JPY. The payment is taken back.
";
/// What the till says after the command.
const BEER_PAID_BACK: &str = "\
Paying 100 JPY of payment ########-####-####-####-############ back ...
              Kessai Mart
                 渋谷店
                 返金票
####年##月##日 ##:##:## +09:00
端末番号                        POS00001
お買上日                  ####年##月##日
----------------------------------------
返金額                              ¥100
----------------------------------------
承認番号                          ######
照会番号                    ############
取引番号
    ########-####-####-####-############
返金番号
    ########-####-####-####-############
PAID BACK: 100 JPY; in all 100 JPY of 250 JPY. Reference ############.
";
const NOT_APPROVED: &str =
    "NOT PAID. Not approved. Please ask for another way to pay. The list is kept.\n";

impl Shop {
    /// Enrols both, by activation strings that are typed.
    pub(crate) fn enrol(processor: &Processor) -> Self {
        let string = processor.activation(documented("kessai terminal activate POS00001"));
        let mut till = processor.pane(documented("kessai-loadgen terminal enrol --dir till -"));
        assert_eq!(till.until("string"), "Activation string:\n");
        till.enter(&string);
        let enrolled = "kessai1:127.0.0.1:PORT:terminal:POS00001:\
            ################################################################:\
            ################################:########\n\
            Enrolled as terminal POS00001. \
            The key is in till: whoever has it can pose as this one.\n";
        assert_eq!(till.end(), (Some(0), enrolled.to_owned()));

        let string = processor.activation(documented("kessai customer activate 1234-567-890"));
        let mut phone = processor.pane(documented("kessai-loadgen handset enrol --dir phone -"));
        assert_eq!(phone.until("string"), "Activation string:\n");
        phone.enter(&string);
        let ask = "New password (not shown, at least 6 characters):\n";
        let asked = "kessai1:127.0.0.1:PORT:customer:1234-567-890:\
            ################################################################:\
            ################################:########\n";
        assert_eq!(phone.until("New password"), format!("{asked}{ask}"));
        let guessed_first = "This password only counts up or down. A thief would try it first.\n";
        for (typed, answer) in [
            ("234567", format!("{guessed_first}{ask}")),
            (PASSWORD, "The same again:\n".to_owned()),
            (WRONG, format!("These were two different passwords.\n{ask}")),
            (PASSWORD, "The same again:\n".to_owned()),
        ] {
            phone.enter(typed);
            assert_eq!(phone.until(answer.lines().last().unwrap()), answer);
        }
        phone.enter(PASSWORD);
        let enrolled = "Enrolled as customer 1234-567-890. \
            The key is in phone: whoever has it can pose as this one.\n";
        assert_eq!(phone.end(), (Some(0), enrolled.to_owned()));
        for typed in ["234567", PASSWORD, WRONG] {
            phone.check_hidden(typed);
        }
        Self { till, phone }
    }

    /// Opens both.
    pub(crate) fn open(&mut self, processor: &Processor) {
        let line = "kessai-loadgen terminal --dir till --catalogue till.csv";
        self.till = processor.pane(documented(line));
        self.phone = processor.pane(documented("kessai-loadgen handset --dir phone"));
        let till = "Connecting to 127.0.0.1:PORT ...\n\
            Terminal POS00001 of 渋谷店 (Kessai Mart), in JPY, is ready. \
            Scan a product, or type `help`.\n";
        assert_eq!(self.till.until("ready"), till);
        let phone = "Connecting to 127.0.0.1:PORT ...\n\
            The handset of customer 1234-567-890 is ready. \
            Type `help` to see what it can do.\n";
        assert_eq!(self.phone.until("ready"), phone);
    }

    /// Sells three rice balls and a beer.
    pub(crate) fn sells(&mut self) {
        let (till, phone) = (&mut self.till, &mut self.phone);
        till.enter("9521000000378");
        let misread = "9521000000378\n\
            9521000000378 is misread: its last digit should be 7. Scan it again.\n";
        assert_eq!(till.until("misread"), misread);
        till.enter("9521000000742");
        let unknown = "9521000000742\n9521000000742 is not in the catalogue.\n";
        assert_eq!(till.until("not in"), unknown);
        till.enter("9521000000377 3");
        let scanned = "9521000000377 3\nおにぎり 鮭: 3 x 138 JPY. To pay: 447 JPY.\n";
        assert_eq!(till.until("To pay"), scanned);
        till.enter("9521000083257");
        let scanned = BEER_SCANNED.replace("pay: 250", "pay: 697");
        assert_eq!(till.until("To pay"), scanned);
        till.enter("pay");
        let list = "\
1. おにぎり 鮭
   3 x 138 JPY                   414 JPY
2. ビール 350ml
   1 x 228 JPY                   228 JPY
Tax 8 % on 414 JPY                33 JPY
Tax 10 % on 228 JPY               22 JPY
TOTAL                            697 JPY
";
        let which = "Code from the handset, or customer id (Enter alone goes back):\n";
        assert_eq!(till.until("Code from"), format!("pay\n{list}{which}"));
        till.enter("1234-567-890");
        let asked = BEER_ASKED.replace("pay 1234", "1234").replace("250 JPY", "697 JPY");
        assert_eq!(till.until("Waiting"), asked);

        let items = list.split_once("TOTAL").unwrap().0;
        let shown = "\
----------------------------------------
PAY 697 JPY?
渋谷店 (Kessai Mart), terminal POS00001
####-##-## ##:##:## +09:00
{items}## s left, 3 tries.
Type `pay` to enter the password, `cancel` to refuse.
";
        assert_eq!(phone.until("Type `pay`"), shown.replace("{items}", items));
        pay(phone, PASSWORD);
        assert_eq!(phone.until("PAID"), paid("697 JPY"));
        let receipt = "\
\x20             Kessai Mart
                 渋谷店
                 領収書
####年##月##日 ##:##:## +09:00
端末番号                        POS00001
----------------------------------------
おにぎり 鮭※
  ¥138 x 3                          ¥414
ビール 350ml
  ¥228 x 1                          ¥228
----------------------------------------
小計                                ¥642
外税8%                               ¥33
外税10%                              ¥22
合計                                ¥697
8%対象※                            ¥447
  うち消費税                         ¥33
10%対象                             ¥250
  うち消費税                         ¥22
※は軽減税率対象商品です
----------------------------------------
承認番号                          ######
照会番号                    ############
取引番号
    ########-####-####-####-############
Hand the goods over.
";
        assert_eq!(till.until("Hand"), receipt);
    }

    /// Wants to sell a beer that the customer does not want.
    pub(crate) fn is_cancelled(&mut self) {
        self.till.enter("9521000083257");
        assert_eq!(self.till.until("To pay"), BEER_SCANNED);
        self.asks_for_a_beer();
        self.phone.enter("cancel");
        let told = "cancel\nNot paid: 250 JPY at 渋谷店. You cancelled the payment.\n";
        assert_eq!(self.phone.until("Not paid"), told);
        let told = "NOT PAID. The customer cancelled. The list is kept.\n";
        assert_eq!(self.till.until("NOT PAID"), told);
    }

    /// Sells the beer after all, at the second try; gives the payment's id.
    pub(crate) fn has_a_wrong_password_forgiven(&mut self) -> String {
        let payment = self.asks_for_a_beer();
        pay(&mut self.phone, WRONG);
        assert_eq!(self.phone.until("Type `pay`"), wrong("2 tries"));
        pay(&mut self.phone, PASSWORD);
        assert_eq!(self.phone.until("PAID"), paid("250 JPY"));
        assert_eq!(self.till.until("Hand"), BEER_RECEIPT);
        payment
    }

    /// Does not sell another one to somebody who cannot know the password.
    pub(crate) fn has_three_wrong_passwords_declined(&mut self) {
        self.till.enter("9521000083257");
        assert_eq!(self.till.until("To pay"), BEER_SCANNED);
        self.asks_for_a_beer();
        for left in ["2 tries", "1 try"] {
            pay(&mut self.phone, WRONG);
            assert_eq!(self.phone.until("Type `pay`"), wrong(left));
        }
        pay(&mut self.phone, WRONG);
        let told = "One moment ...\n\
            Not paid: 250 JPY at 渋谷店. Wrong password. The payment is declined.\n";
        assert_eq!(self.phone.until("Not paid"), told);
        assert_eq!(self.till.until("NOT PAID"), NOT_APPROVED);
    }

    /// Sells that one to somebody who shows a code instead of telling who they are.
    pub(crate) fn is_paid_by_code(&mut self) {
        self.phone.enter("code");
        let shown = self.phone.unmasked_until("Good for");
        let (picture, words) = shown.split_once("Code ").unwrap();
        let code = words.lines().next().unwrap();
        let picture = picture.strip_prefix("code\n").unwrap();
        assert_eq!(scan(picture), code.replace(' ', ""));
        let told = "### ### ####\n\
            Good for ## s, for one payment. Show it to the shop, or read it out.\n";
        assert_eq!(mask(words), told);

        self.till.enter(&format!("pay {code}"));
        let asked = BEER_ASKED.replace("1234-567-890", "### ### ####");
        assert_eq!(self.till.until("Waiting"), asked);
        // Five wrong passwords in a row block a customer, and three were wrong.
        let shown = BEER_SHOWN.replace("3 tries", "2 tries");
        assert_eq!(self.phone.until("Type `pay`"), shown);
        pay(&mut self.phone, PASSWORD);
        assert_eq!(self.phone.until("PAID"), paid("250 JPY"));
        assert_eq!(self.till.until("Hand"), BEER_RECEIPT);
    }

    /// Pays a part of an earlier beer back.
    pub(crate) fn pays_back(&mut self, payment: &str) {
        let command = format!("refund {payment} 100");
        self.till.enter(&command);
        let said = self.till.until("PAID BACK");
        assert_eq!(said, format!("{}\n{BEER_PAID_BACK}", mask(&command)));
        let told = "PAID BACK IN PART: 100 JPY of 250 JPY at 渋谷店. \
            Approval number ######, reference ############.\n";
        assert_eq!(self.phone.until("PAID BACK"), told);
    }

    /// Takes the last beer back.
    pub(crate) fn takes_back(&mut self) {
        self.till.enter("reverse");
        assert_eq!(self.till.until("TAKEN BACK"), BEER_TAKEN_BACK);
        let told = "TAKEN BACK: 250 JPY at 渋谷店. \
            The shop took the payment back. Your money is back.\n";
        assert_eq!(self.phone.until("TAKEN BACK"), told);
    }

    /// Looks at what was bought, on the handset.
    pub(crate) fn lists(&mut self) {
        self.phone.enter("recent");
        let listed = "\
recent
####-##-## ##:##:## +09:00  TAKEN BACK: 250 JPY at 渋谷店. The shop took the payment back. Your money is back.
####-##-## ##:##:## +09:00  PAID BACK IN PART: 100 JPY of 250 JPY at 渋谷店. Approval number ######, reference ############.
####-##-## ##:##:## +09:00  Not paid: 250 JPY at 渋谷店. Wrong password. The payment is declined.
####-##-## ##:##:## +09:00  Not paid: 250 JPY at 渋谷店. You cancelled the payment.
####-##-## ##:##:## +09:00  PAID: 697 JPY at 渋谷店. Approval number ######, reference ############.
";
        assert_eq!(self.phone.until("697 JPY"), listed);
    }

    /// Has the handset revoked: it is told so at once, and nothing can be bought by it any more.
    pub(crate) fn loses_its_handset(mut self, processor: &Processor) {
        let customer = processor.json("kessai customer show 1234-567-890");
        let device = customer["devices"][0].as_str().unwrap();
        let line = format!("kessai customer revoke 1234-567-890 {device}");
        assert_eq!(processor.said(&line), "");
        let unknown = "kessai-loadgen: the gateway does not know this key: \
            it was never enrolled, or was revoked\n";
        assert_eq!(self.phone.end(), (Some(3), unknown.to_owned()));

        self.till.enter("9521000083257");
        assert_eq!(self.till.until("To pay"), BEER_SCANNED);
        self.till.enter("pay 1234-567-890");
        let asked = BEER_ASKED.split_once("Waiting").unwrap().0;
        assert_eq!(self.till.until("NOT PAID"), format!("{asked}{NOT_APPROVED}"));
        self.till.enter("quit");
        assert_eq!(self.till.end(), (Some(0), "quit\nGoodbye.\n".to_owned()));

        let mut again = processor.pane("kessai-loadgen handset --dir phone");
        let told = format!("Connecting to 127.0.0.1:PORT ...\n{unknown}");
        assert_eq!(again.end(), (Some(3), told));
        for secret in [PASSWORD, WRONG] {
            self.phone.check_hidden(secret);
        }
    }

    /// Asks for the price of a beer, and gives the payment's id.
    fn asks_for_a_beer(&mut self) -> String {
        self.till.enter("pay 1234-567-890");
        let asked = self.till.unmasked_until("Waiting");
        assert_eq!(mask(&asked), BEER_ASKED);
        assert_eq!(self.phone.until("Type `pay`"), BEER_SHOWN);
        let (_, payment) = asked.split_once("Payment ").unwrap();
        payment.split('.').next().unwrap().to_owned()
    }
}

/// Reads a QR code off a screen, as a camera does.
fn scan(picture: &str) -> String {
    let halves = |line: &str, dark: [char; 2]| -> Vec<bool> {
        let line = line.strip_prefix("\u{1b}[30;107m").unwrap().strip_suffix("\u{1b}[0m").unwrap();
        line.chars().map(|block| dark.contains(&block)).collect()
    };
    let rows: Vec<_> = picture
        .lines()
        .flat_map(|line| [halves(line, ['█', '▀']), halves(line, ['█', '▄'])])
        .collect();
    let (width, height, scale) = (rows[0].len(), rows.len(), 4);
    let dark = |x: usize, y: usize| rows[y / scale][x / scale];
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(width * scale, height * scale, |x, y| {
            if dark(x, y) { 0 } else { 255 }
        });
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one QR code is seen");
    grids[0].decode().unwrap().1
}

/// Types a password once it is asked for.
fn pay(phone: &mut Pane, password: &str) {
    phone.enter("pay");
    let asked = "pay\nPassword (not shown; Enter alone goes back):\n";
    assert_eq!(phone.until("Password"), asked);
    phone.enter(password);
}

fn paid(price: &str) -> String {
    let numbers = "Approval number ######, reference ############.";
    format!("One moment ...\nPAID: {price} at 渋谷店. {numbers}\n")
}

fn wrong(left: &str) -> String {
    format!(
        "One moment ...\n\
        Wrong password. ## s left, {left}.\n\
        Type `pay` to enter the password, `cancel` to refuse.\n"
    )
}
