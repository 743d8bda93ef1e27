//! `jonction schema`: what the files of a folder may hold, for editors that complete and check.

use std::fs;

use crate::{
    cli::{Common, SchemaArgs},
    failure::{Failure, exit, io},
    out,
    schema::{KINDS, schema},
};

pub(super) fn run(args: &SchemaArgs, common: &Common) -> Result<u8, Failure> {
    if let Some(folder) = &args.into {
        fs::create_dir_all(folder).map_err(|error| io("ce dossier ne se fait pas", folder, &error))?;
        for kind in &KINDS {
            let path = folder.join(format!("{}.schema.json", kind.0));
            let text = format!("{:#}\n", schema(kind));
            fs::write(&path, text).map_err(|error| io("ce fichier ne s'écrit pas", &path, &error))?;
            if !common.json {
                out::say(format!("  {:<40} {}", path.display(), kind.1));
            }
        }
        return Ok(exit::DONE);
    }
    for kind in KINDS.iter().filter(|kind| args.kind.as_deref() == Some(kind.0)) {
        out::say(format!("{:#}", schema(kind)));
    }
    Ok(exit::DONE)
}

/// The words of the command line.
pub(crate) fn kind(word: &str) -> Result<String, String> {
    let known: Vec<_> = KINDS.iter().map(|kind| kind.0).collect();
    match known.contains(&word) {
        true => Ok(word.to_owned()),
        false => Err(format!("un fichier parmi : {}", known.join(", "))),
    }
}
