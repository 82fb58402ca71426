//! What a gateway says to whom while its service is stopped.

use kessai_engine::Peer;
use kessai_engine::terms::{PaymentId, Reason};
use kessai_wire::v1::ToGateway;
use kessai_wire::{Call, Identity, Purchase, Request, RequestId, TerminalRequest};

use super::{ECHO, attach, greeted, message, receive, refusal, status};
use crate::session::ROUTE;
use crate::testing::{NOW_MS, World, handset, peer_of, purchase, terminal};

/// How far ahead of the gateway's clock a payment id may be.
const TOLERANCE_MS: u64 = 30_000;

fn open(request: u64, made_at_ms: u64) -> ToGateway {
    let payment = PaymentId::from_parts(made_at_ms, [request.to_be_bytes()[7]; 10]);
    let purchase = Purchase { payment, ..purchase(1, 100) };
    let body = Request::Terminal(terminal("POS1"), TerminalRequest::Open(purchase));
    ToGateway::from(&Call { request: RequestId::new(request).unwrap(), route: ROUTE, body })
}

#[test]
fn everybody_is_greeted_and_everything_refused() {
    let mut world = World::stopped();
    let till = (Peer::Terminal(terminal("POS1")), Identity::Terminal(terminal("POS1")));
    let phone = (peer_of(handset(1)), Identity::Handset(handset(1)));
    for ((peer, from), body) in
        [(till, ECHO()), (till, status()), (phone, ECHO()), (phone, attach())]
    {
        let mut line = greeted(&mut world, peer);
        receive(&line, &message(2, Some(from), Some(body))).unwrap();
        assert_eq!(refusal(&mut line), Some(Reason::ShuttingDown), "{peer:?}");
    }
}

/// That a payment was refused says that nobody will be debited. Of one that may have been made, or
/// lost, nobody here can say that.
#[test]
fn an_open_that_may_be_older_than_the_stop_has_no_answer() {
    let mut world = World::stopped();
    let latest = world.dispatch().journal().latest();
    let mut line = greeted(&mut world, Peer::Terminal(terminal("POS1")));
    for (request, made_at_ms) in [(2, NOW_MS - 60_000), (3, NOW_MS), (4, NOW_MS + TOLERANCE_MS)] {
        receive(&line, &open(request, made_at_ms)).unwrap();
        world.make_durable();
        assert!(line.sent().is_empty(), "made at {made_at_ms}");
    }
    assert_eq!(world.dispatch().journal().latest(), latest, "nothing is written");
    receive(&line, &open(5, NOW_MS + TOLERANCE_MS + 1)).unwrap();
    assert_eq!(refusal(&mut line), Some(Reason::ShuttingDown));
}
