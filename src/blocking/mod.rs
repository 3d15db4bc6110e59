//! Calls without a runtime: they block the thread until the answer is there.
//!
//! A call is built as ever, by [`Client::chat`](crate::Client::chat) or [`Client::embed`](crate::Client::embed) with all
//! that these take, and made by [`Chat::send_blocking`], [`Chat::stream_blocking`] or [`Embed::send_blocking`] in place of
//! `send` and `stream`. Whatever else is `async` here and gives a `Result`, [`wait`] waits for: Tracia's API
//! (`tracia::Api`), the [result](crate::client::PendingResult) of a stream.
//!
//! ```
//! use tracing_genai::{Client, Error};
//!
//! fn run(client: &Client) -> Result<(), Error> {
//!     let reply = client.chat("gpt-4o-mini").user("Say hello in Danish.").send_blocking()?;
//!     println!("{} ({:?} tokens)", reply.text(), reply.usage().output_tokens);
//!
//!     let mut stream = client.chat("gpt-4o-mini").user("Count to ten.").stream_blocking()?;
//!     for text in stream.text() {
//!         print!("{}", text?);
//!     }
//!     let vectors = client.embed("text-embedding-3-small").input("sea").send_blocking()?.into_vectors();
//!     assert_eq!(vectors.len(), 1);
//!     Ok(())
//! }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "testing")]
//! # {
//! #     let provider = tracing_genai::testing::FakeProvider::start()?;
//! #     run(&Client::builder().base_url(provider.base_url()).api_key("sk-test").build()?)?;
//! #     assert_eq!(provider.requests().len(), 3);
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//!
//! A call runs on the thread that makes it. So its span is a child of the span that is current there, has the
//! [scope](crate::context::scope) that is in force there, and goes to that thread's subscriber, if it has one of its own
//! (`tracing::subscriber::with_default`). Sockets and clocks are driven by one thread of this crate's, started with the
//! first call (`tracing-genai-blocking`); as many threads as like may call at once. Connections are used again by later
//! blocking calls of the same client; those of its `async` calls are others.
//! An [own `reqwest` client](crate::client::ClientBuilder::http_client) has one store for both: do not give one to blocking
//! calls that a runtime which may stand still uses too.
//!
//! # Inside a runtime
//!
//! | where | a blocking call |
//! |---|---|
//! | no runtime | is made |
//! | `spawn_blocking`, `block_in_place`, a thread that only [entered](tokio::runtime::Handle::enter) a runtime | is made |
//! | an `async` function or task of tokio, of any flavour, and `block_on` | is an error of the kind [`Configuration`](crate::record::ErrorKind::Configuration), since it would hold up the runtime; nothing is sent |
//! | inside `tokio::task::unconstrained`, or under another executor | is made, and holds up that executor's thread until the answer is there: nothing tells these from a plain thread |

mod runtime;
mod stream;

pub(crate) use runtime::is_waiting;
pub use stream::ChatStream;

use crate::{
    Error,
    client::{Chat, Embed, EmbeddingsReply, Reply},
};
use std::future::Future;

/// Waits for `future` on this thread, with the runtime of this crate around it: what is spawned inside goes there.
///
/// ```
/// # #[cfg(feature = "tracia")]
/// fn greet(tracia: &tracing_genai::tracia::Api) -> Result<(), tracing_genai::Error> {
///     use tracing_genai::blocking::wait;
///
///     for prompt in wait(tracia.prompts().list())? {
///         println!("{}", prompt.slug);
///     }
///     let answer = wait(tracia.prompts().run("greeting").variable("name", "Ann").send())?;
///     println!("{}", answer.text.unwrap_or_default());
///     Ok(())
/// }
/// ```
///
/// # Errors
/// That of `future`. [`Configuration`](crate::record::ErrorKind::Configuration) inside a runtime's task (see the
/// [module](self)), or where no thread can be started.
pub fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    runtime::enter()?.run(future)
}

impl Chat {
    /// Makes the call and blocks this thread until the whole answer is there; otherwise as [`send`](Self::send).
    ///
    /// # Errors
    /// As [`send`](Self::send), and as [`wait`] inside a runtime's task.
    #[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
    pub fn send_blocking(self) -> Result<Reply, Error> {
        wait(self.send())
    }

    /// Makes the call, blocks this thread until the answer's head is there, and gives the answer as it comes; otherwise as
    /// [`stream`](Self::stream).
    ///
    /// # Errors
    /// As [`send_blocking`](Self::send_blocking).
    #[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
    pub fn stream_blocking(self) -> Result<ChatStream, Error> {
        wait(self.stream()).map(ChatStream::new)
    }
}

impl Embed {
    /// Makes the call and blocks this thread until the answer is there; otherwise as [`send`](Self::send).
    ///
    /// # Errors
    /// As [`send`](Self::send), and as [`wait`] inside a runtime's task.
    #[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
    pub fn send_blocking(self) -> Result<EmbeddingsReply, Error> {
        wait(self.send())
    }
}
