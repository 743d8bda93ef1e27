//! Mappings from formats to shapes.
//! In: the bytes of a message, through `ports::Step`. Out: shapes and findings. Pure: no clock, no network, no storage.
//! Sources: hl7v2.md §2, §4.4 to §4.6 and §11, cda.md §4. Deliberately absent: XDS and mails, which sinks make.

use std::sync::Arc;

use jonction_model::Mode;
use jonction_ports::Step;

pub mod catalogue;
pub mod checks;
pub mod coherence;
pub mod motifs;
pub mod native;
pub mod rows_step;
pub mod settings;

pub use native::{hl7_to_document::Hl7ToDocument, volet_check::VoletCheck};
pub use rows_step::RowsStep;
pub use settings::{MaskedMail, Matrix, VoletSettings};

/// The steps written as functions, with the verb that routes write before its name.
pub fn steps(settings: VoletSettings, mode: Mode) -> Vec<(&'static str, Arc<dyn Step>)> {
    let check: Arc<dyn Step> = Arc::new(VoletCheck::new(settings.clone(), mode));
    let map: Arc<dyn Step> = Arc::new(Hl7ToDocument::new(settings));
    vec![("check", check), ("map", map)]
}
