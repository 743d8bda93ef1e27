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
    measure::{Goal, Measure, memory_mb, paired, processor_time},
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

/// Documents measured, after some that warm everything up.
const DOCUMENTS: u32 = 150;
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
        let before = processor_time(&gateway.id());
        let start = Instant::now();
        traffic(to, &simulators, WARM_UP, WARM_UP + DOCUMENTS).await?;
        let took = start.elapsed();
        let after = processor_time(&gateway.id());
        let peak = memory_mb(&gateway.id(), "VmHWM");
        let floor = unavoidable(&workplace)?;
        let mut measures = Vec::new();
        if let (Some(before), Some(after)) = (before, after) {
            let each = |spent: Duration| spent.as_secs_f64() * 1000.0 / f64::from(DOCUMENTS);
            let what = "processeur de la passerelle par document, contre ses parties inévitables";
            let whole = each(after.whole - before.whole);
            measures.push(Measure::new(
                "main-job-cpu",
                what,
                "ms",
                whole,
                Some(floor / 1000.0),
                Goal::RatioAtMost(1.5),
            ));
            let what = "dont le noyau (fichiers, fsync, sockets), qui n'est pas dans les parties inévitables";
            let kernel = each(after.kernel - before.kernel);
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
                // One person in every document: order never holds anything back.
                let serial = u16::try_from(number % 900 + 1).unwrap_or(1);
                let message = imaging_report(&format!("BENCH-{number:05}"), 10_000 + number, serial);
                let sent = sender.send(&Bytes::from(message)).await;
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

/// Microseconds of processor that one document cannot avoid: two RSA signatures, one canonical form, one deflate,
/// hashes of what is stored and sent, base64 in and out.
fn unavoidable(workplace: &Workplace) -> Result<f64, Failure> {
    let mut diagnoses = Diagnoses::default();
    let project = Project::read(&workplace.project, None, &mut diagnoses).ok_or_else(broken)?;
    let authority = dev_authority(&workplace.data, &project.gateway)?;
    let read = |path| std::fs::read(path).map_err(|_| broken());
    let identity = SigningIdentity::from_pem(
        &read(authority.chain_of(Leaf::Sign))?,
        &read(authority.key_of(Leaf::Sign))?,
    )
    .map_err(|_| broken())?;
    let message = imaging_report("BENCH", 9_999, 1);
    let encoded =
        message.split("^XML^Base64^").nth(1).and_then(|rest| rest.split('|').next()).ok_or_else(broken)?;
    let cda = STANDARD.decode(encoded).map_err(|_| broken())?;
    let text = std::str::from_utf8(&cda).map_err(|_| broken())?;
    let pdf64 = text
        .split("representation=\"B64\">")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .ok_or_else(broken)?;
    let cost = |part: &dyn Fn() -> usize| paired(9, part, || ()).0;
    let signature = |bytes| soap::rsa_signature(&identity, bytes).unwrap_or_default();
    let hash = |bytes: &[u8]| usize::from(soap::sha256(black_box(bytes))[0]);
    let sha1 =
        |bytes: &[u8]| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, black_box(bytes)).as_ref().len();
    let parts = [
        cost(&|| signature(b"assertion") + signature(b"lot")),
        cost(&|| soap::canonicalization(&cda).unwrap_or_default()),
        cost(&|| xds::deflate_one(&cda)),
        // The address of the message, its digest for repeats, its canonical form for the lot, its hash for XDS.
        cost(&|| hash(message.as_bytes()) + hash(message.as_bytes()) + hash(&cda) + sha1(&cda)),
        cost(&|| STANDARD.decode(black_box(encoded)).map_or(0, |bytes| bytes.len())),
        // The PDF out of the CDA, then archive and PDF into the mail.
        cost(&|| {
            let pdf = STANDARD.decode(black_box(pdf64)).unwrap_or_default();
            STANDARD.encode(&pdf).len() + STANDARD.encode(&pdf).len()
        }),
    ];
    Ok(parts.iter().sum())
}
