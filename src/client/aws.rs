//! Requests to Amazon Bedrock, signed with AWS credentials.

use crate::{Error, record::ErrorKind};
use aws_config::{
    default_provider::credentials::DefaultCredentialsChain, meta::region::ProvideRegion,
    profile::ProfileFileRegionProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_types::region::Region;
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};
use tokio::{sync::Mutex, time::Instant};
use tracing::dispatcher::{Dispatch, with_default};

/// The name that Bedrock's requests are signed for.
const SERVICE: &str = "bedrock";
/// How long before their end credentials are no longer used.
const BEFORE_EXPIRY: Duration = Duration::from_secs(300);

/// Signs requests with credentials that it keeps until they expire or are refused.
pub(super) struct Signer {
    region: String,
    shared: Arc<Shared>,
}

struct Shared {
    region: String,
    /// Given by the program; else the chain of AWS's own tools: environment, profiles, SSO, web identity,
    /// containers, instances.
    given: Option<SharedCredentialsProvider>,
    state: Mutex<State>,
    /// The number of the credentials that were refused last.
    refused: AtomicU64,
}

#[derive(Default)]
struct State {
    current: Option<Credentials>,
    /// Which credentials these are, from 1.
    number: u64,
    /// It keeps what it has read of AWS's files: one that has gone stale is made anew.
    chain: Option<DefaultCredentialsChain>,
    /// When the last attempt to get some failed, and why.
    failed: Option<(Instant, Error)>,
}

/// Credentials and their number, and whether they were kept from before.
type Kept = (Credentials, u64, bool);

impl Signer {
    pub(super) fn new(region: String, given: Option<SharedCredentialsProvider>) -> Self {
        let state = Mutex::new(State::default());
        let shared = Shared { region: region.clone(), given, state, refused: AtomicU64::new(0) };
        Self { region, shared: Arc::new(shared) }
    }

    /// Adds the signature of a `POST` of this body. Gives the number of the credentials, for
    /// [`refused`](Self::refused), if they were kept from before.
    ///
    /// # Errors
    /// No credentials, in words that say where they may come from.
    pub(super) async fn sign(
        &self,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(u64, bool), Error> {
        let (shared, asked) = (Arc::clone(&self.shared), Instant::now());
        // A task of its own: a caller that leaves does not stop what the others wait for.
        let kept = tokio::spawn(async move { shared.credentials(asked).await }).await;
        let (credentials, number, were_kept) =
            kept.unwrap_or_else(|_| Err(Error::configuration("getting AWS credentials was broken off")))?;
        add_signature(url, headers, body, &self.region, credentials, SystemTime::now())?;
        Ok((number, were_kept))
    }

    /// The credentials of this number were refused, they may have been rotated: the next request asks for
    /// new ones.
    pub(super) fn refused(&self, number: u64) {
        self.shared.refused.fetch_max(number, Ordering::Relaxed);
    }
}

impl Shared {
    async fn credentials(&self, asked: Instant) -> Result<Kept, Error> {
        let mut state = self.state.lock().await;
        let now = SystemTime::now();
        let ends_after = |credentials: &Credentials, time| credentials.expiry().is_none_or(|end| end > time);
        let is_refused = state.number <= self.refused.load(Ordering::Relaxed);
        if is_refused {
            (state.current, state.chain) = (None, None);
        }
        let kept = state.current.clone().filter(|kept| ends_after(kept, now));
        let soon = now.checked_add(BEFORE_EXPIRY).unwrap_or(now);
        if let Some(kept) = kept.as_ref().filter(|kept| ends_after(kept, soon)) {
            return Ok((kept.clone(), state.number, true));
        }
        // Who waited while another failed has failed with it.
        let failed = state.failed.as_ref().filter(|(failed, _)| *failed > asked);
        let provided = match failed {
            Some((_, error)) => Err(error.again()),
            None => self.provide(&mut state).await,
        };
        match provided {
            Ok(credentials) => {
                state.number += 1;
                state.failed = None;
                Ok((state.current.insert(credentials).clone(), state.number, false))
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.again()));
                // Good until they end.
                kept.map(|kept| (kept, state.number, true)).ok_or(error)
            }
        }
    }

    async fn provide(&self, state: &mut State) -> Result<Credentials, Error> {
        let provided = match (&self.given, &mut state.chain) {
            (Some(given), _) => given.provide_credentials().await,
            (None, Some(chain)) => chain.provide_credentials().await,
            (None, chain @ None) => {
                let region = Region::new(self.region.clone());
                let new = DefaultCredentialsChain::builder().region(region).build().await;
                chain.insert(new).provide_credentials().await
            }
        };
        provided.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            let message = format!(
                "no AWS credentials: {error}{cause}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, \
                 or AWS_BEARER_TOKEN_BEDROCK for an API key of Bedrock"
            );
            Error::new(ErrorKind::Authentication, message)
        })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

fn add_signature(
    url: &Url,
    headers: &mut HeaderMap,
    body: &[u8],
    region: &str,
    credentials: Credentials,
    time: SystemTime,
) -> Result<(), Error> {
    let unsignable = |what: &str| Error::configuration(format!("the request cannot be signed: {what}"));
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| unsignable(&error.to_string()))?;
    // Headers of the program's own stay out of it: a gateway may take them, and an error may repeat what
    // was signed.
    let is_signed = |name: &str| name == "content-type" || name.starts_with("x-amz");
    let texts = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let texts = texts.filter(|(name, _)| is_signed(name));
    let request = SignableRequest::new("POST", url.as_str(), texts, SignableBody::Bytes(body))
        .map_err(|error| unsignable(&error.to_string()))?;
    // It traces what it signs, with the session token: nobody's span may have that.
    let signed = with_default(&Dispatch::none(), || sign(request, &params.into()));
    let (signed, _) = signed.map_err(|error| unsignable(&error.to_string()))?.into_parts();
    let (signature, _) = signed.into_parts();
    for header in signature {
        let name = HeaderName::from_static(header.name());
        let mut value = HeaderValue::from_str(header.value()).map_err(|_| unsignable(header.name()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(())
}

/// The region of the profile that AWS's own tools would take.
pub(super) fn profile_region() -> Option<String> {
    // Its spans are of no use to anybody.
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
        let provider = ProfileFileRegionProvider::new();
        let mut region = pin!(provider.region());
        // A profile is a file on this machine, which is read without waiting.
        match region.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(region) => region.map(|region| region.as_ref().to_owned()),
            Poll::Pending => None,
        }
    })
}
