//! `jonction test DIR`: the cases of its mappings, what differs, which rows no case exercises.
//! A case is a message and what is expected of it, side by side: `mappings/cases/NOM/admission.hl7` and `admission.yaml`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use bytes::Bytes;
use jonction_hl7v2::Limits;
use jonction_rows::{Case, Difference, Mapping};
use jonction_settings::Diagnoses;
use serde_json::json;

use crate::{
    cli::{Common, DirArgs},
    commands::check,
    failure::{Failure, exit, io},
    mappings, out,
    project::read_yaml,
    show,
};

/// Largest message of a case, in bytes.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;

/// What one case came to.
pub(crate) struct Tried {
    pub(crate) mapping: String,
    pub(crate) message: PathBuf,
    pub(crate) differences: Vec<Difference>,
}

pub(super) fn run(args: &DirArgs, common: &Common) -> Result<u8, Failure> {
    let start = Instant::now();
    let mut diagnoses = Diagnoses::default();
    let read = mappings::read(&args.dir, &mut diagnoses);
    let mut tried = Vec::new();
    let mut never: Vec<(PathBuf, usize, String)> = Vec::new();
    for (mapping, path) in &read.all {
        let mut wrote: Vec<bool> = mapping.rows().map(|_| false).collect();
        for message in messages(&args.dir, mapping.name())? {
            tried.extend(try_case(mapping, message, &mut wrote, &mut diagnoses)?);
        }
        let silent = mapping.rows().zip(&wrote).filter(|(_, wrote)| !**wrote);
        never.extend(silent.map(|((line, target), _)| (path.clone(), line, target.to_owned())));
    }
    if diagnoses.has_errors() {
        check::report(&diagnoses, read.files, common.json);
        return Ok(exit::CONFIGURATION);
    }
    let failed = tried.iter().filter(|one| !one.differences.is_empty()).count();
    if common.json {
        for one in &tried {
            let passed = one.differences.is_empty();
            let (mapping, message) = (&one.mapping, one.message.display().to_string());
            out::json(
                &json!({ "mapping": mapping, "case": message, "passed": passed, "differences": one.differences }),
            );
        }
        for (path, line, target) in &never {
            out::json(
                &json!({ "file": path.display().to_string(), "line": line, "target": target, "exercised": false }),
            );
        }
    } else {
        out::write(&show::mapping::tried(&tried, &never, start.elapsed()));
    }
    Ok(if failed > 0 { exit::FINDINGS } else { exit::DONE })
}

/// The messages of the cases of a mapping: every file that is not what is expected of another.
fn messages(dir: &Path, name: &str) -> Result<Vec<PathBuf>, Failure> {
    let folder = dir.join("mappings/cases").join(name);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| io("ce dossier ne se lit pas", &folder, &error))?;
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension != "yaml" && extension != "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn try_case(
    mapping: &Mapping,
    message: PathBuf,
    wrote: &mut [bool],
    diagnoses: &mut Diagnoses,
) -> Result<Option<Tried>, Failure> {
    let expected = ["yaml", "json"].map(|extension| message.with_extension(extension));
    let expected = expected.iter().find(|path| path.exists()).unwrap_or(&expected[0]);
    let Some(node) = read_yaml(expected, expected, None, diagnoses) else { return Ok(None) };
    let Some(case) = Case::read(&node, diagnoses) else { return Ok(None) };
    let size =
        fs::metadata(&message).map_err(|error| io("ce message ne se lit pas", &message, &error))?.len();
    if size > MESSAGE_BYTES_MAX {
        return Err(Failure::new("data.too-large", format!("{} dépasse 64 Mo", message.display())));
    }
    let bytes = fs::read(&message).map_err(|error| io("ce message ne se lit pas", &message, &error))?;
    let done = mapping.account(&Bytes::from(bytes), &Limits::default()).map(|account| {
        wrote.iter_mut().zip(&account.wrote).for_each(|(known, now)| *known |= now);
        account.mapped
    });
    let differences = case.differences(&done);
    Ok(Some(Tried { mapping: mapping.name().to_owned(), message, differences }))
}
