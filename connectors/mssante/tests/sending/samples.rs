//! The mail of an official sample, as hl7v2.md §2.17 expects it. The shape is made here from the sample's own
//! bytes; the mapping has its own tests.

use jonction_model::{ContentRef, Encoding, Severity};
use jonction_ports::{Bodies as _, Outcome};
use jonction_xds::xdm;

use crate::world::World;

fn between<'t>(text: &'t str, from: &str, open: &str, close: &str) -> (usize, &'t str) {
    let start = text.find(from).unwrap();
    let start = start + text[start..].find(open).unwrap() + open.len();
    (start, &text[start..start + text[start..].find(close).unwrap()])
}

#[tokio::test]
async fn the_mail_of_mdm_t02_cda_n1_is_the_expected_one() {
    let Some(samples) = std::env::var_os("JONCTION_SAMPLES") else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
        return;
    };
    let message = std::fs::read(std::path::Path::new(&samples).join("hl7v2/mdm_t02_cda_n1_v21.er7")).unwrap();
    let text = std::str::from_utf8(&message).unwrap();
    let world = World::new();
    let whole = world.bodies.put(message.clone());
    let (at, encoded) = between(text, "OBX|1|", "^Base64^", "|");
    let content = ContentRef {
        start: at as u64,
        end: (at + encoded.len()) as u64,
        encoding: Encoding::Base64,
        ..whole
    };
    let cda = world.bodies.read(&content, 1 << 20).unwrap();
    let header = jonction_cda::Header::read(&cda, &jonction_cda::Limits::default()).unwrap();
    let (_, mail_text) = between(text, "CORPSMAIL_PS", "^text^^Base64^", "|");
    let (start, _) = between(text, "RCT^^participation", "X.400^", "OBX|2");
    let to = text[start..].split(['\r', '\n']).next().unwrap();

    let mut submission = world.submission(&[to]);
    submission.documents = vec![header.document(content).unwrap()];
    submission.patient.ins = header.subject.ins.clone();
    submission.patient.traits = header.subject.traits.clone();
    let decoded = world
        .bodies
        .read(&ContentRef { encoding: Encoding::Base64, ..world.bodies.put(mail_text.to_owned()) }, 1000);
    submission.mail.professional = Some(String::from_utf8(decoded.unwrap().to_vec()).unwrap().into());
    (submission.wants.delivery_reports, submission.wants.reading_reports) = (false, false);
    (submission.visibility.hidden_from_patient, submission.visibility.hidden_from_legal_representatives) =
        (true, true);
    let world = world.with_domain(&submission, "test-ci-sis.mssante.fr");
    let report = world.send(&submission, 0).await;

    assert!(matches!(report.outcome, Outcome::Done { .. }), "{:?}", report.outcome);
    let stored = &world.simulator.mails()[0];
    assert_eq!(
        stored.notify,
        smtp_proto::RCPT_NOTIFY_FAILURE | smtp_proto::RCPT_NOTIFY_DELAY,
        "no report is wanted"
    );
    let mail = stored.read().unwrap();
    assert_eq!(mail.subject(), "XDM/1.0/DDM+CR d'imagerie médicale PAT-TROIS DOMINIQUE 28/03/1979");
    assert_eq!(mail.value("X-MSS-CODECDA").as_deref(), Some("18748-4"));
    assert_eq!(mail.value("X-MSS-INS").as_deref(), Some("O"));
    assert_eq!((mail.value("X-MSS-MES"), mail.value("Disposition-Notification-To")), (None, None));
    let parts: Vec<_> = mail.leaves().collect();
    assert_eq!(parts[0].content().len(), 70);
    assert_eq!(
        parts[0].content(),
        "Cher confrère, vous trouverez ci-joint le CR d’imagerie de M.Dupont".as_bytes()
    );
    let (zip, pdf) = (parts[1], parts[2]);
    assert_eq!(pdf.name, "20230227_CR d'imagerie médicale_PAT-TROIS_DOMINIQUE.pdf");
    assert_eq!(pdf.content().len(), 179_764);
    let archive = xdm::read(zip.content(), &Default::default()).unwrap();
    let (entry, bytes) = archive.documents().next().unwrap();
    assert_eq!(bytes.len(), 246_117);
    assert_eq!(entry.hash.as_deref(), Some("5c2f7ee3eebfad4d3a2affcab9d1c0c7167bcef7"));
    assert_eq!(entry.service_start.as_deref(), Some("20230227082827"));
    let codes: Vec<_> = entry.confidentiality.iter().map(|code| code.code.as_str()).collect();
    assert_eq!(codes, ["N", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]);
    let judged = world.simulator.verdicts().list();
    let worst: Vec<_> = judged[0].findings.iter().map(|f| (f.check.as_str(), f.severity)).collect();
    assert_eq!(worst, [("mssante/MSS-M07", Severity::Warning)], "the sample's own PDF does not say PDF/A-1");
}
