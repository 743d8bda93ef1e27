//! HTTP as the pullers of directories need it: a client that never tells its secrets to another host and waits when
//! asked to, a download that resumes, and a small server for simulators that misbehave.
//! In: addresses, TLS material. Out: bounded answers, files. Source: annuaires.md §1.1, §9.2; decision 0017.
//! Deliberately absent: what an answer means; cookies, proxies, compression.

pub mod client;
pub mod download;
pub mod pace;
pub mod server;
pub mod url;

pub use client::{Answer, Client, Request, WebError};
pub use download::{Downloaded, download, fetch};
pub use server::{Body, Reply, Server};
pub use url::Url;
