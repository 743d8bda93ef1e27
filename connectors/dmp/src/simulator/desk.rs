//! The desk of the simulator: takes a request, judges it, lets the registry decide, writes the answer, remembers.
//! In: an HTTP request taken whole, perhaps a fault. Out: an answer. Source: dmp-xds.md §11.1.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{Clock, Entropy, Environment, Finding, Ins, Mode as CheckMode, SeededEntropy};
use jonction_simkit::{FaultPlan, Judged, PlanError, VerdictLog};
use jonction_soap::{
    Limits as SoapLimits,
    certificate::Trust,
    envelope::{Fault as SoapFault, FaultCode},
};
use jonction_xds::ebrim::{
    ErrorSeverity, RegistryError, RegistryResponse, write_query_response, write_registry_response,
};

use super::{
    FAULTS, Severeness, SimulatorConfig, StartError,
    answers::{Envelope, html},
    faults::Fault,
    judge::{Bench, Judgement, judge},
    memory::{Captured, Memory, REMEMBERED_MAX, RequestSeen},
    patients::DmpState,
    registry::{Refusal, Registry},
    request::{ClientRequest, RequestBody},
    store::{Store, StoredDocument},
};
use crate::wire::Transaction;

/// A request as it arrived.
pub(crate) struct Arrived {
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    pub(crate) client: Client,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Address and port: one per connection.
    pub(crate) peer: SocketAddr,
    /// Subject of the client certificate.
    pub(crate) subject: Option<String>,
}

/// An answer.
pub(crate) struct Handled {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    /// For the record: `Success`, `XDSUnknownPatientId`…
    pub(crate) outcome: String,
}

/// The desk. Shared by all connections.
pub(crate) struct Desk {
    clock: Arc<dyn Clock>,
    entropy: SeededEntropy,
    trust: Trust,
    severeness: Severeness,
    skew: Duration,
    vihf_versions: Vec<String>,
    declared_sites: Vec<(String, String)>,
    any_site: bool,
    environment: Environment,
    delay: Duration,
    capture: bool,
    limits: SoapLimits,
    request_bytes_max: usize,
    faults: FaultPlan<Fault>,
    connection_faults: FaultPlan<Fault>,
    seed: u64,
    verdicts: VerdictLog,
    registry: Mutex<Registry>,
    memory: Mutex<Memory>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(crate) fn new(config: SimulatorConfig) -> Result<Self, StartError> {
        let desk = Self {
            clock: config.clock,
            entropy: SeededEntropy::new(config.seed),
            trust: config.seal_trust,
            severeness: config.severeness,
            skew: config.skew,
            vihf_versions: config.vihf_versions,
            declared_sites: config.declared_sites,
            any_site: config.any_site,
            environment: config.environment,
            delay: config.delay,
            capture: config.capture,
            limits: SoapLimits { multipart_bytes_max: config.request_bytes_max, ..SoapLimits::default() },
            request_bytes_max: config.request_bytes_max,
            faults: FaultPlan::none(FAULTS, config.seed),
            connection_faults: FaultPlan::none(FAULTS, config.seed),
            seed: config.seed,
            verdicts: VerdictLog::default(),
            registry: Mutex::new(Registry {
                store: Store::open(config.folder).map_err(StartError::Folder)?,
                patients: config.patients,
            }),
            memory: Mutex::default(),
        };
        desk.set_faults(config.faults.iter().map(String::as_str)).map_err(StartError::Plan)?;
        Ok(desk)
    }

    pub(crate) fn documents(&self) -> Vec<StoredDocument> {
        lock(&self.registry).store.documents().to_vec()
    }

    pub(crate) fn content(&self, unique_id: &str) -> Option<Bytes> {
        lock(&self.registry).store.content(unique_id)
    }

    pub(crate) fn requests(&self) -> Vec<RequestSeen> {
        lock(&self.memory).requests.iter().cloned().collect()
    }

    pub(crate) fn verdicts(&self) -> Vec<Judged> {
        self.verdicts.list()
    }

    pub(crate) fn captured(&self) -> Vec<Captured> {
        lock(&self.memory).captured.iter().cloned().collect()
    }

    pub(crate) fn set_patient(&self, ins: Ins, state: DmpState) {
        lock(&self.registry).patients.set(ins, state);
    }

    pub(crate) fn patients(&self) -> Vec<(&'static str, usize)> {
        lock(&self.registry).patients.counts()
    }

    /// Faults of connections count connections, the others count requests.
    pub(crate) fn set_faults<'r>(&self, rules: impl IntoIterator<Item = &'r str>) -> Result<(), PlanError> {
        let of_connection = |rule: &&str| rule.split_whitespace().next() == Some("tls-abort");
        let (connections, requests): (Vec<_>, Vec<_>) = rules.into_iter().partition(of_connection);
        // Read whole before anything changes: a bad rule leaves both plans as they are.
        FaultPlan::parse(FAULTS, connections.iter().chain(&requests).copied(), self.seed)?;
        self.connection_faults.replace(connections)?;
        self.faults.replace(requests)
    }

    pub(crate) fn draw(&self) -> Option<Fault> {
        self.faults.draw()
    }

    pub(crate) fn breaks_handshake(&self) -> bool {
        self.connection_faults.draw().is_some()
    }

    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }

    pub(crate) fn request_bytes_max(&self) -> usize {
        self.request_bytes_max
    }

    /// TLS-02, TLS-03: a client that is not let in is judged too.
    pub(crate) fn note_refused_handshake(&self, error: &jonction_net::DialError) {
        let finding = Finding::error("dmp/TLS-02", error.sentence()).requirement("dmp-xds.md §10");
        self.verdicts.record("TLS", vec!["dmp/TLS-02"], vec![finding]);
    }

    /// A request read and left without answer, nothing done.
    pub(crate) fn note_unanswered(&self, arrived: &Arrived) {
        let read = ClientRequest::read(&arrived.content_type, &arrived.body, &self.limits);
        let (transaction, message_id) = match &read {
            Ok(request) => (request.transaction.name(), request.message_id().to_owned()),
            Err(unread) => ("?", unread.message_id.clone()),
        };
        if let Some(submission) = read.as_ref().ok().and_then(ClientRequest::submission) {
            let ids = submission.entries.iter().map(|entry| entry.unique_id.clone());
            lock(&self.memory).unanswered.extend(ids);
        }
        self.remember(arrived, transaction, message_id, "sans réponse", Some(Fault::NeverAnswer));
    }

    /// One request, one answer.
    pub(crate) fn handle(&self, arrived: Arrived, fault: Option<Fault>) -> Handled {
        if self.capture {
            lock(&self.memory)
                .capture(Captured { content_type: arrived.content_type.clone(), body: arrived.body.clone() });
        }
        let answer_id = format!("urn:uuid:{}", self.entropy.uuid());
        if !["/registry", "/repository"].iter().any(|service| arrived.path.ends_with(service)) {
            return html(404);
        }
        let request = match ClientRequest::read(&arrived.content_type, &arrived.body, &self.limits) {
            Ok(request) => request,
            Err(unread) => {
                let finding = Finding::error("dmp/SOAP-06", unread.sentence.clone());
                self.verdicts.record("?", vec!["dmp/SOAP-06"], vec![finding]);
                self.remember(&arrived, "?", unread.message_id.clone(), "illisible", fault);
                let envelope = Envelope { message_id: &answer_id, relates_to: &unread.message_id };
                return envelope.fault(&SoapFault::new(FaultCode::Sender, "", unread.sentence));
            }
        };
        let handled = self.answer(&request, fault, &answer_id);
        let message_id = request.message_id().to_owned();
        self.remember(&arrived, request.transaction.name(), message_id, &handled.outcome, fault);
        handled
    }

    fn answer(&self, request: &ClientRequest, fault: Option<Fault>, answer_id: &str) -> Handled {
        let mut registry = lock(&self.registry);
        let now = self.clock.now();
        let judgement = self.judge(request, &registry, now);
        let relates_to = match fault {
            Some(Fault::WrongRelatesTo) => "urn:uuid:00000000-0000-4000-8000-000000000000",
            _ => request.message_id(),
        };
        let envelope = Envelope { message_id: answer_id, relates_to };
        let played = fault.and_then(|fault| envelope.of_fault(fault));
        let handled = match (played, fault) {
            (Some(handled), _) => Handled { outcome: "panne".to_owned(), ..handled },
            (None, Some(Fault::Registry(code))) => {
                let context = "panne simulée : Document01, classCode";
                let refusal = Refusal::Registry(vec![RegistryError::new(code, context)]);
                refused(&envelope, request.transaction, &refusal)
            }
            (None, _) => match self.decide(request, &judgement, &mut registry, now) {
                Ok(mut body) => {
                    if let (Some(Fault::Warning(code)), RegistryAnswer::Response(response)) =
                        (fault, &mut body)
                    {
                        response.errors.push(RegistryError {
                            severity: ErrorSeverity::Warning,
                            ..RegistryError::new(code, "attribut non conservé")
                        });
                    }
                    Handled {
                        outcome: "Success".to_owned(),
                        ..envelope.body(request.transaction, &body.to_xml())
                    }
                }
                Err(refusal) => refused(&envelope, request.transaction, &refusal),
            },
        };
        let cut = matches!(fault, Some(Fault::DropAfterReceiving | Fault::WrongRelatesTo | Fault::Truncated));
        self.note_judged(request, judgement, cut);
        handled
    }

    fn judge(&self, request: &ClientRequest, registry: &Registry, now: Timestamp) -> Judgement {
        let memory = lock(&self.memory);
        let submission = request.submission();
        let feeding = request.transaction == Transaction::Provide;
        let lost = submission.is_some_and(|submission| {
            submission.entries.iter().any(|entry| memory.unanswered.contains(&entry.unique_id))
        });
        let bench = Bench {
            trust: &self.trust,
            limits: &self.limits,
            now,
            skew: self.skew,
            vihf_versions: &self.vihf_versions,
            declared_sites: &self.declared_sites,
            any_site: self.any_site,
            environment: self.environment,
            mode: match self.severeness {
                Severeness::Strict | Severeness::Record => CheckMode::Strict,
                Severeness::Lenient => CheckMode::Tolerant,
            },
            message_replayed: memory.message_ids.contains(request.message_id()),
            // The same lot may come again: retries are the rule, not the fault.
            set_reused: request
                .lot_digest()
                .is_some_and(|(set, digest)| memory.sets.get(&set).is_some_and(|known| *known != digest)),
            resent_unasked: feeding && lost,
        };
        judge(request, registry, &bench, |id| memory.assertion_ids.contains(id))
    }

    fn note_judged(&self, request: &ClientRequest, judgement: Judgement, cut: bool) {
        let mut memory = lock(&self.memory);
        if memory.message_ids.len() < REMEMBERED_MAX {
            memory.message_ids.insert(request.message_id().to_owned());
            memory.assertion_ids.extend(judgement.assertion_id);
            memory.sets.extend(request.lot_digest());
        }
        match &request.body {
            RequestBody::Provide(decoded, _) if cut => {
                let ids = decoded.value.submission.entries.iter().map(|entry| entry.unique_id.clone());
                memory.unanswered.extend(ids);
            }
            // Whoever asks for one document of a lot asks for the lot.
            RequestBody::Query(query)
                if query
                    .value
                    .texts("$XDSDocumentEntryUniqueId")
                    .any(|id| memory.unanswered.contains(id)) =>
            {
                memory.unanswered.clear();
            }
            _ => {}
        }
        drop(memory);
        self.verdicts.record(request.transaction.name(), judgement.checks, judgement.findings);
    }

    /// What the DMP does: the VIHF first, then the message, then the registry.
    fn decide(
        &self,
        request: &ClientRequest,
        judgement: &Judgement,
        registry: &mut Registry,
        now: Timestamp,
    ) -> Result<RegistryAnswer, Refusal> {
        let record = self.severeness == Severeness::Record;
        let Some(caller) = &judgement.caller else {
            let reason = judgement.findings.iter().find(|finding| finding.check.starts_with("dmp/VIHF-0"));
            let reason = reason.map_or("VIHF absent ou non valide", |finding| &finding.sentence);
            let fault = SoapFault::new(FaultCode::Sender, "DMPInvalidCertificate", reason);
            return Err(Refusal::Fault(fault));
        };
        if !record {
            refuse_by_checks(request, judgement)?;
        }
        match &request.body {
            RequestBody::Provide(decoded, contents) => {
                let uuid = || format!("urn:uuid:{}", self.entropy.uuid());
                let submission = &decoded.value.submission;
                let answer = registry.provide(caller, submission, contents, now, uuid);
                answer.map(RegistryAnswer::Response)
            }
            RequestBody::Query(query) => {
                let found = registry.find(caller, &query.value)?;
                Ok(RegistryAnswer::Query(write_query_response(&found)))
            }
            RequestBody::Update(decoded) => {
                registry.update(caller, &decoded.value).map(RegistryAnswer::Response)
            }
        }
    }

    fn remember(
        &self,
        arrived: &Arrived,
        transaction: &str,
        message_id: String,
        outcome: &str,
        fault: Option<Fault>,
    ) {
        let name = |fault| FAULTS.iter().find(|row| row.fault == fault).map(|row| row.name.to_owned());
        let seen = RequestSeen {
            at: self.clock.now(),
            transaction: transaction.to_owned(),
            message_id,
            outcome: outcome.to_owned(),
            fault: fault.and_then(name),
            bytes: arrived.body.len() as u64,
            peer: arrived.client.peer,
            client: arrived.client.subject.clone(),
        };
        tracing::info!(
            transaction = seen.transaction,
            soap_message_id = seen.message_id,
            outcome = seen.outcome,
            fault = seen.fault,
            bytes = seen.bytes,
            "request handled"
        );
        lock(&self.memory).record(seen);
    }
}

/// A positive answer before it is written.
enum RegistryAnswer {
    Response(RegistryResponse),
    Query(String),
}

impl RegistryAnswer {
    fn to_xml(&self) -> String {
        match self {
            Self::Response(response) => write_registry_response(response),
            Self::Query(xml) => xml.clone(),
        }
    }
}

/// Errors of the checks, as the DMP would tell them: identification by a fault, metadata by a registry error whose
/// context names the check. Links and queries are the registry's own affair: it answers with its own codes.
fn refuse_by_checks(request: &ClientRequest, judgement: &Judgement) -> Result<(), Refusal> {
    for family in ["dmp/VIHF-", "dmp/SOAP-", "dmp/MTOM-", "dmp/INS-"] {
        if let Some(finding) = judgement.first_error(family) {
            let fault =
                SoapFault::new(FaultCode::Sender, "", format!("{} : {}", finding.check, finding.sentence));
            return Err(Refusal::Fault(fault));
        }
    }
    if request.transaction != Transaction::Provide {
        return Ok(());
    }
    let errors: Vec<_> = ["xds/", "dmp/SUB-"]
        .iter()
        .filter_map(|family| judgement.first_error(family))
        .map(|finding| {
            let context = format!("{} : {} ({})", finding.check, finding.sentence, finding.place);
            RegistryError {
                location: finding.place.path.clone(),
                ..RegistryError::new("XDSRegistryMetadataError", context)
            }
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::Registry(errors)) }
}

fn refused(envelope: &Envelope<'_>, transaction: Transaction, refusal: &Refusal) -> Handled {
    let handled = match refusal {
        Refusal::Fault(fault) => envelope.fault(fault),
        Refusal::Registry(errors) => {
            let response = RegistryResponse::failure(errors.clone());
            let xml = match transaction {
                Transaction::FindReferences => {
                    let empty = jonction_xds::ebrim::QueryResponse::object_refs(Vec::new());
                    write_query_response(&jonction_xds::ebrim::QueryResponse { response, ..empty })
                }
                Transaction::Provide | Transaction::Update => write_registry_response(&response),
            };
            envelope.body(transaction, &xml)
        }
    };
    Handled { outcome: refusal.code(), ..handled }
}
