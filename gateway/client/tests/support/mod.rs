//! A gateway that does what a test tells it, over channels.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic, and no test uses everything here"
)]

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kessai_client::terms::collation::{
    AuthMessage, ChannelBinding, DeviceKey, DeviceKeys, GatewayNonce, HandsetSecrets, Outcome,
    ServerNonce, content_digest,
};
use kessai_client::terms::{
    Amount, ApprovalNumber, Basket, Currency, DeviceId, Gtin, Line, PaymentId, Reason, Reference,
    Rounding, Tax, TaxRate,
};
use kessai_client::wire::{
    Answer, Approval, Call, Capture, CaptureTerms, CloseCode, Confirmation, Handset as HandsetId,
    HandsetRequest, Hello, Identity, Limits, Message, Notice, Payer, Payment, PaymentState, Prompt,
    ProofResult, Prove, Purchase, Push, Request, RequestId, SignedNotice, SoftwareName,
    TerminalRequest, Verdict, Welcome, v1,
};
use kessai_client::{
    Backoff, ConnectError, Connecting, Connector, Event, Events, Handset, Link, Options, Terminal,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

pub const NOW_MS: u64 = 1_790_000_000_000;
pub const TOTAL: u64 = 2 * 130 - 20 + 19;
pub const IN_FLIGHT: u32 = 8;

pub fn options() -> Options {
    Options {
        software: Some(SoftwareName::new("test 1").unwrap()),
        backoff: Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) },
        ..Options::default()
    }
}

/// The client's side: makes connections, or fails as planned.
#[derive(Debug)]
pub struct Door {
    arrivals: mpsc::UnboundedSender<Connection>,
    failures: Mutex<VecDeque<ConnectError>>,
    attempts: Mutex<Vec<Instant>>,
}

/// The gateway's side: takes connections.
pub struct Gateway {
    pub door: Arc<Door>,
    arrivals: mpsc::UnboundedReceiver<Connection>,
}

/// One connection, the gateway's side.
#[derive(Debug)]
pub struct Connection {
    pub requests: mpsc::Receiver<v1::ToGateway>,
    pub messages: mpsc::Sender<v1::ToPeer>,
    pub channel: ChannelBinding,
    pub route: Bytes,
    pub hub_nonce: Option<GatewayNonce>,
    closing: oneshot::Sender<CloseCode>,
}

impl Connector for Door {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let number = {
                let mut attempts = self.attempts.lock().unwrap();
                attempts.push(Instant::now());
                u8::try_from(attempts.len()).unwrap()
            };
            let failure = self.failures.lock().unwrap().pop_front();
            if let Some(failure) = failure {
                return Err(failure);
            }
            let (outgoing, requests) = mpsc::channel(4);
            let (messages, incoming) = mpsc::channel(4);
            let (closing, closed) = oneshot::channel();
            let channel = ChannelBinding([number; 32]);
            let route = Bytes::copy_from_slice(&[number; 4]);
            let hub_nonce = None;
            let connection = Connection { requests, messages, channel, route, hub_nonce, closing };
            self.arrivals.send(connection).map_err(|_| gone())?;
            Ok(Link::from_channels(channel, outgoing, incoming).closing_with(closed))
        })
    }
}

pub fn gone() -> ConnectError {
    ConnectError::Unreachable("nobody there".into())
}

/// Fails a test that waits for what never comes, in virtual time, beyond any deadline.
async fn in_time<T>(awaited: impl Future<Output = T>) -> T {
    let hour = Duration::from_secs(3_600);
    tokio::time::timeout(hour, awaited).await.expect("the client does nothing")
}

impl Gateway {
    pub fn new() -> Self {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let (failures, attempts) = (Mutex::default(), Mutex::default());
        Self { door: Arc::new(Door { arrivals: sender, failures, attempts }), arrivals }
    }

    pub fn fail(&self, failures: impl IntoIterator<Item = ConnectError>) {
        self.door.failures.lock().unwrap().extend(failures);
    }

    /// When the client tried to connect, so far.
    pub fn attempts(&self) -> Vec<Instant> {
        self.door.attempts.lock().unwrap().clone()
    }

    pub async fn accept(&mut self) -> Connection {
        in_time(self.arrivals.recv()).await.expect("the door is held")
    }

    /// Takes a connection and says welcome.
    pub async fn welcome(&mut self) -> Connection {
        let mut connection = self.accept().await;
        let hello = connection.hear().await;
        assert!(matches!(hello.body, Request::Hello(_)));
        connection.answer(&hello, Answer::Welcome(connection.greeting())).await;
        connection
    }

    /// Takes a connection of a hub, and says welcome with a nonce.
    pub async fn welcome_hub(&mut self) -> Connection {
        let mut connection = self.accept().await;
        connection.hub_nonce = Some(GatewayNonce([connection.channel.0[0] | 0x80; 32]));
        let hello = connection.hear().await;
        let Request::Hello(Hello { from: Some(Identity::Hub(_)), .. }) = &hello.body else {
            panic!("not a hub: {hello:?}")
        };
        connection.answer(&hello, Answer::Welcome(connection.greeting())).await;
        connection
    }

    /// Says welcome, and keeps the connection until the runtime ends.
    pub async fn arrived(&mut self) {
        std::mem::forget(self.welcome().await);
    }

    /// Takes a connection of a handset, up to its attachment, and tells what it has seen.
    pub async fn attach(&mut self) -> (Connection, u64) {
        let mut connection = self.welcome().await;
        let call = connection.hear().await;
        let Request::Handset(_, HandsetRequest::Attach { seen, hub_proof: None }) = call.body
        else {
            panic!("not an attach: {call:?}")
        };
        connection.answer(&call, Answer::Attached { latest: seen }).await;
        (connection, seen)
    }

    pub async fn terminal(&mut self, options: Options) -> (Terminal, Connection) {
        let door = Arc::clone(&self.door);
        let connect = Terminal::connect(door, "POS00001".parse().unwrap(), options);
        let (terminal, connection) = tokio::join!(connect, self.welcome());
        (terminal.unwrap(), connection)
    }

    pub async fn handset(&mut self, options: Options) -> (Handset, Events, Connection) {
        let door = Arc::clone(&self.door);
        let connect = Handset::connect(door, handset_id(), keys().server.clone(), 4, options);
        let (handset, (connection, seen)) = tokio::join!(connect, self.attach());
        assert_eq!(seen, 4);
        let (handset, mut events) = handset.unwrap();
        assert!(matches!(events.next().await, Some(Event::Connected)));
        (handset, events, connection)
    }
}

impl Connection {
    pub fn greeting(&self) -> Welcome {
        Welcome {
            version: 1,
            gateway_time_ms: NOW_MS,
            route: self.route.clone(),
            limits: Limits {
                max_frame_bytes: 32_768,
                max_in_flight: IN_FLIGHT,
                idle_timeout_ms: 30_000,
            },
            gateway: SoftwareName::new("test").unwrap(),
            hub_nonce: self.hub_nonce,
        }
    }

    pub async fn hear(&mut self) -> Call {
        let message = in_time(self.requests.recv()).await.expect("the client hung up");
        let call = Call::parse(&message).unwrap();
        let route =
            if matches!(call.body, Request::Hello(_)) { Bytes::new() } else { self.route.clone() };
        assert_eq!(call.route, route, "the route token of this connection is echoed");
        call
    }

    /// Hears how a handset attaches through a hub, and lets it.
    pub async fn hear_hub_attach(&mut self) -> (HandsetId, u64) {
        let call = self.hear().await;
        let Request::Handset(id, HandsetRequest::Attach { seen, hub_proof: Some(proof) }) =
            call.body
        else {
            panic!("not an attach through a hub: {call:?}")
        };
        let nonce = self.hub_nonce.unwrap();
        assert!(keys().device.verify_attach(&self.channel, &id.device, &nonce, &proof));
        self.answer(&call, Answer::Attached { latest: seen }).await;
        (id, seen)
    }

    pub async fn hear_open(&mut self) -> (Call, Purchase) {
        let call = self.hear().await;
        match &call.body {
            Request::Terminal(_, TerminalRequest::Open(purchase)) => {
                let purchase = purchase.clone();
                (call, purchase)
            }
            other => panic!("not an open: {other:?}"),
        }
    }

    pub async fn hear_proof(&mut self) -> (Call, Prove) {
        let call = self.hear().await;
        match &call.body {
            Request::Handset(_, HandsetRequest::Prove(prove)) => {
                let prove = prove.clone();
                (call, prove)
            }
            other => panic!("not a proof: {other:?}"),
        }
    }

    pub async fn send(&self, message: v1::ToPeer) {
        self.messages.send(message).await.expect("the client hung up");
    }

    pub async fn answer(&self, call: &Call, answer: Answer) {
        self.answer_number(call.request, answer).await;
    }

    pub async fn answer_number(&self, request: RequestId, answer: Answer) {
        self.send(v1::ToPeer::from(&Message::Answer(request, answer))).await;
    }

    pub async fn verdict(&self, call: &Call, verdict: Verdict) {
        let result = ProofResult { payment: payment_id(), verdict };
        self.answer(call, Answer::ProofResult(result)).await;
    }

    pub async fn push(&self, push: Push) {
        self.send(v1::ToPeer::from(&Message::Push(push))).await;
    }

    pub async fn prompt(&self, content: Bytes, nonce: u8, tries_left: u32) {
        let prompt = Prompt {
            content,
            server_nonce: ServerNonce([nonce; 32]),
            tries_left,
            gateway_time_ms: NOW_MS + 1_000,
        };
        self.push(Push::Prompt(handset_id(), prompt)).await;
    }

    pub async fn notify(&self, notice: SignedNotice) {
        self.push(Push::Notice(handset_id(), notice)).await;
    }

    /// What a proof on this connection must cover.
    pub fn auth(&self, content: &[u8], proof: &Prove) -> AuthMessage {
        let digest = content_digest(content);
        AuthMessage::new(digest, self.channel, proof.server_nonce, proof.handset_nonce)
    }

    pub fn close(self, code: CloseCode) {
        self.closing.send(code).unwrap();
    }
}

pub fn payment_id() -> PaymentId {
    PaymentId::from_parts(NOW_MS, [7; 10])
}

pub fn handset_id() -> HandsetId {
    HandsetId { customer: "1234-567-890".parse().unwrap(), device: DeviceId([0x10; 16]) }
}

pub fn secrets() -> HandsetSecrets {
    HandsetSecrets::from_parts([0x5e; 32], DeviceKey::from_bytes([0xde; 32]))
}

pub fn keys() -> DeviceKeys {
    secrets().device_keys()
}

pub fn yen(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

pub fn lines() -> Vec<Line> {
    vec![Line {
        code: Gtin::new("4901234567894").unwrap(),
        name: "おにぎり 鮭".parse().unwrap(),
        unit_price: yen(130),
        quantity: 2,
        discount: yen(20),
        tax: Tax::Exclusive(TaxRate::JAPAN_REDUCED),
    }]
}

pub fn purchase(payment: PaymentId) -> Purchase {
    Purchase {
        payment,
        payer: Payer::Customer("1234-567-890".parse().unwrap()),
        lines: lines(),
        claimed_total: yen(TOTAL),
        currency: Currency::JPY,
        capture: Capture::AtApproval,
    }
}

pub fn confirmation() -> Confirmation {
    Confirmation {
        payment: payment_id(),
        terminal: "POS00001".parse().unwrap(),
        merchant: "M1".parse().unwrap(),
        merchant_name: "やまと商店".parse().unwrap(),
        store: "S1".parse().unwrap(),
        store_name: "やまと 駅前店".parse().unwrap(),
        customer: "1234-567-890".parse().unwrap(),
        basket: Basket::check(lines(), Rounding::Down, yen(TOTAL)).unwrap(),
        currency: Currency::JPY,
        exchange: None,
        opened_at_ms: NOW_MS,
        utc_offset_minutes: 540,
        expires_at_ms: NOW_MS + 60_000,
        capture: CaptureTerms::AtApproval,
    }
}

pub fn approval() -> Approval {
    Approval {
        number: ApprovalNumber::new(42).unwrap(),
        reference: Reference::new(626_412_000_042).unwrap(),
    }
}

pub fn captured(payment: PaymentId) -> Payment {
    Payment {
        payment,
        state: PaymentState::Captured,
        reason: Some(Reason::Approved),
        price: Some(yen(TOTAL).of(Currency::JPY)),
        captured: yen(TOTAL),
        refunded: Amount::ZERO,
        approval: Some(approval()),
        business_date: Some(20_260_921),
        opened_at_ms: Some(NOW_MS),
        ended_at_ms: Some(NOW_MS + 3_000),
        expires_at_ms: None,
        refund: None,
        receipt: None,
    }
}

pub fn ended(payment: PaymentId, state: PaymentState, reason: Reason) -> Payment {
    Payment {
        state,
        reason: Some(reason),
        captured: Amount::ZERO,
        approval: None,
        ..captured(payment)
    }
}

pub fn notice(number: u64, state: PaymentState, reason: Reason) -> Notice {
    let approved = state.permits_handover();
    Notice {
        number: NonZeroU64::new(number).unwrap(),
        payment: payment_id(),
        state,
        reason,
        price: yen(TOTAL).of(Currency::JPY),
        store_name: "やまと 駅前店".parse().unwrap(),
        merchant_name: "やまと商店".parse().unwrap(),
        at_ms: NOW_MS + 3_000,
        approval: approved.then(approval),
        captured: if approved { yen(TOTAL) } else { Amount::ZERO },
        refunded: Amount::ZERO,
        foreign: None,
    }
}

pub fn approved_notice(number: u64) -> Notice {
    notice(number, PaymentState::Captured, Reason::Approved)
}

pub fn signed(notice: &Notice) -> SignedNotice {
    let digest = content_digest(&confirmation().encode());
    SignedNotice::sign(&keys().server, digest, notice.encode())
}

pub fn approve(auth: &AuthMessage, number: u64) -> Verdict {
    Verdict::Approved {
        signature: keys().server.sign_outcome(auth, Outcome::Approved),
        notice: signed(&approved_notice(number)),
    }
}

pub fn try_again(auth: &AuthMessage, tries_left: u32, nonce: u8) -> Verdict {
    Verdict::TryAgain {
        signature: keys().server.sign_outcome(auth, Outcome::Refused),
        tries_left,
        server_nonce: ServerNonce([nonce; 32]),
    }
}
