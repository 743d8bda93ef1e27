//! What the engine does next, from what the DMP answered or did not: tables, not chains of special cases.
//! In: a registry error, a SOAP fault, an HTTP status or a broken exchange. Out: an [`Outcome`] with its finding.
//! Source: dmp-xds.md §9.1 (transport, faults), §9.2 (registry errors).

use std::time::Duration;

use jonction_model::{Finding, Place};
use jonction_net::TlsFault;
use jonction_ports::Outcome;
use jonction_xds::errors::{ErrorClass, lookup};

use crate::{
    codes::{CodeTable, Reason},
    http::ExchangeError,
    text::without_person,
};

/// Attempts with an error that says nothing by itself, before a human reads it (§9.2).
const UNCLEAR_ATTEMPTS_MAX: u32 = 3;
/// Delay after « out of resources »: the partner asks for patience, not for insistence.
const SLOW_RETRY: Duration = Duration::from_secs(600);

/// Longest delay a partner may ask: a wrong header must not stop a lane for days.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// What was being done when something went wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// Codes reported to senders.
    pub(crate) codes: &'a CodeTable,
    /// Number of the attempt.
    pub(crate) attempt: u32,
    /// What was being done: decides what an absent answer means.
    pub(crate) act: Act,
}

/// Whether a request changes anything at the DMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// TD3.1b after an unknown outcome: until it answers, the outcome stays unknown.
    Probe,
    /// TD3.1b before a replacement or a deletion: changes nothing, can be asked again.
    LookUp,
    /// TD2.1, TD3.3c: changes something.
    Change,
}

/// What to do about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    Retry,
    RetrySlowly,
    RetryThenPark,
    Park,
    Refuse(Reason),
}

/// A code of the DMP or of XDS whose handling is not that of its class.
struct CodeRow {
    code: &'static str,
    advice: Advice,
    remedy: &'static str,
}

const ALERT: &str = "prévenir l'administrateur : aucun envoi ne passera avant correction";
const INFORM: &str = "aucune action : informer l'expéditeur";

const CODES: &[CodeRow] = &[
    code(
        "DMPClosed",
        Advice::Refuse(Reason::DmpClosed),
        "le DMP du patient est fermé : ce n'est pas une anomalie",
    ),
    code("DMPAccessDeniedByRightsService", Advice::Refuse(Reason::AccessDenied), INFORM),
    code("DMPFound", Advice::Refuse(Reason::Other), INFORM),
    code("DMPPatientAccessAlreadyExists", Advice::Refuse(Reason::Other), INFORM),
    code("DMPPatientAccessOTPAlreadyExists", Advice::Refuse(Reason::Other), INFORM),
    code("DMPIdentityCertificationFailure", Advice::Refuse(Reason::Other), INFORM),
    code(
        "DMPInvalidCertificate",
        Advice::Park,
        "signer le VIHF avec le certificat ORG SIGN (« seal »), en cours de validité",
    ),
    code(
        "XDSUnknownPatientId",
        Advice::Refuse(Reason::NoDmp),
        "aucun DMP pour cet INS : ce n'est pas une anomalie",
    ),
    code(
        "XDSRegistryOutOfResources",
        Advice::RetrySlowly,
        "nouvel essai automatique ; prévenir le DMP si cela dure",
    ),
    code(
        "XDSRepositoryOutOfResources",
        Advice::RetrySlowly,
        "nouvel essai automatique ; prévenir le DMP si cela dure",
    ),
    code(
        "XDSPatientIdDoesNotMatch",
        Advice::Park,
        "le document visé appartient à un autre patient : vérifier l'identité",
    ),
    // The sheet parks it. Reaching this line, it is not our own earlier attempt: the sender used the identifier twice,
    // and only the sender can give another one. Told to the sender, parked by the engine when nobody would learn of it.
    code(
        "XDSDuplicateUniqueIdInRegistry",
        Advice::Refuse(Reason::Duplicate),
        "donner un nouvel identifiant au document",
    ),
    code(
        "InvalidDocumentContent",
        Advice::Refuse(Reason::Content),
        "corriger le CDA et le renvoyer avec un nouvel identifiant",
    ),
];

const fn code(code: &'static str, advice: Advice, remedy: &'static str) -> CodeRow {
    CodeRow { code, advice, remedy }
}

/// A sentence of a SOAP fault that says what a code does not. Source: dmp-xds.md §9.1.
struct FaultRow {
    text: &'static str,
    code: &'static str,
    remedy: &'static str,
}

const FAULT_TEXTS: &[FaultRow] = &[
    fault(
        "aucune spécialité dans le vihf",
        "dmp.vihf-no-specialty",
        "corriger les données du professionnel, puis relancer",
    ),
    fault(
        "aucun authorinstitution",
        "dmp.vihf-other-structure",
        "l'auteur du lot et le VIHF nomment des structures différentes : corriger « structure »",
    ),
    fault(
        "structure introuvable ou inactive",
        "dmp.structure-unknown",
        "faire vérifier la structure dans l'annuaire par l'administrateur fonctionnel",
    ),
    fault(
        "ps et structure non liés",
        "dmp.person-not-in-structure",
        "faire vérifier l'exercice du professionnel dans l'annuaire",
    ),
    fault(
        "required header representing a message addressing property",
        "dmp.addressing",
        "anomalie de la passerelle : prévenir le support",
    ),
];

const fn fault(text: &'static str, code: &'static str, remedy: &'static str) -> FaultRow {
    FaultRow { text, code, remedy }
}

/// An error of a registry answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryFailure {
    /// errorCode, without prefix.
    pub(crate) code: String,
    /// codeContext: always kept and shown (PRE_ERR).
    pub(crate) context: String,
    /// location; may be empty.
    pub(crate) location: String,
}

impl RegistryFailure {
    /// Class of the code.
    pub(crate) fn class(&self) -> ErrorClass {
        lookup(&self.code).class
    }
}

/// A SOAP fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SoapFailure {
    /// Local name of Code/Value: `Sender`, `Receiver`, `MustUnderstand`.
    pub(crate) code: String,
    /// Local name of the innermost Subcode; empty when there is none.
    pub(crate) subcode: String,
    /// Reason.
    pub(crate) reason: String,
}

impl Context<'_> {
    /// What to do about a refusal of the registry. Several errors: the one that forbids most decides, all are shown.
    pub(crate) fn of_registry(&self, failures: &[RegistryFailure]) -> Outcome {
        let decides = failures.iter().max_by_key(|failure| weight(advice_of(&failure.code).0));
        let Some(decides) = decides else {
            let finding = Finding::error("dmp.refused-without-error", "le DMP refuse sans dire pourquoi")
                .remedy("lire l'échange avec le support du DMP, puis relancer ou refuser la remise");
            return self.apply(Advice::RetryThenPark, finding);
        };
        let (advice, remedy) = advice_of(&decides.code);
        let others: Vec<_> = failures.iter().filter(|other| *other != decides).map(shown).collect();
        let mut finding = Finding::error(
            format!("dmp.{}", decides.code),
            format!("le DMP répond {} : {}", shown_code(&decides.code), shown_context(&decides.context)),
        )
        .at(Place::path(without_person(&decides.location)))
        .remedy(remedy)
        .requirement("dmp-xds.md §9.2")
        .wire_code(shown_code(&decides.code));
        finding.found = Some(shown_context(&decides.context));
        if !others.is_empty() {
            finding.sentence = format!("{} (et aussi : {})", finding.sentence, others.join(" ; "));
        }
        self.apply(advice, finding)
    }

    /// What to do about a SOAP fault.
    pub(crate) fn of_fault(&self, failure: &SoapFailure) -> Outcome {
        let reason = shown_context(&failure.reason);
        let lower = reason.to_lowercase();
        let name = if failure.subcode.is_empty() { &failure.code } else { &failure.subcode };
        let known = CODES.iter().find(|row| row.code == failure.subcode);
        let text = FAULT_TEXTS.iter().find(|row| lower.contains(row.text));
        let (advice, check, remedy) = match (known, text, failure.code.as_str()) {
            (Some(row), ..) => (row.advice, format!("dmp.{}", row.code), row.remedy),
            (None, Some(row), _) => (Advice::Park, row.code.to_owned(), row.remedy),
            (None, None, "MustUnderstand") => (
                Advice::Park,
                "dmp.must-understand".to_owned(),
                "anomalie de la passerelle : prévenir le support",
            ),
            (None, None, "Receiver") if failure.subcode.is_empty() => {
                (Advice::RetryThenPark, "dmp.fault-receiver".to_owned(), "nouvel essai automatique")
            }
            _ => (
                Advice::Park,
                "dmp.fault".to_owned(),
                "code inattendu : lire le détail renvoyé par le DMP et prévenir le support",
            ),
        };
        let mut finding =
            Finding::error(check, format!("le DMP répond par une exception {} : {reason}", shown_code(name)))
                .remedy(remedy)
                .requirement("dmp-xds.md §9.1")
                .wire_code(shown_code(name));
        finding.found = Some(reason);
        self.apply(advice, finding)
    }

    /// What to do about an HTTP status whose body is not an answer we know.
    pub(crate) fn of_http(&self, status: u16, retry_after: Option<Duration>) -> Outcome {
        let finding = |remedy: &str| {
            Finding::error("dmp.http-status", format!("le DMP répond HTTP {status}, sans réponse SOAP"))
                .remedy(remedy)
                .requirement("dmp-xds.md §9.1")
                .wire_code(status.to_string())
        };
        match status {
            413 => self.apply(Advice::Refuse(Reason::TooLarge), finding("réduire la taille du document")),
            429 | 503 => {
                let retry = self.apply(Advice::Retry, finding("aucune action : nouvel essai automatique"));
                match retry {
                    Outcome::Retry { finding, .. } => {
                        Outcome::Retry { after: retry_after.map(|asked| asked.min(RETRY_AFTER_MAX)), finding }
                    }
                    other => other,
                }
            }
            // A front that lost its back end, or an error page after the work was done: nobody knows what happened.
            408 | 500..=599 => {
                self.unknown(finding("aucune action : vérification puis nouvel essai automatique"))
            }
            401 | 403 => {
                self.apply(Advice::Park, finding("faire vérifier le certificat client (« identity »)"))
            }
            404 | 405 => self.apply(Advice::Park, finding("vérifier l'adresse « url » du partenaire")),
            _ => self.apply(Advice::Park, finding("lire l'échange avec le support du DMP")),
        }
    }

    /// What to do about an exchange without answer. `departed`: bytes may have left.
    pub(crate) fn of_exchange(&self, error: &ExchangeError, departed: bool) -> Outcome {
        let retry = |finding: Finding| self.apply(Advice::Retry, finding);
        // A certificate refused by the server: what was written behind it was never read.
        if let Some(fault @ TlsFault::OursRefused(_)) = error.tls_fault() {
            return retry(Finding::error(fault.code(), fault.sentence()).remedy(ALERT));
        }
        match error {
            ExchangeError::Dial(dial) => retry(Finding::error(dial.code(), dial.sentence())),
            ExchangeError::ConnectTimeout => {
                retry(Finding::error("dmp.connect-timeout", "le DMP ne répond pas à la connexion"))
            }
            ExchangeError::Request(_) => self.apply(
                Advice::Park,
                Finding::error("dmp.request", "la requête ne peut pas être écrite").remedy(ALERT),
            ),
            _ if !departed => {
                retry(Finding::error("dmp.not-sent", "la connexion au DMP a été perdue avant l'envoi"))
            }
            ExchangeError::AnswerTimeout => {
                self.unknown(Finding::error("dmp.answer-timeout", "pas de réponse du DMP dans le délai"))
            }
            ExchangeError::TooLong { limit } => self.unknown(Finding::error(
                "dmp.answer-too-long",
                format!("la réponse du DMP dépasse {limit} octets"),
            )),
            ExchangeError::Lost(_) => self.unknown(Finding::error(
                "dmp.answer-lost",
                "la connexion au DMP a été coupée avant la réponse",
            )),
        }
    }

    /// The answer cannot be tied to the question: unknown when the question changed something.
    pub(crate) fn unreadable(&self, check: &str, sentence: &str) -> Outcome {
        self.unknown(Finding::error(check, sentence).requirement("dmp-xds.md §9.1, architecture §4.4"))
    }

    /// Something on our side must be put right first; nothing left.
    pub(crate) fn wait(&self, finding: Finding) -> Outcome {
        self.apply(Advice::Retry, finding)
    }

    /// Outcome of a request nobody answered: a look-up changes nothing and is simply asked again.
    fn unknown(&self, finding: Finding) -> Outcome {
        match self.act {
            Act::LookUp => Outcome::Retry { after: None, finding },
            Act::Probe | Act::Change => Outcome::Unknown { finding },
        }
    }

    fn apply(&self, advice: Advice, finding: Finding) -> Outcome {
        match advice {
            // « Retry » would make the engine forget that an earlier attempt is of unknown outcome.
            Advice::Retry | Advice::RetrySlowly if self.act == Act::Probe => Outcome::Unknown { finding },
            Advice::Retry => Outcome::Retry { after: None, finding },
            Advice::RetrySlowly => Outcome::Retry { after: Some(SLOW_RETRY), finding },
            Advice::RetryThenPark if self.attempt < UNCLEAR_ATTEMPTS_MAX => {
                self.apply(Advice::Retry, finding)
            }
            Advice::RetryThenPark | Advice::Park => Outcome::Park { finding },
            // What a query is refused for says nothing of the document.
            Advice::Refuse(_) if self.act == Act::Probe => Outcome::Park { finding },
            Advice::Refuse(reason) => Outcome::Refuse { code: self.report_code(reason, &finding), finding },
        }
    }

    /// The code of the reason; the DMP's own code wins, since the sender's table is the DMP's (hl7v2.md §2.13).
    fn report_code(&self, reason: Reason, finding: &Finding) -> jonction_model::ReportCode {
        let mut code = self.codes.of(reason);
        if let Some(wire) = finding.wire_code.as_ref().filter(|wire| wire.starts_with("DMP")) {
            code.code.clone_from(wire);
        }
        code
    }
}

/// The advice and the remedy of a code: its own row, else its class.
fn advice_of(code: &str) -> (Advice, &'static str) {
    if let Some(row) = CODES.iter().find(|row| row.code == code) {
        return (row.advice, row.remedy);
    }
    let row = lookup(code);
    let advice = match row.class {
        ErrorClass::Transient => Advice::Retry,
        ErrorClass::Unclear => Advice::RetryThenPark,
        ErrorClass::Functional => Advice::Refuse(Reason::Other),
        ErrorClass::Data => Advice::Refuse(Reason::Metadata),
        ErrorClass::State => Advice::Refuse(Reason::Replace),
        ErrorClass::Bug | ErrorClass::Query | ErrorClass::Unknown => Advice::Park,
        // A warning alone never comes here: the request succeeded.
        ErrorClass::Warning => Advice::Retry,
    };
    (advice, row.remedy)
}

/// Which of several errors decides.
fn weight(advice: Advice) -> u8 {
    match advice {
        Advice::Retry => 0,
        Advice::RetrySlowly => 1,
        Advice::RetryThenPark => 2,
        Advice::Refuse(_) => 3,
        Advice::Park => 4,
    }
}

fn shown(failure: &RegistryFailure) -> String {
    format!("{} {}", shown_code(&failure.code), shown_context(&failure.context))
}

/// A code as it may be shown: short, printable.
fn shown_code(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

fn shown_context(context: &str) -> String {
    let text = without_person(context);
    if text.is_empty() { "sans détail".to_owned() } else { text }
}

#[cfg(test)]
mod tests;
