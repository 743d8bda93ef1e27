//! Whom the documents of a mail are about, and whether everything agrees.
//! In: a submission set and its documents. Out: the identity, and what forbids the documents to be integrated.
//! Source: mssante.md §3.6, §4.3 (codes 903 to 906), §8 n° 8 to 10; METADATA.XML is the authority (ECO.2.1.2).

use std::collections::BTreeSet;

use jonction_model::{
    DocumentSubject, Environment, Finding, IdentityStatus, Ins, InsIdentity, LocalId, Obstacle,
    ObstacleScope, PatientIdentity, ReportCode,
};
use jonction_xds::metadata::Cx;

use super::{
    IncomingMail,
    archive::{Opened, Set},
};

/// Codes of the volet, table 0533. Source: hl7v2.md §2.15, mssante.md §4.3.
const CODES: [(&str, &str); 4] = [
    ("903", "Absence d'INS dans le document"),
    ("904", "L'INS du document ne correspond pas"),
    ("905", "INS incomplet : traits d'identité manquants"),
    ("906", "Erreur 'Autre'"),
];

/// An obstacle to everything, with its code of the volet.
pub(super) fn obstacle(code: &str, finding: Finding) -> Obstacle {
    let label = CODES.iter().find(|(known, _)| *known == code).map_or("", |(_, label)| label);
    Obstacle { scope: ObstacleScope::Everything, finding, code: Some(ReportCode::new(code, label)) }
}

/// The patient of the documents of a set.
pub(super) fn identity(incoming: &IncomingMail, set: &Set, documents: &[&Opened]) -> PatientIdentity {
    let announced = documents.iter().find_map(|opened| set.entry(opened).patient_id.as_ref());
    let announced = announced.or(set.submission.set.patient_id.as_ref());
    let subject = documents.iter().find_map(|opened| opened.header.as_ref()).map(|header| &header.subject);
    let mut local_ids = subject.map(|subject| subject.local_ids.clone()).unwrap_or_default();
    if let Some(local) = announced.filter(|cx| cx.ins_domain().is_none()).map(local_id)
        && !local_ids.iter().any(|known| known.id == local.id && known.authority == local.authority)
    {
        local_ids.insert(0, local);
    }
    let ins = announced.and_then(ins_of).or_else(|| subject.and_then(|subject| subject.ins.clone()));
    let declared = incoming.mail.value("X-MSS-INS").unwrap_or_default();
    // Header absent is not `N`: nothing is said (mssante.md §3.3).
    let status = match (declared.trim(), &ins) {
        ("O", Some(_)) => IdentityStatus::Qualified,
        _ => IdentityStatus::Provisional,
    };
    PatientIdentity {
        ins,
        local_ids,
        traits: subject.map(|subject| subject.traits.clone()).unwrap_or_default(),
        status,
        declared_status: declared,
    }
}

fn ins_of(cx: &Cx) -> Option<InsIdentity> {
    Some(InsIdentity { ins: Ins::parse(&cx.id()).ok()?, domain: cx.ins_domain()? })
}

fn local_id(cx: &Cx) -> LocalId {
    LocalId { id: cx.id().into(), authority: cx.authority().to_owned(), kind: cx.kind().to_owned() }
}

/// Every patient that the archives of a mail speak of. More than one: nothing is integrated (ECO.2.1.1).
pub(super) fn several_patients(incoming: &IncomingMail) -> Option<Obstacle> {
    let sets = || incoming.archives.iter().flat_map(|archive| &archive.sets);
    let opened = || sets().flat_map(|set| &set.documents);
    let ids = sets().flat_map(|set| {
        let own = set.submission.set.patient_id.iter();
        own.chain(set.submission.entries.iter().filter_map(|entry| entry.patient_id.as_ref()))
    });
    let (with_ins, local): (Vec<&Cx>, Vec<&Cx>) = ids.partition(|cx| cx.ins_domain().is_some());
    let of_documents = opened().filter_map(|opened| opened.header.as_ref()?.subject.ins.as_ref());
    let ins: BTreeSet<String> = with_ins
        .iter()
        .map(|cx| cx.id())
        .chain(of_documents.map(|ins| ins.ins.expose().to_owned()))
        .collect();
    let local: BTreeSet<String> = local.iter().map(|cx| format!("{}^{}", cx.id(), cx.authority())).collect();
    (ins.len().max(local.len()) > 1).then(|| {
        let finding = Finding::error(
            "mssante.several-patients",
            "les archives du courriel parlent de plusieurs patients",
        )
        .expected("1", ins.len().max(local.len()).to_string())
        .remedy("ne rien intégrer ; demander à l'émetteur un courriel par patient")
        .requirement("ECO.2.1.1");
        obstacle("906", finding)
    })
}

/// What forbids these documents to be integrated for this patient. Several patients come first: see above.
pub(super) fn obstacles(
    identity: &PatientIdentity,
    set: &Set,
    documents: &[&Opened],
    environment: Environment,
) -> Vec<Obstacle> {
    let subjects =
        || documents.iter().filter_map(|opened| opened.header.as_ref().map(|header| &header.subject));
    let announced = |opened: &&&Opened| set.entry(opened).patient_id.as_ref();
    let mut found = Vec::new();
    let differs = documents.iter().any(|opened| {
        let of_entry = announced(&opened).and_then(ins_of);
        let of_document = opened.header.as_ref().and_then(|header| header.subject.ins.as_ref());
        matches!((of_entry, of_document), (Some(entry), Some(document)) if entry != *document)
    });
    if differs {
        let finding = Finding::error(
            "mssante.patient-differs",
            "le patient de METADATA.XML n'est pas celui du document : à signaler à l'identitovigilance",
        )
        .remedy("ne rien intégrer ; prévenir l'émetteur et la cellule d'identitovigilance")
        .requirement("mssante.md §8 n° 9");
        found.push(obstacle("906", finding));
    }
    let Some(ins) = &identity.ins else {
        let finding = Finding::error("mssante.no-ins", "ni METADATA.XML ni le document ne portent d'INS")
            .remedy("rattacher le document à la main")
            .requirement("mssante.md §4.3");
        found.push(obstacle("903", finding));
        return found;
    };
    found.extend(register(ins, environment));
    let missing = |subject: &DocumentSubject| subject.traits.missing_with_ins();
    if let Some(name) = subjects().flat_map(missing).next() {
        let finding = Finding::error(
            "mssante.ins-incomplete",
            "un trait d'identité obligatoire avec l'INS manque au document",
        )
        .expected(name, "absent")
        .remedy("rattacher le document à la main ; prévenir l'émetteur")
        .requirement("mssante.md §4.3");
        found.push(obstacle("905", finding));
    }
    found
}

/// Test and real identities never mix; a wrong key is an error where numbers are real (dmp-xds.md §8.2).
fn register(ins: &InsIdentity, environment: Environment) -> Option<Obstacle> {
    let (check, sentence) = match (environment, ins.domain.is_test()) {
        (Environment::Production, true) => {
            ("mssante.test-ins-in-production", "un INS de test ou de démonstration est reçu en production")
        }
        (Environment::Test, false) => {
            ("mssante.real-ins-in-test", "un INS réel est reçu sur une passerelle de test")
        }
        (Environment::Production, false) if !ins.ins.key_is_valid() => {
            ("mssante.ins-wrong-key", "la clé du matricule INS est fausse")
        }
        _ => return None,
    };
    let finding = Finding::error(check, sentence)
        .remedy("ne rien intégrer ; prévenir l'émetteur")
        .requirement("mssante.md §1.4, §8 n° 10");
    Some(obstacle("904", finding))
}
