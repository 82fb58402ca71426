//! What an actor has asked and not been answered yet: asked again, ever more patiently.

use std::collections::BTreeMap;

use super::Scene;
use crate::simulation::message::Ask;

/// How long an answer is waited for at first.
const PATIENCE_MS: u64 = 700;
/// How long it is waited for at most.
const MOST_PATIENCE_MS: u64 = 6_000;

/// One of them.
#[derive(Debug)]
struct Errand {
    ask: Ask,
    due_ms: u64,
    patience_ms: u64,
}

/// All of them, by the number of their request.
#[derive(Debug, Default)]
pub(super) struct Errands {
    errands: BTreeMap<u64, Errand>,
    count: u64,
}

impl Errands {
    /// Asks something in `in_ms`.
    pub(super) fn add(&mut self, ask: Ask, in_ms: u64, scene: &Scene<'_>) {
        self.count = self.count.saturating_add(1);
        let due_ms = scene.now_ms.saturating_add(in_ms);
        self.errands.insert(self.count, Errand { ask, due_ms, patience_ms: PATIENCE_MS });
    }

    /// Takes what was answered off the list: none if it was answered before.
    pub(super) fn answered(&mut self, request: u64) -> Option<Ask> {
        self.errands.remove(&request).map(|errand| errand.ask)
    }

    /// Asks again, later, what was refused for the moment.
    pub(super) fn postpone(&mut self, request: u64, scene: &Scene<'_>) {
        if let Some(errand) = self.errands.get_mut(&request) {
            errand.due_ms = scene.now_ms.saturating_add(errand.patience_ms);
        }
    }

    /// Asks what is due.
    pub(super) fn send_due(&mut self, scene: &mut Scene<'_>) {
        for (request, errand) in &mut self.errands {
            if errand.due_ms <= scene.now_ms {
                scene.asks.push((*request, errand.ask.clone()));
                errand.due_ms = scene.now_ms.saturating_add(errand.patience_ms);
                errand.patience_ms = errand.patience_ms.saturating_mul(2).min(MOST_PATIENCE_MS);
            }
        }
    }

    /// A connection broke: everything that was asked is asked again at once.
    pub(super) fn hurry(&mut self, scene: &Scene<'_>) {
        for errand in self.errands.values_mut() {
            errand.due_ms = errand.due_ms.min(scene.now_ms);
        }
    }

    /// When the next one is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.errands.values().map(|errand| errand.due_ms).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errands.is_empty()
    }
}
