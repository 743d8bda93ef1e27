//! What is sent, to whom, and what is not.

use jonction_model::{
    DeliveryReport, Finding, Obstacle, ObstacleScope, Operation, ReportCode, Severity, Shape, Verdict,
    ids::PATIENT_DOMAIN,
};
use jonction_mssante::{
    config::{Allow, ListOrigin, WhitelistSettings},
    session::Security,
    simulator::ServerAuth,
};
use jonction_ports::{Due, Ending, Outcome, Piece, Sink as _};

use crate::world::{DOCTOR, OURS, World, patient_address, pdf, recipient, refusal, why};

fn errors(world: &World) -> Vec<Finding> {
    let judged = world.simulator.verdicts().list();
    judged.into_iter().flat_map(|j| j.findings).filter(|f| f.severity == Severity::Error).collect()
}

#[tokio::test]
async fn a_professional_and_the_patient_get_a_conformant_mail_each() {
    let world = World::new();
    let submission = world.submission(&[DOCTOR, &patient_address()]);

    for index in 0..2 {
        let report = world.send(&submission, index).await;
        assert!(matches!(report.outcome, Outcome::Done { .. }), "{:?}", report.outcome);
        assert_eq!(report.code.as_deref(), Some("250 2.0.0"));
    }

    assert_eq!(errors(&world), []);
    assert_eq!(world.simulator.verdicts().count(), 2);
    let mails: Vec<_> = world.simulator.mails().iter().map(|mail| mail.read().unwrap()).collect();
    let (doctor, patient) = (&mails[0], &mails[1]);
    assert_eq!(doctor.subject(), "XDM/1.0/DDM+CR d'imagerie médicale TESTEUR-ÉLÉONORE ANNE 28/02/1980");
    assert_eq!(doctor.mailboxes("From").first().unwrap().name, "Hôpital A - Imagerie");
    assert_eq!(doctor.value("X-MSS-CODECDA").as_deref(), Some("18748-4"));
    assert_eq!(doctor.value("X-MSS-INS").as_deref(), Some("O"));
    assert_eq!((doctor.value("X-MSS-MES"), patient.value("X-MSS-MES").as_deref()), (None, Some("FIN")));
    assert_eq!(doctor.mailboxes("Disposition-Notification-To").first().unwrap().address, OURS);
    assert_ne!(doctor.message_id(), patient.message_id());
    let copy = doctor.leaves().find(|part| part.media_type == "application/pdf").unwrap();
    assert_eq!(copy.name, "20261120_CR d'imagerie médicale_TESTEUR-ÉLÉONORE_ANNE.pdf");
    assert_eq!(copy.content(), &pdf());
}

/// A journal that addresses bodies by content stores the attachments once.
#[test]
fn recipients_of_a_lot_share_the_attachments_even_when_the_lot_is_made_again() {
    let (world, after_a_restart) = (World::with_runtime(), World::with_runtime());
    let submission = world.submission(&[DOCTOR, "autre@clinique.mssante.example", &patient_address()]);
    after_a_restart.submission(&[]);

    let block = |world: &World, index| match &world.prepare(&submission, index).prepared.pieces[1] {
        Piece::New(bytes) | Piece::Shared { bytes, .. } => bytes.clone(),
        Piece::Stored(_) => panic!("made by prepare"),
    };

    let first = block(&world, 0);
    assert!(first.len() > 4000);
    assert_eq!((block(&world, 1), block(&world, 2)), (first.clone(), first.clone()));
    assert_eq!(block(&after_a_restart, 1), first);
}

#[test]
fn a_prepared_mail_tells_nothing_of_the_patient_outside_its_pieces() {
    let world = World::with_runtime();
    let prepared = world.prepare(&world.submission(&[&patient_address()]), 0).prepared;
    let ids = prepared.ids.to_string();
    for secret in [crate::world::INS, "TESTEUR", "ANNE", PATIENT_DOMAIN] {
        assert!(!ids.contains(secret), "{ids}");
    }
}

#[test]
fn only_recipients_whose_flag_is_set_are_owed_a_mail() {
    let world = World::with_runtime();
    let mut submission = world.submission(&[DOCTOR, &patient_address()]);
    submission.wants.mssante_patient = false;
    let keys: Vec<_> = world.parts(&submission).into_iter().map(|part| (part.key, part.label)).collect();
    assert_eq!(keys, [("recipient 1".to_owned(), "camille.martin@…".to_owned())]);

    submission.wants.mssante_professionals = false;
    assert_eq!(world.parts(&submission), []);
}

fn refused_at_birth(due: &Due) -> (&str, &str) {
    match due {
        Due::Refused { finding, code } => (&finding.check, &code.code),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_patient_address_that_is_not_the_ins_of_the_message_and_the_document_is_refused() {
    let world = World::with_runtime();
    let other = "180025902800158@patient.mssante.fr";
    let submission = world.submission(&[other, "27707279035121518989@patient.mssante.fr"]);
    for index in 0..2 {
        let due = world.due(&submission, index);
        assert_eq!(refused_at_birth(&due), ("mssante.address-of-somebody-else", "553"));
    }

    let mut of_another = world.submission(&[&patient_address()]);
    of_another.documents[0].subject.ins = None;
    let due = world.due(&of_another, 0);
    assert_eq!(refused_at_birth(&due), ("mssante.address-of-somebody-else", "553"));
}

#[test]
fn an_unqualified_identity_goes_to_professionals_only() {
    let world = World::with_runtime();
    let mut submission = world.submission(&[DOCTOR, &patient_address()]);
    submission.patient.status = jonction_model::IdentityStatus::Validated;
    submission.documents[0].subject.local_ids = vec![jonction_model::LocalId {
        id: "IPP-1".into(),
        authority: "1.2.250.1.999.9".to_owned(),
        kind: "PI".to_owned(),
    }];
    assert_eq!(world.due(&submission, 0), Due::Owed);
    assert_eq!(refused_at_birth(&world.due(&submission, 1)), ("identity.not-qualified", "554"));

    let strict = World::with_runtime_and(|settings| settings.without_qualified_ins = Allow::Refuse);
    assert_eq!(refused_at_birth(&strict.due(&submission, 0)), ("identity.not-qualified", "554"));
}

/// Official samples hold real registers: a test gateway must not send them anywhere.
#[test]
fn a_real_ins_leaves_no_test_gateway() {
    let world = World::with_runtime();
    let mut submission = world.submission(&[DOCTOR, &patient_address()]);
    submission.patient.ins.as_mut().unwrap().domain = jonction_model::InsDomain::Nir;
    for index in 0..2 {
        assert_eq!(refused_at_birth(&world.due(&submission, index)), ("identity.real-ins-in-test", "554"));
    }
}

/// MSS-W02.
#[test]
fn a_whitelist_that_cannot_be_read_or_shrinks_leaves_the_old_one_in_force() {
    use jonction_model::Clock as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("listeblanche.xml");
    let world = World::with_runtime_and(|settings| {
        settings.whitelist = Some(WhitelistSettings {
            origin: ListOrigin::File(file.clone()),
            age_max: std::time::Duration::from_secs(24 * 3600),
            mode: jonction_model::Mode::Strict,
        });
    });
    let code = |world: &World| world.sink.reload_whitelist().map_err(|error| error.code());
    let submission = world.submission(&[DOCTOR]);
    assert_eq!(code(&world), Err("mssante.whitelist-missing"));

    let now = jonction_model::SystemClock.now();
    std::fs::write(&file, world.simulator.settings().whitelist_xml(now)).unwrap();
    assert_eq!(code(&world), Ok(Some(4)));

    let shorter = jonction_mssante::SimulatorSettings::with_domains(["autre.mssante.example"]);
    std::fs::write(&file, shorter.whitelist_xml(now)).unwrap();
    assert_eq!(code(&world), Err("mssante.whitelist-shrunk"));
    std::fs::write(&file, "<ListeBlancheMSSante>").unwrap();
    assert_eq!(code(&world), Err("mssante.whitelist-not-readable"));
    assert_eq!(world.due(&submission, 0), Due::Owed);
}

#[tokio::test]
async fn a_mail_without_qualified_ins_says_so() {
    let world = World::new();
    let mut submission = world.submission(&[DOCTOR]);
    submission.patient.status = jonction_model::IdentityStatus::Provisional;
    submission.documents[0].subject.local_ids = vec![jonction_model::LocalId {
        id: "IPP-1".into(),
        authority: "1.2.250.1.999.9".to_owned(),
        kind: "PI".to_owned(),
    }];
    world.send(&submission, 0).await;
    let mail = world.simulator.mails()[0].read().unwrap();
    assert_eq!(mail.value("X-MSS-INS").as_deref(), Some("N"));
}

#[test]
fn masks_and_obstacles_close_their_destination_only() {
    let world = World::with_runtime();
    let mut submission = world.submission(&[DOCTOR, &patient_address()]);
    submission.visibility.hidden_from_professionals = true;
    assert_eq!(refused_at_birth(&world.due(&submission, 0)), ("mssante.hidden-from-professionals", "554"));
    assert_eq!(world.due(&submission, 1), Due::Owed);

    submission.visibility.hidden_from_professionals = false;
    submission.visibility.hidden_from_patient = true;
    assert_eq!(refused_at_birth(&world.due(&submission, 1)), ("mssante.hidden-from-patient", "554"));

    submission.visibility.hidden_from_patient = false;
    submission.obstacles.push(Obstacle {
        scope: ObstacleScope::Recipient(1),
        finding: Finding::error("hl7v2/H087", "adresse d'un autre"),
        code: Some(ReportCode::new("553", "nom de boîte invalide")),
    });
    assert_eq!(world.due(&submission, 0), Due::Owed);
    assert_eq!(refused_at_birth(&world.due(&submission, 1)), ("hl7v2/H087", "553"));
}

#[test]
fn the_whitelist_refuses_only_when_it_is_whole_and_fresh() {
    use jonction_model::Clock as _;
    let world = World::with_runtime_and(|settings| {
        settings.whitelist = Some(WhitelistSettings {
            origin: ListOrigin::File("/nowhere".into()),
            age_max: std::time::Duration::from_secs(24 * 3600),
            mode: jonction_model::Mode::Tolerant,
        });
    });
    let submission = world.submission(&[DOCTOR, "x@inconnu.mssante.example"]);
    let parked = |due: Due| match due {
        Due::Parked { finding } => finding.check,
        other => panic!("not parked: {other:?}"),
    };
    assert_eq!(parked(world.due(&submission, 0)), "mssante.whitelist-missing");

    let now = jonction_model::SystemClock.now();
    let stale = now.saturating_sub(jiff::SignedDuration::from_hours(48)).unwrap();
    world.use_whitelist(&world.simulator.settings().whitelist_xml(stale));
    assert_eq!(world.due(&submission, 0), Due::Owed);
    assert_eq!(parked(world.due(&submission, 1)), "mssante.whitelist-stale");

    let fresh = world.simulator.settings().whitelist_xml(now);
    world.use_whitelist(fresh.trim_end().strip_suffix("</ListeBlancheMSSante>").unwrap());
    assert_eq!(parked(world.due(&submission, 1)), "mssante.whitelist-cut");

    world.use_whitelist(&fresh);
    assert_eq!(refused_at_birth(&world.due(&submission, 1)), ("mssante.domain-not-listed", "554"));
}

#[tokio::test]
async fn a_replacement_and_a_deletion_say_so_in_the_text_and_the_archive() {
    let world = World::new();
    let mut submission = world.submission(&[DOCTOR]);
    for (operation, word, action) in [
        (Operation::Replace, "annule et remplace", jonction_xds::Action::Change),
        (Operation::Delete, "supprimé", jonction_xds::Action::Delete),
    ] {
        submission.operation = operation;
        world.send(&submission, 0).await;
        let mail = world.simulator.mails().pop().unwrap().read().unwrap();
        assert!(mail.body().unwrap().text().contains(word));
        let zip = mail.leaves().find(|part| part.name == "IHE_XDM.zip").unwrap();
        let archive = jonction_xds::xdm::read(zip.content(), &Default::default()).unwrap();
        assert_eq!(archive.documents().next().unwrap().0.action(), Some(action));
    }
}

#[tokio::test]
async fn the_text_of_the_sender_is_used_as_it_is() {
    let world = World::new();
    let mut submission = world.submission(&[DOCTOR, &patient_address()]);
    submission.mail.professional = Some("Cher confrère,\nvoici l’examen.".into());
    submission.mail.patient = Some("Bonjour, voici votre examen.".into());
    for index in 0..2 {
        world.send(&submission, index).await;
    }
    let mails = world.simulator.mails();
    let text = |at: usize| mails[at].read().unwrap().body().unwrap().content().clone();
    assert_eq!(text(0), "Cher confrère,\r\nvoici l’examen.".as_bytes());
    assert_eq!(text(1), "Bonjour, voici votre examen.".as_bytes());
}

#[tokio::test]
async fn a_mail_over_our_limit_or_the_announced_one_is_refused_with_523() {
    let world = World::with(|_| {}, |settings| settings.size_max = 1000);
    let outcome = world.try_prepare(&world.submission(&[DOCTOR]), 0).err().unwrap();
    assert_eq!((why(&outcome), refusal(&outcome)), ("mssante.too-large", "523"));

    let announced = World::with(|simulator| simulator.size_max = 2000, |_| {});
    let report = announced.send(&announced.submission(&[DOCTOR]), 0).await;
    assert_eq!((why(&report.outcome), refusal(&report.outcome)), ("mssante.too-large", "523"));
    assert_eq!((announced.simulator.received(), report.bytes_sent), (0, 0));
}

#[tokio::test]
async fn a_document_without_pdf_goes_with_a_sentence_and_a_note() {
    let world = World::new();
    let mut submission = world.submission(&[DOCTOR]);
    submission.documents[0].kind = jonction_model::ContentKind::CdaLevel3 { pdf: None };
    let report = world.send(&submission, 0).await;
    assert!(matches!(report.outcome, Outcome::Done { .. }));
    assert!(report.notes.iter().any(|note| note.check == "mssante.no-pdf-copy"));
    let mail = world.simulator.mails()[0].read().unwrap();
    assert!(mail.body().unwrap().text().contains("IHE_XDM"));
    assert!(errors(&world).iter().any(|finding| finding.check == "mssante/MSS-M03"));
}

#[tokio::test]
async fn every_way_in_works() {
    for (auth, client) in [
        (ServerAuth::Certificate, jonction_mssante::config::AuthSettings::External),
        (
            ServerAuth::Plain { user: "pfi".to_owned(), password: "mot de passe".to_owned() },
            jonction_mssante::config::AuthSettings::Plain {
                user: "pfi".to_owned(),
                password: jonction_settings::Secret::Env("INUTILE".to_owned()),
            },
        ),
    ] {
        for security in [Security::StartTls, Security::Implicit] {
            let world = World::with(
                |simulator| (simulator.auth, simulator.security) = (auth.clone(), security),
                |settings| (settings.auth, settings.security) = (client.clone(), security),
            );
            let report = world.send(&world.submission(&[DOCTOR]), 0).await;
            assert!(matches!(report.outcome, Outcome::Done { .. }), "{security:?} {:?}", report.outcome);
            assert_eq!(errors(&world), []);
        }
    }
}

#[tokio::test]
async fn mails_are_kept_as_files_and_those_of_patients_bear_no_ins() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|simulator| simulator.folder = Some(folder.path().to_owned()), |_| {});
    let submission = world.submission(&[DOCTOR, &patient_address()]);
    for index in 0..2 {
        world.send(&submission, index).await;
    }
    let doctor = folder.path().join("ville.mssante.example/camille.martin/000001.eml");
    assert_eq!(std::fs::read(doctor).unwrap(), world.simulator.mails()[0].raw);
    assert!(folder.path().join("patient.mssante.fr").is_dir());
    assert!(!folder.path().join("patient.mssante.fr").join(crate::world::INS).exists());
}

#[test]
fn a_report_repeats_what_was_received() {
    let world = World::with_runtime();
    let mut submission = world.submission(&[DOCTOR]);
    submission.recipients = vec![recipient("  Mailto:Camille.Martin@Ville.mssante.example")];
    submission.wants.delivery_reports = false;
    let shape = Shape::DocumentSubmission(Box::new(submission.clone()));
    let part = world.parts(&submission).remove(0);
    let code = ReportCode::new("550", "boîte inexistante ou indisponible");

    let report: DeliveryReport =
        world.sink.report(&shape, &part, &Ending::Refused(&code), crate::world::received_at()).unwrap();

    assert_eq!(report.recipient.unwrap().address.expose(), "  Mailto:Camille.Martin@Ville.mssante.example");
    assert_eq!((report.verdict, report.wanted), (Verdict::Negative(code), false));
}

#[test]
fn a_recipient_named_by_number_alone_is_refused_with_the_step_that_finds_the_mailbox() {
    let world = World::with_runtime();
    let mut submission = world.submission(&[DOCTOR, OURS]);
    submission.recipients[0].address = None;
    submission.recipients[0].given_address = "".into();
    submission.recipients[1].address = None;
    let remedy = |due: Due| match due {
        Due::Refused { finding, .. } => (finding.check.clone(), finding.remedy.unwrap_or_default()),
        other => panic!("not refused: {other:?}"),
    };
    let (check, named) = remedy(world.due(&submission, 0));
    assert_eq!(check, "mssante.no-address");
    assert!(named.contains("enrich: directory/mailboxes@only"), "{named}");
    assert_eq!(remedy(world.due(&submission, 1)).0, "mssante.not-an-address");
}
