//! What a terminal asks after the sale: what came out, what is paid back, what its books say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::time::Duration;

use kessai_client::terms::{Currency, PaymentId, Reason, Reference, Rounding};
use kessai_client::wire::{
    Answer, Call, CloseCode, CurrencyTotals, DeliveredLines, Delivery, Payer, Payment,
    PaymentState, Purchase, Refund, RefundDone, Refusal, Request, ReverseCause, Tally,
    TerminalFacts, TerminalKind, TerminalRequest, TerminalTotals,
};
use kessai_client::{CallError, ConnectError, Options, Terminal};
use support::{Connection, Gateway, captured, ended, gone, options, payment_id, purchase, yen};
use tokio::time::Instant;

fn request(call: &Call) -> TerminalRequest {
    match &call.body {
        Request::Terminal(_, request) => request.clone(),
        other => panic!("not a terminal's: {other:?}"),
    }
}

/// Answers each call with the next answer, and tells what was asked.
async fn serve(connection: &mut Connection, answers: Vec<Answer>) -> Vec<TerminalRequest> {
    let mut heard = Vec::new();
    for answer in answers {
        let call = connection.hear().await;
        connection.answer(&call, answer).await;
        heard.push(request(&call));
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn a_purchase_by_code_is_repeated_as_it_was_on_the_next_connection() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let id = terminal.payment_id();
    let code = "314 159 2653".parse().unwrap();
    let by_code = Purchase { payer: Payer::Code(code), ..purchase(id) };
    let gateway_side = async {
        let (_, first) = connection.hear_open().await;
        drop(connection);
        let mut connection = gateway.welcome().await;
        let (call, second) = connection.hear_open().await;
        assert_eq!((&first, &second), (&by_code, &by_code));
        connection.answer(&call, Answer::Payment(captured(id))).await;
    };
    let (paid, ()) = tokio::join!(terminal.pay(by_code.clone()), gateway_side);
    assert_eq!(paid, Ok(captured(id)));
}

#[tokio::test(start_paused = true)]
async fn a_machine_reports_what_came_out_and_hears_what_it_is_worth() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let id = payment_id();
    let part = Delivery::Lines(DeliveredLines::new([(0, 1)]).unwrap());
    let in_part = Payment { captured: yen(129), ..captured(id) };
    let nothing = ended(id, PaymentState::Reversed, Reason::NotDispensed);
    let answers = [in_part, nothing].map(Answer::Payment).to_vec();
    let calls = async {
        assert_eq!(terminal.deliver(id, part.clone()).await, Ok(in_part));
        assert_eq!(terminal.deliver(id, part.clone()).await, Ok(nothing));
    };
    let (heard, ()) = tokio::join!(serve(&mut connection, answers), calls);
    let reported = TerminalRequest::Delivered(id, part);
    assert_eq!(heard, [reported.clone(), reported]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_one_is_none() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let id = payment_id();
    let authorised = Payment { state: PaymentState::Authorised, ..captured(id) };
    let pending = Payment { state: PaymentState::Pending, reason: None, ..captured(id) };
    let declined = ended(id, PaymentState::Declined, Reason::NotHonoured);
    let wrong = [authorised, pending, declined, authorised, pending, captured(id), pending];
    let answers = wrong.map(Answer::Payment).to_vec();
    let calls = async {
        for _ in 0..3 {
            let delivered = terminal.deliver(id, Delivery::All).await;
            assert_eq!(delivered, Err(CallError::AnotherAnswer));
        }
        for _ in 0..3 {
            let reversed = terminal.reverse(id, ReverseCause::OnRequest).await;
            assert_eq!(reversed, Err(CallError::AnotherAnswer));
        }
        assert_eq!(terminal.cancel(id).await, Err(CallError::AnotherAnswer));
    };
    tokio::join!(serve(&mut connection, answers), calls);
}

fn refund_of(terminal: &Terminal, minor: u64) -> Refund {
    Refund { refund: terminal.payment_id(), payment: payment_id(), amount: yen(minor) }
}

fn refunded(refund: &Refund) -> Payment {
    let done = RefundDone {
        refund: refund.refund,
        amount: refund.amount,
        reference: Reference::new(626_412_000_043).unwrap(),
        business_date: 20_260_922,
    };
    Payment {
        state: PaymentState::PartlyRefunded,
        refunded: refund.amount,
        refund: Some(done),
        ..captured(refund.payment)
    }
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_asked_for_again_under_its_own_id() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let refund = refund_of(&terminal, 93);
    let gateway_side = async {
        let first = connection.hear().await;
        drop(connection);
        let mut connection = gateway.welcome().await;
        let second = connection.hear().await;
        assert_eq!(request(&first), TerminalRequest::Refund(refund));
        assert_eq!(first.body, second.body, "the same refund");
        connection.answer(&second, Answer::Payment(refunded(&refund))).await;
        let third = connection.hear().await;
        let refusal = Refusal::to_terminal(Reason::AmountAboveCapture, 0);
        connection.answer(&third, Answer::Refusal(refusal)).await;
    };
    let calls = async {
        assert_eq!(terminal.refund(refund).await, Ok(refunded(&refund)));
        terminal.refund(refund_of(&terminal, 1_000)).await.unwrap_err()
    };
    let (error, ()) = tokio::join!(calls, gateway_side);
    assert_eq!(error.reason(), Some(Reason::AmountAboveCapture));
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_taken_as_made_only_if_it_is_this_one() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let refund = refund_of(&terminal, 93);
    let made = refunded(&refund);
    let other_id = Refund { refund: terminal.payment_id(), ..refund };
    let other_payment = Refund { payment: PaymentId::from_parts(1, [1; 10]), ..refund };
    let less = Refund { amount: yen(92), ..refund };
    let wrong = [
        refunded(&other_id),
        refunded(&other_payment),
        Payment { refunded: yen(93), ..refunded(&less) },
        Payment { refund: None, ..made },
        Payment { state: PaymentState::Captured, ..made },
    ];
    let answers = wrong.map(Answer::Payment).to_vec();
    let calls = async {
        for _ in wrong {
            assert_eq!(terminal.refund(refund).await, Err(CallError::AnotherAnswer));
        }
    };
    tokio::join!(serve(&mut connection, answers), calls);
}

#[tokio::test(start_paused = true)]
async fn a_reversal_is_repeated_over_lost_lines_silence_and_a_busy_gateway() {
    let mut gateway = Gateway::new();
    let impatient = Options { sendings: 1, ..options() };
    let (terminal, mut connection) = gateway.terminal(impatient).await;
    let id = payment_id();
    let reversed = ended(id, PaymentState::Reversed, Reason::ReversedOnRequest);
    let gateway_side = async {
        let mut heard = Vec::new();
        // Lost three times, beyond what a single call stands.
        for _ in 0..3 {
            heard.push(request(&connection.hear().await));
            drop(connection);
            connection = gateway.welcome().await;
        }
        // Not answered at all.
        heard.push(request(&connection.hear().await));
        // Refused for the moment.
        let busy = connection.hear().await;
        heard.push(request(&busy));
        let refused_at = Instant::now();
        let refusal = Refusal::to_terminal(Reason::Busy, 7_000);
        connection.answer(&busy, Answer::Refusal(refusal)).await;
        let last = connection.hear().await;
        assert!(refused_at.elapsed() >= Duration::from_secs(7), "{:?}", refused_at.elapsed());
        heard.push(request(&last));
        connection.answer(&last, Answer::Payment(reversed)).await;
        (heard, connection)
    };
    let reverse = terminal.reverse_until_acknowledged(id, ReverseCause::OnRequest);
    let (acknowledged, (heard, mut connection)) = tokio::join!(reverse, gateway_side);
    assert_eq!(acknowledged, Ok(reversed));
    assert_eq!(heard, vec![TerminalRequest::Reverse(id, ReverseCause::OnRequest); 6]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(connection.requests.try_recv().is_err(), "nothing is asked after the answer");
}

#[tokio::test(start_paused = true)]
async fn a_reversal_that_overtook_its_open_is_acknowledged_by_the_cancellation() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let id = payment_id();
    let cancelled = Payment {
        price: None,
        opened_at_ms: None,
        ..ended(id, PaymentState::Cancelled, Reason::CancelledByTerminal)
    };
    let reverse = terminal.reverse_until_acknowledged(id, ReverseCause::OnRequest);
    let answers = vec![Answer::Payment(cancelled)];
    let (acknowledged, _) = tokio::join!(reverse, serve(&mut connection, answers));
    assert_eq!(acknowledged, Ok(cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_reversal_is_not_repeated_against_a_no() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let id = payment_id();
    let answers = vec![
        Answer::Refusal(Refusal::to_terminal(Reason::StateForbids, 0)),
        Answer::Payment(captured(id)),
    ];
    let calls = async {
        let no = terminal.reverse_until_acknowledged(id, ReverseCause::NotDispensed).await;
        assert_eq!(no.unwrap_err().reason(), Some(Reason::StateForbids));
        let nonsense = terminal.reverse_until_acknowledged(id, ReverseCause::NotDispensed).await;
        assert_eq!(nonsense, Err(CallError::AnotherAnswer));
    };
    tokio::join!(serve(&mut connection, answers), calls);

    let over = async {
        connection.hear().await;
        connection.close(CloseCode::NotEnrolled);
    };
    let reverse = terminal.reverse_until_acknowledged(id, ReverseCause::OnRequest);
    let (ended, ()) = tokio::join!(reverse, over);
    assert_eq!(ended, Err(CallError::Ended(ConnectError::Closed(CloseCode::NotEnrolled))));
}

#[tokio::test(start_paused = true)]
async fn a_reversal_is_repeated_as_long_as_the_gateway_is_away() {
    let mut gateway = Gateway::new();
    let (terminal, connection) = gateway.terminal(options()).await;
    let id = payment_id();
    drop(connection);
    gateway.fail((0..100).map(|_| gone()));
    let started_at = Instant::now();
    let reversed = ended(id, PaymentState::Reversed, Reason::ReversedOnRequest);
    let reverse = terminal.reverse_until_acknowledged(id, ReverseCause::OnRequest);
    let gateway_side = async {
        let mut connection = gateway.welcome().await;
        serve(&mut connection, vec![Answer::Payment(reversed)]).await
    };
    let (acknowledged, heard) = tokio::join!(reverse, gateway_side);
    assert_eq!(acknowledged, Ok(reversed));
    assert_eq!(heard.len(), 1, "what nobody waits for any more is not sent");
    assert!(started_at.elapsed() > 5 * options().call_within, "{:?}", started_at.elapsed());
}

fn totals(business_date: u32) -> TerminalTotals {
    let captured = Tally { count: 2, amount: yen(986) };
    let (reversed, refunded) = (Tally::default(), Tally { count: 1, amount: yen(93) });
    let yen = CurrencyTotals { currency: Currency::JPY, captured, reversed, refunded };
    TerminalTotals { business_date, currencies: vec![yen] }
}

fn facts() -> TerminalFacts {
    TerminalFacts {
        merchant: "M1".parse().unwrap(),
        merchant_name: "やまと商店".parse().unwrap(),
        invoice_number: None,
        store: "S1".parse().unwrap(),
        store_name: "やまと 駅前店".parse().unwrap(),
        currency: Currency::JPY,
        rounding: Rounding::Down,
        kind: TerminalKind::Vending,
        utc_offset_minutes: 540,
    }
}

#[tokio::test(start_paused = true)]
async fn a_till_asks_for_its_totals_and_for_what_its_receipts_name() {
    let mut gateway = Gateway::new();
    let (terminal, mut connection) = gateway.terminal(options()).await;
    let answers = vec![
        Answer::Totals(totals(20_260_921)),
        Answer::Totals(totals(20_260_922)),
        Answer::Facts(facts()),
        // Of another day, and other kinds of answers.
        Answer::Totals(totals(20_260_922)),
        Answer::Facts(facts()),
        Answer::Totals(totals(20_260_921)),
    ];
    let calls = async {
        let day = Some(20_260_921);
        assert_eq!(terminal.totals(day).await, Ok(totals(20_260_921)));
        assert_eq!(terminal.totals(None).await, Ok(totals(20_260_922)));
        assert_eq!(terminal.facts().await, Ok(facts()));
        assert_eq!(terminal.totals(day).await, Err(CallError::AnotherAnswer));
        assert_eq!(terminal.totals(day).await, Err(CallError::AnotherAnswer));
        assert_eq!(terminal.facts().await, Err(CallError::AnotherAnswer));
    };
    let (heard, ()) = tokio::join!(serve(&mut connection, answers), calls);
    let of = |business_date| TerminalRequest::Totals { business_date };
    let day = of(Some(20_260_921));
    let facts = TerminalRequest::Facts;
    assert_eq!(heard, [day.clone(), of(None), facts.clone(), day.clone(), day, facts]);
}
