//! What a handset shows its customer, and what the customer types. Asks nobody: what needs the
//! gateway is handed on.

use std::io::Write;

use kessai_client::wire::Notice;
use kessai_client::{Event, Question};
use kessai_engine::terms::PaymentId;
use time::UtcOffset;

use super::history::History;
use super::texts;
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
    /// The customer leaves.
    Quit,
}

/// A handset in its customer's hand.
pub(super) struct Pocket<W> {
    pub(super) voice: Voice<W>,
    history: History,
    /// For the list of payments.
    offset: UtcOffset,
    /// It has been told that the connection is lost.
    lost: bool,
    /// What is waiting for an answer, the oldest first.
    open: Vec<Question>,
}

impl<W: Write> Pocket<W> {
    pub(super) const fn new(voice: Voice<W>, history: History, offset: UtcOffset) -> Self {
        Self { voice, history, offset, lost: false, open: Vec::new() }
    }

    /// Takes what happened to the handset.
    ///
    /// # Errors
    /// [`std::io::Error`] if a notice cannot be kept.
    pub(super) fn happened(&mut self, event: Event) -> std::io::Result<()> {
        match event {
            Event::Connected => {
                if std::mem::take(&mut self.lost) {
                    self.voice.say(texts::CONNECTED_AGAIN);
                }
            }
            Event::Disconnected(why) => {
                self.lost = true;
                self.voice.say(texts::handset_lost(&why));
            }
            Event::Untrusted(_) => self.voice.say(texts::UNTRUSTED),
            Event::Told(notice) => return self.told(&notice),
            Event::Asked(question) => {
                self.voice.say(texts::question(&question));
                self.open.push(*question);
            }
        }
        Ok(())
    }

    /// Shows how a payment ended, once.
    ///
    /// # Errors
    /// [`std::io::Error`] if it cannot be kept.
    pub(super) fn told(&mut self, notice: &Notice) -> std::io::Result<()> {
        self.open.retain(|question| question.payment() != notice.payment);
        if self.history.add(notice)? {
            self.voice.say(texts::notice(notice));
        }
        Ok(())
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
            ("help" | "?", _) => self.voice.say(texts::HANDSET_HELP),
            ("list" | "l", _) => self.voice.say(texts::recent(self.history.notices(), self.offset)),
            ("" | "pay" | "p", Some(question)) => return Next::Pay(Box::new(question.clone())),
            ("cancel" | "c", Some(question)) => return Next::Refuse(question.payment()),
            ("show" | "s", Some(question)) => self.voice.say(texts::question(question)),
            ("", None) => {}
            ("pay" | "p" | "cancel" | "c" | "show" | "s", None) => {
                self.voice.say(texts::NOTHING_ASKED);
            }
            // It may be a password typed too early: it is not repeated.
            (_, _) => self.voice.say(texts::HANDSET_NOT_UNDERSTOOD),
        }
        Next::Stay
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kessai_client::ConnectError;
    use kessai_client::terms::collation::ContentDigest;
    use kessai_client::wire::{CaptureTerms, CloseCode, Confirmation};
    use kessai_engine::terms::{Currency, Reason};
    use tokio::time::{Duration, Instant};

    use super::*;
    use crate::hand::cart::tests::cart;
    use crate::hand::history::tests::declined;
    use crate::till::Prices;

    fn pocket(folder: &tempfile::TempDir) -> Pocket<Vec<u8>> {
        let history = History::open(folder.path()).unwrap();
        Pocket::new(Voice::new(Vec::new()), history, UtcOffset::from_hms(9, 0, 0).unwrap())
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
        let folder = tempfile::tempdir().unwrap();
        let mut pocket = pocket(&folder);
        assert_eq!(said(&mut pocket, "pay").trim_end(), texts::NOTHING_ASKED);
        pocket.happened(Event::Asked(Box::new(question()))).unwrap();
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
        let folder = tempfile::tempdir().unwrap();
        let mut pocket = pocket(&folder);
        pocket.happened(Event::Connected).unwrap();
        assert_eq!(pocket.voice.taken(), "");
        let why = ConnectError::Closed(CloseCode::ShuttingDown);
        pocket.happened(Event::Disconnected(why)).unwrap();
        pocket.happened(Event::Connected).unwrap();
        pocket.happened(Event::Connected).unwrap();
        let told = "The connection is lost: the gateway is restarting. Trying again ...\n\
            Connected again.\n";
        assert_eq!(pocket.voice.taken(), told);
    }

    #[test]
    fn an_end_is_told_once_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let mut pocket = pocket(&folder);
        assert_eq!(said(&mut pocket, "list"), "No payments yet.\n");
        pocket.happened(Event::Asked(Box::new(question()))).unwrap();
        pocket.voice.taken();
        let notice = declined(1, Reason::TriesExceeded);
        pocket.told(&notice).unwrap();
        let told = pocket.voice.taken();
        assert_eq!(told, "Not paid: 346 JPY at 渋谷店. Wrong password. The payment is declined.\n");
        pocket.happened(Event::Told(Box::new(notice))).unwrap();
        assert_eq!(pocket.voice.taken(), "", "it has been told");
        assert!(matches!(pocket.hear("pay"), Next::Stay), "the question is closed");
        pocket.voice.taken();
        let listed = said(&mut pocket, "list");
        assert_eq!(listed, "2026-11-22 22:12:08 +09:00    346 JPY  declined   渋谷店\n");
        assert!(matches!(pocket.hear("quit"), Next::Quit));
    }
}
