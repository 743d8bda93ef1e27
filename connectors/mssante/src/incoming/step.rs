//! `mssante-mail`: a received mail becomes shapes.
//! In: the stored bytes of a mail. Out: a `SecureMail`, an `Answer` for what it says of a mail of ours, then one
//! `DocumentSubmission` per set and operation; findings.
//! A mail that cannot be read, or that announces documents nobody can reach, parks the message under the finding that
//! says why: silence would pass for delivery (mssante.md §8 n° 13, 23).

use std::sync::Arc;

use jonction_model::{BodyId, ContentRef, Environment, Finding, Shape};
use jonction_ports::{Bodies, BodyError, Flow, Step};

use super::{IncomingMail, IncomingSettings};

/// Steps for routes that a mailbox feeds, with the verb that they write before the name.
pub fn steps(environment: Environment) -> Vec<(&'static str, Arc<dyn Step>)> {
    vec![("map", Arc::new(MailToShapes::new(IncomingSettings::new(environment))))]
}

/// The step.
#[derive(Clone, Copy, Debug)]
pub struct MailToShapes {
    settings: IncomingSettings,
}

impl MailToShapes {
    /// With these settings; the environment is the flow's.
    pub fn new(settings: IncomingSettings) -> Self {
        Self { settings }
    }
}

impl Step for MailToShapes {
    fn name(&self) -> &str {
        "mssante-mail"
    }

    fn version(&self) -> String {
        let digest = BodyId::of(format!("{:?}", self.settings).as_bytes()).to_string();
        format!("{}+{}", env!("CARGO_PKG_VERSION"), &digest[..8])
    }

    fn run(&self, flow: &mut Flow, bodies: &dyn Bodies) -> Result<(), Finding> {
        let whole = ContentRef::whole(flow.message.body, flow.message.end);
        if flow.message != whole {
            return Err(Finding::error(
                "mssante.not-a-whole-mail",
                "le courriel n'est pas conservé en entier",
            ));
        }
        let limit = self.settings.mail.bytes_max as u64;
        let raw = bodies.read(&flow.message, limit).map_err(|error| unread(&error))?;
        let settings = IncomingSettings { environment: flow.environment, ..self.settings };
        let incoming = IncomingMail::read(&raw, &settings)?;
        if let Some(finding) = incoming.missing_documents() {
            return Err(finding.clone());
        }
        flow.shapes.push(Shape::SecureMail(Box::new(incoming.letter())));
        flow.shapes.extend(incoming.answers().into_iter().map(|answer| Shape::Answer(Box::new(answer))));
        for submission in incoming.submissions() {
            flow.shapes.push(Shape::DocumentSubmission(Box::new(submission)));
        }
        flow.findings.extend(incoming.findings);
        Ok(())
    }
}

fn unread(error: &BodyError) -> Finding {
    match error {
        BodyError::TooLong { limit } => {
            jonction_mime::ReadError::TooLong(usize::try_from(*limit).unwrap_or(usize::MAX)).finding()
        }
        _ => Finding::error("mssante.mail-unreadable", "le courriel conservé n'a pas pu être relu")
            .remedy("vérifier le disque du journal"),
    }
}
