//! The words every room shares: identifiers, identity, shapes, findings, checks, clock.
//! In and out: values. IO: none. Async: none. Anything about a person prints masked.
//! Sources: docs/specs (each item cites its sheet).

pub mod answer;
pub mod appointment;
pub mod clock;
pub mod content;
pub mod directory;
pub mod document;
pub mod entropy;
pub mod environment;
pub mod event;
pub mod finding;
mod hex;
pub mod hl7_message;
pub mod identity;
pub mod ids;
pub mod key;
pub mod layer;
pub mod mail;
pub mod masked;
pub mod name;
pub mod nearest;
pub mod outcome;
pub mod peer;
pub mod people;
pub mod report;
pub mod shape;
pub mod smtp_code;
pub mod time;
pub mod written;

pub use answer::{Answer, Standing};
pub use appointment::{Appointment, AppointmentPlace, AppointmentProfessional, AppointmentStatus};
pub use clock::{Clock, ManualClock, SystemClock};
pub use content::{BodyId, ContentRef, Encoding, sha256};
pub use document::{
    Author, Authorship, CodedValue, ContentKind, DocumentMetadata, DocumentSubject, DocumentSubmission,
    Encounter, EventSource, MailTexts, Obstacle, ObstacleScope, Operation, Origin, Recipient, RecipientKind,
    Reference, Sender, SubmittedDocument, Visibility, Wants,
};
pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use environment::Environment;
pub use event::{
    ConsultationChoice, DmpChoices, EventAction, FeedingChoice, Location, Movement, NamedProfessional,
    PatientEvent, PatientEventKind, Stay, Unit,
};
pub use finding::{Check, Finding, Mode, Place, Severity, Verdicts, run_checks};
pub use hex::{hex, hex_byte};
pub use hl7_message::{Hl7Message, Hl7Piece, WrittenBytes};
pub use identity::{
    BirthDate, IdentityStatus, InsIdentity, LocalId, NotQualified, PatientIdentity, QualifiedIdentity, Sex,
    Traits,
};
pub use ids::{
    DocumentUniqueId, IdError, Ins, InsDomain, MessageControlId, MssAddress, Oid, PersonId, StructureId,
};
pub use key::{IndexKey, KeyKind};
pub use layer::Layer;
pub use mail::{
    Correspondent, DeliveryAction, DeliveryNotice, Disposition, MailAttachment, MailId, MailKind,
    ReadingNotice, RecipientVerdict, SecureMail,
};
pub use masked::Masked;
pub use name::{PartnerName, RouteName};
pub use nearest::nearest;
pub use outcome::MessageOutcome;
pub use peer::Peer;
pub use people::{Device, Organization, Person};
pub use report::{DeliveryReport, ReportChannel, ReportCode, ReportRecipient, ReportStage, Verdict};
pub use shape::Shape;
pub use time::DocumentTime;
pub use written::{FORMATS, TextFormat};
