//! `hl7v2/volet-cda@2.1`: what a message of the volet should be, noted on the way.
//! In: a flow. Out: the same flow with findings of three profiles: message, header of each CDA, both together.
//! Source: hl7v2.md §8, cda.md §9. It never refuses: tolerant or strict only changes severities.

use jonction_hl7v2::{Profile, profiles, volet};
use jonction_model::{Encoding, Finding, Mode, run_checks};
use jonction_ports::{Bodies, Flow, Step};

use crate::{
    checks::{CHECKS, Transmission, TransmittedDocument},
    native::{
        findings::{Remarks, join},
        hl7_to_document::{PatientReader, over_limits, version_of},
        intake::Received,
    },
    settings::VoletSettings,
};

/// The step.
#[derive(Clone, Debug)]
pub struct VoletCheck {
    settings: VoletSettings,
    mode: Mode,
}

impl VoletCheck {
    /// With these settings.
    pub fn new(settings: VoletSettings, mode: Mode) -> Self {
        Self { settings, mode }
    }

    /// Everything the three profiles say of a message.
    /// A check that both the message and the cross checks know is told once. Over `findings_max`, the gravest stay.
    fn findings(&self, received: &Received) -> Vec<Finding> {
        let mut findings = self.every_finding(received);
        if findings.len() > self.settings.findings_max {
            findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        }
        let mut told = Remarks::new(self.settings.findings_max);
        findings.into_iter().for_each(|finding| told.push(finding));
        told.into_vec()
    }

    fn every_finding(&self, received: &Received) -> Vec<Finding> {
        let message = &received.message;
        // Some checks tell every repetition: a patient with a million of them is not judged further.
        let over = over_limits(message, &self.settings);
        if !over.is_empty() {
            return over;
        }
        let mut findings = run_checks(profiles::for_message(message), message, self.mode);
        let profile = Profile::of(message);
        if received.content.encoding != Encoding::Raw
            || !matches!(profile, Profile::DocumentToPfi | Profile::DocumentToLps)
        {
            return findings;
        }
        let documents = received.documents().map(|document| TransmittedDocument {
            announced: document.group.obx.field(3).component(1).trimmed().into_owned(),
            path: document.path,
            header: document.header.cloned().map_err(Clone::clone),
        });
        let transmission = Transmission {
            message: message.clone(),
            operation: volet::operation(message),
            // What the reader remarks is told by the checks of the message.
            patient: PatientReader::new(message, &self.settings, &mut Remarks::new(0)).read().identity,
            documents: documents.collect(),
        };
        for (at, document) in transmission.documents.iter().enumerate() {
            let Ok(header) = &document.header else { continue };
            findings.extend(header.check(self.mode).into_iter().map(|mut finding| {
                if transmission.documents.len() > 1 {
                    finding.sentence = format!("document {} : {}", at + 1, finding.sentence);
                }
                finding
            }));
        }
        join(&mut findings, run_checks(CHECKS, &transmission, self.mode));
        findings
    }
}

impl Step for VoletCheck {
    fn name(&self) -> &str {
        "hl7v2/volet-cda@2.1"
    }

    fn version(&self) -> String {
        version_of(&self.settings)
    }

    fn run(&self, flow: &mut Flow, bodies: &dyn Bodies) -> Result<(), Finding> {
        let received = Received::of(flow, bodies, &self.settings)?;
        join(&mut flow.findings, self.findings(&received));
        Ok(())
    }
}
