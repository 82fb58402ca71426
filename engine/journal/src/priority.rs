//! How urgently a thread that writes wants the processor.

use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use crate::options::WriterPriority;

/// How the wish for a priority was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriorityOutcome {
    /// None was asked for.
    Normal,
    /// The writer runs before all normal threads.
    Realtime,
    /// The system refused, and the writer runs like any other thread; says why.
    Refused(String),
}

/// Gives the calling thread its priority.
pub(crate) fn prioritise(priority: WriterPriority) -> PriorityOutcome {
    match priority {
        WriterPriority::Normal => PriorityOutcome::Normal,
        WriterPriority::Realtime => {
            let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
            // Low among the real-time priorities: above all normal threads is enough.
            let result = ThreadPriorityValue::try_from(10).map_err(|error| error.to_string());
            let result = result.and_then(|value| {
                let value = ThreadPriority::Crossplatform(value);
                set_thread_priority_and_policy(thread_native_id(), value, policy)
                    .map_err(|error| error.to_string())
            });
            result.map_or_else(PriorityOutcome::Refused, |()| PriorityOutcome::Realtime)
        }
    }
}
