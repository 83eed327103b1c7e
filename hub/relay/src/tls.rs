//! The server's certificate, read again when its files change, so that a renewal needs no restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Only one of the two is set.
    #[error("relay.tls_certificate and relay.tls_key belong together; only one of them is set")]
    Half,
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// There is no certificate in it.
    #[error("{0}: there is no certificate in it")]
    Empty(PathBuf),
    /// They cannot be used.
    #[error("{path}: {source}")]
    Unusable {
        /// Of the two the key's.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// Where the certificate and its key are.
#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// The certificate that is shown to clients.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The configuration, if files are set. From then on they are looked at now and then, as long as
/// the actix system lives.
pub(crate) fn configure(
    certificate: Option<&str>,
    key: Option<&str>,
) -> Result<Option<ServerConfig>, TlsError> {
    let files = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => Files {
            certificate: certificate.into(),
            key: key.into(),
        },
        _ => return Err(TlsError::Half),
    };
    let current = Arc::new(Current(ArcSwap::from_pointee(files.read()?)));
    actix_rt::spawn(follow(files, Arc::clone(&current)));
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = match builder.with_safe_default_protocol_versions() {
        Ok(builder) => builder,
        Err(source) => {
            return Err(TlsError::Unusable {
                path: PathBuf::new(),
                source,
            });
        }
    }
    .with_no_client_auth()
    .with_cert_resolver(current);
    Ok(Some(config))
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Unreadable { path, source }
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(unreadable(&self.certificate))?;
        if chain.is_empty() {
            return Err(TlsError::Empty(self.certificate.clone()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(unreadable(&self.key))?;
        let unusable = |source| TlsError::Unusable {
            path: self.key.clone(),
            source,
        };
        let certified = CertifiedKey::new(chain, any_supported_type(&key).map_err(unusable)?);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(certified)
            }
            Err(source) => Err(unusable(source)),
        }
    }

    fn changed_at(&self) -> Option<(SystemTime, SystemTime)> {
        let at = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified());
        Some((at(&self.certificate).ok()?, at(&self.key).ok()?))
    }
}

async fn follow(files: Files, current: Arc<Current>) {
    let mut known = files.changed_at();
    loop {
        tokio::time::sleep(LOOK).await;
        known = refresh(&files, &current, known);
    }
}

type Moments = Option<(SystemTime, SystemTime)>;

/// Reads the files if they are not those that are known; says which are known now.
fn refresh(files: &Files, current: &Current, known: Moments) -> Moments {
    let found = files.changed_at();
    if found.is_none() || found == known {
        return known;
    }
    match files.read() {
        Ok(certified) => {
            current.0.store(Arc::new(certified));
            tracing::info!("the certificate was read anew");
            found
        }
        // The two are seldom written at once: what does not fit is tried again.
        Err(error) => {
            tracing::warn!(%error, "the new certificate cannot be used; the old one stays");
            known
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tempfile::TempDir;

    use super::*;

    fn write(folder: &TempDir, certificate: &str, key: &str) -> Files {
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("certificate.pem"), certificate).unwrap();
        std::fs::write(path("key.pem"), key).unwrap();
        Files {
            certificate: path("certificate.pem"),
            key: path("key.pem"),
        }
    }

    fn signed() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["relay.test".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = signed();
        let files = write(&folder, &certificate, &key);
        let current = Current(ArcSwap::from_pointee(files.read().unwrap()));
        let shown = || current.0.load().cert[0].to_vec();
        let first = shown();
        assert_eq!(
            refresh(&files, &current, files.changed_at()),
            files.changed_at()
        );

        let (renewed, renewed_key) = signed();
        let long_ago = Some((SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH));
        write(&folder, &renewed, &key);
        assert_eq!(refresh(&files, &current, long_ago), long_ago);
        assert_eq!(shown(), first);
        write(&folder, &renewed, &renewed_key);
        assert_eq!(refresh(&files, &current, long_ago), files.changed_at());
        assert_ne!(shown(), first);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = signed();
        let told = |certificate: &str, key: &str| {
            let error = write(&folder, certificate, key).read().unwrap_err();
            error.to_string()
        };
        assert!(told("", &key).contains("certificate.pem: there is no certificate in it"));
        assert!(told(&certificate, "").contains("key.pem: "));
        assert!(matches!(configure(Some("a"), None), Err(TlsError::Half)));
    }
}
