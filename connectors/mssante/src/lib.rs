//! MSSanté: mails to professionals and to the patient, through one operator; and that operator, simulated.
//! In: `DocumentSubmission`, mailboxes, received mails. Out: mails, delivery reports, arrivals, shapes.
//! Sources: mssante.md, hl7v2.md §2.7 to §2.14. Deliberately absent so far: notices and receipts coming back, the role of an operator.
//!
//! ```text
//! config.rs      what the author of a configuration writes → Settings
//! sink/          the port: gates, lot (archive and PDF copies), head of a mail, outcomes
//! session/       SMTP as a state machine: bytes in, actions out
//! imap/          IMAP as a state machine, likewise
//! source/        the port of the way in: mailboxes watched, each mail journaled, then moved
//! client.rs      sockets, TLS, timeouts, pool: the shell of the session
//! whitelist.rs   liste blanche of the espace de confiance
//! puller.rs      the same, pulled like a directory
//! simulator/     the operator: another parser, its own decisions, faults by name
//! incoming/      a mail received, understood: kind, shapes, notices
//! checks/        what a mail shows: rows M and X of mssante.md §7
//! ```

pub mod checks;
pub mod client;
pub mod config;
pub mod imap;
pub mod incoming;
pub mod probe;
pub mod puller;
mod punycode;
pub mod session;
pub mod simulator;
pub mod sink;
pub mod source;
pub mod whitelist;

pub use config::Settings;
pub use probe::MssanteProbe;
pub use puller::{ListPuller, ListSettings};
pub use simulator::{Simulator, SimulatorSettings};
pub use sink::{MssanteSink, SinkParts};
pub use source::MailboxSource;
pub use whitelist::Whitelist;
