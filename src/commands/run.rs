//! `jonction run`: the gateway of a folder, until it is asked to stop.

use std::sync::Arc;

use jonction_admin::Reloaded;
use jonction_engine::Event;
use jonction_model::{Clock as _, SystemClock};
use jonction_settings::Diagnoses;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{check::report, data_folder, read_addresses};
use crate::{
    addresses::Addresses,
    cli::{Common, Ports, RunArgs},
    failure::{Failure, exit, io},
    gateway::{Gateway, Start, check},
    out,
    project::{Folder, Project},
    reloading::reloads,
    show,
    show::{alert::Screen, live::Live},
    signals::{Asked, Signals},
};

pub(super) async fn run(args: &RunArgs, common: &Common) -> Result<u8, Failure> {
    // Heard from the first moment on: a hang-up during the start is answered after it.
    let mut signals = Signals::new().map_err(|error| Failure::new("signals.unheard", error.to_string()))?;
    let free_ports = args.ports == Ports::Auto;
    let mut diagnoses = Diagnoses::default();
    // Read once for its data folder, where the addresses of other programs stand.
    let of_project =
        Project::read(common.folder(&args.dir), None, &mut diagnoses).map(|project| project.gateway.data);
    let data = of_project.map(|of_project| data_folder(common.data.as_ref(), &of_project));
    let mut addresses = match (&data, free_ports) {
        (Some(data), true) => read_addresses(data)?,
        _ => Default::default(),
    };
    diagnoses = Diagnoses::default();
    let checked = check(common.folder(&args.dir), free_ports.then_some(&addresses), &mut diagnoses);
    let (Some(checked), Some(data), false) = (checked, data, diagnoses.has_errors()) else {
        report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    diagnoses.list().iter().for_each(|warning| out::warn(&warning.render()));
    let routes = show::count(checked.routes.len(), "route");
    let screen = Arc::new(Screen { json: common.json });
    let (door, mut reloads) = reloads();
    if checked.project.gateway.watch_routes {
        reloads.watch(&args.dir);
    }
    let start = Start { data: &data, free_ports, screen: Some(screen), reload: Some(door) };
    let mut gateway = Gateway::start(checked, start, &mut addresses).await?;
    if free_ports {
        addresses.write(&data).map_err(|error| io("addresses.json ne s'écrit pas", &data, &error))?;
    }
    for (partner, address) in &gateway.listening {
        if common.json {
            out::json(&serde_json::json!({"event": "listening", "partner": partner, "address": address}));
        } else {
            out::say(format!(
                "  passerelle  mllp {address}  ({partner})   {routes}, journal {}",
                data.display()
            ));
        }
    }
    for (partner, what) in &gateway.watching {
        if common.json {
            out::json(&serde_json::json!({"event": "watching", "partner": partner, "what": what}));
        } else {
            out::say(format!("  relève      {what}  ({partner})   {routes}, journal {}", data.display()));
        }
    }
    if common.json {
        out::json(&serde_json::json!({"event": "administration", "url": gateway.admin.url()}));
    } else {
        out::say(format!(
            "  administration  {}  (jeton : admin.json du dossier des données)",
            gateway.admin.url()
        ));
    }
    let watching = tokio::spawn(watch(gateway.engine.subscribe(), common.json));
    loop {
        let asker = tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => None,
            },
            asker = reloads.next() => asker,
        };
        let addresses = free_ports.then_some(&addresses);
        let reloaded = reload(&mut gateway, common.folder(&args.dir), addresses, common).await;
        if let Some(asker) = asker {
            // Whoever asked may have gone.
            let _ = asker.send(reloaded);
        }
    }
    if common.json {
        out::json(&serde_json::json!({"event": "stopping"}));
    } else {
        out::say(
            "  passerelle  s'arrête : plus rien n'est reçu, ce qui est en cours se finit (encore Ctrl-C : tout de suite)",
        );
    }
    let whole = tokio::select! {
        whole = gateway.stop() => whole,
        () = signals.stop() => at_once(common),
    };
    watching.abort();
    if !common.json {
        let said = if whole {
            "arrêtée : tout ce qui était en cours est fini"
        } else {
            "arrêtée : ce qui était en cours sera repris"
        };
        out::say(format!("  passerelle  {said}"));
    }
    Ok(if whole { exit::DONE } else { exit::FINDINGS })
}

/// A second signal: like a power cut, which the journal is made for. Nothing is lost; what was being sent is of unknown
/// outcome, and its partner is asked first after the next start, where its rules allow it.
fn at_once(common: &Common) -> ! {
    if !common.json {
        out::say("  passerelle  arrêtée tout de suite : ce qui était en cours sera repris");
    }
    std::process::exit(exit::FINDINGS.into())
}

async fn reload(
    gateway: &mut Gateway,
    folder: Folder<'_>,
    addresses: Option<&Addresses>,
    common: &Common,
) -> Reloaded {
    let (diagnoses, reloaded) = gateway.reload(folder, addresses).await;
    diagnoses.list().iter().for_each(|diagnosis| out::warn(&diagnosis.render()));
    let told = diagnoses.list().iter().map(|diagnosis| serde_json::to_value(diagnosis.to_json()));
    let answer = Reloaded {
        certificates: reloaded.material,
        routes: reloaded.routes,
        version: reloaded.version.clone(),
        diagnoses: told.filter_map(Result::ok).collect(),
    };
    if common.json {
        out::json(&serde_json::json!({
            "event": "reloaded", "certificates": reloaded.material, "routes": reloaded.routes,
            "version": reloaded.version,
        }));
        return answer;
    }
    let certificates =
        if reloaded.material { "certificats relus" } else { "certificats refusés : les anciens servent" };
    let routes = match reloaded.routes {
        Some(count) => format!("{} en service", show::count(count, "route")),
        None => "configuration refusée : les routes d'avant servent".to_owned(),
    };
    out::say(format!("  passerelle  {certificates} ; {routes}"));
    answer
}

/// Shows what happens, as it happens.
async fn watch(mut events: Receiver<Event>, json: bool) {
    let mut live = Live::default();
    loop {
        match events.recv().await {
            Ok(event) if json => out::json(&event),
            Ok(event) => live.lines(&event, SystemClock.now()).iter().for_each(out::say),
            Err(RecvError::Lagged(missed)) => {
                out::warn(&format!("  … {missed} événements n'ont pas été affichés (tout est au journal)\n"));
            }
            Err(RecvError::Closed) => return,
        }
    }
}
