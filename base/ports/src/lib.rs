//! Contracts between the engine and everything it moves bytes for.
//! Who calls, in which order, and what an error makes the engine do, is said on each trait.
//! Source: architecture §3 and §10. Deliberately absent: any protocol, any storage.

use std::{future::Future, pin::Pin};

pub mod body;
pub mod delivery;
pub mod directory;
pub mod intake;
mod layers;
pub mod probe;
pub mod pull;
pub mod step;
pub mod stop;
pub mod token;

pub use body::{Bodies, BodyError, MemoryBodies};
pub use delivery::{
    Artefact, AttemptReport, Delivery, DeliveryId, Due, Ending, IndexKey, KeyKind, Outcome, Part, Piece,
    Prepared, Sink, Tools,
};
pub use directory::{Directory, DirectoryError, Records};
pub use intake::{
    Admission, Admitted, Arrival, Intake, IntakeError, LinkError, MemorySpool, MessageFacts, MessageId, Peer,
    RawBody, Receipt, Repeat, Source, Spool,
};
pub use probe::{Probe, ProbeStep, StepKind, Steps};
pub use pull::{PullError, Puller};
pub use step::{Flow, Reading, Step};
pub use stop::{Stop, StopHandle};
pub use token::{AccessToken, TokenError, TokenSource};

/// A future in a box: what an object-safe asynchronous method returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
