//! Whom TLS trusts: the certificate authorities of the system, or those of a file alone.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::NotifyError;

/// Reads the roots in `path`, or the system's if it is empty.
pub(super) fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, NotifyError> {
    let roots = if path.as_os_str().is_empty() {
        rustls_native_certs::load_native_certs().certs
    } else {
        let malformed =
            || NotifyError::Malformed { path: path.to_owned(), what: "certificates in PEM" };
        let pem = std::fs::read(path)
            .map_err(|source| NotifyError::File { path: path.to_owned(), source })?;
        CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| malformed())?
    };
    if roots.is_empty() { Err(NotifyError::NoRoots) } else { Ok(roots) }
}

/// Sets up TLS 1.2 and 1.3 for a client that trusts `roots`, by the one provider that we use.
pub(super) fn client(roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, NotifyError> {
    let mut store = RootCertStore::empty();
    // A system's store may hold certificates that rustls does not read; the others still serve.
    let (added, _ignored) = store.add_parsable_certificates(roots);
    if added == 0 {
        return Err(NotifyError::NoRoots);
    }
    config(store)
}

/// Sets up TLS that trusts nobody.
pub(super) fn none() -> Result<ClientConfig, NotifyError> {
    config(RootCertStore::empty())
}

fn config(store: RootCertStore) -> Result<ClientConfig, NotifyError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}
