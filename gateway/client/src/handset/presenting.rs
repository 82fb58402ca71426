//! Asks for the code that stands for the customer at a till.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kessai_terms::PresentmentCode;
use kessai_wire::{Answer, HandsetRequest, Request};
use tokio::time::Instant;

use crate::error::CallError;
use crate::handset::answering::over;
use crate::handset::desk::{Connection, Desk, LONGEST};
use crate::line::{Caller, Repeat};

/// Is a code for the customer to show at a till, once. The gateway signed it for this handset.
///
/// # Source
/// Steps S66 and S67 of the patent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presentment {
    /// What to show, [grouped](PresentmentCode::grouped) and as a QR code of its ten digits.
    pub code: PresentmentCode,
    /// Until when it is good, by the gateway's clock, unless it is used before.
    pub expires_at_ms: u64,
    /// The same on the own clock: show it no longer.
    pub show_until: Instant,
}

impl fmt::Debug for Presentment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presentment")
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}

/// Asks until there is a code for the connection that stands, or the deadline is over.
pub(super) async fn present(
    desk: &Arc<Desk>,
    caller: &Caller,
    deadline: Instant,
) -> Result<Presentment, CallError> {
    loop {
        let Connection { generation, channel } = desk.standing().await.ok_or_else(over)?;
        let body = Request::Handset(desk.id(), HandsetRequest::PresentCode);
        // A code is signed for the connection that it is asked for on.
        match caller.ask(body, Repeat::Only(generation), deadline).await {
            Err(CallError::Lost) => {}
            Err(error) => return Err(error),
            Ok(Answer::Code(signed)) => {
                let (code, expires_at_ms) = signed
                    .verify(desk.key(), &channel)
                    .map_err(|error| desk.doubt(error.into()))?;
                let left_ms = expires_at_ms.saturating_sub(caller.clock().now_ms());
                let show_until = Instant::now() + Duration::from_millis(left_ms).min(LONGEST);
                return Ok(Presentment { code, expires_at_ms, show_until });
            }
            Ok(_) => return Err(CallError::AnotherAnswer),
        }
    }
}
