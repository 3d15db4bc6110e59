use super::{
    Api, CreatedSpan, Evaluate, NewSpan, Span, SpanStatus, SpanSummary,
    address::{segment, with_query},
    exchange::Request,
    read,
};
use crate::{
    Error,
    record::{ErrorInfo, ErrorKind},
    time::rfc3339,
    vocabulary::tracia::ErrorCode,
};
use reqwest::Method;
use serde_json::Value;
use std::{
    collections::HashSet,
    time::{SystemTime, UNIX_EPOCH},
};

/// The spans that Tracia keeps, of [`Api::spans`].
///
/// ```
/// use tracing_genai::tracia::{Api, Eval, Message, NewSpan};
///
/// # async fn run(tracia: Api) -> Result<(), tracing_genai::Error> {
/// let spans = tracia.spans();
/// let call = NewSpan::llm("openai", "gpt-4o").messages([Message::user("Hi")]).output("Hello.").tokens(8, 2);
/// let made = spans.create(call).await?;
/// spans.evaluate(&made.span_id, "quality", Eval::POSITIVE).note("Polite.").send().await?;
/// assert_eq!(spans.get(&made.span_id).await?.output.as_deref(), Some("Hello."));
///
/// let mut pages = spans.list().limit(100).pages();
/// while let Some(page) = pages.next_page().await? {
///     for span in page {
///         println!("{} {}", span.span_id, span.status);
///     }
/// }
/// # Ok(())
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "testing")]
/// # {
/// #     let tracia = tracing_genai::testing::FakeTracia::start()?;
/// #     let api = Api::builder("tr_key").base_url(tracia.url()).build()?;
/// #     tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(api))?;
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Spans {
    api: Api,
}

impl Spans {
    pub(super) fn new(api: Api) -> Self {
        Self { api }
    }

    /// Stores the span of a call that was made elsewhere. Of the calls of this program `Destination::tracia` does that by
    /// itself, with its queue, its spool and its tries.
    ///
    /// # Errors
    /// A blank model, an id that is none, a number that is not finite; what Tracia or the network says. Whatever success
    /// Tracia answers with, the span is stored, so that is no error even where it cannot be read, unless it is a page of
    /// something else.
    pub async fn create(&self, span: NewSpan) -> Result<CreatedSpan, Error> {
        let (span_id, trace_id, body) = span.body()?;
        let answered = self.api.exchange(Request::with_body(Method::POST, "/spans", body)).await?;
        let sent = if answered.is_empty() { Value::Null } else { answered.object("a word of the span")? };
        Ok(CreatedSpan {
            id: read::text(&sent, "id"),
            span_id: read::text(&sent, "spanId").unwrap_or(span_id),
            trace_id: read::text(&sent, "traceId").unwrap_or(trace_id),
            cost: read::number(&sent, "cost"),
        })
    }

    /// The span of this id.
    ///
    /// # Errors
    /// A blank id; `NOT_FOUND`, or what else Tracia or the network says.
    pub async fn get(&self, span_id: &str) -> Result<Span, Error> {
        let path = format!("/spans/{}", segment(span_id, "id of the span")?);
        let answered = self.api.exchange(Request::get(path)).await?;
        let span = Span::read(&answered.object("the span")?);
        // An object of something else says nothing of the span.
        if span.summary.span_id.is_empty() { Err(answered.unreadable("the span")) } else { Ok(span) }
    }

    /// The spans there are, newest first, or those that fit.
    pub fn list(&self) -> ListSpans {
        ListSpans { api: self.api.clone(), pairs: Vec::new(), tags: Vec::new() }
    }

    /// Judges a span: `quality` is the evaluator that Tracia documents, with [`Eval::POSITIVE`](super::Eval::POSITIVE) or
    /// [`Eval::NEGATIVE`](super::Eval::NEGATIVE).
    ///
    /// Tracia knows a span once it has come. One that `Destination::tracia` is to send may be on its way still, and is
    /// `NOT_FOUND` until then: judge it with `span::Evaluation`, which the destination sends after its span whenever
    /// that is, or call `Telemetry::flush` before this.
    pub fn evaluate(
        &self,
        span_id: impl Into<String>,
        evaluator: impl Into<String>,
        value: impl Into<f64>,
    ) -> Evaluate {
        Evaluate::new(self.api.clone(), span_id.into(), evaluator.into(), value.into())
    }
}

/// Which spans are asked for, of [`Spans::list`]. Each condition narrows it down.
#[derive(Clone, Debug)]
#[must_use = "spans are asked for by `send` or `pages`"]
pub struct ListSpans {
    api: Api,
    pairs: Vec<(&'static str, String)>,
    tags: Vec<String>,
}

/// A page of spans.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpanPage {
    /// The spans, newest first.
    pub spans: Vec<SpanSummary>,
    /// Where the next page begins, for [`ListSpans::cursor`]; `None` after the last.
    pub next_cursor: Option<String>,
}

impl ListSpans {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.pairs.retain(|(known, _)| *known != name);
        self.pairs.push((name, value.into()));
        self
    }

    /// Of runs of this prompt.
    pub fn prompt_slug(self, slug: impl Into<String>) -> Self {
        self.with("promptSlug", slug)
    }

    /// That ended so.
    pub fn status(self, status: SpanStatus) -> Self {
        self.with("status", status)
    }

    /// That came at this time or later; to the millisecond.
    pub fn start_date(self, time: SystemTime) -> Self {
        self.with("startDate", text_of(time))
    }

    /// That came at this time or earlier; to the millisecond.
    pub fn end_date(self, time: SystemTime) -> Self {
        self.with("endDate", text_of(time))
    }

    /// Of this user.
    pub fn user_id(self, id: impl Into<String>) -> Self {
        self.with("userId", id)
    }

    /// Of this session.
    pub fn session_id(self, id: impl Into<String>) -> Self {
        self.with("sessionId", id)
    }

    /// With this tag too; a span has to have them all. Tracia cannot be asked for a tag with a comma in it.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// With all of these tags.
    pub fn tags<T: Into<String>>(self, tags: impl IntoIterator<Item = T>) -> Self {
        tags.into_iter().fold(self, Self::tag)
    }

    /// How many a page has, from 1 to 100; 50 by default.
    pub fn limit(self, limit: u32) -> Self {
        self.with("limit", limit.to_string())
    }

    /// Begins where another page ended ([`SpanPage::next_cursor`]).
    pub fn cursor(self, cursor: impl Into<String>) -> Self {
        self.with("cursor", cursor)
    }

    /// Asks for one page.
    ///
    /// # Errors
    /// A limit that is not from 1 to 100, a blank value, a tag with a comma, a time that is not from 1970 to 2554; what Tracia or the
    /// network says.
    pub async fn send(self) -> Result<SpanPage, Error> {
        self.page().await
    }

    /// Asks for page after page.
    pub fn pages(self) -> SpanPages {
        SpanPages { next: Some(self), seen: HashSet::new() }
    }

    async fn page(&self) -> Result<SpanPage, Error> {
        let answered = self.api.exchange(Request::get(self.path()?)).await?;
        let object = answered.object("a list of spans")?;
        // `traces` is what spans were once called.
        let list = ["spans", "traces"].into_iter().find_map(|key| object[key].as_array());
        let list = list.ok_or_else(|| answered.unreadable("a list of spans"))?;
        let more = object["hasMore"].as_bool().unwrap_or(true);
        let next = read::text_of(&object, &["nextCursor", "cursor"]);
        Ok(SpanPage {
            spans: list.iter().map(SpanSummary::read).collect(),
            next_cursor: next.filter(|cursor| more && !cursor.is_empty()),
        })
    }

    fn path(&self) -> Result<String, Error> {
        let mut pairs = self.pairs.clone();
        if !self.tags.is_empty() {
            pairs.push(("tags", self.tags.join(",")));
        }
        let wrong = |what: String| Err(Error::configuration(what));
        if let Some(tag) = self.tags.iter().find(|tag| tag.contains(',') || tag.trim().is_empty()) {
            return wrong(format!(
                "spans cannot be asked for by the tag {tag:?}: it is blank or has a comma"
            ));
        }
        for (name, value) in &pairs {
            if value.trim().is_empty() {
                return wrong(format!(
                    "{name} is blank, or no time from 1970 to 2554: leave it out to ask for all"
                ));
            }
            if *name == "limit" && !value.parse().is_ok_and(|limit: u32| (1..=100).contains(&limit)) {
                return wrong(format!("limit is {value}, and a page has from 1 to 100 spans"));
            }
        }
        Ok(with_query("/spans", &pairs))
    }
}

/// The time as JavaScript writes it; nothing for one that cannot be written, which is refused.
fn text_of(time: SystemTime) -> String {
    let nanos = time.duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_nanos()).ok());
    let Some(nanos) = nanos else { return String::new() };
    let mut text = rfc3339(nanos);
    text.truncate(text.len() - "000000Z".len());
    text + "Z"
}

/// The pages of a list, of [`ListSpans::pages`].
#[derive(Clone, Debug)]
pub struct SpanPages {
    /// None after the last.
    next: Option<ListSpans>,
    /// The cursors of the pages so far.
    seen: HashSet<String>,
}

impl SpanPages {
    /// The next page; `None` after the last. After an error the same page is asked for again.
    ///
    /// # Errors
    /// As of [`ListSpans::send`], and [`ErrorKind::Protocol`] if a page names one as the next that was there before.
    pub async fn next_page(&mut self) -> Result<Option<Vec<SpanSummary>>, Error> {
        let Some(this) = &self.next else { return Ok(None) };
        let page = this.page().await?;
        let asked = this.pairs.iter().find(|(name, _)| *name == "cursor").map(|(_, cursor)| cursor);
        self.seen.extend(asked.cloned());
        if page.next_cursor.as_ref().is_some_and(|cursor| self.seen.contains(cursor)) {
            let message = "a page of Tracia's spans names one as the next that was there before";
            let info = ErrorInfo::new(ErrorKind::Protocol, message);
            return Err(Error::from(info).with_tracia_code(ErrorCode::Unknown));
        }
        self.next = page.next_cursor.and_then(|cursor| Some(self.next.take()?.cursor(cursor)));
        Ok(Some(page.spans))
    }

    /// Every span of the pages that are left. Ask by [conditions](ListSpans) where there are many: all are held in memory.
    ///
    /// # Errors
    /// As of [`next_page`](Self::next_page).
    pub async fn all(mut self) -> Result<Vec<SpanSummary>, Error> {
        let mut all = Vec::new();
        while let Some(page) = self.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    }
}
