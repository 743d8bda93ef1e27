//! JSON Schemas of the files of a configuration folder, learnt from the code that reads them.
//! In: nothing. Out: one schema per kind of file, for editors and validators. Source: decision 0040.

use std::{path::Path, sync::OnceLock};

use jonction_engine::route::config::learn_route;
use jonction_settings::learn;
use serde_json::{Value as Json, json};

use crate::{
    project::Project,
    registry::{partner_forms, route_registry_of_all},
    simulators::Simulators,
};

/// A kind of file: its word, what it is, how its schema is made.
type Kind = (&'static str, &'static str, fn() -> Json);

/// Every kind of file.
pub(crate) const KINDS: [Kind; 4] = [
    ("jonction", "jonction.yaml : la passerelle, ses certificats, ses partenaires", settings),
    ("partners", "un fichier de partenaires : des blocs de jonction.yaml", partners),
    ("route", "routes/*.yaml : une route", route),
    ("simulators", "simulators.yaml : les simulateurs", simulators),
];

fn settings() -> Json {
    static LEARNT: OnceLock<Json> = OnceLock::new();
    LEARNT.get_or_init(learn_settings).clone()
}

fn learn_settings() -> Json {
    let form = learn(|node, diagnoses| Project::of(Path::new("."), node, diagnoses));
    let mut schema = form.schema();
    // Each connector reads its own block.
    let blocks = partner_forms().into_iter().map(|(connector, form)| {
        let mut block = form.schema();
        block["properties"]["connector"] = json!({ "const": connector });
        block
    });
    schema["properties"]["partners"] =
        json!({ "type": "object", "additionalProperties": { "oneOf": blocks.collect::<Vec<_>>() } });
    // What stands in another file is not missing here.
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|key| key == "gateway");
    }
    schema
}

fn partners() -> Json {
    let mut schema = settings();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
    }
    schema
}

fn route() -> Json {
    let registry = route_registry_of_all();
    learn(|node, diagnoses| learn_route(node, &registry, diagnoses)).schema()
}

fn simulators() -> Json {
    learn(|node, diagnoses| Simulators::of(Path::new("."), node, diagnoses)).schema()
}

/// The schema of a kind of file.
pub(crate) fn schema((name, title, make): &Kind) -> Json {
    let mut schema = make();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["$id"] = format!("urn:jonction:schema:{name}").into();
    schema["title"] = (*title).into();
    schema
}
