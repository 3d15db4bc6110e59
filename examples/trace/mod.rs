//! What the examples share: a trace in print.

use std::collections::BTreeMap;
use tracing_genai::testing::{AttributeValue, FinishedSpan};

/// Prints the spans as a tree, in the order in which they began.
pub(crate) fn print(spans: &[FinishedSpan]) {
    let mut children: BTreeMap<&str, Vec<&FinishedSpan>> = BTreeMap::new();
    for span in spans {
        children.entry(span.parent_span_id.as_deref().unwrap_or("")).or_default().push(span);
    }
    for siblings in children.values_mut() {
        siblings.sort_by_key(|span| span.start_unix_nanos);
    }
    if let Some(first) = spans.first() {
        println!("Trace {}", first.trace_id);
    }
    print_children(&children, "", 0);
}

fn print_children(children: &BTreeMap<&str, Vec<&FinishedSpan>>, parent: &str, depth: usize) {
    for span in children.get(parent).into_iter().flatten() {
        let name = format!("{}{}", "  ".repeat(depth), span.name);
        print!("{name:<44}{:>9.1} ms", span.duration().as_secs_f64() * 1e3);
        let text = |name| span.attribute(name).and_then(AttributeValue::as_str);
        if let Some(model) = text("gen_ai.response.model") {
            print!("  {model}");
        }
        let tokens = |name| span.attribute(name).and_then(AttributeValue::as_i64);
        if let Some(input) = tokens("gen_ai.usage.input_tokens") {
            print!("  {input} tokens in");
        }
        if let Some(output) = tokens("gen_ai.usage.output_tokens") {
            print!(", {output} out");
        }
        if let Some(outcome) = text("tracing_genai.outcome") {
            print!("  {outcome}");
        }
        println!();
        print_children(children, &span.span_id, depth + 1);
    }
}
