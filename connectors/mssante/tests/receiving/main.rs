//! Received mails, understood: every row of mssante.md §8 that concerns one has its own mail, made by `world`.
#![allow(clippy::unwrap_used, reason = "a test program")]

mod archives;
mod kinds;
mod notices;
mod patients;
mod receipts;
mod samples;
mod shapes;
mod tools;
mod world;
