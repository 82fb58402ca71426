//! The till: scans, asks for the payment, waits, prints the receipt.

use std::future::pending;
use std::io::{self, Write};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use kessai_client::terms::collation::PeerName;
use kessai_client::wire::{Capture, Payer, Payment, PaymentState, Purchase, Subject};
use kessai_client::{CallError, PeerFile, QuicOptions, Terminal};
use kessai_engine::terms::{Basket, CustomerId, PaymentId};
use time::UtcOffset;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep};

use super::counter::{Counter, Next};
use super::keyboard::{Keyboard, Typed};
use super::memory::Memory;
use super::receipt::Receipt;
use super::watched::{News, Watched};
use super::{HandError, Left, close, options, socket, texts};

/// How often the time left is told.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How long to wait before the gateway is asked again until when the customer can answer.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What a till is set to.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// The store's name, for receipts.
    pub(super) store: Option<String>,
    pub(super) offset: UtcOffset,
}

/// Talks with the clerk until one of them leaves.
pub(super) async fn converse<W: Write>(
    folder: &Path,
    setting: Setting,
    mut counter: Counter<W>,
    keyboard: Keyboard,
) -> Result<Left, HandError> {
    let file = PeerFile::open(folder)?;
    let PeerName::Terminal(id) = file.peer() else {
        return Err(HandError::AnotherPeer(Subject::Peer(file.peer())));
    };
    let socket = socket()?;
    counter.voice.say(texts::connecting(file.gateway()));
    let connector = file.connector(socket.clone(), &QuicOptions::default()).await?;
    let (connector, news) = Watched::new(connector);
    let terminal = Terminal::connect(Arc::new(connector), id, options()).await?;
    counter.voice.say(texts::terminal_ready(id));
    let memory = Memory::of(folder);
    let mut desk = Desk { terminal, setting, counter, keyboard, news, memory, last: None };
    let left = desk.serve().await;
    drop(desk);
    close(&socket).await;
    Ok(left?)
}

struct Desk<W> {
    terminal: Terminal,
    setting: Setting,
    counter: Counter<W>,
    keyboard: Keyboard,
    news: mpsc::UnboundedReceiver<News>,
    memory: Memory,
    last: Option<PaymentId>,
}

impl<W: Write> Desk<W> {
    async fn serve(&mut self) -> io::Result<Left> {
        self.settle().await?;
        loop {
            let typed = tokio::select! {
                typed = self.keyboard.line() => typed,
                Some(news) = self.news.recv() => {
                    self.counter.voice.say(texts::news(&news));
                    continue;
                }
            };
            let next = match typed {
                Typed::Line(line) => self.counter.hear(&line),
                Typed::End => Next::Quit,
                Typed::Interrupted => return Ok(self.leave(Left::Interrupted)),
            };
            match next {
                Next::Stay => {}
                Next::Pay(customer, basket) => {
                    if let Some(left) = self.pay(customer, &basket).await? {
                        return Ok(self.leave(left));
                    }
                }
                Next::Status(payment) => self.status(payment).await,
                Next::Quit => return Ok(self.leave(Left::Quit)),
            }
        }
    }

    fn leave(&mut self, left: Left) -> Left {
        self.counter.voice.say(texts::GOODBYE);
        left
    }

    /// Gives up the payment whose end was never learnt; true if none is left.
    async fn settle(&mut self) -> io::Result<Settled> {
        let Some(payment) = self.memory.open()? else { return Ok(Settled::Yes) };
        self.last = Some(payment);
        self.counter.voice.say(texts::unsettled(payment));
        match self.terminal.cancel(payment).await {
            Ok(end) => {
                self.counter.voice.say(texts::standing(&end));
                self.memory.forget()?;
                Ok(Settled::Yes)
            }
            Err(why) => {
                self.counter.voice.say(texts::not_answered(&why));
                Ok(Settled::No)
            }
        }
    }

    async fn status(&mut self, payment: Option<PaymentId>) {
        let Some(payment) = payment.or(self.last) else {
            return self.counter.voice.say(texts::NO_LAST_PAYMENT);
        };
        match self.terminal.status(payment).await {
            Ok(payment) => self.counter.voice.say(texts::standing(&payment)),
            Err(why) => self.counter.voice.say(texts::not_answered(&why)),
        }
    }

    /// Asks for a payment and waits for its end; tells whether the clerk has left meanwhile.
    async fn pay(&mut self, customer: CustomerId, basket: &Basket) -> io::Result<Option<Left>> {
        if self.settle().await? == Settled::No {
            return Ok(None);
        }
        let payment = self.terminal.payment_id();
        self.memory.keep(payment)?;
        self.last = Some(payment);
        self.counter.voice.say(texts::asking(basket.total(), payment));
        let purchase = Purchase {
            payment,
            payer: Payer::Customer(customer),
            lines: basket.lines().to_vec(),
            claimed_total: basket.total(),
            currency: texts::CURRENCY,
            capture: Capture::AtApproval,
        };
        let (end, left) = self.wait(purchase).await;
        match end {
            Ok(end) => {
                self.memory.forget()?;
                self.tell(&end, basket);
            }
            Err(CallError::Refused(refusal)) => {
                self.memory.forget()?;
                self.counter.voice.say(texts::refused(refusal.reason));
            }
            Err(why) => self.counter.voice.say(texts::end_unknown(&why)),
        }
        Ok(left)
    }

    fn tell(&mut self, end: &Payment, basket: &Basket) {
        if !end.state.permits_handover() {
            return self.counter.voice.say(texts::not_paid(end));
        }
        let receipt = Receipt {
            store: self.setting.store.as_deref(),
            terminal: self.terminal.id(),
            basket,
            payment: end,
            offset: self.setting.offset,
        };
        self.counter.voice.say(receipt.print(texts::CURRENCY));
        self.counter.voice.say(texts::HAND_OVER);
        self.counter.cart.clear();
    }

    /// Waits for the end, tells the time left, and cancels if the clerk wishes or leaves.
    async fn wait(&mut self, purchase: Purchase) -> (Result<Payment, CallError>, Option<Left>) {
        let payment = purchase.payment;
        let terminal = self.terminal.clone();
        let mut end = pin!(terminal.pay(purchase));
        let mut deadline = pin!(deadline(&terminal, payment));
        let mut expires_at_ms = None;
        let mut cancelling: Option<Cancelling<'_>> = None;
        let mut left = None;
        let mut ticks = interval(TELL_EVERY);
        loop {
            tokio::select! {
                end = &mut end => return (end, left),
                found = &mut deadline, if expires_at_ms.is_none() => {
                    expires_at_ms = Some(found);
                    // From now on, and once at once.
                    ticks.reset_immediately();
                }
                _ = ticks.tick(), if expires_at_ms.is_some() && cancelling.is_none() => {
                    let until = expires_at_ms.unwrap_or_default();
                    let left_ms = until.saturating_sub(terminal.gateway_time_ms());
                    self.counter.voice.say(texts::waiting(left_ms));
                }
                typed = self.keyboard.line(), if left.is_none() => {
                    match typed {
                        Typed::Line(line) if !is_cancel(&line) => {
                            self.counter.voice.say(texts::PAYMENT_IS_OPEN);
                            continue;
                        }
                        Typed::Line(_) => {}
                        Typed::End => left = Some(Left::Quit),
                        Typed::Interrupted => left = Some(Left::Interrupted),
                    }
                    if cancelling.is_none() {
                        self.counter.voice.say(texts::CANCELLING);
                        cancelling = Some(Box::pin(terminal.cancel(payment)));
                    }
                }
                cancelled = answer(&mut cancelling) => {
                    cancelling = None;
                    // What it came to is told by the end of the payment itself.
                    if let Err(why) = cancelled {
                        self.counter.voice.say(texts::not_answered(&why));
                        if left.is_some() {
                            return (Err(why), left);
                        }
                    }
                }
                Some(news) = self.news.recv() => self.counter.voice.say(texts::news(&news)),
            }
        }
    }
}

/// Whether no payment is left whose end is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Yes,
    No,
}

type Cancelling<'a> = Pin<Box<dyn Future<Output = Result<Payment, CallError>> + 'a>>;

async fn answer(cancelling: &mut Option<Cancelling<'_>>) -> Result<Payment, CallError> {
    match cancelling {
        Some(cancelling) => cancelling.await,
        None => pending().await,
    }
}

/// Finds out until when the customer can answer; never, once the payment has ended.
async fn deadline(terminal: &Terminal, payment: PaymentId) -> u64 {
    loop {
        match terminal.status(payment).await {
            Ok(Payment { state: PaymentState::Pending, expires_at_ms: Some(at_ms), .. }) => {
                return at_ms;
            }
            // The gateway may hear of the payment only now.
            Ok(_) | Err(_) => sleep(ASK_AGAIN).await,
        }
    }
}

fn is_cancel(line: &str) -> bool {
    ["cancel", "c"].iter().any(|word| line.trim().eq_ignore_ascii_case(word))
}
