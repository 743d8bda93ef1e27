//! A gateway's sink, a simulated operator and a store, in one process.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_certs_dev::{DevAuthority, Leaf, Structure};
use jonction_model::{
    Author, Authorship, Clock as _, CodedValue, ContentRef, Device, DocumentSubmission, Encounter,
    Environment, IdentityStatus, Ins, InsDomain, InsIdentity, MailTexts, Masked, MessageControlId,
    MssAddress, Oid, Operation, Organization, Origin, OsEntropy, PartnerName, PatientIdentity, Recipient,
    RecipientKind, RouteName, Sender, Sex, Shape, StructureId, SubmittedDocument, SystemClock, Traits,
    Visibility, Wants,
};
use jonction_mssante::{
    config::{Allow, AuthSettings, Limits, PoolSettings, SenderRule, Settings, Texts, Timeouts, WithoutPdf},
    session::Security,
    simulator::{ServerAuth, Simulator, SimulatorSettings},
    sink::{MssanteSink, SinkParts},
    whitelist::{self, Whitelist},
};
use jonction_net::{Anchors, ClientAuth, ClientTls, Identity, ServerTls, client_config, server_config};
use jonction_ports::{
    Artefact, AttemptReport, Delivery, DeliveryId, Due, MemoryBodies, MessageId, Outcome, Part, Piece,
    Prepared, Sink as _, Tools,
};
use jonction_xds::{Defaults, xdm};

pub(crate) const OURS: &str = "pfi@hopital-a.mssante.example";
pub(crate) const DOCTOR: &str = "camille.martin@ville.mssante.example";
pub(crate) const INS: &str = "180025902800157";
pub(crate) const DOMAINS: [&str; 4] =
    ["hopital-a.mssante.example", "ville.mssante.example", "clinique.mssante.example", "patient.mssante.fr"];

pub(crate) fn address(text: &str) -> MssAddress {
    MssAddress::parse(text).unwrap()
}

pub(crate) fn patient_address() -> String {
    format!("{INS}@patient.mssante.fr")
}

pub(crate) fn authority() -> DevAuthority {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mssante-authority");
    let structure = Structure { name: "HOPITAL A FICTIF".to_owned(), finess: "990000019".to_owned() };
    DevAuthority::ensure(&dir, SystemClock.now(), &structure).unwrap()
}

pub(crate) fn server_tls(client_certificate: bool, leaf: Leaf) -> ServerTls {
    let authority = authority();
    let identity = Identity::from_files(authority.chain_of(leaf), authority.key_of(leaf)).unwrap();
    let anchors = Anchors::from_file(authority.root()).unwrap();
    let auth = if client_certificate { ClientAuth::Required(&anchors) } else { ClientAuth::None };
    server_config(&identity, auth).unwrap().into()
}

pub(crate) fn client_tls(leaf: Leaf) -> ClientTls {
    let authority = authority();
    let identity = Identity::from_files(authority.chain_of(leaf), authority.key_of(leaf)).unwrap();
    ClientTls::new(client_config(&Anchors::from_file(authority.root()).unwrap(), Some(&identity)).unwrap())
}

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) sink: MssanteSink,
    pub(crate) bodies: Arc<MemoryBodies>,
    pub(crate) tools: Tools,
}

/// One mail on its way.
pub(crate) struct Mail {
    pub(crate) delivery: Delivery,
    pub(crate) artefact: Artefact,
    pub(crate) prepared: Prepared,
}

pub(crate) fn settings(address: SocketAddr) -> Settings {
    Settings {
        host: address.ip().to_string(),
        port: address.port(),
        server_name: "localhost".to_owned(),
        security: Security::StartTls,
        identity: Some("pfi".to_owned()),
        trust: None,
        auth: AuthSettings::None,
        client_name: "hopital-a.mssante.example".to_owned(),
        senders: vec![SenderRule {
            application: None,
            facility: None,
            address: self::address(OURS),
            name: "Hôpital A".to_owned(),
        }],
        nil: Some(jonction_mime::Token::parse("EXEMPLE-0000").unwrap()),
        size_max: 25 << 20,
        patient_size_max: 25 << 20,
        whitelist: None,
        without_qualified_ins: Allow::Allow,
        masque_ps: Allow::Refuse,
        dsn: true,
        return_receipt: true,
        without_pdf: WithoutPdf::Text,
        texts: Texts::default(),
        timeouts: Timeouts { reply: Duration::from_secs(20), ..Timeouts::default() },
        pool: PoolSettings::default(),
        mailboxes: None,
        limits: Limits::default(),
    }
}

pub(crate) fn sink(settings: Settings, password: Option<&str>) -> MssanteSink {
    sink_with(settings, password, Leaf::AuthCli)
}

pub(crate) fn sink_with(settings: Settings, password: Option<&str>, leaf: Leaf) -> MssanteSink {
    MssanteSink::new(settings, parts(password, leaf))
}

pub(crate) fn parts(password: Option<&str>, leaf: Leaf) -> SinkParts {
    SinkParts {
        tls: client_tls(leaf),
        password: password.map(str::to_owned),
        environment: Environment::Test,
        clock: Arc::new(SystemClock),
        directory: None,
        source_id: Oid::parse("1.2.250.1.999.1").unwrap(),
        defaults: Defaults {
            facility_type: Some("SA01".to_owned()),
            practice_setting: Some("ETABLISSEMENT".to_owned()),
            ..Defaults::default()
        },
        origin: xdm::Origin {
            structure: "HOPITAL A FICTIF".to_owned(),
            software: "Jonction".to_owned(),
            contact: "dsi@hopital-a.mssante.example".to_owned(),
        },
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub(crate) fn with(
        simulator: impl FnOnce(&mut SimulatorSettings),
        gateway: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::with_certificates(simulator, gateway, Leaf::Server, Leaf::AuthCli)
    }

    pub(crate) fn with_certificates(
        simulator: impl FnOnce(&mut SimulatorSettings),
        gateway: impl FnOnce(&mut Settings),
        server: Leaf,
        client: Leaf,
    ) -> Self {
        let mut simulated = SimulatorSettings::with_domains(DOMAINS);
        simulator(&mut simulated);
        let certificate = !matches!(simulated.auth, ServerAuth::Open);
        let local = "127.0.0.1:0".parse().unwrap();
        let simulator =
            Simulator::start(local, server_tls(certificate, server), simulated, Arc::new(SystemClock))
                .unwrap();
        let mut settings = settings(simulator.address());
        gateway(&mut settings);
        let bodies = Arc::new(MemoryBodies::default());
        let tools =
            Tools { bodies: bodies.clone(), clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy) };
        Self { simulator, sink: sink_with(settings, Some("mot de passe"), client), bodies, tools }
    }

    /// For tests of what is pure: the simulator needs a runtime to listen, the test does not.
    pub(crate) fn with_runtime() -> Self {
        Self::with_runtime_and(|_| {})
    }

    pub(crate) fn with_runtime_and(gateway: impl FnOnce(&mut Settings)) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Self::with(|_| {}, gateway) })
    }

    pub(crate) fn use_whitelist(&self, xml: &str) {
        let list =
            Whitelist::read(xml.as_bytes(), jonction_model::Mode::Tolerant, &whitelist::Limits::default());
        self.sink.use_whitelist(list.unwrap()).unwrap();
    }

    pub(crate) fn parts(&self, submission: &DocumentSubmission) -> Vec<Part> {
        self.sink.parts(&Shape::DocumentSubmission(Box::new(submission.clone())))
    }

    pub(crate) fn due(&self, submission: &DocumentSubmission, index: usize) -> Due {
        self.parts(submission)[index].due.clone()
    }

    /// Prepares the part of the nth recipient.
    pub(crate) fn try_prepare(&self, submission: &DocumentSubmission, index: usize) -> Result<Mail, Outcome> {
        let delivery = Delivery {
            id: DeliveryId(index as u64 + 1),
            message: MessageId(1),
            route: RouteName::parse("essai").unwrap(),
            sink: PartnerName::parse("operateur").unwrap(),
            shape: Arc::new(Shape::DocumentSubmission(Box::new(submission.clone()))),
            part: self.parts(submission).remove(index),
            attempt: 1,
            after_unknown: false,
            received_at: received_at(),
        };
        let prepared = self.sink.prepare(&delivery, &self.tools)?;
        let store = |piece: &Piece| match piece {
            Piece::New(bytes) | Piece::Shared { bytes, .. } => self.bodies.put(bytes.clone()),
            Piece::Stored(content) => content.clone(),
        };
        let artefact =
            Artefact { ids: prepared.ids.clone(), pieces: prepared.pieces.iter().map(store).collect() };
        Ok(Mail { delivery, artefact, prepared })
    }

    pub(crate) fn prepare(&self, submission: &DocumentSubmission, index: usize) -> Mail {
        self.try_prepare(submission, index).unwrap()
    }

    /// A world that shares this one's store, whose operator serves one more domain.
    pub(crate) fn with_domain(self, submission: &DocumentSubmission, domain: &str) -> Self {
        assert_eq!(submission.recipients[0].address.as_ref().unwrap().domain(), domain);
        let mut world = Self::with(
            |simulator| {
                let mailboxes = jonction_mssante::simulator::Mailboxes::Any;
                simulator.operators[0]
                    .domains
                    .push(jonction_mssante::simulator::Domain::new(domain, mailboxes));
            },
            |_| {},
        );
        world.tools.bodies = self.bodies.clone();
        world.bodies = self.bodies;
        world
    }

    pub(crate) async fn attempt(&self, mail: &mut Mail) -> AttemptReport {
        let report = self.sink.attempt(&mail.delivery, &mail.artefact, &self.tools).await;
        mail.delivery.attempt += 1;
        mail.delivery.after_unknown = matches!(report.outcome, Outcome::Unknown { .. });
        report
    }

    /// Prepares and attempts once.
    pub(crate) async fn send(&self, submission: &DocumentSubmission, index: usize) -> AttemptReport {
        let mut mail = self.prepare(submission, index);
        self.attempt(&mut mail).await
    }

    pub(crate) fn document(&self, cda: &str) -> ContentRef {
        self.bodies.put(Bytes::from(cda.to_owned()))
    }

    /// A request of an imaging report for these recipients.
    pub(crate) fn submission(&self, recipients: &[&str]) -> DocumentSubmission {
        let cda = cda();
        let content = self.document(&cda);
        DocumentSubmission {
            origin: origin(),
            operation: Operation::Submit,
            patient: PatientIdentity {
                ins: Some(ins()),
                local_ids: Vec::new(),
                traits: traits(),
                status: IdentityStatus::Qualified,
                declared_status: "VALI".to_owned(),
            },
            sender: Some(Sender {
                person: None,
                device: None,
                organization: Some(Organization {
                    id: Some(StructureId::prefixed("1990000019")),
                    name: Some("Hôpital A - Imagerie".to_owned()),
                }),
            }),
            encounter: Encounter { class: "I".to_owned() },
            documents: vec![document(content, &cda)],
            visibility: Visibility::default(),
            wants: Wants {
                mssante_professionals: true,
                mssante_patient: true,
                delivery_reports: true,
                reading_reports: true,
                dmp: false,
            },
            recipients: recipients.iter().map(|to| recipient(to)).collect(),
            reply_to: Vec::new(),
            mail: MailTexts { label: Some("CR d'imagerie médicale".to_owned()), ..MailTexts::default() },
            obstacles: Vec::new(),
            carried_by: None,
        }
    }
}

pub(crate) fn received_at() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

fn ins() -> InsIdentity {
    InsIdentity { ins: Ins::parse(INS).unwrap(), domain: InsDomain::TestNir }
}

pub(crate) fn traits() -> Traits {
    Traits {
        birth_name: Some("TESTEUR-ÉLÉONORE".into()),
        birth_given: Some("ANNE".into()),
        birth_givens: Some("ANNE MARIE".into()),
        birth_date: Some("19800228".into()),
        sex: Some(Sex::F),
        birth_place: Some("59028".into()),
        ..Traits::default()
    }
}

fn origin() -> Origin {
    Origin {
        control_id: MessageControlId::parse("ESSAI-1").unwrap(),
        sending_application: "SIL".to_owned(),
        sending_facility: "HOPITAL-A".to_owned(),
        receiving_application: "PFI".to_owned(),
        receiving_facility: "HOPITAL-A".to_owned(),
        processing: "T".to_owned(),
        charset: "UNICODE UTF-8".to_owned(),
        event_time: "20261121090000+0100".to_owned(),
    }
}

pub(crate) fn recipient(to: &str) -> Recipient {
    let patient = to.ends_with("@patient.mssante.fr");
    Recipient {
        kind: if patient { RecipientKind::Patient } else { RecipientKind::Professional },
        address: MssAddress::parse(to).ok(),
        given_address: Masked::from(to),
        id: Some("801234567897".into()),
        no_reply: patient,
    }
}

/// The document as the mapping makes it; what our short CDA leaves out is filled in.
fn document(content: ContentRef, cda: &str) -> SubmittedDocument {
    let header = jonction_cda::Header::read(cda.as_bytes(), &jonction_cda::Limits::default()).unwrap();
    let mut document = header.document(content).unwrap();
    let coded = |code: &str, system: &str, label: &str| CodedValue {
        code: code.to_owned(),
        system: system.to_owned(),
        label: label.to_owned(),
    };
    let metadata = &mut document.metadata;
    metadata.practice_setting =
        Some(coded("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9", "Etablissement de santé"));
    metadata.facility_type = Some(coded("SA01", "1.2.250.1.71.4.2.4", "Etablissement public de santé"));
    metadata.authors = vec![Author {
        by: Authorship::Device(Device {
            id: None,
            software: "Jonction".to_owned(),
            model: "essai".to_owned(),
        }),
        organization: Some(Organization {
            id: Some(StructureId::prefixed("1990000019")),
            name: Some("HOPITAL A FICTIF".to_owned()),
        }),
        role: None,
        specialty: None,
    }];
    document
}

/// The PDF inside [`cda`].
pub(crate) fn pdf() -> Vec<u8> {
    // The mark that a PDF/A carries stands last, so that tests can cut it off.
    let mut pdf = b"%PDF-1.4\n% fictif\n".to_vec();
    pdf.extend((0..3000_u32).map(|n| (n * 7 % 251) as u8));
    pdf.extend_from_slice(b"<pdfaid:part>1</pdfaid:part>");
    pdf
}

/// A level 1 document of ours. Only what a sink, the archive and the checks look at.
pub(crate) fn cda() -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(pdf());
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <id root="1.2.250.1.999.2.1"/>
  <code code="18748-4" codeSystem="2.16.840.1.113883.6.1" displayName="CR d'imagerie médicale"/>
  <title>Radio de hanche</title>
  <effectiveTime value="20261120103000+0100"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25" displayName="Normal"/>
  <languageCode code="fr-FR"/>
  <setId root="1.2.250.1.999.3.1"/>
  <versionNumber value="1"/>
  <recordTarget><patientRole>
    <id extension="{INS}" root="1.2.250.1.213.1.4.10"/>
    <patient>
      <name><family qualifier="BR">TESTEUR-ÉLÉONORE</family><given>ANNE MARIE</given><given qualifier="BR">ANNE</given></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="19800228"/>
    </patient>
  </patientRole></recordTarget>
  <documentationOf><serviceEvent><effectiveTime><low value="20261120100000+0100"/></effectiveTime></serviceEvent></documentationOf>
  <component><nonXMLBody><text mediaType="application/pdf" representation="B64">{body}</text></nonXMLBody></component>
</ClinicalDocument>
"#
    )
}

/// The code of the finding that explains an outcome.
pub(crate) fn why(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Done { .. } => "done",
        Outcome::Retry { finding, .. }
        | Outcome::Park { finding }
        | Outcome::Refuse { finding, .. }
        | Outcome::Unknown { finding } => &finding.check,
    }
}

pub(crate) fn refusal(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Refuse { code, .. } => &code.code,
        other => panic!("not refused: {other:?}"),
    }
}
