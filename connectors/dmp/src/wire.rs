//! Between transactions and bytes: envelopes with their VIHF going out, answers tied to their question coming in.
//! In: a prepared body, who speaks, time and randomness; or an HTTP answer. Out: a request; or a [`Reading`].
//! Source: dmp-xds.md §2 (actions), §3 (SOAP, MTOM), §5 (VIHF), §9.1. IO: none.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{Finding, QualifiedIdentity, Severity};
use jonction_soap::{
    Limits as SoapLimits,
    certificate::SigningIdentity,
    envelope::{self, Fault, Message, RequestHead},
    mtom, receive,
    vihf::{Automate, Dialect, Lps, ModeSpelling, Vihf},
};
use jonction_xds::ebrim::{self, AdhocQuery, ErrorSeverity, Limits as XdsLimits, RegistryResponse};

use crate::{
    config::Settings,
    endpoint::Service,
    outcome::{RegistryFailure, SoapFailure},
    speaker::Speaker,
    text::without_person,
};

/// Symbolic id of the SubmissionSet of every request.
pub(crate) const SUBMISSION_SET: &str = "SubmissionSet01";
/// Largest prepared body read back: metadata, never documents.
pub(crate) const BODY_BYTES_MAX: u64 = 16 << 20;
/// Content-ID of the root part.
const ROOT: &str = "root@jonction";

/// A transaction of the DMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transaction {
    /// TD2.1, ITI-41.
    Provide,
    /// TD3.1b, ITI-18 GetDocuments with ObjectRef.
    FindReferences,
    /// TD3.3c, ITI-57.
    Update,
}

impl Transaction {
    /// Where it goes.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::Provide => Service::Repository,
            Self::FindReferences | Self::Update => Service::Registry,
        }
    }

    /// SOAP action of the request.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::Provide => "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
            Self::FindReferences => "urn:ihe:iti:2007:RegistryStoredQuery",
            Self::Update => "urn:ihe:iti:2010:UpdateDocumentSet",
        }
    }

    /// SOAP action of the answer. IHE has `UpdateDocumentSetResponse`, the DMP a hyphen before it (§2): not compared.
    pub(crate) fn reply_action(self) -> &'static str {
        match self {
            Self::Provide => "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
            Self::FindReferences => "urn:ihe:iti:2007:RegistryStoredQueryResponse",
            Self::Update => "urn:ihe:iti:2010:UpdateDocumentSet-Response",
        }
    }

    /// Name in logs and verdicts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Provide => "TD2.1",
            Self::FindReferences => "TD3.1b",
            Self::Update => "TD3.3c",
        }
    }
}

/// Everything a fresh VIHF says.
pub(crate) struct Identification<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) seal: &'a SigningIdentity,
    pub(crate) speaker: &'a Speaker,
    pub(crate) patient: &'a QualifiedIdentity,
    pub(crate) secret_connection: bool,
}

/// A signed assertion for one request. Errors: a value XML cannot carry, a key that refuses.
pub(crate) fn assertion(
    who: &Identification<'_>,
    id: String,
    now: Timestamp,
) -> Result<Bytes, jonction_soap::Error> {
    let Identification { settings, speaker, .. } = who;
    let lps = Lps {
        id: settings.lps.instance.clone(),
        name: settings.lps.name.clone(),
        version: settings.lps.version.clone(),
        homologation: settings.lps.homologation.clone(),
    };
    let mut vihf = Vihf::automate(Automate {
        id,
        now,
        responsible: speaker.name_id.as_str(),
        names: &speaker.subject,
        structure: speaker.structure.clone(),
        sector: &settings.sector,
        patient: Some(who.patient.ins().clone()),
        lps,
    });
    vihf.secret_connection = who.secret_connection.then(|| settings.vihf.secret_connection.clone());
    let dialect = Dialect {
        vihf_version: settings.vihf.version.clone(),
        mode_spelling: if settings.vihf.capital_mode { ModeSpelling::Upper } else { ModeSpelling::Lower },
        ..Dialect::default()
    };
    Ok(vihf.sign(&dialect, who.seal)?.bytes)
}

/// The envelope of a request.
pub(crate) fn request_envelope(
    transaction: Transaction,
    url: &str,
    message_id: &str,
    assertion: &[u8],
    body: &[u8],
) -> Result<Bytes, jonction_soap::Error> {
    let head = RequestHead { message_id, to: url, action: transaction.action(), assertion: Some(assertion) };
    envelope::write_request(&head, body)
}

/// The envelope of TD2.1 and its documents, laid out. The boundary follows the MessageID: nobody can foresee it, and a
/// golden request under a seed is stable.
pub(crate) fn with_documents(
    xml: Bytes,
    message_id: &str,
    documents: &[(String, u64)],
) -> Result<mtom::Multipart, jonction_soap::Error> {
    let boundary = format!("jonction-{}", message_id.rsplit(':').next().unwrap_or(message_id));
    let root =
        mtom::Envelope { xml, content_id: ROOT, action: Transaction::Provide.action(), boundary: &boundary };
    let parts: Vec<_> = documents
        .iter()
        .map(|(content_id, length)| mtom::DocumentPart {
            content_id,
            content_type: "text/xml",
            length: *length,
        })
        .collect();
    mtom::write(&root, &parts)
}

/// Body of TD3.1b.
pub(crate) fn references_query(unique_ids: &[&str]) -> Bytes {
    let query = AdhocQuery::object_refs_by_unique_id(unique_ids.iter().copied());
    ebrim::write_query(&query).into()
}

/// What the DMP answered.
#[derive(Debug)]
pub(crate) enum Reply {
    /// It did what was asked.
    Success,
    /// entryUUIDs found.
    References(Vec<String>),
}

/// Why it did not.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A SOAP fault.
    Fault(SoapFailure),
    /// Errors of the registry.
    Registry(Vec<RegistryFailure>),
}

/// An answer that belongs to its question.
#[derive(Debug)]
pub(crate) struct Reading {
    /// For screens: `Success`, `XDSRegistryBusy`, `DMPInvalidCertificate`.
    pub(crate) code: String,
    /// Remarks of a success.
    pub(crate) warnings: Vec<Finding>,
    /// The answer.
    pub(crate) reply: Result<Reply, Refused>,
}

/// An answer that tells nothing of what became of the question.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// An HTTP error without SOAP.
    Status(u16),
    /// Not an answer to our question.
    Answer {
        /// Stable code.
        check: &'static str,
        /// In French.
        sentence: &'static str,
    },
}

const NOT_SOAP: Unreadable =
    Unreadable::Answer { check: "dmp.answer-unreadable", sentence: "la réponse du DMP n'est pas lisible" };
const NOT_OURS: Unreadable = Unreadable::Answer {
    check: "dmp.answer-to-another-question",
    sentence: "la réponse du DMP porte le numéro d'une autre requête",
};

/// An answer of HTTP.
pub(crate) struct RawAnswer<'a> {
    /// Status.
    pub(crate) status: u16,
    /// Content-Type; may be empty.
    pub(crate) content_type: &'a str,
    /// Body.
    pub(crate) body: &'a Bytes,
}

/// Reads an answer. Only what belongs to `message_id` is believed (architecture §4.4).
pub(crate) fn read_answer(
    transaction: Transaction,
    answer: &RawAnswer<'_>,
    message_id: &str,
) -> Result<Reading, Unreadable> {
    let limits = SoapLimits { envelope_bytes_max: answer.body.len(), ..SoapLimits::default() };
    // A page of the front, whatever its status says, is no answer of the DMP.
    let unreadable = || if answer.status >= 300 { Unreadable::Status(answer.status) } else { NOT_SOAP };
    // Faults may come inside a multipart too (MTOM-04).
    let message = receive(answer.content_type, answer.body, &limits).map_err(|_| unreadable())?.message;
    let related = message.relates_to.as_ref().map(|header| header.value.as_str());
    match (related, &message.fault) {
        (Some(related), _) if related == message_id => {}
        // A fault about missing addressing headers may carry none itself; HTTP then pairs it with its request.
        (None, Some(_)) => {}
        _ => return Err(NOT_OURS),
    }
    match &message.fault {
        Some(fault) => Ok(of_fault(fault)),
        None => of_body(transaction, &message),
    }
}

fn of_fault(fault: &Fault) -> Reading {
    let subcode = fault.subcodes.last().cloned().unwrap_or_default();
    let reason = if fault.reason.is_empty() { &fault.detail } else { &fault.reason };
    let failure = SoapFailure { code: fault.code.as_str().to_owned(), subcode, reason: reason.clone() };
    Reading {
        code: without_person(fault.specific_code()),
        warnings: Vec::new(),
        reply: Err(Refused::Fault(failure)),
    }
}

fn of_body(transaction: Transaction, message: &Message) -> Result<Reading, Unreadable> {
    let limits = XdsLimits::default();
    let (response, references) = match transaction {
        Transaction::FindReferences => {
            let read = ebrim::read_query_response(&message.body, &limits).map_err(|_| NOT_SOAP)?.value;
            (read.response, Some(read.object_refs))
        }
        Transaction::Provide | Transaction::Update => {
            (ebrim::read_registry_response(&message.body, &limits).map_err(|_| NOT_SOAP)?.value, None)
        }
    };
    if !response.is_success() {
        let failures = failures(&response);
        let code = failures.first().map_or("Failure", |failure| &failure.code);
        return Ok(Reading {
            code: without_person(code),
            warnings: Vec::new(),
            reply: Err(Refused::Registry(failures)),
        });
    }
    Ok(Reading {
        code: "Success".to_owned(),
        warnings: warnings(&response),
        reply: Ok(references.map_or(Reply::Success, Reply::References)),
    })
}

/// Errors of a refusal; when all are called warnings, they are what there is.
fn failures(response: &RegistryResponse) -> Vec<RegistryFailure> {
    let errors = response.errors.iter().filter(|error| error.severity != ErrorSeverity::Warning);
    errors
        .map(|error| RegistryFailure {
            code: error.code.rsplit(':').next().unwrap_or(&error.code).trim().to_owned(),
            context: error.context.expose().clone(),
            location: error.location.clone(),
        })
        .collect()
}

/// Remarks of a success: kept and shown, never acted upon (§9.2 XDSExtraMetadataNotSaved).
fn warnings(response: &RegistryResponse) -> Vec<Finding> {
    let remark = |code: &str, context: &str| {
        let code = without_person(code);
        let mut finding = Finding::new(
            Severity::Info,
            format!("dmp.{code}"),
            format!("le DMP accepte avec une remarque : {code}"),
        )
        .requirement("dmp-xds.md §9.2");
        finding.found = Some(without_person(context)).filter(|text| !text.is_empty());
        finding
    };
    response.errors.iter().map(|error| remark(&error.code, error.context.expose())).collect()
}

#[cfg(test)]
mod tests {
    use jonction_soap::envelope::{CONTENT_TYPE, FaultCode, ReplyHead, write_fault, write_reply};
    use jonction_xds::ebrim::{QueryResponse, RegistryError, write_query_response, write_registry_response};

    use super::*;

    const QUESTION: &str = "urn:uuid:6fa1c2d0-0000-4000-8000-000000000001";

    fn head(relates_to: &str) -> ReplyHead<'_> {
        ReplyHead { message_id: "urn:uuid:2", relates_to, action: "a" }
    }

    fn read(transaction: Transaction, status: u16, body: &Bytes) -> Result<Reading, Unreadable> {
        read_answer(transaction, &RawAnswer { status, content_type: CONTENT_TYPE, body }, QUESTION)
    }

    fn word(read: Result<Reading, Unreadable>) -> String {
        match read {
            Ok(Reading { reply: Ok(Reply::Success), .. }) => "success".to_owned(),
            Ok(Reading { reply: Ok(Reply::References(references)), .. }) => {
                format!("references {references:?}")
            }
            Ok(Reading { reply: Err(Refused::Fault(fault)), .. }) => format!("fault {}", fault.subcode),
            Ok(Reading { reply: Err(Refused::Registry(failures)), .. }) => {
                format!("refused {}", failures.iter().map(|f| f.code.as_str()).collect::<Vec<_>>().join(" "))
            }
            Err(Unreadable::Status(status)) => format!("status {status}"),
            Err(Unreadable::Answer { check, .. }) => check.to_owned(),
        }
    }

    fn success(relates_to: &str) -> Bytes {
        write_reply(&head(relates_to), write_registry_response(&RegistryResponse::success()).as_bytes())
            .unwrap()
    }

    #[test]
    fn only_an_answer_to_our_question_is_believed() {
        assert_eq!(word(read(Transaction::Provide, 200, &success(QUESTION))), "success");
        for other in ["", "urn:uuid:2", &QUESTION.to_uppercase()] {
            assert_eq!(
                word(read(Transaction::Provide, 200, &success(other))),
                "dmp.answer-to-another-question"
            );
        }
    }

    #[test]
    fn an_answer_to_another_transaction_is_no_answer() {
        assert_eq!(word(read(Transaction::FindReferences, 200, &success(QUESTION))), "dmp.answer-unreadable");
        let found = write_query_response(&QueryResponse::object_refs(vec!["urn:uuid:9".to_owned()]));
        let found = write_reply(&head(QUESTION), found.as_bytes()).unwrap();
        assert_eq!(word(read(Transaction::FindReferences, 200, &found)), "references [\"urn:uuid:9\"]");
        assert_eq!(word(read(Transaction::Update, 200, &found)), "dmp.answer-unreadable");
    }

    #[test]
    fn refusals_keep_their_codes_without_prefix() {
        let errors = ["urn:ihe:XDSRegistryBusy", "DMPClosed"].map(|code| RegistryError::new(code, "c"));
        let failure = write_registry_response(&RegistryResponse::failure(errors.to_vec()));
        let failure = write_reply(&head(QUESTION), failure.as_bytes()).unwrap();
        assert_eq!(word(read(Transaction::Provide, 200, &failure)), "refused XDSRegistryBusy DMPClosed");
    }

    #[test]
    fn a_fault_without_addressing_is_ours_and_one_of_another_question_is_not() {
        let fault = Fault::new(FaultCode::Sender, "DMPInvalidCertificate", "r");
        let of = |relates_to: &str| {
            let text = write_fault(&head(relates_to), &fault).unwrap();
            let text = std::str::from_utf8(&text).unwrap().replace("<wsa:RelatesTo></wsa:RelatesTo>", "");
            word(read(Transaction::Provide, 500, &Bytes::from(text)))
        };
        assert_eq!(of(QUESTION), "fault DMPInvalidCertificate");
        assert_eq!(of(""), "fault DMPInvalidCertificate");
        assert_eq!(of("urn:uuid:2"), "dmp.answer-to-another-question");
    }

    #[test]
    fn a_success_cut_anywhere_is_never_a_success() {
        let whole = success(QUESTION);
        for cut in 0..whole.len() {
            let said = word(read(Transaction::Provide, 200, &whole.slice(..cut)));
            assert_eq!(said, "dmp.answer-unreadable", "cut at {cut}");
        }
        assert_eq!(word(read(Transaction::Provide, 503, &Bytes::from_static(b"<html>"))), "status 503");
    }
}
