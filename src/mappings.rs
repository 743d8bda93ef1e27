//! The mappings of a project: `mappings/*.yaml`, with the tables beside them.
//! In: a folder. Out: steps that routes name, by the name or by the path; diagnoses of every file.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use jonction_mappings::{RowsStep, catalogue::CATALOGUE};
use jonction_model::Finding;
use jonction_ports::{Bodies, Flow, Step};
use jonction_rows::Mapping;
use jonction_settings::{Diagnoses, Node};

use crate::project::read_yaml;

/// What a folder of mappings holds.
#[derive(Default)]
pub(crate) struct Mappings {
    /// Under each name that a route may write.
    pub(crate) steps: Vec<Arc<dyn Step>>,
    /// The mappings without mistake, and their files.
    pub(crate) all: Vec<(Arc<Mapping>, PathBuf)>,
    /// Their files, as they were read.
    pub(crate) nodes: Vec<(PathBuf, Node)>,
    /// How many files were read.
    pub(crate) files: usize,
}

impl std::fmt::Debug for Mappings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.steps.iter().map(|step| step.name())).finish()
    }
}

/// Reads the mappings of a project; a project without any has no such folder.
pub(crate) fn read(dir: &Path, diagnoses: &mut Diagnoses) -> Mappings {
    let folder = dir.join("mappings");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    paths.sort();
    let mut mappings = Mappings::default();
    for path in paths {
        mappings.files += 1;
        let Some(node) = read_yaml(&path, &path, None, diagnoses) else { continue };
        match read_node(&node, &folder, diagnoses) {
            Some(mapping) => {
                free_name(&node, mapping.name(), &mappings, diagnoses);
                mappings.all.push((mapping.clone(), path.clone()));
                mappings.nodes.push((path.clone(), node.clone()));
                mappings.steps.extend(steps_of(mapping, &path));
            }
            // Told where its mistake is: a route that names it is not told a second one.
            None => mappings.steps.extend(
                [name_of(&node), Some(written(&path))]
                    .into_iter()
                    .flatten()
                    .map(|name| Arc::new(Mistaken(name)) as Arc<dyn Step>),
            ),
        }
    }
    mappings
}

/// How a route writes a mapping of the folder: `./mappings/admission.yaml`.
fn written(path: &Path) -> String {
    format!("./mappings/{}", path.file_name().unwrap_or_default().display())
}

/// The step of a mapping, under each name that a route may write.
pub(crate) fn steps_of(mapping: Arc<Mapping>, path: &Path) -> Vec<Arc<dyn Step>> {
    let step = RowsStep::new(mapping);
    vec![Arc::new(step.clone()), Arc::new(step.named(written(path)))]
}

/// Reads one file, wherever it is.
pub(crate) fn read_file(path: &Path, diagnoses: &mut Diagnoses) -> Option<Arc<Mapping>> {
    let node = read_yaml(path, path, None, diagnoses)?;
    read_node(&node, path.parent().unwrap_or(Path::new(".")), diagnoses)
}

/// Reads a mapping that was read as YAML already; its tables are below `folder`.
pub(crate) fn read_node(node: &Node, folder: &Path, diagnoses: &mut Diagnoses) -> Option<Arc<Mapping>> {
    Mapping::read(node, &|path: &str| read_beside(folder, path), diagnoses).map(Arc::new)
}

/// A name of the catalogue, or of another file, cannot be taken.
fn free_name(node: &Node, name: &str, mappings: &Mappings, diagnoses: &mut Diagnoses) {
    let of_catalogue = CATALOGUE.iter().any(|entry| entry.name == name) || name == "hl7v2-to-document";
    if of_catalogue || mappings.steps.iter().any(|step| step.name() == name) {
        let whose =
            if of_catalogue { "d'une traduction du catalogue" } else { "d'une autre traduction du dossier" };
        let span = node.get("mapping").map_or(&node.span, |node| &node.span);
        diagnoses
            .error("mapping.name-twice", span, format!("ce nom est déjà celui {whose}"))
            .remedy("donner un autre nom, et l'écrire dans la route");
    }
}

fn name_of(node: &Node) -> Option<String> {
    node.get("mapping")?.as_text().map(str::to_owned)
}

/// A table below the folder of the mapping, nowhere else.
fn read_beside(folder: &Path, path: &str) -> Result<String, String> {
    let below =
        Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !below {
        return Err("elle doit se trouver dans le dossier mappings".to_owned());
    }
    let path = folder.join(path);
    let size = fs::metadata(&path).map(|data| data.len()).unwrap_or_default();
    if size > jonction_settings::node::FILE_BYTES_MAX as u64 {
        return Err("elle dépasse 4 Mo".to_owned());
    }
    fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "elle n'existe pas".to_owned(),
        std::io::ErrorKind::InvalidData => "elle n'est pas en UTF-8".to_owned(),
        _ => error.to_string(),
    })
}

/// A mapping whose file has mistakes: known by name, never run.
struct Mistaken(String);

impl Step for Mistaken {
    fn name(&self) -> &str {
        &self.0
    }

    fn version(&self) -> String {
        String::new()
    }

    fn run(&self, _: &mut Flow, _: &dyn Bodies) -> Result<(), Finding> {
        Err(Finding::error("mapping.mistaken", "cette traduction a des erreurs")
            .remedy("lancer jonction check"))
    }
}
