//! The limits of one line: only the columns that are there are changed.

use kessai_engine::Limits;
use kessai_engine::terms::Amount;

use crate::admin::catalogue::amount;
use crate::admin::table::{Row, number};

/// What a line says of limits; of each one nothing, that there is none, or how much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SaidLimits {
    per_payment: Option<Option<Amount>>,
    per_day: Option<Option<Amount>>,
    count_per_day: Option<Option<u32>>,
}

impl SaidLimits {
    pub(super) fn read(row: &Row) -> Result<Self, String> {
        let said = |name: &str| row.mentions(&[name]);
        let per_payment = row.optional("per_payment_minor", amount)?;
        let per_day = row.optional("per_day_minor", amount)?;
        let count_per_day = row.optional("count_per_day", number)?;
        Ok(Self {
            per_payment: said("per_payment_minor").then_some(per_payment),
            per_day: said("per_day_minor").then_some(per_day),
            count_per_day: said("count_per_day").then_some(count_per_day),
        })
    }

    /// What holds once this is said of somebody for whom `before` did.
    pub(super) fn over(&self, before: Limits) -> Limits {
        Limits {
            per_payment: self.per_payment.unwrap_or(before.per_payment),
            per_day: self.per_day.unwrap_or(before.per_day),
            count_per_day: self.count_per_day.unwrap_or(before.count_per_day),
        }
    }
}
