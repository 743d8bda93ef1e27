//! The main job: imaging reports of 330 KB to the DMP, a doctor and the patient, the gateway as a process of its own.
//! Its processor time per document is told in the parts nobody can avoid, measured alone in the same run.

use std::{
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_certs_dev::Leaf;
use jonction_mllp::{Limits, Sender, Target};
use jonction_settings::Diagnoses;
use jonction_soap::{bench_support as soap, certificate::SigningIdentity};
use jonction_xds::bench_support as xds;

use super::{
    measure::{Goal, Measure, ProcessorTime, median, memory_mb, own_time, processor_time},
    program::{GatewayProcess, Workplace, broken},
};
use crate::{
    addresses::Addresses,
    certificates::dev_authority,
    demo::scenes::imaging_report,
    failure::Failure,
    project::Project,
    simulators::{Running, Simulators},
};

/// Turns: the gateway at work, then the unavoidable parts of the same documents.
const ROUNDS: u32 = 5;
const PER_ROUND: u32 = 30;
/// Documents measured, after some that warm everything up.
const DOCUMENTS: u32 = ROUNDS * PER_ROUND;
const WARM_UP: u32 = 10;
const CONNECTIONS: u32 = 4;
/// Mails per document.
const MAILS: usize = 2;
/// Longest wait for everything to be delivered.
const DELIVERY_MAX: Duration = Duration::from_secs(120);

pub(super) fn main_job() -> Result<Vec<Measure>, Failure> {
    let workplace = Workplace::new("job")?;
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Failure::new("bench.broken", error.to_string()))?;
    runtime.block_on(async {
        let mut addresses = Addresses::default();
        let simulators = start_simulators(&workplace, &mut addresses)?;
        addresses
            .write(&workplace.data)
            .map_err(|error| crate::failure::io("addresses.json", &workplace.data, &error))?;
        let gateway = GatewayProcess::launch(&workplace)?;
        let to: SocketAddr = gateway.address.parse().map_err(|_| broken())?;
        traffic(to, &simulators, 0, WARM_UP).await?;
        let floor = Floor::of(&workplace)?;
        let (mut spent, mut took, mut alone) = (Spent::default(), Duration::ZERO, Vec::new());
        // Turn by turn: a machine that slows down slows both.
        for round in 0..ROUNDS {
            let from = WARM_UP + round * PER_ROUND;
            let before = processor_time(&gateway.id());
            let start = Instant::now();
            traffic(to, &simulators, from, from + PER_ROUND).await?;
            took += start.elapsed();
            spent.add(before, processor_time(&gateway.id()));
            for number in from..from + PER_ROUND {
                alone.push(floor.parts_of(&document(number))?.as_secs_f64() * 1000.0);
            }
        }
        let peak = memory_mb(&gateway.id(), "VmHWM");
        let floor = median(&mut alone);
        let mut measures = Vec::new();
        if let Some((whole, kernel)) = spent.told() {
            let what = "processeur de la passerelle par document, contre ses parties inévitables";
            let goal = Goal::RatioAtMost(1.5);
            measures.push(Measure::new("main-job-cpu", what, "ms", whole, Some(floor), goal));
            let what = "dont le noyau (fichiers, fsync, sockets), qui n'est pas dans les parties inévitables";
            measures.push(Measure::new("main-job-kernel", what, "ms", kernel, None, Goal::None));
        }
        let rate = f64::from(DOCUMENTS) / took.as_secs_f64();
        let what = "documents par seconde, remis au DMP et à deux boîtes, simulateurs sur la même machine";
        measures.push(Measure::new("main-job-rate", what, "per_s", rate, None, Goal::None));
        if let Some(peak) = peak {
            measures.push(Measure::new(
                "main-job-memory",
                "mémoire au plus haut",
                "MB",
                peak,
                None,
                Goal::AtMost(256.0),
            ));
        }
        Ok(measures)
    })
}

fn start_simulators(workplace: &Workplace, addresses: &mut Addresses) -> Result<Running, Failure> {
    let mut diagnoses = Diagnoses::default();
    let simulators = Simulators::read(&workplace.project, &mut diagnoses).ok_or_else(broken)?;
    let project = Project::read(&workplace.project, None, &mut diagnoses).ok_or_else(broken)?;
    Ok(simulators.start(&project.gateway, &workplace.data, true, addresses)?)
}

/// Sends the documents of these numbers, and waits until all of them are delivered.
async fn traffic(to: SocketAddr, simulators: &Running, from: u32, until: u32) -> Result<(), Failure> {
    let mut senders = Vec::new();
    for connection in 0..CONNECTIONS {
        let target = Target::parse(&format!("mllp://{to}")).map_err(|_| broken())?;
        senders.push(tokio::spawn(async move {
            let sender = Sender::new(target, None, &Limits::default());
            for number in (from..until).filter(|number| number % CONNECTIONS == connection) {
                let sent = sender.send(&Bytes::from(document(number))).await;
                if !sent.reply.is_ok_and(|reply| reply.ack.code.is_positive()) {
                    return false;
                }
            }
            true
        }));
    }
    for sender in senders {
        if !sender.await.unwrap_or(false) {
            return Err(broken());
        }
    }
    // Each document is acknowledged by one Z01 and a Z02 per mail: the last of them says that all is done.
    let lps = simulators.lps.as_ref().ok_or_else(broken)?;
    let reports = until as usize * (1 + MAILS);
    tokio::time::timeout(DELIVERY_MAX, lps.wait_for(reports)).await.map_err(|_| broken())?;
    Ok(())
}

/// The message of this number. One person in every document: order never holds anything back.
fn document(number: u32) -> String {
    let serial = u16::try_from(number % 900 + 1).unwrap_or(1);
    imaging_report(&format!("BENCH-{number:05}"), 10_000 + number, serial)
}

/// Processor time of the gateway, over the rounds.
#[derive(Default)]
struct Spent {
    rounds: u32,
    whole: Duration,
    kernel: Duration,
}

impl Spent {
    fn add(&mut self, before: Option<ProcessorTime>, after: Option<ProcessorTime>) {
        let (Some(before), Some(after)) = (before, after) else { return };
        self.rounds += 1;
        self.whole += after.whole - before.whole;
        self.kernel += after.kernel - before.kernel;
    }

    /// Milliseconds per document, whole and in the kernel; `None` when the system did not tell them all.
    fn told(&self) -> Option<(f64, f64)> {
        let each = |spent: Duration| spent.as_secs_f64() * 1000.0 / f64::from(DOCUMENTS);
        (self.rounds == ROUNDS).then(|| (each(self.whole), each(self.kernel)))
    }
}

/// What one document cannot avoid: two RSA signatures, one canonical form, one deflate, hashes of what is stored and
/// sent, base64 in and out.
struct Floor {
    identity: SigningIdentity,
}

impl Floor {
    fn of(workplace: &Workplace) -> Result<Self, Failure> {
        let mut diagnoses = Diagnoses::default();
        let project = Project::read(&workplace.project, None, &mut diagnoses).ok_or_else(broken)?;
        let authority = dev_authority(&workplace.data, &project.gateway)?;
        let read = |path| std::fs::read(path).map_err(|_| broken());
        let identity = SigningIdentity::from_pem(
            &read(authority.chain_of(Leaf::Sign))?,
            &read(authority.key_of(Leaf::Sign))?,
        )
        .map_err(|_| broken())?;
        Ok(Self { identity })
    }

    /// Each part once, on a document that was never seen: neither the caches nor the branches know it, as in the gateway.
    fn parts_of(&self, message: &str) -> Result<Duration, Failure> {
        let encoded = message
            .split("^XML^Base64^")
            .nth(1)
            .and_then(|rest| rest.split('|').next())
            .ok_or_else(broken)?;
        let start = own_time();
        let cda = STANDARD.decode(encoded).map_err(|_| broken())?;
        let mut spent = own_time().saturating_sub(start);
        let text = std::str::from_utf8(&cda).map_err(|_| broken())?;
        let pdf64 = text
            .split("representation=\"B64\">")
            .nth(1)
            .and_then(|rest| rest.split('<').next())
            .ok_or_else(broken)?;
        let start = own_time();
        for part in [&b"assertion"[..], b"lot"] {
            black_box(soap::rsa_signature(&self.identity, part).unwrap_or_default());
        }
        black_box(soap::canonicalization(&cda).unwrap_or_default());
        black_box(xds::deflate_one(&cda));
        // The address of the message, its digest for repeats, its canonical form for the lot, its hash for XDS.
        for bytes in [message.as_bytes(), message.as_bytes(), &cda] {
            black_box(soap::sha256(bytes));
        }
        black_box(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &cda));
        // The PDF out of the CDA, then archive and PDF into the mail.
        let pdf = STANDARD.decode(pdf64).map_err(|_| broken())?;
        for _ in 0..2 {
            black_box(STANDARD.encode(&pdf));
        }
        spent += own_time().saturating_sub(start);
        Ok(spent)
    }
}
