//! TLS in front of a receiver on this host, with certificates made for the test.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses its part, in tests")]

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
        server::WebPkiClientVerifier,
    },
};

/// Who issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pub pem: String,
}

/// A certificate and its key, as PEM.
pub struct Issued {
    der: CertificateDer<'static>,
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL knows authorities by their names.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    pub fn issue(&self) -> Issued {
        let mut params =
            CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "this host");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { der: certificate.der().clone(), certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// Takes TLS off, and brings what comes to a plain receiver.
pub struct Front {
    pub url: String,
    authority: Authority,
    clients: Option<Authority>,
}

impl Front {
    /// The authority that issued the server's certificate.
    pub fn authority(&self) -> &str {
        &self.authority.pem
    }

    /// A certificate that the server takes of its clients.
    pub fn client(&self) -> Issued {
        self.clients.as_ref().unwrap().issue()
    }

    pub fn new(upstream: &str) -> Self {
        Self::start(upstream, None, &[])
    }

    /// Takes only clients with a certificate.
    pub fn mutual(upstream: &str) -> Self {
        Self::start(upstream, Some(Authority::new()), &[])
    }

    pub fn grpc(upstream: &str) -> Self {
        Self::start(upstream, None, &["h2"])
    }

    pub fn mutual_grpc(upstream: &str) -> Self {
        Self::start(upstream, Some(Authority::new()), &["h2"])
    }

    /// The address of another server, whose certificate the same authority issued.
    pub fn another(&self, upstream: &str) -> String {
        serve(upstream, &self.authority, None, &[])
    }

    fn start(upstream: &str, clients: Option<Authority>, protocols: &[&str]) -> Self {
        let authority = Authority::new();
        let url = serve(upstream, &authority, clients.as_ref(), protocols);
        Self { url, authority, clients }
    }
}

/// Gives the address of a server that brings what comes to `upstream`.
fn serve(upstream: &str, authority: &Authority, clients: Option<&Authority>, protocols: &[&str]) -> String {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let issued = authority.issue();
    let key = KeyPair::from_pem(&issued.key).unwrap().serialize_der();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let mut config = config.with_single_cert(vec![issued.der], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let upstream = upstream.trim_start_matches("http://").to_owned();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
                tokio::spawn(async move {
                    let Ok(mut plain) = acceptor.accept(stream).await else { return };
                    let Ok(mut upstream) = TcpStream::connect(upstream).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut plain, &mut upstream).await;
                });
            }
        });
    });
    url
}
