//! Requests of spans, in halves.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message;

pub(super) fn halves(body: &[u8]) -> Option<[(u64, Bytes); 2]> {
    let ExportTraceServiceRequest { resource_spans } = ExportTraceServiceRequest::decode(body).ok()?;
    let scopes = resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let count: usize = scopes.map(|scope| scope.spans.len()).sum();
    let mut room = count / 2;
    if room == 0 {
        return None;
    }
    let mut halves = [Vec::new(), Vec::new()];
    for resource in resource_spans {
        let mut parts = [Vec::new(), Vec::new()];
        for mut scope in resource.scope_spans {
            let rest = scope.spans.split_off(room.min(scope.spans.len()));
            room -= scope.spans.len();
            let second =
                ScopeSpans { scope: scope.scope.clone(), schema_url: scope.schema_url.clone(), spans: rest };
            for (part, scope) in parts.iter_mut().zip([scope, second]) {
                if !scope.spans.is_empty() {
                    part.push(scope);
                }
            }
        }
        for (half, scope_spans) in halves.iter_mut().zip(parts) {
            if !scope_spans.is_empty() {
                let schema_url = resource.schema_url.clone();
                half.push(ResourceSpans { resource: resource.resource.clone(), scope_spans, schema_url });
            }
        }
    }
    let encoded = |resource_spans| ExportTraceServiceRequest { resource_spans }.encode_to_vec().into();
    let [first, second] = halves.map(encoded);
    let half = (count / 2) as u64;
    Some([(half, first), (count as u64 - half, second)])
}
