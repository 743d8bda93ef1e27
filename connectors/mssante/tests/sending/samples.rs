//! Official samples.
