//! `jonction demo`: everything in one process, and a verdict.

use std::{path::Path, time::Duration};

use jonction_engine::{Event, Window};
use jonction_model::{Clock as _, SystemClock};
use jonction_settings::Diagnoses;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use super::{asked_to_stop, check::report};
use crate::{
    addresses::Addresses,
    cli::{Common, DemoArgs},
    demo::{
        material,
        scenes::{self, Scene},
        sender, verify,
    },
    failure::{Failure, exit, io},
    gateway::{Gateway, Start, check},
    letters::document_id,
    out, show,
    show::live::Live,
    simulators::{Running, Simulators},
};

/// Longest wait for one message to be done with, retries included.
const SCENE_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(args: &DemoArgs, common: &Common) -> Result<u8, Failure> {
    let data = common.data.clone().unwrap_or_else(|| Path::new("data").join("demo"));
    let folder = material::prepare(&data)
        .map_err(|error| io("la démonstration ne peut pas s'installer", &data, &error))?;
    say(
        common,
        format!(
            "Jonction {} · démonstration : un établissement, le DMP, deux opérateurs MSSanté, tout en local\n",
            env!("CARGO_PKG_VERSION")
        ),
    );
    let mut diagnoses = Diagnoses::default();
    let mut addresses = Addresses::default();
    let Some(simulators) = Simulators::read(&folder, &mut diagnoses) else { return broken(&diagnoses) };
    let Some(project) = crate::project::Project::read(&folder, None, &mut diagnoses) else {
        return broken(&diagnoses);
    };
    let simulators = simulators.start(&project.gateway, &data, true, &mut addresses)?;
    let Some(checked) = check(&folder, Some(&addresses), &mut diagnoses) else { return broken(&diagnoses) };
    if diagnoses.has_errors() {
        return broken(&diagnoses);
    }
    let routes = show::count(checked.routes.len(), "route");
    let gateway = {
        let start = Start { data: &data, free_ports: true, screen: None, reload: None };
        Gateway::start(checked, start, &mut addresses).await?
    };
    addresses.write(&data).map_err(|error| io("addresses.json ne s'écrit pas", &data, &error))?;
    simulators.describe().into_iter().for_each(|line| say(common, line));
    for (partner, address) in &gateway.listening {
        say(
            common,
            format!("  passerelle   mllp {address} ({partner})   {routes}, journal {}\n", data.display()),
        );
    }
    let wrong = morning(&gateway, &simulators, common).await?;
    let verdict = finish(&wrong, &gateway, &simulators, &data, common)?;
    if args.keep && !common.json {
        out::say("\n  tout reste ouvert ; Ctrl-C pour finir");
        asked_to_stop().await;
    }
    gateway.stop().await;
    simulators.stop().await;
    Ok(verdict)
}

fn say(common: &Common, line: String) {
    if !common.json {
        out::say(line);
    }
}

/// The example is part of the program: an error in it is ours.
fn broken(diagnoses: &Diagnoses) -> Result<u8, Failure> {
    report(diagnoses, 1, false);
    Err(Failure::new("demo.broken", "la configuration de la démonstration est fausse"))
}

/// Sends the messages one after the other, each done with before the next leaves. Out: what went wrong.
async fn morning(gateway: &Gateway, simulators: &Running, common: &Common) -> Result<Vec<String>, Failure> {
    let scenes = scenes::scenes();
    let titles = scenes.iter().map(|scene| (control_id(scene), scene.title.to_owned()));
    let mut live = Live::with_titles(titles);
    let mut shown = gateway.engine.subscribe();
    let mut wrong = Vec::new();
    let Some((_, listening)) = gateway.listening.first() else {
        return Err(Failure::new("demo.broken", "la passerelle n'écoute nulle part"));
    };
    for scene in &scenes {
        if let (Some(dmp), false) = (&simulators.dmp, scene.dmp_faults.is_empty()) {
            dmp.set_faults(scene.dmp_faults.iter().copied())
                .map_err(|error| Failure::new("demo.broken", error.sentence))?;
        }
        let mut heard = gateway.engine.subscribe();
        let control_id = control_id(scene);
        let ack = sender::send(*listening, &scene.message, scene.sending, &control_id, &mut heard).await;
        if !watch_until_idle(gateway, &mut shown, &mut live, common).await {
            wrong.push(format!("{} : toujours en cours après {} s", scene.file, SCENE_MAX.as_secs()));
        }
        let ack = ack.unwrap_or_else(|why| why);
        let journeys = gateway.engine.reader().journey(&control_id)?;
        wrong.extend(verify::journey(scene, &ack, journeys.first()));
    }
    Ok(wrong)
}

/// MSH-10 of a scene: our messages have it in their tenth field.
fn control_id(scene: &Scene) -> String {
    scene.message.split('|').nth(9).unwrap_or_default().to_owned()
}

/// Shows what happens until nothing is left to do. `false`: it took too long.
async fn watch_until_idle(
    gateway: &Gateway,
    events: &mut Receiver<Event>,
    live: &mut Live,
    common: &Common,
) -> bool {
    let mut show = |event: &Event| {
        if common.json {
            out::json(event);
        } else {
            live.lines(event, SystemClock.now()).iter().for_each(out::say);
        }
    };
    let idle = tokio::time::timeout(SCENE_MAX, gateway.engine.wait_idle());
    tokio::pin!(idle);
    let in_time = loop {
        tokio::select! {
            done = &mut idle => break done.is_ok(),
            Ok(event) = events.recv() => show(&event),
        }
    };
    loop {
        match events.try_recv() {
            Ok(event) => show(&event),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return in_time,
        }
    }
}

/// The balance, what the partners hold, the verdict.
fn finish(
    wrong: &[String],
    gateway: &Gateway,
    simulators: &Running,
    data: &Path,
    common: &Common,
) -> Result<u8, Failure> {
    let balance = gateway.engine.reader().balance(Window::default())?;
    let mut wrong = wrong.to_vec();
    wrong.extend(verify::balance(&balance));
    wrong.extend(verify::verdicts(&simulators.verdicts()));
    if let Some(dmp) = &simulators.dmp {
        let held: Vec<(String, String)> = dmp
            .documents()
            .iter()
            .filter(|document| !document.signature)
            .map(|document| (document.unique_id.clone(), document.status.clone()))
            .collect();
        wrong.extend(verify::registry(&held, &expected_registry()));
    }
    if common.json {
        out::json(&serde_json::json!({"event": "verdict", "wrong": wrong, "balance": balance}));
    } else {
        out::say("");
        out::say(show::balance::messages(&balance.total.messages));
        out::say(show::balance::deliveries(&balance.total.deliveries));
        let judged = simulators.verdicts().len();
        out::say(format!(
            "  contrôles  {} par les simulateurs, chacun selon les exigences de son texte",
            format_args!("{judged} échanges jugés")
        ));
        out::say(format!(
            "  voir       jonction journey 9 --data {0} · jonction parked list --data {0} · courriels : {0}/simulateurs/boites",
            data.display()
        ));
        wrong.iter().for_each(|line| out::say(format!("  FAUX       {line}")));
    }
    Ok(if wrong.is_empty() { exit::DONE } else { exit::FINDINGS })
}

/// Every document of the morning that must be in the registry, once, and how it stands there at the end.
fn expected_registry() -> Vec<(String, &'static str)> {
    let approved = [311, 312, 341, 361, 371].map(|number| (document_id(number), "Approved"));
    let mut expected = approved.to_vec();
    expected.push((document_id(301), "Deprecated"));
    expected.push((document_id(302), "Deleted"));
    expected
}
