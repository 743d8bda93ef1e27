//! `jonction package key | build | verify | install | list`: routes that regions share, as files that can be mailed.

use std::{fs, path::Path};

use jonction_model::{Clock as _, SystemClock};
use jonction_settings::{Diagnoses, Level};
use serde_json::json;

use super::{check::report, test::failing_cases};
use crate::{
    cases::case::read_all,
    cli::{Common, PackageAction, PackageArgs},
    failure::{Failure, exit, io},
    gateway, out,
    packages::{Archive, build, install, signature},
    project::Project,
    show::count,
};

pub(super) fn run(args: &PackageArgs, common: &Common) -> Result<u8, Failure> {
    match &args.action {
        PackageAction::Key { file } => {
            signature::make(file)?;
            out::say(format!(
                "{} signe, à garder secret ; {} vérifie, à donner",
                file.display(),
                signature::public_path(file).display()
            ));
            Ok(exit::DONE)
        }
        PackageAction::Build { dir, name, version, about, key, into } => {
            let title = build::Title {
                name: name.clone(),
                version: version.clone(),
                about: about.clone().unwrap_or_default(),
                made_at: SystemClock.now(),
            };
            make(dir, title, key.as_deref(), into.as_deref(), common)
        }
        PackageAction::Verify { file, key } => verify(file, key.as_deref(), common),
        PackageAction::Install { file, dir, key } => put(file, dir, key.as_deref(), common),
        PackageAction::List { dir } => list(dir, common),
    }
}

fn make(
    dir: &Path,
    title: build::Title,
    key: Option<&Path>,
    into: Option<&Path>,
    common: &Common,
) -> Result<u8, Failure> {
    let mut diagnoses = Diagnoses::default();
    let checked = gateway::check(common.folder(dir), None, &mut diagnoses);
    let cases = checked.as_ref().map(|checked| read_all(&checked.project, &checked.partners, &mut diagnoses));
    let (Some(checked), Some(cases), false) = (checked, cases, diagnoses.has_errors()) else {
        report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    if let Some(failed) = failing_cases(dir, common)? {
        return Err(failed.remedy("jonction test dit ce qui diffère ; un paquet se fait de cas qui passent"));
    }
    let warnings = diagnoses.list().iter().filter(|diagnosis| diagnosis.level == Level::Warning).count();
    let name = format!("{}-{}.paquet.zip", title.name, title.version);
    let (manifest, files) = build::build(&checked, &cases, warnings, title)?;
    let bytes = build::pack(&manifest, &files, key)?;
    let path = into.map_or_else(|| Path::new(&name).to_owned(), Path::to_owned);
    fs::write(&path, &bytes).map_err(|error| io("ce paquet ne s'écrit pas", &path, &error))?;
    if common.json {
        out::json(&json!({ "file": path, "manifest": manifest, "signed": key.is_some() }));
    } else {
        out::say(format!(
            "{} : {}, {}, {} ; {}",
            path.display(),
            count(manifest.routes.len(), "route"),
            count(manifest.files.len(), "fichier"),
            count(manifest.checked.cases, "cas conforme"),
            if key.is_some() { "signé" } else { "non signé (--key)" }
        ));
    }
    Ok(exit::DONE)
}

/// An archive that holds together, and whose signature holds when a key is given.
fn judged(file: &Path, key: Option<&Path>) -> Result<Archive, Failure> {
    let archive = Archive::read(file)?;
    let Some(key) = key else { return Ok(archive) };
    let signed = match &archive.signature {
        Some(signature) => signature::holds(&archive.manifest_bytes, signature, key)?,
        None => false,
    };
    if !signed {
        let why =
            if archive.signature.is_some() { "n'est pas signé par cette clé" } else { "n'est pas signé" };
        return Err(Failure::usage("package.not-signed", format!("{} {why}", file.display()))
            .remedy("demander le paquet, ou la clé publique, à qui l'a fait ; rien n'a été écrit"));
    }
    Ok(archive)
}

fn verify(file: &Path, key: Option<&Path>, common: &Common) -> Result<u8, Failure> {
    let archive = judged(file, key)?;
    let manifest = &archive.manifest;
    let signed = match (key, &archive.signature) {
        (Some(_), _) => "signature vérifiée",
        (None, Some(_)) => "signé ; donner --key CLÉ.pub pour vérifier par qui",
        (None, None) => "non signé",
    };
    if common.json {
        out::json(
            &json!({ "manifest": manifest, "signed": archive.signature.is_some(), "verified": key.is_some() }),
        );
        return Ok(exit::DONE);
    }
    out::say(format!("{} {}   {}", manifest.name, manifest.version, manifest.about));
    out::say(format!(
        "  fait par     {}, le {}   {signed}",
        manifest.made_by,
        crate::show::day(manifest.made_at)
    ));
    out::say(format!("  routes       {}", manifest.routes.join(", ")));
    if !manifest.mappings.is_empty() {
        out::say(format!("  traductions  {}", manifest.mappings.join(", ")));
    }
    let partners: Vec<_> =
        manifest.needs.partners.iter().map(|(name, connector)| format!("{name} ({connector})")).collect();
    out::say(format!("  demande      {}", partners.join(", ")));
    if !manifest.needs.steps.is_empty() {
        out::say(format!("  étapes       {}", manifest.needs.steps.join(", ")));
    }
    out::say(format!(
        "  contrôlé     {}, {}",
        count(manifest.checked.cases, "cas conforme"),
        count(manifest.checked.warnings, "avertissement")
    ));
    out::say(format!("  fichiers     {}, tous comme le dit le manifeste", manifest.files.len()));
    Ok(exit::DONE)
}

fn put(file: &Path, dir: &Path, key: Option<&Path>, common: &Common) -> Result<u8, Failure> {
    let archive = judged(file, key)?;
    let data = data_of(dir, common);
    let plan = install::Plan::new(&archive, dir)?;
    let rehearsal = plan.rehearse(&data)?;
    let mut diagnoses = Diagnoses::default();
    let checked = gateway::check(common.folder(rehearsal.path()), None, &mut diagnoses);
    if diagnoses.has_errors() || checked.is_none() {
        report(&diagnoses, archive.files.len(), common.json);
        let known = |name: &str| {
            checked
                .as_ref()
                .is_some_and(|checked| checked.partners.iter().any(|partner| partner.name.as_str() == name))
        };
        if !archive.manifest.needs.partners.keys().all(|name| known(name)) {
            let model = archive.files.get(crate::packages::archive::PARTNERS);
            let model = model.and_then(|model| std::str::from_utf8(model).ok()).unwrap_or_default();
            out::warn(&format!("ce paquet demande des partenaires ; leur modèle :\n{model}"));
        }
        return Ok(exit::CONFIGURATION);
    }
    if let Some(failed) = failing_cases(rehearsal.path(), common)? {
        return Err(failed.remedy("ces cas passaient chez qui a fait le paquet : comparer les réglages des partenaires ; rien n'a été écrit"));
    }
    let (written, removed) = plan.carry_out()?;
    let manifest = &archive.manifest;
    if common.json {
        out::json(
            &json!({ "name": manifest.name, "version": manifest.version, "written": written, "removed": removed }),
        );
        return Ok(exit::DONE);
    }
    let before =
        plan.before.as_ref().map(|before| format!(" (avant : {})", before.version)).unwrap_or_default();
    out::say(format!("{} {} installé dans {}{before}", manifest.name, manifest.version, dir.display()));
    written.iter().for_each(|path| out::say(format!("  écrit   {path}")));
    removed.iter().for_each(|path| out::say(format!("  retiré  {path}")));
    out::say(format!("pour le mettre en service : jonction reload {}", dir.display()));
    Ok(exit::DONE)
}

/// The data folder of a project, as far as it can be read.
fn data_of(dir: &Path, common: &Common) -> std::path::PathBuf {
    let project = Project::read(common.folder(dir), None, &mut Diagnoses::default());
    project.map_or_else(|| dir.join("data"), |project| project.gateway.data)
}

fn list(dir: &Path, common: &Common) -> Result<u8, Failure> {
    let installed = install::installed(dir)?;
    for one in &installed {
        let manifest = &one.manifest;
        if common.json {
            out::json(
                &json!({ "name": manifest.name, "version": manifest.version, "routes": manifest.routes, "changed": one.changed }),
            );
            continue;
        }
        let changed = match one.changed.as_slice() {
            [] => "tel quel".to_owned(),
            changed => format!("changé ici : {}", changed.join(", ")),
        };
        out::say(format!(
            "{} {}   {}   {changed}",
            manifest.name,
            manifest.version,
            manifest.routes.join(", ")
        ));
    }
    if installed.is_empty() && !common.json {
        out::say("aucun paquet installé");
    }
    Ok(exit::DONE)
}
