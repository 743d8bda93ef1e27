//! The program as a whole process: how soon it listens, what it weighs when idle, how long the demonstration takes.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::measure::{Goal, Measure, memory_mb};
use crate::{
    demo::material,
    failure::{Failure, io},
};

/// A folder that goes away with the measure.
pub(super) struct Workplace {
    /// The data folder.
    pub(super) data: PathBuf,
    /// The example, written into it.
    pub(super) project: PathBuf,
}

impl Workplace {
    pub(super) fn new(name: &str) -> Result<Self, Failure> {
        let data = env::temp_dir().join(format!("jonction-bench-{name}-{}", std::process::id()));
        let project = material::prepare(&data).map_err(|error| io("dossier de mesure", &data, &error))?;
        Ok(Self { data, project })
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // What stays behind is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// This program as a child: a gateway that listens.
pub(super) struct GatewayProcess {
    child: Child,
    /// Where it listens.
    pub(super) address: String,
    /// From the launch to the first word that it listens.
    pub(super) started_in: Duration,
}

impl GatewayProcess {
    pub(super) fn launch(workplace: &Workplace) -> Result<Self, Failure> {
        let start = Instant::now();
        let mut child = this_program()?
            .arg("run")
            .arg(&workplace.project)
            .args(["--ports", "auto", "--json", "--data"])
            .arg(&workplace.data)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| io("la passerelle ne se lance pas", Path::new("jonction"), &error))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or_else(broken)?).lines();
        let first = lines.next().and_then(Result::ok).ok_or_else(broken)?;
        let started_in = start.elapsed();
        let told: serde_json::Value = serde_json::from_str(&first).map_err(|_| broken())?;
        let address = told["address"].as_str().ok_or_else(broken)?.to_owned();
        // What it says of each event must be read, or it would wait for us.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address, started_in })
    }

    /// Its process number, as `/proc` writes it.
    pub(super) fn id(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn this_program() -> Result<Command, Failure> {
    env::current_exe()
        .map(Command::new)
        .map_err(|error| io("ce programme ne se trouve pas", Path::new("jonction"), &error))
}

pub(super) fn broken() -> Failure {
    Failure::new("bench.broken", "la passerelle de la mesure n'a pas répondu comme prévu")
}

/// Start to listening, and memory when nothing happens.
pub(super) fn start() -> Result<Vec<Measure>, Failure> {
    let workplace = Workplace::new("start")?;
    // The first launch makes the test certificates: it is not measured.
    drop(GatewayProcess::launch(&workplace)?);
    let mut times = Vec::new();
    let mut idle = None;
    for _ in 0..5 {
        let gateway = GatewayProcess::launch(&workplace)?;
        times.push(gateway.started_in.as_secs_f64() * 1000.0);
        idle = memory_mb(&gateway.id(), "VmRSS");
    }
    let listening = super::measure::median(&mut times);
    let mut measures = vec![Measure::new(
        "start-to-listening",
        "du lancement à l'écoute",
        "ms",
        listening,
        None,
        Goal::None,
    )];
    if let Some(idle) = idle {
        measures.push(Measure::new("idle-memory", "mémoire au repos", "MB", idle, None, Goal::AtMost(60.0)));
    }
    Ok(measures)
}

/// The whole demonstration.
pub(super) fn demo() -> Result<Vec<Measure>, Failure> {
    let workplace = Workplace::new("demo")?;
    let start = Instant::now();
    let status = this_program()?
        .args(["demo", "--json", "--data"])
        .arg(&workplace.data)
        .stdout(Stdio::null())
        .status()
        .map_err(|error| io("la démonstration ne se lance pas", Path::new("jonction"), &error))?;
    if !status.success() {
        return Err(Failure::new("bench.broken", "la démonstration a échoué"));
    }
    let took = start.elapsed().as_secs_f64();
    Ok(vec![Measure::new(
        "demo",
        "la démonstration, certificats d'essai compris",
        "s",
        took,
        None,
        Goal::AtMost(20.0),
    )])
}
