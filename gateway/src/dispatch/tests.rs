//! What leaves, to whom, and never before it is durable.

use kessai_engine::terms::collation::{
    AuthMessage, ChannelBinding, DeviceKey, HandsetNonce, HandsetSecrets, Proof, ServerNonce,
    content_digest, prove,
};
use kessai_engine::terms::{PaymentId, Reason};
use kessai_engine::{Peer, Rules};
use kessai_wire::{
    Answer, CloseCode, Delivery, Handset, Message, Notice, PaymentState, Prompt, ProofResult,
    Prove, Push, RequestId, Verdict,
};

use super::Ask;
use crate::reply::{Audience, InFlight, Reply};
use crate::testing::{Line, World, handset, payment, peer_of, purchase, terminal};

mod room;

const HN: HandsetNonce = HandsetNonce([8; 32]);

fn pos1(world: &mut World) -> Line {
    world.connect(Peer::Terminal(terminal("POS1")))
}

fn reply(number: u64, line: &Line, audience: Audience) -> Reply {
    let counted = InFlight::default().begin(1);
    Reply::new(RequestId::new(number).unwrap(), line.stream.clone(), audience, counted)
}

fn open(world: &World, line: &Line, request: u64, number: u8, price: u64) {
    let reply = reply(request, line, Audience::Shop);
    world.dispatch().open(terminal("POS1"), purchase(number, price), reply);
}

fn ask(world: &World, line: &Line, what: Ask) {
    world.dispatch().ask(terminal("POS1"), payment(1), what, reply(50, line, Audience::Shop));
}

/// Attaches handset `number` over a connection of its own; gives its channel binding too.
fn attach(world: &mut World, number: u8, seen: u64) -> (Line, ChannelBinding) {
    let line = world.connect(peer_of(handset(number)));
    let way = line.way.clone();
    let channel = way.channel;
    world.dispatch().attach(handset(number), way, seen, reply(60, &line, Audience::Customer));
    (line, channel)
}

fn prompt(sent: &[Message]) -> Prompt {
    match sent {
        [Message::Push(Push::Prompt(_, prompt))] => prompt.clone(),
        other => panic!("{other:?}"),
    }
}

fn proof(secrets: &HandsetSecrets, prompt: &Prompt, channel: ChannelBinding) -> Proof {
    let auth = AuthMessage::new(content_digest(&prompt.content), channel, prompt.server_nonce, HN);
    prove(&secrets.client_key(), &secrets.device_keys().stored, &auth)
}

fn wrong() -> HandsetSecrets {
    HandsetSecrets::from_parts([0; 32], DeviceKey::from_bytes([0; 32]))
}

fn answer(
    world: &World,
    line: &Line,
    (from, channel): (Handset, ChannelBinding),
    server_nonce: ServerNonce,
    proof: Proof,
) {
    let prove = Prove {
        payment: payment(1),
        server_nonce,
        handset_nonce: HN,
        proof,
        hub_tag: None,
        shown_ago_ms: None,
    };
    world.dispatch().prove(from, channel, prove, reply(70, line, Audience::Customer));
}

fn payment_told(sent: &[Message]) -> kessai_wire::Payment {
    match sent {
        [Message::Answer(_, Answer::Payment(payment))] => *payment,
        other => panic!("{other:?}"),
    }
}

fn verdict(sent: &[Message]) -> Verdict {
    match sent {
        [Message::Answer(_, Answer::ProofResult(ProofResult { verdict, .. }))] => verdict.clone(),
        other => panic!("{other:?}"),
    }
}

fn reason_of_refusal(sent: &[Message]) -> Reason {
    match sent {
        [Message::Answer(_, Answer::Refusal(refusal))] => refusal.reason,
        other => panic!("{other:?}"),
    }
}

fn pushed_notices(sent: &[Message]) -> Vec<Notice> {
    sent.iter()
        .filter_map(|message| match message {
            Message::Push(Push::Notice(_, signed)) => Some(Notice::decode(&signed.notice).unwrap()),
            Message::Push(_) | Message::Answer(..) => None,
        })
        .collect()
}

#[test]
fn every_step_of_a_payment_waits_for_its_record() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    let (mut phone, channel) = attach(&mut world, 1, 0);
    let (mut other, _) = attach(&mut world, 2, 0);
    assert_eq!((phone.sent().len(), other.sent().len()), (1, 1), "attached");

    open(&world, &till, 1, 1, 300);
    ask(&world, &till, Ask::Status);
    assert!(till.sent().is_empty() && phone.sent().is_empty(), "the hold is not durable");
    world.make_durable();
    assert_eq!(payment_told(&till.sent()).state, PaymentState::Pending);
    let asked = prompt(&phone.sent());
    prompt(&other.sent());

    let right = proof(&world.secrets, &asked, channel);
    answer(&world, &phone, (handset(1), channel), asked.server_nonce, right);
    ask(&world, &till, Ask::Status);
    let nothing = till.sent().is_empty() && phone.sent().is_empty() && other.sent().is_empty();
    assert!(nothing, "the debit is not durable");
    world.make_durable();
    assert!(matches!(verdict(&phone.sent()), Verdict::Approved { .. }));
    let sent = till.sent();
    let [Message::Answer(opened, end), Message::Answer(asked, status)] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!((opened.number(), asked.number()), (1, 50));
    assert_eq!(end, status, "both are told the same");
    assert_eq!(payment_told(&sent[..1]).state, PaymentState::Captured);
    let told = pushed_notices(&other.sent());
    assert_eq!(told.len(), 1, "the other handset hears of it");
    assert_eq!(told[0].state, PaymentState::Captured);
}

/// The refusal of one terminal tells of another's refund, which a crash might still undo.
#[test]
fn a_refused_refund_waits_for_what_it_tells_of() {
    let mut world = World::new();
    let till = pos1(&mut world);
    let (mut phone, channel) = attach(&mut world, 1, 0);
    phone.sent();
    open(&world, &till, 1, 1, 300);
    world.make_durable();
    let asked = prompt(&phone.sent());
    let right = proof(&world.secrets, &asked, channel);
    answer(&world, &phone, (handset(1), channel), asked.server_nonce, right);
    world.make_durable();
    let mut other = world.connect(Peer::Terminal(terminal("POS2")));
    let refund = |at: &str, line: &Line, number| {
        let amount = kessai_engine::terms::Amount::new(200).unwrap();
        let wish = kessai_wire::Refund { refund: payment(number), payment: payment(1), amount };
        world.dispatch().refund(terminal(at), &wish, reply(80, line, Audience::Shop));
    };
    refund("POS1", &till, 31);
    refund("POS2", &other, 32);
    assert!(other.sent().is_empty(), "the first refund is not durable");
    world.make_durable();
    assert_eq!(reason_of_refusal(&other.sent()), Reason::AmountAboveCapture);
}

#[test]
fn a_decline_waits_too_and_tells_the_shop_less() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    let (mut phone, _) = attach(&mut world, 1, 0);
    phone.sent();
    open(&world, &till, 1, 1, 1_001);
    open(&world, &till, 2, 1, 1_001);
    assert!(till.sent().is_empty() && phone.sent().is_empty());
    world.make_durable();
    let told = till.sent();
    assert_eq!(told.len(), 2, "the repeat is answered alike");
    for message in told {
        assert_eq!(payment_told(&[message]).reason, Some(Reason::NotHonoured));
    }
    assert_eq!(pushed_notices(&phone.sent())[0].reason, Reason::InsufficientFunds);
}

/// A wrong proof's count is durable before anything tells of it: its own answer, the number of
/// tries in a prompt, or the refusal of the next proof.
#[test]
fn no_guess_is_told_before_it_is_counted_for_good() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    let (mut phone, channel) = attach(&mut world, 1, 0);
    phone.sent();
    open(&world, &till, 1, 1, 300);
    world.make_durable();
    let mut nonce = {
        let asked = prompt(&phone.sent());
        answer(
            &world,
            &phone,
            (handset(1), channel),
            asked.server_nonce,
            proof(&wrong(), &asked, channel),
        );
        // A second handset comes while the count is not durable.
        let (mut other, _) = attach(&mut world, 2, 0);
        assert!(phone.sent().is_empty() && other.sent().is_empty());
        world.make_durable();
        assert_eq!(prompt(&other.sent()[1..]).tries_left, 2);
        let Verdict::TryAgain { tries_left: 2, server_nonce, .. } = verdict(&phone.sent()) else {
            panic!("two more tries")
        };
        server_nonce
    };
    answer(&world, &phone, (handset(1), channel), nonce, Proof([0; 32]));
    world.make_durable();
    let Verdict::TryAgain { tries_left: 1, server_nonce, .. } = verdict(&phone.sent()) else {
        panic!("one more try")
    };
    nonce = server_nonce;
    answer(&world, &phone, (handset(1), channel), nonce, Proof([0; 32]));
    // It is declined now; whoever asks again learns so only when that is durable.
    answer(&world, &phone, (handset(1), channel), nonce, Proof([0; 32]));
    assert!(phone.sent().is_empty() && till.sent().is_empty());
    world.make_durable();
    let sent = phone.sent();
    let [first, second] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(matches!(verdict(std::slice::from_ref(first)), Verdict::Declined { .. }));
    assert!(matches!(second, Message::Answer(_, Answer::Notice(_))), "{second:?}");
    assert_eq!(payment_told(&till.sent()).reason, Some(Reason::NotHonoured));
}

/// Several payments of one customer may wait here.
fn lenient() -> World {
    World::with_rules(Rules { open_per_customer: 3, ..Rules::default() })
}

/// Sends a proof that is wrong in any case.
fn guess(world: &World, line: &Line, channel: ChannelBinding, payment: PaymentId, on: ServerNonce) {
    let proof = Proof([0; 32]);
    let claim = Prove {
        payment,
        server_nonce: on,
        handset_nonce: HN,
        proof,
        hub_tag: None,
        shown_ago_ms: None,
    };
    world.dispatch().prove(handset(1), channel, claim, reply(70, line, Audience::Customer));
}

#[test]
fn a_blocked_customer_is_told_so_only_when_that_is_durable() {
    let mut world = lenient();
    let till = pos1(&mut world);
    let (mut phone, channel) = attach(&mut world, 1, 0);
    phone.sent();
    let mut nonces = Vec::new();
    for number in [1, 2, 3] {
        open(&world, &till, 1, number, 100);
        world.make_durable();
        nonces.push(prompt(&phone.sent()).server_nonce);
    }
    // Three for the first payment, two for the second: that is five in a row.
    for (number, tries) in [(1, 3), (2, 2)] {
        let mut nonce = nonces[usize::from(number) - 1];
        for left in (0..tries).rev() {
            guess(&world, &phone, channel, payment(number), nonce);
            if (number, left) == (2, 0) {
                break;
            }
            world.make_durable();
            if let Verdict::TryAgain { server_nonce, .. } = verdict(&phone.sent()) {
                nonce = server_nonce;
            }
        }
    }
    // The fifth is not durable. To be told that one is blocked is to be told that it was wrong.
    guess(&world, &phone, channel, payment(3), nonces[2]);
    assert!(phone.sent().is_empty());
    world.make_durable();
    let sent = phone.sent();
    let [fifth, refused] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(matches!(verdict(std::slice::from_ref(fifth)), Verdict::Declined { .. }));
    assert_eq!(reason_of_refusal(std::slice::from_ref(refused)), Reason::TriesExhausted);
    assert_eq!(world.dispatch().engine().customer(&handset(1).customer).unwrap().wrong_in_row, 5);
}

/// A prompt tells how many tries are left, over all payments of the customer.
#[test]
fn a_prompt_waits_for_a_wrong_proof_that_is_younger_than_its_payment() {
    let mut world = lenient();
    let till = pos1(&mut world);
    let (mut phone, channel) = attach(&mut world, 1, 0);
    phone.sent();
    open(&world, &till, 1, 1, 100);
    world.make_durable();
    let first = prompt(&phone.sent()).server_nonce;
    open(&world, &till, 2, 2, 100);
    world.sync();
    guess(&world, &phone, channel, payment(1), first);
    world.deliver();
    assert!(phone.sent().is_empty(), "the second payment is durable, the guess is not");
    world.make_durable();
    let sent = phone.sent();
    assert_eq!(sent.len(), 2);
    let asked = |message| matches!(message, &Message::Push(Push::Prompt(..)));
    assert!(sent.iter().any(asked), "{sent:?}");
}

#[test]
fn a_stale_proof_is_told_so_when_the_payment_is_durable() {
    let mut world = World::new();
    let till = pos1(&mut world);
    let (mut phone, channel) = attach(&mut world, 1, 0);
    phone.sent();
    open(&world, &till, 1, 1, 300);
    answer(&world, &phone, (handset(1), channel), ServerNonce([0; 32]), Proof([0; 32]));
    assert!(phone.sent().is_empty(), "it would tell that the payment is there");
    world.make_durable();
    let sent = phone.sent();
    let stale = sent.iter().any(|message| {
        matches!(message, Message::Answer(_, Answer::ProofResult(result))
            if matches!(result.verdict, Verdict::Stale { .. }))
    });
    assert!(stale, "{sent:?}");
    let customer = world.dispatch().engine().customer(&handset(1).customer).unwrap();
    assert_eq!(customer.wrong_in_row, 0, "not counted");
}

#[test]
fn a_refusal_about_an_own_payment_waits_for_it() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    open(&world, &till, 1, 1, 300);
    open(&world, &till, 2, 1, 301);
    ask(&world, &till, Ask::Delivered(Delivery::All));
    assert!(till.sent().is_empty());
    world.make_durable();
    let sent = till.sent();
    let [reused, forbidden] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(reason_of_refusal(std::slice::from_ref(reused)), Reason::PaymentIdReused);
    assert_eq!(reason_of_refusal(std::slice::from_ref(forbidden)), Reason::StateForbids);
}

#[test]
fn a_handset_that_comes_back_is_asked_and_told_what_it_missed() {
    let mut world = World::new();
    let till = pos1(&mut world);
    open(&world, &till, 1, 2, 1_001);
    open(&world, &till, 2, 1, 300);
    world.make_durable();
    let (mut phone, _) = attach(&mut world, 1, 0);
    world.make_durable();
    let sent = phone.sent();
    let [Message::Answer(_, Answer::Attached { latest: 1 }), notice, asked] = sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    assert_eq!(pushed_notices(std::slice::from_ref(notice))[0].reason, Reason::InsufficientFunds);
    let first = prompt(std::slice::from_ref(asked));
    // Again, having seen the notice: a new nonce, and the older connection is closed.
    let (mut again, _) = attach(&mut world, 1, 1);
    let sent = again.sent();
    let [Message::Answer(..), asked] = sent.as_slice() else { panic!("{sent:?}") };
    let second = prompt(std::slice::from_ref(asked));
    assert_eq!(first.content, second.content);
    assert_ne!(first.server_nonce, second.server_nonce);
    assert_eq!(phone.closed.code(), Some(CloseCode::Superseded));
    assert_eq!(again.closed.code(), None);
    // The older connection's end must not take the newer one's place away.
    drop(phone);
    world.dispatch().ask(
        terminal("POS1"),
        payment(1),
        Ask::Cancel,
        reply(9, &till, Audience::Shop),
    );
    world.make_durable();
    assert_eq!(pushed_notices(&again.sent())[0].state, PaymentState::Cancelled);
}

/// Device ids are made by handsets: another customer's may be the same, by chance or malice.
#[test]
fn a_customer_is_never_reached_over_the_handset_of_another() {
    let mut world = World::new();
    let till = pos1(&mut world);
    let (mut own, _) = attach(&mut world, 1, 0);
    own.sent();
    let thief = Handset { customer: "C-2".parse().unwrap(), ..handset(1) };
    world.enrol(thief);
    let mut theirs = world.connect(peer_of(thief));
    let way = theirs.way.clone();
    world.dispatch().attach(thief, way, 0, reply(1, &theirs, Audience::Customer));
    world.make_durable();
    assert!(matches!(theirs.sent().as_slice(), [Message::Answer(_, Answer::Attached { .. })]));
    assert_eq!(own.closed.code(), None, "it is not superseded");
    open(&world, &till, 1, 1, 300);
    world.make_durable();
    prompt(&own.sent());
    assert!(theirs.sent().is_empty());
}

#[tokio::test]
async fn what_is_due_expires_and_everybody_is_told() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    let (mut phone, _) = attach(&mut world, 1, 0);
    open(&world, &till, 1, 1, 300);
    world.make_durable();
    phone.sent();
    world.dispatch().expire().await;
    world.make_durable();
    assert!(till.sent().is_empty(), "not yet");
    world.clock.advance(60_000);
    world.dispatch().expire().await;
    assert!(till.sent().is_empty(), "not durable");
    world.make_durable();
    assert_eq!(payment_told(&till.sent()).state, PaymentState::Expired);
    assert_eq!(pushed_notices(&phone.sent())[0].reason, Reason::ExpiredUnanswered);
    world.dispatch().expire().await;
    world.make_durable();
    assert!(till.sent().is_empty(), "once");
}

/// Where the journal has no room, nothing waits for it: neither a request nor the expiry.
#[tokio::test]
async fn a_full_journal_refuses_and_does_not_block() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    open(&world, &till, 1, 1, 300);
    world.make_durable();
    world.clock.advance(60_000);
    let journal = world.dispatch().journal().clone();
    let taken: Vec<_> = std::iter::from_fn(|| journal.reserve()).collect();
    let before = world.dispatch().engine().state_hash();
    world.dispatch().expire().await;
    open(&world, &till, 2, 2, 300);
    ask(&world, &till, Ask::Cancel);
    let sent = till.sent();
    assert_eq!(sent.len(), 2);
    for message in sent {
        assert_eq!(reason_of_refusal(&[message]), Reason::Busy);
    }
    assert_eq!(world.dispatch().engine().state_hash(), before);
    drop(taken);
    world.dispatch().expire().await;
    world.make_durable();
    assert_eq!(payment_told(&till.sent()).state, PaymentState::Expired);
}

#[test]
fn a_gateway_that_drains_opens_nothing_and_ends_what_is_open() {
    let mut world = World::new();
    let mut till = pos1(&mut world);
    open(&world, &till, 1, 1, 300);
    world.make_durable();
    world.dispatch().drain();
    open(&world, &till, 2, 2, 300);
    assert_eq!(reason_of_refusal(&till.sent()), Reason::ShuttingDown);
    // A repeat waits with the first: a refusal would say that there is no such payment.
    open(&world, &till, 3, 1, 300);
    assert!(till.sent().is_empty());
    ask(&world, &till, Ask::Cancel);
    assert!(!world.dispatch().is_settled());
    world.make_durable();
    assert!(world.dispatch().is_settled());
    let told = till.sent();
    assert_eq!(told.len(), 3, "the cancel, the open that waited and its repeat");
    for message in told {
        assert_eq!(payment_told(&[message]).state, PaymentState::Cancelled);
    }
}

#[test]
fn a_customer_without_a_handset_there_is_called_once_the_payment_is_durable() {
    let mut world = World::new();
    let till = pos1(&mut world);
    open(&world, &till, 1, 1, 100);
    assert_eq!(world.calls.count(), 0, "nothing leaves before its record is durable");
    world.make_durable();
    assert_eq!(world.calls.count(), 1);
    open(&world, &till, 2, 2, 5_000);
    world.make_durable();
    assert_eq!(world.calls.count(), 1, "nobody is called for what was declined");
}

#[test]
fn a_customer_whose_handset_is_there_is_not_called() {
    let mut world = World::new();
    let (till, _phone) = (pos1(&mut world), attach(&mut world, 1, 0));
    open(&world, &till, 1, 1, 100);
    world.make_durable();
    assert_eq!(world.calls.count(), 0);
}

#[test]
fn a_handset_whose_keys_were_taken_back_calls_nothing_off() {
    let mut world = World::new();
    let till = pos1(&mut world);
    let (mut phone, _) = attach(&mut world, 1, 0);
    open(&world, &till, 1, 1, 100);
    world.make_durable();
    phone.sent();
    let (engine, journal) = (world.dispatch().engine(), world.dispatch().journal());
    let Handset { customer, device } = handset(1);
    engine.revoke_device(customer, device, 0, journal.reserve().unwrap()).unwrap();
    world.dispatch().refuse(handset(1), payment(1), reply(70, &phone, Audience::Customer));
    world.make_durable();
    assert_eq!(reason_of_refusal(&phone.sent()), Reason::IdentityNotOfKey);
    assert_eq!(world.dispatch().engine().open_payments(), 1, "it waits for the other handset");
}
