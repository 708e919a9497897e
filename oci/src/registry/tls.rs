//! Who is trusted: the authorities of the system, and those of extra files.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::RegistryError;

/// The longest file of certificates; all public authorities are about 250 KiB.
const MAX_FILE: u64 = 4 << 20;

/// Reads the authorities. Where none is needed, to have none means that nobody is trusted.
pub(super) fn config(ca_certs: &[PathBuf], needed: bool) -> Result<TlsConfig, RegistryError> {
    let mut trusted: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|found| Certificate::from_der(found.as_ref()).to_owned())
        .collect();
    for path in ca_certs {
        let added = read(path).map_err(|source| RegistryError::Certificates {
            path: path.clone(),
            source,
        })?;
        trusted.extend(added);
    }
    if needed && trusted.is_empty() {
        return Err(RegistryError::NoAuthorities);
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(trusted)))
        // Given here, as the process's default belongs to the host.
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

fn read(path: &PathBuf) -> io::Result<Vec<Certificate<'static>>> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    if std::fs::metadata(path)?.len() > MAX_FILE {
        return Err(invalid("it is too long"));
    }
    let mut found = Vec::new();
    for item in parse_pem(&std::fs::read(path)?) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| invalid("it is not PEM"))? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(invalid("it holds no certificate"));
    }
    Ok(found)
}
