//! What a terminal sees of a gateway that is slow, forgetful, busy or wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kessai_client::terms::Reason;
use kessai_client::wire::{
    Answer, CloseCode, Delivery, Payment, PaymentState, Push, Refusal, Request, Retry,
    ReverseCause, TerminalRequest, v1,
};
use kessai_client::{CallError, ConnectError, Fault, Options, Terminal};
use support::{Gateway, IN_FLIGHT, NOW_MS, captured, ended, gone, options, payment_id, purchase};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_payment_resolves_at_its_end() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let id = terminal.payment_id();
    let customer = async {
        let (call, asked) = connection.hear_open().await;
        assert_eq!(asked, purchase(id));
        tokio::time::sleep(Duration::from_secs(40)).await;
        connection.answer(&call, Answer::Payment(captured(id))).await;
    };
    let (paid, ()) = tokio::join!(terminal.pay(purchase(id)), customer);
    assert_eq!(paid, Ok(captured(id)));
}

#[tokio::test(start_paused = true)]
async fn a_decline_is_an_answer() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let declined = ended(payment_id(), PaymentState::Declined, Reason::NotHonoured);
    let customer = async {
        let (call, _) = connection.hear_open().await;
        connection.answer(&call, Answer::Payment(declined)).await;
    };
    let (paid, ()) = tokio::join!(terminal.pay(purchase(payment_id())), customer);
    assert_eq!(paid, Ok(declined));
}

#[tokio::test(start_paused = true)]
async fn every_call_asks_what_it_says_and_takes_only_its_own_answer() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let id = payment_id();
    let reversed = ended(id, PaymentState::Reversed, Reason::NotDispensed);
    let serve = async {
        let mut heard = Vec::new();
        for answer in [captured(id), captured(id), captured(id), reversed] {
            let call = connection.hear().await;
            connection.answer(&call, Answer::Payment(answer)).await;
            let Request::Terminal(_, request) = call.body else { panic!("{call:?}") };
            heard.push(request);
        }
        // Then another payment, and another kind of answer.
        let call = connection.hear().await;
        connection.answer(&call, Answer::Payment(captured(terminal.payment_id()))).await;
        let call = connection.hear().await;
        connection.answer(&call, Answer::Attached { latest: 1 }).await;
        heard
    };
    let calls = async {
        for answer in [
            terminal.cancel(id).await,
            terminal.status(id).await,
            terminal.deliver(id, Delivery::All).await,
        ] {
            assert_eq!(answer, Ok(captured(id)));
        }
        assert_eq!(terminal.reverse(id, ReverseCause::NotDispensed).await, Ok(reversed));
        assert_eq!(terminal.status(id).await, Err(CallError::AnotherAnswer));
        assert_eq!(terminal.status(id).await, Err(CallError::AnotherAnswer));
    };
    let (heard, ()) = tokio::join!(serve, calls);
    use TerminalRequest::{Cancel, Delivered, Reverse, Status};
    let delivered = Delivered(id, Delivery::All);
    let reverse = Reverse(id, ReverseCause::NotDispensed);
    assert_eq!(heard, [Cancel(id), Status(id), delivered, reverse]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_made_anew_and_the_payment_asked_for_again() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let id = terminal.payment_id();
    let serve = async {
        let (first, _) = connection.hear_open().await;
        gateway.fail([gone(), gone(), gone()]);
        let lost_at = Instant::now();
        drop(connection);
        let mut connection = gateway.welcome().await;
        let (second, asked) = connection.hear_open().await;
        assert_eq!(asked, purchase(id), "the same payment id, the same content");
        assert!(second.request > first.request, "under a new request number");
        connection.answer(&second, Answer::Payment(captured(id))).await;
        lost_at
    };
    let (paid, lost_at) = tokio::join!(terminal.pay(purchase(id)), serve);
    assert_eq!(paid, Ok(captured(id)));
    let attempts = gateway.attempts();
    assert_eq!(attempts.len(), 5, "the first, three in vain, the last");
    let mut before = lost_at;
    for (attempt, bound_ms) in attempts[1..].iter().zip([100, 200, 400, 800]) {
        let pause = attempt.duration_since(before);
        assert!(pause <= Duration::from_millis(bound_ms + 1), "{pause:?} of {bound_ms} ms");
        before = *attempt;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_sent_only_so_often() {
    let mut gateway = Gateway::new();
    let (terminal, connection) = gateway.terminal(Options { sendings: 3, ..options() }).await;
    let serve = async {
        let mut connection = connection;
        for _ in 0..3 {
            connection.hear_open().await;
            drop(connection);
            connection = gateway.welcome().await;
        }
        connection
    };
    let (paid, mut connection) = tokio::join!(terminal.pay(purchase(payment_id())), serve);
    assert_eq!(paid, Err(CallError::Lost));
    assert_eq!(CallError::Lost.fault(), Fault::Network);
    assert!(connection.requests.try_recv().is_err(), "nothing is sent a fourth time");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_errors_with_their_reason() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    for (reason, fault, retry) in [
        (Reason::TotalMismatch, Fault::Caller, Retry::Never),
        (Reason::PaymentIdReused, Fault::Caller, Retry::Never),
        (Reason::Busy, Fault::Network, Retry::Later { after_ms: 500 }),
    ] {
        let serve = async {
            let (call, _) = connection.hear_open().await;
            connection.answer(&call, Answer::Refusal(Refusal::to_terminal(reason, 500))).await;
        };
        let (paid, ()) = tokio::join!(terminal.pay(purchase(payment_id())), serve);
        let error = paid.unwrap_err();
        assert_eq!((error.reason(), error.fault()), (Some(reason), fault));
        assert!(matches!(error, CallError::Refused(refusal) if refusal.retry == retry));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_gateway_ends_calls_by_their_deadline() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let started_at = Instant::now();
    assert_eq!(terminal.status(payment_id()).await, Err(CallError::Deadline));
    assert_eq!(started_at.elapsed(), options().call_within);
    let started_at = Instant::now();
    assert_eq!(terminal.pay(purchase(payment_id())).await, Err(CallError::Deadline));
    assert_eq!(started_at.elapsed(), options().pay_within);

    // Late answers are dropped, and the connection goes on.
    let (status, open) = (connection.hear().await, connection.hear_open().await.0);
    connection.answer(&status, Answer::Payment(captured(payment_id()))).await;
    connection.answer(&open, Answer::Payment(captured(payment_id()))).await;
    let other = terminal.payment_id();
    let serve = async {
        let call = connection.hear().await;
        connection.answer(&call, Answer::Payment(captured(other))).await;
    };
    let (answer, ()) = tokio::join!(terminal.status(other), serve);
    assert_eq!(answer, Ok(captured(other)));
    assert_eq!(gateway.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_vanishes_ends_calls_by_their_deadline() {
    let mut gateway = Gateway::new();
    let (terminal, connection) = gateway.terminal(options()).await;
    drop(connection);
    gateway.fail((0..200).map(|_| gone()));
    let started_at = Instant::now();
    assert_eq!(terminal.status(payment_id()).await, Err(CallError::Deadline));
    assert_eq!(started_at.elapsed(), options().call_within);
    assert!(gateway.attempts().len() > 3, "it kept trying");
}

#[tokio::test(start_paused = true)]
async fn answers_find_their_calls_in_any_order_and_repeats_are_dropped() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let ids: Vec<_> = (0..5).map(|_| terminal.payment_id()).collect();
    let serve = async {
        let mut calls = Vec::new();
        for _ in &ids {
            let (call, purchase) = connection.hear_open().await;
            calls.push((call, purchase.payment));
        }
        for (call, id) in calls.iter().rev() {
            for _ in 0..2 {
                connection.answer(call, Answer::Payment(captured(*id))).await;
            }
        }
    };
    let pay = |id| terminal.pay(purchase(id));
    let paid =
        async { tokio::join!(pay(ids[0]), pay(ids[1]), pay(ids[2]), pay(ids[3]), pay(ids[4])) };
    let (paid, ()) = tokio::join!(paid, serve);
    let paid = [paid.0, paid.1, paid.2, paid.3, paid.4].map(|payment| payment.unwrap().payment);
    assert_eq!(paid[..], ids);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_asked_at_once_than_the_gateway_allows() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let allowed = usize::try_from(IN_FLIGHT).unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..3 * allowed {
        let terminal = terminal.clone();
        calls.spawn(async move {
            let id = terminal.payment_id();
            assert_eq!(terminal.pay(purchase(id)).await, Ok(captured(id)));
        });
    }
    let mut unanswered = Vec::new();
    for _ in 0..allowed {
        unanswered.push(connection.hear_open().await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(connection.requests.try_recv().is_err());
    for _ in 0..2 * allowed {
        let (call, purchase) = unanswered.remove(0);
        connection.answer(&call, Answer::Payment(captured(purchase.payment))).await;
        unanswered.push(connection.hear_open().await);
    }
    for (call, purchase) in unanswered {
        connection.answer(&call, Answer::Payment(captured(purchase.payment))).await;
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_fails_the_call_it_answers_and_nothing_else() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let approved_without_price =
        v1::Payment { amount_minor: 0, currency: String::new(), ..approved_message() };
    let approved_for_no_reason = v1::Payment { reason: None, ..approved_message() };
    for garbage in [
        None,
        Some(v1::to_peer::Body::Payment(v1::Payment::default())),
        Some(v1::to_peer::Body::Payment(approved_without_price)),
        Some(v1::to_peer::Body::Payment(approved_for_no_reason)),
        Some(v1::to_peer::Body::Draining(v1::Draining::default())),
    ] {
        let serve = async {
            connection.send(v1::ToPeer::default()).await;
            let stray = v1::ToPeer { request: 999, to: None, body: garbage.clone() };
            connection.send(stray).await;
            let (call, _) = connection.hear_open().await;
            let request = call.request.number();
            connection.send(v1::ToPeer { request, to: None, body: garbage.clone() }).await;
        };
        let (paid, ()) = tokio::join!(terminal.pay(purchase(payment_id())), serve);
        let error = paid.unwrap_err();
        assert!(matches!(error, CallError::Unexpected(_)), "{garbage:?}: {error}");
        assert_eq!(error.fault(), Fault::Gateway);
    }
    assert_eq!(gateway.attempts().len(), 1);
}

fn approved_message() -> v1::Payment {
    use kessai_client::wire::{Message, RequestId};
    let answer = Answer::Payment(captured(payment_id()));
    match v1::ToPeer::from(&Message::Answer(RequestId::FIRST, answer)).body {
        Some(v1::to_peer::Body::Payment(payment)) => payment,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_payment_is_no_end() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let pending = Payment {
        state: PaymentState::Pending,
        reason: None,
        ..ended(payment_id(), PaymentState::Declined, Reason::NotHonoured)
    };
    let serve = async {
        let (call, _) = connection.hear_open().await;
        connection.answer(&call, Answer::Payment(pending)).await;
        let call = connection.hear().await;
        connection.answer(&call, Answer::Payment(pending)).await;
    };
    let calls = async {
        let paid = terminal.pay(purchase(payment_id())).await;
        (paid, terminal.status(payment_id()).await)
    };
    let ((paid, status), ()) = tokio::join!(calls, serve);
    assert_eq!(paid, Err(CallError::AnotherAnswer));
    assert_eq!(status.unwrap().state, PaymentState::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_drains_is_left_alone_for_as_long_as_it_asks() {
    let mut gateway = Gateway::new();
    let (terminal, connection) = gateway.terminal(options()).await;
    connection.push(Push::Draining { reconnect_after_ms: 3_000 }).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let closed_at = Instant::now();
    connection.close(CloseCode::ShuttingDown);
    let connection = gateway.welcome().await;
    let pause = gateway.attempts()[1].duration_since(closed_at);
    assert!((3_000..=3_101).contains(&pause.as_millis()), "{pause:?}");
    drop((terminal, connection));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_says_never_is_not_asked_again() {
    for code in [CloseCode::NotEnrolled, CloseCode::Superseded, CloseCode::Protocol] {
        let mut gateway = Gateway::new();
        let (terminal, mut connection) = gateway.terminal(options()).await;
        let serve = async {
            connection.hear_open().await;
            connection.close(code);
        };
        let (paid, ()) = tokio::join!(terminal.pay(purchase(payment_id())), serve);
        let over = CallError::Ended(ConnectError::Closed(code));
        assert_eq!(paid, Err(over.clone()));
        assert_eq!(terminal.status(payment_id()).await, Err(over), "and so for ever");
        assert_eq!(gateway.attempts().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_fails_at_once_for_good_reasons_only() {
    let connect = |gateway: &Gateway| {
        Terminal::connect(gateway.door.clone(), "POS00001".parse().unwrap(), options())
    };
    for why in [
        ConnectError::Untrusted("another root".into()),
        ConnectError::Setup("no key".into()),
        ConnectError::Closed(CloseCode::NotEnrolled),
    ] {
        let gateway = Gateway::new();
        gateway.fail([why.clone()]);
        let started_at = Instant::now();
        assert_eq!(connect(&gateway).await.unwrap_err(), why);
        assert_eq!(started_at.elapsed(), Duration::ZERO);
    }

    // Passing trouble is passed over.
    let mut gateway = Gateway::new();
    gateway.fail([gone(), ConnectError::Closed(CloseCode::Busy), ConnectError::TimedOut]);
    let (terminal, _) = tokio::join!(connect(&gateway), gateway.arrived());
    terminal.unwrap();

    // Lasting trouble is told by its name.
    let gateway = Gateway::new();
    gateway.fail((0..200).map(|_| gone()));
    let started_at = Instant::now();
    assert_eq!(connect(&gateway).await.unwrap_err(), gone());
    assert_eq!(started_at.elapsed(), options().connect_within);
}

#[tokio::test(start_paused = true)]
async fn an_impostor_on_the_way_does_not_end_a_line_that_has_worked() {
    let mut gateway = Gateway::new();
    let (terminal, connection) = gateway.terminal(options()).await;
    gateway.fail([ConnectError::Untrusted("another root".into())]);
    drop(connection);
    let mut connection = gateway.welcome().await;
    let serve = async {
        let call = connection.hear().await;
        connection.answer(&call, Answer::Payment(captured(payment_id()))).await;
    };
    let (answer, ()) = tokio::join!(terminal.status(payment_id()), serve);
    assert_eq!(answer, Ok(captured(payment_id())));
}

#[tokio::test(start_paused = true)]
async fn a_greeting_that_is_refused_or_answered_wrongly_is_told() {
    let mut gateway = Gateway::new();
    let refusal = Refusal::to_terminal(Reason::IdentityNotOfKey, 0);
    let error = greeted_with(&mut gateway, Answer::Refusal(refusal)).await;
    assert_eq!(error.fault(), Fault::Caller);
    assert!(matches!(error, ConnectError::Refused(refusal)
        if refusal.reason == Reason::IdentityNotOfKey));
    let error = greeted_with(&mut Gateway::new(), Answer::Attached { latest: 0 }).await;
    assert!(matches!(error, ConnectError::Greeting(_)), "{error}");

    // A gateway that takes the connection and says nothing.
    let gateway = Gateway::new();
    let id = "POS00001".parse().unwrap();
    let error = Terminal::connect(gateway.door.clone(), id, options()).await.unwrap_err();
    assert_eq!(error, ConnectError::TimedOut);
}

async fn greeted_with(gateway: &mut Gateway, answer: Answer) -> ConnectError {
    let door = Arc::clone(&gateway.door);
    let connect = Terminal::connect(door, "POS00001".parse().unwrap(), options());
    let serve = async {
        let mut connection = gateway.accept().await;
        let hello = connection.hear().await;
        connection.answer(&hello, answer).await;
        connection
    };
    tokio::join!(connect, serve).0.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn payment_ids_follow_the_gateways_clock() {
    let mut gateway = Gateway::new();
    let (terminal, connection) = gateway.terminal(options()).await;
    let first = terminal.payment_id();
    assert_eq!(first.unix_ms(), NOW_MS);
    assert_ne!(first, terminal.payment_id());
    tokio::time::sleep(Duration::from_millis(1_234)).await;
    assert_eq!(terminal.payment_id().unix_ms(), NOW_MS + 1_234);
    assert_eq!(terminal.gateway_time_ms(), NOW_MS + 1_234);
    // Welcome sets it anew.
    drop(connection);
    let _connection = gateway.welcome().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(terminal.payment_id().unix_ms(), NOW_MS + 1);
}

#[tokio::test(start_paused = true)]
async fn the_connection_ends_with_the_last_handle() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let clone = terminal.clone();
    drop(terminal);
    let serve = async {
        let call = connection.hear().await;
        let Request::Echo(payload) = &call.body else { panic!("{call:?}") };
        connection.answer(&call, Answer::Echo(payload.clone())).await;
    };
    let (took, ()) = tokio::join!(clone.echo(Bytes::from_static(b"hello")), serve);
    assert_eq!(took, Ok(Duration::ZERO));
    drop(clone);
    assert!(connection.requests.recv().await.is_none(), "hung up");
    assert_eq!(gateway.attempts().len(), 1, "and not connected again");
}

#[tokio::test(start_paused = true)]
async fn a_request_too_long_is_not_sent() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let error = terminal.echo(vec![0; 40_000].into()).await.unwrap_err();
    assert!(matches!(error, CallError::TooLong(_)), "{error}");
    assert_eq!(error.fault(), Fault::Caller);
    assert!(connection.requests.try_recv().is_err());
}
