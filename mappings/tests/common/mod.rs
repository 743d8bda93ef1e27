//! What the tests of the mapping share: a message in memory, run through the step.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "test code")]

use jonction_hl7v2::{Limits, Message};
use jonction_mappings::{Hl7ToDocument, VoletSettings};
use jonction_model::{
    ContentKind, ContentRef, DocumentSubmission, Environment, Finding, ObstacleScope, RecipientKind, Shape,
};
use jonction_ports::{Flow, MemoryBodies, MessageFacts, Reading, Step};

/// A flow over bytes put in memory.
pub fn flow(bodies: &MemoryBodies, message: &[u8]) -> Flow {
    let content: ContentRef = bodies.put(message.to_vec());
    Flow {
        message: content,
        facts: MessageFacts::default(),
        environment: Environment::Test,
        shapes: Vec::new(),
        findings: Vec::new(),
        reading: Reading::default(),
    }
}

/// Runs the step over a message. `Err`: the finding that would park it.
pub fn map_with(
    settings: VoletSettings,
    message: &[u8],
) -> Result<(DocumentSubmission, Vec<Finding>), Finding> {
    let bodies = MemoryBodies::default();
    let mut flow = flow(&bodies, message);
    Hl7ToDocument::new(settings).run(&mut flow, &bodies)?;
    assert_eq!(flow.shapes.len(), 1, "one message is one submission");
    match flow.shapes.remove(0) {
        Shape::DocumentSubmission(submission) => Ok((*submission, flow.findings)),
        other => panic!("not a submission: {}", other.name()),
    }
}

#[allow(dead_code, reason = "each test program uses its part")]
pub fn map(message: &[u8]) -> Result<(DocumentSubmission, Vec<Finding>), Finding> {
    map_with(VoletSettings::default(), message)
}

#[allow(dead_code, reason = "each test program uses its part")]
pub fn parse(message: &[u8]) -> Message {
    Message::parse(message.to_vec().into(), &Limits::default()).unwrap()
}

/// One line that says everything decided, and nothing else.
#[allow(dead_code, reason = "each test program uses its part")]
pub fn summary(submission: &DocumentSubmission) -> String {
    let documents: Vec<_> = submission
        .documents
        .iter()
        .map(|document| {
            let level = match document.kind {
                ContentKind::CdaLevel1 { .. } => "N1",
                ContentKind::CdaLevel3 { .. } => "N3",
            };
            let replaces = document.replaces.as_ref().map(|id| format!(" replaces {id}")).unwrap_or_default();
            format!("{level} {} {}{replaces}", document.metadata.type_code.code, document.unique_id)
        })
        .collect();
    let wants = submission.wants;
    let wanted: String = [
        (wants.dmp, 'D'),
        (wants.mssante_professionals, 'P'),
        (wants.mssante_patient, 'U'),
        (wants.delivery_reports, 'a'),
        (wants.reading_reports, 'l'),
    ]
    .into_iter()
    .map(|(yes, letter)| if yes { letter } else { '-' })
    .collect();
    let seen = submission.visibility;
    let hidden: String = [
        (seen.hidden_from_professionals, 'M'),
        (seen.hidden_from_patient, 'I'),
        (seen.hidden_from_legal_representatives, 'R'),
        (seen.secret_connection, 'S'),
        (seen.only_visibility_changes, 'C'),
    ]
    .into_iter()
    .map(|(yes, letter)| if yes { letter } else { '-' })
    .collect();
    let recipients: Vec<_> = submission
        .recipients
        .iter()
        .map(|recipient| {
            let kind = match recipient.kind {
                RecipientKind::Professional => "ps",
                RecipientKind::Organization => "org",
                RecipientKind::Application => "app",
                RecipientKind::Patient => "patient",
            };
            format!("{kind}:{}", recipient.label())
        })
        .collect();
    let obstacles: Vec<_> = submission
        .obstacles
        .iter()
        .map(|obstacle| {
            let scope = match obstacle.scope {
                ObstacleScope::Everything => "all".to_owned(),
                ObstacleScope::Dmp => "dmp".to_owned(),
                ObstacleScope::MssanteProfessionals => "ps".to_owned(),
                ObstacleScope::MssantePatient => "patient".to_owned(),
                ObstacleScope::Recipient(at) => format!("r{at}"),
            };
            let code = obstacle.code.as_ref().map(|code| format!("={}", code.code)).unwrap_or_default();
            format!("{scope}:{}{code}", obstacle.finding.check.replace("hl7v2/", ""))
        })
        .collect();
    format!(
        "{:?} {} {wanted} {hidden} [{}] [{}] reply {} [{}]",
        submission.operation,
        submission.patient.status.label(),
        documents.join(", "),
        recipients.join(", "),
        submission.reply_to.len(),
        obstacles.join(", "),
    )
}
