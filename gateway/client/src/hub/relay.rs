//! Carries the requests of one handset over the hub's line, and the answers back.

use std::sync::Arc;
use std::time::Duration;

use kessai_terms::Reason;
use kessai_wire::{
    Answer, Call, CallError as BadCall, CloseCode, Handset as HandsetId, Message, Refusal, Request,
    RequestId, Welcome, v1,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::CallError;
use crate::hub::board::{Board, Plug, Standing};
use crate::line::{Caller, Late, Repeat};

/// How many requests of one handset may be unanswered: it seldom has more than one.
const MOST_IN_FLIGHT: u32 = 16;

/// Is one handset's way over one connection of the hub. It knows nothing that its handset does not.
pub(super) struct Relay {
    pub(super) caller: Caller,
    pub(super) board: Arc<Board>,
    pub(super) handset: HandsetId,
    pub(super) plug: Plug,
    pub(super) standing: Arc<Standing>,
    pub(super) call_within: Duration,
}

impl Relay {
    /// Works until the handset hangs up, or is pulled out.
    pub(super) async fn run(self, mut requests: mpsc::Receiver<v1::ToGateway>) {
        let relay = Arc::new(self);
        // What is under way ends with this.
        let mut under_way = JoinSet::new();
        let code = loop {
            tokio::select! {
                biased;
                Some(_) = under_way.join_next() => {}
                message = requests.recv() => {
                    let Some(message) = message else { break CloseCode::Done };
                    match Call::parse(&message) {
                        Ok(call) => {
                            under_way.spawn(Arc::clone(&relay).carry(call));
                        }
                        Err(BadCall::Refused { request, reason }) => relay.refuse(request, reason),
                        Err(error) => break error.close_code().unwrap_or(CloseCode::Protocol),
                    }
                }
            }
        };
        relay.board.pull(&relay.handset, relay.plug, code);
    }

    async fn carry(self: Arc<Self>, call: Call) {
        let Call { request, body, .. } = call;
        match body {
            Request::Hello(_) => self.answer(request, Answer::Welcome(self.welcome())),
            Request::Handset(from, _) if from != self.handset => {
                self.refuse(request, Reason::IdentityNotOfKey);
            }
            Request::Terminal(..) => self.refuse(request, Reason::RoleNotPermitted),
            Request::Echo(_) | Request::Handset(..) => {
                // Made for this connection: on another one the handset attaches anew.
                let repeat = Repeat::Only(self.standing.generation);
                let (deadline, late) = (Instant::now() + self.call_within, self.late(request));
                match self.caller.ask_or_hear_late(body, repeat, deadline, late).await {
                    Ok(answer) => self.answer(request, answer),
                    Err(CallError::Refused(refusal)) => {
                        self.answer(request, Answer::Refusal(*refusal));
                    }
                    // There is nothing to tell: the handset waits until its own deadline, or is
                    // lost with the connection.
                    Err(error) => tracing::debug!(%error, "a request through the hub is lost"),
                }
            }
        }
    }

    /// Greets as the gateway has greeted the hub, by the gateway's clock of now.
    fn welcome(&self) -> Welcome {
        let mut welcome = self.standing.welcome.clone();
        welcome.gateway_time_ms = self.caller.clock().now_ms();
        welcome.limits.max_in_flight = welcome.limits.max_in_flight.min(MOST_IN_FLIGHT);
        welcome
    }

    /// Hands a late answer on all the same: the handset tells the end in it.
    fn late(&self, request: RequestId) -> Late {
        // Without the caller, which would keep the hub's line for as long as nothing is answered.
        let (board, handset, plug) = (Arc::clone(&self.board), self.handset, self.plug);
        Arc::new(move |answer| {
            board.answer(&handset, plug, v1::ToPeer::from(&Message::Answer(request, answer)));
            // A handset that does not read is pulled out; the hub's connection stays.
            Ok(())
        })
    }

    fn refuse(&self, request: RequestId, reason: Reason) {
        self.answer(request, Answer::Refusal(Refusal::to_handset(reason, 0)));
    }

    fn answer(&self, request: RequestId, answer: Answer) {
        let message = v1::ToPeer::from(&Message::Answer(request, answer));
        self.board.answer(&self.handset, self.plug, message);
    }
}
