//! docs/openapi.yaml against the code: its endpoints are those of the program, its schemas those of real answers.
//! In: the file, a running gateway with a morning of traffic. Out: every difference, by name.

use std::{collections::BTreeSet, fs, path::Path};

use jonction_admin::{ENDPOINTS, LocalAccess};
use serde_json::Value;

use crate::{
    desk::{Desk, answered, stops},
    program::{IDLE, example, example_messages, project},
    receivers::http,
};

fn description() -> Value {
    let text = fs::read_to_string(project().join("docs/openapi.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn endpoints_and_tokens_are_those_of_the_program() {
    let description = description();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.insert((
                method.to_uppercase(),
                path.clone(),
                operation["security"] == serde_json::json!([]),
            ));
        }
    }
    let coded: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|endpoint| (endpoint.method.to_owned(), endpoint.path.to_owned(), endpoint.open))
        .collect();
    assert_eq!(described, coded);
}

#[test]
fn real_answers_have_the_fields_that_are_described() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    let messages = example_messages();
    let files: Vec<&Path> = messages.iter().map(AsRef::as_ref).collect();
    desk.send(&files, true).exits(1);
    gateway.wait_for("the end", |line| (line == IDLE && answered(&desk) == 11).then_some(()));
    let parked = desk.ask_json(["parked", "list"]).exits(0).json()[0]["deliveries"].clone();
    let parked = parked.as_array().unwrap().iter().find(|delivery| delivery["state"] == "parked").unwrap();

    let description = description();
    let access = LocalAccess::read(desk.folder.path()).unwrap().unwrap();
    let order = format!(
        r#"{{"author":"marie","reason":"mauvais patient","act":{{"kind":"refuse","delivery":{}}}}}"#,
        parked["id"]
    );
    let asked = [
        ("GET", "/health/ready", ""),
        ("POST", "/v1/find", "{}"),
        ("POST", "/v1/journey", r#"{"id":"1"}"#),
        ("POST", "/v1/journey", r#"{"id":"8"}"#),
        ("POST", "/v1/journey", r#"{"id":"11"}"#),
        ("GET", "/v1/balance", ""),
        ("GET", "/v1/parked", ""),
        ("GET", "/v1/status", ""),
        ("POST", "/v1/orders", order.as_str()),
        ("GET", "/v1/orders/1", ""),
        ("GET", "/v1/audit", ""),
        ("GET", "/v1/audit/verify", ""),
        ("GET", "/v1/versions", ""),
        ("POST", "/v1/reload", ""),
    ];
    let mut wrong = Vec::new();
    for (method, path, body) in asked {
        let (status, answer) = http(access.address, method, path, &access.token, body);
        assert_eq!(status, 200, "{path}: {answer}");
        let described = if path.starts_with("/v1/orders/") { "/v1/orders/{order}" } else { path };
        let operation = &description["paths"][described][method.to_lowercase()];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path} has no schema");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(
            answer.as_array().is_none_or(|lines| !lines.is_empty()),
            "{path} answered nothing to compare"
        );
        compare(&description, schema, &answer, path, &mut wrong);
        if !body.is_empty() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            compare(&description, schema, &serde_json::from_str(body).unwrap(), path, &mut wrong);
        }
    }
    let (status, refused) = http(access.address, "POST", "/v1/orders", &access.token, &order);
    assert_eq!(status, 409, "{refused}");
    let error = serde_json::json!({ "$ref": "#/components/schemas/Error" });
    compare(&description, &error, &serde_json::from_str(&refused).unwrap(), "a refusal", &mut wrong);
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    questions_are_described(&description, &access);
    stops(gateway);
    stops(simulators);
}

/// Every described field of a question is taken, and no other.
fn questions_are_described(description: &Value, access: &LocalAccess) {
    let ask =
        |path: &str, body: &Value| http(access.address, "POST", path, &access.token, &body.to_string()).0;
    let fields = description["components"]["schemas"]["FindQuestion"]["properties"].as_object().unwrap();
    for (name, schema) in fields {
        let value = match (name.as_str(), schema["type"].as_str().unwrap()) {
            ("state", _) => "parked".into(),
            ("since" | "until", _) => "2026-01-31".into(),
            (_, "integer") => 5.into(),
            _ if schema["enum"].is_array() => schema["enum"][0].clone(),
            _ => Value::from("x"),
        };
        assert_eq!(ask("/v1/find", &serde_json::json!({ name: value })), 200, "{name}");
    }
    assert_eq!(ask("/v1/find", &serde_json::json!({ "autre": 1 })), 400);
}

/// Types, required fields, no unknown field: as far as our schemas go.
fn compare(description: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.strip_prefix('#').unwrap();
        return compare(description, description.pointer(pointer).unwrap(), value, at, wrong);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let schema = if value.is_null() { &choices[1] } else { &choices[0] };
        return compare(description, schema, value, at, wrong);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = &schema["type"];
    let allowed = kinds.is_null()
        || kinds.as_str() == Some(kind)
        || kinds.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind));
    if !allowed {
        wrong.push(format!("{at}: {kind}, where {kinds} is described"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        wrong.push(format!("{at}: {value} is not a described word"));
    }
    for item in value.as_array().into_iter().flatten() {
        compare(description, &schema["items"], item, at, wrong);
    }
    let Some(object) = value.as_object().filter(|_| schema["properties"].is_object()) else { return };
    for (name, inner) in object {
        match &schema["properties"][name] {
            Value::Null if schema["additionalProperties"] == false => {
                wrong.push(format!("{at}.{name}: not described"))
            }
            property => compare(description, property, inner, &format!("{at}.{name}"), wrong),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(name.as_str().unwrap()) {
            wrong.push(format!("{at}.{name}: described, and absent"));
        }
    }
}
