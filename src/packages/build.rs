//! A package made from a folder that passes its check and its cases.
//! In: a folder, a name, a version. Out: the bytes of an archive; why there is none.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use jonction_engine::{Route, RouteStep};
use jonction_settings::Node;

use super::{
    Archive,
    archive::{PARTNERS, is_allowed},
    manifest::{Checked, Entry, FORMAT, Manifest, Needs},
};
use crate::{
    cases::RouteCase,
    failure::{Failure, io},
    gateway,
    project::Project,
};

/// Largest file of a package, in bytes.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// How a package is called.
pub(crate) struct Title {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) about: String,
    pub(crate) made_at: jiff::Timestamp,
}

/// The files and the manifest of a package. `cases`: those that passed; `warnings`: of the check.
pub(crate) fn build(
    checked: &gateway::Checked,
    cases: &[RouteCase],
    warnings: usize,
    title: Title,
) -> Result<(Manifest, BTreeMap<String, Vec<u8>>), Failure> {
    let project = &checked.project;
    let mut files = BTreeMap::new();
    for folder in ["routes", "mappings"] {
        gather(&project.dir, &project.dir.join(folder), &mut files)?;
    }
    // Messages that cases name; the others are the folder's own affair.
    for case in cases {
        let path = fs::canonicalize(&case.message).unwrap_or_else(|_| case.message.clone());
        let base = fs::canonicalize(&project.dir).unwrap_or_else(|_| project.dir.clone());
        if path.starts_with(base.join("messages")) {
            add(&base, &path, &mut files)?;
        }
    }
    let readme = project.dir.join("README.md");
    if readme.exists() {
        add(&project.dir, &readme, &mut files)?;
    }
    let needs = needs(project, &checked.routes);
    files.insert(PARTNERS.to_owned(), model(project, &needs).into_bytes());
    let manifest = Manifest {
        format: FORMAT,
        name: title.name,
        version: title.version,
        about: title.about,
        made_by: concat!("jonction ", env!("CARGO_PKG_VERSION")).to_owned(),
        made_at: title.made_at,
        routes: checked.routes.iter().map(|route| route.name.to_string()).collect(),
        mappings: project.mappings.all.iter().map(|(mapping, _)| mapping.name().to_owned()).collect(),
        needs,
        checked: Checked { warnings, cases: cases.len() },
        files: files.iter().map(|(path, bytes)| (path.clone(), Entry::of(bytes))).collect(),
    };
    Ok((manifest, files))
}

fn gather(base: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                add(base, &path, files)?;
            }
        }
    }
    Ok(())
}

fn add(base: &Path, path: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    let inside: PathBuf = path.strip_prefix(base).unwrap_or(path).to_owned();
    let name =
        inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    if !is_allowed(&name) {
        // An editor's copy, a hidden file.
        return Ok(());
    }
    let unreadable = |error| io("ce fichier ne se lit pas", path, &error);
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(Failure::usage("package.too-large", format!("{} dépasse 8 Mo", path.display()))
            .remedy("prendre un message plus petit pour ce cas"));
    }
    files.insert(name, fs::read(path).map_err(unreadable)?);
    Ok(())
}

/// Partners that the routes name, profiles and directories that their steps use.
fn needs(project: &Project, routes: &[Route]) -> Needs {
    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut steps: BTreeSet<String> = BTreeSet::new();
    for route in routes {
        named.extend(route.from.iter().map(ToString::to_string));
        named.extend(route.to.iter().map(|to| to.sink.to_string()));
        named.extend(route.reply.iter().map(|to| to.sink.to_string()));
        for step in &route.steps {
            if let RouteStep::Run { verb, step, .. } = step
                && *verb != "map"
            {
                steps.insert(format!("{verb}: {}", step.name()));
            }
        }
    }
    let partners = project.partners.iter().filter(|partner| named.contains(partner.name.as_str()));
    Needs {
        partners: partners.map(|partner| (partner.name.to_string(), partner.connector.clone())).collect(),
        steps: steps.into_iter().collect(),
    }
}

/// The blocks of the partners as they are written here, comments and all. Secrets are references: none is in it.
fn model(project: &Project, needs: &Needs) -> String {
    let mut model = String::from(
        "# Modèle des partenaires de ce paquet : à recopier dans jonction.yaml (ou un fichier de partenaires), puis à remplir.\npartners:\n",
    );
    for partner in
        project.partners.iter().filter(|partner| needs.partners.contains_key(partner.name.as_str()))
    {
        model += &written(&partner.name_span.file.text, partner.name_span.line, &partner.node);
    }
    model
}

/// The lines of a block: from its name to the next thing that stands no deeper.
fn written(text: &str, line: usize, node: &Node) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let Some(first) = lines.get(line.saturating_sub(1)) else { return String::new() };
    let mut block = vec![*first];
    for next in lines.iter().skip(line) {
        if !next.trim().is_empty() && depth(next) <= depth(first) {
            break;
        }
        block.push(next);
    }
    while block.last().is_some_and(|line| line.trim().is_empty()) {
        block.pop();
    }
    // On one line, `partners: { … }`: the block is the rest of that line, and is of no use apart.
    let whole = block.len() > 1 || node.span.line == line;
    let text: String = block.iter().map(|line| format!("{line}\n")).collect();
    if whole { text } else { String::new() }
}

/// The bytes of the archive.
pub(crate) fn pack(
    manifest: &Manifest,
    files: &BTreeMap<String, Vec<u8>>,
    key: Option<&Path>,
) -> Result<Vec<u8>, Failure> {
    let broken = |what: String| Failure::new("package.cannot-write", what);
    let mut text = serde_json::to_vec_pretty(manifest).map_err(|error| broken(error.to_string()))?;
    text.push(b'\n');
    let signature = key.map(|key| super::signature::sign(&text, key)).transpose()?;
    Archive::write(&text, signature.as_deref(), files).map_err(|error| broken(error.to_string()))
}
