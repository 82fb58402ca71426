//! Keeps one peer's conversation with the gateway going: connects, greets, sends, matches answers,
//! and starts over when the connection is lost.
//!
//! One task does all of it. It never waits for whoever uses it: answers go into places that were
//! prepared for them, pushes to the peer's [`Role`].

mod attaching;
mod calls;
mod greeting;
mod highest;
mod order;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kessai_terms::JournalReceipt;
use kessai_terms::collation::ChannelBinding;
use kessai_wire::{
    Answer, CloseCode, Hello, Identity, Message, MessageError, Payment, Push, Request, RequestId,
    VERSIONS, Welcome, v1,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::backoff::Pauses;
use crate::clock::GatewayClock;
use crate::connector::Connector;
use crate::error::{CallError, ConnectError};
use crate::line::attaching::{Attaching, attached, overdue};
use crate::line::calls::Calls;
use crate::line::highest::Highest;
use crate::line::order::Order;
use crate::options::Options;
use crate::randomness::Randomness;

pub(crate) use greeting::{Greeted, greet};
pub(crate) use order::{Late, Repeat};

/// Counts the connections of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

/// Says that a role cannot take more, so that the connection must be given up.
#[derive(Debug)]
pub(crate) struct Overflow;

/// Is what differs between a terminal, a handset, and whoever carries many of them.
pub(crate) trait Role: Send + 'static {
    /// Tells who speaks.
    fn identity(&self) -> Identity;
    /// Takes note of a new connection, and tells what to ask first on it, to attach; or why it is of
    /// no use. Nothing else is asked before that is through.
    fn connected(
        &mut self,
        generation: Generation,
        channel: ChannelBinding,
        welcome: &Welcome,
    ) -> Result<Option<Request>, ConnectError>;
    /// Takes what the gateway tells unasked.
    fn pushed(&mut self, push: Push) -> Result<(), Overflow>;
    /// Takes note of a push that cannot be read.
    fn garbled(&mut self, error: MessageError) -> Result<(), Overflow>;
    /// Takes note that the connection is lost.
    fn lost(&mut self, why: &ConnectError);
}

/// Is the side of a peer that is told nothing unasked.
pub(crate) struct Quiet(pub(crate) Identity);

impl Role for Quiet {
    fn identity(&self) -> Identity {
        self.0
    }

    fn connected(
        &mut self,
        _generation: Generation,
        _channel: ChannelBinding,
        _welcome: &Welcome,
    ) -> Result<Option<Request>, ConnectError> {
        Ok(None)
    }

    fn pushed(&mut self, _push: Push) -> Result<(), Overflow> {
        Ok(())
    }

    fn garbled(&mut self, _error: MessageError) -> Result<(), Overflow> {
        Ok(())
    }

    fn lost(&mut self, _why: &ConnectError) {}
}

/// How many orders may lie between callers and line. More wait at the caller's.
const ORDERS: usize = 32;

/// Is the caller's end of a line. The line ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    orders: mpsc::Sender<Box<Order>>,
    shared: Arc<Shared>,
}

/// Is what both ends of a line know.
#[derive(Debug, Default)]
struct Shared {
    clock: GatewayClock,
    receipt: Highest,
    randomness: Randomness,
    why: Mutex<Option<ConnectError>>,
}

impl Shared {
    fn note(&self, why: &ConnectError) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
    }

    fn why(&self) -> Option<ConnectError> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Caller {
    /// Starts a line and waits until its first connection stands.
    pub(crate) async fn connect(
        connector: Arc<dyn Connector>,
        role: impl Role,
        options: &Options,
    ) -> Result<Self, ConnectError> {
        let (orders, taken) = mpsc::channel(ORDERS);
        let (ready, stands) = oneshot::channel();
        let shared = Arc::new(Shared {
            receipt: Highest::from_kept(options.receipt),
            randomness: options.randomness.clone(),
            ..Shared::default()
        });
        let hello = Hello {
            from: Some(role.identity()),
            versions: VERSIONS.to_vec(),
            software: options.software.clone(),
            receipt: None,
        };
        let line = Line {
            connector,
            hello,
            role,
            greet_within: options.greet_within,
            attach_within: options.call_within,
            sendings: options.sendings,
            orders: taken,
            calls: Calls::default(),
            pauses: Pauses::new(options.backoff, options.randomness.clone()),
            generation: Generation(0),
            ready: Some(ready),
            shared: Arc::clone(&shared),
        };
        tokio::spawn(line.run());
        match timeout(options.connect_within, stands).await {
            Ok(Ok(())) => Ok(Self { orders, shared }),
            Ok(Err(_)) | Err(_) => Err(shared.why().unwrap_or(ConnectError::TimedOut)),
        }
    }

    pub(crate) fn clock(&self) -> &GatewayClock {
        &self.shared.clock
    }

    pub(crate) fn highest_receipt(&self) -> Option<JournalReceipt> {
        self.shared.receipt.told()
    }

    pub(crate) fn randomness(&self) -> &Randomness {
        &self.shared.randomness
    }

    /// Asks, and waits for the answer until `deadline`.
    pub(crate) async fn ask(
        &self,
        body: Request,
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<Answer, CallError> {
        self.ask_until(body, repeat, deadline, None).await
    }

    /// Asks, as [`ask`](Self::ask) does; but an answer that comes when nobody waits for it any
    /// more, because the deadline is over or the call was dropped, goes to `late`.
    pub(crate) async fn ask_or_hear_late(
        &self,
        body: Request,
        repeat: Repeat,
        deadline: Instant,
        late: Late,
    ) -> Result<Answer, CallError> {
        self.ask_until(body, repeat, deadline, Some(late)).await
    }

    async fn ask_until(
        &self,
        body: Request,
        repeat: Repeat,
        deadline: Instant,
        late: Option<Late>,
    ) -> Result<Answer, CallError> {
        let exchange = self.exchange(body, repeat, late);
        timeout_at(deadline, exchange).await.unwrap_or(Err(CallError::Deadline))
    }

    async fn exchange(
        &self,
        body: Request,
        repeat: Repeat,
        late: Option<Late>,
    ) -> Result<Answer, CallError> {
        let (order, mut awaited) = Order::new(body, repeat, late);
        self.orders.send(Box::new(order)).await.map_err(|_| self.ended())?;
        match awaited.answer().await.ok_or_else(|| self.ended())?? {
            Answer::Refusal(refusal) => Err(CallError::Refused(Box::new(refusal))),
            answer => Ok(answer),
        }
    }

    fn ended(&self) -> CallError {
        let why = self.shared.why();
        CallError::Ended(why.unwrap_or_else(|| ConnectError::Unreachable("it was closed".into())))
    }
}

struct Line<R> {
    connector: Arc<dyn Connector>,
    hello: Hello,
    role: R,
    greet_within: Duration,
    attach_within: Duration,
    sendings: u32,
    orders: mpsc::Receiver<Box<Order>>,
    calls: Calls,
    pauses: Pauses,
    generation: Generation,
    ready: Option<oneshot::Sender<()>>,
    shared: Arc<Shared>,
}

/// Says that nobody uses the line any more.
struct Unwanted;

impl<R: Role> Line<R> {
    async fn run(mut self) {
        loop {
            let before = self.generation;
            let Ok(why) = self.connection().await else { return };
            tracing::debug!(%why, "no connection to the gateway");
            self.shared.note(&why);
            let at_first = self.ready.is_some();
            let over = why.is_final() || (at_first && why.is_final_at_first());
            // Attempts that fail are not told one by one, but the last one is.
            if over || self.generation != before {
                self.role.lost(&why);
            }
            self.calls.lost(self.sendings);
            if over {
                return;
            }
            let pause = self.pauses.draw();
            if self.take_orders_until(Instant::now() + pause).await.is_err() {
                return;
            }
        }
    }

    /// Makes one connection and uses it until it is lost, and tells why it was.
    async fn connection(&mut self) -> Result<ConnectError, Unwanted> {
        match self.greeting().await? {
            Err(why) => Ok(why),
            Ok(greeted) => {
                let since = Instant::now();
                let why = self.conversation(greeted).await?;
                self.pauses.lived(since.elapsed());
                Ok(why)
            }
        }
    }

    /// Connects and greets, and takes orders meanwhile.
    async fn greeting(&mut self) -> Result<Result<Greeted, ConnectError>, Unwanted> {
        // Boxed, so that its room is not kept while the conversation goes on.
        let connector = Arc::clone(&self.connector);
        let hello = Hello { receipt: self.shared.receipt.told(), ..self.hello.clone() };
        let mut greeting = Box::pin(greet(connector, hello, self.greet_within));
        loop {
            tokio::select! {
                biased;
                greeted = &mut greeting => return Ok(greeted),
                order = self.orders.recv(), if self.calls.has_room() => {
                    self.calls.wait(order.ok_or(Unwanted)?);
                }
            }
        }
    }

    async fn conversation(&mut self, greeted: Greeted) -> Result<ConnectError, Unwanted> {
        let Greeted { mut link, welcome } = greeted;
        self.generation = Generation(self.generation.0.wrapping_add(1));
        self.shared.clock.set(welcome.gateway_time_ms);
        self.calls.open(self.generation, &welcome);
        let mut attaching = match self.role.connected(self.generation, link.channel(), &welcome) {
            Ok(first) => first.map(|first| {
                let request = self.calls.send_first(first, &mut link);
                Attaching::new(request, self.attach_within)
            }),
            Err(why) => {
                link.close(CloseCode::Done);
                return Ok(why);
            }
        };
        loop {
            if attaching.is_none() {
                self.stands();
                self.calls.send(&mut link);
            }
            tokio::select! {
                biased;
                // Orders first: there is room for only so many, what is told may never end.
                order = self.orders.recv(), if self.calls.has_room() => match order {
                    Some(order) => self.calls.wait(order),
                    None => {
                        link.close(CloseCode::Done);
                        return Err(Unwanted);
                    }
                },
                message = link.next() => {
                    let heard = message.and_then(|message| self.hear(&message, &mut attaching));
                    if let Err(why) = heard {
                        link.close(CloseCode::Done);
                        return Ok(why);
                    }
                }
                () = overdue(attaching.as_mut()) => {
                    link.close(CloseCode::Done);
                    return Ok(ConnectError::TimedOut);
                }
            }
        }
    }

    fn hear(
        &mut self,
        message: &v1::ToPeer,
        attaching: &mut Option<Attaching>,
    ) -> Result<(), ConnectError> {
        let taken = match Message::parse(message) {
            Ok(Message::Answer(request, answer))
                if attaching.as_ref().is_some_and(|attaching| attaching.is(request)) =>
            {
                *attaching = None;
                return attached(answer);
            }
            Ok(Message::Answer(request, answer)) => {
                if let Answer::Payment(Payment { receipt: Some(receipt), .. }) = &answer {
                    self.shared.receipt.raise(*receipt);
                }
                self.calls.answered(request, Ok(answer))
            }
            Ok(Message::Push(Push::Draining { reconnect_after_ms })) => {
                self.pauses.asked(Duration::from_millis(reconnect_after_ms.into()));
                Ok(())
            }
            Ok(Message::Push(push)) => self.role.pushed(push),
            // A later version may tell more than this one understands.
            Err(MessageError::UnknownPush) => Ok(()),
            Err(error) => match RequestId::new(message.request) {
                Some(request) => self.calls.answered(request, Err(CallError::Unexpected(error))),
                None => self.role.garbled(error),
            },
        };
        taken.map_err(|Overflow| ConnectError::EventsNotRead)
    }

    fn stands(&mut self) {
        if let Some(ready) = self.ready.take() {
            // Whoever no longer waits has dropped the orders as well: the line ends by itself.
            ready.send(()).ok();
        }
    }

    async fn take_orders_until(&mut self, instant: Instant) -> Result<(), Unwanted> {
        loop {
            tokio::select! {
                biased;
                () = sleep_until(instant) => return Ok(()),
                order = self.orders.recv(), if self.calls.has_room() => {
                    self.calls.wait(order.ok_or(Unwanted)?);
                }
            }
        }
    }
}
