//! One round: partners, a data folder, letters, and a gateway killed at drawn moments; then everything comes to rest.
//! In: a number of kills, a seed. Out: what the judge counted. In the second half, the partners fail too.

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jonction_crash::dice::Dice;
use jonction_engine::{Reader, Window};
use jonction_settings::Diagnoses;
use tokio::{
    runtime::Runtime,
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use super::{
    Counts,
    gateway::{Gateway, Word},
    judge::{self, Seen},
    letters::Sending,
    sender::Link,
};
use crate::{
    addresses::Addresses,
    demo::material,
    failure::{Failure, io},
    project::Project,
    simulators::{self, Simulators},
};

/// Links of the hospital.
const LINKS: usize = 4;
/// Letters per kill.
const LETTERS_PER_KILL: u64 = 3;
/// Longest life after it listens.
const LIFE_MAX_MS: u64 = 400;
/// Lives that are killed before they listen, in percent.
const STILLBORN_PERCENT: u64 = 12;
/// What partners do in the second half. Those that take and hang up without a word leave as many unknown outcomes as
/// kills do.
const DMP_FAULTS: [&str; 3] = ["drop-after-receiving rate 0.1", "busy rate 0.1", "http-503 rate 0.1"];
const MAIL_FAULTS: [&str; 3] = ["dup rate 0.1", "drop-data rate 0.1", "busy rate 0.1"];
const LPS_FAULTS: [&str; 3] = ["drop rate 0.1", "ack-ar rate 0.1", "close-each rate 0.1"];
/// Longest wait for everything to come to rest.
const REST_MAX: Duration = Duration::from_secs(180);

/// What a round gave.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) counts: Counts,
    pub(super) interrupted: u64,
    pub(super) recovery_ms_max: u64,
    pub(super) wrong: Vec<String>,
}

/// A folder that goes away with the round.
struct Place {
    data: PathBuf,
    project: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays behind is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn broken(sentence: impl Into<String>) -> Failure {
    Failure::new("prove.broken", sentence)
}

pub(super) fn run(
    number: u64,
    kills: u64,
    mut dice: Dice,
    progress: &mut dyn FnMut(String),
) -> Result<Round, Failure> {
    let data = env::temp_dir().join(format!("jonction-prove-{}-{number}", std::process::id()));
    let project = material::prepare(&data).map_err(|error| io("dossier de la preuve", &data, &error))?;
    let place = Place { data, project };
    impatient(&place)?;
    let runtime = Runtime::new().map_err(|error| broken(error.to_string()))?;
    let simulators = runtime.block_on(async { start_simulators(&place) })?;
    let count = usize::try_from(kills * LETTERS_PER_KILL + 1).unwrap_or(usize::MAX);
    let letters: Vec<Arc<Sending>> = (0..count).map(|at| Arc::new(Sending::number(at))).collect();
    let (told, address) = watch::channel(None);
    let permits = Arc::new(Semaphore::new(0));
    let links = start_links(&runtime, &letters, &address, &permits, &dice);

    let mut round = Round::default();
    for kill in 0..kills {
        if kill == kills / 2 {
            misbehave(&simulators)?;
        }
        permits.add_permits(usize::try_from(LETTERS_PER_KILL).unwrap_or(1));
        if let Some(took) = live_and_die(&place, &mut dice, &told)? {
            round.recovery_ms_max = round.recovery_ms_max.max(took);
        }
        if (kill + 1) % 25 == 0 {
            progress(format!("… {} arrêts brutaux", kill + 1));
        }
    }
    permits.add_permits(count);
    let last = Gateway::launch(&place.project, &place.data)?;
    let end = Instant::now() + REST_MAX;
    let rested = rest(&place, &last, &told, letters.len() as u64, end)?;
    runtime.block_on(async {
        for link in links {
            match tokio::time::timeout_at(end.into(), link).await {
                Ok(Ok(wrong)) => round.wrong.extend(wrong),
                _ => round.wrong.push("a link of the sender never came to its end".to_owned()),
            }
        }
    });
    round.counts.broken += round.wrong.len() as u64;
    if !rested {
        round.counts.broken += 1;
        round.wrong.push(format!("not at rest after {} s", REST_MAX.as_secs()));
    }
    last.kill();
    let seen = Seen::of(&simulators);
    let judged = judge::judge(&place.data, &letters, &seen)?;
    round.counts.add(&judged.counts);
    round.interrupted = judged.interrupted;
    round.wrong.extend(judged.wrong);
    runtime.block_on(simulators.stop());
    Ok(round)
}

fn start_simulators(place: &Place) -> Result<simulators::Running, Failure> {
    let mut diagnoses = Diagnoses::default();
    let wrong = || broken("la configuration de la preuve est fausse");
    let simulators = Simulators::read(&place.project, &mut diagnoses).ok_or_else(wrong)?;
    let project = Project::read(&place.project, None, &mut diagnoses).ok_or_else(wrong)?;
    let mut addresses = Addresses::default();
    let running = simulators.start(&project.gateway, &place.data, true, &mut addresses)?;
    addresses.write(&place.data).map_err(|error| io("addresses.json", &place.data, &error))?;
    Ok(running)
}

fn start_links(
    runtime: &Runtime,
    letters: &[Arc<Sending>],
    address: &watch::Receiver<Option<SocketAddr>>,
    permits: &Arc<Semaphore>,
    dice: &Dice,
) -> Vec<JoinHandle<Vec<String>>> {
    let link = |number: usize| Link {
        letters: letters.iter().filter(|letter| letter.person % LINKS == number).cloned().collect(),
        address: address.clone(),
        permits: permits.clone(),
        dice: dice.fork(1 + number as u64),
    };
    (0..LINKS).map(|number| runtime.spawn(link(number).run())).collect()
}

/// The example waits a minute between two attempts, which a proof has no time for: a second at most.
fn impatient(place: &Place) -> Result<(), Failure> {
    let path = place.project.join("routes/documents.yaml");
    let failed = |error| io("route de la preuve", &path, &error);
    let route = fs::read_to_string(&path).map_err(failed)?;
    let hasty = route
        .replace("max: 60s", "max: 1s")
        .replace("- zam: sil", "- zam: sil\n    retry: { initial: 300ms, max: 1s, give_up: 3j }");
    fs::write(&path, hasty).map_err(failed)
}

/// The partners fail from now on.
fn misbehave(simulators: &simulators::Running) -> Result<(), Failure> {
    let failed = |error: jonction_simkit::PlanError| broken(error.sentence);
    if let Some(dmp) = &simulators.dmp {
        dmp.set_faults(DMP_FAULTS).map_err(failed)?;
    }
    if let Some(mssante) = &simulators.mssante {
        mssante.faults().replace(MAIL_FAULTS).map_err(failed)?;
    }
    if let Some(lps) = &simulators.lps {
        lps.play(LPS_FAULTS).map_err(failed)?;
    }
    Ok(())
}

/// One life, and its violent end. Out: how long it took to listen, in milliseconds, if it came so far.
fn live_and_die(
    place: &Place,
    dice: &mut Dice,
    told: &watch::Sender<Option<SocketAddr>>,
) -> Result<Option<u64>, Failure> {
    let gateway = Gateway::launch(&place.project, &place.data)?;
    let (stillborn, life) = (dice.percent(STILLBORN_PERCENT), Duration::from_millis(dice.below(LIFE_MAX_MS)));
    let mut listened = None;
    let mut end = Instant::now() + if stillborn { life / 8 } else { REST_MAX };
    while let Some(word) = gateway.word_until(end) {
        if let Word::Listens(address) = word {
            listened = Some(u64::try_from(gateway.age().as_millis()).unwrap_or(u64::MAX));
            told.send_replace(Some(address));
            end = Instant::now() + life;
        }
    }
    gateway.kill();
    if listened.is_none() && !stillborn {
        return Err(broken("la passerelle ne se remet pas à écouter après un arrêt brutal"));
    }
    Ok(listened)
}

/// Waits until every letter came and nothing is left to do. An idle moment may be told before the next letter comes: the
/// journal decides.
fn rest(
    place: &Place,
    gateway: &Gateway,
    told: &watch::Sender<Option<SocketAddr>>,
    letters: u64,
    end: Instant,
) -> Result<bool, Failure> {
    while let Some(word) = gateway.word_until(end) {
        match word {
            Word::Listens(address) => drop(told.send_replace(Some(address))),
            Word::Idle => {
                let total = Reader::open(&place.data)?.balance(Window::default())?.total;
                let came = total.messages.received - total.messages.repeated;
                if came >= letters && total.messages.waiting + total.deliveries.in_flight == 0 {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
