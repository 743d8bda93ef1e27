//! `jonction versions`, `reload`, `rollback`: what ran, what differs, and how to go back.
//! In: the journal's sets of routes, a folder. Out: lists, differences, a folder whose routes are those of a set.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jonction_engine::{Deployment, Reader, RouteSet};
use jonction_settings::Diagnoses;
use similar::TextDiff;

use super::{check::report, data_folder, questions, runtime};
use crate::{
    admin_client,
    cli::{Common, DirArgs, RollbackArgs, VersionsAction, VersionsArgs},
    failure::{Failure, exit, io},
    gateway, out,
    project::Folder,
    show,
};

/// Characters of a version that screens show.
const SHORT: usize = 12;

pub(super) fn versions(args: &VersionsArgs, common: &Common) -> Result<u8, Failure> {
    let reader = questions::reader(common)?;
    match &args.action {
        None | Some(VersionsAction::List) => list(&reader, common),
        Some(VersionsAction::Show { version }) => {
            let set = find(&reader, version)?;
            if common.json {
                out::json(&set);
            } else {
                set.files.iter().for_each(|(path, text)| out::write(&format!("── {path}\n{text}\n")));
            }
            Ok(exit::DONE)
        }
        Some(VersionsAction::Diff { from, to }) => {
            let (from, to) = (find(&reader, from)?, find(&reader, to)?);
            Ok(differences(&from, &to, common))
        }
    }
}

fn list(reader: &Reader, common: &Common) -> Result<u8, Failure> {
    let deployments = reader.deployments()?;
    if common.json {
        deployments.iter().for_each(out::json);
        return Ok(exit::DONE);
    }
    for (at, deployment) in deployments.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| deployments.get(at));
        let changed = match before.map(|before| changed_files(reader, before, deployment)).transpose()? {
            Some(files) => files.join(", "),
            None => "première mise en service".to_owned(),
        };
        let now = if at + 1 == deployments.len() { "  en service" } else { "" };
        out::say(format!(
            "  {} {}  {}  {:<10}  {changed}{now}",
            show::day(deployment.at),
            show::time(deployment.at),
            &deployment.version[..SHORT.min(deployment.version.len())],
            show::count(deployment.routes, "route"),
        ));
    }
    if deployments.is_empty() {
        out::say("aucune mise en service : le journal n'a encore jamais vu tourner de routes");
    }
    Ok(exit::DONE)
}

fn changed_files(reader: &Reader, before: &Deployment, after: &Deployment) -> Result<Vec<String>, Failure> {
    let set = |version: &str| Ok::<_, Failure>(reader.route_set(version)?.unwrap_or_default());
    let (before, after) = (set(&before.version)?, set(&after.version)?);
    Ok(paths(&before, &after)
        .into_iter()
        .filter(|path| before.files.get(path) != after.files.get(path))
        .collect())
}

fn paths(from: &RouteSet, to: &RouteSet) -> Vec<String> {
    let mut paths: Vec<_> = from.files.keys().chain(to.files.keys()).cloned().collect();
    paths.sort();
    paths.dedup();
    paths
}

/// A set by the beginning of its version, or `-1` for the one before the last.
fn find(reader: &Reader, wanted: &str) -> Result<RouteSet, Failure> {
    let deployments = reader.deployments()?;
    let mut found: Vec<&str> = match wanted.strip_prefix('-').and_then(|back| back.parse::<usize>().ok()) {
        Some(back) => deployments.iter().rev().skip(back).take(1).map(|d| d.version.as_str()).collect(),
        None => deployments.iter().map(|d| d.version.as_str()).filter(|v| v.starts_with(wanted)).collect(),
    };
    found.sort_unstable();
    found.dedup();
    let unknown = |sentence: String| {
        Failure::usage("versions.unknown", sentence).remedy("les versions connues : jonction versions")
    };
    match found.as_slice() {
        [version] => reader
            .route_set(version)?
            .ok_or_else(|| unknown(format!("les textes de la version {wanted} ne sont plus au journal"))),
        [] => Err(unknown(format!("aucune version ne commence par « {wanted} »"))),
        _ => Err(unknown(format!("plusieurs versions commencent par « {wanted} »"))),
    }
}

fn differences(from: &RouteSet, to: &RouteSet, common: &Common) -> u8 {
    let mut same = true;
    for path in paths(from, to) {
        let text = |set: &RouteSet| set.files.get(&path).cloned().unwrap_or_default();
        let (before, after) = (text(from), text(to));
        if before == after {
            continue;
        }
        same = false;
        let diff = TextDiff::from_lines(&before, &after);
        let diff = diff.unified_diff().header(&path, &path).to_string();
        if common.json {
            out::json(&serde_json::json!({ "file": path, "diff": diff }));
        } else {
            out::write(&diff);
        }
    }
    if same && !common.json {
        out::say("aucune différence");
    }
    if same { exit::DONE } else { exit::FINDINGS }
}

/// `jonction reload DIR`: what SIGHUP does, with the answer.
pub(super) fn reload(args: &DirArgs, common: &Common) -> Result<u8, Failure> {
    let mut diagnoses = Diagnoses::default();
    let checked = gateway::check(common.folder(&args.dir), None, &mut diagnoses);
    let Some(checked) = checked.filter(|_| !diagnoses.has_errors()) else {
        report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    let data = data_folder(common.data.as_ref(), &checked.project.gateway.data);
    ask_reload(&data, common)
}

fn ask_reload(data: &Path, common: &Common) -> Result<u8, Failure> {
    let reloaded = runtime()?.block_on(admin_client::reload(data))?;
    if common.json {
        out::json(&reloaded);
    }
    let refused = reloaded.routes.is_none() || !reloaded.certificates;
    if !common.json {
        for diagnosis in &reloaded.diagnoses {
            let text = |key: &str| diagnosis[key].as_str().unwrap_or_default().to_owned();
            out::warn(&format!("{}  {}\n  {}\n", text("code"), text("sentence"), text("remedy")));
        }
        out::say(match (&reloaded.routes, &reloaded.version) {
            (Some(routes), Some(version)) => {
                format!(
                    "{} en service, version {}",
                    show::count(*routes, "route"),
                    &version[..SHORT.min(version.len())]
                )
            }
            _ => "refusé : les routes d'avant servent".to_owned(),
        });
        if !reloaded.certificates {
            out::say("certificats refusés : les anciens servent");
        }
    }
    Ok(if refused { exit::FINDINGS } else { exit::DONE })
}

/// `jonction rollback VERSION DIR`: the folder gets the routes and mappings of that version, the running gateway takes them.
pub(super) fn rollback(args: &RollbackArgs, common: &Common) -> Result<u8, Failure> {
    let mut diagnoses = Diagnoses::default();
    let folder = common.folder(&args.dir);
    let Some(project) = crate::project::Project::read(folder, None, &mut diagnoses) else {
        report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    let data = data_folder(common.data.as_ref(), &project.gateway.data);
    let set = find(&Reader::open(&data)?, &args.version)?;
    let trial = args.dir.join(".retour");
    let checked = check_in(&trial, folder, &set);
    // What is left of it is told by whoever lists the folder, and written over by the next one.
    let _ = fs::remove_dir_all(&trial);
    let diagnoses = checked?;
    if diagnoses.has_errors() {
        report(&diagnoses, set.files.len(), common.json);
        return Ok(exit::CONFIGURATION);
    }
    let kept = put(&args.dir, &set, &project.route_set())?;
    if !common.json {
        out::say(format!(
            "{} de cette version dans {}",
            show::count(set.files.len(), "fichier"),
            args.dir.display()
        ));
        if let Some(kept) = kept {
            out::say(format!("les fichiers d'avant sont dans {}", kept.display()));
        }
    }
    match jonction_engine::holder(&data) {
        Some(_) => ask_reload(&data, common),
        None => Ok(exit::DONE),
    }
}

/// Checks a set with the settings of a folder, before anything of the folder changes.
fn check_in(trial: &Path, folder: Folder<'_>, set: &RouteSet) -> Result<Diagnoses, Failure> {
    let refused = |error: std::io::Error| io("le dossier d'essai ne s'écrit pas", trial, &error);
    let _ = fs::remove_dir_all(trial);
    fs::create_dir_all(trial.join("routes")).map_err(refused)?;
    for name in ["jonction.yaml", "partners.yaml"] {
        let from = folder.dir.join(name);
        if from.exists() {
            fs::copy(&from, trial.join(name)).map_err(refused)?;
        }
    }
    for (path, text) in &set.files {
        write(&inside(trial, path)?, text).map_err(refused)?;
    }
    let mut diagnoses = Diagnoses::default();
    gateway::check(Folder { dir: trial, partners: folder.partners }, None, &mut diagnoses);
    Ok(diagnoses)
}

/// Where a file of a set goes. The journal is ours, but a path of it must not leave the folder.
fn inside(dir: &Path, path: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    match plain {
        true => Ok(dir.join(path)),
        false => Err(Failure::new("versions.bad-path", "un chemin de cette version sort du dossier")),
    }
}

/// Each file whole or not at all.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("nouveau");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}

/// Puts a set in the place of what stands there, which is kept aside. Out: where, when something was.
fn put(dir: &Path, set: &RouteSet, present: &RouteSet) -> Result<Option<PathBuf>, Failure> {
    let refused = |error: std::io::Error| io("les routes ne s'écrivent pas", dir, &error);
    let gone: Vec<_> =
        present.files.iter().filter(|(path, text)| set.files.get(*path) != Some(*text)).collect();
    let kept = dir.join(format!("avant-{}", &present.version()[..SHORT]));
    for (path, _) in &gone {
        let aside = inside(&kept, path)?;
        if let Some(folder) = aside.parent() {
            fs::create_dir_all(folder).map_err(refused)?;
        }
        // The file itself: what could not be read is kept as it is.
        fs::copy(inside(dir, path)?, aside).map_err(refused)?;
    }
    for (path, text) in &set.files {
        write(&inside(dir, path)?, text).map_err(refused)?;
    }
    for (path, _) in gone.iter().filter(|(path, _)| !set.files.contains_key(*path)) {
        fs::remove_file(inside(dir, path)?).map_err(refused)?;
    }
    Ok((!gone.is_empty()).then_some(kept))
}
