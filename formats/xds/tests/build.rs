//! What the one function makes of a header and a message. Source: cda.md §4, dmp-xds.md §7, mssante.md §3.6.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use jonction_model::*;
use jonction_xds::{metadata::Cx, *};

type Change = fn(&mut SubmittedDocument);

fn one_entry(submission: &DocumentSubmission) -> DocumentEntry {
    build_dmp(submission).0.entries.remove(0)
}

/// Errors that one change of the document gives in the DMP, and in a mail.
fn errors_after(change: impl Fn(&mut SubmittedDocument)) -> (Vec<String>, Vec<String>) {
    let mut submission = submission();
    change(&mut submission.documents[0]);
    (codes(&build_dmp(&submission).1), codes(&build_xdm(&submission, true).1))
}

#[test]
fn a_whole_header_gives_every_attribute_and_no_finding() {
    let (lot, findings) = build_dmp(&submission());
    assert_eq!(codes(&findings), Vec::<String>::new());

    let entry = &lot.entries[0];
    assert_eq!(entry.creation_time.as_deref(), Some("20200327143500"));
    assert_eq!(entry.service_start.as_deref(), Some("20200327144500"));
    assert_eq!(entry.service_stop, None);
    assert_eq!(entry.type_code, Some(coded("85208-7", "2.16.840.1.113883.6.1", "CR de télémédecine")));
    assert_eq!(entry.class_code, Some(coded("10", "1.2.250.1.213.1.1.4.1", "Compte rendu")));
    assert_eq!(entry.format_code.as_ref().unwrap().code, "urn:ihe:iti:xds-sd:pdf:2008");
    assert_eq!(entry.format_code.as_ref().unwrap().system, "1.3.6.1.4.1.19376.1.2.3");
    assert_eq!(
        entry.source_patient_id.as_ref().unwrap().expose(),
        "1234567890121^^^&1.2.3.4.567.8.9.10&ISO^PI"
    );
    let info: Vec<_> = entry.source_patient_info.iter().map(|line| line.expose().as_str()).collect();
    assert_eq!(info, ["PID-5|ESSAI-TROIS^CAMILLE^^^^^L", "PID-7|19790328", "PID-8|F"]);
    assert_eq!(entry.patient_id.as_ref().unwrap().expose(), "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH");
    assert_eq!(entry.references[0].expose(), "A-77^^^&1.2.250.1.999.7&ISO^urn:ihe:iti:xds:2013:accession");
    assert_eq!((&entry.status, &entry.uri, &entry.hash), (&None, &None, &None));
}

#[test]
fn names_of_structures_are_escaped_and_labels_come_from_the_value_sets() {
    let entry = one_entry(&submission());
    let author = &entry.authors[0];
    assert_eq!(
        author.institutions[0].expose(),
        "Clinique des Tilleuls \\T\\ Cie^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1999900018"
    );
    assert_eq!(
        author.specialties[0].to_coded().label,
        tables::find(tables::AUTHOR_SPECIALTIES, "G15_10/SM26").unwrap().1
    );
    assert_eq!(entry.practice_setting.unwrap().label, "Etablissement de santé");
}

#[test]
fn the_set_says_who_submits_when_and_which_activity() {
    let set = build_dmp(&submission()).0.set;
    assert_eq!(set.submission_time.as_deref(), Some("20260131091500"));
    assert_eq!(set.content_type, Some(coded("07", "1.2.250.1.213.2.2", "Consultations soins externes")));
    assert_eq!(set.authors.len(), 1);
    let author = &set.authors[0];
    assert_eq!(
        author.person.as_ref().unwrap().expose(),
        "801234567123^TILLEUL^Olivia^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
    );
    // The specialty of the same person among the authors of the document.
    assert_eq!(author.specialties[0].component(1), "G15_10/SM26");
}

#[test]
fn the_class_of_the_stay_decides_the_activity_and_its_absence_is_said() {
    for (class, code) in [("I", "03"), ("O", "07"), ("R", "19"), ("N", "97"), ("E", "07")] {
        let submission =
            DocumentSubmission { encounter: Encounter { class: class.to_owned() }, ..submission() };
        assert_eq!(build_dmp(&submission).0.set.content_type.unwrap().code, code);
    }
    let (lot, findings) = build_dmp(&DocumentSubmission { encounter: Encounter::default(), ..submission() });
    assert_eq!(lot.set.content_type.unwrap().code, "97");
    assert_eq!(codes(&findings), ["xds.content-type-supposed"]);
}

#[test]
fn masks_follow_the_base_code_under_their_xds_names() {
    let visibility = Visibility {
        hidden_from_professionals: true,
        hidden_from_patient: true,
        hidden_from_legal_representatives: true,
        secret_connection: true,
        only_visibility_changes: true,
    };
    let entry = one_entry(&DocumentSubmission { visibility, ..submission() });
    let names: Vec<_> = entry.confidentiality.iter().map(|code| code.code.as_str()).collect();
    assert_eq!(names, ["N", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]);
    assert!(entry.confidentiality[1..].iter().all(|code| code.system == "1.2.250.1.213.1.1.4.13"));
}

#[test]
fn a_type_of_the_ci_sis_alone_is_refused_by_the_dmp_and_travels_by_mail() {
    let (dmp, mail) =
        errors_after(|d| d.metadata.type_code = coded("EXPORT_DUI", "1.2.250.1.213.1.1.4.12", ""));
    assert_eq!(dmp, ["!xds.type-not-in-dmp", "!xds.class-unknown"]);
    assert_eq!(mail, ["xds.type-not-in-dmp", "xds.class-unknown"]);
}

#[test]
fn a_type_without_published_class_takes_the_one_of_the_route() {
    let mut submission = submission();
    submission.documents[0].metadata.type_code = coded("78341-5", "2.16.840.1.113883.6.1", "");
    assert_eq!(codes(&build_dmp(&submission).1), ["!xds.class-unknown"]);

    let class_by_type = vec![("78341-5".to_owned(), "11".to_owned())];
    let defaults = Defaults { class_by_type, ..Defaults::default() };
    let (lot, findings) = build_dmp_with(&submission, &identifiers(), &defaults);
    assert_eq!(codes(&findings), Vec::<String>::new());
    assert_eq!(lot.entries[0].class_code.as_ref().unwrap().label, "Synthèse");
}

#[test]
fn what_the_dmp_cannot_take_is_an_error_there_and_a_remark_in_a_mail() {
    let cases: [(&str, Change); 15] = [
        ("xds.unique-id-extension", |d| d.unique_id.extension = Some("7".to_owned())),
        ("xds.unique-id-form", |d| d.unique_id.root = "1.2.250.01".to_owned()),
        ("xds.type-system", |d| d.metadata.type_code.system = "1.2.3".to_owned()),
        ("xds.no-creation-time", |d| d.metadata.creation_time = None),
        ("xds.language-other", |d| d.metadata.language = "en-GB".to_owned()),
        ("xds.title-too-long", |d| d.metadata.title = "é".repeat(129)),
        ("xds.no-legal-authenticator", |d| d.metadata.legal_authenticator = None),
        ("xds.legal-authenticator-without-id", |d| {
            d.metadata.legal_authenticator.as_mut().unwrap().id = None;
        }),
        ("xds.facility-not-in-set", |d| d.metadata.facility_type.as_mut().unwrap().code = "SA99".to_owned()),
        ("xds.facility-unknown", |d| d.metadata.facility_type = None),
        ("xds.confidentiality-not-in-set", |d| {
            d.metadata.confidentiality.as_mut().unwrap().code = "X".to_owned();
        }),
        ("xds.document-without-ins", |d| d.subject.ins = None),
        ("xds.confidentiality-system", |d| {
            d.metadata.confidentiality.as_mut().unwrap().system = "1.2.3".to_owned();
        }),
        ("xds.practice-not-in-set", |d| {
            d.metadata.practice_setting.as_mut().unwrap().system = "1.2.3".to_owned();
        }),
        ("xds.no-author", |d| d.metadata.authors.clear()),
    ];
    for (code, change) in cases {
        assert_eq!(errors_after(change), (vec![format!("!{code}")], vec![code.to_owned()]), "{code}");
    }
}

#[test]
fn what_is_supposed_is_said() {
    let cases: [(&str, Change); 10] = [
        ("xds.time-without-offset", |d| d.metadata.creation_time = Some(time("20200327153500"))),
        ("xds.service-start-supposed", |d| d.metadata.service_start = None),
        ("xds.language-supposed", |d| d.metadata.language = "FR-fr".to_owned()),
        ("xds.title-supposed", |d| d.metadata.title = " ".to_owned()),
        ("xds.type-label", |d| d.metadata.type_code.label = "Autre libellé".to_owned()),
        ("xds.confidentiality-supposed", |d| d.metadata.confidentiality = None),
        ("xds.format-supposed", |d| {
            d.kind = ContentKind::CdaLevel1 { media_type: "image/png".to_owned(), body: None };
        }),
        ("xds.author-without-id", |d| {
            let by = Person { id: None, ..person("", "TILLEUL", "Olivia") };
            d.metadata.authors[0].by = Authorship::Person(by);
        }),
        ("xds.structure-without-name", |d| {
            d.metadata.authors[0].organization.as_mut().unwrap().name = None;
        }),
        ("xds.reference-type", |d| d.metadata.references[0].kind = "urn:x".to_owned()),
    ];
    for (code, change) in cases {
        let expected = vec![code.to_owned()];
        assert_eq!(errors_after(change), (expected.clone(), expected), "{code}");
    }
}

#[test]
fn titles_and_values_at_their_limits_pass() {
    let (dmp, _) = errors_after(|d| d.metadata.title = "é".repeat(128));
    assert_eq!(dmp, Vec::<String>::new());

    let name_of = |length: usize| {
        let tail = "^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1999900018".len();
        move |d: &mut SubmittedDocument| {
            d.metadata.authors[0].organization.as_mut().unwrap().name = Some("N".repeat(length - tail));
        }
    };
    assert_eq!(errors_after(name_of(256)).0, Vec::<String>::new());
    let over = errors_after(name_of(257));
    assert_eq!(over, (vec!["!xds.slot-too-long".to_owned()], vec!["xds.slot-too-long".to_owned()]));
}

#[test]
fn a_document_of_another_patient_leaves_by_no_way() {
    let (dmp, mail) = errors_after(|d| {
        d.subject.ins = Some(InsIdentity { ins: ins().ins, domain: InsDomain::Nia });
    });
    assert_eq!((dmp, mail), (vec!["!xds.other-patient".to_owned()], vec!["!xds.other-patient".to_owned()]));
}

#[test]
fn without_local_identifier_the_source_patient_is_the_ins_with_nh() {
    let mut submission = submission();
    submission.documents[0].subject.local_ids.clear();
    assert_eq!(one_entry(&submission).source_patient_id, Some(Cx::ins(&ins())));
}

#[test]
fn without_qualified_ins_a_mail_names_the_patient_by_the_first_local_identifier_and_never_by_the_ins() {
    let (lot, findings) = build_xdm(&submission(), false);
    let local = "1234567890121^^^&1.2.3.4.567.8.9.10&ISO^PI";
    assert_eq!(lot.set.patient_id.as_ref().unwrap().expose(), local);
    assert_eq!(lot.entries[0].patient_id.as_ref().unwrap().expose(), local);
    assert!(!ebrim::write_metadata_xml(&lot).contains("279035121518989"));
    assert_eq!(codes(&findings), Vec::<String>::new());
}

#[test]
fn without_any_identifier_nothing_can_be_mailed() {
    let mut submission = submission();
    submission.patient.local_ids.clear();
    submission.documents[0].subject.local_ids.clear();
    let (_, findings) = build_xdm(&submission, false);
    assert_eq!(codes(&findings), ["!xds.no-patient-id", "xds.no-source-patient-id"]);
}

#[test]
fn a_level_3_document_has_the_format_of_its_model() {
    let mut submission = submission();
    submission.documents[0].kind = ContentKind::CdaLevel3 { pdf: None };
    submission.documents[0].metadata.templates = vec![
        ("2.16.840.1.113883.2.8.2.1".to_owned(), None),
        ("1.2.250.1.213.1.1.1.29".to_owned(), Some("2022.01".to_owned())),
    ];
    let (lot, findings) = build_dmp(&submission);
    assert_eq!(lot.entries[0].format_code.as_ref().unwrap().code, "urn:asip:ci-sis:ldl-ses:2017");
    assert_eq!(codes(&findings), Vec::<String>::new());

    submission.documents[0].metadata.templates.pop();
    let (lot, findings) = build_dmp(&submission);
    assert_eq!(lot.entries[0].format_code.as_ref().unwrap().code, "urn:asipSante:modelesHorsProfils:2011");
    assert_eq!(codes(&findings), ["xds.format-supposed"]);
}

#[test]
fn places_of_care_come_from_the_route_when_the_header_lacks_them() {
    let mut submission = submission();
    submission.documents[0].metadata.facility_type = None;
    submission.documents[0].metadata.practice_setting = None;
    let facility_by_structure = vec![("1999900018".to_owned(), "SA57".to_owned())];
    let defaults = Defaults { facility_by_structure, ..Defaults::default() };
    let (lot, findings) = build_dmp_with(&submission, &identifiers(), &defaults);
    assert_eq!(lot.entries[0].facility_type.as_ref().unwrap().code, "SA57");
    assert_eq!(lot.entries[0].practice_setting.as_ref().unwrap().code, "AMBULATOIRE");
    assert_eq!(codes(&findings), ["xds.facility-supposed", "xds.practice-supposed"]);
}

#[test]
fn an_automaton_submits_as_a_device_with_the_role_automate() {
    let device = Device {
        id: Some(PersonId::prefixed("3999900018/PFI")),
        software: "Jonction".to_owned(),
        model: "PFI".to_owned(),
    };
    let sender = Sender { person: None, device: Some(device), organization: Some(structure()) };
    let (lot, findings) = build_dmp(&DocumentSubmission { sender: Some(sender), ..submission() });
    let author = &lot.set.authors[0];
    assert_eq!(author.person.as_ref().unwrap().id_type(), "RI");
    assert_eq!(author.specialties[0].expose(), "AUTOMATE^Automate^1.2.250.1.213.1.1.4.6");
    assert_eq!(codes(&findings), Vec::<String>::new());
}

#[test]
fn without_sender_the_first_author_submits_and_a_sender_without_ids_is_refused_by_the_dmp() {
    let (lot, findings) = build_dmp(&DocumentSubmission { sender: None, ..submission() });
    assert_eq!(lot.set.authors[0].person.as_ref().unwrap().id(), "801234567123");
    assert_eq!(codes(&findings), ["xds.submitter-supposed"]);

    let mut nameless = submission();
    let sender = nameless.sender.as_mut().unwrap();
    sender.person.as_mut().unwrap().id = None;
    sender.organization = None;
    let refused = ["!xds.submitter-without-id", "!xds.submitter-without-structure"];
    assert_eq!(codes(&build_dmp(&nameless).1), refused);
}

#[test]
fn a_mail_says_by_action_that_it_replaces_or_deletes_and_the_dmp_never_does() {
    for (operation, action) in [
        (Operation::Submit, None),
        (Operation::Replace, Some(Action::Change)),
        (Operation::Delete, Some(Action::Delete)),
    ] {
        let submission = DocumentSubmission { operation, ..submission() };
        assert_eq!(build_xdm(&submission, true).0.entries[0].action(), action);
        assert_eq!(one_entry(&submission).extra_slots, []);
    }
}

#[test]
fn a_replacement_points_to_the_entry_uuid_and_every_entry_belongs_to_the_set() {
    let mut submission = submission();
    submission.documents.push(document());
    submission.documents[1].unique_id = DocumentUniqueId::root("1.2.250.1.999.1.1.8121.1.2");
    let target = "urn:uuid:0b5a2f52-6a54-4d3c-9a40-3e2f2b8f3a11";
    let entries = vec![
        EntryIdentifiers { id: "Document01".to_owned(), replaces: None },
        EntryIdentifiers { id: "Document02".to_owned(), replaces: Some(target.to_owned()) },
    ];
    let ids = Identifiers { entries, ..identifiers() };
    let (lot, findings) = build_dmp_with(&submission, &ids, &Defaults::default());
    let links: Vec<_> = lot
        .associations
        .iter()
        .map(|link| (&link.kind, link.source.as_str(), link.target.as_str()))
        .collect();
    assert_eq!(
        links,
        [
            (&AssociationKind::HasMember, "SubmissionSet01", "Document01"),
            (&AssociationKind::HasMember, "SubmissionSet01", "Document02"),
            (&AssociationKind::Replaces, "Document02", target),
        ]
    );
    assert_eq!(codes(&findings), Vec::<String>::new());
}

#[test]
fn findings_and_debug_hold_no_datum_of_a_person() {
    let mut submission = submission();
    let document = &mut submission.documents[0];
    document.metadata.title = format!("TILLEUL {}", "x".repeat(200));
    document.metadata.type_code.code = "ESSAI-TROIS CAMILLE".to_owned();
    document.unique_id.root = "279035121518989".to_owned();
    document.subject.ins = None;
    let (lot, findings) = build_dmp(&submission);
    let said = format!("{findings:?}");
    assert!(findings.len() >= 4);
    for datum in ["TILLEUL", "ESSAI-TROIS", "CAMILLE", "279035121518989", "1234567890121", "801234567123"] {
        assert!(!said.contains(datum), "{datum} in findings");
    }
    let shown = format!("{:?} {:?}", lot.set, lot.entries[0].authors);
    assert!(!shown.contains("TILLEUL") && !shown.contains("279035121518989"), "{shown}");
}
