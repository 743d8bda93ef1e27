//! The sink against the simulator, over real TLS on the loopback.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test program")]

mod checks;
mod collecting;
mod faults;
mod hostile;
mod independent;
mod list;
mod mails;
mod notices;
mod samples;
mod tools;
mod world;
