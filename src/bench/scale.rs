//! The gateway at scale: several sinks, many lanes, a million deliveries that wait, ten million messages stored.
//! Large stores are copied row by row from one message that went through; they stand in the system's temporary folder
//! (ten million messages: about 12 GB) and go away afterwards.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use jonction_engine::{
    DeliveryState, Filter, Reader,
    bench_support::{Copies, Load, bare_drain, bare_loop, copy_message, drain, passage, search},
};
use jonction_mllp::{Limits, Sender, Target};

use super::{
    measure::{Goal, Measure, median, memory_mb},
    program::{GatewayProcess, Workplace, broken},
};
use crate::{
    demo::scenes::imaging_report,
    failure::{Failure, io},
};

const TURNS: usize = 3;

/// A folder of its own, gone when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn new(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("jonction-bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| io("dossier de mesure", &path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Intake while every message is routed and delivered to 1, 4 and 16 sinks.
pub(super) fn intake_sinks() -> Result<Vec<Measure>, Failure> {
    let load = Load { connections: 64, messages: 3200, message_bytes: 2048 };
    let mut measures = Vec::new();
    for (lanes, taken, delivered) in [
        (1, "intake-1-sink", "delivered-1-sink"),
        (4, "intake-4-sinks", "delivered-4-sinks"),
        (16, "intake-16-sinks", "delivered-16-sinks"),
    ] {
        let (mut ours, mut ends, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for turn in 0..TURNS {
            let folder = Folder::new(&format!("{taken}-{turn}"))?;
            let passed = passage(&folder.0, load, lanes, 0)?;
            ours.push(passed.taken.per_second());
            ends.push(passed.delivered.per_second() * lanes as f64);
            let folder = Folder::new(&format!("{taken}-bare-{turn}"))?;
            bare.push(bare_loop(&folder.0, load, passed.taken.batch())?.per_second());
        }
        let what =
            "réception durable de 2 Ko pendant que tout est routé et remis, contre une boucle SQLite nue";
        measures.push(Measure::new(
            taken,
            what,
            "per_s",
            median(&mut ours),
            Some(median(&mut bare)),
            Goal::None,
        ));
        let what = "envois remis par seconde, de la réception à la fin, partenaires instantanés";
        measures.push(Measure::new(delivered, what, "per_s", median(&mut ends), None, Goal::None));
    }
    Ok(measures)
}

/// What waits leaves for partners that take everything at once.
pub(super) fn drains() -> Result<Vec<Measure>, Failure> {
    const DELIVERIES: usize = 3200;
    let mut measures = Vec::new();
    for (lanes, name) in [(1, "drain-1-lane"), (64, "drain-64-lanes")] {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for turn in 0..TURNS {
            let folder = Folder::new(&format!("{name}-{turn}"))?;
            let rate = drain(&folder.0, lanes, DELIVERIES)?;
            ours.push(rate.per_second());
            // Two changes per delivery.
            let batch = (2 * DELIVERIES).div_ceil(usize::try_from(rate.commits).unwrap_or(1).max(1));
            let folder = Folder::new(&format!("{name}-bare-{turn}"))?;
            bare.push(bare_drain(&folder.0, DELIVERIES, batch)?.per_second());
        }
        let what = "envois en attente remis par seconde, contre une boucle SQLite nue aux commits aussi gros";
        measures.push(Measure::new(
            name,
            what,
            "per_s",
            median(&mut ours),
            Some(median(&mut bare)),
            Goal::None,
        ));
    }
    Ok(measures)
}

/// Deliveries that wait at the restart.
const WAITING: u32 = 1_000_000;

/// A million deliveries wait for partners that are down: how soon it listens, what it weighs.
pub(super) fn restart() -> Result<Vec<Measure>, Failure> {
    let workplace = Workplace::new("restart")?;
    let waiting = one_waiting_message(&workplace)?;
    let empty = listening_in(&workplace)?.0;
    let count = WAITING.div_ceil(waiting) - 1;
    copy_message(&workplace.data, Copies { count, persons: count, purged: false })?;
    let (listening, peak) = listening_in(&workplace)?;
    let what = "du lancement à l'écoute avec 1 000 000 d'envois en attente, contre le même avec trois";
    let mut measures =
        vec![Measure::new("restart-million", what, "ms", listening, Some(empty), Goal::AtMost(1000.0))];
    if let Some(peak) = peak {
        let what = "mémoire au plus haut, cinq secondes après, partenaires injoignables";
        measures.push(Measure::new("restart-memory", what, "MB", peak, None, Goal::AtMost(200.0)));
    }
    Ok(measures)
}

/// A message all of whose deliveries wait for partners that nobody started. Out: how many they are.
fn one_waiting_message(workplace: &Workplace) -> Result<u32, Failure> {
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Failure::new("bench.broken", error.to_string()))?;
    let gateway = GatewayProcess::launch(workplace)?;
    let target = Target::parse(&format!("mllp://{}", gateway.address)).map_err(|_| broken())?;
    let message = Bytes::from(imaging_report("BENCH-00001", 10_000, 1));
    let sent = runtime.block_on(Sender::new(target, None, &Limits::default()).send(&message));
    if !sent.reply.is_ok_and(|reply| reply.ack.code.is_positive()) {
        return Err(broken());
    }
    let end = Instant::now() + Duration::from_secs(60);
    let mut gateway = Some(gateway);
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
        let found = Reader::open(&workplace.data)?.find(&Filter::default())?;
        let deliveries = found.first().map(|line| line.deliveries.as_slice()).unwrap_or_default();
        if !deliveries.is_empty() && deliveries.iter().all(|one| one.state == DeliveryState::Retrying) {
            // Stopped, they must still stand so: what was being sent would be of unknown outcome.
            if gateway.take().is_none() {
                return Ok(u32::try_from(deliveries.len()).unwrap_or(1));
            }
        } else if gateway.is_none() {
            gateway = Some(GatewayProcess::launch(workplace)?);
        }
    }
    Err(broken())
}

/// Median time to listening in milliseconds, and the memory of the last process at its highest.
fn listening_in(workplace: &Workplace) -> Result<(f64, Option<f64>), Failure> {
    let (mut times, mut peak) = (Vec::new(), None);
    for turn in 0..TURNS {
        let gateway = GatewayProcess::launch(workplace)?;
        times.push(gateway.started_in.as_secs_f64() * 1000.0);
        if turn == TURNS - 1 {
            std::thread::sleep(Duration::from_secs(5));
            peak = memory_mb(&gateway.id(), "VmHWM");
        }
    }
    Ok((median(&mut times), peak))
}

const MANY: Copies = Copies { count: 10_000_000, persons: 2_000_000, purged: true };
const FEW: Copies = Copies { count: 10_000, persons: 2_000, purged: true };

/// Ten million messages whose bodies are purged: the search by patient, and what one more message costs.
pub(super) fn stored() -> Result<Vec<Measure>, Failure> {
    let (few, many) = (Folder::new("stored-few")?, Folder::new("stored-many")?);
    for (folder, copies) in [(&few, FEW), (&many, MANY)] {
        let one = Load { connections: 1, messages: 1, message_bytes: 2048 };
        passage(&folder.0, one, 1, 0)?;
        copy_message(&folder.0, copies)?;
    }
    let (of_few, of_many) = (search_p99(&few.0, FEW)?, search_p99(&many.0, MANY)?);
    let what = "recherche par patient, 99e centile, 10 millions de messages, contre 10 mille";
    let mut measures =
        vec![Measure::new("search-patient", what, "ms", of_many, Some(of_few), Goal::AtMost(50.0))];
    let load = Load { connections: 16, messages: 4000, message_bytes: 2048 };
    let (mut costs, mut of_few) = (Vec::new(), Vec::new());
    for turn in 0..2 * TURNS {
        let first = 1 + turn * load.messages;
        let cost = |folder: &Path| {
            let passed = passage(folder, load, 1, first)?;
            Ok::<f64, Failure>(1e6 / passed.delivered.per_second())
        };
        let (many, few) = (cost(&many.0)?, cost(&few.0)?);
        // The first turn warms both.
        if turn > 0 {
            costs.push(many);
            of_few.push(few);
        }
    }
    let what = "coût d'un message de plus (reçu, routé, remis), 10 millions de messages, contre 10 mille";
    let (many, few) = (median(&mut costs), median(&mut of_few));
    measures.push(Measure::new("cost-stored", what, "us", many, Some(few), Goal::RatioAtMost(1.2)));
    Ok(measures)
}

fn search_p99(folder: &Path, copies: Copies) -> Result<f64, Failure> {
    let (mut times, found) = search(folder, copies, 1000)?;
    if found == 0 {
        return Err(broken());
    }
    times.sort_unstable();
    Ok(times[times.len() * 99 / 100].as_secs_f64() * 1000.0)
}
