//! The `dmp` sink: which deliveries a submission owes the DMP, what is sent, how it ends.
//! In: shapes and deliveries. Out: parts, artefacts, attempts, reports. Source: architecture §3, §4.6, dmp-xds.md §9.3.

use std::sync::Arc;

use jiff::Timestamp;
use jonction_model::{
    DeliveryReport, DocumentSubmission, Environment, Finding, Obstacle, ObstacleScope, Operation,
    PartnerName, Place, QualifiedIdentity, ReportChannel, ReportCode, ReportStage, Shape, Verdict,
};
use jonction_net::{ClientTls, Reloadable};
use jonction_ports::{
    Artefact, AttemptReport, BoxFuture, Delivery, Due, Ending, Outcome, Part, Prepared, Sink, Tools,
};
use jonction_soap::certificate::SigningIdentity;

use crate::{
    codes::Reason,
    config::Settings,
    dial::{Dial, TlsDial},
    http::Link,
    prepare,
    speaker::Speaker,
    transaction::Attempt,
};

/// Key of the only part a lot has.
const LOT: &str = "lot";

/// Feeds the DMP of one partner.
pub struct DmpSink {
    pub(crate) name: PartnerName,
    pub(crate) settings: Settings,
    pub(crate) environment: Environment,
    pub(crate) seal: Reloadable<SigningIdentity>,
    pub(crate) link: Link,
}

impl DmpSink {
    /// A sink that signs with `seal` (ORG SIGN) and connects with `dial`. Opens nothing.
    pub fn new(
        name: PartnerName,
        settings: Settings,
        environment: Environment,
        seal: Reloadable<SigningIdentity>,
        dial: Arc<dyn Dial>,
    ) -> Self {
        let link = Link::new(dial, settings.url.clone(), settings.timeouts, settings.limits);
        Self { name, settings, environment, seal, link }
    }

    /// The same over mutual TLS: `tls` presents the ORG AUTH_CLI certificate.
    pub fn over_tls(
        name: PartnerName,
        settings: Settings,
        environment: Environment,
        seal: Reloadable<SigningIdentity>,
        tls: ClientTls,
    ) -> Self {
        let dial = TlsDial::new(settings.url.endpoint().clone(), tls, settings.timeouts.connect);
        Self::new(name, settings, environment, seal, Arc::new(dial))
    }

    /// The partner it feeds.
    pub fn name(&self) -> &PartnerName {
        &self.name
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The gate of the DMP: everything that forbids this submission before anything is made.
    /// Nothing else of this crate gives a [`QualifiedIdentity`]. Source: architecture §4.6.
    pub(crate) fn gate(
        &self,
        submission: &DocumentSubmission,
    ) -> Result<QualifiedIdentity, (Finding, ReportCode)> {
        if let Some(obstacle) = submission.obstacle(|scope| *scope == ObstacleScope::Dmp) {
            return Err((obstacle.finding.clone(), self.code_of(obstacle)));
        }
        let identity = submission.patient.qualified(self.environment).map_err(|reason| {
            let finding = Finding::error(reason.code(), reason.sentence())
                .at(Place::path("PID-3, PID-32"))
                .remedy("qualifier l'identité (INSi et pièce d'identité), puis renvoyer le document")
                .requirement("dmp-xds.md §8.1, INS-03");
            (finding, self.settings.codes.of(Reason::IdentityNotQualified))
        })?;
        if submission.documents.is_empty() {
            let finding = Finding::error("dmp.no-document", "le message ne porte aucun document")
                .remedy("joindre un document CDA")
                .requirement("dmp-xds.md §2.3");
            return Err((finding, self.settings.codes.of(Reason::NotAllowed)));
        }
        self.same_patient(submission, &identity)?;
        Ok(identity)
    }

    /// A document of somebody else is never filed under this patient (SUB-04).
    fn same_patient(
        &self,
        submission: &DocumentSubmission,
        identity: &QualifiedIdentity,
    ) -> Result<(), (Finding, ReportCode)> {
        let other = submission
            .documents
            .iter()
            .position(|document| document.subject.ins.as_ref().is_some_and(|ins| ins != identity.ins()));
        let Some(at) = other else { return Ok(()) };
        let finding = Finding::error(
            "dmp.other-patient",
            "le document ne porte pas le même INS que le message : il n'est déposé chez personne",
        )
        .at(Place::path(format!("document {}, recordTarget/patientRole/id", at + 1)))
        .remedy("faire vérifier l'identité du patient par l'émetteur, puis renvoyer le document")
        .requirement("dmp-xds.md §10 SUB-04");
        Err((finding, self.settings.codes.of(Reason::Metadata)))
    }

    fn code_of(&self, obstacle: &Obstacle) -> ReportCode {
        obstacle.code.clone().unwrap_or_else(|| self.settings.codes.of(Reason::NotAllowed))
    }
}

impl Sink for DmpSink {
    fn connector(&self) -> &'static str {
        "dmp"
    }

    fn parts(&self, shape: &Shape) -> Vec<Part> {
        let Some(submission) = shape.as_submission().filter(|submission| submission.wants.dmp) else {
            return Vec::new();
        };
        let due = match self.gate(submission).map(|_| Speaker::of(submission, &self.settings)) {
            Ok(Ok(_)) => Due::Owed,
            Ok(Err(finding)) => {
                Due::Refused { finding: Box::new(finding), code: self.settings.codes.of(Reason::Structure) }
            }
            Err((finding, code)) => Due::Refused { finding: Box::new(finding), code },
        };
        // One patient, one order: a replacement must not overtake what it replaces.
        let ins = submission.patient.ins.as_ref().filter(|_| self.settings.order_by_patient);
        vec![Part {
            key: LOT.to_owned(),
            label: label(submission),
            ordering: ins.map(|ins| ins.ins.expose().to_owned()),
            mailbox: None,
            due,
        }]
    }

    fn prepare(&self, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome> {
        prepare::prepare(self, delivery, tools)
    }

    fn attempt<'a>(
        &'a self,
        delivery: &'a Delivery,
        artefact: &'a Artefact,
        tools: &'a Tools,
    ) -> BoxFuture<'a, AttemptReport> {
        Box::pin(Attempt::new(self, delivery, artefact, tools).run())
    }

    /// TD3.1b by uniqueId. Source: decision 0007.
    fn probes(&self) -> bool {
        true
    }

    fn report(&self, shape: &Shape, _: &Part, ending: &Ending<'_>, at: Timestamp) -> Option<DeliveryReport> {
        let submission = shape.as_submission()?;
        Some(DeliveryReport {
            origin: submission.origin.clone(),
            channel: ReportChannel::Dmp,
            stage: ReportStage::Submission,
            recipient: None,
            verdict: match ending {
                Ending::Delivered => Verdict::Positive,
                Ending::Refused(code) => Verdict::Negative((*code).clone()),
                Ending::Answered(_) => return None,
            },
            wanted: submission.wants.delivery_reports,
            time: at,
        })
    }
}

/// `lot de 2 documents`, `remplacement`, `suppression de 2 documents`. Free of any datum of a person.
fn label(submission: &DocumentSubmission) -> String {
    let word = match submission.operation {
        Operation::Submit => "dépôt",
        Operation::Replace => "remplacement",
        Operation::Delete => "suppression",
    };
    match &submission.documents[..] {
        [one] => format!("{word} {}", one.metadata.type_code.code),
        many => format!("{word} de {} documents", many.len()),
    }
}
