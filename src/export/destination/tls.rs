//! Certificates of one destination's own.

use crate::Error;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// What one destination's TLS differs in from the platform's.
#[derive(Clone, Default)]
pub(in crate::export) struct Tls {
    /// The only authorities to trust; without any, the platform's.
    authorities: Vec<Pem>,
    /// The client's certificate with its intermediates, and its key.
    identity: Option<(Pem, Pem)>,
}

/// PEM as it was given.
#[derive(Clone)]
pub(in crate::export) struct Pem {
    /// What an error names, so that it can be mended there.
    origin: String,
    text: SecretString,
}

impl Pem {
    pub(in crate::export) fn new(origin: impl Into<String>, bytes: &[u8]) -> Self {
        // PEM is ASCII; what is not becomes what `check` refuses.
        Self { origin: origin.into(), text: SecretString::from(String::from_utf8_lossy(bytes).trim()) }
    }

    fn refused(&self, why: &str) -> Error {
        Error::configuration(format!("{} {why}", self.origin))
    }

    fn has(&self, begin: &str) -> bool {
        self.text.expose_secret().contains(begin)
    }

    fn check_certificate(&self) -> Result<(), Error> {
        if self.has("-----BEGIN CERTIFICATE-----") {
            Ok(())
        } else if self.has("-----BEGIN ") {
            Err(self.refused("holds no certificate: one begins with -----BEGIN CERTIFICATE-----"))
        } else {
            Err(self.refused("is no PEM: a certificate begins with -----BEGIN CERTIFICATE-----"))
        }
    }

    fn check_key(&self) -> Result<(), Error> {
        if self.has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || self.has("Proc-Type: 4,ENCRYPTED") {
            Err(self.refused("is an encrypted key: decrypt it first, with `openssl pkey`"))
        } else if self.has("PRIVATE KEY-----") {
            Ok(())
        } else if self.has("-----BEGIN ") {
            Err(self.refused("holds no private key: one begins with -----BEGIN PRIVATE KEY-----"))
        } else {
            Err(self.refused("is no PEM: a private key begins with -----BEGIN PRIVATE KEY-----"))
        }
    }
}

impl Tls {
    pub(in crate::export) fn trust(&mut self, authorities: Pem) {
        self.authorities.push(authorities);
    }

    pub(in crate::export) fn identify(&mut self, certificate: Pem, key: Pem) {
        self.identity = Some((certificate, key));
    }

    pub(super) fn is_set(&self) -> bool {
        !self.authorities.is_empty() || self.identity.is_some()
    }

    /// The first of what was given: what an error about all of it names.
    pub(super) fn origin(&self) -> &str {
        let identity = self.identity.iter().map(|(certificate, _)| certificate);
        self.authorities.iter().chain(identity).next().map_or("", |pem| &pem.origin)
    }

    fn check(&self) -> Result<(), Error> {
        self.authorities.iter().try_for_each(Pem::check_certificate)?;
        if let Some((certificate, key)) = &self.identity {
            certificate.check_certificate()?;
            key.check_key()?;
        }
        Ok(())
    }
}

/// Over HTTP: by the library that reqwest takes as well where the program has both.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod client {
    use super::{Pem, Tls};
    use crate::{Error, export::http};
    use reqwest::{Certificate, Client, ClientBuilder, Identity};
    use secrecy::ExposeSecret;

    #[derive(Clone, Copy)]
    enum Library {
        #[cfg(feature = "rustls")]
        Rustls,
        #[cfg(feature = "native-tls")]
        Native,
    }

    impl Tls {
        /// The HTTP client of this destination alone.
        pub(in crate::export::destination) fn client(&self) -> Result<Client, Error> {
            #[cfg(feature = "native-tls")]
            let library = Library::Native;
            #[cfg(not(feature = "native-tls"))]
            let library = Library::Rustls;
            self.client_of(library)
        }

        /// What it sets over gRPC, which passes over a certificate that it cannot read: the HTTP client
        /// does not.
        #[cfg(all(feature = "grpc", feature = "rustls"))]
        pub(in crate::export) fn grpc(&self) -> Result<tonic::transport::ClientTlsConfig, Error> {
            use tonic::transport::{Certificate, ClientTlsConfig, Identity};
            if self.is_set() {
                self.client_of(Library::Rustls)?;
            }
            let mut tls = ClientTlsConfig::new();
            if self.authorities.is_empty() {
                tls = tls.with_native_roots();
            }
            for authorities in &self.authorities {
                tls = tls.ca_certificate(Certificate::from_pem(authorities.text.expose_secret()));
            }
            if let Some((certificate, key)) = &self.identity {
                let (certificate, key) = (certificate.text.expose_secret(), key.text.expose_secret());
                tls = tls.identity(Identity::from_pem(certificate, key));
            }
            Ok(tls)
        }

        fn client_of(&self, library: Library) -> Result<Client, Error> {
            self.check()?;
            // Each by itself first: an error of the whole does not say whose it is.
            let mut certificates = Vec::new();
            for authorities in &self.authorities {
                let unreadable = || authorities.refused("has a certificate that cannot be read");
                let read = Certificate::from_pem_bundle(authorities.text.expose_secret().as_bytes())
                    .map_err(|_| unreadable())?;
                builder(library).tls_certs_only(read.clone()).build().map_err(|_| unreadable())?;
                certificates.extend(read);
            }
            let identity = match &self.identity {
                Some((certificate, key)) => Some(identity(library, certificate, key)?),
                None => None,
            };
            let mut builder = builder(library);
            if !certificates.is_empty() {
                builder = builder.tls_certs_only(certificates);
            }
            if let Some(identity) = identity {
                builder = builder.identity(identity);
            }
            http::finished(builder)
        }
    }

    fn builder(library: Library) -> ClientBuilder {
        match library {
            #[cfg(feature = "rustls")]
            Library::Rustls => http::builder().tls_backend_rustls(),
            #[cfg(feature = "native-tls")]
            Library::Native => http::builder().tls_backend_native(),
        }
    }

    /// An identity whose key is the certificate's. What the library says of it is kept out of errors: it
    /// may repeat what it could not read.
    fn identity(library: Library, certificate: &Pem, key: &Pem) -> Result<Identity, Error> {
        let (chain, secret) = (certificate.text.expose_secret(), key.text.expose_secret());
        let read = match library {
            // Of several keys the last counts.
            #[cfg(feature = "rustls")]
            Library::Rustls => Identity::from_pem([chain, "\n", secret, "\n"].concat().as_bytes()),
            #[cfg(feature = "native-tls")]
            Library::Native => {
                if !secret.starts_with("-----BEGIN PRIVATE KEY-----") {
                    return Err(key.refused(
                        "is no PKCS #8 key (-----BEGIN PRIVATE KEY-----), which the feature `native-tls` \
                         needs: `openssl pkey` makes one of it",
                    ));
                }
                Identity::from_pkcs8_pem(chain.as_bytes(), secret.as_bytes())
            }
        };
        let alone = |identity| builder(library).tls_certs_only([]).identity(identity).build();
        match read.and_then(|identity| alone(identity.clone()).map(|_| identity)) {
            Ok(identity) => Ok(identity),
            Err(_) => Err(key.refused(&format!(
                "cannot be used with {}: either cannot be read, or the key is another certificate's (the \
                 client's own certificate comes first, those of its issuers after it)",
                certificate.origin
            ))),
        }
    }
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
impl Tls {
    pub(super) fn client(&self) -> Result<reqwest::Client, Error> {
        self.check()?;
        let origin = self.origin();
        Err(Error::configuration(format!(
            "{origin} needs the feature `rustls` of tracing-genai or `native-tls`"
        )))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("ca_certificate", &!self.authorities.is_empty())
            .field("client_certificate", &self.identity.is_some())
            .finish()
    }
}
