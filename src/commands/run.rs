//! `jonction run`: the gateway of a folder, until it is asked to stop.

use jonction_engine::Event;
use jonction_model::{Clock as _, SystemClock};
use jonction_settings::Diagnoses;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{asked_to_stop, check::report, data_folder, read_addresses};
use crate::{
    cli::{Common, Ports, RunArgs},
    failure::{Failure, exit, io},
    gateway::{Gateway, Start, check},
    out,
    project::Project,
    show,
    show::live::Live,
};

pub(super) async fn run(args: &RunArgs, common: &Common) -> Result<u8, Failure> {
    let free_ports = args.ports == Ports::Auto;
    let mut diagnoses = Diagnoses::default();
    // Read once for its data folder, where the addresses of other programs stand.
    let of_project = Project::read(&args.dir, None, &mut diagnoses).map(|project| project.gateway.data);
    let data = of_project.map(|of_project| data_folder(common.data.as_ref(), &of_project));
    let mut addresses = match (&data, free_ports) {
        (Some(data), true) => read_addresses(data)?,
        _ => Default::default(),
    };
    diagnoses = Diagnoses::default();
    let checked = check(&args.dir, free_ports.then_some(&addresses), &mut diagnoses);
    let (Some(checked), Some(data), false) = (checked, data, diagnoses.has_errors()) else {
        report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    diagnoses.list().iter().for_each(|warning| out::warn(&warning.render()));
    let routes = show::count(checked.routes.len(), "route");
    let gateway = Gateway::start(checked, Start { data: &data, free_ports }, &mut addresses).await?;
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
    if common.json {
        out::json(&serde_json::json!({"event": "administration", "url": gateway.admin.url()}));
    } else {
        out::say(format!(
            "  administration  {}  (jeton : admin.json du dossier des données)",
            gateway.admin.url()
        ));
    }
    let watching = tokio::spawn(watch(gateway.engine.subscribe(), common.json));
    asked_to_stop().await;
    let whole = gateway.stop().await;
    watching.abort();
    if !common.json {
        let said = if whole {
            "arrêtée : tout ce qui était en cours est fini"
        } else {
            "arrêtée : ce qui était en cours sera repris"
        };
        out::say(format!("  passerelle  {said}"));
    }
    Ok(exit::DONE)
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
