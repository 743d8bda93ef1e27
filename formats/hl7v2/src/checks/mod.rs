//! The conformance checks of hl7v2.md §8 that a message alone decides; those that read the CDA are in `jonction-cda`.
//! In: a message. Out: findings, one per problem, with an HL7 path, codes only, never a datum of a person.
//! Source: hl7v2.md §8. Absent: H001 (MLLP connector), H016, H053, H054, H062, H066 to H068, H094, H098, H103, H105
//! (they need other messages, value sets or the document).

use jonction_model::{Check, Finding, Place, Severity, Verdicts};

use crate::{message::Message, value::Value};

pub(crate) mod acknowledgement;
pub(crate) mod document;
pub(crate) mod envelope;
pub(crate) mod header;
pub(crate) mod metadata;
pub(crate) mod order;
pub(crate) mod participation;
pub(crate) mod patient;
mod table;

pub use table::CHECKS;

/// The check of this id (`H004` or `hl7v2/H004`).
pub fn check(id: &str) -> Option<&'static Check<Message>> {
    let id = id.strip_prefix("hl7v2/").unwrap_or(id);
    CHECKS.iter().find(|check| check.id.strip_prefix("hl7v2/") == Some(id))
}

/// At most so many findings of one check: a hostile message must not be answered by a book.
pub(crate) const FINDINGS_MAX: usize = 20;

/// Adds a finding with its remedy.
pub(crate) fn say<'v>(
    verdicts: &'v mut Verdicts<'_>,
    path: impl Into<String>,
    sentence: impl Into<String>,
    remedy: impl Into<String>,
) -> &'v mut Finding {
    let finding = verdicts.add(Place::path(path), sentence);
    finding.remedy = Some(remedy.into());
    finding
}

/// What can be added to a finding once it is written.
pub(crate) trait Refine {
    /// Never graver than a remark.
    fn soft(&mut self) -> &mut Self;
    /// Another ERR-3 than the check's own.
    fn code(&mut self, code: &str) -> &mut Self;
    /// What was expected, and the code found.
    fn against(&mut self, expected: impl Into<String>, found: Value<'_>) -> &mut Self;
}

impl Refine for Finding {
    fn soft(&mut self) -> &mut Self {
        self.severity = self.severity.min(Severity::Warning);
        self
    }

    fn code(&mut self, code: &str) -> &mut Self {
        self.wire_code = Some(code.to_owned());
        self
    }

    fn against(&mut self, expected: impl Into<String>, found: Value<'_>) -> &mut Self {
        self.expected = Some(expected.into());
        self.found = Some(shown(found));
        self
    }
}

/// A coded value as a finding may show it. Only what looks like a code is shown, because a shifted field may hold
/// a name or a matricule: three characters, or a digit or `_` among letters, or a word of our own tables.
/// MSH says nothing of a person and is shown as it is.
pub(crate) fn shown(value: Value<'_>) -> String {
    let text = value.trimmed();
    let length = text.chars().count();
    let printable = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/: ".contains(c));
    let in_header = value.span().end <= value.message().msh().span().end;
    let long_number = length > 6 && text.chars().all(|c| c.is_ascii_digit() || c == ' ');
    let code = length <= 3
        || WORDS.contains(&&*text)
        || !text.contains(' ') && !long_number && text.contains(|c: char| c.is_ascii_digit() || c == '_');
    match length {
        0 => "rien".to_owned(),
        1..=32 if printable && (in_header || code) => text.into_owned(),
        _ => format!("un texte de {length} caractères"),
    }
}

/// Codes of letters alone that senders put where another was expected.
#[rustfmt::skip]
const WORDS: [&str; 28] = [
    "VIDE", "PROV", "VALI", "DOUB", "DESA", "DPOT", "DOUA", "COLP", "COLV", "FILI", "CACH", "ANOM", "IDVER", "RECD",
    "IDRA", "USUR", "HOMD", "HOMA", "INVA", "FICT", "DOUT", "TEXT", "text", "Text", "BASE64", "RPPS", "SIRET", "Internet",
];

pub(crate) fn message_code(message: &Message) -> String {
    message.msh().field(9).component(1).trimmed().into_owned()
}

pub(crate) fn trigger_event(message: &Message) -> String {
    message.msh().field(9).component(2).trimmed().into_owned()
}

/// Field of the first segment of an id, absent when there is none.
pub(crate) fn field<'m>(message: &'m Message, id: &str, number: usize) -> Value<'m> {
    message.segment(id).map_or(message.absent(), |segment| segment.field(number))
}

#[cfg(test)]
mod tests;
