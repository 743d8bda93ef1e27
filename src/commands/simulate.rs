//! `jonction simulate`: the simulators of a folder, until they are asked to stop. What they receive is in files.

use jonction_settings::Diagnoses;

use super::{asked_to_stop, check::report, data_folder, read_addresses};
use crate::{
    addresses::Addresses,
    cli::{Common, Ports, RunArgs},
    failure::{Failure, exit, io},
    out,
    project::Project,
    show,
    simulators::{Running, Simulators},
};

pub(super) async fn run(args: &RunArgs, common: &Common) -> Result<u8, Failure> {
    let mut diagnoses = Diagnoses::default();
    let project = Project::read(common.folder(&args.dir), None, &mut diagnoses);
    let simulators = Simulators::read(&args.dir, &mut diagnoses);
    let (Some(project), Some(simulators), false) = (project, simulators, diagnoses.has_errors()) else {
        report(&diagnoses, 2, common.json);
        return Ok(exit::CONFIGURATION);
    };
    let data = data_folder(common.data.as_ref(), &project.gateway.data);
    let free_ports = args.ports == Ports::Auto;
    // A gateway that already runs keeps its own line.
    let mut addresses = if free_ports { read_addresses(&data)? } else { Addresses::default() };
    let running = simulators.start(&project.gateway, &data, free_ports, &mut addresses)?;
    if free_ports {
        addresses.write(&data).map_err(|error| io("addresses.json ne s'écrit pas", &data, &error))?;
    }
    if common.json {
        for (name, address) in running.addresses() {
            out::json(&serde_json::json!({"event": "listening", "simulator": name, "address": address}));
        }
    } else {
        running.describe().iter().for_each(out::say);
        out::say(format!("  ce qu'ils reçoivent : {}", data.join("simulateurs").display()));
    }
    asked_to_stop().await;
    if !common.json {
        out::say(verdicts(&running));
    }
    running.stop().await;
    Ok(exit::DONE)
}

/// One line: how many requests were judged, how many did not conform.
fn verdicts(running: &Running) -> String {
    let judged = running.verdicts();
    let wrong = judged.iter().filter(|judged| !judged.conforms()).count();
    format!("  jugés {}, non conformes {wrong}", show::count(judged.len(), "échange"))
}
