//! Both sides of an MLLP link as state machines: bytes, answers and the time in; what to do out. No IO.

pub mod client;
pub mod server;

pub use client::{Client, ClientFault, ClientLimits, Reply};
pub use server::{Action, CloseReason, Server, ServerLimits};
