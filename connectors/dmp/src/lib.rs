//! DMP: the sink that feeds the national health record, and the simulator that receives in its place.
//! In: `DocumentSubmission`s. Out: TD2.1 (ITI-41), TD3.1b (ITI-18), TD3.3c (ITI-57) over mutual TLS.
//! Source: docs/specs/dmp-xds.md. Deliberately absent: reading documents, which an automaton may not do (§1.1).

mod body;
pub mod checks;
pub mod codes;
pub mod config;
pub mod dial;
pub mod endpoint;
mod http;
mod links;
mod lot;
mod outcome;
mod prepare;
pub mod probe;
pub mod simulator;
mod sink;
mod speaker;
mod text;
mod transaction;
mod wire;

pub use codes::{CodeTable, Reason};
pub use config::{Settings, SpeaksFor, Structure};
pub use dial::{Dial, Stream, TlsDial};
pub use endpoint::{BaseUrl, Service};
pub use probe::DmpProbe;
pub use sink::DmpSink;
