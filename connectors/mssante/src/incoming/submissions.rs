//! What the archives of a mail ask, as shapes.
//! In: a mail that was understood. Out: one `DocumentSubmission` per set and operation, with its obstacles.
//! Source: mssante.md §3.6, §3.7, §4.3; cda.md §4. The header of each CDA is the authority on the document, METADATA.XML
//! on the patient and on what is to be done.

use jonction_model::{
    Device, DocumentSubmission, Encounter, Environment, Finding, MailTexts, MessageControlId, MssAddress,
    Obstacle, Operation, Organization, Origin, Person, PersonId, Recipient, RecipientKind, Sender,
    StructureId, SubmittedDocument, Visibility, Wants, ids::PATIENT_DOMAIN,
};
use jonction_xds::{
    Action,
    hl7::unescape,
    metadata::{Xcn, Xon, action_of},
};

use super::{
    IncomingMail,
    archive::{Opened, Set},
    patient,
};

/// The extra metadata `action` of the document or of its set; else what the CDA itself says it replaces.
/// Source: mssante.md §4.3 « Event choice ».
pub(super) fn operation_of(set: &Set, opened: &Opened) -> Operation {
    let asked = set.entry(opened).action().or_else(|| action_of(&set.submission.set.extra_slots));
    match asked {
        Some(Action::Delete) => Operation::Delete,
        Some(Action::Change) => Operation::Replace,
        None if opened.header.as_ref().is_some_and(|header| header.replaces.is_some()) => Operation::Replace,
        None => Operation::Submit,
    }
}

pub(super) fn of(incoming: &IncomingMail) -> Vec<DocumentSubmission> {
    let several = patient::several_patients(incoming);
    let letter = Box::new(incoming.letter());
    let sets = incoming.archives.iter().flat_map(|archive| &archive.sets);
    let mut submissions = Vec::new();
    for set in sets {
        for operation in [Operation::Submit, Operation::Replace, Operation::Delete] {
            let documents: Vec<&Opened> = set
                .documents
                .iter()
                .filter(|opened| !set.entry(opened).is_signature() && operation_of(set, opened) == operation)
                .collect();
            if documents.is_empty() {
                continue;
            }
            let mut submission = one(incoming, set, operation, &documents);
            submission.obstacles.splice(0..0, several.clone());
            submission.carried_by = Some(letter.clone());
            submissions.push(submission);
        }
    }
    submissions
}

fn one(incoming: &IncomingMail, set: &Set, operation: Operation, opened: &[&Opened]) -> DocumentSubmission {
    let mail = &incoming.mail;
    let identity = patient::identity(incoming, set, opened);
    let mut obstacles = patient::obstacles(&identity, set, opened, incoming.settings.environment);
    obstacles.extend(unusable(incoming, set, opened));
    let documents: Vec<SubmittedDocument> = opened.iter().filter_map(|opened| document(opened)).collect();
    let addresses = |name: &str| -> Vec<MssAddress> {
        mail.mailboxes(name).iter().filter_map(|found| MssAddress::parse(&found.address).ok()).collect()
    };
    DocumentSubmission {
        origin: origin(incoming, set),
        operation,
        patient: identity,
        sender: sender(set),
        encounter: Encounter { class: "N".to_owned() },
        documents,
        visibility: visibility(set, opened),
        wants: Wants {
            reading_reports: !addresses("Disposition-Notification-To").is_empty(),
            ..Wants::default()
        },
        recipients: addresses("To").into_iter().map(recipient).collect(),
        reply_to: addresses("Reply-To"),
        mail: MailTexts::default(),
        obstacles,
        carried_by: None,
    }
}

fn document(opened: &Opened) -> Option<SubmittedDocument> {
    opened.header.as_ref()?.document(opened.content.clone()?)
}

/// Documents that cannot be handed on: nothing of the set is, because a part of it would pass for the whole.
fn unusable(incoming: &IncomingMail, set: &Set, opened: &[&Opened]) -> Vec<Obstacle> {
    let refuse = |check: &str, sentence: &str| {
        let finding = Finding::error(check, sentence)
            .remedy("ne rien intégrer ; demander à l'émetteur un nouvel envoi")
            .requirement("mssante.md §3.4, §8");
        patient::obstacle("906", finding)
    };
    let entries = set.submission.documents().count();
    let found = set.documents.iter().filter(|opened| !set.entry(opened).is_signature()).count();
    let identified =
        |opened: &&Opened| opened.header.as_ref().is_some_and(|header| header.unique_id.is_some());
    let rows = [
        (
            found < entries,
            "mssante.document-missing",
            "un document annoncé par METADATA.XML manque à l'archive",
        ),
        (
            opened.iter().any(|opened| opened.header.is_none()),
            "mssante.not-a-cda",
            "un document de l'archive n'est pas un CDA lisible",
        ),
        (
            opened.iter().any(|opened| opened.header.is_some() && !identified(opened)),
            "mssante.document-without-id",
            "un CDA n'a pas d'identifiant",
        ),
        (
            opened.iter().any(|opened| identified(opened) && opened.content.is_none()),
            "mssante.document-in-pieces",
            "un document ne peut pas être relu dans le courriel conservé : la pièce jointe est abîmée ou morcelée",
        ),
        (
            incoming.settings.refuse_altered && opened.iter().any(|opened| opened.altered),
            "mssante.document-altered",
            "l'empreinte ou la taille d'un document n'est pas celle annoncée",
        ),
    ];
    rows.into_iter().filter(|row| row.0).map(|(_, check, sentence)| refuse(check, sentence)).collect()
}

/// What an acknowledgement must repeat: the Message-ID stands for the control id.
fn origin(incoming: &IncomingMail, set: &Set) -> Origin {
    let from = incoming.sender();
    let control_id = MessageControlId::parse(&incoming.key());
    #[expect(clippy::expect_used, reason = "64 hexadecimal digits always are a control id")]
    let control_id = control_id
        .or_else(|_| MessageControlId::parse(&incoming.body.to_string()))
        .expect("a hash is printable and short");
    let to = incoming.mail.mailboxes("To").into_iter().find_map(|to| MssAddress::parse(&to.address).ok());
    let domain = |address: Option<&MssAddress>| address.map(|a| a.domain().to_owned()).unwrap_or_default();
    Origin {
        control_id,
        sending_application: "MSSANTE".to_owned(),
        sending_facility: domain(from.as_ref()),
        receiving_application: "MSSANTE".to_owned(),
        receiving_facility: domain(to.as_ref()),
        processing: match incoming.settings.environment {
            Environment::Test => "T".to_owned(),
            Environment::Production => "P".to_owned(),
        },
        charset: "UNICODE UTF-8".to_owned(),
        event_time: set.submission.set.submission_time.clone().unwrap_or_default(),
    }
}

/// The author of the lot: who sends (PRT SB).
fn sender(set: &Set) -> Option<Sender> {
    let author = set.submission.set.authors.first()?;
    let organization = author.institutions.first().map(organization);
    let xcn = author.person.as_ref();
    let device = xcn.filter(|xcn| xcn.name_type() == "U").map(device);
    let person = xcn.filter(|xcn| xcn.name_type() != "U" && !xcn.expose().is_empty()).map(person);
    Some(Sender { person, device, organization })
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn person(xcn: &Xcn) -> Person {
    Person {
        id: some(xcn.id()).map(|id| PersonId::prefixed(&id)),
        authority: xcn.authority().to_owned(),
        family: some(unescape(xcn.component(2))),
        given: some(unescape(xcn.component(3))),
    }
}

fn device(xcn: &Xcn) -> Device {
    Device {
        id: some(xcn.id()).map(|id| PersonId::prefixed(&id)),
        software: unescape(xcn.component(2)),
        model: unescape(xcn.component(3)),
    }
}

fn organization(xon: &Xon) -> Organization {
    Organization { id: some(xon.id()).map(|id| StructureId::prefixed(&id)), name: some(xon.name()) }
}

/// Codes of visibility of the entries. Source: mssante.md §3.6; the HL7 v2 spelling is met too.
fn visibility(set: &Set, opened: &[&Opened]) -> Visibility {
    let codes =
        || opened.iter().flat_map(|opened| &set.entry(opened).confidentiality).map(|code| code.code.as_str());
    let any = |names: &[&str]| codes().any(|code| names.contains(&code));
    Visibility {
        hidden_from_professionals: any(&["MASQUE_PS"]),
        hidden_from_patient: any(&["INVISIBLE_PATIENT"]),
        hidden_from_legal_representatives: any(&["INVISIBLE_REPRESENTANTS_LEGAUX", "INVISIBLE_REP_LEGAUX"]),
        ..Visibility::default()
    }
}

/// The first recipients (PRT RCT). What kind of mailbox it is, the table of mailboxes knows.
fn recipient(address: MssAddress) -> Recipient {
    let kind = match address.domain() {
        PATIENT_DOMAIN => RecipientKind::Patient,
        _ => RecipientKind::Organization,
    };
    let given_address = address.expose().to_owned().into();
    Recipient { kind, address: Some(address), given_address, id: None, no_reply: false }
}
