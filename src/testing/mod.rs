//! For tests: a fake provider.

mod body;
mod fake_provider;
mod gate;
mod loopback;
mod request;
mod signal;

pub use fake_provider::{Answer, FakeProvider};
pub use gate::Gate;
pub use request::ReceivedRequest;
