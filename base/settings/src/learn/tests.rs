use serde_json::{Value as Json, json};

use super::*;
use crate::{Fields, fields, parse};

/// A reader with every habit of ours: choices, lists, names, keys that depend on others, an early return.
fn reader(node: &Node, diagnoses: &mut Diagnoses) {
    let Some(mut block) = Fields::of(node, "l'essai", diagnoses) else { return };
    block.required("name", parse::text, diagnoses);
    block.or("delay", std::time::Duration::ZERO, parse::duration, diagnoses);
    let auth = block.choice("auth", 0, &[("none", 0), ("plain", 1)], diagnoses);
    if auth == 1 {
        block.required("user", parse::text, diagnoses);
    }
    for node in block.list("senders") {
        let Some(mut sender) = Fields::of(node, "un émetteur", diagnoses) else { continue };
        let Some(_) = sender.required("facility", parse::number(100, 999), diagnoses) else { continue };
        sender.optional("application", parse::text, diagnoses);
        sender.finish(diagnoses);
    }
    if let Some(node) = block.node("from")
        && let Value::Map(_) = node.value
    {
        if let Some(mut from) = Fields::of(node, "from", diagnoses) {
            from.required("partner", parse::text, diagnoses);
            from.finish(diagnoses);
        }
    } else if let Some(node) = block.node("from") {
        fields::scalar(node, "from", parse::text, diagnoses);
    }
    if let Some(node) = block.node("trust") {
        for entry in fields::names(node, "trust", diagnoses) {
            fields::scalar(&entry.value, "trust", parse::boolean, diagnoses);
        }
    }
    block.finish(diagnoses);
}

fn schema() -> Json {
    learn(reader).to_schema("x", "essai")
}

fn property<'j>(schema: &'j Json, path: &[&str]) -> &'j Json {
    path.iter().fold(schema, |schema, key| &schema["properties"][key])
}

#[test]
fn every_key_a_reader_may_ask_for_is_learnt_with_its_kind() {
    let schema = schema();
    assert_eq!(schema["required"], json!(["name"]), "a key required in one case only is not");
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(property(&schema, &["auth"]), &json!({ "enum": ["none", "plain"] }));
    assert!(property(&schema, &["delay"])["pattern"].as_str().unwrap().contains("min"));
    assert!(property(&schema, &["user"]).is_object());
    assert_eq!(property(&schema, &["trust"])["additionalProperties"]["enum"][4], json!("oui"));
}

#[test]
fn one_item_stands_for_a_list_of_one() {
    let schema = schema();
    let either = property(&schema, &["senders"])["anyOf"].as_array().unwrap();
    assert_eq!(either.len(), 2, "{either:#?}");
    assert_eq!(either[1]["items"], either[0]);
    assert_eq!(either[0]["required"], json!(["facility"]), "{either:#?}");
    assert_eq!(either[0]["properties"]["facility"]["pattern"], json!("^[0-9]+$"));
    assert!(either[0]["properties"]["application"].is_object(), "read after an early return");
}

#[test]
fn a_node_of_two_forms_has_both() {
    let schema = schema();
    let either = property(&schema, &["from"])["anyOf"].as_array().unwrap();
    assert_eq!(either.len(), 2, "{either:#?}");
    assert_eq!(either[1]["required"], json!(["partner"]));
}

#[test]
fn the_same_reader_always_gives_the_same_form() {
    assert_eq!(learn(reader), learn(reader));
}
