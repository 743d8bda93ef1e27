//! Who a mail may go to: the gates between a recipient that is asked for and one that is written to.
//! In: a submission, a recipient, settings, the liste blanche. Out: an addressee, or why not, with its code.
//! Source: mssante.md §1.4, §1.5, §2.9; hl7v2.md §2.7, §2.9; architecture §4.6.

use std::time::Duration;

use jiff::Timestamp;
use jonction_model::{
    DocumentSubmission, Environment, Finding, MssAddress, NotQualified, ObstacleScope, QualifiedIdentity,
    Recipient, RecipientKind, ReportCode, ids::PATIENT_DOMAIN, smtp_code::smtp_report_code,
};
use jonction_ports::{Directory, Due};

use crate::{
    config::{Allow, Settings},
    whitelist::{Listed, Whitelist},
};

/// A mailbox that a mail may be written to.
#[derive(Clone, Debug)]
pub(crate) enum Addressee {
    /// Anybody but the patient.
    Professional(MssAddress),
    /// The patient, whose identity went through the gate.
    Patient(PatientMailbox),
}

impl Addressee {
    pub(crate) fn address(&self) -> &MssAddress {
        match self {
            Self::Professional(address) | Self::Patient(PatientMailbox(address)) => address,
        }
    }

    pub(crate) fn is_patient(&self) -> bool {
        matches!(self, Self::Patient(_))
    }
}

/// The mailbox of a patient: exists only for a qualified identity whose INS it bears, in the message and in every
/// document.
#[derive(Clone, Debug)]
pub(crate) struct PatientMailbox(MssAddress);

impl PatientMailbox {
    //= ECO.2.2.6
    fn of(
        identity: &QualifiedIdentity,
        address: &MssAddress,
        submission: &DocumentSubmission,
    ) -> Result<Self, &'static str> {
        let ins = identity.ins();
        if address.domain() != PATIENT_DOMAIN {
            return Err("l'adresse du patient n'est pas dans le domaine des patients");
        }
        if address.expose_local_part() != ins.ins.expose() {
            return Err("l'adresse du patient n'est pas celle de l'INS du message");
        }
        if submission.documents.iter().any(|document| document.subject.ins.as_ref() != Some(ins)) {
            return Err("un document porte un autre INS que celui du message");
        }
        Ok(Self(address.clone()))
    }
}

/// The liste blanche, wherever it is.
#[derive(Clone, Copy)]
pub(crate) enum List<'g> {
    File(&'g Whitelist),
    Directory(&'g dyn Directory),
}

impl List<'_> {
    fn lookup(self, domain: &str, now: Timestamp, age_max: Duration) -> Option<Listed> {
        match self {
            Self::File(list) => Some(list.lookup(domain, now, age_max)),
            Self::Directory(directory) => Listed::in_directory(directory, domain, now, age_max),
        }
    }
}

/// What the gates look at.
pub(crate) struct Gates<'g> {
    pub(crate) settings: &'g Settings,
    pub(crate) environment: Environment,
    /// `None`: no list is loaded.
    pub(crate) whitelist: Option<List<'g>>,
    pub(crate) now: Timestamp,
}

/// Nobody chooses a mailbox here: a step of the route does, before anything is owed (decision 0048).
fn without_address(recipient: &Recipient) -> Finding {
    let finding = if recipient.given_address.expose().trim().is_empty() {
        Finding::error("mssante.no-address", "le destinataire n'est nommé que par son identifiant, sans adresse")
            .remedy("ajouter l'étape « enrich: directory/mailboxes@only » à la route, ou porter l'adresse en PRT-15.4")
    } else {
        Finding::error("mssante.not-an-address", "l'adresse du destinataire n'est pas une adresse MSSanté")
            .remedy("corriger PRT-15.4 dans le logiciel émetteur")
    };
    finding.requirement("mssante.md §1.3")
}

fn refused(code: u16, finding: Finding) -> Due {
    Due::Refused { finding: Box::new(finding), code: smtp_report_code(code) }
}

/// Whether a recipient is asked for at all: its flag is Y. Source: hl7v2.md §2.9 « An RCT whose flag is N ».
pub(crate) fn is_wanted(submission: &DocumentSubmission, recipient: &Recipient) -> bool {
    match is_patient(recipient) {
        true => submission.wants.mssante_patient,
        false => submission.wants.mssante_professionals,
    }
}

/// The address decides as well as the kind: examples of the volet give patients by address only.
pub(crate) fn is_patient(recipient: &Recipient) -> bool {
    recipient.kind == RecipientKind::Patient
        || recipient.address.as_ref().is_some_and(|address| address.domain() == PATIENT_DOMAIN)
}

impl Gates<'_> {
    /// Judges one recipient. `Err`: what the part becomes instead of being owed.
    pub(crate) fn judge(&self, submission: &DocumentSubmission, index: usize) -> Result<Addressee, Due> {
        let Some(recipient) = submission.recipients.get(index) else {
            return Err(refused(
                554,
                Finding::error("mssante.no-such-recipient", "ce destinataire n'existe pas"),
            ));
        };
        let patient = is_patient(recipient);
        let covers = |scope: &ObstacleScope| match scope {
            ObstacleScope::Recipient(at) => *at == index,
            ObstacleScope::MssantePatient => patient,
            ObstacleScope::MssanteProfessionals => !patient,
            _ => false,
        };
        if let Some(obstacle) = submission.obstacle(covers) {
            let code = obstacle.code.clone().unwrap_or_else(|| default_code(patient));
            return Err(Due::Refused { finding: Box::new(obstacle.finding.clone()), code });
        }
        let Some(address) = &recipient.address else {
            return Err(refused(if patient { 553 } else { 513 }, without_address(recipient)));
        };
        let addressee = match patient {
            true => self.patient(submission, address),
            false => self.professional(submission, address),
        }?;
        self.listed(address)?;
        Ok(addressee)
    }

    fn patient(&self, submission: &DocumentSubmission, address: &MssAddress) -> Result<Addressee, Due> {
        let identity = submission.patient.qualified(self.environment).map_err(|reason| {
            let finding = Finding::error(reason.code(), reason.sentence())
                .remedy("qualifier l'identité du patient, puis renvoyer le document")
                .requirement("ECO.2.2.6");
            refused(554, finding)
        })?;
        if submission.visibility.hidden_from_patient {
            let finding =
                Finding::error("mssante.hidden-from-patient", "le document n'est pas visible par le patient")
                    .remedy("lever INVISIBLE_PATIENT, ou ne pas écrire au patient")
                    .requirement("hl7v2.md §2.9");
            return Err(refused(554, finding));
        }
        let mailbox = PatientMailbox::of(&identity, address, submission).map_err(|sentence| {
            let finding = Finding::error("mssante.address-of-somebody-else", sentence)
                .remedy("vérifier l'INS et l'adresse dans le logiciel émetteur : rien n'a été envoyé")
                .requirement("ECO.2.2.6");
            refused(553, finding)
        })?;
        Ok(Addressee::Patient(mailbox))
    }

    fn professional(&self, submission: &DocumentSubmission, address: &MssAddress) -> Result<Addressee, Due> {
        if submission.visibility.hidden_from_professionals && self.settings.masque_ps == Allow::Refuse {
            let finding = Finding::error(
                "mssante.hidden-from-professionals",
                "le document est masqué aux professionnels de santé",
            )
            .remedy("lever MASQUE_PS, ou régler « masque_ps: allow »")
            .requirement("hl7v2.md §2.9");
            return Err(refused(554, finding));
        }
        let Err(reason) = submission.patient.qualified(self.environment) else {
            return Ok(Addressee::Professional(address.clone()));
        };
        // Nothing of a real person leaves a test gateway, whatever the settings (architecture §4.12).
        let remedy = match (reason, self.settings.without_qualified_ins) {
            (NotQualified::RealInsInTest, _) => "envoyer ce document par la passerelle de production",
            (_, Allow::Refuse) => "qualifier l'identité, ou régler « without_qualified_ins: allow »",
            (_, Allow::Allow) => return Ok(Addressee::Professional(address.clone())),
        };
        let finding =
            Finding::error(reason.code(), reason.sentence()).remedy(remedy).requirement("hl7v2.md §2.3");
        Err(refused(554, finding))
    }

    /// The liste blanche says no only when it is whole and fresh; otherwise a human decides.
    fn listed(&self, address: &MssAddress) -> Result<(), Due> {
        let Some(settings) = &self.settings.whitelist else { return Ok(()) };
        let (code, sentence) =
            match self.whitelist.and_then(|list| list.lookup(address.domain(), self.now, settings.age_max)) {
                Some(Listed::Yes) => return Ok(()),
                Some(Listed::No) => {
                    let finding = Finding::error(
                        "mssante.domain-not-listed",
                        "le domaine du destinataire n'est pas dans la liste blanche",
                    )
                    .remedy("vérifier l'adresse ; si le domaine est nouveau, attendre la prochaine liste")
                    .requirement("MSS-W04");
                    return Err(refused(554, finding));
                }
                Some(Listed::NotInCutList) => (
                    "mssante.whitelist-cut",
                    "le domaine n'est pas dans la liste blanche, qui est incomplète",
                ),
                Some(Listed::NotInStaleList) => (
                    "mssante.whitelist-stale",
                    "le domaine n'est pas dans la liste blanche, qui est trop ancienne",
                ),
                None => ("mssante.whitelist-missing", "aucune liste blanche n'a pu être lue"),
            };
        let finding = Finding::error(code, sentence)
            .remedy("mettre à jour la liste blanche, puis reprendre cet envoi")
            .requirement("mssante.md §1.5");
        Err(Due::Parked { finding: Box::new(finding) })
    }
}

fn default_code(patient: bool) -> ReportCode {
    smtp_report_code(if patient { 553 } else { 554 })
}
