//! Requests of log records, in halves.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    logs::v1::{ResourceLogs, ScopeLogs},
};
use prost::Message;

pub(super) fn halves(body: &[u8]) -> Option<[(u64, Bytes); 2]> {
    let ExportLogsServiceRequest { resource_logs } = ExportLogsServiceRequest::decode(body).ok()?;
    let scopes = resource_logs.iter().flat_map(|resource| &resource.scope_logs);
    let count: usize = scopes.map(|scope| scope.log_records.len()).sum();
    let mut room = count / 2;
    if room == 0 {
        return None;
    }
    let mut halves = [Vec::new(), Vec::new()];
    for resource in resource_logs {
        let mut parts = [Vec::new(), Vec::new()];
        for mut scope in resource.scope_logs {
            let rest = scope.log_records.split_off(room.min(scope.log_records.len()));
            room -= scope.log_records.len();
            let second = ScopeLogs {
                scope: scope.scope.clone(),
                schema_url: scope.schema_url.clone(),
                log_records: rest,
            };
            for (part, scope) in parts.iter_mut().zip([scope, second]) {
                if !scope.log_records.is_empty() {
                    part.push(scope);
                }
            }
        }
        for (half, scope_logs) in halves.iter_mut().zip(parts) {
            if !scope_logs.is_empty() {
                let schema_url = resource.schema_url.clone();
                half.push(ResourceLogs { resource: resource.resource.clone(), scope_logs, schema_url });
            }
        }
    }
    let encoded = |resource_logs| ExportLogsServiceRequest { resource_logs }.encode_to_vec().into();
    let [first, second] = halves.map(encoded);
    let half = (count / 2) as u64;
    Some([(half, first), (count as u64 - half, second)])
}
