//! What a gateway takes, and which of its limits turned somebody away.

use kessai_gateway::admin::rows::GatewayRow;
use serde::Serialize;

use super::usage::Knocks;

/// What a gateway takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GatewayLimits {
    /// Connections at a time.
    pub connections_most: usize,
    /// Handshakes under way at a time.
    pub handshakes_most: usize,
    /// New connections from one address a second.
    pub per_source_per_second: u32,
    /// How long a handshake may take, in milliseconds.
    pub handshake_ms: u64,
    /// How long a connection may be silent, in milliseconds.
    pub idle_ms: u64,
}

impl GatewayLimits {
    /// Takes what a gateway says of itself.
    pub(super) const fn of(gateway: &GatewayRow) -> Self {
        Self {
            connections_most: gateway.connections_most,
            handshakes_most: gateway.handshakes_most,
            per_source_per_second: gateway.per_source_per_second,
            handshake_ms: gateway.handshake_ms,
            idle_ms: gateway.idle_ms,
        }
    }

    /// Says which limits turned connections away, if any were.
    pub(super) fn reached(&self, turned_away: u64, knocks: &Knocks) -> Vec<String> {
        if turned_away == 0 {
            return Vec::new();
        }
        let Self { connections_most, handshakes_most, per_source_per_second, .. } = self;
        let of_source = knocks.refused_source.filter(|count| *count > 0).map(|count| {
            format!(
                "{count} were turned away because the gateway takes {per_source_per_second} new \
                 connections a second from one address (connections.per_source_per_second)"
            )
        });
        let crowded = knocks.refused_crowded.filter(|count| *count > 0).map(|count| {
            format!(
                "{count} were turned away because the gateway takes {connections_most} connections \
                 and {handshakes_most} handshakes at a time (connections.most, \
                 connections.handshakes)"
            )
        });
        let told: Vec<_> = of_source.into_iter().chain(crowded).collect();
        if told.is_empty() {
            return vec![format!(
                "{turned_away} were turned away; the gateway does not tell by which of its limits"
            )];
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::{GatewayLimits, Knocks};

    #[test]
    fn a_limit_is_named_by_what_the_gateway_counted() {
        let limits = GatewayLimits {
            connections_most: 100,
            handshakes_most: 64,
            per_source_per_second: 500,
            handshake_ms: 3_000,
            idle_ms: 30_000,
        };
        let check = |turned_away, knocks: Knocks, words: &[&str]| {
            let told = limits.reached(turned_away, &knocks);
            assert_eq!(told.len(), words.len(), "{told:?}");
            for (told, words) in told.iter().zip(words) {
                assert!(told.contains(words), "{told}");
            }
        };
        let knocks = |of_source, crowded| Knocks {
            refused_source: Some(of_source),
            refused_crowded: Some(crowded),
            ..Knocks::default()
        };
        check(0, knocks(7, 7), &[]);
        check(7, knocks(7, 0), &["7 were turned away because the gateway takes 500 new"]);
        check(9, knocks(2, 7), &["(connections.per_source_per_second)", "takes 100 connections"]);
        check(7, Knocks::default(), &["does not tell by which"]);
    }
}
