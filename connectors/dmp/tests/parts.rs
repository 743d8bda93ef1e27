//! What a submission owes the DMP, before anything is made or sent: the gate, obstacles, structures, reports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code")]

mod world;

use jonction_model::*;
use jonction_ports::*;
use world::*;

const ID: &str = "1.2.250.1.999.7.1";

fn due(change: impl FnOnce(&mut DocumentSubmission)) -> Vec<Part> {
    let bodies = MemoryBodies::default();
    let mut asked = submission(Operation::Submit, vec![document(&bodies, ID, None)]);
    change(&mut asked);
    let sink = sink_to("https://localhost:1/si-dmp-server/v2/services", &Setup::default());
    sink.parts(&Shape::DocumentSubmission(Box::new(asked)))
}

fn refusal(change: impl FnOnce(&mut DocumentSubmission)) -> (String, String) {
    match due(change).remove(0).due {
        Due::Refused { finding, code } => (finding.check, code.code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_submission_for_the_dmp_owes_one_part_ordered_by_patient_and_its_label_names_nobody() {
    let parts = due(|_| {});
    assert_eq!(parts.len(), 1);
    assert_eq!((parts[0].key.as_str(), &parts[0].due), ("lot", &Due::Owed));
    assert_eq!(parts[0].ordering.as_deref(), Some(patient_ins().expose()));
    assert_eq!(parts[0].label, "dépôt 18748-4");
}

#[test]
fn what_the_dmp_is_not_asked_for_owes_nothing() {
    assert_eq!(due(|asked| asked.wants.dmp = false), []);
}

#[test]
fn an_identity_that_is_not_qualified_is_refused_at_birth() {
    let refused = refusal(|asked| asked.patient.status = IdentityStatus::Retrieved);
    assert_eq!(refused, ("identity.not-qualified".to_owned(), "XDSUnknownPatientId".to_owned()));
    assert_eq!(refusal(|asked| asked.patient.ins = None).0, "identity.no-ins");
}

#[test]
fn a_real_ins_never_leaves_a_test_gateway() {
    let refused = refusal(|asked| {
        asked.patient.ins.as_mut().unwrap().domain = InsDomain::Nir;
        asked.documents[0].subject.ins.as_mut().unwrap().domain = InsDomain::Nir;
    });
    assert_eq!(refused.0, "identity.real-ins-in-test");
}

#[test]
fn a_document_of_somebody_else_is_filed_under_nobody() {
    let refused =
        refusal(|asked| asked.documents[0].subject.ins.as_mut().unwrap().ins = ins(2_850_175_123_456));
    assert_eq!(refused.0, "dmp.other-patient");
}

#[test]
fn an_obstacle_that_covers_the_dmp_refuses_with_its_own_code_and_another_does_not() {
    let obstacle = |scope| Obstacle {
        scope,
        finding: Finding::error("hl7v2.flags", "matrice"),
        code: Some(ReportCode::new("X1", "motif")),
    };
    for scope in [ObstacleScope::Dmp, ObstacleScope::Everything] {
        let refused = refusal(|asked| asked.obstacles.push(obstacle(scope)));
        assert_eq!(refused, ("hl7v2.flags".to_owned(), "X1".to_owned()));
    }
    let parts = due(|asked| asked.obstacles.push(obstacle(ObstacleScope::MssantePatient)));
    assert_eq!(parts[0].due, Due::Owed);
}

#[test]
fn a_structure_we_may_not_speak_for_is_refused() {
    let refused = refusal(|asked| {
        let other = Organization { id: Some(StructureId::prefixed("1300017985")), name: None };
        asked.sender.as_mut().unwrap().organization = Some(other);
    });
    assert_eq!(refused.0, "dmp.structure-not-ours");
}

#[test]
fn a_report_tells_the_ending_whether_or_not_it_is_wanted() {
    let bodies = MemoryBodies::default();
    let mut asked = submission(Operation::Submit, vec![document(&bodies, ID, None)]);
    asked.wants.delivery_reports = false;
    let shape = Shape::DocumentSubmission(Box::new(asked));
    let sink = sink_to("https://localhost:1/si-dmp-server/v2/services", &Setup::default());
    let part = sink.parts(&shape).remove(0);
    let code = ReportCode::new("DMPClosed", "DMP fermé");
    let at = timestamp("2026-11-21T08:00:00Z");

    let good = sink.report(&shape, &part, &Ending::Delivered, at).unwrap();
    let bad = sink.report(&shape, &part, &Ending::Refused(&code), at).unwrap();

    assert_eq!((good.channel, good.stage, good.wanted), (ReportChannel::Dmp, ReportStage::Submission, false));
    assert_eq!((good.verdict, good.origin.control_id.as_str()), (Verdict::Positive, "MSG0001"));
    assert_eq!(bad.verdict, Verdict::Negative(code));
}
