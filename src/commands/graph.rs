//! `jonction graph`: the routes of a folder, drawn.

use std::fs;

use jonction_settings::Diagnoses;

use super::check::report;
use crate::{
    cli::{Common, GraphArgs},
    failure::{Failure, exit, io},
    gateway,
    graph::Picture,
    out,
};

pub(super) fn run(args: &GraphArgs, common: &Common) -> Result<u8, Failure> {
    let mut diagnoses = Diagnoses::default();
    let checked = gateway::check(common.folder(&args.dir), None, &mut diagnoses);
    let Some(checked) = checked.filter(|_| !diagnoses.has_errors()) else {
        report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    let only = args.route.as_deref();
    if let Some(name) = only
        && !checked.routes.iter().any(|route| route.name.as_str() == name)
    {
        let known: Vec<_> = checked.routes.iter().map(|route| route.name.as_str()).collect();
        return Err(Failure::usage("graph.unknown-route", format!("aucune route ne s'appelle « {name} »"))
            .remedy(format!("routes connues : {}", known.join(", "))));
    }
    let picture = Picture::of(&checked.routes, &checked.partners, only);
    if let Some(path) = &args.svg {
        fs::write(path, picture.to_svg()).map_err(|error| io("ce fichier ne s'écrit pas", path, &error))?;
    }
    match (common.json, &args.svg) {
        (true, _) => out::json(&picture),
        (false, Some(path)) => out::say(format!("dessiné dans {}", path.display())),
        (false, None) => out::write(&picture.to_text()),
    }
    Ok(exit::DONE)
}
