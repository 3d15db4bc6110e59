//! Provider wire formats (work in progress)
