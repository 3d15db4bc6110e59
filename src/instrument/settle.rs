//! What a call came to, read from its bodies.

use super::{
    call::{Came, Close, Sent, Watched, lock, note_content},
    collected::Collected,
};
use crate::{
    capture::redact,
    diagnosis::{self, Finding},
    provider::{
        self, Delta,
        answer::{self, End, StreamedAnswer},
    },
    record::{Call, ErrorInfo, ErrorKind, OperationKind, Outcome, Usage},
};
use std::{mem, sync::Arc, time::SystemTime};

impl Watched {
    /// Ends the span as of `ended`, with what the bodies tell if they are to be read.
    pub(super) fn settle(mut self: Box<Self>, close: Close, ended: SystemTime, read_it: bool) {
        let was_left = matches!(close, Close::Left);
        if read_it {
            self.read_request();
        }
        let outcome = match mem::replace(&mut self.came, Came::Nothing) {
            Came::Refused(headers, body) => {
                let status = self.status.unwrap_or_default();
                self.failed(provider::read_error(self.api, status, &headers, &body.into_bytes()))
            }
            Came::Stream { answer, rest, .. } if read_it => self.read_stream(*answer, rest, close),
            Came::Whole(body) if read_it && matches!(close, Close::Whole) => self.read_whole(body),
            Came::Whole(body) if read_it && matches!(close, Close::Left) && may_be_whole(&body) => {
                self.read_left(body)
            }
            _ => match close {
                Close::Whole => Outcome::Done,
                Close::Broken(info) => self.failed(*info),
                Close::Left => Outcome::Abandoned,
            },
        };
        self.keep_usage();
        // Who stops at a stream's last word may keep its body for long.
        let ended = self.last_piece.filter(|_| was_left && matches!(outcome, Outcome::Done)).unwrap_or(ended);
        self.in_flight.settle_at(outcome, ended);
    }

    fn read_request(&mut self) {
        let body = match mem::replace(&mut self.sent, Sent::TooLarge) {
            Sent::InMemory(body) => body,
            Sent::Streamed(sent) => {
                let sent = mem::replace(&mut *lock(&sent), Collected::new(0));
                if sent.is_cut() {
                    diagnosis::note(Finding::BodyOverLimit);
                }
                sent.into_bytes()
            }
            Sent::TooLarge => return,
        };
        match provider::read_request(self.api, &self.path, &body) {
            Some(call) => self.in_flight.operation_mut().call = call,
            // It may not have been sent to its end.
            None if self.status.is_none() => {}
            None if self.by_rule => diagnosis::note(Finding::RuleMatchedOther),
            None => diagnosis::note(Finding::UnreadableBody),
        }
    }

    fn read_stream(&mut self, mut answer: StreamedAnswer, rest: Option<Collected>, close: Close) -> Outcome {
        let (in_flight, arrived) = (&mut self.in_flight, self.arrived);
        let mut on_delta = |delta: Delta<'_>| note_content(in_flight, arrived, &delta);
        for piece in rest.map(Collected::into_pieces).unwrap_or_default() {
            answer.feed(&piece, &mut on_delta);
        }
        let broken = match close {
            // A caller that stops at the last finish reason has the whole answer.
            Close::Left if !answer.is_whole() && !answer.is_over() => {
                self.keep(Call::with_response(answer.so_far()));
                return Outcome::Abandoned;
            }
            Close::Left => None,
            Close::Whole => {
                answer.end_of_body(&mut on_delta);
                None
            }
            Close::Broken(info) => Some(*info),
        };
        let has_skipped = answer.has_skipped();
        let (response, end) = answer.conclude(broken.is_some(), &mut on_delta);
        self.keep(Call::with_response(response));
        match (end, broken) {
            (End::Done, _) => {
                let usage = self.in_flight.operation().usage();
                if usage.is_none_or(|usage| usage.input_tokens.is_none() && usage.output_tokens.is_none()) {
                    diagnosis::note(Finding::StreamWithoutUsage);
                }
                Outcome::Done
            }
            // It was too long for this reader, which says nothing of the call.
            (End::Cut(_), None) if has_skipped => {
                diagnosis::note(Finding::BodyOverLimit);
                Outcome::Done
            }
            (End::Told(info) | End::Cut(info), _) | (End::Broken, Some(info)) => self.failed(info),
            (End::Unread(_), _) | (End::Broken, None) => unreadable(),
        }
    }

    fn read_whole(&mut self, body: Collected) -> Outcome {
        let is_cut = body.is_cut();
        if is_cut {
            diagnosis::note(Finding::BodyOverLimit);
        }
        let (call, end) = self.answer_in(&body.into_bytes());
        self.keep(call);
        match end {
            End::Told(info) | End::Cut(info) => self.failed(info),
            End::Unread(_) if !is_cut => unreadable(),
            End::Unread(_) | End::Done | End::Broken => Outcome::Done,
        }
    }

    /// A body that its caller has left may have been all there was.
    fn read_left(&mut self, body: Collected) -> Outcome {
        let (call, end) = self.answer_in(&body.into_bytes());
        match end {
            End::Done => {
                self.keep(call);
                Outcome::Done
            }
            End::Told(info) => self.failed(info),
            End::Unread(_) | End::Cut(_) | End::Broken => Outcome::Abandoned,
        }
    }

    /// What an answer in one piece says.
    fn answer_in(&self, body: &[u8]) -> (Call, End) {
        if self.api.operation_kind() != OperationKind::Embeddings {
            let (response, end) = answer::read_whole(self.api, body);
            return (Call::with_response(response), end);
        }
        let (embeddings, end) = match provider::read_embeddings(self.api, body, false) {
            Ok(embeddings) => (embeddings, End::Done),
            Err(info) => match provider::response_error(self.api, body) {
                Some(told) => (Default::default(), End::Told(told)),
                None => (Default::default(), End::Unread(info)),
            },
        };
        (Call::with_embeddings(embeddings), end)
    }

    /// Puts what came into the operation.
    fn keep(&mut self, came: Call) {
        match (&mut self.in_flight.operation_mut().call, came) {
            (Call::Inference { response, .. }, Call::Inference { response: came, .. }) => *response = came,
            (Call::Embeddings { response, .. }, Call::Embeddings { response: came, .. }) => *response = came,
            _ => {}
        }
    }

    /// What the headers told of the usage, where the body did not.
    fn keep_usage(&mut self) {
        if self.usage == Usage::default() {
            return;
        }
        match &mut self.in_flight.operation_mut().call {
            Call::Inference { response, .. } => Arc::make_mut(response).usage.fill_from(&self.usage),
            Call::Embeddings { response, .. } => response.usage.fill_from(&self.usage),
            _ => {}
        }
    }

    /// The failure, with what the call knows of it and without the key.
    fn failed(&mut self, mut info: ErrorInfo) -> Outcome {
        let operation = self.in_flight.operation_mut();
        match (&info.request_id, &operation.request_id) {
            (None, Some(_)) => info.request_id.clone_from(&operation.request_id),
            (Some(_), None) => operation.request_id.clone_from(&info.request_id),
            _ => {}
        }
        if matches!(info.kind, ErrorKind::Timeout | ErrorKind::Connection) {
            info.http_status = info.http_status.or(self.status);
        }
        if let (ErrorKind::Connection, None, Some(server)) = (info.kind, self.status, &operation.server) {
            info.message = format!("{}:{}: {}", server.address, server.port, info.message);
        }
        for secret in self.secrets.iter().filter_map(|secret| secret.to_str().ok()) {
            redact::forget(secret, &mut info);
            // A scheme stands before some, in any letter case.
            redact::forget(secret.split_once(' ').map_or("", |(_, key)| key), &mut info);
        }
        Outcome::Failed(Box::new(info))
    }
}

/// Whether a body may be whole: it ends as JSON does.
fn may_be_whole(body: &Collected) -> bool {
    !body.is_cut() && matches!(body.last(), Some(b'}' | b']' | b'\n'))
}

/// An answer that came well and is not what its address promises is no failure of the call.
fn unreadable() -> Outcome {
    diagnosis::note(Finding::UnreadableBody);
    Outcome::Done
}
