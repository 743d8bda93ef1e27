//! Judging a request with the named checks of the formats and of the session.
//! In: a request taken apart, what the simulator remembers. Out: findings, and who asks when the VIHF can be believed.
//! Source: dmp-xds.md §10, §11.1. Evidence holds no datum of a person: checks give forms and codes only.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_cda::{Header, Limits as CdaLimits};
use jonction_model::{
    ContentKind, DocumentUniqueId, Environment, Finding, Mode as CheckMode, Severity, StructureId, run_checks,
};
use jonction_soap::{
    Limits as SoapLimits,
    certificate::Trust,
    checks::{MTOM_CHECKS, RequestView, SOAP_CHECKS, VIHF_CHECKS},
    lot_signature::{self, ExpectedDocument, ExpectedLot},
    vihf::{Mode, VihfContext, VihfView, view},
    xmldsig::VerifyOptions,
};
use jonction_xds::{
    AssociationKind, ContentFacts,
    checks::{CHECKS as XDS_CHECKS, CdaFacts, Context, DocumentFacts, Received, ReplacedFacts},
    ebrim::{Decoded, ProvideAndRegister, ReturnType},
    metadata::Cx,
};

use super::{
    registry::{Caller, Registry},
    request::{ClientRequest, RequestBody},
    store::status_of,
};
use crate::{
    checks::{CHECKS as SESSION_CHECKS, QueryFacts, SessionView, TargetFacts},
    wire::Transaction,
};

/// What the simulator knows beside the request.
pub(crate) struct Bench<'a> {
    pub(crate) trust: &'a Trust,
    pub(crate) limits: &'a SoapLimits,
    pub(crate) now: Timestamp,
    pub(crate) skew: Duration,
    pub(crate) vihf_versions: &'a [String],
    pub(crate) declared_sites: &'a [(String, String)],
    pub(crate) any_site: bool,
    pub(crate) environment: Environment,
    pub(crate) mode: CheckMode,
    /// Whether MessageID, assertion ID, SubmissionSet uniqueId came before.
    pub(crate) message_replayed: bool,
    pub(crate) set_reused: bool,
    pub(crate) resent_unasked: bool,
}

/// What was thought of a request.
pub(crate) struct Judgement {
    /// Checks that were run, in order.
    pub(crate) checks: Vec<&'static str>,
    /// What they found.
    pub(crate) findings: Vec<Finding>,
    /// Who asks; `None`: the VIHF is missing, or its signature or its certificate does not hold.
    pub(crate) caller: Option<Caller>,
    /// ID of the assertion, to recognise a replay.
    pub(crate) assertion_id: Option<String>,
}

impl Judgement {
    /// The first error of a family of checks.
    pub(crate) fn first_error(&self, family: &str) -> Option<&Finding> {
        self.findings
            .iter()
            .find(|finding| finding.severity == Severity::Error && finding.check.starts_with(family))
    }
}

/// Judges a request. `assertion_seen` tells whether an assertion ID came before.
pub(crate) fn judge(
    request: &ClientRequest,
    registry: &Registry,
    bench: &Bench<'_>,
    assertion_seen: impl Fn(&str) -> bool,
) -> Judgement {
    let mut judgement =
        Judgement { checks: Vec::new(), findings: Vec::new(), caller: None, assertion_id: None };
    let envelope = request_view(request, bench);
    run(&mut judgement, SOAP_CHECKS, &envelope, bench.mode);
    if request.transaction == Transaction::Provide {
        run(&mut judgement, MTOM_CHECKS, &envelope, bench.mode);
    }
    let vihf = judge_vihf(request, bench, assertion_seen, &mut judgement);
    let caller = vihf.as_ref().map(caller_of);
    if let RequestBody::Provide(decoded, contents) = &request.body {
        judge_lot(decoded, contents, registry, caller.as_ref(), bench, &mut judgement);
    }
    let session = session_view(request, registry, caller.as_ref(), bench);
    run(&mut judgement, SESSION_CHECKS, &session, bench.mode);
    judgement.caller = caller.filter(|_| vihf.is_some_and(|vihf| believable(&vihf)));
    judgement
}

fn run<T>(
    judgement: &mut Judgement,
    checks: &'static [jonction_model::Check<T>],
    subject: &T,
    mode: CheckMode,
) {
    judgement.checks.extend(checks.iter().map(|check| check.id));
    judgement.checks.dedup();
    judgement.findings.extend(run_checks(checks, subject, mode));
}

fn request_view(request: &ClientRequest, bench: &Bench<'_>) -> RequestView {
    let view = RequestView::new(
        &request.content_type,
        request.package.clone(),
        Ok(request.message.clone()),
        bench.limits,
    );
    RequestView {
        expected_action: request.transaction.action().to_owned(),
        sends_documents: request.transaction == Transaction::Provide,
        replayed: bench.message_replayed,
        ..view
    }
}

/// Runs the VIHF checks. `None`: there is no assertion that could be read.
fn judge_vihf(
    request: &ClientRequest,
    bench: &Bench<'_>,
    assertion_seen: impl Fn(&str) -> bool,
    judgement: &mut Judgement,
) -> Option<VihfView> {
    let context = VihfContext {
        skew_seconds_max: i64::try_from(bench.skew.as_secs()).unwrap_or(i64::MAX),
        versions: bench.vihf_versions.to_vec(),
        feeding: request.transaction == Transaction::Provide,
        assertions: request.message.assertions.len(),
        declared_sites: bench.declared_sites.to_vec(),
        ..VihfContext::feeding(bench.now)
    };
    let options = VerifyOptions { reject_sha1: false, limits: *bench.limits };
    let assertion = request.message.assertions.first();
    let read = assertion.and_then(|assertion| view(&assertion.xml, bench.trust, &options, context).ok());
    let Some(mut vihf) = read else {
        judgement.checks.extend(["dmp/VIHF-01"]);
        judgement.findings.push(
            Finding::error("dmp/VIHF-01", "la requête ne porte pas d'assertion VIHF lisible")
                .requirement("dmp-xds.md §10"),
        );
        return None;
    };
    vihf.context.replayed = assertion_seen(&vihf.id);
    if bench.any_site {
        let stated = vihf.structure().map(|id| id.as_str().to_owned()).unwrap_or_default();
        let of_certificate: Vec<_> = vihf.certificate_structures().map(str::to_owned).collect();
        vihf.context.declared_sites.extend(of_certificate.into_iter().map(|own| (own, stated.clone())));
    }
    judgement.assertion_id = Some(vihf.id.clone());
    run(judgement, VIHF_CHECKS, &vihf, bench.mode);
    Some(vihf)
}

/// Signed by a signature certificate of a trusted authority, in its validity.
fn believable(vihf: &VihfView) -> bool {
    vihf.signature.is_ok() && vihf.certificate == Some(Ok(()))
}

fn caller_of(vihf: &VihfView) -> Caller {
    Caller {
        mode: vihf.mode().unwrap_or(Mode::Indirecte),
        structure: vihf.structure().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        patient: vihf.patient_cx().map(Cx::from_text),
    }
}

fn judge_lot(
    decoded: &Decoded<ProvideAndRegister>,
    contents: &BTreeMap<String, Bytes>,
    registry: &Registry,
    caller: Option<&Caller>,
    bench: &Bench<'_>,
    judgement: &mut Judgement,
) {
    let submission = &decoded.value.submission;
    let documents = contents.iter().map(|(id, bytes)| DocumentFacts {
        id: id.clone(),
        content: ContentFacts::of(bytes),
        cda: cda_facts(bytes),
    });
    let replaced = submission.associations.iter().filter(|link| link.kind == AssociationKind::Replaces);
    let replaced = replaced.filter_map(|link| replaced_facts(registry, &link.target)).collect();
    let context = Context {
        now: Some(bench.now),
        vihf_patient: caller.and_then(|caller| caller.patient.clone()),
        vihf_structure: caller.map(|caller| StructureId::prefixed(&caller.structure)),
        documents: documents.collect(),
        set_reused: bench.set_reused,
        replaced,
        ..Context::default()
    };
    let received = Received::new(decoded.clone(), context);
    run(judgement, XDS_CHECKS, &received, bench.mode);
    judge_signature(&received, contents, bench, judgement);
}

/// What the header of a document says; `None` when it is no readable CDA (the signature of the lot, for one).
fn cda_facts(bytes: &[u8]) -> Option<CdaFacts> {
    let header = Header::read(bytes, &CdaLimits::default()).ok()?;
    Some(CdaFacts {
        unique_id: header.unique_id?,
        effective_time: header.metadata.creation_time,
        patient: header.subject.ins,
        media_type: match header.kind {
            ContentKind::CdaLevel1 { media_type, .. } => Some(media_type),
            ContentKind::CdaLevel3 { .. } => None,
        },
        set_id: header.set_id,
        version: header.version,
        replaces: header.replaces,
    })
}

/// What the registry knows of a version that a lot replaces.
fn replaced_facts(registry: &Registry, entry_uuid: &str) -> Option<ReplacedFacts> {
    let document = registry.store.by_entry_uuid(entry_uuid)?;
    let cda = registry.store.content(&document.unique_id).and_then(|bytes| cda_facts(&bytes));
    Some(ReplacedFacts {
        entry_uuid: entry_uuid.to_owned(),
        unique_id: document.unique_id.clone(),
        set_id: cda.as_ref().and_then(|cda| cda.set_id.clone()),
        version: cda.and_then(|cda| cda.version),
    })
}

/// SUB-09: the signature of the lot, by the room that can verify it.
fn judge_signature(
    received: &Received,
    contents: &BTreeMap<String, Bytes>,
    bench: &Bench<'_>,
    judgement: &mut Judgement,
) {
    let submission = &received.request.submission;
    // Without Signature01, SUB-08 says so.
    let Some(signature) = submission.signature().and_then(|entry| contents.get(&entry.id)) else { return };
    let expected = ExpectedLot {
        submission_set: DocumentUniqueId::root(submission.set.unique_id.as_str()),
        documents: submission
            .documents()
            .filter_map(|entry| {
                let bytes = contents.get(&entry.id)?.clone();
                Some(ExpectedDocument { unique_id: DocumentUniqueId::root(entry.unique_id.as_str()), bytes })
            })
            .collect(),
    };
    judgement.checks.push("dmp/SUB-09");
    let options = VerifyOptions { reject_sha1: false, limits: *bench.limits };
    let mut findings = match lot_signature::verify(signature, &expected, &options) {
        Ok(verdict) => {
            let mut findings = verdict.findings;
            if let Err(fault) = bench.trust.judge(&verdict.chain, bench.now) {
                findings.push(Finding::error("dmp/SUB-09", fault.sentence()).requirement("dmp-xds.md §6"));
            }
            findings
        }
        Err(error) => {
            let mut finding = Finding::error("dmp/SUB-09", "la signature du lot est illisible");
            finding.found = Some(error.to_string());
            vec![finding]
        }
    };
    if bench.mode == CheckMode::Tolerant {
        findings.iter_mut().for_each(|finding| finding.severity = finding.severity.min(Severity::Warning));
    }
    judgement.findings.extend(findings);
}

fn session_view(
    request: &ClientRequest,
    registry: &Registry,
    caller: Option<&Caller>,
    bench: &Bench<'_>,
) -> SessionView {
    let own = |structure: &str| caller.is_some_and(|caller| caller.structure == structure);
    let links = request.submission().map_or(&[][..], |submission| &submission.associations[..]);
    let targets = |kind: AssociationKind| {
        let of_kind = links.iter().filter(move |link| link.kind == kind);
        of_kind.map(|link| match registry.store.by_entry_uuid(&link.target) {
            None => TargetFacts::default(),
            Some(document) => TargetFacts {
                known: true,
                status_as_said: match link.slot("OriginalStatus") {
                    Some(said) => status_of(&document.status).uri() == said,
                    None => document.status == "Approved",
                },
                own: own(&document.structure),
            },
        })
    };
    SessionView {
        environment: bench.environment,
        patient: caller.and_then(|caller| caller.patient.clone()),
        replaced: targets(AssociationKind::Replaces).collect(),
        query: match &request.body {
            RequestBody::Query(query) => Some(QueryFacts {
                references: query.value.texts("$XDSDocumentEntryUniqueId").count()
                    + query.value.texts("$XDSDocumentEntryEntryUUID").count(),
                metadata: query.value.return_type == ReturnType::LeafClass,
                indirect: caller.is_some_and(|caller| caller.mode == Mode::Indirecte),
            }),
            _ => None,
        },
        updated: targets(AssociationKind::UpdatesStatus).collect(),
        resent_unasked: bench.resent_unasked,
    }
}
