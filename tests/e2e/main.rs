//! The whole product, as its users meet it: the program, real sockets, real TLS, real files.
//! In: the binary, the examples, simulators. Out: facts about exit codes, texts, journals and what partners hold.
//! Bounded everywhere: a wait that ends badly says what it waited for and what the program had said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

mod alerts;
mod backups;
mod bad_folders;
mod demo;
mod desk;
mod directory;
mod holds;
mod hostile;
mod lanes;
mod letters;
mod mailboxes;
mod openapi;
mod operations;
mod orders;
mod packages;
mod pages;
mod probe;
mod program;
mod prove;
mod recall;
mod receivers;
mod replay;
mod restarts;
mod retention;
mod route_cases;
mod routes_check;
mod samples;
mod schemas;
mod sealed;
mod status;
mod stores;
mod terminals;
mod translations;
mod versions;
mod words;
mod world;
