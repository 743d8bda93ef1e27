//! `hl7v2-to-document`: one message of the volet « transmission d'un document CDA-R2 en HL7v2 » is one submission.
//! In: a message (editions 2.0 and 2.1, ORU and MDM). Out: a `DocumentSubmission`, what forbids its destinations, remarks.
//! Source: hl7v2.md §1.1, §2, §4.4 to §4.5, §11. Absent: admission (hl7v2), XDS and mails (sinks).

mod documents;
mod flags;
mod identity;
mod mail;
mod matrix;
mod obstacles;
mod origin;
mod participations;
mod patient_faults;

use jonction_hl7v2::{Profile, volet};
use jonction_model::{
    BodyId, DocumentSubmission, Encoding, Encounter, Finding, Obstacle, ObstacleScope, Place, Shape,
};
use jonction_ports::{Bodies, Flow, Step};

use crate::{
    native::{
        findings::{Remarks, join},
        intake::Received,
    },
    settings::VoletSettings,
};

pub(crate) use identity::PatientReader;
pub(crate) use patient_faults::over_limits;

/// The step.
#[derive(Clone, Debug)]
pub struct Hl7ToDocument {
    settings: VoletSettings,
}

/// What one message gives.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapped {
    /// What is asked, and what forbids it.
    submission: DocumentSubmission,
    /// What was irregular and was read all the same, without the obstacles.
    findings: Vec<Finding>,
}

impl Mapped {
    /// Everything worth telling, each once: what forbids everything, other obstacles, remarks.
    /// An obstacle is told here too: where nothing is delivered, nobody else tells it.
    fn told(&self, max: usize) -> Vec<Finding> {
        let everything = |obstacle: &&Obstacle| obstacle.scope == ObstacleScope::Everything;
        let obstacles = &self.submission.obstacles;
        let first = obstacles.iter().filter(everything);
        let others = obstacles.iter().filter(|obstacle| !everything(obstacle));
        let mut told = Remarks::new(max);
        first.chain(others).for_each(|obstacle| told.push_once(obstacle.finding.clone()));
        self.findings.iter().for_each(|finding| told.push(finding.clone()));
        told.into_vec()
    }
}

/// What the parts of the mapping write into.
#[derive(Debug)]
struct Report {
    findings: Remarks,
    obstacles: Vec<Obstacle>,
}

impl Report {
    fn warn(&mut self, check: &str, path: impl Into<String>, sentence: &str, remedy: &str) {
        let finding = Finding::warning(check, sentence).at(Place::path(path)).remedy(remedy);
        self.findings.push(finding.requirement("hl7v2.md §2"));
    }
}

impl Hl7ToDocument {
    /// With these settings.
    pub fn new(settings: VoletSettings) -> Self {
        Self { settings }
    }

    /// Maps a message. Errors: it is encoded, or asks nothing that this mapping knows; admission refuses all of these.
    fn map(&self, received: &Received) -> Result<Mapped, Finding> {
        let message = &received.message;
        if received.content.encoding != Encoding::Raw {
            return Err(Finding::error("mapping.encoded-message", "le message conservé est encodé"));
        }
        if Profile::of(message) != Profile::DocumentToPfi {
            return Err(Finding::error(
                "mapping.not-a-document-message",
                "le message ne transmet pas un document CDA vers la plateforme",
            )
            .at(Place::path("MSH-9"))
            .remedy("réserver « map: hl7v2-to-document » aux ORU^R01 et MDM du volet CDA"));
        }
        let operation = volet::operation(message).ok_or_else(|| {
            Finding::error("hl7v2/H051", "ORC-1, OBX-11 et l'événement ne disent pas la même chose")
                .at(Place::path("ORC-1"))
                .remedy("NW/F/T02, RO/C/T10 ou CA/D/T04")
                .wire_code("207")
        })?;
        let mut report = Report { findings: Remarks::new(self.settings.findings_max), obstacles: Vec::new() };
        let origin = origin::read(message)?;
        let patient = PatientReader::new(message, &self.settings, &mut report.findings).read();
        patient_faults::judge(message, &patient, &mut report, &self.settings);
        let patient = patient.identity;
        let flags = flags::Flags::read(message, &mut report);
        let found = received.documents().collect();
        let documents = documents::gather(found, message, operation, &patient, &mut report, &self.settings);
        let mut people = participations::read(message, &mut report, &self.settings);
        people.recipients.iter_mut().for_each(|recipient| flags.apply_to(recipient));
        let mail = mail::read(message, &mut report, &self.settings);
        let pv1 = message.segment("PV1").map(|pv1| pv1.field(2).trimmed().into_owned());
        let mut submission = DocumentSubmission {
            origin,
            operation,
            patient,
            sender: people.sender,
            encounter: Encounter { class: pv1.unwrap_or_default() },
            documents,
            visibility: flags.visibility(),
            wants: flags.wants(),
            recipients: people.recipients,
            reply_to: people.reply_to,
            mail,
            obstacles: Vec::new(),
            carried_by: None,
        };
        let recipients = obstacles::Recipients { paths: &people.paths, faults: &people.faults };
        obstacles::judge(&submission, &flags, recipients, &mut report, &self.settings);
        submission.obstacles = report.obstacles;
        Ok(Mapped { submission, findings: report.findings.into_vec() })
    }
}

impl Step for Hl7ToDocument {
    fn name(&self) -> &str {
        "hl7v2-to-document"
    }

    /// Changes with the code and with every setting.
    fn version(&self) -> String {
        version_of(&self.settings)
    }

    fn run(&self, flow: &mut Flow, bodies: &dyn Bodies) -> Result<(), Finding> {
        let received = Received::of(flow, bodies, &self.settings)?;
        let mapped = self.map(&received)?;
        join(&mut flow.findings, mapped.told(self.settings.findings_max));
        flow.shapes.push(Shape::DocumentSubmission(Box::new(mapped.submission)));
        Ok(())
    }
}

/// Version of the code, and eight digits that change with the settings.
pub(crate) fn version_of(settings: &VoletSettings) -> String {
    let digest = BodyId::of(format!("{settings:?}").as_bytes()).to_string();
    format!("{}+{}", env!("CARGO_PKG_VERSION"), &digest[..8])
}
