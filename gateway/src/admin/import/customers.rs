//! The customer file.
//!
//! # Source
//! JP 2001-249969, figure 6.

use kessai_engine::terms::profile::{
    AccountNumber, BankCode, BranchCode, DepositType, EmailAddress, KanaName, MobileNumber,
    PersonName, Profile,
};
use kessai_engine::terms::{Currency, CustomerId};
use kessai_engine::{AdminError, CustomerAdded, CustomerPolicy, ProfileSet};

use super::clerk::Clerk;
use super::kind::{Existing, Kind, already_there};
use super::limits::SaidLimits;
use super::report::Halt;
use crate::admin::Office;
use crate::admin::catalogue::amount;
use crate::admin::table::{Column, Row};

/// What is personal.
const PERSONAL: [&str; 8] =
    ["mobile", "email", "name", "kana", "bank", "branch", "deposit_type", "account"];

static COLUMNS: [Column; 14] = [
    Column::required("id"),
    Column::required("currency"),
    Column::required("balance_minor"),
    Column::optional("mobile"),
    Column::optional("email"),
    Column::optional("name"),
    Column::optional("kana"),
    Column::optional("bank"),
    Column::optional("branch"),
    Column::optional("deposit_type"),
    Column::optional("account"),
    Column::optional("per_payment_minor"),
    Column::optional("per_day_minor"),
    Column::optional("count_per_day"),
];

pub(super) struct Customers;

/// A customer, and what is said of who they are.
pub(super) struct Entry {
    added: CustomerAdded,
    said: Said,
    limits: SaidLimits,
}

/// What a line says of who a customer is.
enum Said {
    /// It has none of the columns.
    Nothing,
    /// Its columns are all empty.
    Unknown,
    Profile(Box<Profile>),
}

fn said(row: &Row) -> Result<Said, String> {
    let profile = Profile {
        mobile: row.optional("mobile", MobileNumber::new)?,
        email: row.optional("email", EmailAddress::new)?,
        name: row.optional("name", PersonName::new)?,
        kana: row.optional("kana", KanaName::new)?,
        bank: row.optional("bank", BankCode::new)?,
        branch: row.optional("branch", BranchCode::new)?,
        deposit_type: row.optional("deposit_type", str::parse::<DepositType>)?,
        account: row.optional("account", AccountNumber::new)?,
    };
    Ok(if profile != Profile::default() {
        Said::Profile(Box::new(profile))
    } else if row.mentions(&PERSONAL) {
        Said::Unknown
    } else {
        Said::Nothing
    })
}

/// Sets the limits that a line says, unless they hold already.
fn keep_limits(
    customer: CustomerId,
    limits: SaidLimits,
    clerk: &mut Clerk<'_>,
) -> Result<Result<(), AdminError>, Halt> {
    let office = clerk.office;
    let view = office.engine.customer(&customer);
    if view.is_none_or(|view| limits.over(view.policy.limits) == view.policy.limits) {
        return Ok(Ok(()));
    }
    clerk.perform(|engine, now_ms, slot| {
        let amend = |policy: &mut CustomerPolicy| policy.limits = limits.over(policy.limits);
        office.policies.amend(engine, customer, amend, now_ms, slot)
    })
}

/// What is said of a customer who was there a moment ago.
const GONE: &str = "id: not registered any more";

impl Kind for Customers {
    type Entry = Entry;
    type Id = CustomerId;

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn parse(&self, row: &Row) -> Result<Entry, String> {
        let added = CustomerAdded {
            customer: row.required("id", CustomerId::new)?,
            currency: row.required("currency", Currency::from_code)?,
            balance: row.required("balance_minor", amount)?,
        };
        Ok(Entry { added, said: said(row)?, limits: SaidLimits::read(row)? })
    }

    fn id(&self, entry: &Entry) -> CustomerId {
        entry.added.customer
    }

    fn check(
        &mut self,
        entry: &Entry,
        existing: Existing,
        office: &Office,
    ) -> Result<Result<(), String>, Halt> {
        let is_there = office.engine.customer(&entry.added.customer).is_some();
        Ok(match existing {
            Existing::Refused if is_there => Err(already_there(self.id_column())),
            Existing::Refused | Existing::Updated => Ok(()),
        })
    }

    fn enter(&mut self, line: u64, entry: Entry, clerk: &mut Clerk<'_>) -> Result<(), Halt> {
        let Entry { added, said, limits } = entry;
        let customer = added.customer;
        match clerk.perform(|engine, now_ms, slot| engine.add_customer(added, now_ms, slot))? {
            Ok(()) => clerk.report.entered(),
            // The balance is left alone: it has moved since.
            Err(AdminError::CustomerExists(_)) if clerk.existing == Existing::Updated => {
                clerk.report.updated();
            }
            Err(AdminError::CustomerExists(_)) => {
                return clerk.report.bad(line, already_there(self.id_column()));
            }
            Err(_) => return clerk.report.bad(line, "no room for another customer".to_owned()),
        }
        let kept = keep_limits(customer, limits, clerk)?;
        if kept.is_err() {
            return clerk.report.bad(line, GONE.to_owned());
        }
        let kept = match said {
            Said::Nothing => Ok(()),
            Said::Profile(profile) => {
                let profile = clerk.office.seal(&customer, &profile);
                let set = ProfileSet { customer, profile };
                clerk.perform(|engine, now_ms, slot| engine.set_profile(set, now_ms, slot))?
            }
            Said::Unknown if clerk.office.engine.profile(&customer).is_none() => Ok(()),
            Said::Unknown => clerk
                .perform(|engine, now_ms, slot| engine.erase_profile(customer, now_ms, slot))?,
        };
        match kept {
            // Somebody else erased it first.
            Ok(()) | Err(AdminError::ProfileMissing(_)) => Ok(()),
            Err(_) => clerk.report.bad(line, GONE.to_owned()),
        }
    }
}
