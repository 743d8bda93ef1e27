//! `jonction check`: the whole configuration of a folder, nothing opened, every mistake told.

use jonction_settings::Diagnoses;

use crate::{
    cases::case::read_all,
    cli::{Common, DirArgs},
    failure::{Failure, exit},
    gateway, out, show,
    simulators::Simulators,
};

pub(super) fn run(args: &DirArgs, common: &Common) -> Result<u8, Failure> {
    let mut diagnoses = Diagnoses::default();
    let checked = gateway::check(common.folder(&args.dir), None, &mut diagnoses);
    let mut files = checked.as_ref().map_or(0, |checked| checked.project.files);
    if let Some(checked) = &checked {
        files += read_all(&checked.project, &checked.partners, &mut diagnoses).len();
    }
    if args.dir.join("simulators.yaml").exists() {
        Simulators::read(&args.dir, &mut diagnoses);
        files += 1;
    }
    report(&diagnoses, files, common.json);
    if diagnoses.has_errors() {
        return Ok(exit::CONFIGURATION);
    }
    if let (Some(checked), false) = (checked, common.json) {
        let routes = show::count(checked.routes.len(), "route");
        out::say(format!(
            "{routes}, {}. Prêt : jonction run {}",
            show::count(checked.partners.len(), "partenaire"),
            args.dir.display()
        ));
    }
    Ok(exit::DONE)
}

/// Every diagnosis, then their count.
pub(super) fn report(diagnoses: &Diagnoses, files: usize, json: bool) {
    if json {
        diagnoses.list().iter().for_each(|diagnosis| out::json(&diagnosis.to_json()));
        return;
    }
    diagnoses.list().iter().for_each(|diagnosis| out::write(&diagnosis.render()));
    let (errors, warnings) = diagnoses.counts();
    let warnings = show::count(warnings, "avertissement");
    out::say(format!(
        "{}, {warnings} dans {}. Rien n'a été modifié.",
        show::count(errors, "erreur"),
        show::count(files, "fichier")
    ));
}
