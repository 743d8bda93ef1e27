//! The tables of a mapping: written in it, or in files beside it.
//! In: block `tables`. Out: tables by name; diagnoses at the entry, or at the line of the file.

use std::sync::Arc;

use jonction_settings::{Diagnoses, Node, SourceFile, Span, Value};

use super::ReadFile;
use crate::table::{ENTRIES_MAX, Table};

/// A table and where it is declared.
#[derive(Debug)]
pub(super) struct NamedTable {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) table: Table,
    /// Text of its file, empty when it is written in the mapping.
    pub(super) text: String,
}

pub(super) fn read(node: &Node, read_file: &ReadFile<'_>, diagnoses: &mut Diagnoses) -> Vec<NamedTable> {
    let Some(entries) = node.as_map() else {
        diagnoses
            .error("settings.not-a-block", &node.span, "« tables » : un bloc de noms est attendu")
            .remedy("écrire « nom: fichier.csv » ou « nom: { code: valeur } »");
        return Vec::new();
    };
    let mut tables = Vec::new();
    for entry in entries {
        let (table, text) = match &entry.value.value {
            Value::Scalar(path) => match read_file(path) {
                Ok(text) => (from_file(path, text.clone(), diagnoses), text),
                Err(why) => {
                    diagnoses
                        .error(
                            "mapping.table-file",
                            &entry.value.span,
                            format!("la table {path} ne se lit pas : {why}"),
                        )
                        .remedy("vérifier le chemin, qui part du dossier de la traduction");
                    (None, String::new())
                }
            },
            _ => (inline(&entry.value, diagnoses), String::new()),
        };
        // A table with a mistake is known all the same: its uses are not told as unknown.
        let table = table.unwrap_or_default();
        tables.push(NamedTable { name: entry.key.clone(), span: entry.key_span.clone(), table, text });
    }
    tables
}

fn inline(node: &Node, diagnoses: &mut Diagnoses) -> Option<Table> {
    let Some(entries) = node.as_map() else {
        diagnoses
            .error(
                "mapping.table",
                &node.span,
                format!("une table est un fichier ou un bloc, pas {}", node.kind()),
            )
            .remedy("écrire « { code: valeur, … } »");
        return None;
    };
    if entries.len() > ENTRIES_MAX {
        diagnoses
            .error("mapping.table", &node.span, format!("plus de {ENTRIES_MAX} codes"))
            .remedy("couper la table");
        return None;
    }
    let mut table = Table::default();
    for entry in entries {
        match entry.value.as_text() {
            Some(value) => {
                table.insert(&entry.key, value);
            }
            None => {
                diagnoses
                    .error("mapping.table", &entry.value.span, "une valeur simple est attendue")
                    .remedy("écrire « code: valeur »");
            }
        }
    }
    Some(table)
}

fn from_file(path: &str, text: String, diagnoses: &mut Diagnoses) -> Option<Table> {
    let file = Arc::new(SourceFile { path: path.into(), text });
    match Table::read(&file.text) {
        Ok(table) => Some(table),
        Err(faults) => {
            for fault in faults {
                let length =
                    file.text.lines().nth(fault.line - 1).map_or(1, |line| line.chars().count().max(1));
                let span = Span { file: file.clone(), line: fault.line, column: 1, length };
                diagnoses.error("mapping.table", &span, fault.sentence).remedy(fault.remedy);
            }
            None
        }
    }
}

/// Tables nobody uses are told, they are often a row that was forgotten.
pub(super) fn unused(tables: &[NamedTable], used: &[usize], diagnoses: &mut Diagnoses) {
    for (_, table) in tables.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
        diagnoses
            .warning(
                "mapping.unused-table",
                &table.span,
                format!("aucune ligne n'utilise la table {}", table.name),
            )
            .remedy("la retirer, ou écrire « fn: { table: … } »");
    }
}
