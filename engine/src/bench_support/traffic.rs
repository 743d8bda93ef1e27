//! Traffic of the engine's own: a step without a format, a sink that takes everything at once.
//! In: messages of the bench. Out: one delivery per sink, prepared and delivered like any other.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{
    DeliveryReport, Finding, MessageControlId, Origin, PartnerName, ReportChannel, ReportStage, RouteName,
    Shape, Verdict,
};
use jonction_ports::{
    Artefact, AttemptReport, Bodies, BoxFuture, Delivery, Due, Ending, Flow, IndexKey, KeyKind, Outcome,
    Part, Piece, Prepared, Sink, Step, Tools,
};

use crate::{Condition, Departure, Error, OrderBy, Policy, Route, RouteStep, SinkBinding};

/// Bytes that a sink prepares for each delivery: what is said of a document, not the document.
const PREPARED_BYTES: usize = 2048;
/// Persons among whom messages are spread.
const PERSONS: u64 = 1000;

struct BenchStep;

impl Step for BenchStep {
    fn name(&self) -> &str {
        "bench"
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn run(&self, flow: &mut Flow, _: &dyn Bodies) -> Result<(), Finding> {
        let unnumbered =
            || MessageControlId::parse("BENCH").map_err(|_| Finding::error("bench", "sans numéro"));
        let control_id = flow.facts.control_id.clone().map_or_else(unnumbered, Ok)?;
        flow.shapes.push(Shape::DeliveryReport(Box::new(DeliveryReport {
            origin: Origin {
                control_id,
                sending_application: flow.facts.sending_application.clone(),
                sending_facility: flow.facts.sending_facility.clone(),
                receiving_application: String::new(),
                receiving_facility: String::new(),
                processing: "T".to_owned(),
                charset: String::new(),
                event_time: String::new(),
            },
            channel: ReportChannel::Dmp,
            stage: ReportStage::Submission,
            recipient: None,
            verdict: Verdict::Positive,
            wanted: true,
            time: Timestamp::UNIX_EPOCH,
        })));
        Ok(())
    }
}

/// Takes everything, at once.
struct InstantSink;

impl Sink for InstantSink {
    fn connector(&self) -> &'static str {
        "bench"
    }

    fn parts(&self, shape: &Shape) -> Vec<Part> {
        let Shape::DeliveryReport(report) = shape else { return Vec::new() };
        vec![Part {
            key: "lot".to_owned(),
            label: "envoi".to_owned(),
            ordering: Some(report.origin.control_id.to_string()),
            mailbox: None,
            due: Due::Owed,
        }]
    }

    fn prepare(&self, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome> {
        let id = tools.entropy.uuid().to_string();
        let mut piece = id.clone().into_bytes();
        piece.resize(PREPARED_BYTES, b'x');
        let person = format!("PERSONNE-{}", delivery.message.0 % PERSONS);
        Ok(Prepared {
            ids: serde_json::json!({ "uid": id }),
            pieces: vec![Piece::New(Bytes::from(piece))],
            keys: vec![
                IndexKey { kind: KeyKind::Patient, value: person },
                IndexKey { kind: KeyKind::Document, value: id },
            ],
        })
    }

    fn attempt<'a>(&'a self, _: &'a Delivery, _: &'a Artefact, _: &'a Tools) -> BoxFuture<'a, AttemptReport> {
        Box::pin(async {
            AttemptReport {
                outcome: Outcome::Done { detail: "pris".to_owned() },
                peer: Some("127.0.0.1:1".to_owned()),
                code: Some("200".to_owned()),
                bytes_sent: PREPARED_BYTES as u64,
                notes: Vec::new(),
            }
        })
    }

    fn report(&self, _: &Shape, _: &Part, _: &Ending<'_>, _: Timestamp) -> Option<DeliveryReport> {
        None
    }
}

type Lanes = Vec<(PartnerName, Arc<dyn Sink>)>;

/// Sinks of so many lanes.
pub(super) fn sinks(count: usize) -> Result<Lanes, Error> {
    let sink: Arc<dyn Sink> = Arc::new(InstantSink);
    (0..count).map(|n| Ok((name(&format!("voie-{n:02}"))?, sink.clone()))).collect()
}

/// The route of `sil` to these sinks.
pub(super) fn route(to: impl Iterator<Item = PartnerName>) -> Result<Route, Error> {
    let binding = |sink| SinkBinding {
        sink,
        when: Condition::always(),
        order_by: OrderBy::Sink,
        policy: Policy::default(),
        departure: Departure::default(),
    };
    Ok(Route {
        name: RouteName::parse("bench").map_err(|error| Error::Inconsistent(error.to_string()))?,
        from: Some(name("sil")?),
        accept: Condition::always(),
        steps: vec![RouteStep::map(Arc::new(BenchStep))],
        links: Vec::new(),
        to: to.map(binding).collect(),
        reply: Vec::new(),
        version: "bench".to_owned(),
    })
}

fn name(text: &str) -> Result<PartnerName, Error> {
    PartnerName::parse(text).map_err(|error| Error::Inconsistent(error.to_string()))
}
