//! The customer's side: sees a question, thinks, types, mistypes, cancels or stays silent.

use std::sync::Arc;

use kessai_client::wire::Notice;
use kessai_client::{Answered, CallError, Event, Events, Handset, Question};
use kessai_engine::terms::collation::HandsetSecrets;
use tokio::time::{Instant, sleep};

use super::World;
use crate::ledger::{Prompted, Shown};
use crate::messages::{Message, Outturn, Sending};
use crate::people::{Deed, Person};
use crate::told;

/// Attends to a handset for as long as it is there.
pub(super) async fn attend(world: Arc<World>, seat: usize, mut events: Events) {
    let Some(handset) = world.handsets.get(seat).cloned() else { return };
    while let Some(event) = events.next().await {
        match event {
            Event::Connected => {}
            Event::Disconnected(why) => {
                world.board.trouble(&format!("{}: {why}", handset.id()));
            }
            Event::Asked(question) => {
                if let Some(person) = look(&world, &handset, &question) {
                    let (world, handset) = (Arc::clone(&world), handset.clone());
                    tokio::spawn(answer(world, handset, seat, question, person));
                }
            }
            Event::Told(notice) => {
                world.messages.heard(Message::Notice, Sending::First);
                hear(&world, &handset, &notice);
            }
            Event::Untrusted(why) => {
                world.messages.strayed(Message::Notice);
                world.ledger.stray(format!("handset {} does not believe: {why}", handset.id()));
            }
        }
    }
}

/// Looks at a question, and says who is going to answer it; nobody if somebody is already.
fn look(world: &World, handset: &Handset, question: &Question) -> Option<Person> {
    let confirmation = &question.confirmation;
    let shown = Shown {
        customer: handset.id().customer,
        terminal: confirmation.terminal,
        store_name: confirmation.store_name.as_str().into(),
        lines: confirmation.basket.lines().into(),
        price: confirmation.basket.total().of(confirmation.currency),
        total: confirmation.total(),
        exchange: confirmation.exchange.map(|exchange| (exchange.rate, exchange.markup_bp)),
    };
    let time_to_answer = question.answer_by.saturating_duration_since(Instant::now());
    match world.ledger.prompted(question.payment(), &shown, world.now(), time_to_answer) {
        Prompted::First(person) => {
            world.messages.heard(Message::Prompt, Sending::First);
            return Some(person);
        }
        Prompted::Again => world.messages.heard(Message::Prompt, Sending::Again),
        Prompted::Unasked => world.messages.strayed(Message::Prompt),
    }
    None
}

async fn answer(
    world: Arc<World>,
    handset: Handset,
    seat: usize,
    question: Box<Question>,
    person: Person,
) {
    let Some((right, wrong)) = world.secrets(seat) else { return };
    let payment = question.payment();
    for step in person.steps {
        sleep(step.after).await;
        // A screen that says how it ended is not answered any more.
        if world.ledger.has_ended(&payment) {
            return;
        }
        world.ledger.acted(payment, step.deed, world.now());
        let done = match step.deed {
            Deed::Approve => prove(&world, &handset, &question, &right).await,
            Deed::Mistype => prove(&world, &handset, &question, &wrong).await,
            Deed::Cancel => {
                let refusing = handset.refuse(payment);
                let answer = world.messages.send(Message::Refuse, Sending::First, refusing).await;
                answer.map(|notice| hear(&world, &handset, &notice))
            }
        };
        if let Err(error) = done {
            doubt(&world, &handset, &error);
            return;
        }
    }
}

async fn prove(
    world: &World,
    handset: &Handset,
    question: &Question,
    secrets: &HandsetSecrets,
) -> Result<(), CallError> {
    let proving = handset.approve(question, secrets);
    let matched = |answer: &Answered| match answer {
        Answered::Approved(_) => Outturn::Answered,
        Answered::Declined(_) | Answered::Ended(_) | Answered::TryAgain { .. } => Outturn::Refused,
    };
    let messages = &world.messages;
    match messages.send_and_judge(Message::Proof, Sending::First, proving, matched).await? {
        Answered::Approved(notice) | Answered::Declined(notice) | Answered::Ended(notice) => {
            hear(world, handset, &notice);
        }
        Answered::TryAgain { .. } => {}
    }
    Ok(())
}

fn hear(world: &World, handset: &Handset, notice: &Notice) {
    let told = told::by_notice(notice, world.now());
    world.note(world.ledger.told_customer(notice.payment, handset.id().customer, told));
}

/// Tells troubles of the network, which pass, from answers that must not be.
fn doubt(world: &World, handset: &Handset, error: &CallError) {
    match error {
        // The end came in between, and tells itself.
        CallError::NotOpen => {}
        CallError::Refused(_) | CallError::Deadline | CallError::Lost | CallError::Ended(_) => {
            world.board.trouble(&format!("{}: {error}", handset.id()));
        }
        CallError::Unexpected(_)
        | CallError::AnotherAnswer
        | CallError::Untrusted(_)
        | CallError::TooLong(_)
        | CallError::BeingAnswered
        | CallError::AlwaysStale => {
            world.ledger.stray(format!("handset {}: {error}", handset.id()));
        }
    }
}
