//! What leaves over MLLP: functional acknowledgements, and messages that mappings wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test program: failing is its way of speaking")]

mod messages;
mod world;
mod zam;
