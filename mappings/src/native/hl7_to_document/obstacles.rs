//! What flags and recipients forbid.
//! In: a submission that is otherwise whole, its flags, faults of its recipients. Out: obstacles and remarks.
//! Source: hl7v2.md §2.7, §2.9. Identity status is the sinks' gate: it is not repeated here.

use jonction_hl7v2::volet::Flag;
use jonction_model::{
    DocumentSubmission, Finding, Obstacle, ObstacleScope, Place, Recipient, RecipientKind,
    ids::PATIENT_DOMAIN,
};

use crate::{
    motifs::Motif,
    settings::{MaskedMail, Matrix, VoletSettings},
};

use super::{
    Report,
    flags::{Flags, decides_who_sees},
    matrix,
    participations::{AddressFault, RecipientFault},
};

/// One obstacle before it is written down.
struct Rule {
    scope: ObstacleScope,
    motif: Option<Motif>,
    check: &'static str,
    path: String,
    sentence: &'static str,
    remedy: &'static str,
}

struct Judge<'j> {
    submission: &'j DocumentSubmission,
    flags: &'j Flags,
    recipients: Recipients<'j>,
    report: &'j mut Report,
    settings: &'j VoletSettings,
}

/// What is known of the recipients beside the submission.
#[derive(Clone, Copy)]
pub(super) struct Recipients<'j> {
    /// Path of each one's PRT.
    pub(super) paths: &'j [String],
    /// What is wrong with their addresses.
    pub(super) faults: &'j [RecipientFault],
}

impl Recipients<'_> {
    fn path(&self, at: usize) -> &str {
        self.paths.get(at).map_or("PRT", String::as_str)
    }
}

pub(super) fn judge(
    submission: &DocumentSubmission,
    flags: &Flags,
    recipients: Recipients<'_>,
    report: &mut Report,
    settings: &VoletSettings,
) {
    let mut judge = Judge { submission, flags, recipients, report, settings };
    judge.unknown_flags();
    judge.nothing_wanted();
    judge.masks();
    judge.matrix();
    judge.missing_recipients();
    judge.unwanted_recipients();
    judge.addresses();
    judge.patient_addresses();
}

/// Where the checks of the message tell the same: one fact is told once.
fn flag_path(flag: Flag) -> String {
    format!("OBX[3.1='{}']-5.1", flag.code())
}

impl Judge<'_> {
    fn forbid(&mut self, rule: Rule) {
        let finding = Finding::error(rule.check, rule.sentence)
            .at(Place::path(rule.path))
            .remedy(rule.remedy)
            .requirement("hl7v2.md §2.9")
            .wire_code("207");
        let code = rule.motif.and_then(|motif| self.settings.motifs.of(motif));
        self.report.obstacles.push(Obstacle { scope: rule.scope, finding, code });
    }

    /// A document whose visibility nobody knows is shown to nobody.
    fn unknown_flags(&mut self) {
        for flag in Flag::questions().filter(|flag| decides_who_sees(*flag)) {
            if !self.flags.unknown(flag) {
                continue;
            }
            let secret = flag == Flag::ConnexionSecrete;
            self.forbid(Rule {
                scope: if secret { ObstacleScope::Dmp } else { ObstacleScope::Everything },
                motif: secret.then_some(Motif::SecretConnectionUnknown),
                check: "hl7v2/H072",
                path: format!("OBX[3.1='{}']", flag.code()),
                sentence: "un indicateur de visibilité est absent ou illisible : on ne sait pas qui peut voir le document",
                remedy: "transmettre l'indicateur à Y ou N",
            });
        }
    }

    fn nothing_wanted(&mut self) {
        let wants = self.submission.wants;
        if !wants.dmp && !wants.mssante() {
            self.forbid(Rule {
                scope: ObstacleScope::Everything,
                motif: None,
                check: "hl7v2/H080",
                path: flag_path(Flag::Destdmp),
                sentence: "le message ne demande aucune destination : DESTDMP, DESTMSSANTEPS et DESTMSSANTEPAT valent N",
                remedy: "mettre à Y au moins une destination",
            });
        }
    }

    fn masks(&mut self) {
        let (wants, visibility) = (self.submission.wants, self.submission.visibility);
        let refused = self.settings.masque_ps_mss == MaskedMail::Refuse;
        if visibility.hidden_from_professionals && wants.mssante_professionals && refused {
            self.forbid(Rule {
                scope: ObstacleScope::MssanteProfessionals,
                motif: Some(Motif::HiddenFromProfessionals),
                check: "hl7v2/H079",
                path: flag_path(Flag::Destmssanteps),
                sentence: "le document est masqué aux professionnels et demandé vers leurs boîtes MSSanté",
                remedy: "lever MASQUE_PS, ou mettre DESTMSSANTEPS à N, ou régler « masque_ps_mss: allow »",
            });
        }
        if visibility.hidden_from_patient && wants.mssante_patient {
            self.forbid(Rule {
                scope: ObstacleScope::MssantePatient,
                motif: Some(Motif::HiddenFromPatient),
                check: "hl7v2/H078",
                path: flag_path(Flag::Destmssantepat),
                sentence: "le document n'est pas visible par le patient et lui est pourtant destiné",
                remedy: "lever INVISIBLE_PATIENT, ou mettre DESTMSSANTEPAT à N",
            });
        }
    }

    fn matrix(&mut self) {
        if matrix::lists(self.settings.matrix, self.flags) {
            return;
        }
        for scope in self.wanted_mail_scopes() {
            self.forbid(Rule {
                scope,
                motif: Some(Motif::OffMatrix),
                check: "hl7v2/H079",
                path: flag_path(Flag::Destmssanteps),
                sentence: "cette combinaison d'indicateurs n'est pas dans la matrice de gestion MSSanté du volet",
                remedy: "choisir une combinaison de la matrice, ou régler « matrix: lenient »",
            });
        }
    }

    fn wanted_mail_scopes(&self) -> Vec<ObstacleScope> {
        let wants = self.submission.wants;
        let professionals = wants.mssante_professionals.then_some(ObstacleScope::MssanteProfessionals);
        let patient = wants.mssante_patient.then_some(ObstacleScope::MssantePatient);
        professionals.into_iter().chain(patient).collect()
    }

    fn missing_recipients(&mut self) {
        let wants = self.submission.wants;
        let is_patient = |recipient: &Recipient| recipient.kind == RecipientKind::Patient;
        let recipients = &self.submission.recipients;
        let (patient, others) =
            (recipients.iter().any(is_patient), recipients.iter().any(|recipient| !is_patient(recipient)));
        if wants.mssante_professionals && !others {
            self.forbid(Rule {
                scope: ObstacleScope::MssanteProfessionals,
                motif: Some(Motif::NoProfessionalRecipient),
                check: "hl7v2/H082",
                path: flag_path(Flag::Destmssanteps),
                sentence: "DESTMSSANTEPS vaut Y, mais aucun destinataire professionnel n'est donné",
                remedy: "ajouter un PRT RCT par destinataire, ou mettre DESTMSSANTEPS à N",
            });
        }
        if wants.mssante_patient && !patient {
            self.forbid(Rule {
                scope: ObstacleScope::MssantePatient,
                motif: Some(Motif::NoPatientRecipient),
                check: "hl7v2/H082",
                path: flag_path(Flag::Destmssantepat),
                sentence: "DESTMSSANTEPAT vaut Y, mais le patient n'est pas parmi les destinataires",
                remedy: "ajouter un PRT RCT du patient, ou mettre DESTMSSANTEPAT à N",
            });
        }
    }

    /// Not an error of the volet: not sent to. The strict matrix refuses.
    fn unwanted_recipients(&mut self) {
        let submission = self.submission;
        for (at, recipient) in submission.recipients.iter().enumerate() {
            let wanted = match recipient.kind {
                RecipientKind::Patient => submission.wants.mssante_patient,
                _ => submission.wants.mssante_professionals,
            };
            if wanted {
                continue;
            }
            let path = self.recipients.path(at).to_owned();
            if self.settings.matrix == Matrix::Lenient {
                self.report.warn(
                    "hl7v2/H082",
                    path,
                    "un destinataire est donné, mais son indicateur vaut N : rien ne lui est envoyé",
                    "mettre à Y l'indicateur de ce destinataire, ou l'ôter du message",
                );
            } else {
                self.forbid(Rule {
                    scope: ObstacleScope::Recipient(at),
                    motif: Some(Motif::FlagContradictsRecipient),
                    check: "hl7v2/H082",
                    path,
                    sentence: "un destinataire est donné, mais son indicateur vaut N",
                    remedy: "mettre à Y l'indicateur de ce destinataire, ou l'ôter du message",
                });
            }
        }
    }

    fn addresses(&mut self) {
        for fault in self.recipients.faults {
            let (motif, sentence, remedy) = match fault.fault {
                AddressFault::Absent => (
                    Motif::NoAddress,
                    "un destinataire n'a pas d'adresse MSSanté",
                    "la mettre en PRT-15.4 dans le logiciel émetteur, ou la demander à l'annuaire : étape « enrich: directory/mailboxes@only » de la route",
                ),
                AddressFault::Malformed => (
                    Motif::MalformedAddress,
                    "l'adresse d'un destinataire n'est pas une adresse : accent, espace, saut de ligne ou domaine manquant",
                    "corriger l'adresse en PRT-15.4 dans le logiciel émetteur",
                ),
            };
            self.forbid(Rule {
                scope: ObstacleScope::Recipient(fault.recipient),
                motif: Some(motif),
                check: "hl7v2/H086",
                path: format!("{}-15.4", self.recipients.path(fault.recipient)),
                sentence,
                remedy,
            });
        }
    }

    /// The local part of a patient's address is their INS: that of PID-3, and of every document.
    fn patient_addresses(&mut self) {
        let submission = self.submission;
        let own = submission.patient.ins.as_ref().map(|identity| identity.ins.expose());
        for (at, recipient) in submission.recipients.iter().enumerate() {
            let Some(address) =
                recipient.address.as_ref().filter(|_| recipient.kind == RecipientKind::Patient)
            else {
                continue;
            };
            let known = address.domain() == PATIENT_DOMAIN
                || self.settings.patient_domains.iter().any(|domain| domain == address.domain());
            let local = address.expose_local_part();
            let in_documents = submission.documents.iter().all(|document| {
                document.subject.ins.as_ref().is_none_or(|identity| identity.ins.expose() == local)
            });
            let sentence = if !known {
                "l'adresse du patient n'est pas dans l'espace des patients"
            } else if local.len() != 15 {
                "l'adresse du patient ne commence pas par un INS de 15 caractères"
            } else if own != Some(local) || !in_documents {
                "l'adresse du patient n'est pas celle de son INS"
            } else {
                continue;
            };
            self.forbid(Rule {
                scope: ObstacleScope::Recipient(at),
                motif: Some(Motif::AddressOfSomebodyElse),
                check: "hl7v2/H087",
                path: format!("{}-15.4", self.recipients.path(at)),
                sentence,
                remedy: "former l'adresse avec l'INS de PID-3 : rien n'est envoyé à une autre",
            });
        }
    }
}
