//! A mapping file of a test, and what reading it says.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::sync::Arc;

use jonction_rows::Mapping;
use jonction_settings::{Diagnoses, SourceFile};

/// A mapping that is whole, to which tests add the rows they are about.
pub(crate) const HEAD: &str = "\
mapping: essai
from: { hl7v2: [ADT^A01, ADT^A02] }
to: patient-event
tables:
  classes: { E: a, I: b, O: c, R: d }
  events: { A01: admitted, A02: transferred }
  wrong: { A01: admitted, A02: moved }
  file: table.csv
let:
  nom: PID-5[7='L'].1
  code: { from: PID-18.1, fn: lower }
rows:
  - { to: patient.status, const: provisional }
  - { to: patient.declared_status, const: '' }
";

/// The rows that [`HEAD`] lacks.
pub(crate) const TAIL: &str = "  - { to: event, from: MSH-9.2, fn: { table: events } }
  - { to: action, const: insert }
";

/// Reads a file; `table.csv` is the only one beside it.
pub(crate) fn read(text: &str) -> (Option<Mapping>, Diagnoses) {
    let mut diagnoses = Diagnoses::default();
    let file = Arc::new(SourceFile { path: "essai.yaml".into(), text: text.to_owned() });
    let node = jonction_settings::read(file, &mut diagnoses);
    let table = |path: &str| match path {
        "table.csv" => Ok("code;value\nA;B\n".to_owned()),
        "jdv.csv" => Ok("code,displayName,codeSystem\nI,Hospitalisé,1.2.250\nE,,\n".to_owned()),
        "double.csv" => Ok("code,value\nA,B\nA,C\n".to_owned()),
        _ => Err("elle n'existe pas".to_owned()),
    };
    let mapping = node.and_then(|node| Mapping::read(&node, &table, &mut diagnoses));
    (mapping, diagnoses)
}

/// Reads a file that has no mistake.
pub(crate) fn whole(text: &str) -> Mapping {
    let (mapping, diagnoses) = read(text);
    let told: String = diagnoses.list().iter().map(jonction_settings::Diagnosis::render).collect();
    mapping.unwrap_or_else(|| panic!("{told}"))
}
