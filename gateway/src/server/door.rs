//! Who is let in: bounded in all, by handshakes under way, and by source.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use kessai_wire::CloseCode;
use quinn::{Connection, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Gateway, Sessions};
use crate::clock::Lent;
use crate::connection::{self, Deadlines};
use crate::counters::Handshakes;
use crate::enrolment::{self, Registry};
use crate::outgoing::Close;
use crate::session::Reception;
use crate::settings::{Connections, millis};

/// How often the memory of silent addresses is given back.
const SWEEP: Duration = Duration::from_secs(60);

/// Counts what comes from each source, by the gateway's clock.
type Limiter = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, Lent, NoOpMiddleware<Duration>>;

/// Who is let in: bounded in all, by handshakes under way, and by source.
///
/// # Source
/// RFC 9000, section 8.1.2 (Retry); RFC 9308 section 3.1.
pub(super) struct Door {
    reception: Arc<Reception>,
    sessions: Arc<Sessions>,
    tasks: TaskTracker,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    retry_below: usize,
    sources: Limiter,
    enrolments: Limiter,
    registry: Registry,
    swept_at_ms: AtomicU64,
    handshake: Duration,
    deadlines: Deadlines,
}

impl Door {
    pub(super) fn new(gateway: &Gateway, connections: &Connections, registry: Registry) -> Self {
        let at_least_one = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(connections.per_source_per_second));
        let enrolments = at_least_one(connections.enrolments_per_source_per_minute);
        let limiter = |quota| {
            let clock = Lent::new(Arc::clone(&gateway.clock));
            RateLimiter::new(quota, DashMapStateStore::default(), clock)
        };
        Self {
            reception: Arc::clone(&gateway.reception),
            sessions: Arc::clone(&gateway.sessions),
            tasks: gateway.tasks.clone(),
            connections: Arc::new(Semaphore::new(connections.most)),
            handshakes: Arc::new(Semaphore::new(connections.handshakes)),
            retry_below: connections.handshakes - connections.handshakes / 8,
            sources: limiter(quota),
            enrolments: limiter(Quota::per_minute(enrolments)),
            registry,
            swept_at_ms: AtomicU64::new(0),
            handshake: connections.handshake,
            deadlines: Deadlines {
                greeting: connections.handshake,
                frame: connections.frame,
                write: connections.idle,
            },
        }
    }

    pub(super) fn admit(self: &Arc<Self>, incoming: Incoming) {
        self.sweep();
        let validated = incoming.remote_address_validated();
        let crowded = self.handshakes.available_permits() < self.retry_below;
        if crowded && !validated && incoming.may_retry() {
            self.handshakes().retried.note();
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
            return;
        }
        let permits = (
            Arc::clone(&self.connections).try_acquire_owned(),
            Arc::clone(&self.handshakes).try_acquire_owned(),
        );
        let (Ok(connection), Ok(handshake)) = permits else {
            self.handshakes().crowded.note();
            return incoming.refuse();
        };
        if self.sources.check_key(&source(incoming.remote_address().ip())).is_err() {
            self.handshakes().too_many_of_source.note();
            return incoming.refuse();
        }
        let door = Arc::clone(self);
        self.tasks.spawn(async move { door.welcome(incoming, handshake, connection).await });
    }

    async fn welcome(
        &self,
        incoming: Incoming,
        handshake: OwnedSemaphorePermit,
        _connection: OwnedSemaphorePermit,
    ) {
        let Some(connection) = self.shake_hands(incoming).await else {
            return self.handshakes().failed.note();
        };
        self.handshakes().completed.note();
        drop(handshake);
        if connection::is_for_enrolment(&connection) {
            return self.enrol(&connection).await;
        }
        let number = self.sessions.number();
        let reception = Arc::clone(&self.reception);
        let code = connection::serve(connection, number, reception, self.deadlines, |session| {
            self.sessions.enter(number, session);
        })
        .await;
        self.sessions.leave(number);
        tracing::debug!(connection = number, code = code.name(), "closed");
    }

    async fn shake_hands(&self, incoming: Incoming) -> Option<Connection> {
        timeout(self.handshake, incoming.accept().ok()?).await.ok()?.ok()
    }

    fn handshakes(&self) -> &Handshakes {
        &self.reception.dispatch.counters().handshakes
    }

    async fn enrol(&self, connection: &Connection) {
        if self.enrolments.check_key(&source(connection.remote_address().ip())).is_err() {
            return Close::close(connection, CloseCode::Busy);
        }
        let code = enrolment::serve(connection, &self.registry).await;
        tracing::debug!(code = code.name(), "an enrolment has ended");
    }

    /// Forgets addresses that have been silent, so that a scan from many cannot fill the memory.
    fn sweep(&self) {
        let now_ms = self.reception.dispatch.now_ms();
        let swept_at_ms = self.swept_at_ms.load(Ordering::Relaxed);
        if now_ms.saturating_sub(swept_at_ms) > millis(SWEEP) {
            self.swept_at_ms.store(now_ms, Ordering::Relaxed);
            self.sources.retain_recent();
            self.enrolments.retain_recent();
        }
    }
}

/// Names whom an address counts for. Whoever has one address of IPv6 has at least 2^64 of them.
///
/// # Source
/// RFC 6177, section 2; RFC 4291, sections 2.5.4 and 2.5.5.2.
fn source(address: IpAddr) -> IpAddr {
    /// The part of an address that names a network.
    const NETWORK: u128 = u128::MAX << 64;
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
    }
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn a_network_of_ipv6_is_one_source_and_an_address_of_ipv4_another() {
        let same =
            |one: &str, other: &str| source(one.parse().unwrap()) == source(other.parse().unwrap());
        assert!(same("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert!(!same("2001:db8:0:1::1", "2001:db8:0:2::1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"), "one that came over a socket of IPv6");
        assert!(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    }
}
