//! MSSanté: mails to professionals and to the patient, through one operator; and that operator, simulated.
//! In: `DocumentSubmission`, received mails. Out: mails, delivery reports, shapes. Sources: mssante.md, hl7v2.md §2.7 to §2.14.
//! Deliberately absent so far: IMAP, delivery notices and reading receipts coming back, the role of an operator.
//!
//! ```text
//! config.rs      what the author of a configuration writes → Settings
//! sink/          the port: gates, lot (archive and PDF copies), head of a mail, outcomes
//! session/       SMTP as a state machine: bytes in, actions out
//! client.rs      sockets, TLS, timeouts, pool: the shell of the session
//! whitelist.rs   liste blanche of the espace de confiance
//! simulator/     the operator: another parser, its own decisions, faults by name
//! incoming/      a mail received, understood: kind, shapes, notices
//! checks/        what a mail shows: rows M and X of mssante.md §7
//! ```

pub mod checks;
pub mod client;
pub mod config;
pub mod incoming;
pub mod probe;
mod punycode;
pub mod session;
pub mod simulator;
pub mod sink;
pub mod whitelist;

pub use config::Settings;
pub use probe::MssanteProbe;
pub use simulator::{Simulator, SimulatorSettings};
pub use sink::{MssanteSink, SinkParts};
pub use whitelist::Whitelist;
