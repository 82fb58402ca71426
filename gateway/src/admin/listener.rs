//! The listener of the administration: started beside the gateway, stopped with it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use kessai_engine::terms::collation::SpkiHash;
use kessai_wire::GatewayAddress;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::admin::catalogue::Catalogues;
use crate::admin::policies::Policies;
use crate::admin::{Office, Token, listen, serve};
use crate::entropy::SystemEntropy;
use crate::keys::{KeyError, Keys};
use crate::server::Gateway;
use crate::settings::Settings;

/// Why the administration cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address} for administration: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why; most often another process is there already.
        source: io::Error,
    },
    /// The token cannot be read.
    #[error(transparent)]
    Token(#[from] KeyError),
    /// The announced address makes no sense.
    #[error("announce: {0} is no host:port")]
    Announce(String),
}

/// The administration of a gateway, as long as it is kept.
pub struct Administration {
    address: SocketAddr,
    stop: CancellationToken,
}

impl Administration {
    /// Listens beside `gateway`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`AdministrationError`], naming what stands in the way.
    pub fn start(
        gateway: &Gateway,
        settings: &Settings,
        keys: &Keys,
    ) -> Result<Self, AdministrationError> {
        let announced = settings.announce.parse::<GatewayAddress>();
        let announced =
            announced.map_err(|_| AdministrationError::Announce(settings.announce.clone()))?;
        let address = settings.admin.listen;
        let failed = |source| AdministrationError::Listen { address, source };
        let listener = listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let token = Keys::admin_token(&settings.keys)?;
        let stop = gateway.stopping();
        let office = Arc::new(Office {
            engine: Arc::clone(gateway.engine()),
            journal: gateway.journal().clone(),
            receipts: gateway.receipts(),
            clock: gateway.clock(),
            entropy: Arc::new(SystemEntropy),
            sealing: keys.current_sealing_key(),
            activations: gateway.activations(),
            gateway: announced,
            root: SpkiHash(gateway.root_pin().0),
            settings: settings.clone(),
            catalogues: Catalogues::new(&settings.data),
            policies: Policies::default(),
            rates: gateway.rates(),
            shelf: gateway.shelf(),
            looking: Arc::new(Semaphore::new(1)),
            condition: gateway.condition(),
            counters: gateway.counters(),
            sessions: gateway.sessions(),
            importing: Arc::new(Semaphore::new(1)),
            stop: stop.clone(),
        });
        tokio::spawn(serve(listener, office, Token::new(&token), stop.clone()));
        Ok(Self { address, stop })
    }

    /// The TCP address that it listens at.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening; requests under way are answered.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl std::fmt::Debug for Administration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administration").field("address", &self.address).finish_non_exhaustive()
    }
}
