//! A gateway's sink and a simulated DMP over real mutual TLS, with fictitious people.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of the world")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code")]

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_certs_dev::{DevAuthority, Leaf, Structure as DevStructure};
use jonction_dmp::{
    DmpSink, Settings, SpeaksFor,
    simulator::{Running, Simulator, SimulatorConfig},
};
use jonction_model::*;
use jonction_net::{Anchors, ClientTls, Identity, Reloadable, client_config};
use jonction_ports::*;
use jonction_settings::{Diagnoses, Fields, SourceFile};
use jonction_soap::certificate::{SigningIdentity, Trust};

pub const STRUCTURE: &str = "1120456789";
pub const SET_OID: &str = "1.2.250.1.999.7";

pub fn authority() -> &'static DevAuthority {
    static AUTHORITY: OnceLock<DevAuthority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let structure =
            DevStructure { name: "CH DES TILLEULS FICTIFS".to_owned(), finess: "120456789".to_owned() };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dmp-certs");
        DevAuthority::ensure(&folder, SystemClock.now(), &structure).unwrap()
    })
}

pub fn identity(leaf: Leaf) -> Identity {
    Identity::from_files(authority().chain_of(leaf), authority().key_of(leaf)).unwrap()
}

pub fn anchors() -> Anchors {
    let pem = [fs::read(authority().root()).unwrap(), fs::read(authority().crl()).unwrap()].concat();
    Anchors::from_pem(&pem).unwrap()
}

pub fn seal(leaf: Leaf) -> SigningIdentity {
    let (chain, key) = (authority().chain_of(leaf), authority().key_of(leaf));
    SigningIdentity::from_pem(&fs::read(chain).unwrap(), &fs::read(key).unwrap()).unwrap()
}

pub fn trust() -> Trust {
    let intermediates = fs::read(authority().chain_of(Leaf::Sign)).unwrap();
    Trust::from_pem(&fs::read(authority().root()).unwrap(), &intermediates).unwrap()
}

/// 13 digits and their key.
pub fn ins(number: u64) -> Ins {
    Ins::parse(&format!("{number:013}{:02}", 97 - number % 97)).unwrap()
}

pub fn patient_ins() -> Ins {
    ins(1_900_375_123_456)
}

pub fn patient() -> PatientIdentity {
    PatientIdentity {
        ins: Some(InsIdentity { ins: patient_ins(), domain: InsDomain::TestNir }),
        local_ids: vec![LocalId {
            id: "IPP-4242".into(),
            authority: "1.2.250.1.999.2".to_owned(),
            kind: "PI".to_owned(),
        }],
        traits: Traits {
            birth_name: Some("MARTEL-FICTIF".into()),
            birth_given: Some("BASILE".into()),
            birth_givens: Some("BASILE".into()),
            birth_date: Some("19900312".into()),
            sex: Some(Sex::M),
            birth_place: Some("75112".into()),
            ..Traits::default()
        },
        status: IdentityStatus::Qualified,
        declared_status: "VALI".to_owned(),
    }
}

fn coded(code: &str, system: &str, label: &str) -> CodedValue {
    CodedValue { code: code.to_owned(), system: system.to_owned(), label: label.to_owned() }
}

fn doctor() -> Person {
    Person {
        id: Some(PersonId::prefixed("801234567897")),
        authority: "1.2.250.1.71.4.2.1".to_owned(),
        family: Some("SAULE-FICTIF".to_owned()),
        given: Some("ARMANCE".to_owned()),
    }
}

fn hospital() -> Organization {
    Organization {
        id: Some(StructureId::prefixed(STRUCTURE)),
        name: Some("CH des Tilleuls fictifs".to_owned()),
    }
}

/// A level 1 CDA of a fictitious person; long enough to be streamed in several pieces. A second version replaces.
pub fn cda(unique_id: &str, replaces: Option<&str>) -> Bytes {
    let pdf = "JVBERi0xLjQKJcOkw7zDtsOfCg==".repeat(6_000);
    let related = replaces.map(|old| {
        format!("<relatedDocument typeCode=\"RPLC\"><parentDocument><id root=\"{old}\"/></parentDocument></relatedDocument>")
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\">\r\n\
         <!-- compte rendu fictif --><id root=\"{unique_id}\"/>\
         <code code=\"18748-4\" codeSystem=\"2.16.840.1.113883.6.1\" displayName=\"CR d'imagerie médicale\"/>\
         <title>CR d'imagerie fictive – été</title><effectiveTime value=\"20261120101500+0100\"/>\
         <confidentialityCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.25\" displayName=\"Normal\"/>\
         <languageCode code=\"fr-FR\"/><setId root=\"{SET_OID}\"/><versionNumber value=\"{version}\"/>\r\n\
         <recordTarget><patientRole><id root=\"1.2.250.1.213.1.4.10\" extension=\"{ins}\"/></patientRole></recordTarget>\r\n\
         {related}<component><nonXMLBody><text mediaType=\"application/pdf\" representation=\"B64\">{pdf}</text></nonXMLBody></component>\
         </ClinicalDocument>\r\n",
        version = 1 + u32::from(replaces.is_some()),
        ins = patient_ins().expose(),
        related = related.unwrap_or_default(),
    )
    .into()
}

pub fn document(bodies: &MemoryBodies, unique_id: &str, replaces: Option<&str>) -> SubmittedDocument {
    let content = bodies.put(cda(unique_id, replaces));
    SubmittedDocument {
        unique_id: DocumentUniqueId::root(unique_id),
        set_id: Some(DocumentUniqueId::root(SET_OID)),
        version: Some(1 + u32::from(replaces.is_some())),
        replaces: replaces.map(DocumentUniqueId::root),
        subject: DocumentSubject {
            ins: patient().ins,
            local_ids: patient().local_ids,
            traits: patient().traits,
        },
        metadata: DocumentMetadata {
            type_code: coded("18748-4", "2.16.840.1.113883.6.1", "CR d'imagerie médicale"),
            title: "CR d'imagerie fictive".to_owned(),
            creation_time: Some(DocumentTime::parse("20261120101500+0100").unwrap()),
            language: "fr-FR".to_owned(),
            confidentiality: Some(coded("N", "2.16.840.1.113883.5.25", "Normal")),
            authors: vec![Author {
                by: Authorship::Person(doctor()),
                organization: Some(hospital()),
                role: None,
                specialty: Some(coded(
                    "G15_10/SM44",
                    "1.2.250.1.213.1.1.4.5",
                    "Médecin - Radio-diagnostic (SM)",
                )),
            }],
            legal_authenticator: Some(doctor()),
            service_start: Some(DocumentTime::parse("20261120100000+0100").unwrap()),
            service_stop: None,
            events: vec![],
            practice_setting: Some(coded("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9", "Etablissement de santé")),
            facility_type: Some(coded("SA01", "1.2.250.1.71.4.2.4", "Etablissement public de santé")),
            references: vec![],
            templates: vec![],
        },
        kind: ContentKind::CdaLevel1 { media_type: "application/pdf".to_owned(), body: None },
        content,
    }
}

pub fn submission(operation: Operation, documents: Vec<SubmittedDocument>) -> DocumentSubmission {
    DocumentSubmission {
        origin: Origin {
            control_id: MessageControlId::parse("MSG0001").unwrap(),
            sending_application: "SIL".to_owned(),
            sending_facility: "CH".to_owned(),
            receiving_application: "PFI".to_owned(),
            receiving_facility: "PFI".to_owned(),
            processing: "T".to_owned(),
            charset: String::new(),
            event_time: String::new(),
        },
        operation,
        patient: patient(),
        sender: Some(Sender { person: Some(doctor()), device: None, organization: Some(hospital()) }),
        encounter: Encounter { class: "I".to_owned() },
        documents,
        visibility: Visibility::default(),
        wants: Wants { dmp: true, delivery_reports: true, ..Wants::default() },
        recipients: vec![],
        reply_to: vec![],
        mail: MailTexts::default(),
        obstacles: vec![],
        carried_by: None,
    }
}

/// How a world differs from the usual one.
pub struct Setup {
    pub server: Leaf,
    pub client: Leaf,
    pub seal: Leaf,
    pub faults: Vec<&'static str>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub settings: fn(&mut Settings),
    pub simulator: fn(&mut SimulatorConfig),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            server: Leaf::Server,
            client: Leaf::AuthCli,
            seal: Leaf::Sign,
            faults: vec![],
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            settings: |_| {},
            simulator: |_| {},
        }
    }
}

pub struct World {
    pub simulator: Running,
    pub sink: DmpSink,
    pub bodies: Arc<MemoryBodies>,
    pub tools: Tools,
}

pub fn settings(url: &str) -> Settings {
    let text = format!(
        "url: {url}\nidentity: auth\nseal: sign\nstructure: {{ id: {STRUCTURE}, name: CH des Tilleuls fictifs }}\n\
         sector: SA01\nresponsible: 3120456789/7\nsource_id: 1.2.250.1.999.3\n"
    );
    let file = Arc::new(SourceFile { path: "jonction.yaml".into(), text });
    let mut diagnoses = Diagnoses::default();
    let node = jonction_settings::read(file, &mut diagnoses).unwrap();
    let mut fields = Fields::of(&node, "le partenaire dmp", &mut diagnoses).unwrap();
    let settings = Settings::read(&mut fields, Environment::Test, Path::new("."), &mut diagnoses);
    assert_eq!(diagnoses.list(), []);
    settings.unwrap()
}

pub fn sink_to(url: &str, setup: &Setup) -> DmpSink {
    let mut settings = settings(url);
    settings.timeouts.exchange = Duration::from_secs(5);
    (setup.settings)(&mut settings);
    let config = client_config(&anchors(), Some(&identity(setup.client))).unwrap();
    DmpSink::over_tls(
        PartnerName::parse("dmp-national").unwrap(),
        settings,
        Environment::Test,
        Reloadable::new(Arc::new(seal(setup.seal))),
        ClientTls::new(config),
    )
}

impl World {
    pub fn new(setup: Setup) -> Self {
        let mut config =
            SimulatorConfig::new(identity(setup.server), anchors(), trust(), setup.clock.clone());
        config.faults = setup.faults.iter().map(|rule| (*rule).to_owned()).collect();
        config.capture = true;
        config.delay = Duration::from_millis(20);
        (setup.simulator)(&mut config);
        let simulator = Simulator::start(config).unwrap();
        let sink = sink_to(&simulator.url(), &setup);
        let bodies = Arc::new(MemoryBodies::default());
        let tools =
            Tools { bodies: bodies.clone(), clock: setup.clock.clone(), entropy: setup.entropy.clone() };
        Self { simulator, sink, bodies, tools }
    }

    /// The same sink before a simulator started anew on the same port: everything it held is forgotten.
    pub async fn restarted(self) -> Self {
        let Self { simulator, sink, bodies, tools } = self;
        let listen = simulator.addr();
        simulator.stop().await;
        let config = SimulatorConfig::new(identity(Leaf::Server), anchors(), trust(), Arc::new(SystemClock));
        let simulator = Simulator::start(SimulatorConfig { listen, ..config }).unwrap();
        Self { simulator, sink, bodies, tools }
    }

    pub fn submit(&self, unique_id: &str) -> DocumentSubmission {
        submission(Operation::Submit, vec![document(&self.bodies, unique_id, None)])
    }

    pub fn replace(&self, unique_id: &str, old: &str) -> DocumentSubmission {
        submission(Operation::Replace, vec![document(&self.bodies, unique_id, Some(old))])
    }

    pub fn delete(&self, unique_id: &str) -> DocumentSubmission {
        submission(Operation::Delete, vec![document(&self.bodies, unique_id, None)])
    }

    /// The engine's side: part, delivery, prepared artefact.
    pub fn owe(&self, submission: DocumentSubmission) -> Owed<'_> {
        let shape = Shape::DocumentSubmission(Box::new(submission));
        let parts = self.sink.parts(&shape);
        assert_eq!(parts.len(), 1);
        let delivery = Delivery {
            id: DeliveryId(1),
            message: MessageId(1),
            route: RouteName::parse("cr-imagerie").unwrap(),
            sink: self.sink.name().clone(),
            shape: Arc::new(shape),
            part: parts.into_iter().next().unwrap(),
            attempt: 1,
            after_unknown: false,
            received_at: self.tools.clock.now(),
        };
        Owed { world: self, delivery, artefact: None }
    }

    /// One submission, one attempt.
    pub async fn send(&self, submission: DocumentSubmission) -> AttemptReport {
        self.owe(submission).attempt().await
    }

    /// Documents without signatures: uniqueId and status.
    pub fn held(&self) -> Vec<(String, String)> {
        let documents = self.simulator.documents().into_iter().filter(|document| !document.signature);
        documents.map(|document| (document.unique_id, document.status)).collect()
    }

    pub fn transactions(&self) -> Vec<String> {
        self.simulator
            .requests()
            .into_iter()
            .map(|seen| format!("{} {}", seen.transaction, seen.outcome))
            .collect()
    }

    /// Errors and warnings of the simulator's checks on everything received.
    pub fn findings(&self) -> Vec<String> {
        let findings = self.simulator.verdicts().into_iter().flat_map(|judged| judged.findings);
        findings
            .filter(|finding| finding.severity >= Severity::Warning)
            .map(|finding| format!("{} {} {}", finding.check, finding.place, finding.sentence))
            .collect()
    }
}

pub struct Owed<'w> {
    pub world: &'w World,
    pub delivery: Delivery,
    pub artefact: Option<Artefact>,
}

impl Owed<'_> {
    pub fn prepare(&self) -> Result<Prepared, Outcome> {
        self.world.sink.prepare(&self.delivery, &self.world.tools)
    }

    /// Prepares once, like the engine, then attempts, and notes what the next attempt must know.
    pub async fn attempt(&mut self) -> AttemptReport {
        if self.artefact.is_none() {
            let prepared = match self.prepare() {
                Ok(prepared) => prepared,
                Err(outcome) => {
                    return AttemptReport { outcome, peer: None, code: None, bytes_sent: 0, notes: vec![] };
                }
            };
            let pieces = prepared.pieces.into_iter().map(|piece| match piece {
                Piece::New(bytes) | Piece::Shared { bytes, .. } => self.world.bodies.put(bytes),
                Piece::Stored(content) => content,
            });
            self.artefact = Some(Artefact { ids: prepared.ids, pieces: pieces.collect() });
        }
        let artefact = self.artefact.clone().unwrap();
        let report = self.world.sink.attempt(&self.delivery, &artefact, &self.world.tools).await;
        self.delivery.attempt += 1;
        self.delivery.after_unknown = matches!(report.outcome, Outcome::Unknown { .. });
        report
    }
}

/// Outcome in one word, with what matters in tests.
pub fn word(report: &AttemptReport) -> String {
    match &report.outcome {
        Outcome::Done { detail } => format!("done {detail}"),
        Outcome::Retry { finding, .. } => format!("retry {}", finding.check),
        Outcome::Park { finding } => format!("park {}", finding.check),
        Outcome::Refuse { finding, code } => format!("refuse {} {}", code.code, finding.check),
        Outcome::Unknown { finding } => format!("unknown {}", finding.check),
    }
}

pub fn timestamp(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn any_structure(settings: &mut Settings) {
    settings.speaks_for = SpeaksFor::Any;
}
