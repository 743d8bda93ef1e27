//! MSSanté: sending sink and simulator.
pub mod client;
pub mod config;
mod punycode;
pub mod session;
pub mod whitelist;
