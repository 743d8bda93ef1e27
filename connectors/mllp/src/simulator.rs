//! The simulator of an LPS: receives over MLLP, acknowledges, remembers and judges what it got, misbehaves when told to.
//! In: ZAM and documents. Out: acknowledgements; a list of what came, files of it, verdicts.
//! Source: hl7v2.md §2.12, §2.13, §9 (B19 to B29 played from the other side).

pub mod faults;
mod received;

use std::{
    collections::HashSet,
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use jonction_hl7v2::{
    AckCode, Limits as Hl7Limits, Message, Path, ack, admission, application_error::application_error,
    profiles::Profile,
};
use jonction_model::{BodyId, Clock, Entropy, Mode, Severity, run_checks};
use jonction_net::{Listener, ServerTls, Stream, serve};
use jonction_ports::{Peer, Stop, StopHandle};
use jonction_simkit::{FaultPlan, PlanError, VerdictLog};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    task::JoinHandle,
};
use tracing::{debug, warn};

use crate::{
    control_id::new_control_id,
    wire::{Commit, Decoder, Event, FrameLimits, encode},
};

pub use faults::{FAULTS, Fault};
pub use received::Received;

/// Messages remembered.
const RECEIVED_MAX: usize = 100_000;
const READ_BYTES: usize = 64 * 1024;

/// What a simulated LPS is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LpsSettings {
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Folder to write every message into, as received; `None`: none.
    pub folder: Option<PathBuf>,
    /// How late the fault `late-ack` answers.
    pub late: Duration,
    /// Seed of the faults that are drawn at a rate.
    pub seed: u64,
}

impl LpsSettings {
    /// Listens here, writes nothing, is 35 s late when asked to be (hl7v2.md B19).
    pub fn at(listen: SocketAddr) -> Self {
        Self { listen, folder: None, late: Duration::from_secs(35), seed: 1 }
    }
}

/// A running LPS.
#[derive(Debug)]
pub struct Lps {
    local: SocketAddr,
    shared: Arc<Shared>,
    stop: StopHandle,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    settings: LpsSettings,
    faults: FaultPlan<Fault>,
    received: Mutex<Memory>,
    /// How many messages came, for those who wait.
    count: watch::Sender<usize>,
    verdicts: VerdictLog,
    tools: Tools,
}

/// What came, and the addresses of all of it.
#[derive(Debug, Default)]
struct Memory {
    list: Vec<Received>,
    seen: HashSet<BodyId>,
}

/// Time and randomness, handed in.
#[derive(Clone)]
struct Tools {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tools")
    }
}

impl Lps {
    /// Starts listening. Errors: the address, the folder.
    pub fn start(
        settings: LpsSettings,
        tls: Option<ServerTls>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> io::Result<Self> {
        if let Some(folder) = &settings.folder {
            fs::create_dir_all(folder)?;
        }
        let listener = Listener::bind(settings.listen, tls, jonction_net::Limits::default())?;
        let local = listener.local_addr();
        let shared = Arc::new(Shared {
            faults: FaultPlan::none(FAULTS, settings.seed),
            settings,
            received: Mutex::default(),
            count: watch::Sender::new(0),
            verdicts: VerdictLog::default(),
            tools: Tools { clock, entropy },
        });
        let (stop, stopped) = StopHandle::new();
        let for_links = Arc::clone(&shared);
        let serving =
            tokio::spawn(serve(listener, stopped, Duration::from_secs(1), move |stream, peer, stop| {
                talk(Arc::clone(&for_links), stream, peer, stop)
            }));
        Ok(Self { local, shared, stop, serving })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Everything that came, in order, repeats included.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).list.clone()
    }

    /// Returns once so many messages came, counted from the start.
    pub async fn wait_for(&self, messages: usize) -> Vec<Received> {
        let mut count = self.shared.count.subscribe();
        // The sender lives as long as `self`.
        let _ = count.wait_for(|count| *count >= messages).await;
        self.received()
    }

    /// Replaces the faults it plays: `ack-ar first 2`, `foreign-ack nth 3`, `split-ack`.
    pub fn play<'r>(&self, rules: impl IntoIterator<Item = &'r str>) -> Result<(), PlanError> {
        self.shared.faults.replace(rules)
    }

    /// What it thinks of what came.
    pub fn verdicts(&self) -> &VerdictLog {
        &self.shared.verdicts
    }

    /// Stops listening and closes its connections.
    pub async fn stop(self) {
        self.stop.stop();
        // A panic inside was reported where it happened.
        let _ = self.serving.await;
    }
}

async fn talk(shared: Arc<Shared>, mut stream: Stream, peer: Peer, mut stop: Stop) {
    let ended = tokio::select! {
        () = stop.stopped() => Ok(()),
        ended = answer_all(&shared, &mut stream) => ended,
    };
    if let Err(error) = ended {
        debug!(peer = %peer.address, cause = %error.kind(), "simulated lps: connection ended");
    }
    let _ = stream.shutdown().await;
}

async fn answer_all(shared: &Shared, stream: &mut Stream) -> io::Result<()> {
    let mut decoder = Decoder::new(FrameLimits::default());
    loop {
        while let Some(event) = decoder.next_event().map_err(io::Error::other)? {
            if let Event::Message { payload, .. } = event
                && !shared.answer(&payload, stream).await?
            {
                return Ok(());
            }
        }
        decoder.buffer().reserve(READ_BYTES);
        if stream.read_buf(decoder.buffer()).await? == 0 {
            return Ok(());
        }
    }
}

impl Shared {
    /// Takes one message and plays its part. `false`: hang up.
    async fn answer(&self, payload: &Bytes, stream: &mut Stream) -> io::Result<bool> {
        let fault = self.faults.draw();
        let message = Message::parse(payload.clone(), &Hl7Limits::default()).ok();
        let verdict = self.judge(message.as_ref(), fault);
        self.remember(payload, message.as_ref(), verdict, fault);
        let request = match (fault, &message) {
            // The same message with another number: what comes back answers nobody.
            (Some(Fault::ForeignAck), Some(message)) => renumbered(message),
            _ => message,
        };
        let control_id = new_control_id(&*self.tools.entropy);
        let Some(ack) = ack::build(request.as_ref(), verdict, &[], &control_id, self.tools.clock.now())
        else {
            return Ok(true);
        };
        let ack = match fault {
            Some(Fault::Application(code)) => with_application_code(&ack, code).unwrap_or(ack),
            _ => ack,
        };
        let frame = encode(&ack);
        match fault {
            Some(Fault::NoAck) => return Ok(true),
            Some(Fault::Drop) => return Ok(false),
            Some(Fault::LateAck) => tokio::time::sleep(self.settings.late).await,
            Some(Fault::Commit) => stream.write_all(&encode(&[Commit::Ack.byte()])).await?,
            _ => {}
        }
        match fault {
            Some(Fault::SplitAck) => {
                for piece in frame.chunks(7) {
                    stream.write_all(piece).await?;
                    stream.flush().await?;
                    tokio::task::yield_now().await;
                }
            }
            Some(Fault::UnframedAck) => stream.write_all(&ack).await?,
            Some(Fault::DoubleAck) => stream.write_all(&[&frame[..], &frame[..]].concat()).await?,
            Some(Fault::BusinessAnswer) => stream.write_all(&encode(payload)).await?,
            _ => stream.write_all(&frame).await?,
        }
        stream.flush().await?;
        Ok(fault != Some(Fault::CloseEach))
    }

    /// Runs the same checks as the conformance harness; answers as a strict receiver would, unless a fault says otherwise.
    fn judge(&self, message: Option<&Message>, fault: Option<Fault>) -> AckCode {
        let Some(message) = message else {
            self.verdicts.record("illisible", Vec::new(), Vec::new());
            return AckCode::AE;
        };
        let profile = Profile::of(message);
        let checks = profile.checks();
        let findings = run_checks(checks.iter().copied(), message, Mode::Strict);
        let header = message.header();
        let kind = format!("{}^{}", header.message_code, header.trigger_event);
        self.verdicts.record(kind, checks.iter().map(|check| check.id).collect(), findings);
        let refused = admission::refusals(message, profile).iter().any(|f| f.severity == Severity::Error);
        match fault {
            Some(Fault::AckAe | Fault::Application(_)) => AckCode::AE,
            Some(Fault::AckAr) => AckCode::AR,
            _ if refused => AckCode::AE,
            _ => AckCode::AA,
        }
    }

    fn remember(&self, payload: &Bytes, message: Option<&Message>, ack: AckCode, fault: Option<Fault>) {
        let mut received = Received::of(payload, message, ack, fault, self.tools.clock.now());
        let mut memory = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.repeated = !memory.seen.insert(BodyId::of(payload));
        if memory.list.len() < RECEIVED_MAX {
            if let Some(folder) = &self.settings.folder {
                let file = folder.join(received.file_name(memory.list.len() + 1));
                if let Err(error) = fs::write(file, payload) {
                    warn!(cause = %error.kind(), "simulated lps: message not written");
                }
            }
            memory.list.push(received);
        }
        drop(memory);
        self.count.send_modify(|count| *count += 1);
    }
}

/// The acknowledgement with a functional code in ERR-5.
fn with_application_code(ack: &Bytes, code: &str) -> Option<Bytes> {
    let message = Message::parse(ack.clone(), &Hl7Limits::default()).ok()?;
    let label = application_error(code).map_or("", |error| error.label);
    let parts = [("ERR-5.1", code), ("ERR-5.2", label), ("ERR-5.3", "applicationErrorCondition")];
    let edits = parts
        .iter()
        .try_fold(message.edit(), |edits, (path, text)| edits.set(&Path::parse(path).ok()?, text).ok())?;
    Some(edits.apply())
}

/// The message with another MSH-10.
fn renumbered(message: &Message) -> Option<Message> {
    let field = message.segments().next()?.field(10).span();
    let raw = message.raw();
    let mut other = BytesMut::from(&raw[..field.end]);
    other.extend_from_slice(b"-AUTRE");
    other.extend_from_slice(&raw[field.end..]);
    Message::parse(other.freeze(), &Hl7Limits::default()).ok()
}
