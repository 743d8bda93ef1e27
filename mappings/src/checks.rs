//! Checks that need both the message and its documents: H058, H061, H062, H066 to H069.
//! In: a [`Transmission`]. Out: findings with an HL7 path, codes only, nothing of a person.
//! Source: hl7v2.md §2.1, §2.4, §8. The ids are those of the sheet: the message alone decides other halves of some of them.

use jonction_cda::Header;
use jonction_hl7v2::Message;
use jonction_model::{
    Check, Finding, Operation, PatientIdentity, Place,
    Severity::{self, Error, Warning},
    Verdicts,
};

use crate::coherence::{SameId, SamePatient, same_local_ids};

/// A message and what its documents say.
#[derive(Debug)]
pub struct Transmission {
    /// The message.
    pub message: Message,
    /// What it asks, when that can be told.
    pub operation: Option<Operation>,
    /// The patient it names.
    pub patient: PatientIdentity,
    /// Its documents, in order.
    pub documents: Vec<TransmittedDocument>,
}

/// A document of a message.
#[derive(Debug)]
pub struct TransmittedDocument {
    /// Type that OBX-3 announces.
    pub announced: String,
    /// Where it stands: `OBX[1]-5.5`.
    pub path: String,
    /// Its header, or why there is none.
    pub header: Result<Header, Finding>,
}

impl Transmission {
    /// Documents whose header could be read.
    fn headers(&self) -> impl Iterator<Item = (&TransmittedDocument, &Header)> {
        self.documents.iter().filter_map(|document| Some((document, document.header.as_ref().ok()?)))
    }
}

const fn row(
    id: &'static str,
    requirement: &'static str,
    rule: &'static str,
    tolerant: Severity,
    code: &'static str,
    run: fn(&Transmission, &mut Verdicts<'_>),
) -> Check<Transmission> {
    Check { id, requirement, rule, strict: Error, tolerant, wire_code: Some(code), run }
}

/// The cross checks, in the order of the sheet. Two patients in one message are an error in both modes.
#[rustfmt::skip]
pub const CHECKS: &[Check<Transmission>] = &[
    row("hl7v2/H058", "hl7v2.md §2.4", "TXA-12 est l'identifiant du document", Warning, "207", h058_document_id),
    row("hl7v2/H061", "hl7v2.md §2.4", "TXA-13 est l'identifiant de la version remplacée", Warning, "207", h061_parent_id),
    row("hl7v2/H062", "hl7v2.md §1.1", "chaque document d'un remplacement nomme la version remplacée", Warning, "207", h062_replacement),
    row("hl7v2/H066", "hl7v2.md §2.6", "le document est un CDA lisible", Error, "207", h066_document),
    row("hl7v2/H067", "hl7v2.md §2.3", "le document porte l'INS et les identifiants de PID-3", Error, "207", h067_patient),
    row("hl7v2/H068", "hl7v2.md §2.6", "OBX-3.1 est le code du document", Warning, "207", h068_code),
    row("hl7v2/H069", "hl7v2.md §2.1", "deux documents ont deux identifiants et deux niveaux", Warning, "198", h069_pair),
];

fn add(v: &mut Verdicts<'_>, path: &str, sentence: &str, remedy: &str) {
    v.add(Place::path(path), sentence).remedy = Some(remedy.to_owned());
}

/// TXA speaks of the only document of an MDM; an ORU has none.
fn h058_document_id(t: &Transmission, v: &mut Verdicts<'_>) {
    let Some(txa) = t.message.segment("TXA") else { return };
    for (_, header) in t.headers() {
        let Some(id) = &header.unique_id else { continue };
        match SameId::judge(txa.field(12), id) {
            SameId::Exact => {}
            SameId::Loose => {
                let remedy = "écrire root seul, ou extension^^root^ISO";
                add(v, "TXA-12", "l'identifiant n'est pas écrit comme le volet le demande", remedy);
            }
            SameId::Absent => add(v, "TXA-12", "TXA-12 est vide", "porter l'identifiant du CDA"),
            SameId::No => {
                add(
                    v,
                    "TXA-12",
                    "TXA-12 ne désigne pas le document joint",
                    "porter l'identifiant du CDA joint",
                );
            }
        }
    }
}

fn h061_parent_id(t: &Transmission, v: &mut Verdicts<'_>) {
    let Some(txa) = t.message.segment("TXA") else { return };
    let parent = txa.field(13);
    if t.operation != Some(Operation::Replace) {
        return;
    }
    if !parent.is_valued() {
        let remedy = "porter l'identifiant du document remplacé";
        add(v, "TXA-13", "un remplacement ne dit pas en TXA-13 ce qu'il remplace", remedy);
        return;
    }
    for (_, header) in t.headers() {
        if header.replaces.as_ref().is_some_and(|id| SameId::judge(parent, id) == SameId::No) {
            let remedy = "porter le même identifiant en TXA-13 et dans relatedDocument";
            add(v, "TXA-13", "TXA-13 et le document ne désignent pas le même document remplacé", remedy);
        }
    }
}

fn h062_replacement(t: &Transmission, v: &mut Verdicts<'_>) {
    if t.operation != Some(Operation::Replace) {
        return;
    }
    for (document, _) in t.headers().filter(|(_, header)| header.replaces.is_none()) {
        let remedy = "porter relatedDocument RPLC avec parentDocument/id";
        add(v, &document.path, "le document ne dit pas ce qu'il remplace", remedy);
    }
}

fn h066_document(t: &Transmission, v: &mut Verdicts<'_>) {
    for document in &t.documents {
        let Err(finding) = &document.header else { continue };
        let added = v.add(finding.place.clone(), finding.sentence.clone());
        added.remedy.clone_from(&finding.remedy);
        added.wire_code.clone_from(&finding.wire_code);
    }
}

fn h067_patient(t: &Transmission, v: &mut Verdicts<'_>) {
    let mut alike: Vec<&Header> = Vec::new();
    for (document, header) in t.headers() {
        let of_message = SamePatient::judge(&t.patient, &header.subject);
        if !of_message.is_somebody_else() {
            // One message is about one patient. What PID-3 contradicts is told below.
            let between = |other: &&Header| SamePatient::between(&other.subject, &header.subject);
            if alike.iter().any(|other| between(other) != SamePatient::Yes) {
                let sentence = "deux documents du message ne sont pas ceux du même patient";
                add(v, &document.path, sentence, "vérifier l'identité du patient");
                continue;
            }
            alike.push(header);
        }
        let remedy = "porter dans le document les identifiants de PID-3";
        match of_message {
            SamePatient::OtherIns => {
                add(
                    v,
                    &document.path,
                    "le document porte un autre INS que PID-3",
                    "vérifier l'identité du patient",
                );
            }
            SamePatient::OtherLocalId => {
                let sentence = "le document porte un autre identifiant de la même autorité que PID-3";
                add(v, &document.path, sentence, "vérifier l'identité du patient");
            }
            SamePatient::OtherBirthDate => {
                let sentence = "sans INS commun, le document porte une autre date de naissance que PID-7";
                add(v, &document.path, sentence, "vérifier l'identité du patient");
            }
            SamePatient::NothingInCommon | SamePatient::DocumentWithoutIns => {
                add(v, &document.path, "PID-3 porte un INS, le document n'en porte pas", remedy);
            }
            SamePatient::MessageWithoutIns => {
                let sentence = "le document porte un INS, PID-3 n'en porte pas";
                // Not the same ids, but nobody else's: a remark, as for local identifiers.
                let added = v.add(Place::path(&document.path), sentence);
                added.severity = added.severity.min(Warning);
                added.remedy = Some(remedy.to_owned());
            }
            SamePatient::Yes if !same_local_ids(&t.patient, &header.subject) => {
                let sentence = "les identifiants locaux du document ne sont pas ceux de PID-3";
                let added = v.add(Place::path(&document.path), sentence);
                added.severity = added.severity.min(Warning);
                added.remedy = Some(remedy.to_owned());
            }
            SamePatient::Yes => {}
        }
    }
}

fn h068_code(t: &Transmission, v: &mut Verdicts<'_>) {
    for (document, header) in t.headers() {
        let code = &header.metadata.type_code.code;
        if *code != document.announced {
            let shown = |code: &str| {
                let printable =
                    code.len() <= 20 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
                if printable {
                    code.to_owned()
                } else {
                    format!("un texte de {} caractères", code.chars().count())
                }
            };
            let path = document.path.replace("-5.5", "-3.1");
            v.differs(
                Place::path(path),
                "OBX-3 n'annonce pas le type du document",
                shown(code),
                shown(&document.announced),
            );
        }
    }
}

fn h069_pair(t: &Transmission, v: &mut Verdicts<'_>) {
    let [first, second] = t.documents.as_slice() else { return };
    let (Ok(one), Ok(other)) = (&first.header, &second.header) else { return };
    if one.unique_id.is_some() && one.unique_id == other.unique_id {
        add(v, &second.path, "les deux documents ont le même identifiant", "donner à chacun son identifiant");
    }
    if std::mem::discriminant(&one.kind) == std::mem::discriminant(&other.kind) {
        let remedy = "joindre un document de niveau 1 et un de niveau 3";
        add(v, &second.path, "les deux documents ont le même niveau", remedy);
    }
}
