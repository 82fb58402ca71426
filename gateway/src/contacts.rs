//! Where a customer's mail goes: read from the sealed profile at the moment of sending, never kept.

use std::sync::Arc;

use kessai_engine::Engine;
use kessai_engine::terms::CustomerId;
use kessai_engine::terms::collation::SealingKey;

use crate::notify::{Contacts, Lookup, MailAddress};

/// Opens customers' profiles.
pub(crate) struct Profiles {
    pub(crate) engine: Arc<Engine>,
    pub(crate) sealing: Vec<SealingKey>,
}

impl Contacts for Profiles {
    fn mail_address(&self, customer: CustomerId) -> Lookup<'_> {
        Box::pin(async move {
            let sealed = self.engine.profile(&customer)?;
            let key = self.sealing.iter().find(|key| key.id() == sealed.key_id)?;
            let profile = key.open_profile(&sealed, &customer).ok()?;
            MailAddress::parse(profile.email?.as_str()).ok()
        })
    }
}
