//! Reads what the gateway counted for each terminal.

use kessai_engine::terms::{Currency, Net, TerminalId};
use kessai_engine::{BusinessDate, Calendar};
use kessai_gateway::admin::rows::TurnoverRow;
use kessai_gateway::settings::millis;
use tokio::task::spawn_blocking;

use super::ChaosError;
use super::judge::{Flow, Turnover, Turnovers};
use super::rig::Rig;
use crate::administration::{Administration, AskError};
use crate::capacity::export::parse;

fn turnover(row: &TurnoverRow) -> Result<(Currency, Turnover), String> {
    let flow = |count, field: &str, minor: &str| {
        Ok::<_, String>(Flow { count, sum: Net::new(parse(field, minor)?) })
    };
    let turnover = Turnover {
        captured: flow(row.captures, "captured_minor", &row.captured_minor)?,
        reversed: flow(row.reversals, "reversed_minor", &row.reversed_minor)?,
        refunded: flow(row.refunds, "refunded_minor", &row.refunded_minor)?,
    };
    Ok((parse("currency", &row.currency)?, turnover))
}

impl Rig<'_> {
    /// Reads what the gateway counted for every terminal on the days of the run.
    pub(super) async fn turnovers(&self) -> Result<Turnovers, ChaosError> {
        let administration = self.place.administration()?;
        let terminals: Vec<_> = self.population.tills.iter().map(|till| till.id).collect();
        let now_ms = self.from_ms.saturating_add(millis(self.now()));
        let days = days(self.from_ms, now_ms);
        Ok(spawn_blocking(move || read(&administration, &terminals, &days)).await??)
    }
}

/// The business days between two moments; the gateway's begin at midnight, UTC.
fn days(from_ms: u64, until_ms: u64) -> Vec<BusinessDate> {
    let calendar = Calendar { utc_offset_minutes: 0, cut_off_minutes: 0 };
    let (BusinessDate(first), BusinessDate(last)) =
        (calendar.date(from_ms), calendar.date(until_ms));
    (first..=last).map(BusinessDate).collect()
}

fn read(
    administration: &Administration,
    terminals: &[TerminalId],
    days: &[BusinessDate],
) -> Result<Turnovers, AskError> {
    let mut turnovers = Turnovers::new();
    for terminal in terminals {
        for day in days {
            let url = format!("/v1/terminals/{terminal}/totals?date={}", day.yyyymmdd());
            let rows: Vec<TurnoverRow> = administration.ask(&url)?;
            for row in rows {
                let read = turnover(&row);
                let (currency, turnover) =
                    read.map_err(|problem| AskError::Unreadable { url: url.clone(), problem })?;
                let sum = turnovers.entry((*terminal, currency)).or_default();
                sum.captured.add(turnover.captured);
                sum.reversed.add(turnover.reversed);
                sum.refunded.add(turnover.refunded);
            }
        }
    }
    Ok(turnovers)
}
