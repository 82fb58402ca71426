//! The till and the vending machine: scan, ask for the payment, wait, hand out, print the receipt.

mod dispensing;
mod paying;
mod undoing;
mod unfinished;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kessai_client::receipt::Columns;
use kessai_client::terms::collation::PeerName;
use kessai_client::wire::{Subject, TerminalFacts};
use kessai_client::{Options, PeerFile, QuicOptions, Terminal};
use kessai_engine::terms::{Currency, PaymentId};
use tokio::sync::mpsc;

use super::cart::Cart;
use super::counter::{Counter, Next};
use super::errand::Errands;
use super::keyboard::{Keyboard, Typed};
use super::sales::Sales;
use super::slips::{Slip, SlipError, Slips};
use super::texts::till as texts;
use super::texts::{GOODBYE, connecting, news};
use super::voice::Voice;
use super::watched::{News, Watched};
use super::{HandError, Left, close, options, socket};
use crate::catalogue::Catalogue;
use crate::till::Prices;

/// What a till is set to. All else the register knows.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// The text of a catalogue file, if it is not the built-in one.
    pub(super) catalogue: Option<String>,
    pub(super) prices: Prices,
    pub(super) columns: Columns,
    /// Where receipts are written to.
    pub(super) receipts: Option<PathBuf>,
}

/// Talks with the clerk, or whoever plays the machine, until one of them leaves.
pub(super) async fn converse<W: Write>(
    folder: &Path,
    setting: Setting,
    mut voice: Voice<W>,
    keyboard: Keyboard,
) -> Result<Left, HandError> {
    let file = PeerFile::open(folder)?;
    let PeerName::Terminal(id) = file.peer() else {
        return Err(HandError::AnotherPeer(Subject::Peer(file.peer())));
    };
    let sales = Sales::open(folder)?;
    let socket = socket()?;
    voice.say(connecting(file.gateway()));
    let connector = file.connector(socket.clone(), &QuicOptions::default()).await?;
    let (connector, news) = Watched::new(connector);
    let options = Options { receipt: file.receipt()?, ..options() };
    let terminal = Terminal::connect(Arc::new(connector), id, options).await?;
    let facts = terminal.facts().await.map_err(HandError::Facts)?;
    let catalogue = catalogue(setting.catalogue.as_deref(), facts.currency)?;
    voice.say(texts::ready(id, &facts));
    let cart = Cart::new(catalogue, setting.prices, facts.currency, facts.rounding);
    let slips = Slips::new(id, &facts, setting.columns, setting.receipts);
    let mut desk = Desk {
        file,
        terminal,
        facts,
        counter: Counter::new(cart, voice),
        keyboard,
        news,
        errands: Errands::of(folder),
        sales,
        slips,
        last: None,
    };
    let left = desk.serve().await;
    drop(desk);
    close(&socket).await;
    Ok(left?)
}

fn catalogue(file: Option<&str>, currency: Currency) -> Result<Catalogue, HandError> {
    match file {
        Some(text) => Ok(Catalogue::read(text, currency)?),
        None if currency == Currency::JPY => Ok(Catalogue::builtin()?),
        None => Err(HandError::NoCatalogue(currency)),
    }
}

struct Desk<W> {
    file: PeerFile,
    terminal: Terminal,
    facts: TerminalFacts,
    counter: Counter<W>,
    keyboard: Keyboard,
    news: mpsc::UnboundedReceiver<News>,
    errands: Errands,
    sales: Sales,
    slips: Slips,
    /// The payment that was asked for last.
    last: Option<PaymentId>,
}

/// How something ended that the clerk may leave before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// Nothing of it is unfinished.
    Yes,
    /// It is kept, to be gone on with.
    NotYet,
    /// The same, and the clerk has left.
    Left(Left),
}

impl<W: Write> Desk<W> {
    async fn serve(&mut self) -> io::Result<Left> {
        if let Done::Left(left) = self.finish().await? {
            return Ok(self.leave(left));
        }
        loop {
            let typed = tokio::select! {
                typed = self.keyboard.line() => typed,
                Some(told) = self.news.recv() => {
                    self.say(news(&told));
                    continue;
                }
            };
            let next = match typed {
                Typed::Line(line) => self.counter.hear(&line),
                Typed::End => Next::Quit,
                Typed::Interrupted => return Ok(self.leave(Left::Interrupted)),
            };
            let done = match next {
                Next::Stay => Done::Yes,
                Next::Pay(payer, basket) => self.pay(payer, basket).await?,
                Next::Reverse(payment) => self.reverse(payment).await?,
                Next::Refund(payment, amount) => self.refund(payment, amount).await?,
                Next::Status(payment) => self.status(payment).await,
                Next::Totals(day) => self.totals(day).await,
                Next::Quit => Done::Left(Left::Quit),
            };
            self.keep_receipt()?;
            if let Done::Left(left) = done {
                return Ok(self.leave(left));
            }
        }
    }

    /// Keeps the highest receipt of the gateway's journal, for the next time.
    fn keep_receipt(&self) -> io::Result<()> {
        match self.terminal.highest_receipt() {
            Some(receipt) => self.file.keep_receipt(&receipt).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    fn leave(&mut self, left: Left) -> Left {
        self.say(GOODBYE);
        left
    }

    fn say(&mut self, text: impl std::fmt::Display) {
        self.counter.voice.say(text);
    }

    async fn status(&mut self, payment: Option<PaymentId>) -> Done {
        let Some(payment) = payment.or(self.last) else {
            self.say(texts::NO_LAST_PAYMENT);
            return Done::Yes;
        };
        match self.terminal.status(payment).await {
            Ok(payment) => self.say(texts::standing(&payment)),
            Err(why) => self.say(texts::not_answered(&why)),
        }
        Done::Yes
    }

    async fn totals(&mut self, day: Option<u32>) -> Done {
        match self.terminal.totals(day).await {
            Ok(totals) => self.say(texts::totals(&totals)),
            Err(why) => self.say(texts::not_answered(&why)),
        }
        Done::Yes
    }

    /// Shows a slip, or why there is none.
    fn hand_out(&mut self, slip: Result<Slip, SlipError>) {
        match slip {
            Ok(Slip { text, files }) => {
                self.say(text);
                if let Some(files) = files {
                    self.say(texts::written(&files));
                }
            }
            Err(why) => self.say(texts::no_slip(&why)),
        }
    }
}
