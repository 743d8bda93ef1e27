//! The engine: journal, intake, routing, lanes, and the journal's questions.
//! In: judged messages from sources, routes and sinks from the program. Out: deliveries that end, and their whole story.
//! Source: architecture §3 to §5. Deliberately absent: HL7, XML, mail.

mod answering;
pub mod backup;
pub mod bench_support;
mod clock_watch;
pub mod deployment;
mod dry;
mod earlier;
pub mod engine;
pub mod error;
pub mod event;
pub mod files;
pub mod index_key;
mod intake;
pub mod journal;
pub mod lane;
mod leftovers;
mod lock;
pub mod observe;
pub mod order;
mod patience;
mod plan;
pub mod questions;
pub mod reader;
pub mod replay;
mod resealing;
pub mod route;
mod router;
mod routing;
pub mod scratch;
pub mod seal;
mod shared;
mod spool;
pub mod store_fault;
mod tally_watch;
mod witness;

pub use deployment::{Deployment, RouteSet};
pub use engine::{CommitLimits, CommitMode, Engine, EngineSettings, Running, Wired};
pub use error::Error;
pub use event::{Event, Verdict};
pub use files::Storage;
pub use journal::{AttemptState, DeliveryState, MessageState};
pub use lane::{
    hours::Hours,
    rate::Rate,
    settings::{LaneSettings, OnUnknown},
    standing::{LaneStanding, LaneState},
};
pub use lock::holder;
pub use observe::Observer;
pub use order::hold::{Held, HoldLine};
pub use order::{
    Act, AuditHash, AuditHead, Author, MessageBytes, Order, Ordered, Reason,
    audit::{AuditLine, AuditRow, AuditVerdict, Broken},
    retention::{Aging, Certificate, Destroyed, LegalHold, LegalSubject, PurgeCursor, PurgeStep, Purged},
};
pub use questions::{
    AnswerGiven, AnswerLine, AttemptLine, AuditQuery, Balance, BalanceLine, DeliveryJourney, DeliveryLine,
    EditionLine, Filter, LaneFailure, LaneRecent, MessageJourney, MessageLine, Queue, Queues, Recent,
    StateWord, StructureDay, Unanswered, Window,
};
pub use reader::Reader;
pub use route::{
    Asked, Condition, Departure, Link, OnFailure, Once, OrderBy, Policy, Registry, ReplyBinding, Route,
    RouteStep, SinkBinding, Watch, read_routes,
};
pub use seal::{BodyKey, KeyName, Seals};
pub use store_fault::StoreFault;

/// Stands for a part's label in stored details: the label itself stays in its body.
pub(crate) const LABEL_PLACE: &str = "{label}";

#[cfg(test)]
mod tests;
