//! Whether each document of a message is a CDA, from its first bytes.
//! In: a message whose base64 was found sound. Out: a finding per document that is something else.
//! Source: hl7v2.md H066, cda.md §1, architecture §10 « Admission ». Absent: everything behind the root.

use jonction_cda::{Limits, peek_root};
use jonction_hl7v2::{Message, Segment};
use jonction_model::{Finding, Place};
use jonction_ports::body::Base64Reader;

/// One finding per document whose root is not a ClinicalDocument, directly or inside one of its two wrappers.
pub(crate) fn document_roots(message: &Message) -> Vec<Finding> {
    let documents = message.segments_of("OBX").zip(1..).filter(|(obx, _)| is_document(obx));
    documents.filter_map(|(obx, number)| root_finding(obx, number)).collect()
}

/// The texts of mails are ED too. Source: hl7v2.md §2.8.
fn is_document(obx: &Segment<'_>) -> bool {
    obx.field(2) == "ED" && !obx.field(3).component(1).text().starts_with("CORPSMAIL_")
}

fn root_finding(obx: Segment<'_>, number: usize) -> Option<Finding> {
    let content = obx.field(5).component(5).raw();
    let error = peek_root(Base64Reader::new(content), &Limits::default()).err()?;
    let mut finding = error.finding("hl7v2/H066").requirement("hl7v2.md §2.6").wire_code("207");
    // Line and column are those of the decoded document.
    finding.place = Place { path: format!("OBX[{number}]-5.5"), ..finding.place };
    Some(finding)
}
