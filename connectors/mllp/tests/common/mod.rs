//! What the tests of this crate share: an engine that remembers, messages of fictitious people, a bare client.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_hl7v2::{AckView, Limits as Hl7Limits, Message, parse_ack};
use jonction_mllp::{
    Acknowledgements, Counters, Limits, Messages, MllpAdmission, MllpSource, Settings, SourceTools, Z02On,
    senders::SenderRule,
    wire::{Decoder, Event, FrameLimits, encode},
};
use jonction_model::{Environment, Mode, OsEntropy, PartnerName, SystemClock};
use jonction_net::ServerTls;
use jonction_ports::{Arrival, BoxFuture, Intake, IntakeError, MessageId, Receipt, Source, StopHandle};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
};

/// Nothing here takes so long; a test that hangs ends with a message instead.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// What the engine was handed, and whether it keeps its promises.
#[derive(Default)]
pub(crate) struct Engine {
    pub(crate) arrivals: Mutex<Vec<Arrival>>,
    known: Mutex<HashMap<String, Known>>,
    /// `Some`: cannot write, for so many messages more.
    pub(crate) broken: Mutex<usize>,
    /// Receipts are held back while `true`.
    pub(crate) held: watch::Sender<bool>,
}

/// Digest, number and answer of a message that was taken.
type Known = ([u8; 32], MessageId, Bytes);

impl Engine {
    pub(crate) fn accepted(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().iter().filter(|arrival| arrival.admitted.accepted).cloned().collect()
    }

    pub(crate) fn control_ids(&self) -> Vec<String> {
        self.accepted().iter().map(|a| a.admitted.facts.control_id.as_ref().unwrap().to_string()).collect()
    }

    fn decide(&self, arrival: &Arrival) -> Result<Receipt, IntakeError> {
        let mut broken = self.broken.lock().unwrap();
        if *broken > 0 {
            *broken -= 1;
            return Err(IntakeError::Journal("disk full".to_owned()));
        }
        let mut known = self.known.lock().unwrap();
        let number = MessageId(self.arrivals.lock().unwrap().len() as u64 + 1);
        if let Some(repeat) = &arrival.admitted.repeat {
            if let Some((digest, message, reply)) = known.get(&repeat.key) {
                if *digest == repeat.digest {
                    return Ok(Receipt { message: *message, reply: reply.clone(), repeated: true });
                }
                if let Some(reply) = &arrival.conflict_reply {
                    return Ok(Receipt { message: number, reply: reply.clone(), repeated: false });
                }
            }
            known.insert(repeat.key.clone(), (repeat.digest, number, arrival.reply.clone()));
        }
        self.arrivals.lock().unwrap().push(arrival.clone());
        Ok(Receipt { message: number, reply: arrival.reply.clone(), repeated: false })
    }
}

impl Intake for Engine {
    fn submit(&self, arrival: Arrival) -> BoxFuture<'_, Result<Receipt, IntakeError>> {
        Box::pin(async move {
            let receipt = self.decide(&arrival);
            let mut held = self.held.subscribe();
            let _ = held.wait_for(|held| !held).await;
            receipt
        })
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        identity: None,
        trust: None,
        client_certificate: true,
        senders: vec![SenderRule {
            application: Some("SIL-ESSAI".to_owned()),
            facility: "HOPITAL-ESSAI".to_owned(),
            certificate: None,
            network: None,
        }],
        send_to: None,
        ends: <[String; 4]>::default(),
        messages: Messages::Documents,
        acknowledgements: Acknowledgements::Original,
        z02_on: Z02On::Dsn,
        mode: Mode::Tolerant,
        limits: Limits::default(),
    }
}

/// A source that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Arc<Engine>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: StopHandle,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) async fn start(settings: Settings) -> Running {
    start_with(settings, Environment::Test, None, LONG).await
}

pub(crate) async fn start_with(
    settings: Settings,
    environment: Environment,
    tls: Option<ServerTls>,
    grace: Duration,
) -> Running {
    let admission = MllpAdmission::new(&settings, environment);
    let tools = SourceTools { clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy) };
    let partner = PartnerName::parse("sil").unwrap();
    let mut source = MllpSource::new(partner, &settings, admission, tls, tools).unwrap();
    let address = source.open().await.unwrap()[0];
    let (stop, stopped) = StopHandle::new();
    let engine = Arc::new(Engine::default());
    let counters = source.counters();
    let task = tokio::spawn(Box::new(source).run(engine.clone(), stopped, grace));
    Running { address, engine, counters, stop, task }
}

/// A CDA header long enough to be one; nobody in it exists.
pub(crate) const CDA: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><id root=\"2.25.1001\"/></ClinicalDocument>";

/// A message of the volet, edition 2.1, for a fictitious patient.
pub(crate) fn mdm(control_id: &str) -> String {
    mdm_of(control_id, CDA)
}

pub(crate) fn mdm_of(control_id: &str, document: &str) -> String {
    let document = STANDARD.encode(document);
    [
        &format!("MSH|^~\\&|SIL-ESSAI|HOPITAL-ESSAI|PFI|PFI-ESSAI|20260115101500+0100||MDM^T02^MDM_T02|{control_id}|T|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2"),
        "EVN||20260115101500+0100",
        "PID|||284036912300175^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS~900001^^^HOPITAL-ESSAI&2.25.8.1&ISO^PI||ESSAI-UN^CAMILLE^CAMILLE^^^^L||19840312|F|||^^^^^^BDL^^69123|||||||D900001^^^HOPITAL-ESSAI&2.25.3&ISO^AN||||||||||||||VALI",
        "PV1|1|I|||||||||||||||||V900001^^^HOPITAL-ESSAI&2.25.2&ISO^VN",
        "ORC|NW",
        "OBR|1|||18748-4^CR d'imagerie médicale^LN",
        "TXA|1|18748-4|TEXT|||||||||2.25.1001|||||AU",
        &format!("OBX|1|ED|18748-4^CR d'imagerie médicale^LN||^text^XML^Base64^{document}||||||F"),
        "PRT||UC||SB^Send by^participation|801234567897^BRIAND^PAUL^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS|||HOPITAL ESSAI^^^^^&1.2.250.1.71.4.2.2&ISO^FINEJ^^^120456789",
        "OBX|2|CWE|MASQUE_PS^Masqué aux professionnels de Santé^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
        "OBX|3|CWE|DESTDMP^Destinataire DMP^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F",
        "",
    ]
    .join("\r")
}

/// A client without any virtue: raw bytes out, frames in.
pub(crate) struct Wire {
    pub(crate) tcp: TcpStream,
    decoder: Decoder,
}

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self::over(tcp)
    }

    pub(crate) fn over(tcp: TcpStream) -> Self {
        Self { tcp, decoder: Decoder::new(FrameLimits::default()) }
    }

    pub(crate) async fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.tcp.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn message(&mut self, message: impl AsRef<[u8]>) {
        self.bytes(encode(message.as_ref())).await;
    }

    /// The next frame; `None` when the other side hung up.
    pub(crate) async fn frame(&mut self) -> Option<Bytes> {
        loop {
            match self.decoder.next_event().unwrap() {
                Some(Event::Message { payload, .. }) => return Some(payload),
                Some(other) => panic!("not a message: {other:?}"),
                None => {}
            }
            let read = tokio::time::timeout(LONG, self.tcp.read_buf(self.decoder.buffer())).await;
            match read.expect("an answer in time") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn ack(&mut self) -> Ack {
        let frame = self.frame().await.expect("an acknowledgement, not the end");
        Ack::of(frame)
    }

    pub(crate) async fn exchange(&mut self, message: impl AsRef<[u8]>) -> Ack {
        self.message(message).await;
        self.ack().await
    }
}

/// An acknowledgement and the views of it that tests ask for.
#[derive(Debug, PartialEq)]
pub(crate) struct Ack {
    pub(crate) text: String,
    pub(crate) view: AckView,
}

impl Ack {
    pub(crate) fn of(frame: Bytes) -> Self {
        let text = std::str::from_utf8(&frame).unwrap_or("(not utf-8)").to_owned();
        let message = Message::parse(frame, &Hl7Limits::default()).unwrap();
        // Bytes without any number are answered without one: MSA-2 is then empty.
        let view = parse_ack(&message).unwrap_or_else(|_| AckView {
            code: jonction_hl7v2::AckCode::parse(&message.segment("MSA").unwrap().field(1).text()).unwrap(),
            control_id: String::new(),
            trigger_event: String::new(),
            errors: Vec::new(),
        });
        Self { text, view }
    }

    /// `AE M1 207 MSH^1^4`.
    pub(crate) fn short(&self) -> String {
        let mut text = format!("{} {}", self.view.code.as_str(), self.view.control_id);
        for error in &self.view.errors {
            text.push_str(&format!(" {} {}", error.code, error.location));
        }
        text.trim_end().to_owned()
    }
}
