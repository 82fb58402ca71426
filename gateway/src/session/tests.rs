//! Who may ask what: the whole matrix of keys and identities.

use bytes::Bytes;
use kessai_engine::Peer;
use kessai_engine::terms::Reason;
use kessai_wire::v1::{self, ToGateway, to_gateway::Body};
use kessai_wire::{Answer, CloseCode, Identity, Message};

use super::MAX_IN_FLIGHT;
use crate::testing::{Line, World, handset, payment, peer_of, terminal};

mod stopped;

const ECHO: fn() -> Body = || Body::Echo(v1::Echo { payload: Bytes::from_static(b"x") });

fn hello() -> Body {
    Body::Hello(v1::Hello { versions: vec![1], software: String::new(), receipt: None })
}

fn status() -> Body {
    Body::Status(v1::Status { payment_id: Bytes::copy_from_slice(payment(1).as_bytes()) })
}

fn attach() -> Body {
    Body::Attach(v1::Attach { seen: 0, hub_proof: Bytes::new() })
}

fn refuse() -> Body {
    Body::Refuse(v1::Refuse { payment_id: Bytes::copy_from_slice(payment(1).as_bytes()) })
}

fn message(request: u64, from: Option<Identity>, body: Option<Body>) -> ToGateway {
    let from = from.map(v1::Identity::from);
    ToGateway { request, from, route: Bytes::from_static(b"0"), body }
}

fn receive(line: &Line, message: &ToGateway) -> Result<(), CloseCode> {
    line.session.receive(message, &line.stream)
}

/// The reason why the only answer there is refuses, if it does.
fn refusal(line: &mut Line) -> Option<Reason> {
    match line.sent().as_slice() {
        [Message::Answer(_, Answer::Refusal(refusal))] => Some(refusal.reason),
        [Message::Answer(..)] => None,
        other => panic!("{other:?}"),
    }
}

fn greeted(world: &mut World, peer: Peer) -> Line {
    let mut line = world.connect(peer);
    receive(&line, &message(1, None, Some(hello()))).unwrap();
    assert!(matches!(line.sent().as_slice(), [Message::Answer(_, Answer::Welcome(_))]));
    line
}

#[test]
fn a_key_speaks_for_its_own_identity_and_role_only() {
    let mut world = World::new();
    let (pos1, pos2) = (terminal("POS1"), terminal("POS2"));
    let (own, other) = (handset(1), handset(2));
    let stranger = kessai_wire::Handset { customer: "C-2".parse().unwrap(), ..own };
    let merchant = "MERCHANT1".parse().unwrap();
    let (controller, hub) = ("CTL1".parse().unwrap(), "HUB1".parse().unwrap());
    let till = Peer::Terminal(pos1);
    let phone = peer_of(own);
    let shop = Peer::Controller(controller, merchant);
    let elsewhere = Peer::Controller(controller, "MERCHANT2".parse().unwrap());
    let role = Some(Reason::RoleNotPermitted);
    let key = Some(Reason::IdentityNotOfKey);
    for (peer, from, body, expected) in [
        (till, Identity::Terminal(pos1), status(), Some(Reason::PaymentUnknown)),
        (till, Identity::Terminal(pos2), status(), key),
        (till, Identity::Handset(own), status(), role),
        (till, Identity::Terminal(pos1), attach(), role),
        (till, Identity::Handset(own), attach(), role),
        (till, Identity::Controller(controller), status(), role),
        (till, Identity::Hub(hub), ECHO(), role),
        (till, Identity::Terminal(pos2), ECHO(), key),
        (phone, Identity::Handset(own), attach(), None),
        (phone, Identity::Handset(other), attach(), key),
        (phone, Identity::Handset(stranger), attach(), key),
        (phone, Identity::Terminal(pos1), attach(), role),
        (phone, Identity::Terminal(pos1), status(), role),
        (phone, Identity::Handset(own), status(), role),
        (shop, Identity::Terminal(pos1), status(), Some(Reason::PaymentUnknown)),
        (shop, Identity::Terminal(pos2), ECHO(), None),
        (shop, Identity::Terminal(terminal("POS9")), status(), Some(Reason::TerminalUnknown)),
        (shop, Identity::Terminal(pos1), attach(), role),
        (shop, Identity::Handset(own), attach(), role),
        (shop, Identity::Controller(controller), status(), role),
        (shop, Identity::Controller("CTL2".parse().unwrap()), ECHO(), key),
        (elsewhere, Identity::Terminal(pos1), status(), key),
        (Peer::Hub(hub), Identity::Handset(own), attach(), Some(Reason::Malformed)),
        (Peer::Hub(hub), Identity::Handset(own), refuse(), key),
        (Peer::Hub(hub), Identity::Terminal(pos1), status(), role),
        (Peer::Hub(hub), Identity::Hub(hub), attach(), role),
        (Peer::Hub(hub), Identity::Hub("HUB2".parse().unwrap()), ECHO(), key),
    ] {
        let mut line = greeted(&mut world, peer);
        receive(&line, &message(2, Some(from), Some(body))).unwrap();
        assert_eq!(refusal(&mut line), expected, "{peer:?} as {from}");
    }
}

#[test]
fn of_two_faults_the_one_of_the_lower_number_is_told() {
    let mut world = World::new();
    let mut line = greeted(&mut world, Peer::Terminal(terminal("POS1")));
    let bad_id = Body::Status(v1::Status { payment_id: Bytes::from_static(b"short") });
    let other = Some(Identity::Terminal(terminal("POS2")));
    receive(&line, &message(2, other, Some(bad_id))).unwrap();
    assert_eq!(refusal(&mut line), Some(Reason::IdentityNotOfKey));
    let long = Body::Echo(v1::Echo { payload: vec![0; 1025].into() });
    receive(&line, &message(3, other, Some(long))).unwrap();
    assert_eq!(refusal(&mut line), Some(Reason::Malformed));
}

#[test]
fn hello_comes_first_and_once() {
    let mut world = World::new();
    let pos1 = Peer::Terminal(terminal("POS1"));
    let line = world.connect(pos1);
    assert_eq!(receive(&line, &message(1, None, Some(ECHO()))), Err(CloseCode::Protocol));
    let line = greeted(&mut world, pos1);
    assert_eq!(receive(&line, &message(2, None, Some(hello()))), Err(CloseCode::Protocol));
    let mut line = world.connect(pos1);
    let other = Some(Identity::Terminal(terminal("POS2")));
    receive(&line, &message(1, other, Some(hello()))).unwrap();
    assert_eq!(refusal(&mut line), Some(Reason::IdentityNotOfKey));
    assert!(!line.session.has_greeted(), "a refused Hello is none");
    let newer =
        Body::Hello(v1::Hello { versions: vec![2, 3], software: String::new(), receipt: None });
    let answer = receive(&line, &message(2, None, Some(newer)));
    assert_eq!(answer, Err(CloseCode::VersionUnsupported));
}

#[test]
fn what_cannot_be_answered_ends_the_connection() {
    let mut world = World::new();
    let line = greeted(&mut world, Peer::Terminal(terminal("POS1")));
    assert_eq!(receive(&line, &message(0, None, Some(ECHO()))), Err(CloseCode::Protocol));
    assert_eq!(receive(&line, &message(2, None, None)), Err(CloseCode::UnknownMessage));
}

#[test]
fn another_route_is_refused() {
    let mut world = World::new();
    let mut line = greeted(&mut world, Peer::Terminal(terminal("POS1")));
    for route in ["", "1", "00"] {
        let echo = ToGateway { route: route.into(), ..message(2, None, Some(ECHO())) };
        receive(&line, &echo).unwrap();
        assert_eq!(refusal(&mut line), Some(Reason::Malformed), "{route:?}");
    }
}

/// An answer that lies in the queue is not written yet: it counts.
#[test]
fn one_request_too_many_is_refused_until_an_answer_is_written() {
    let mut world = World::new();
    let mut line = greeted(&mut world, Peer::Terminal(terminal("POS1")));
    for request in 1..=u64::from(MAX_IN_FLIGHT) + 1 {
        receive(&line, &message(request, None, Some(ECHO()))).unwrap();
    }
    let sent = line.sent();
    let (last, echoed) = sent.split_last().unwrap();
    assert_eq!(echoed.len(), usize::try_from(MAX_IN_FLIGHT).unwrap());
    assert!(echoed.iter().all(|message| matches!(message, Message::Answer(_, Answer::Echo(_)))));
    let Message::Answer(_, Answer::Refusal(refusal)) = last else { panic!("{last:?}") };
    assert_eq!(refusal.reason, Reason::TooManyRequests);
    receive(&line, &message(99, None, Some(ECHO()))).unwrap();
    assert!(matches!(line.sent().as_slice(), [Message::Answer(_, Answer::Echo(_))]));
}

/// Attaches handset 1 through a hub, by the proof of that connection, and tells whether it was
/// refused.
fn attached_through(world: &World, hub: &mut Line, request: u64) -> Option<Reason> {
    let handset = handset(1);
    let nonce = hub.session.carriage.as_ref().unwrap().nonce;
    let key = &world.secrets.device_keys().device;
    let proof = key.attach(&hub.way.channel, &handset.device, &nonce);
    let hub_proof = Bytes::copy_from_slice(&proof.0);
    let attach = Body::Attach(v1::Attach { seen: 0, hub_proof });
    receive(hub, &message(request, Some(Identity::Handset(handset)), Some(attach))).unwrap();
    refusal(hub)
}

#[test]
fn a_handset_goes_back_to_a_hub_once_the_other_way_is_gone() {
    let mut world = World::new();
    let peer = Peer::Hub("HUB1".parse().unwrap());
    let (mut first, mut second) = (greeted(&mut world, peer), greeted(&mut world, peer));
    assert_eq!(attached_through(&world, &mut first, 2), None);
    assert_eq!(attached_through(&world, &mut second, 2), None, "the newest genuine one");
    let busy = Some(Reason::Busy);
    assert_eq!(attached_through(&world, &mut first, 3), busy, "a repetition is not the newest");
    assert_eq!(attached_through(&world, &mut second, 3), None, "but harms nothing where it is");
    assert_eq!(second.closed.code(), None, "a hub is not closed for the sake of one");
    let gone = second.way.connection;
    drop(second);
    assert!(!world.dispatch().is_attached(&handset(1), gone), "it went with its hub");
    assert_eq!(attached_through(&world, &mut first, 4), None);
}
