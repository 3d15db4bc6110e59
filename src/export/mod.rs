//! Finished spans to their destinations.
