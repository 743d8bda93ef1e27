//! MSSanté: sending sink and simulator.
pub mod checks;
pub mod client;
pub mod config;
mod punycode;
pub mod session;
pub mod simulator;
pub mod sink;
pub mod whitelist;
