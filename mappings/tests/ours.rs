//! Our own messages: the whole submission is pinned, and one change at a time shows one rule.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{map, map_with, summary};
use jonction_mappings::{MaskedMail, Matrix, VoletCheck, VoletSettings, steps};
use jonction_model::{DocumentSubmission, Finding, IdentityStatus, Mode, RecipientKind, Severity};
use jonction_ports::{Bodies, MemoryBodies, Step};

const LETTER: &str = include_str!("../samples/mdm-t02-lettre.er7");
const REPLACEMENT: &str = include_str!("../samples/mdm-t10-remplacement.er7");

const SAMPLES: [(&str, &str); 5] = [
    ("mdm-t02-lettre", LETTER),
    ("mdm-t10-remplacement", REPLACEMENT),
    ("mdm-t04-suppression", include_str!("../samples/mdm-t04-suppression.er7")),
    ("oru-r01-deux-documents", include_str!("../samples/oru-r01-deux-documents.er7")),
    ("mdm-t02-identite-provisoire", include_str!("../samples/mdm-t02-identite-provisoire.er7")),
];

/// The message with a piece replaced everywhere.
fn change(message: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(message.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

fn flag(code: &str, from: &str, to: &str) -> (String, String) {
    let label_and = |value: &str| format!("^MetaDMPMSS||{value}^^expandedYes-NoIndicator");
    let line = LETTER.split('\r').find(|line| line.contains(&format!("|{code}^"))).unwrap();
    let from = line.split_once(&format!("|{code}^")).unwrap().1.split_once('^').unwrap().0.to_owned()
        + &label_and(from);
    let start = from.clone();
    let to = start.replace("||Y^^", &format!("||{to}^^")).replace("||N^^", &format!("||{to}^^"));
    (from, to)
}

/// The letter with flags set.
fn flagged(flags: &[(&str, &str, &str)]) -> String {
    flags.iter().fold(LETTER.to_owned(), |text, (code, from, to)| {
        let (from, to) = flag(code, from, to);
        assert!(text.contains(&from), "{code}");
        text.replace(&from, &to)
    })
}

fn obstacles(message: &str) -> String {
    obstacles_with(VoletSettings::default(), message)
}

fn obstacles_with(settings: VoletSettings, message: &str) -> String {
    let text = summary(&map_with(settings, message.as_bytes()).unwrap().0);
    text[text.rfind('[').unwrap()..].to_owned()
}

fn mapped(message: &str) -> (DocumentSubmission, Vec<Finding>) {
    map(message.as_bytes()).unwrap()
}

#[test]
fn every_submission_is_pinned() {
    for (name, message) in SAMPLES {
        let (submission, findings) = mapped(message);
        let remarks: Vec<_> = findings.iter().map(|finding| finding.check.as_str()).collect();
        // Without INS in PID-3, the one of the document is remarked.
        let provisional = name.ends_with("provisoire");
        assert_eq!(remarks, if provisional { vec!["hl7v2/H067"] } else { vec![] }, "{name}");
        let mut json = serde_json::to_string_pretty(&submission).unwrap();
        json.push('\n');
        let golden = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&golden, &json).unwrap();
        }
        assert_eq!(json, std::fs::read_to_string(&golden).unwrap(), "{name}");
        let back: DocumentSubmission = serde_json::from_str(&json).unwrap();
        assert_eq!(back, submission, "{name}");
    }
}

#[test]
fn the_samples_say_what_they_are() {
    let summaries = SAMPLES.map(|(_, message)| summary(&mapped(message).0));
    assert_eq!(
        summaries,
        [
            "Submit qualifiée DPUal ----- [N1 11490-0 2.25.330104.1.1] [ps:yvon.ozanne@…, org:accueil@…, app:coordination@…, patient:patient@…] reply 1 []",
            "Replace qualifiée DP-a- -I--C [N1 11490-0 2.25.330104.1.2 replaces 2.25.330104.1.1] [ps:yvon.ozanne@…] reply 1 []",
            "Delete qualifiée D---- ----- [N1 11490-0 2.25.330104.1.1] [] reply 0 []",
            "Submit qualifiée DP-a- ----- [N1 11490-0 2.25.330104.1.1, N3 11490-0 2.25.330104.2.1] [ps:yvon.ozanne@…] reply 1 []",
            "Submit provisoire DP-a- ----- [N1 11490-0 2.25.330104.1.1] [ps:yvon.ozanne@…] reply 1 []",
        ]
    );
}

#[test]
fn the_content_is_a_range_and_reads_back_as_the_document() {
    let bodies = MemoryBodies::default();
    let mut flow = common::flow(&bodies, LETTER.as_bytes());
    jonction_mappings::Hl7ToDocument::new(VoletSettings::default()).run(&mut flow, &bodies).unwrap();
    let submission = flow.shapes[0].as_submission().unwrap();
    let document = bodies.read(&submission.documents[0].content, 1 << 20).unwrap();
    assert_eq!(document, include_bytes!("../../formats/cda/samples/lettre-n1.xml").as_slice());
    assert_eq!(submission.documents[0].content.body, flow.message.body);
}

#[test]
fn a_document_of_somebody_else_goes_nowhere_and_no_setting_changes_that() {
    let other = change(LETTER, &[("PID|||284056322001264", "PID|||279035121518989")]);
    for matrix in Matrix::ALL.map(|(matrix, _)| matrix) {
        let settings = VoletSettings { matrix, masque_ps_mss: MaskedMail::Allow, ..VoletSettings::default() };
        assert!(obstacles_with(settings, &other).starts_with("[all:H067"), "{matrix:?}");
    }
    // The same digits under another register are another identity.
    let register = change(LETTER, &[("1.2.250.1.213.1.4.10&ISO^INS", "1.2.250.1.213.1.4.8&ISO^INS")]);
    assert!(obstacles(&register).contains("all:H067"));
}

#[test]
fn without_ins_another_number_of_the_same_authority_is_another_patient() {
    let provisional = SAMPLES[4].1;
    assert_eq!(obstacles(provisional), "[]");
    assert_eq!(obstacles(&change(provisional, &[("||IPP-0042^", "||IPP-0043^")])), "[all:H067]");
    // Another authority says nothing of this one.
    assert_eq!(obstacles(&change(provisional, &[("&2.25.330104.8&ISO^PI", "&2.25.77&ISO^PI")])), "[]");
    // Two equal INS decide: another number is a remark.
    assert_eq!(obstacles(&change(LETTER, &[("~IPP-0042^", "~IPP-0043^")])), "[]");
}

#[test]
fn a_message_about_one_document_that_carries_another_goes_nowhere() {
    let other = change(LETTER, &[("|2.25.330104.1.1||||", "|2.25.330104.9.9||||")]);
    assert_eq!(obstacles(&other), "[all:H058]");
    let named = change(LETTER, &[("|2.25.330104.1.1||||", "|2.25.330104.1.1^HOPITAL||||")]);
    let (submission, findings) = mapped(&named);
    assert_eq!(submission.obstacles, []);
    assert_eq!(findings[0].check, "hl7v2/H059");
}

#[test]
fn documents_that_cannot_be_read_or_named_forbid_everything() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let document = include_str!("../../formats/cda/samples/lettre-n1.xml");
    let carrying = |text: &str| LETTER.replace(&STANDARD.encode(document), &STANDARD.encode(text));
    assert_eq!(obstacles(&carrying("bonjour")), "[all:H066]");
    assert_eq!(obstacles(&carrying("<!DOCTYPE a><a/>")), "[all:H066]");
    assert_eq!(
        obstacles(&carrying(&document.replace("<id root=\"2.25.330104.1.1\"/>", ""))),
        "[all:cda/H-03]"
    );
    let without_ins =
        document.replace("<id root=\"1.2.250.1.213.1.4.10\" extension=\"284056322001264\"/>", "");
    assert_eq!(obstacles(&carrying(&without_ins)), "[dmp:H067=XDSPatientIdDoesNotMatch, patient:H067=554]");
    let anonymous = without_ins.replace("<id root=\"2.25.330104.8\" extension=\"IPP-0042\"/>", "");
    assert_eq!(obstacles(&carrying(&anonymous)), "[all:H067]");
    assert_eq!(obstacles(&LETTER.replace(&STANDARD.encode(document), "PENs*")), "[all:H065]");
}

#[test]
fn a_replacement_without_parent_and_a_document_twice_close_the_dmp_only() {
    let message = change(REPLACEMENT, &[]);
    assert_eq!(obstacles(&message), "[]");
    let orphan = LETTER.replace("MDM^T02", "MDM^T10").replace("ORC|NW", "ORC|RO").replacen(
        "||||||F\rPRT",
        "||||||C\rPRT",
        1,
    );
    assert_eq!(obstacles(&orphan), "[dmp:H062=XDSReplaceFailed]");
    let two = SAMPLES[3].1;
    let lines: Vec<_> = two.split('\r').collect();
    let first = lines.iter().find(|line| line.starts_with("OBX|1|")).unwrap();
    let second = lines.iter().find(|line| line.starts_with("OBX|2|")).unwrap();
    let twice = two.replace(second, &first.replace("OBX|1|", "OBX|2|"));
    assert_eq!(obstacles(&twice), "[dmp:H069=XDSRegistryDuplicateUniqueIdInMessage]");
}

#[test]
fn masks_close_the_mails_they_contradict() {
    let masked = flagged(&[("MASQUE_PS", "N", "Y")]);
    assert_eq!(obstacles(&masked), "[ps:H079=554]");
    let allow = VoletSettings { masque_ps_mss: MaskedMail::Allow, ..VoletSettings::default() };
    assert_eq!(obstacles_with(allow, &masked), "[]");
    assert_eq!(obstacles(&flagged(&[("INVISIBLE_PATIENT", "N", "Y")])), "[patient:H078=554]");
}

#[test]
fn nothing_wanted_and_missing_recipients_are_told() {
    let none = flagged(&[("DESTDMP", "Y", "N"), ("DESTMSSANTEPS", "Y", "N"), ("DESTMSSANTEPAT", "Y", "N")]);
    assert_eq!(obstacles(&none), "[all:H080]");
    let without: String = LETTER.split_inclusive('\r').filter(|line| !line.contains("|RCT^")).collect();
    assert_eq!(obstacles(&without), "[ps:H082=554, patient:H082=554]");
    let (submission, findings) = mapped(&flagged(&[("DESTMSSANTEPAT", "Y", "N")]));
    assert_eq!(submission.obstacles, []);
    assert!(!submission.wants.mssante_patient);
    assert_eq!(findings.iter().filter(|finding| finding.check == "hl7v2/H082").count(), 1);
}

#[test]
fn the_strict_matrices_follow_their_editions() {
    let strict =
        |matrix, message: &str| obstacles_with(VoletSettings { matrix, ..VoletSettings::default() }, message);
    // Row 1: everything visible, professionals and patient.
    assert_eq!(strict(Matrix::Strict212, LETTER), "[]");
    let secret = flagged(&[("CONNEXION_SECRETE", "N", "Y")]);
    assert_eq!(strict(Matrix::Strict212, &secret), "[ps:H079=554, patient:H079=554]");
    assert_eq!(strict(Matrix::StrictHead, &secret), "[]");
    // The most ordinary request is in no edition.
    let ordinary = flagged(&[("DESTMSSANTEPAT", "Y", "N")]);
    assert_eq!(strict(Matrix::StrictHead, &ordinary), "[ps:H079=554, r3:H082=554]");
    // Row 2, then row 3 of both editions.
    let hidden = flagged(&[("DESTMSSANTEPAT", "Y", "N"), ("INVISIBLE_PATIENT", "N", "Y")]);
    assert_eq!(strict(Matrix::StrictHead, &hidden), "[r3:H082=554]");
    let patient = flagged(&[("DESTMSSANTEPS", "Y", "N"), ("DESTDMP", "Y", "N"), ("MASQUE_PS", "N", "Y")]);
    assert_eq!(strict(Matrix::Strict212, &patient), "[r0:H082=554, r1:H082=554, r2:H082=554]");
    // Without any mail the matrix does not speak.
    let dmp = SAMPLES[2].1;
    assert_eq!(strict(Matrix::Strict212, dmp), "[]");
}

#[test]
fn flags_are_read_by_code_and_an_unknown_visibility_shows_to_nobody() {
    let legacy = change(
        LETTER,
        &[
            ("INVISIBLE_REP_LEGAUX", "INVISIBLE_REPRESENTANTS_LEGAUX"),
            ("ACK_LECTURE_MSS", "ACK_LECTURE"),
            ("MODIF_CONF_CODE", "MODIF_CONFIDENTIALITYCODE"),
        ],
    );
    assert_eq!(summary(&mapped(&legacy).0), summary(&mapped(LETTER).0));
    let mut lines: Vec<_> = LETTER.split_inclusive('\r').collect();
    let last = lines.pop().unwrap();
    lines.insert(lines.len() - 2, last);
    assert_eq!(summary(&mapped(&lines.concat()).0), summary(&mapped(LETTER).0));
    let without = |code: &str| -> String {
        LETTER.split_inclusive('\r').filter(|line| !line.contains(&format!("|{code}^"))).collect()
    };
    assert_eq!(obstacles(&without("MASQUE_PS")), "[all:H072]");
    assert_eq!(obstacles(&without("CONNEXION_SECRETE")), "[dmp:H072=XDSRepositoryMetadataError]");
    assert_eq!(obstacles(&without("ACK_RECEPTION")), "[]");
    assert!(!mapped(&without("DESTDMP")).0.wants.dmp);
    let line = LETTER.split_inclusive('\r').find(|line| line.contains("|MASQUE_PS^")).unwrap();
    let both = LETTER.replace(line, &format!("{line}{}", line.replace("||N^^", "||Y^^")));
    assert_eq!(obstacles(&both), "[all:H072]");
}

#[test]
fn recipients_are_classified_merged_and_judged_by_their_address() {
    let (submission, _) = mapped(LETTER);
    let kinds: Vec<_> = submission.recipients.iter().map(|recipient| recipient.kind).collect();
    use RecipientKind::*;
    assert_eq!(kinds, [Professional, Organization, Application, Patient]);
    let no_reply: Vec<_> = submission.recipients.iter().map(|recipient| recipient.no_reply).collect();
    assert_eq!(no_reply, [false, false, false, true]);

    let doctor = LETTER.split_inclusive('\r').find(|line| line.contains("yvon.ozanne")).unwrap();
    let twice =
        LETTER.replace(doctor, &format!("{doctor}{}", doctor.replace("cabinet.mssante", "CABINET.Mssante")));
    let (submission, findings) = mapped(&twice);
    assert_eq!(submission.recipients.len(), 4);
    assert_eq!(findings[0].check, "mapping.same-recipient");
    // Upper and lower case are one mailbox, on both sides of the @.
    let shouted = LETTER.replace(doctor, &format!("{doctor}{}", doctor.replace("yvon.oz", "Yvon.OZ")));
    assert_eq!(mapped(&shouted).0.recipients, mapped(LETTER).0.recipients);
    let reply = LETTER.split_inclusive('\r').find(|line| line.contains("|REPLY^")).unwrap();
    let shouted = LETTER.replace(reply, &format!("{reply}{}", reply.replace("secretariat", "Secretariat")));
    assert_eq!(mapped(&shouted).0.reply_to.len(), 1);

    let shifted = LETTER.replace("||||||||||^^X.400^yvon", "|||||||||||^^X.400^yvon");
    let (submission, findings) = mapped(&shifted);
    assert_eq!(submission.recipients[0].address.as_ref().unwrap().domain(), "cabinet.mssante.example");
    assert_eq!(findings[0].check, "hl7v2/H086");

    for (address, code) in [
        ("", "553"),
        ("yvon.ozanné@cabinet.mssante.example", "510"),
        ("yvon@cabinet.mssante.example\\X0D0A\\Bcc: x@y.fr", "510"),
        ("yvon.ozanne", "510"),
    ] {
        let message = LETTER.replace("yvon.ozanne@cabinet.mssante.example", address);
        assert_eq!(obstacles(&message), format!("[r0:H086={code}]"), "{address}");
    }
}

#[test]
fn a_patient_address_is_the_ins_of_the_message_or_nothing_is_sent_to_it() {
    for local in ["27707284056322001264", "2840563220012", "279035121518989"] {
        let message = LETTER.replace("284056322001264@patient", &format!("{local}@patient"));
        assert_eq!(obstacles(&message), "[r3:H087=553]", "{local}");
    }
    // Not an address, and yet the patient's: never counted as a professional's.
    for address in [
        "284 056 322 001 264@patient.mssante.fr",
        "é@Patient.Mssante.FR",
        "a@b@patient.mssante.fr",
        "@ patient.mssante.fr",
    ] {
        let message = LETTER.replace("yvon.ozanne@cabinet.mssante.example", address);
        assert_eq!(mapped(&message).0.recipients[0].kind, RecipientKind::Patient, "{address}");
        assert_eq!(obstacles(&message), "[r0:H086=510]", "{address}");
    }
    // A patient told by identifier only, with a mailbox outside the patients' space.
    let doctor = "99700654321^OZANNE^Yvon^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^RPPS";
    let patient = "284056322001264^LEBRUN-ESSAI^CAMILLE^^^^^^1.2.250.1.213.1.4.10^L^^^INS";
    assert_eq!(obstacles(&LETTER.replace(doctor, patient)), "[r0:H087=553]");
}

#[test]
fn the_sender_is_normalised_and_a_device_is_no_person() {
    let sender = mapped(LETTER).0.sender.unwrap();
    assert_eq!(sender.person.unwrap().id.unwrap().as_str(), "899700123450");
    assert_eq!(sender.organization.clone().unwrap().id.unwrap().as_str(), "1990001234");
    let bare = LETTER.replace(
        "899700123450^MERCIER^Paule^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
        "99700123450^MERCIER^Paule^^^^^^1.2.250.1.71.4.2.1^D^^^RPPS",
    );
    let person = mapped(&bare).0.sender.unwrap().person.unwrap();
    assert_eq!(
        (person.id.unwrap().as_str(), person.authority.as_str()),
        ("899700123450", "1.2.250.1.71.4.2.1")
    );
    let device = bare.replace(
        "99700123450^MERCIER^Paule^^^^^^1.2.250.1.71.4.2.1^D^^^RPPS",
        "1990001234/RIS^RIS^Scanner^^^^^^1.2.250.1.71.4.2.1^U^^^RI",
    );
    let sender = mapped(&device).0.sender.unwrap();
    assert_eq!(sender.person, None);
    assert_eq!(sender.device.unwrap().software, "RIS");
}

#[test]
fn edition_2_0_says_its_intent_without_orc() {
    let old: String = change(
        LETTER,
        &[
            ("2.1^CISIS_CDA_HL7_V2", "2.0^CISIS_CDA_HL7_V2"),
            ("expandedYes-NoIndicator", "HL70136"),
            ("ORC|NW\r", ""),
        ],
    );
    assert!(summary(&mapped(&old).0).starts_with("Submit qualifiée DPUal"));
    let incoherent = change(LETTER, &[("ORC|NW", "ORC|CA")]);
    assert_eq!(map(incoherent.as_bytes()).unwrap_err().check, "hl7v2/H051");
}

#[test]
fn what_an_acknowledgement_repeats_is_kept_as_written() {
    let origin = mapped(LETTER).0.origin;
    assert_eq!((origin.control_id.as_str(), origin.event_time.as_str()), ("ESSAI-0001", "20260131102900"));
    assert_eq!(
        (origin.sending_facility.as_str(), origin.charset.as_str(), origin.processing.as_str()),
        ("HOPITAL-ESSAI", "UNICODE UTF-8", "T")
    );
    // An ORU has no EVN: MSH-7.
    assert_eq!(mapped(SAMPLES[3].1).0.origin.event_time, "20260131103000");
}

#[test]
fn the_identity_keeps_its_status_beside_its_ins() {
    let status = |codes: &str| mapped(&LETTER.replace("||||VALI\r", &format!("||||{codes}\r"))).0.patient;
    assert_eq!(status("VALI~FICT").status, IdentityStatus::Barred);
    assert_eq!(status("VALI~FICT").declared_status, "VALI~FICT");
    assert_eq!(status("").status, IdentityStatus::Provisional);
    let provisional = mapped(SAMPLES[4].1).0;
    assert_eq!((provisional.patient.status, provisional.patient.ins), (IdentityStatus::Provisional, None));
}

#[test]
fn a_mapping_is_pure_and_its_version_follows_its_settings() {
    for (name, message) in SAMPLES {
        assert_eq!(mapped(message), mapped(message), "{name}");
    }
    let version =
        |settings| steps(settings, Mode::Tolerant).iter().map(|(_, step)| step.version()).collect::<Vec<_>>();
    let other = VoletSettings { matrix: Matrix::StrictHead, ..VoletSettings::default() };
    assert_eq!(version(VoletSettings::default()), version(VoletSettings::default()));
    assert_ne!(version(VoletSettings::default()), version(other));
    let names: Vec<_> = steps(VoletSettings::default(), Mode::Strict)
        .iter()
        .map(|(verb, step)| format!("{verb}: {}", step.name()))
        .collect();
    assert_eq!(names, ["check: hl7v2/volet-cda@2.1", "map: hl7v2-to-document"]);
}

fn checked(message: &str, mode: Mode) -> Vec<Finding> {
    let bodies = MemoryBodies::default();
    let mut flow = common::flow(&bodies, message.as_bytes());
    VoletCheck::new(VoletSettings::default(), mode).run(&mut flow, &bodies).unwrap();
    flow.findings
}

#[test]
fn cross_checks_have_a_message_that_breaks_each_of_them() {
    let errors = |message: &str| -> Vec<String> {
        let mut found: Vec<_> = checked(message, Mode::Strict)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.check)
            .collect();
        found.dedup();
        found
    };
    let clean: Vec<String> = errors(LETTER);
    let broken = |message: &str| {
        errors(message).into_iter().filter(|check| !clean.contains(check)).collect::<Vec<_>>()
    };
    assert_eq!(clean, Vec::<String>::new());
    assert_eq!(broken(&change(LETTER, &[("|2.25.330104.1.1||||", "|2.25.330104.9.9||||")])), ["hl7v2/H058"]);
    assert_eq!(
        broken(&change(
            REPLACEMENT,
            &[("|2.25.330104.1.2|2.25.330104.1.1|", "|2.25.330104.1.2|2.25.330104.1.7|")]
        )),
        ["hl7v2/H061"]
    );
    assert_eq!(
        broken(&change(LETTER, &[("11490-0^", "11488-4^"), ("TXA|1|11490-0", "TXA|1|11488-4")])),
        ["hl7v2/H068"]
    );
    assert!(
        broken(&change(LETTER, &[("PID|||284056322001264", "PID|||279035121518989")]))
            .contains(&"hl7v2/H067".to_owned())
    );
    let local = change(LETTER, &[("~IPP-0042^", "~IPP-0043^")]);
    let ids: Vec<_> =
        checked(&local, Mode::Strict).into_iter().filter(|finding| finding.check == "hl7v2/H067").collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0].severity, Severity::Warning);
}

#[test]
fn no_finding_shows_anything_of_the_person() {
    let odd =
        change(LETTER, &[("PID|||284056322001264", "PID|||279035121518989"), ("~IPP-0042^", "~IPP-0043^")]);
    let (submission, findings) = mapped(&odd);
    let mut shown = format!("{submission:?}");
    for finding in checked(&odd, Mode::Strict).iter().chain(&findings) {
        shown.push_str(&serde_json::to_string(finding).unwrap());
    }
    for secret in
        ["LEBRUN", "VAUTIER", "279035121518989", "284056322001264", "19840512", "IPP-004", "Chère consœur"]
    {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn limits_are_exact() {
    let with = |change: fn(&mut VoletSettings, usize), limit: usize| {
        let mut settings = VoletSettings::default();
        change(&mut settings, limit);
        settings
    };
    let two = SAMPLES[3].1;
    let documents = |limit| with(|settings, limit| settings.documents_max = limit, limit);
    assert_eq!(obstacles_with(documents(2), two), "[]");
    assert_eq!(obstacles_with(documents(1), two), "[all:mapping.too-many-documents]");
    let recipients = |limit| with(|settings, limit| settings.recipients_max = limit, limit);
    assert_eq!(obstacles_with(recipients(4), LETTER), "[]");
    assert!(obstacles_with(recipients(3), LETTER).starts_with("[all:mapping.too-many-recipients"));
    let bytes = |limit| with(|settings, limit| settings.document_limits.document_bytes_max = limit, limit);
    let length = include_str!("../../formats/cda/samples/lettre-n1.xml").len();
    assert_eq!(obstacles_with(bytes(length), LETTER), "[]");
    assert_eq!(obstacles_with(bytes(length - 1), LETTER), "[all:H065]");
}
