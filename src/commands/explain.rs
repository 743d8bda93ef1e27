//! `jonction explain MESSAGE`: where every value of the shape comes from, what was noted, what was left aside.

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use jonction_hl7v2::Limits;
use jonction_mappings::catalogue::CATALOGUE;
use jonction_rows::{Account, Mapping};
use jonction_settings::Diagnoses;
use serde_json::json;

use crate::{
    cli::{Common, ExplainArgs},
    failure::{Failure, exit, io},
    mappings, out, show,
};

pub(super) fn run(args: &ExplainArgs, common: &Common) -> Result<u8, Failure> {
    let mapping = find(&args.with, args.dir.as_deref())?;
    let bytes =
        fs::read(&args.message).map_err(|error| io("ce message ne se lit pas", &args.message, &error))?;
    let account = match mapping.account(&Bytes::from(bytes), &Limits::default()) {
        Ok(account) => account,
        Err(finding) => {
            if common.json {
                out::json(&json!({ "mapping": mapping.name(), "parked": finding }));
            } else {
                out::say("mis de côté : rien n'est produit");
                out::write(&show::mapping::findings(std::slice::from_ref(&finding)));
            }
            return Ok(exit::FINDINGS);
        }
    };
    if common.json {
        out::json(&to_json(&mapping, &account));
    } else {
        out::write(&show::mapping::account(&mapping, &account));
    }
    Ok(exit::DONE)
}

fn to_json(mapping: &Mapping, account: &Account) -> serde_json::Value {
    let values: Vec<Vec<_>> = account
        .values
        .iter()
        .map(|values| {
            let value = |one: &jonction_rows::Provenance| {
                json!({ "target": one.target, "value": one.value, "line": one.line, "place": one.place })
            };
            values.iter().map(value).collect()
        })
        .collect();
    json!({
        "mapping": mapping.name(), "version": mapping.version(), "shapes": account.mapped.shapes,
        "notes": account.mapped.notes, "values": values, "unread": account.unread,
    })
}

/// A file, a mapping of the project, or one of the catalogue.
fn find(with: &str, dir: Option<&Path>) -> Result<Arc<Mapping>, Failure> {
    let mut diagnoses = Diagnoses::default();
    let path = Path::new(with);
    if path.extension().is_some() {
        let read = mappings::read_file(path, &mut diagnoses);
        return read.ok_or_else(|| mistaken(&diagnoses));
    }
    let of_project = dir.map(|dir| mappings::read(dir, &mut diagnoses)).unwrap_or_default();
    if let Some(found) = of_project.all.iter().find(|(mapping, _)| mapping.name() == with) {
        return Ok(found.0.clone());
    }
    if let Some(entry) = CATALOGUE.iter().find(|entry| entry.name == with) {
        return entry.read(&mut diagnoses).map(Arc::new).ok_or_else(|| mistaken(&diagnoses));
    }
    if diagnoses.has_errors() {
        return Err(mistaken(&diagnoses));
    }
    let mut names: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
    names.extend(of_project.all.iter().map(|(mapping, _)| mapping.name()));
    Err(Failure::usage("mapping.unknown", format!("aucune traduction ne s'appelle « {with} »"))
        .remedy(format!("connues : {} ; ou donner un fichier .yaml", names.join(", "))))
}

fn mistaken(diagnoses: &Diagnoses) -> Failure {
    let told: String = diagnoses.list().iter().map(jonction_settings::Diagnosis::render).collect();
    Failure::usage("mapping.mistaken", format!("cette traduction a des erreurs\n{told}"))
}
