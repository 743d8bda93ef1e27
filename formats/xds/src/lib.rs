//! XDS.b metadata in the French profile, ebRIM, and the IHE XDM archive.
//! In: a `DocumentSubmission` and bytes. Out: metadata, requests, archives; and back. IO: none, clock: none.
//! Sources: dmp-xds.md §2.3 to §2.7, §7, §9.2, §10; cda.md §4; mssante.md §3.4, §3.6, §3.7.

pub mod bench_support;
pub mod build;
pub mod checks;
pub mod ebrim;
pub mod errors;
pub mod hl7;
pub mod metadata;
pub mod schemes;
pub mod signature;
pub mod tables;
pub mod xdm;

pub use build::{
    BuildRequest, ContentFacts, Defaults, DeletionTarget, EntryIdentifiers, Identifiers, Profile, build,
    build_deletion,
};
pub use errors::{ErrorClass, classify};
pub use metadata::{
    Action, Association, AssociationKind, Author, AvailabilityStatus, DocumentEntry, Slot, Submission,
    SubmissionSet,
};
