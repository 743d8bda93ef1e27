//! Rows 8 to 10, 36, 43 and 44: whom a document is about, who must not see it, whom nothing is sent to.

use jonction_model::{Environment, IdentityStatus, Operation};

use super::world::*;

/// Row 8.
#[test]
fn several_patients_in_one_mail_integrate_nothing() {
    let other = Doc {
        id: "1.2.250.1.999.2.2",
        ins: Some((OTHER_INS, TEST_OID)),
        announced: format!("{OTHER_INS}^^^&amp;{TEST_OID}&amp;ISO^NH"),
        ..doc()
    };
    let two_sets = mail(HEAD, &[TEXT, &xdm(&[vec![doc()], vec![other.clone()]])]);
    let two_archives = mail(HEAD, &[TEXT, &xdm(&[vec![doc()]]), &xdm(&[vec![other]])]);
    for raw in [two_sets, two_archives] {
        let submissions = read(&raw).submissions();
        assert_eq!(submissions.len(), 2);
        for submission in &submissions {
            assert_eq!(obstacles(submission), [("906", "mssante.several-patients")]);
        }
    }
}

/// Row 9.
#[test]
fn metadata_about_somebody_else_than_the_document_integrate_nothing() {
    let differs = Doc { ins: Some((OTHER_INS, TEST_OID)), ..doc() };
    let submissions = read(&carrying(&[vec![differs]])).submissions();
    assert!(obstacles(&submissions[0]).contains(&("906", "mssante.patient-differs")));
    let other_register = Doc { ins: Some((INS, "1.2.250.1.213.1.4.11")), ..doc() };
    let submissions = read(&carrying(&[vec![other_register]])).submissions();
    assert_eq!(obstacles(&submissions[0]), [("906", "mssante.patient-differs")]);
}

/// Row 10.
#[test]
fn each_fault_of_an_identity_has_its_code() {
    let local = "12345^^^&amp;1.2.250.1.999.9&amp;ISO^PI".to_owned();
    let real = "1.2.250.1.213.1.4.8";
    let with = |ins: &'static str, oid: &'static str| Doc {
        ins: Some((ins, oid)),
        announced: format!("{ins}^^^&amp;{oid}&amp;ISO^NH"),
        ..doc()
    };
    let cases = [
        (Environment::Test, Doc { ins: None, announced: local, ..doc() }, ("903", "mssante.no-ins")),
        (Environment::Test, Doc { birth_name: "", ..doc() }, ("905", "mssante.ins-incomplete")),
        (Environment::Production, doc(), ("904", "mssante.test-ins-in-production")),
        (Environment::Test, with(INS, real), ("904", "mssante.real-ins-in-test")),
        (Environment::Production, with("276037510669380", real), ("904", "mssante.ins-wrong-key")),
    ];
    for (environment, wrong, expected) in cases {
        let submissions = read_in(&carrying(&[vec![wrong]]), environment).submissions();
        assert_eq!(obstacles(&submissions[0]), [expected]);
    }
    let nia = with(INS, "1.2.250.1.213.1.4.9");
    assert_eq!(obstacles(&read_in(&carrying(&[vec![nia]]), Environment::Production).submissions()[0]), []);
}

/// Without qualified INS the metadata name the patient by a local identifier (mssante.md §3.6).
#[test]
fn a_local_identifier_beside_the_ins_of_the_document_is_one_patient() {
    let local = Doc { announced: "12345^^^&amp;1.2.250.1.999.9&amp;ISO^PI".to_owned(), ..doc() };
    let submissions = read(&carrying(&[vec![local]])).submissions();
    assert_eq!(obstacles(&submissions[0]), []);
    assert_eq!(submissions[0].patient.local_ids[0].authority, "1.2.250.1.999.9");
    assert_eq!(submissions[0].patient.ins.as_ref().unwrap().ins.expose(), INS);
}

/// Row 36: what the subject says of a person counts for nothing. Header absent is not `N`, and is not `O` either.
#[test]
fn the_subject_names_nobody_and_the_header_alone_says_qualified() {
    let other_subject = HEAD.replace("PAT-TROIS DOMINIQUE", "DE LA TOUR JEAN-PAUL");
    let submissions = read(&mail(&other_subject, &[TEXT, &xdm(&[vec![doc()]])])).submissions();
    assert_eq!(submissions[0].patient.traits.birth_name.as_ref().unwrap().expose(), "PAT-TROIS");
    for (header, status) in [
        ("X-MSS-INS: O\r\n", IdentityStatus::Qualified),
        ("X-MSS-INS: N\r\n", IdentityStatus::Provisional),
        ("", IdentityStatus::Provisional),
    ] {
        let head = HEAD.replace("X-MSS-INS: O\r\n", header);
        assert_eq!(read(&mail(&head, &[TEXT, &xdm(&[vec![doc()]])])).submissions()[0].patient.status, status);
    }
}

/// Rows 43 and 44.
#[test]
fn masks_are_handed_on_and_recipients_written_in_the_document_are_ignored() {
    let masked = Doc { confidentiality: vec!["N", "MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX"], ..doc() };
    let submission = read(&carrying(&[vec![masked]])).submissions().remove(0);
    let seen = submission.visibility;
    assert!(
        seen.hidden_from_professionals && seen.hidden_from_legal_representatives && !seen.hidden_from_patient
    );
    let to: Vec<_> = submission.recipients.iter().map(|to| to.given_address.expose().as_str()).collect();
    assert_eq!(to, ["dossier@hopital-a.mssante.example"]);
}

#[test]
fn replacements_and_deletions_are_what_metadata_or_else_the_document_say() {
    let (changed, deleted) = (Doc { action: Some("C"), ..doc() }, Doc { action: Some("D"), ..doc() });
    let replacing = Doc { replaces: Some("1.2.250.1.999.2.0"), ..doc() };
    let cases =
        [(changed, Operation::Replace), (deleted, Operation::Delete), (replacing, Operation::Replace)];
    for (document, operation) in cases {
        assert_eq!(read(&carrying(&[vec![document]])).submissions()[0].operation, operation);
    }
    let mixed = vec![doc(), Doc { id: "1.2.250.1.999.2.2", action: Some("D"), ..doc() }];
    let operations: Vec<_> = read(&carrying(&[mixed])).submissions().iter().map(|s| s.operation).collect();
    assert_eq!(operations, [Operation::Submit, Operation::Delete]);
}
