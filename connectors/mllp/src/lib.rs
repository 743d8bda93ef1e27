//! MLLP: source, sink and the simulator of an LPS.
//! In: HL7 v2 messages on a socket. Out: judged arrivals for the engine; ZAM for the sender.
//! Source: docs/specs/hl7v2.md §2.12, §2.13, §6.4 to §6.6, §9. Deliberately absent: what a message means (`mappings`).

pub mod acknowledgements;
pub mod admission;
mod answer;
mod budget;
pub mod config;
mod control_id;
mod link;
mod outgoing;
pub mod probe;
mod root;
pub mod send;
pub mod senders;
pub mod session;
pub mod simulator;
pub mod sink;
pub mod source;
pub mod wire;

pub use acknowledgements::Acknowledgements;
pub use admission::{Judged, MllpAdmission};
pub use config::{Limits, Messages, Settings, Target, Z02On};
pub use control_id::new_control_id;
pub use outgoing::SendError;
pub use probe::MllpProbe;
pub use send::{Sender, Sent, messages_of};
pub use simulator::{Lps, LpsSettings, Received};
pub use sink::MllpSink;
pub use source::{Counters, MllpSource, SourceTools};
