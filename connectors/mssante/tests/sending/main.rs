//! The sink against the simulator, over real TLS on the loopback.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test program")]

mod checks;
mod faults;
mod hostile;
mod mails;
mod samples;
mod tools;
mod world;
