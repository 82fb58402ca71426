//! Tells the program around a handset what happens to it.

use std::fmt;
use std::sync::Arc;

use kessai_terms::PaymentId;
use kessai_terms::collation::ContentDigest;
use kessai_wire::{Confirmation, Notice};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::{ConnectError, Distrust};

/// Asks the customer to confirm a purchase.
#[derive(Clone, Debug)]
pub struct Question {
    /// What to show: the total first, and largest. It was decoded from the very bytes that the
    /// proof will cover.
    pub confirmation: Arc<Confirmation>,
    /// The digest of those bytes.
    pub digest: ContentDigest,
    /// How many wrong passwords the payment stands.
    pub tries_left: u32,
    /// Until when the customer can answer, on the own clock.
    pub answer_by: Instant,
    /// When it was given to the program around the handset, on the own clock: shown from then on,
    /// as the proof will say.
    pub given_at: Instant,
}

impl Question {
    /// Tells which payment it is about.
    pub fn payment(&self) -> PaymentId {
        self.confirmation.payment
    }
}

/// Is something that happens to a handset.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection stands.
    Connected,
    /// The connection is lost; another one is being made, unless it is lost for good.
    Disconnected(ConnectError),
    /// The customer is asked, once for each payment, over any number of connections.
    Asked(Box<Question>),
    /// A payment has come to an end, or further. The gateway signed it; each notice is told once,
    /// however often it comes. Keep it, and then [`Handset::seen`](crate::Handset::seen).
    Told(Box<Notice>),
    /// Something came that is not believed. Show nothing of it to the customer.
    Untrusted(Distrust),
}

/// Receives the events of a handset.
///
/// If they are not read, the connection is given up; what was not told comes again later.
pub struct Events(mpsc::Receiver<Event>);

/// How many events may wait to be read.
const MOST_EVENTS: usize = 256;

/// Makes both ends.
pub(super) fn events() -> (mpsc::Sender<Event>, Events) {
    let (sender, receiver) = mpsc::channel(MOST_EVENTS);
    (sender, Events(receiver))
}

impl Events {
    /// Waits for the next event; none comes after the connection has ended for good. May be
    /// dropped and called again.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await.map(given)
    }

    /// Takes the next event if it is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.0.try_recv().ok().map(given)
    }
}

/// Notes when a question was taken out: it may have waited before.
fn given(mut event: Event) -> Event {
    if let Event::Asked(question) = &mut event {
        question.given_at = Instant::now();
    }
    event
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("waiting", &self.0.len()).finish()
    }
}
