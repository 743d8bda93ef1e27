//! A form as JSON Schema (draft 2020-12), for editors and validators.
//! Plain scalars keep their text for our readers, whatever YAML makes of them: a number is accepted where a text is.

use serde_json::{Map, Value as Json, json};

use super::{
    Block, Form, Key,
    kind::{Kind, Look},
};

impl Form {
    /// The schema of a file. `title` and `id` name it.
    pub fn to_schema(&self, id: &str, title: &str) -> Json {
        let mut schema = self.schema();
        if let Json::Object(schema) = &mut schema {
            schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
            schema.insert("$id".to_owned(), id.into());
            schema.insert("title".to_owned(), title.into());
        }
        schema
    }

    /// The schema of a node.
    pub fn schema(&self) -> Json {
        let mut any: Vec<Json> = Vec::new();
        if !self.words.is_empty() {
            any.push(words(&self.words));
        } else {
            for kind in &self.kinds {
                let schema = scalar(kind);
                if !any.contains(&schema) {
                    any.push(schema);
                }
            }
        }
        any.extend(self.block.as_ref().map(Block::schema));
        any.extend(
            self.names
                .as_ref()
                .map(|form| json!({ "type": "object", "additionalProperties": form.schema() })),
        );
        if let Some(item) = &self.items {
            let item = item.schema();
            let list = json!({ "type": "array", "items": item });
            any.extend([item, list]);
        }
        match any.len() {
            0 => json!({}),
            1 => any.remove(0),
            _ => json!({ "anyOf": any }),
        }
    }
}

impl Block {
    fn schema(&self) -> Json {
        let properties: Map<String, Json> =
            self.keys.iter().map(|(name, key)| (name.clone(), key.form.schema())).collect();
        // Required by every reader that came to its end, whatever else the block said.
        let always = |key: &Key| self.read > 0 && key.required >= self.read;
        let required: Vec<&String> =
            self.keys.iter().filter(|(_, key)| always(key)).map(|(name, _)| name).collect();
        // Of a block that was never read to its end, nobody knows what else it may hold.
        let mut schema =
            json!({ "type": "object", "properties": properties, "additionalProperties": self.read == 0 });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if !self.choice.is_empty() {
            let one = self.choice.iter().map(|key| json!({ "required": [key] }));
            schema["oneOf"] = one.collect();
        }
        schema
    }
}

fn words(words: &[String]) -> Json {
    json!({ "enum": words })
}

fn scalar(kind: &Kind) -> Json {
    let mut schema = match kind.look {
        Look::Boolean => json!({ "enum": [true, false, "true", "false", "oui", "non", "yes", "no"] }),
        Look::Number => json!({ "type": ["integer", "string"], "pattern": "^[0-9]+$" }),
        Look::Duration => json!({ "type": "string", "pattern": "^\\s*[0-9]+\\s*(ms|s|min|h|j|d)$" }),
        Look::Size => json!({ "type": "string", "pattern": "^\\s*[0-9]+\\s*(B|o|KB|Ko|MB|Mo|GB|Go)$" }),
        Look::Text => json!({ "type": ["string", "number", "boolean"] }),
    };
    if !kind.expected.is_empty() {
        schema["description"] = kind.expected.as_str().into();
    }
    schema
}
