//! What a message and its documents must say alike: one judgement, used by the mapping (obstacles) and by the checks.
//! In: values of both sides. Out: whether they agree. Source: hl7v2.md §2.3, §2.4, §8 (H058, H067).

use std::{collections::HashSet, ops::Range};

use jonction_hl7v2::Value;
use jonction_model::{DocumentSubject, DocumentUniqueId, LocalId, PatientIdentity, Traits};

/// Whether a document is about the patient of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamePatient {
    /// Same matricule under the same OID; or neither side has an INS.
    Yes,
    /// Two different INS: never the same patient, whatever else agrees.
    OtherIns,
    /// The message has an INS, the document has none, and a local identifier is common.
    DocumentWithoutIns,
    /// The message has an INS, the document has none, and nothing else identifies the person.
    NothingInCommon,
    /// The document has an INS, the message has none: nothing contradicts.
    MessageWithoutIns,
    /// The message has no INS, and one authority gave both sides different identifiers: ours, on the safe side.
    /// Between two equal INS the same difference is a remark only (H067).
    OtherLocalId,
    /// No INS in common, and two birth dates.
    OtherBirthDate,
}

impl SamePatient {
    /// Compares identifiers; names are never compared: spelling differs too often.
    pub fn judge(message: &PatientIdentity, document: &DocumentSubject) -> Self {
        let shared = shared_local_id(&message.local_ids, &document.local_ids);
        match (&message.ins, &document.ins) {
            (Some(one), Some(other)) if one == other => Self::Yes,
            (Some(_), Some(_)) => Self::OtherIns,
            (Some(_), None) if shared != Some(true) => Self::NothingInCommon,
            (None, _) if shared == Some(false) => Self::OtherLocalId,
            _ if two_birth_dates(&message.traits, &document.traits) => Self::OtherBirthDate,
            (Some(_), None) => Self::DocumentWithoutIns,
            (None, Some(_)) => Self::MessageWithoutIns,
            (None, None) => Self::Yes,
        }
    }

    /// Whether nothing may be sent: another person, or nobody can tell.
    pub fn is_somebody_else(self) -> bool {
        matches!(self, Self::OtherIns | Self::OtherLocalId | Self::OtherBirthDate | Self::NothingInCommon)
    }

    /// Compares two documents of one message: `Yes`, `OtherIns`, `OtherLocalId` or `OtherBirthDate`.
    pub fn between(one: &DocumentSubject, other: &DocumentSubject) -> Self {
        match (&one.ins, &other.ins) {
            (Some(ins), Some(known)) if ins == known => Self::Yes,
            (Some(_), Some(_)) => Self::OtherIns,
            _ if shared_local_id(&one.local_ids, &other.local_ids) == Some(false) => Self::OtherLocalId,
            _ if two_birth_dates(&one.traits, &other.traits) => Self::OtherBirthDate,
            _ => Self::Yes,
        }
    }
}

/// Whether both sides give a birth date, and not the same. `00` is an unknown month or day (lunar dates), and a
/// shorter date says less: neither contradicts.
fn two_birth_dates(one: &Traits, other: &Traits) -> bool {
    let (Some(one), Some(other)) = (&one.birth_date, &other.birth_date) else { return false };
    let part =
        |date: &str, range: Range<usize>| date.get(range).filter(|part| *part != "00").map(str::to_owned);
    [0..4, 4..6, 6..8].into_iter().any(|range| {
        let (one, other) = (part(one.expose(), range.clone()), part(other.expose(), range));
        matches!((one, other), (Some(one), Some(other)) if one != other)
    })
}

/// Whether a local identifier is common; `None` when no authority gave one to both sides.
fn shared_local_id(one: &[LocalId], other: &[LocalId]) -> Option<bool> {
    let known: HashSet<_> = one.iter().map(local_key).collect();
    let authorities: HashSet<_> = known.iter().map(|(authority, _)| *authority).collect();
    let comparable = |(authority, _): &(&str, &str)| !authority.is_empty() && authorities.contains(authority);
    let mut same_authority = other.iter().map(local_key).filter(comparable).peekable();
    same_authority.peek()?;
    Some(same_authority.any(|key| known.contains(&key)))
}

/// The type code is left out: a CDA has none.
fn local_key(id: &LocalId) -> (&str, &str) {
    (id.authority.as_str(), id.id.expose().as_str())
}

/// Whether both sides have the same local identifiers, in any order. Source: H067.
pub fn same_local_ids(message: &PatientIdentity, document: &DocumentSubject) -> bool {
    let sorted = |ids: &[LocalId]| {
        let mut keys: Vec<_> = ids.iter().map(|id| (id.authority.clone(), id.id.expose().clone())).collect();
        keys.sort();
        keys.dedup();
        keys
    };
    sorted(&message.local_ids) == sorted(&document.local_ids)
}

/// How an EI names a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameId {
    /// By the rule: `root`, or `extension^^root^ISO`.
    Exact,
    /// Root and extension glued with a dot, or a name beside the root: seen in official samples.
    Loose,
    /// Another document.
    No,
    /// Empty.
    Absent,
}

impl SameId {
    /// Compares TXA-12 or TXA-13 with an identifier of the CDA. Component 2 is never compared (hl7v2.md §2.4).
    pub fn judge(ei: Value<'_>, id: &DocumentUniqueId) -> Self {
        let part = |number: usize| ei.component(number).trimmed().into_owned();
        let (first, second, universal, kind) = (part(1), part(2), part(3), part(4));
        if first.is_empty() && universal.is_empty() {
            return Self::Absent;
        }
        let plain = second.is_empty() && universal.is_empty() && kind.is_empty();
        match &id.extension {
            None if first == id.root && plain => Self::Exact,
            None if first == id.root && (universal.is_empty() || universal == id.root) => Self::Loose,
            Some(extension) if first == *extension && universal == id.root => {
                if second.is_empty() && kind == "ISO" { Self::Exact } else { Self::Loose }
            }
            Some(extension) if first == format!("{}.{extension}", id.root) => Self::Loose,
            Some(extension) if first == format!("{}^{extension}", id.root) => Self::Loose,
            Some(_) if first == id.root && plain => Self::Loose,
            _ => Self::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jonction_hl7v2::{Limits, Message};

    use super::*;

    fn judged(ei: &str, id: &DocumentUniqueId) -> SameId {
        let text = format!("MSH|^~\\&|\rTXA||||||||||||{ei}\r");
        let message = Message::parse(Bytes::from(text), &Limits::default()).unwrap();
        SameId::judge(message.segment("TXA").unwrap().field(12), id)
    }

    #[test]
    fn an_identifier_is_known_in_every_form_that_was_seen() {
        let root = DocumentUniqueId::root("1.2.3");
        let extended = DocumentUniqueId { extension: Some("A7".to_owned()), ..root.clone() };
        assert_eq!(judged("1.2.3", &root), SameId::Exact);
        assert_eq!(judged("1.2.3^Organisation-Y", &root), SameId::Loose);
        assert_eq!(judged("A7^^1.2.3^ISO", &extended), SameId::Exact);
        assert_eq!(judged("1.2.3.A7^Organisation-Y", &extended), SameId::Loose);
        assert_eq!(judged("1.2.3", &extended), SameId::Loose);
        assert_eq!(judged("1.2.4", &root), SameId::No);
        assert_eq!(judged("B7^^1.2.3^ISO", &extended), SameId::No);
        assert_eq!(judged("2638", &root), SameId::No);
        assert_eq!(judged("", &root), SameId::Absent);
    }
}
