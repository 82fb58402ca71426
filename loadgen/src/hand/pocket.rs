//! What a handset shows its customer, and what the customer types. Asks nobody: what needs the
//! gateway is handed on.

use std::io::Write;

use kessai_client::wire::Notice;
use kessai_client::{Event, Question};
use kessai_engine::terms::PaymentId;

use super::texts::CONNECTED_AGAIN;
use super::texts::phone as texts;
use super::voice::Voice;

/// What is to be done about a line.
#[derive(Debug, Clone)]
pub(super) enum Next {
    /// Nothing more.
    Stay,
    /// The customer wants to pay, and will type the password.
    Pay(Box<Question>),
    /// The customer does not want to pay.
    Refuse(PaymentId),
    /// The customer wants a code to pay with.
    Code,
    /// The customer wants to see the last payments.
    Recent,
    /// The customer leaves.
    Quit,
}

/// A handset in its customer's hand.
pub(super) struct Pocket<W> {
    pub(super) voice: Voice<W>,
    /// It has been told that the connection is lost.
    lost: bool,
    /// What is waiting for an answer, the oldest first.
    open: Vec<Question>,
}

impl<W: Write> Pocket<W> {
    pub(super) const fn new(voice: Voice<W>) -> Self {
        Self { voice, lost: false, open: Vec::new() }
    }

    /// Takes what happened to the handset.
    pub(super) fn happened(&mut self, event: Event) {
        match event {
            Event::Connected => {
                if std::mem::take(&mut self.lost) {
                    self.voice.say(CONNECTED_AGAIN);
                }
            }
            Event::Disconnected(why) => {
                self.lost = true;
                self.voice.say(texts::lost(&why));
            }
            Event::Untrusted(_) => self.voice.say(texts::UNTRUSTED),
            Event::Told(notice) => self.told(&notice),
            Event::Asked(question) => {
                self.voice.say(texts::question(&question));
                self.open.push(*question);
            }
        }
    }

    fn told(&mut self, notice: &Notice) {
        self.close(notice.payment);
        self.voice.say(texts::notice(notice));
    }

    /// Takes note of a wrong password.
    pub(super) fn wrong(&mut self, payment: PaymentId, tries_left: u32) {
        if let Some(open) = self.open.iter_mut().find(|open| open.payment() == payment) {
            open.tries_left = tries_left;
            self.voice.say(texts::wrong_password(open));
        }
    }

    /// Forgets a question that is not open any more.
    pub(super) fn close(&mut self, payment: PaymentId) {
        self.open.retain(|question| question.payment() != payment);
    }

    /// Takes a line that the customer has typed. A password is never typed here.
    pub(super) fn hear(&mut self, line: &str) -> Next {
        let open = self.open.first();
        match (line.trim().to_ascii_lowercase().as_str(), open) {
            ("quit" | "exit" | "q", _) => return Next::Quit,
            ("help" | "?", _) => self.voice.say(texts::HELP),
            ("code", _) => return Next::Code,
            ("recent" | "r", _) => return Next::Recent,
            ("" | "pay" | "p", Some(question)) => return Next::Pay(Box::new(question.clone())),
            ("cancel" | "c", Some(question)) => return Next::Refuse(question.payment()),
            ("show" | "s", Some(question)) => self.voice.say(texts::question(question)),
            ("", None) => {}
            ("pay" | "p" | "cancel" | "c" | "show" | "s", None) => {
                self.voice.say(texts::NOTHING_ASKED);
            }
            // It may be a password typed too early: it is not repeated.
            (_, _) => self.voice.say(texts::NOT_UNDERSTOOD),
        }
        Next::Stay
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kessai_client::ConnectError;
    use kessai_client::terms::collation::ContentDigest;
    use kessai_client::wire::{
        Approval, CaptureTerms, CloseCode, Confirmation, Exchange, ForeignPrice, PaymentState,
    };
    use kessai_engine::terms::{Amount, ApprovalNumber, Currency, Rate, Reason, Reference};
    use time::UtcOffset;
    use tokio::time::{Duration, Instant};

    use super::*;
    use crate::hand::cart::tests::cart;
    use crate::till::Prices;

    fn pocket() -> Pocket<Vec<u8>> {
        Pocket::new(Voice::new(Vec::new()))
    }

    fn question() -> Question {
        let mut cart = cart(Prices::BeforeTax);
        cart.scan("9521000000377", 3).unwrap();
        let confirmation = Confirmation {
            payment: PaymentId::from_parts(1, [7; 10]),
            terminal: "POS00001".parse().unwrap(),
            merchant: "M1".parse().unwrap(),
            merchant_name: "Kessai Mart".try_into().unwrap(),
            store: "S1".parse().unwrap(),
            store_name: "渋谷店".try_into().unwrap(),
            customer: "1234-567-890".parse().unwrap(),
            basket: cart.basket().unwrap(),
            currency: Currency::JPY,
            exchange: None,
            opened_at_ms: 1_795_353_128_000,
            utc_offset_minutes: 540,
            expires_at_ms: 1_795_353_188_000,
            capture: CaptureTerms::AtApproval,
        };
        Question {
            digest: ContentDigest([0; 32]),
            confirmation: Arc::new(confirmation),
            tries_left: 3,
            answer_by: Instant::now() + Duration::from_secs(3_600),
            given_at: Instant::now(),
        }
    }

    fn said(pocket: &mut Pocket<Vec<u8>>, line: &str) -> String {
        assert!(matches!(pocket.hear(line), Next::Stay), "{line}");
        pocket.voice.taken()
    }

    #[tokio::test(start_paused = true)]
    async fn a_purchase_is_shown_with_its_total_first_and_can_be_answered() {
        let mut pocket = pocket();
        assert_eq!(said(&mut pocket, "pay").trim_end(), texts::NOTHING_ASKED);
        pocket.happened(Event::Asked(Box::new(question())));
        let golden = "\
----------------------------------------
PAY 346 JPY?
渋谷店 (Kessai Mart), terminal POS00001
2026-11-22 22:12:08 +09:00
1. おにぎり 鮭
   3 x 105 JPY                   315 JPY
Tax 10 % on 315 JPY               31 JPY
3600 s left, 3 tries.
Type `pay` to enter the password, `cancel` to refuse.
";
        assert_eq!(pocket.voice.taken(), golden);
        assert_eq!(said(&mut pocket, "show"), golden);
        assert!(matches!(pocket.hear(""), Next::Pay(_)));
        let payment = question().payment();
        assert!(matches!(pocket.hear(" Cancel "), Next::Refuse(found) if found == payment));
        pocket.wrong(payment, 1);
        let wrong = "Wrong password. 3600 s left, 1 try.\n\
            Type `pay` to enter the password, `cancel` to refuse.\n";
        assert_eq!(pocket.voice.taken(), wrong);
        let typed_too_early = said(&mut pocket, "a secret");
        assert!(!typed_too_early.contains("secret"), "{typed_too_early}");
    }

    #[test]
    fn a_connection_is_told_of_only_after_one_was_lost() {
        let mut pocket = pocket();
        pocket.happened(Event::Connected);
        assert_eq!(pocket.voice.taken(), "");
        let why = ConnectError::Closed(CloseCode::ShuttingDown);
        pocket.happened(Event::Disconnected(why));
        pocket.happened(Event::Connected);
        pocket.happened(Event::Connected);
        let told = "The connection is lost: the gateway is restarting. Trying again ...\n\
            Connected again.\n";
        assert_eq!(pocket.voice.taken(), told);
    }

    fn told(notice: Notice) -> String {
        let mut pocket = pocket();
        pocket.happened(Event::Told(Box::new(notice)));
        pocket.voice.taken().trim_end().to_owned()
    }

    #[test]
    fn an_end_closes_the_question() {
        let mut pocket = pocket();
        pocket.happened(Event::Asked(Box::new(question())));
        pocket.voice.taken();
        pocket.happened(Event::Told(Box::new(notice(PaymentState::Declined, 0, 0))));
        pocket.voice.taken();
        assert!(matches!(pocket.hear("pay"), Next::Stay), "the question is closed");
        assert_eq!(pocket.voice.taken().trim_end(), texts::NOTHING_ASKED);
        assert!(matches!(pocket.hear("code"), Next::Code));
        assert!(matches!(pocket.hear(" Recent "), Next::Recent));
        assert!(matches!(pocket.hear("quit"), Next::Quit));
    }

    /// A payment of 346 yen that went so far.
    fn notice(state: PaymentState, captured: u64, refunded: u64) -> Notice {
        let amount = |minor| Amount::new(minor).unwrap();
        let approved = captured > 0 || state == PaymentState::Authorised;
        Notice {
            number: 1.try_into().unwrap(),
            payment: question().payment(),
            state,
            reason: if approved { Reason::Approved } else { Reason::InsufficientFunds },
            price: amount(346).of(Currency::JPY),
            store_name: "渋谷店".try_into().unwrap(),
            merchant_name: "Kessai Mart".try_into().unwrap(),
            at_ms: 1_795_353_128_000,
            approval: approved.then(|| Approval {
                number: ApprovalNumber::new(17).unwrap(),
                reference: Reference::new(4_711).unwrap(),
            }),
            captured: amount(captured),
            refunded: amount(refunded),
            foreign: None,
        }
    }

    #[test]
    fn every_end_has_words_of_its_own() {
        let numbers = " Approval number 000017, reference 000000004711.";
        for (state, captured, refunded, words) in [
            (PaymentState::Captured, 346, 0, "PAID: 346 JPY at 渋谷店."),
            (
                PaymentState::Captured,
                115,
                0,
                "PAID IN PART: 115 JPY of 346 JPY at 渋谷店. \
                 The rest was not handed out and is yours again.",
            ),
            (
                PaymentState::Authorised,
                0,
                0,
                "Approved: 346 JPY at 渋谷店, to be paid on delivery.",
            ),
            (
                PaymentState::PartlyRefunded,
                346,
                100,
                "PAID BACK IN PART: 100 JPY of 346 JPY at 渋谷店.",
            ),
            (PaymentState::Refunded, 346, 346, "PAID BACK: 346 JPY at 渋谷店, all that you paid."),
        ] {
            assert_eq!(told(notice(state, captured, refunded)), format!("{words}{numbers}"));
        }
    }

    #[test]
    fn every_reason_is_told_in_its_own_words() {
        let check = |state, reason: Reason, begin: &str| {
            let found = told(Notice { reason, ..notice(state, 0, 0) });
            assert_eq!(found, format!("{begin}: 346 JPY at 渋谷店. {}", reason.customer_text()));
        };
        for reason in Reason::ALL.iter().copied() {
            match reason {
                Reason::Approved => {}
                Reason::NotDispensed | Reason::ReversedOnRequest => {
                    check(PaymentState::Reversed, reason, "TAKEN BACK");
                }
                reason => check(PaymentState::Declined, reason, "Not paid"),
            }
        }
    }

    #[test]
    fn a_foreign_price_is_told_with_rate_and_mark_up() {
        let usd = Currency::from_code("USD").unwrap();
        let price = Amount::new(12_715).unwrap().of(usd);
        for (rate, markup_bp, words) in [
            ("157.2500", 0, "at 157.2500 JPY for 1 USD, no mark-up."),
            ("160.395", 200, "at 160.395 JPY for 1 USD, a mark-up of 2 % in it."),
            ("158.8225", 150, "at 158.8225 JPY for 1 USD, a mark-up of 1.5 % in it."),
            ("157.3286", 5, "at 157.3286 JPY for 1 USD, a mark-up of 0.05 % in it."),
        ] {
            let rate: Rate = rate.parse().unwrap();
            let foreign = Some(ForeignPrice { price, rate, markup_bp });
            let told = told(Notice { foreign, ..notice(PaymentState::Captured, 346, 0) });
            let words = format!("The price is 127.15 USD, {words}");
            assert!(
                told.starts_with("PAID: 346 JPY at 渋谷店.") && told.ends_with(&words),
                "{told}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_foreign_price_and_a_machine_are_asked_about_with_all_that_matters() {
        let mut asked = question();
        let confirmation = Arc::make_mut(&mut asked.confirmation);
        confirmation.currency = Currency::from_code("USD").unwrap();
        confirmation.exchange = Some(Exchange {
            total: Amount::new(544).unwrap().of(Currency::JPY),
            rate: "157.2500".parse().unwrap(),
            markup_bp: 150,
        });
        confirmation.capture = CaptureTerms::OnDelivery { within_ms: 30_000 };
        let mut pocket = pocket();
        pocket.happened(Event::Asked(Box::new(asked)));
        let golden = "\
----------------------------------------
PAY 544 JPY?
The price is 3.46 USD, at 157.2500 JPY for 1 USD, a mark-up of 1.5 % in it.
渋谷店 (Kessai Mart), terminal POS00001
2026-11-22 22:12:08 +09:00
1. おにぎり 鮭
   3 x 1.05 USD                 3.15 USD
Tax 10 % on 3.15 USD            0.31 USD
You pay what the machine hands out within 30 s, and nothing else.
3600 s left, 3 tries.
Type `pay` to enter the password, `cancel` to refuse.
";
        assert_eq!(pocket.voice.taken(), golden);
    }

    #[test]
    fn payments_are_listed_with_their_ends() {
        let tokyo = UtcOffset::from_hms(9, 0, 0).unwrap();
        assert_eq!(texts::recent(&[], tokyo), "No payments yet.");
        let listed =
            [notice(PaymentState::Refunded, 346, 346), notice(PaymentState::Declined, 0, 0)];
        let golden = "\
2026-11-22 22:12:08 +09:00  PAID BACK: 346 JPY at 渋谷店, all that you paid. \
Approval number 000017, reference 000000004711.
2026-11-22 22:12:08 +09:00  Not paid: 346 JPY at 渋谷店. Your balance is not sufficient.";
        assert_eq!(texts::recent(&listed, tokyo), golden);
    }
}
