//! The archive: what it holds of payments that have left the memory.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use kessai_engine::terms::PaymentId;
use kessai_engine::{ArchivedPayment, PaymentState, PaymentView};
use kessai_journal::Archive;

use crate::admin::Office;
use crate::admin::problem::Problem;
use crate::admin::register::parse;
use crate::admin::rows::ArchiveRow;
use crate::evidence::Filed;
use crate::node::shelf::{LookupError, find};

pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/v1/archive", get(status)).route("/v1/archive/payments/{id}", get(filed))
}

async fn status(State(office): State<Arc<Office>>) -> Result<Json<ArchiveRow>, Problem> {
    let status = office.look(|archive| Ok(archive.status()?)).await?;
    Ok(Json(ArchiveRow::new(&status, office.journal.durable())))
}

/// All that it holds of one payment, for evidence; nothing if it holds nothing.
async fn filed(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse("id", &id, str::parse::<PaymentId>)?;
    let filed = office.look(move |archive| Ok(Filed::find(archive, id)?)).await?;
    Ok(filed.map_or_else(
        || StatusCode::NO_CONTENT.into_response(),
        |filed| Json(filed).into_response(),
    ))
}

/// Which of the archive's payments are listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    /// When they were opened, in milliseconds since the Unix epoch.
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    pub(super) state: Option<PaymentState>,
    pub(super) limit: usize,
}

/// How many payments are looked at for one list: one of a state that few stand in ends early.
const MOST_LOOKED_AT: usize = 20_000;

/// How many are read at a time.
pub(super) const PAGE: usize = 500;

impl Listed {
    fn has(&self, view: &PaymentView) -> bool {
        (self.from_ms..self.to_ms).contains(&view.opened_at_ms)
            && self.state.is_none_or(|state| view.state == state)
    }
}

impl Office {
    /// Looks into the archive, one after the other, so that payments always find the disk.
    ///
    /// # Errors
    /// [`Problem`] if it cannot be read.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Archive) -> Result<T, LookupError> + Send + 'static,
    ) -> Result<T, Problem> {
        let shelf = self.shelf.clone();
        let looking = Arc::clone(&self.looking).acquire_owned().await.map_err(Problem::internal)?;
        let looked = tokio::task::spawn_blocking(move || {
            let looked = shelf.archive().and_then(|archive| look(&archive));
            drop(looking);
            looked
        });
        looked.await.map_err(Problem::internal)?.map_err(Problem::no_archive)
    }

    /// Finds a payment that has left the memory.
    pub(super) async fn archived(
        &self,
        payment: PaymentId,
    ) -> Result<Option<ArchivedPayment>, Problem> {
        self.look(move |archive| find(archive, payment)).await
    }

    /// Lists the latest payments that have left the memory, the latest first.
    pub(super) async fn list_archived(
        &self,
        listed: Listed,
    ) -> Result<Vec<ArchivedPayment>, Problem> {
        // None that waits has left.
        if matches!(listed.state, Some(PaymentState::Pending | PaymentState::Authorised)) {
            return Ok(Vec::new());
        }
        let below_ms = self.engine.memory_floor_ms();
        if below_ms == 0 {
            return Ok(Vec::new());
        }
        // An id may be older than its payment by what stays in memory, and younger by what the rules
        // bear.
        let stay_ms = crate::settings::millis(self.settings.payments.memory);
        let from_ms = listed.from_ms.saturating_sub(stay_ms);
        let ahead_ms = self.engine.rules().id_tolerance_ms;
        let to_ms = listed.to_ms.saturating_add(ahead_ms).saturating_add(1).min(below_ms);
        self.look(move |archive| {
            let (mut found, mut looked_at, mut before) = (Vec::new(), 0_usize, None);
            while found.len() < listed.limit && looked_at < MOST_LOOKED_AT {
                let page = archive.payments(from_ms..to_ms, before.as_ref(), PAGE)?;
                let Some(last) = page.last() else { break };
                before = Some(*last);
                looked_at = looked_at.saturating_add(page.len());
                for payment in page {
                    let archived = find(archive, payment)?;
                    found.extend(archived.filter(|archived| listed.has(archived.view())));
                }
            }
            found.truncate(listed.limit);
            Ok(found)
        })
        .await
    }
}
