//! The steps of routes, on a small store: who is found, who is refused, who is only noted.

use std::path::Path;

use jonction_model::{
    Encounter, Environment, IdentityStatus, ManualClock, MessageControlId, Operation, Origin,
    PatientIdentity, Severity, Traits, Visibility, Wants,
    directory::{Holder, Mailbox, MailboxKind, Professional, Record, Source, Structure},
};
use jonction_ports::{MemoryBodies, Records as _};

use super::*;
use crate::{Judge, Memory, Snapshot, Store};

const NOW: &str = "2026-01-02T03:00:00Z";

/// Who is asked for: a professional by RPPS, a structure by FINESS.
#[derive(Clone, Copy)]
enum To {
    Person(&'static str),
    Structure(&'static str),
}

fn submission(recipients: &[To]) -> DocumentSubmission {
    let recipient = |to: &To| {
        let (kind, id) = match to {
            To::Person(id) => (RecipientKind::Professional, id),
            To::Structure(id) => (RecipientKind::Organization, id),
        };
        Recipient {
            kind,
            address: None,
            given_address: Masked::from(""),
            id: Some(Masked::from(*id)),
            no_reply: false,
        }
    };
    DocumentSubmission {
        origin: Origin {
            control_id: MessageControlId::parse("M1").unwrap(),
            sending_application: String::new(),
            sending_facility: String::new(),
            receiving_application: String::new(),
            receiving_facility: String::new(),
            processing: "T".into(),
            charset: String::new(),
            event_time: String::new(),
        },
        operation: Operation::Submit,
        patient: PatientIdentity {
            ins: None,
            local_ids: Vec::new(),
            traits: Traits::default(),
            status: IdentityStatus::Qualified,
            declared_status: String::new(),
        },
        sender: None,
        encounter: Encounter::default(),
        documents: Vec::new(),
        visibility: Visibility::default(),
        wants: Wants::default(),
        recipients: recipients.iter().map(recipient).collect(),
        reply_to: Vec::new(),
        mail: jonction_model::MailTexts::default(),
        obstacles: Vec::new(),
        carried_by: None,
    }
}

/// One doctor with two mailboxes, one who left; a hospital that is open, one that closed, one called inactive.
fn shelf(folder: &Path) -> Shelf {
    let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
    let store = Store::with_memory(folder, clock, Memory { arena_bytes: 2000, cache_kib: 256 }).unwrap();
    let person = |id: &str, ended: Option<&str>| {
        Record::Professional(Box::new(Professional {
            id: PersonId::prefixed(id),
            family: "MODÈLE".into(),
            ended: ended.map(|day| day.parse().unwrap()),
            ..Professional::default()
        }))
    };
    let site = |finess: &str, closed: Option<&str>, inactive| {
        Record::Structure(Box::new(Structure {
            finess: finess.into(),
            closed: closed.map(|day| day.parse().unwrap()),
            inactive,
            ..Structure::default()
        }))
    };
    let mailbox = |address: &str| {
        let holder = Holder { person: Some(PersonId::prefixed("810900000001")), ..Holder::default() };
        Record::Mailbox(Box::new(Mailbox {
            address: address.into(),
            kind: MailboxKind::Per,
            holders: vec![holder],
            ..Mailbox::default()
        }))
    };
    let records = [
        person("810900000001", None),
        person("810900000002", Some("2025-06-30")),
        site("990000001", None, false),
        site("990000002", Some("2025-03-31"), false),
        site("990000003", None, true),
        mailbox("a@pro.mssante.fr"),
        mailbox("b@pro.mssante.fr"),
    ];
    let mut pull = store.draft(Source::Rpps).unwrap();
    for record in records {
        pull.draft.put(record).unwrap();
    }
    let date = NOW.parse().unwrap();
    let described = Snapshot { name: "essai".into(), date, sha256: String::new(), bytes: 0 };
    store.commit(pull, described, Judge::Accepted).unwrap();
    let shelf = Shelf::default();
    shelf.put(Arc::new(store));
    shelf
}

fn flow(recipients: &[To]) -> Flow {
    Flow {
        message: jonction_model::ContentRef::whole(jonction_model::BodyId::of(b""), 0),
        facts: jonction_ports::MessageFacts::default(),
        environment: Environment::Test,
        shapes: vec![Shape::DocumentSubmission(Box::new(submission(recipients)))],
        findings: Vec::new(),
        reading: jonction_ports::Reading::default(),
    }
}

/// Runs the step of that name; what it found, and the submission as it left it.
fn run(shelf: &Shelf, name: &str, recipients: &[To]) -> (Vec<Finding>, DocumentSubmission) {
    let step = steps(shelf).into_iter().map(|(_, step)| step).find(|step| step.name() == name).unwrap();
    let mut flow = flow(recipients);
    step.run(&mut flow, &MemoryBodies::default()).unwrap();
    let Some(Shape::DocumentSubmission(left)) = flow.shapes.pop() else { panic!("the submission is gone") };
    (flow.findings, *left)
}

fn checks(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.check.as_str()).collect()
}

const EVERYBODY: [To; 6] = [
    To::Person("10900000001"),
    To::Person("10900000002"),
    To::Person("10900000009"),
    To::Structure("990000001"),
    To::Structure("990000002"),
    To::Structure("990000003"),
];

#[test]
fn who_left_and_what_closed_is_refused_and_whoever_practises_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (findings, left) = run(&shelf(folder.path()), "directory/recipients", &EVERYBODY);
    let refused = [
        "directory/no-longer-practises",
        "directory/unknown-professional",
        "directory/closed-structure",
        "directory/closed-structure",
    ];
    assert_eq!(checks(&findings), refused);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Error));
    let mut scopes: Vec<_> = left.obstacles.iter().map(|obstacle| obstacle.scope.clone()).collect();
    scopes.reverse();
    assert_eq!(scopes, [1, 2, 4, 5].map(ObstacleScope::Recipient));
    assert!(
        findings[2].sentence.contains("fermée le 31/03/2025") && findings[3].sentence.ends_with("fermée")
    );
}

#[test]
fn the_same_recipients_are_only_noted_where_the_route_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (findings, left) = run(&shelf(folder.path()), "directory/recipients@note", &EVERYBODY);
    assert_eq!(findings.len(), 4);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
    assert!(left.obstacles.is_empty(), "nothing forbids them");
}

#[test]
fn a_recipient_named_by_rpps_gets_the_first_mailbox_and_the_others_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let recipients = [To::Person("10900000001"), To::Person("10900000002")];
    let (findings, left) = run(&shelf(folder.path()), "directory/mailboxes", &recipients);
    assert_eq!(left.recipients[0].address.as_ref().unwrap().expose(), "a@pro.mssante.fr");
    assert_eq!(left.recipients[1].address, None);
    assert_eq!(checks(&findings), ["directory/mailbox-found", "directory/no-mailbox"]);
    assert!(findings[0].sentence.contains("une autre boîte possible"), "{}", findings[0].sentence);
    assert!(findings[1].sentence.contains("n'exerce plus"));
}

#[test]
fn where_the_route_wants_only_one_mailbox_two_of_the_same_rank_make_the_message_wait() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path());
    let step = |name: &str| steps(&shelf).into_iter().map(|(_, step)| step).find(|step| step.name() == name);
    let step = step("directory/mailboxes@only").unwrap();
    let mut flow = flow(&[To::Person("10900000001")]);
    let finding = step.run(&mut flow, &MemoryBodies::default()).unwrap_err();
    assert_eq!(finding.check, "directory/several-mailboxes");
    assert!(finding.sentence.contains("2 boîtes de même rang (boîte personnelle)"), "{}", finding.sentence);
    // One who has none is told as by the other step: there is nothing to choose.
    let (findings, _) = run(&shelf, "directory/mailboxes@only", &[To::Structure("990000001")]);
    assert_eq!(checks(&findings), ["directory/no-mailbox"]);
}

#[test]
fn without_any_directory_nobody_is_refused_the_message_waits() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
    let shelf = Shelf::default();
    let waits = |shelf: &Shelf| loaded(shelf).err().map(|finding| finding.check);
    assert_eq!(waits(&shelf).as_deref(), Some("directory.empty"));
    shelf.put(Arc::new(Store::open(folder.path(), clock).unwrap()));
    assert_eq!(waits(&shelf).as_deref(), Some("directory.empty"), "opened, nothing pulled");
}
