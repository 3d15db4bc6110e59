//! The connections of a client, kept apart by who drives them.

/// A `reqwest` client, and a second for blocking calls.
///
/// The connections of the first are driven by the program's runtime. Between two of its `block_on`s that stands
/// still, and a blocking call that took a connection from there would wait for ever.
#[derive(Debug)]
pub(crate) struct Connections {
    client: reqwest::Client,
    /// How the second is made; `None` if the program gave its own client, which serves both.
    #[cfg(feature = "blocking")]
    again: Option<fn() -> reqwest::Result<reqwest::Client>>,
    #[cfg(feature = "blocking")]
    blocking: std::sync::OnceLock<reqwest::Client>,
}

impl Connections {
    /// Those of the program's own client.
    pub(crate) fn given(client: reqwest::Client) -> Self {
        Self {
            client,
            #[cfg(feature = "blocking")]
            again: None,
            #[cfg(feature = "blocking")]
            blocking: std::sync::OnceLock::new(),
        }
    }

    pub(crate) fn made_by(make: fn() -> reqwest::Result<reqwest::Client>) -> reqwest::Result<Self> {
        let made = Self::given(make()?);
        #[cfg(feature = "blocking")]
        let made = Self { again: Some(make), ..made };
        Ok(made)
    }

    /// The client for who calls here and now.
    pub(crate) fn here(&self) -> &reqwest::Client {
        #[cfg(feature = "blocking")]
        if let (Some(make), true) = (self.again, crate::blocking::is_waiting()) {
            // What was made once can hardly fail now; if it does, one for both is better than none.
            return self.blocking.get_or_init(|| make().unwrap_or_else(|_| self.client.clone()));
        }
        &self.client
    }
}
