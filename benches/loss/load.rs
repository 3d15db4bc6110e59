//! The spans that a program ends, and what ending them costs it.

use opentelemetry::{
    KeyValue,
    trace::{Span, SpanBuilder, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::{
    thread,
    time::{Duration, Instant},
};

const THREADS: usize = 8;

/// So many spans with so long a text; as fast as it goes where no rate is given.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) spans: usize,
    pub(crate) text: usize,
    pub(crate) per_second: Option<usize>,
}

/// How long `Span::end` took, sorted, in nanoseconds; and how long all of it took.
pub(crate) struct Times {
    ends: Vec<u64>,
    whole: Duration,
}

impl Load {
    /// Ends the spans on several threads.
    pub(crate) fn run(self, provider: &SdkTracerProvider) -> Times {
        let begun = Instant::now();
        let share = self.spans / THREADS;
        let pause = self.per_second.map(|rate| Duration::from_secs_f64(THREADS as f64 / rate as f64));
        let threads = (0..THREADS).map(|thread| {
            let tracer = provider.tracer("loss");
            thread::spawn(move || {
                let mut ends = Vec::with_capacity(share);
                for number in 0..share {
                    if let Some(pause) = pause {
                        let due = begun + pause * u32::try_from(number).expect("few spans");
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                    ends.push(end_one(&tracer, thread * share + number, self.text));
                }
                ends
            })
        });
        let threads: Vec<_> = threads.collect();
        let mut ends: Vec<u64> =
            threads.into_iter().flat_map(|thread| thread.join().expect("a thread's times")).collect();
        let whole = begun.elapsed();
        ends.sort_unstable();
        Times { ends, whole }
    }
}

fn end_one(tracer: &SdkTracer, number: usize, text: usize) -> u64 {
    const WORDS: &str = "the quick brown fox asks the model what a lazy dog would say of it, and waits; ";
    let mut content = format!("{number}: ");
    while content.len() < text {
        content.push_str(WORDS);
    }
    content.truncate(text);
    let attributes = vec![
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", "openai"),
        KeyValue::new("gen_ai.request.model", "gpt-4o"),
        KeyValue::new("gen_ai.usage.input_tokens", 312_i64),
        KeyValue::new("gen_ai.usage.output_tokens", 57_i64),
        KeyValue::new("app.text", content),
    ];
    let mut span = tracer.build(SpanBuilder::from_name("chat gpt-4o").with_attributes(attributes));
    let begun = Instant::now();
    span.end();
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Times {
    /// Median, 99 %, 99.9 % and the longest in microseconds, and the spans a second.
    pub(crate) fn line(&self) -> String {
        let at = |part: f64| {
            let last = self.ends.len().saturating_sub(1) as f64;
            self.ends.get((last * part) as usize).map_or(0.0, |nanoseconds| *nanoseconds as f64 / 1e3)
        };
        let rate = self.ends.len() as f64 / self.whole.as_secs_f64();
        format!("{:.1};{:.0};{:.0};{:.0};{rate:.0}", at(0.5), at(0.99), at(0.999), at(1.0))
    }
}
