//! Where cases are played: routes and sinks made as for a gateway, over a clock and a randomness of the case, and memory.
//! In: a project, what the directories hold. Out: an [`Outcome`] for each message. No socket, no journal, no secret.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use jonction_directory::{Judge, Shelf, Snapshot, Store};
use jonction_engine::{
    Route, Watch, read_routes,
    replay::{Imagined, Trial, WouldBe, WouldDeliver},
};
use jonction_hl7v2::{Limits, Message};
use jonction_model::{
    Finding, ManualClock, PartnerName, RouteName, SeededEntropy, Severity, Shape,
    directory::{Record, Source},
};
use jonction_ports::{
    Admission, Bodies, Delivery, DeliveryId, MemoryBodies, MessageId, Outcome as Attempted, Part, Piece,
    Prepared, Records as _, Sink, Step, Tools,
};
use jonction_settings::{Diagnoses, Node};
use serde_json::{Value as Json, json};

use super::outcome::{Outcome, Sending, Sent};
use crate::{
    certificates::Certificates,
    failure::Failure,
    project::Project,
    registry::{Ready, Wiring, route_registry},
    renewal::Renewals,
};

/// Seed of what is drawn at random: the same for every case.
const SEED: u64 = 1;
/// Largest artefact that is looked at, in bytes.
const SENT_BYTES_MAX: u64 = 256 << 20;

/// What every stage is made from.
pub(crate) struct Bench {
    pub(crate) project: Project,
    pub(crate) partners: Vec<Ready>,
    /// Test certificates of each year that cases play in.
    certificates: Mutex<BTreeMap<i16, Arc<Certificates>>>,
    /// Test certificates and directories; goes with the bench.
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new(project: Project, partners: Vec<Ready>) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()
            .map_err(|error| Failure::new("data.io", format!("pas de dossier temporaire : {error}")))?;
        Ok(Self { project, partners, certificates: Mutex::default(), folder })
    }

    /// Certificates that are valid in a year: a case may play long ago.
    fn certificates(&self, year: i16) -> Result<Arc<Certificates>, Failure> {
        let mut known = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(certificates) = known.get(&year) {
            return Ok(certificates.clone());
        }
        let first = Date::new(year, 1, 1).and_then(|day| day.to_zoned_datetime(TimeZone::UTC));
        let first = first.map_or(Timestamp::UNIX_EPOCH, |day| day.timestamp());
        let data = self.folder.path().join(year.to_string());
        let certificates = Arc::new(Certificates::of_trials(&self.project, &data, first)?);
        known.insert(year, certificates.clone());
        Ok(certificates)
    }

    /// The routes of these files. `steps`: in the place of those of the same name.
    pub(crate) fn routes(
        &self,
        files: &[Node],
        steps: &[Arc<dyn Step>],
        shelf: &Shelf,
        diagnoses: &mut Diagnoses,
    ) -> Vec<Route> {
        let registry = route_registry(&self.project, &self.partners, shelf);
        let registry = steps.iter().fold(registry, |registry, step| registry.step("map", step.clone()));
        read_routes(files, &registry, diagnoses)
    }

    /// A directory that holds these records only.
    fn directory(
        &self,
        records: &[(Source, Record)],
        clock: Arc<ManualClock>,
    ) -> Result<Arc<Store>, Failure> {
        let folder = tempfile::tempdir_in(self.folder.path())
            .map_err(|error| Failure::new("data.io", format!("pas de dossier temporaire : {error}")))?
            .keep();
        let store = Store::open(&folder, clock.clone())?;
        for source in Source::ALL {
            let mut of_source = records.iter().filter(|(of, _)| *of == source).peekable();
            if of_source.peek().is_none() {
                continue;
            }
            let mut pull = store.draft(source)?;
            for (_, record) in of_source {
                pull.draft.put(record.clone())?;
            }
            let date = jonction_model::Clock::now(&*clock);
            let snapshot = Snapshot { name: "cas".to_owned(), date, sha256: "0".repeat(64), bytes: 0 };
            store.commit(pull, snapshot, Judge::Accepted)?;
        }
        Ok(Arc::new(store))
    }
}

/// The year of a moment, UTC.
pub(crate) fn year_of(at: Timestamp) -> i16 {
    at.to_zoned_datetime(TimeZone::UTC).year()
}

/// What a stage is to play.
#[derive(Clone, Copy)]
pub(crate) struct Play<'p> {
    pub(crate) from: &'p PartnerName,
    pub(crate) at: Timestamp,
    pub(crate) raw: &'p Bytes,
}

/// Routes and sinks, ready. One thread plays on it at a time: its clock is that of the case.
pub(crate) struct Stage {
    trial: Trial,
    sinks: HashMap<PartnerName, Arc<dyn Sink>>,
    admissions: HashMap<PartnerName, Arc<dyn Admission>>,
    clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
}

impl Stage {
    /// Errors: a sink cannot be made, for want of a file it names.
    pub(crate) fn new(
        bench: &Bench,
        files: &[Node],
        steps: &[Arc<dyn Step>],
        records: &[(Source, Record)],
        at: Timestamp,
    ) -> Result<Self, Failure> {
        let clock = Arc::new(ManualClock::at(at));
        let entropy = Arc::new(SeededEntropy::new(SEED));
        let shelf = Shelf::default();
        let directory = bench.directory(records, clock.clone())?;
        shelf.put(directory.clone());
        let routes = bench.routes(files, steps, &shelf, &mut Diagnoses::default());
        let gateway = &bench.project.gateway;
        let certificates = bench.certificates(year_of(at))?;
        let wiring = Wiring {
            certificates: &certificates,
            renewals: &Renewals::default(),
            environment: gateway.environment,
            clock: clock.clone(),
            entropy: entropy.clone(),
            source_id: gateway.source_id.clone(),
            gateway: gateway.name.clone(),
            directory: Some(directory),
            base: &bench.project.dir,
            free_ports: false,
            trial: true,
        };
        let (mut sinks, mut admissions) = (HashMap::new(), HashMap::new());
        for partner in &bench.partners {
            if let Some(sink) = partner.configured.sink(&partner.name, &wiring)? {
                sinks.insert(partner.name.clone(), sink);
            }
            if let Some(admission) = partner.configured.admission(gateway.environment) {
                admissions.insert(partner.name.clone(), admission);
            }
        }
        let trial = Trial::new(routes, sinks.clone(), gateway.environment)?;
        Ok(Self { trial, sinks, admissions, clock, entropy })
    }

    /// Plays one message. Errors: its sender has no admission of messages that were not received.
    pub(crate) fn play(&self, play: Play<'_>, watch: &dyn Watch) -> Result<Outcome, Failure> {
        self.clock.set(play.at);
        self.entropy.restart(SEED);
        let admission = self.admissions.get(play.from).ok_or_else(|| {
            Failure::usage(
                "case.no-admission",
                format!("les messages de {} ne peuvent pas être joués : son connecteur ne les juge qu'à la réception", play.from),
            )
            .remedy("écrire le cas de la traduction (mappings/cases), ou un cas d'un autre partenaire")
        })?;
        let (admitted, reply) = admission.answer(play.raw, None, &*self.entropy, play.at);
        let ack = Message::parse(reply.clone(), &Limits::default()).ok();
        let ack = ack.and_then(|ack| Some(ack.segment("MSA")?.field(1).text().into_owned()));
        let mut findings = admitted.findings;
        let mut outcome = Outcome { ack, reply, verdict: "refused", ..Outcome::default() };
        if admitted.accepted {
            let imagined = Imagined {
                partner: play.from.clone(),
                received_at: play.at,
                raw: play.raw.clone(),
                facts: admitted.facts,
            };
            let would = self.trial.imagine(&imagined, watch)?;
            outcome.sendings = self.sendings(&would, play);
            (outcome.verdict, outcome.by) = (would.verdict, Some(would.by));
            findings.extend(would.findings);
        }
        outcome.findings = codes(&findings);
        Ok(outcome)
    }

    fn sendings(&self, would: &WouldBe, play: Play<'_>) -> Vec<Sending> {
        let bodies = Arc::new(MemoryBodies::default());
        bodies.put(play.raw.clone());
        let tools = Tools { bodies, clock: self.clock.clone(), entropy: self.entropy.clone() };
        let route = RouteName::parse(&would.by).ok();
        let mut sendings: Vec<Sending> = Vec::new();
        for (at, one) in would.deliveries.iter().enumerate() {
            let before = would.deliveries[..at].iter();
            let order_with = before
                .enumerate()
                .find(|(_, earlier)| {
                    one.ordering.is_some() && earlier.sink == one.sink && earlier.ordering == one.ordering
                })
                .map(|(at, _)| at);
            let sending = self.sending(one, route.as_ref(), play, &tools);
            sendings.push(Sending { order_with, ..sending });
        }
        sendings
    }

    fn sending(
        &self,
        one: &WouldDeliver,
        route: Option<&RouteName>,
        play: Play<'_>,
        tools: &Tools,
    ) -> Sending {
        // Read back from their JSON, as a lane does.
        let shape: Option<Arc<Shape>> = serde_json::from_slice(&one.shape).ok().map(Arc::new);
        let part: Option<Part> = serde_json::from_slice(&one.part).ok();
        let mut sending = Sending {
            to: one.sink.to_string(),
            part: part.as_ref().map(|part| part.key.clone()).unwrap_or_default(),
            state: one.state,
            why: one.why.as_ref().map(|finding| finding.check.clone()),
            leaves: one.leaves.map(|leaves| leaves.to_string()),
            order_with: None,
            shape: serde_json::from_slice(&one.shape).unwrap_or_default(),
            sent: None,
            told: Json::Null,
            about: one.about,
        };
        let (Some(shape), Some(part), Some(route), Some(sink), "owed") =
            (shape, part, route, self.sinks.get(&one.sink), one.state)
        else {
            return sending;
        };
        sending.told = told(self.trial.told(route, &one.sink, (&shape, &part), play.at));
        let delivery = Delivery {
            id: DeliveryId(1),
            message: MessageId(1),
            route: route.clone(),
            sink: one.sink.clone(),
            shape,
            part,
            attempt: 1,
            after_unknown: false,
            received_at: play.at,
        };
        match sink.prepare(&delivery, tools) {
            Ok(prepared) => sending.sent = Some(sent(prepared, &*tools.bodies)),
            Err(outcome) => (sending.state, sending.why) = not_prepared(outcome),
        }
        sending
    }
}

/// A preparation that ends the delivery, or makes it wait.
fn not_prepared(outcome: Attempted) -> (&'static str, Option<String>) {
    match outcome {
        Attempted::Refuse { finding, .. } => ("refused", Some(finding.check)),
        Attempted::Retry { finding, .. } | Attempted::Unknown { finding } => ("waits", Some(finding.check)),
        Attempted::Park { finding } => ("parked", Some(finding.check)),
        Attempted::Done { .. } => ("owed", None),
    }
}

fn told(told: Option<(Shape, Vec<PartnerName>)>) -> Json {
    let Some((shape, to)) = told else { return Json::Null };
    json!({ "to": to, "shape": shape })
}

fn sent(prepared: Prepared, bodies: &dyn Bodies) -> Sent {
    let mut bytes = BytesMut::new();
    for piece in prepared.pieces {
        match piece {
            Piece::New(new) | Piece::Shared { bytes: new, .. } => bytes.extend_from_slice(&new),
            // Bytes of the message itself: they are there.
            Piece::Stored(content) => {
                bytes.extend_from_slice(&bodies.read(&content, SENT_BYTES_MAX).unwrap_or_default());
            }
        }
    }
    Sent { ids: prepared.ids, bytes: bytes.freeze() }
}

/// Codes of what is worth more than knowing, each once, sorted.
fn codes(findings: &[Finding]) -> Vec<String> {
    let mut codes: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .map(|finding| finding.check.clone())
        .collect();
    codes.sort();
    codes.dedup();
    codes
}
