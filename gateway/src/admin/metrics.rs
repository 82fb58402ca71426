//! What a monitoring system reads: numbers of the gateway, of its journal and of its process.
//!
//! They are put together when they are asked for, from what is counted anyway. No label names anybody,
//! and each has values from a list that this program knows.
//!
//! # Source
//! OpenMetrics 1.0.

mod process;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kessai_engine::Lsn;
use kessai_journal::{Tally, WritingTimes};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::admin::Office;
use crate::admin::problem::Problem;
use crate::counters::Counters;
use crate::server::Connected;

/// What the answer is, to those who read it.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The label of a metric and its value, both from a list that this program knows.
type Label = (&'static str, &'static str);

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(office): State<Arc<Office>>) -> Result<Response, Problem> {
    let mut text = String::new();
    encode(&mut text, &office.registry()).map_err(Problem::internal)?;
    Ok(([(CONTENT_TYPE, TEXT)], text).into_response())
}

impl Office {
    /// Everything as it stands.
    fn registry(&self) -> Registry {
        let mut all = Registry::default();
        of_process(&mut all);
        let own = all.sub_registry_with_prefix("kessai");
        own.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        of_payments(own, &self.counters, self.engine.open_payments());
        of_connections(own, &self.counters, &self.sessions.connected());
        of_traffic(own, &self.counters);
        let durable = self.journal.durable();
        gauge(own, "journal_durable_lsn", "The latest record that is durable", durable.0);
        // What there is none of must not look like one that is well.
        if let Some(tally) = self.journal.tally() {
            of_journal(own, &tally);
        }
        let behind = |upto: Lsn| durable.0.saturating_sub(upto.0);
        if let Ok(archive) = self.shelf.archive() {
            let help = "Durable records that the archive has not yet";
            gauge(own, "archive_lag_records", help, behind(archive.upto()));
        }
        if let Some(upto) = self.condition.snapshot() {
            let help = "Durable records behind the latest snapshot, for a start to replay";
            gauge(own, "snapshot_lag_records", help, behind(upto));
        }
        all
    }
}

fn of_process(all: &mut Registry) {
    let cpu_s = ConstCounter::new(process::cpu_time().as_secs_f64());
    all.register_with_unit("process_cpu", "Processor time of all threads", Unit::Seconds, cpu_s);
    if let Some(bytes) = process::resident_bytes() {
        let memory = ConstGauge::new(bytes);
        let help = "Memory in use";
        all.register_with_unit("process_resident_memory", help, Unit::Bytes, memory);
    }
}

fn of_payments(own: &mut Registry, counters: &Counters, open: u32) {
    let payments = &counters.payments;
    counter(
        own,
        "payments_opened",
        "Payments that a customer was asked for",
        payments.opened.read(),
    );
    let ended = Family::<[Label; 2], Counter>::default();
    for (end, reason, count) in payments.ends() {
        let labels = [("end", end.name()), ("reason", reason.name())];
        ended.get_or_create(&labels).inc_by(count);
    }
    own.register("payments_ended", "Payments that were approved, or will not be", ended);
    gauge(own, "payments_open", "Payments that wait for a customer", open.into());
    let reversed = payments.reversed.read().map(|(reason, count)| (reason.name(), count));
    let help = "Approved payments that were taken back whole";
    counters_by(own, "payments_reversed", help, "reason", reversed);
    counter(own, "refunds", "Times that money was given back", payments.refunds.read());
    let refused = counters.refused.read().map(|(reason, count)| (reason.name(), count));
    let help = "Requests that were refused, by what is the matter, whoever is told less";
    counters_by(own, "requests_refused", help, "reason", refused);
}

fn of_connections(own: &mut Registry, counters: &Counters, connected: &Connected) {
    let Connected { terminals, handsets, controllers, hubs, in_flight } = *connected;
    let connections = Family::<[Label; 1], Gauge<u64, AtomicU64>>::default();
    for (role, count) in
        [("terminal", terminals), ("handset", handsets), ("controller", controllers), ("hub", hubs)]
    {
        connections.get_or_create(&[("role", role)]).set(count);
    }
    own.register("connections", "Connections of enrolled peers", connections);
    let help = "Requests without an answer yet; an open has none while its customer thinks";
    gauge(own, "requests_in_flight", help, in_flight);
    let handshakes = &counters.handshakes;
    let outcomes = [
        ("completed", &handshakes.completed),
        ("failed", &handshakes.failed),
        ("retried", &handshakes.retried),
        ("refused_crowded", &handshakes.crowded),
        ("refused_source", &handshakes.too_many_of_source),
    ];
    let outcomes = outcomes.into_iter().map(|(name, count)| (name, count.read()));
    counters_by(own, "handshakes", "Connections that were tried", "outcome", outcomes);
}

fn of_traffic(own: &mut Registry, counters: &Counters) {
    let ways = [("in", &counters.received), ("out", &counters.sent)];
    let datagrams = ways.map(|(way, traffic)| (way, traffic.datagrams.read()));
    counters_by(own, "udp_datagrams", "UDP datagrams", "direction", datagrams);
    let bytes = ways.map(|(way, traffic)| (way, traffic.bytes.read()));
    counters_by(own, "udp_bytes", "Bytes in UDP datagrams", "direction", bytes);
}

fn of_journal(own: &mut Registry, tally: &Tally) {
    counter(own, "journal_records", "Records made durable", tally.records);
    counter(own, "journal_batches", "Batches made durable", tally.batches);
    counter(own, "journal_syncs", "Syncs, one for each copy of a batch", tally.syncs);
    let help = "Bytes of batches as they were written, to all copies";
    counter(own, "journal_written_bytes", help, tally.bytes);
    let help = "How long a batch took to be written and synced, to all copies";
    own.register_with_unit("journal_sync", help, Unit::Seconds, Classes(tally.writing.clone()));
}

fn counter(own: &mut Registry, name: &str, help: &str, value: u64) {
    own.register(name, help, ConstCounter::new(value));
}

fn gauge(own: &mut Registry, name: &str, help: &str, value: u64) {
    own.register(name, help, ConstGauge::new(value));
}

fn counters_by(
    own: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    counts: impl IntoIterator<Item = (&'static str, u64)>,
) {
    let family = Family::<[Label; 1], Counter>::default();
    for (value, count) in counts {
        family.get_or_create(&[(label, value)]).inc_by(count);
    }
    own.register(name, help, family);
}

/// Times in classes, as a histogram that was counted elsewhere.
#[derive(Debug)]
struct Classes(WritingTimes);

impl EncodeMetric for Classes {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let WritingTimes { sum, classes, beyond } = &self.0;
        let mut buckets: Vec<_> =
            classes.iter().map(|(most, count)| (most.as_secs_f64(), *count)).collect();
        buckets.push((f64::INFINITY, *beyond));
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(sum.as_secs_f64(), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
