//! A simulated receiver, and a sink that calls it, as the engine would.

use std::{sync::Arc, time::Duration};

use jonction_mllp::{Limits, Lps, LpsSettings, MllpSink, Target, Z02On};
use jonction_model::{Entropy, OsEntropy, PartnerName, RouteName, SeededEntropy, Shape, SystemClock};
use jonction_net::Endpoint;
use jonction_ports::{
    Artefact, AttemptReport, Delivery, DeliveryId, MemoryBodies, MessageId, Outcome, Part, Piece, Sink, Tools,
};

pub(crate) struct World {
    pub(crate) lps: Lps,
    pub(crate) sink: MllpSink,
    pub(crate) tools: Tools,
    pub(crate) bodies: Arc<MemoryBodies>,
}

impl World {
    /// A receiver that plays these faults, and a sink that waits a second for it.
    pub(crate) fn with(faults: &[&str]) -> Self {
        let settings =
            LpsSettings { late: Duration::from_secs(3), ..LpsSettings::at("127.0.0.1:0".parse().unwrap()) };
        let lps = Lps::start(settings, None, Arc::new(SystemClock), Arc::new(OsEntropy)).unwrap();
        lps.play(faults.iter().copied()).unwrap();
        let sink = sink_to(lps.local_addr().port(), Z02On::Dsn);
        let bodies = Arc::new(MemoryBodies::default());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let tools = Tools { bodies: bodies.clone(), clock: Arc::new(SystemClock), entropy };
        Self { lps, sink, tools, bodies }
    }

    pub(crate) fn delivery(&self, shape: Shape) -> Delivery {
        let part: Part = self.sink.parts(&shape).remove(0);
        Delivery {
            id: DeliveryId(1),
            message: MessageId(1),
            route: RouteName::parse("cr").unwrap(),
            sink: PartnerName::parse("sil").unwrap(),
            shape: Arc::new(shape),
            part,
            attempt: 1,
            after_unknown: false,
            received_at: "2026-01-15T09:15:00Z".parse().unwrap(),
        }
    }

    /// What the engine does: prepares once, stores.
    pub(crate) fn prepared(&self, delivery: &Delivery) -> Artefact {
        let prepared = self.sink.prepare(delivery, &self.tools).unwrap();
        let pieces = prepared.pieces.iter().map(|piece| match piece {
            Piece::New(bytes) | Piece::Shared { bytes, .. } => self.bodies.put(bytes.clone()),
            Piece::Stored(content) => content.clone(),
        });
        Artefact { ids: prepared.ids.clone(), pieces: pieces.collect() }
    }

    pub(crate) async fn attempts_of(&self, shape: Shape, n: usize) -> Vec<AttemptReport> {
        let delivery = self.delivery(shape);
        let artefact = self.prepared(&delivery);
        let mut reports = Vec::new();
        for _ in 0..n {
            reports.push(self.sink.attempt(&delivery, &artefact, &self.tools).await);
        }
        reports
    }
}

pub(crate) fn sink_to(port: u16, z02_on: Z02On) -> MllpSink {
    let target = Target { endpoint: Endpoint { host: "127.0.0.1".to_owned(), port }, tls: false };
    let mut limits = Limits::default();
    limits.client.ack_timeout = Duration::from_secs(1);
    MllpSink::to(PartnerName::parse("sil").unwrap(), target, z02_on, None, &limits)
        .ends(["JONCTION", "REGION", "LPS", "EHPAD"])
}

pub(crate) fn outcome(report: &AttemptReport) -> String {
    match &report.outcome {
        Outcome::Done { .. } => "done".to_owned(),
        Outcome::Retry { finding, .. } => format!("retry {}", finding.check),
        Outcome::Park { finding } => format!("park {}", finding.check),
        Outcome::Refuse { finding, code } => format!("refuse {} {}", finding.check, code.code),
        Outcome::Unknown { finding } => format!("unknown {}", finding.check),
    }
}
