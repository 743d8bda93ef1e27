//! One submission made by hand: the values of the worked example of dmp-xds.md §7.10, with invented people.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

use jiff::Timestamp;
use jonction_model::{Author, *};
use jonction_xds::*;

pub const PERSON_AUTHORITY: &str = "1.2.250.1.71.4.2.1";
pub const CDA: &[u8] = b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>essai</title></ClinicalDocument>";

pub fn coded(code: &str, system: &str, label: &str) -> CodedValue {
    CodedValue { code: code.to_owned(), system: system.to_owned(), label: label.to_owned() }
}

pub fn time(text: &str) -> DocumentTime {
    DocumentTime::parse(text).unwrap()
}

pub fn person(id: &str, family: &str, given: &str) -> Person {
    Person {
        id: Some(PersonId::prefixed(id)),
        authority: PERSON_AUTHORITY.to_owned(),
        family: Some(family.to_owned()),
        given: Some(given.to_owned()),
    }
}

pub fn structure() -> Organization {
    Organization {
        id: Some(StructureId::prefixed("1999900018")),
        name: Some("Clinique des Tilleuls & Cie".to_owned()),
    }
}

pub fn traits() -> Traits {
    Traits {
        birth_name: Some("ESSAI-TROIS".into()),
        birth_given: Some("CAMILLE".into()),
        birth_date: Some("19790328".into()),
        sex: Some(Sex::F),
        ..Traits::default()
    }
}

pub fn ins() -> InsIdentity {
    InsIdentity { ins: Ins::parse("279035121518989").unwrap(), domain: InsDomain::TestNir }
}

fn local_id() -> LocalId {
    LocalId { id: "1234567890121".into(), authority: "1.2.3.4.567.8.9.10".to_owned(), kind: "PI".to_owned() }
}

pub fn document() -> SubmittedDocument {
    SubmittedDocument {
        unique_id: DocumentUniqueId::root("1.2.250.1.999.1.1.8121.1.1"),
        set_id: Some(DocumentUniqueId::root("1.2.250.1.999.1.1.8121.2.1")),
        version: Some(1),
        replaces: None,
        subject: DocumentSubject { ins: Some(ins()), local_ids: vec![local_id()], traits: traits() },
        metadata: DocumentMetadata {
            type_code: coded("85208-7", "2.16.840.1.113883.6.1", "CR de télémédecine"),
            title: "CR de téléconsultation".to_owned(),
            creation_time: Some(time("20200327153500+0100")),
            language: "fr-FR".to_owned(),
            confidentiality: Some(coded("N", "2.16.840.1.113883.5.25", "Normal")),
            authors: vec![Author {
                by: Authorship::Person(person("801234567123", "TILLEUL", "Olivia")),
                organization: Some(structure()),
                role: Some("Médecin téléconsultant".to_owned()),
                specialty: Some(coded("G15_10/SM26", "1.2.250.1.213.1.1.4.5", "")),
            }],
            legal_authenticator: Some(person("801234567123", "TILLEUL", "Olivia")),
            service_start: Some(time("20200327154500+0100")),
            service_stop: None,
            events: vec![coded("TLM", "1.2.250.1.213.1.1.4.99", "Téléconsultation")],
            practice_setting: Some(coded("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9", "")),
            facility_type: Some(coded("SA03", "1.2.250.1.71.4.2.4", "Etablissement privé PSPH")),
            references: vec![Reference {
                id: "A-77".to_owned(),
                root: "1.2.250.1.999.7".to_owned(),
                kind: "urn:ihe:iti:xds:2013:accession".to_owned(),
            }],
            templates: vec![("1.3.6.1.4.1.19376.1.2.20".to_owned(), None)],
        },
        kind: ContentKind::CdaLevel1 { media_type: "application/pdf".to_owned(), body: None },
        content: ContentRef::whole(BodyId::of(CDA), CDA.len() as u64),
    }
}

pub fn submission() -> DocumentSubmission {
    DocumentSubmission {
        origin: Origin {
            control_id: MessageControlId::parse("M1").unwrap(),
            sending_application: "DPI".to_owned(),
            sending_facility: "CLINIQUE".to_owned(),
            receiving_application: "PFI".to_owned(),
            receiving_facility: "PFI".to_owned(),
            processing: "T".to_owned(),
            charset: "UNICODE UTF-8".to_owned(),
            event_time: "20260131101500+0100".to_owned(),
        },
        operation: Operation::Submit,
        patient: PatientIdentity {
            ins: Some(ins()),
            local_ids: vec![local_id()],
            traits: traits(),
            status: IdentityStatus::Qualified,
            declared_status: "VALI".to_owned(),
        },
        sender: Some(Sender {
            person: Some(person("801234567123", "TILLEUL", "Olivia")),
            device: None,
            organization: Some(structure()),
        }),
        encounter: Encounter { class: "O".to_owned() },
        documents: vec![document()],
        visibility: Visibility::default(),
        wants: Wants::default(),
        recipients: vec![],
        reply_to: vec![],
        mail: MailTexts::default(),
        obstacles: vec![],
        carried_by: None,
    }
}

pub fn submission_time() -> Timestamp {
    "2026-01-31T09:15:00Z".parse().unwrap()
}

pub fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

pub fn identifiers() -> Identifiers {
    Identifiers::new(oid("1.2.250.1.999.1.1.8121.4.1"), oid("1.2.250.1.999.1.1.8121"), submission_time())
}

pub fn identity(submission: &DocumentSubmission) -> QualifiedIdentity {
    submission.patient.qualified(Environment::Test).unwrap()
}

/// Builds for the DMP.
pub fn build_dmp(submission: &DocumentSubmission) -> (Submission, Vec<Finding>) {
    build_dmp_with(submission, &identifiers(), &Defaults::default())
}

pub fn build_dmp_with(
    submission: &DocumentSubmission,
    identifiers: &Identifiers,
    defaults: &Defaults,
) -> (Submission, Vec<Finding>) {
    let profile = Profile::Dmp(&identity(submission));
    build(&BuildRequest { submission, identifiers, contents: &[], profile, defaults })
}

/// Builds for an archive whose documents are all [`CDA`]; `qualified` says whether the INS may be used.
pub fn build_xdm(submission: &DocumentSubmission, qualified: bool) -> (Submission, Vec<Finding>) {
    let identity = qualified.then(|| identity(submission));
    let contents = vec![ContentFacts::of(CDA); submission.documents.len()];
    let (identifiers, defaults) = (identifiers(), Defaults::default());
    build(&BuildRequest {
        submission,
        identifiers: &identifiers,
        contents: &contents,
        profile: Profile::Xdm(identity.as_ref()),
        defaults: &defaults,
    })
}

/// Codes of the findings, `!` before errors.
pub fn codes(findings: &[Finding]) -> Vec<String> {
    let code = |finding: &Finding| match finding.severity {
        Severity::Error => format!("!{}", finding.check),
        _ => finding.check.clone(),
    };
    findings.iter().map(code).collect()
}

/// The official samples, when the environment names them.
pub fn samples() -> Option<std::path::PathBuf> {
    let samples = std::env::var_os("JONCTION_SAMPLES").map(Into::into);
    if samples.is_none() {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
    }
    samples
}

/// Runs a tool; `None` when it is not installed. Gives whether it was content, and what it said.
pub fn run_tool(tool: &str, arguments: &[&str]) -> Option<(bool, String)> {
    match std::process::Command::new(tool).args(arguments).output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8(said).unwrap()))
        }
        Err(_) => {
            jonction_testkit::skipped(format!("{tool} is not installed"));
            None
        }
    }
}
