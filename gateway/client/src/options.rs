//! Says how patient a client is.

use std::time::Duration;

use kessai_terms::JournalReceipt;
use kessai_wire::SoftwareName;

use crate::randomness::Randomness;

/// Says how patient a client is.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name and version of the program, for the operator's log.
    pub software: Option<SoftwareName>,
    /// How long the first connection may take, all attempts together.
    pub connect_within: Duration,
    /// How long one attempt to connect and to greet may take.
    pub greet_within: Duration,
    /// How long any call but [`pay`](crate::Terminal::pay) may take; so, too, a handset's attachment
    /// on a new connection, which its calls wait for.
    pub call_within: Duration,
    /// How long a payment may take until its end: longer than the customer is given.
    pub pay_within: Duration,
    /// How often a request is sent, on one connection after the other, before it fails.
    pub sendings: u32,
    /// How long to wait between attempts to connect.
    pub backoff: Backoff,
    /// The highest receipt of this gateway that was kept from before, of a terminal or a store
    /// controller. It goes on from there, and shows the highest one whenever it connects.
    pub receipt: Option<JournalReceipt>,
    /// Gives what pauses, nonces and ids of payments are drawn from.
    pub randomness: Randomness,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            software: None,
            connect_within: Duration::from_secs(15),
            greet_within: Duration::from_secs(5),
            call_within: Duration::from_secs(15),
            pay_within: Duration::from_secs(90),
            sendings: 8,
            backoff: Backoff::default(),
            receipt: None,
            randomness: Randomness::default(),
        }
    }
}

/// Says how long to wait between attempts to connect: a random time below a bound that doubles with
/// every attempt.
///
/// The whole pause is random, so that a thousand clients that lost the gateway together do not come
/// back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first pause.
    pub first: Duration,
    /// The bound that is never exceeded; a connection that lived so long starts over.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(200), most: Duration::from_secs(20) }
    }
}
