//! `World`: an engine, partners that follow a script, and a clock that is the runtime's own paused one.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::*;
use jonction_ports::*;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    Author, CommitMode, Condition, DeliveryState, Departure, Engine, EngineSettings, Error, Filter,
    LaneSettings, MessageJourney, MessageState, Order, OrderBy, Ordered, Policy, Reason, ReplyBinding, Route,
    RouteStep, Running, Seals, SinkBinding, Window, Wired, order, route::Stage,
};

/// The runtime's clock, paused: it jumps to the next timer when everybody waits.
pub(super) struct VirtualClock {
    start: Timestamp,
    zero: Instant,
    /// What somebody added to it, in milliseconds.
    set_by: AtomicI64,
}

impl VirtualClock {
    fn new() -> Self {
        Self {
            start: "2026-11-21T07:00:00Z".parse().unwrap(),
            zero: Instant::now(),
            set_by: AtomicI64::new(0),
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.zero.elapsed().as_millis()).unwrap();
        let set_by = self.set_by.load(Ordering::Relaxed);
        Timestamp::from_millisecond(self.start.as_millisecond() + elapsed + set_by).unwrap()
    }
}

/// What a partner does with one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Done,
    Retry,
    RetryAfter(u64),
    Park,
    Refuse,
    Unknown,
    /// Takes it, then the line breaks: the probe of the next attempt finds it.
    TakenUnknown,
    Panic,
    /// Never answers.
    Hang,
    /// `prepare` fails so.
    PrepareRetry,
    PreparePark,
    PreparePanic,
}

/// One attempt as the partner saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) sink: String,
    pub(super) control_id: String,
    pub(super) part: String,
    pub(super) attempt: u32,
    pub(super) after_unknown: bool,
    pub(super) bytes: Bytes,
    pub(super) at_ms: i64,
}

/// What partners share over restarts: scripts, and what they saw.
#[derive(Default)]
pub(super) struct Outside {
    /// Grows at each opening: a process that starts again does not draw the same identifiers.
    seeds: std::sync::atomic::AtomicU64,
    scripts: Mutex<HashMap<(String, String), VecDeque<Act>>>,
    pub(super) seen: Mutex<Vec<Seen>>,
    /// Deliveries that the partner took, by their own identifier: what a probe finds.
    pub(super) taken: Mutex<Vec<String>>,
}

impl Outside {
    fn entropy(&self) -> Arc<dyn Entropy> {
        let seed = self.seeds.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(SeededEntropy::new(seed))
    }

    fn next(&self, sink: &str, control_id: &str, prepare: bool) -> Option<Act> {
        let mut scripts = self.scripts.lock().unwrap();
        let script = scripts.get_mut(&(sink.to_owned(), control_id.to_owned()))?;
        let is_prepare =
            matches!(script.front(), Some(Act::PrepareRetry | Act::PreparePark | Act::PreparePanic));
        if is_prepare == prepare { script.pop_front() } else { None }
    }
}

pub(super) struct FakeSink {
    pub(super) name: &'static str,
    pub(super) outside: Arc<Outside>,
}

fn submission(shape: &Shape) -> Option<&DocumentSubmission> {
    shape.as_submission()
}

pub(super) fn finding(code: &str) -> Finding {
    Finding::error(code, "phrase d'essai")
}

impl Sink for FakeSink {
    fn connector(&self) -> &'static str {
        self.name
    }

    fn parts(&self, shape: &Shape) -> Vec<Part> {
        match (self.name, shape) {
            ("sil", Shape::DeliveryReport(report)) if report.wanted => vec![Part {
                key: "zam".into(),
                label: format!("ZAM {}", report.verdict == Verdict::Positive),
                ordering: Some(report.origin.control_id.to_string()),
                mailbox: None,
                due: Due::Owed,
            }],
            ("mdn", Shape::MessageOutcome(outcome)) => vec![Part {
                key: "accusé".into(),
                label: match &outcome.verdict {
                    Verdict::Positive => "accusé".into(),
                    Verdict::Negative(code) => format!("accusé {}", code.code),
                },
                ordering: None,
                mailbox: Some("doc@x.fr".into()),
                due: Due::Owed,
            }],
            ("dmp", Shape::DocumentSubmission(submission)) => vec![Part {
                key: "lot".into(),
                label: "lot d'un document".into(),
                ordering: Some(submission.patient.local_ids[0].id.expose().clone()),
                mailbox: None,
                due: Due::Owed,
            }],
            ("mail", Shape::DocumentSubmission(submission)) => submission
                .recipients
                .iter()
                .enumerate()
                .map(|(at, recipient)| Part {
                    key: format!("recipient {at}"),
                    label: recipient.label(),
                    ordering: Some(recipient.given_address.expose().clone()),
                    mailbox: Some(recipient.given_address.expose().clone()),
                    due: Due::Owed,
                })
                .collect(),
            _ => vec![],
        }
    }

    fn prepare(&self, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome> {
        match self.outside.next(self.name, &control_id(&delivery.shape), true) {
            Some(Act::PrepareRetry) => {
                return Err(Outcome::Retry { after: None, finding: finding("fake.prepare") });
            }
            Some(Act::PreparePark) => return Err(Outcome::Park { finding: finding("fake.prepare") }),
            Some(Act::PreparePanic) => panic!("prepare of a fake"),
            _ => {}
        }
        let uid = tools.entropy.uuid().to_string();
        Ok(Prepared {
            ids: serde_json::json!({ "uid": uid }),
            pieces: vec![
                Piece::New(format!("head {uid}\n").into()),
                Piece::New(Bytes::from_static(b"the same for all\n")),
            ],
            keys: vec![IndexKey { kind: KeyKind::MailId, value: format!("<{}@fake>", delivery.id) }],
        })
    }

    fn attempt<'a>(
        &'a self,
        delivery: &'a Delivery,
        artefact: &'a Artefact,
        tools: &'a Tools,
    ) -> BoxFuture<'a, AttemptReport> {
        Box::pin(async move {
            let control_id = control_id(&delivery.shape);
            let mut bytes = Vec::new();
            for piece in &artefact.pieces {
                bytes.extend_from_slice(&tools.bodies.read(piece, 1 << 20).unwrap());
            }
            let uid = artefact.ids["uid"].as_str().unwrap().to_owned();
            self.outside.seen.lock().unwrap().push(Seen {
                sink: self.name.to_owned(),
                control_id: control_id.clone(),
                part: delivery.part.key.clone(),
                attempt: delivery.attempt,
                after_unknown: delivery.after_unknown,
                bytes: bytes.into(),
                at_ms: tools.clock.now().as_millisecond(),
            });
            let detail = format!("250 pour {}", delivery.part.label);
            // A probe finds what was taken before its answer was lost.
            if delivery.after_unknown && self.outside.taken.lock().unwrap().contains(&uid) {
                return report(Outcome::Done { detail });
            }
            match self.outside.next(self.name, &control_id, false).unwrap_or(Act::Done) {
                Act::Done => {
                    self.outside.taken.lock().unwrap().push(uid);
                    report(Outcome::Done { detail })
                }
                Act::Retry => report(Outcome::Retry { after: None, finding: finding("fake.busy") }),
                Act::RetryAfter(seconds) => report(Outcome::Retry {
                    after: Some(Duration::from_secs(seconds)),
                    finding: finding("fake.busy"),
                }),
                Act::Park => report(Outcome::Park { finding: finding("fake.parked") }),
                Act::Refuse => report(Outcome::Refuse {
                    finding: finding("fake.refused"),
                    code: ReportCode::new("550", "boîte inconnue"),
                }),
                Act::Unknown => report(Outcome::Unknown { finding: finding("fake.cut") }),
                Act::TakenUnknown => {
                    self.outside.taken.lock().unwrap().push(uid);
                    report(Outcome::Unknown { finding: finding("fake.cut") })
                }
                Act::Hang => std::future::pending().await,
                Act::Panic => panic!("attempt of a fake"),
                Act::PrepareRetry | Act::PreparePark | Act::PreparePanic => unreachable!(),
            }
        })
    }

    fn tells_whole(&self) -> bool {
        self.name == "mdn"
    }

    /// As in life: the DMP can be asked, a mailbox cannot.
    fn probes(&self) -> bool {
        self.name == "dmp"
    }

    fn awaits(&self, shape: &Shape, _: &Part) -> Vec<ReportStage> {
        let wants = submission(shape).is_some_and(|submission| submission.wants.delivery_reports);
        if wants && self.name == "mail" { vec![ReportStage::Delivery, ReportStage::Reading] } else { vec![] }
    }

    fn report(&self, shape: &Shape, _: &Part, ending: &Ending<'_>, at: Timestamp) -> Option<DeliveryReport> {
        let submission = submission(shape)?;
        Some(DeliveryReport {
            origin: submission.origin.clone(),
            channel: ReportChannel::Dmp,
            stage: match ending {
                Ending::Answered(answer) => answer.stage,
                _ => ReportStage::Submission,
            },
            recipient: None,
            verdict: match ending {
                Ending::Delivered => Verdict::Positive,
                Ending::Refused(code) => Verdict::Negative((*code).clone()),
                Ending::Answered(answer) => match &answer.standing {
                    Standing::Pending => return None,
                    Standing::Positive => Verdict::Positive,
                    Standing::Negative(code) => Verdict::Negative(code.clone()),
                },
            },
            wanted: submission.wants.delivery_reports,
            time: at,
        })
    }
}

fn report(outcome: Outcome) -> AttemptReport {
    AttemptReport {
        outcome,
        peer: Some("127.0.0.1:1".into()),
        code: Some("250".into()),
        bytes_sent: 10,
        notes: vec![],
    }
}

fn control_id(shape: &Shape) -> String {
    match shape {
        Shape::DocumentSubmission(submission) => submission.origin.control_id.to_string(),
        Shape::DeliveryReport(report) => report.origin.control_id.to_string(),
        Shape::Answer(answer) => answer.detail.clone(),
        Shape::MessageOutcome(outcome) => outcome.door.clone(),
        Shape::SecureMail(mail) => mail.message_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        Shape::PatientEvent(event) => event.source.control_id.clone(),
        Shape::Appointment(appointment) => appointment.source.control_id.clone(),
        Shape::Hl7Message(message) => message.kind.clone(),
    }
}

/// A message of the fake sender: `M1;patient=A;to=x@y.fr,z@y.fr;doc=7,8;dmp;mail;reports;prov;panic;park`.
fn map(text: &str) -> Result<DocumentSubmission, Finding> {
    let words: Vec<&str> = text.trim().split(';').collect();
    let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let has = |name: &str| words.contains(&name);
    assert!(!has("panic"), "step of a fake");
    if has("park") {
        return Err(finding("fake.step"));
    }
    let patient = value("patient").unwrap_or("A");
    let document = |id: &str| SubmittedDocument {
        unique_id: DocumentUniqueId::root(format!("1.2.250.{id}")),
        ..fake_document(text, words[0])
    };
    let documents = match value("doc") {
        Some(ids) => ids.split(',').map(document).collect(),
        None => vec![fake_document(text, words[0])],
    };
    Ok(DocumentSubmission {
        origin: Origin {
            control_id: MessageControlId::parse(words[0]).unwrap(),
            sending_application: "APP".into(),
            sending_facility: "FAC".into(),
            receiving_application: String::new(),
            receiving_facility: String::new(),
            processing: "T".into(),
            charset: String::new(),
            event_time: String::new(),
        },
        operation: Operation::Submit,
        patient: PatientIdentity {
            ins: Some(InsIdentity {
                ins: Ins::parse("279035121518989").unwrap(),
                domain: InsDomain::TestNir,
            }),
            local_ids: vec![LocalId { id: patient.into(), authority: "1.2.3".into(), kind: "PI".into() }],
            traits: Traits {
                birth_name: Some("PAT-TROIS".into()),
                birth_given: Some("DOMINIQUE".into()),
                birth_date: Some("19790328".into()),
                sex: Some(Sex::F),
                ..Traits::default()
            },
            status: if has("prov") { IdentityStatus::Provisional } else { IdentityStatus::Qualified },
            declared_status: String::new(),
        },
        sender: None,
        encounter: Encounter::default(),
        documents,
        visibility: Visibility::default(),
        wants: Wants {
            dmp: has("dmp"),
            mssante_professionals: has("mail"),
            mssante_patient: false,
            delivery_reports: has("reports"),
            reading_reports: false,
        },
        recipients: value("to")
            .unwrap_or("rose.ancien@chu.mssante.example")
            .split(',')
            .map(|address| Recipient {
                kind: RecipientKind::Professional,
                address: MssAddress::parse(address).ok(),
                given_address: address.into(),
                id: None,
                no_reply: false,
            })
            .collect(),
        reply_to: vec![],
        mail: MailTexts::default(),
        obstacles: vec![],
        carried_by: None,
    })
}

fn fake_document(text: &str, control_id: &str) -> SubmittedDocument {
    let coded = |code: &str| CodedValue { code: code.into(), system: "s".into(), label: "CR".into() };
    SubmittedDocument {
        unique_id: DocumentUniqueId::root(format!("1.2.250.{}", control_id.len())),
        set_id: None,
        version: Some(1),
        replaces: Some(DocumentUniqueId::root("1.2.250.99")),
        subject: DocumentSubject::default(),
        metadata: DocumentMetadata {
            type_code: coded("18748-4"),
            title: String::new(),
            creation_time: None,
            language: "fr-FR".into(),
            confidentiality: None,
            authors: vec![],
            legal_authenticator: None,
            service_start: None,
            service_stop: None,
            events: vec![],
            practice_setting: None,
            facility_type: None,
            references: vec![],
            templates: vec![],
        },
        kind: ContentKind::CdaLevel3 { pdf: None },
        content: ContentRef::whole(BodyId::of(text.as_bytes()), text.len() as u64),
    }
}

/// `N1;answers=2@fake;asked=a@x.fr;pending`, `…;failed`, `…;read`: what a message says of a delivery of another one.
fn answer(text: &str) -> Option<Answer> {
    let words: Vec<&str> = text.trim().split(';').collect();
    let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let has = |name: &str| words.contains(&name);
    let code = ReportCode::new("550", "boîte inconnue");
    Some(Answer {
        to: vec![IndexKey { kind: KeyKind::MailId, value: format!("<{}>", value("answers")?) }],
        stage: if has("read") { ReportStage::Reading } else { ReportStage::Delivery },
        standing: match (has("pending"), has("failed")) {
            (true, _) => Standing::Pending,
            (_, true) => Standing::Negative(code),
            _ => Standing::Positive,
        },
        by: None,
        asked: value("asked").map(|address| MssAddress::parse(address).unwrap()),
        detail: "réponse d'essai".to_owned(),
    })
}

struct FakeStep;

impl Step for FakeStep {
    fn name(&self) -> &str {
        "fake-to-document"
    }

    fn version(&self) -> String {
        "1".into()
    }

    fn run(&self, flow: &mut Flow, bodies: &dyn Bodies) -> Result<(), Finding> {
        let bytes = bodies.read(&flow.message, 1 << 24).map_err(|_| finding("fake.body"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| finding("fake.text"))?;
        flow.shapes.push(match answer(text) {
            Some(answer) => Shape::Answer(Box::new(answer)),
            None => Shape::DocumentSubmission(Box::new(map(text)?)),
        });
        flow.findings.push(Finding::warning("fake/F1", "une remarque"));
        Ok(())
    }
}

pub(super) fn partner(name: &str) -> PartnerName {
    PartnerName::parse(name).unwrap()
}

/// Short back-off, so that a virtual hour is enough for anything.
pub(super) fn policy() -> Policy {
    Policy {
        initial: Duration::from_secs(1),
        factor: 2,
        max: Duration::from_secs(30),
        give_up: Duration::from_secs(3600),
    }
}

pub(super) fn route() -> Route {
    let when = |text: &str| Condition::parse(text, Stage::Shape).unwrap();
    let to = |sink: &str, text: &str| SinkBinding {
        sink: partner(sink),
        when: when(text),
        order_by: OrderBy::Sink,
        policy: policy(),
        departure: Departure::default(),
    };
    Route {
        name: RouteName::parse("essai").unwrap(),
        from: Some(partner("sil")),
        accept: Condition::parse("message.type == \"MDM^T02\"", Stage::Message).unwrap(),
        steps: vec![RouteStep::map(Arc::new(FakeStep))],
        links: vec![],
        to: vec![to("dmp", "wants.dmp and identity.qualified"), to("mail", "wants.mssante")],
        reply: vec![ReplyBinding { sink: partner("sil"), policy: policy() }],
        version: "v1".into(),
    }
}

pub(super) struct World {
    dir: Arc<TempDir>,
    pub(super) outside: Arc<Outside>,
    pub(super) engine: Engine,
    pub(super) running: Option<Running>,
    clock: Arc<VirtualClock>,
    /// Settings of lanes, for the next start.
    pub(super) lanes: HashMap<PartnerName, LaneSettings>,
}

impl World {
    /// Started, with the sinks `dmp`, `mail` and `sil`.
    pub(super) async fn new() -> Self {
        let mut world = Self::unstarted();
        world.start().await;
        world
    }

    pub(super) fn unstarted() -> Self {
        Self::on(|_| {})
    }

    /// Not started, its settings changed so.
    pub(super) fn on(change: impl FnOnce(&mut EngineSettings)) -> Self {
        let dir = Arc::new(TempDir::new().unwrap());
        let clock = Arc::new(VirtualClock::new());
        let outside = Arc::new(Outside::default());
        let mut settings = settings(dir.path().to_owned());
        change(&mut settings);
        let engine = Engine::open(settings, clock.clone(), outside.entropy()).unwrap();
        Self { dir, outside, engine, running: None, clock, lanes: HashMap::new() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    pub(super) fn sinks(&self, names: &[&'static str]) -> HashMap<PartnerName, Arc<dyn Sink>> {
        names
            .iter()
            .map(|name| {
                let sink: Arc<dyn Sink> = Arc::new(FakeSink { name, outside: self.outside.clone() });
                (partner(name), sink)
            })
            .collect()
    }

    /// The route, the sinks `dmp`, `mail` and `sil`, the door of `sil`.
    pub(super) fn wired(&self) -> Wired {
        let admission: Arc<dyn Admission> = Arc::new(FakeAdmission);
        Wired {
            routes: vec![route()],
            sinks: self.sinks(&["dmp", "mail", "sil"]),
            lanes: self.lanes.clone(),
            admissions: [(partner("sil"), admission)].into(),
        }
    }

    pub(super) async fn start(&mut self) {
        self.running = Some(self.engine.start(self.wired()).await.unwrap());
    }

    /// Dies where it stands, and starts again on the same store.
    pub(super) async fn crash(self) -> Self {
        let mut world = self.die();
        world.start().await;
        world
    }

    /// Dies where it stands; opened again, not started.
    pub(super) fn die(self) -> Self {
        let Self { dir, outside, engine, running, clock, lanes } = self;
        drop(running);
        drop(engine);
        let engine = open(&dir, &clock, &outside);
        Self { dir, outside, engine, running: None, clock, lanes }
    }

    /// Sets the clock of the machine forward, or back.
    pub(super) fn set_clock(&self, by_ms: i64) {
        self.clock.set_by.fetch_add(by_ms, Ordering::Relaxed);
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// The time that nobody can set.
    pub(super) fn steady_ms(&self) -> i64 {
        self.now_ms() - self.clock.set_by.load(Ordering::Relaxed)
    }

    /// Started, the lane of one partner set so.
    pub(super) async fn with_lane(lane: &str, settings: LaneSettings) -> Self {
        let mut world = Self::unstarted();
        world.lanes.insert(partner(lane), settings);
        world.start().await;
        world
    }

    /// Waits until a partner saw so many attempts.
    pub(super) async fn seen_at_least(&self, sink: &str, attempts: usize) {
        while self.seen(sink).len() < attempts {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) fn script(&self, sink: &str, control_id: &str, acts: &[Act]) {
        let key = (sink.to_owned(), control_id.to_owned());
        self.outside.scripts.lock().unwrap().insert(key, acts.iter().copied().collect());
    }

    /// Dies, and opens again on a journal that will die after so many commits.
    pub(super) fn reopen_dying(self, commits: i64, after: bool) -> (Self, Arc<super::crash::Dying>) {
        let Self { dir, outside, engine, running, clock, lanes } = self;
        drop(running);
        drop(engine);
        let settings = settings(dir.path().to_owned());
        let entropy = outside.entropy();
        let (journal, hasher) =
            crate::journal::SqliteJournal::open(dir.path(), settings.limits, &*entropy).unwrap();
        let journal = Arc::new(journal);
        let dying = super::crash::dying(journal.clone(), commits, after);
        let tools: (Arc<dyn Clock>, Arc<dyn Entropy>) = (clock.clone(), entropy);
        let engine = Engine::with_journal(settings, dying.clone(), journal, hasher, None, tools).unwrap();
        (Self { dir, outside, engine, running: None, clock, lanes }, dying)
    }

    /// Dies, and opens again with these keys.
    pub(super) fn with_seals(self, seals: Seals) -> Result<Self, Error> {
        let Self { dir, outside, engine, running, clock, lanes } = self;
        drop(running);
        drop(engine);
        let mut settings = settings(dir.path().to_owned());
        settings.storage.seals = seals;
        let engine = Engine::open(settings, clock.clone(), outside.entropy())?;
        Ok(Self { dir, outside, engine, running: None, clock, lanes })
    }

    /// Whether it could start.
    pub(super) async fn try_start(&mut self) -> bool {
        self.running = self.engine.start(self.wired()).await.ok();
        self.running.is_some()
    }

    /// Whether it was acknowledged.
    pub(super) async fn try_send(&self, text: &str) -> bool {
        self.engine.intake().submit(arrival(text, self.clock.now())).await.is_ok()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) async fn send(&self, text: &str) -> Receipt {
        self.engine.intake().submit(arrival(text, self.clock.now())).await.unwrap()
    }

    pub(super) async fn send_all(&self, texts: &[&str]) {
        for text in texts {
            self.send(text).await;
        }
    }

    pub(super) async fn idle(&self) {
        self.engine.wait_idle().await;
        let balance = self.engine.reader().balance(Window::default()).unwrap();
        assert!(balance.closes(), "{balance:?}");
        assert!(self.tally_agrees(), "{:?}", self.engine.reader().queues());
    }

    /// Whether what triggers count is what there is, asked of the database itself.
    pub(super) fn tally_agrees(&self) -> bool {
        let database = rusqlite::Connection::open(self.path().join("journal.db")).unwrap();
        let sql = "SELECT count(*) FROM (SELECT * FROM counted EXCEPT SELECT * FROM tally WHERE n <> 0)
                   UNION ALL SELECT count(*) FROM (SELECT * FROM tally WHERE n <> 0 EXCEPT SELECT * FROM counted)";
        let mut statement = database.prepare(sql).unwrap();
        let differences = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        differences.map(Result::unwrap).sum::<i64>() == 0
    }

    pub(super) fn journey(&self, id: &str) -> MessageJourney {
        let mut journeys = self.engine.reader().journey(id).unwrap();
        assert_eq!(journeys.len(), 1, "{journeys:?}");
        journeys.remove(0)
    }

    /// `(sink, state)` of the deliveries of a message, in their order.
    pub(super) fn states(&self, id: &str) -> Vec<(String, DeliveryState)> {
        self.journey(id).deliveries.iter().map(|d| (d.sink.to_string(), d.state)).collect()
    }

    pub(super) fn message_state(&self, id: &str) -> MessageState {
        self.journey(id).state
    }

    /// What a sink saw, as `control id` in order.
    pub(super) fn seen(&self, sink: &str) -> Vec<Seen> {
        self.outside.seen.lock().unwrap().iter().filter(|seen| seen.sink == sink).cloned().collect()
    }

    /// Those of one patient, whose control ids begin with this letter, in order.
    pub(super) fn of_patient(&self, sink: &str, letter: char) -> Vec<String> {
        self.seen_ids(sink).into_iter().filter(|id| id.starts_with(letter)).collect()
    }

    pub(super) fn seen_ids(&self, sink: &str) -> Vec<String> {
        self.seen(sink).into_iter().map(|seen| seen.control_id).collect()
    }

    /// A human decides.
    pub(super) async fn order(&self, act: order::Act, reason: &str) -> Result<Ordered, Error> {
        let (author, reason) = (Author::parse("marie").unwrap(), Reason::parse(reason).ok());
        self.engine.order(Order { author, reason, act }).await
    }

    pub(super) async fn release(&self, delivery: DeliveryId) -> Result<Ordered, Error> {
        self.order(order::Act::Release { delivery }, "").await
    }

    pub(super) async fn refuse(&self, delivery: DeliveryId, reason: &str) -> Result<Ordered, Error> {
        self.order(order::Act::Refuse { delivery }, reason).await
    }

    pub(super) fn found(&self, filter: Filter) -> Vec<u64> {
        self.engine.reader().find(&filter).unwrap().into_iter().map(|line| line.id.0).collect()
    }
}

pub(super) fn settings(path: PathBuf) -> EngineSettings {
    let mut settings = EngineSettings::new(path, Environment::Test);
    settings.commit_mode = CommitMode::Inline;
    settings.limits.body_file_bytes = 4096;
    settings.limits.settled_at_once = 20;
    settings
}

fn open(dir: &TempDir, clock: &Arc<VirtualClock>, outside: &Outside) -> Engine {
    Engine::open(settings(dir.path().to_owned()), clock.clone(), outside.entropy()).unwrap()
}

/// The door of the fake sender. `refuse`: it refuses; `other`: a kind that no route wants; `facility=X`: another sender.
struct FakeAdmission;

impl Admission for FakeAdmission {
    fn admit(&self, raw: &Bytes, _: Option<&Peer>) -> Admitted {
        let text = std::str::from_utf8(raw).unwrap();
        let words: Vec<&str> = text.split(';').collect();
        let facility = words.iter().find_map(|word| word.strip_prefix("facility=")).unwrap_or("FAC");
        let refused = words.contains(&"refuse");
        Admitted {
            facts: MessageFacts {
                kind: if words.contains(&"other") { "ADT^A01" } else { "MDM^T02" }.into(),
                control_id: MessageControlId::parse(words[0]).ok(),
                sending_facility: facility.into(),
                ..MessageFacts::default()
            },
            findings: if refused { vec![finding("fake/A1").at(Place::path("PID-3"))] } else { vec![] },
            accepted: !refused,
            repeat: Some(Repeat {
                key: format!("APP|{facility}|{}", words[0]),
                digest: *BodyId::of(text.as_bytes()).as_bytes(),
            }),
        }
    }
}

/// A message as a source hands it over. `strict`: a reused number is refused.
pub(super) fn arrival(text: &str, at: Timestamp) -> Arrival {
    let control_id = text.split(';').next().unwrap();
    let has = |word: &str| text.split(';').any(|found| found == word);
    let raw = Bytes::from(text.to_owned());
    Arrival {
        partner: partner("sil"),
        peer: Peer { address: "127.0.0.1:2575".parse().unwrap(), certificate: None },
        received_at: at,
        admitted: FakeAdmission.admit(&raw, None),
        raw: raw.into(),
        reply: format!("ack of {control_id} at {at}").into(),
        conflict_reply: has("strict").then(|| "conflict".into()),
    }
}
