//! What a shape holds, read from the schema of its type: objects, lists, leaves, and what must be there.
//! In: a JSON schema that schemars made. Out: a tree; a target path finds its leaf in it.

use jonction_model::nearest;
use schemars::Schema;
use serde_json::Value as Json;

use crate::kind::Leaf;

/// Deeper than any shape.
const DEPTH_MAX: usize = 16;

/// A place of a shape.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Leaf(Leaf),
    Object(Vec<Member>),
    List(Box<Target>),
    /// A handle on stored bytes.
    Content,
    /// Something no row reads or writes.
    Other,
}

/// A field of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: Box<str>,
    pub(crate) required: bool,
    pub(crate) target: Target,
}

/// What is wrong in a target path, in French.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TargetFault {
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) sentence: String,
    pub(crate) remedy: String,
}

impl Target {
    /// Reads a schema. Errors: the place this reader does not know, which a test of the shapes finds.
    pub(crate) fn of(schema: &Schema) -> Result<Self, String> {
        let root = schema.as_value();
        Self::read(root, root, 0)
    }

    fn read(root: &Json, node: &Json, depth: usize) -> Result<Self, String> {
        let unknown = || format!("schema not understood: {node}");
        if depth > DEPTH_MAX {
            return Err("schema too deep".to_owned());
        }
        if let Some(reference) = node.get("$ref").and_then(Json::as_str) {
            let name = reference.strip_prefix("#/$defs/").ok_or_else(unknown)?;
            return Self::read(
                root,
                root.get("$defs").and_then(|all| all.get(name)).ok_or_else(unknown)?,
                depth + 1,
            );
        }
        if let Some(some) = node.get("anyOf").and_then(Json::as_array) {
            let is_null = |one: &&Json| one.get("type").and_then(Json::as_str) == Some("null");
            let mut others = some.iter().filter(|one| !is_null(one));
            return match (others.next(), others.next()) {
                (Some(one), None) => Self::read(root, one, depth + 1),
                _ => Err(unknown()),
            };
        }
        if let Some(words) = words(node) {
            return Ok(Self::Leaf(Leaf::Words(words)));
        }
        if let Some(variants) = node.get("oneOf").and_then(Json::as_array) {
            let variants = variants.iter().map(|one| Self::read(root, one, depth + 1));
            return variants.collect::<Result<_, _>>().map(Self::one_of);
        }
        let kind = match node.get("type") {
            Some(Json::String(kind)) => kind.as_str(),
            Some(Json::Array(kinds)) => {
                kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null").unwrap_or_default()
            }
            _ => "",
        };
        let format = node.get("format").and_then(Json::as_str);
        match (kind, format) {
            ("object", Some("content")) => Ok(Self::Content),
            ("object", _) => {
                let required: Vec<&str> = node
                    .get("required")
                    .and_then(Json::as_array)
                    .map(|names| names.iter().filter_map(Json::as_str).collect())
                    .unwrap_or_default();
                let properties = node.get("properties").and_then(Json::as_object).ok_or_else(unknown)?;
                let member = |(name, inner): (&String, &Json)| {
                    Ok(Member {
                        name: name.as_str().into(),
                        required: required.contains(&name.as_str()),
                        target: Self::read(root, inner, depth + 1)?,
                    })
                };
                properties.iter().map(member).collect::<Result<_, String>>().map(Self::Object)
            }
            ("array", _) if node.get("prefixItems").is_some() => Ok(Self::Other),
            ("array", _) => {
                let items = node.get("items").ok_or_else(unknown)?;
                Ok(Self::List(Box::new(Self::read(root, items, depth + 1)?)))
            }
            ("string", Some(format)) => Leaf::of_format(format).map(Self::Leaf).ok_or_else(unknown),
            ("string", None) => Ok(Self::Leaf(Leaf::Text)),
            ("integer", _) => Ok(Self::Leaf(Leaf::Integer)),
            ("boolean", _) => Ok(Self::Leaf(Leaf::Boolean)),
            _ => Err(unknown()),
        }
    }

    /// What one of several blocks holds: every field of any, required where all of them require it.
    fn one_of(variants: Vec<Self>) -> Self {
        let count = variants.len();
        let mut members: Vec<(Member, usize)> = Vec::new();
        for variant in variants {
            let Self::Object(fields) = variant else { return Self::Other };
            for field in fields {
                let needed = usize::from(field.required);
                match members.iter_mut().find(|(known, _)| known.name == field.name) {
                    None => members.push((field, needed)),
                    Some((known, times)) => {
                        *times += needed;
                        if let (Self::Leaf(Leaf::Words(all)), Self::Leaf(Leaf::Words(more))) =
                            (&mut known.target, field.target)
                        {
                            all.extend(more);
                        }
                    }
                }
            }
        }
        let of = |(member, times): (Member, usize)| Member { required: times == count, ..member };
        Self::Object(members.into_iter().map(of).collect())
    }

    /// Whether a place is there in every value: each part of its path is required.
    pub(crate) fn requires(&self, path: &str) -> bool {
        let mut here = self;
        path.split('.').all(|part| {
            let Self::Object(members) = here else { return false };
            let Some(member) = members.iter().find(|member| *member.name == *part) else { return false };
            here = &member.target;
            member.required
        })
    }

    /// The place a path names, from here: `patient.traits.sex`.
    /// Errors: the part that no field is called, with the nearest; a list crossed without `each`.
    pub(crate) fn find(&self, path: &str) -> Result<&Self, TargetFault> {
        let mut here = self;
        let mut offset = 0;
        for part in path.split('.') {
            let length = part.chars().count();
            let fault = |sentence, remedy| TargetFault { offset, length, sentence, remedy };
            here = match here {
                Self::Object(members) => match members.iter().find(|member| *member.name == *part) {
                    Some(member) => &member.target,
                    None => {
                        let names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
                        let remedy = match nearest(part, names.iter().copied()) {
                            Some(near) => format!("vouliez-vous « {near} » ? champs : {}", names.join(", ")),
                            None => format!("champs : {}", names.join(", ")),
                        };
                        return Err(fault(format!("« {part} » n'est pas un champ ici"), remedy));
                    }
                },
                Self::List(_) => {
                    let list = path.get(..offset.saturating_sub(1)).unwrap_or_default();
                    let remedy =
                        format!("écrire « to: {list} » avec « each », et « {part} » dans ses lignes");
                    return Err(fault(format!("« {list} » est une liste"), remedy));
                }
                Self::Leaf(_) | Self::Content | Self::Other => {
                    return Err(fault(
                        "ce champ n'en contient pas d'autres".to_owned(),
                        "retirer ce qui suit".to_owned(),
                    ));
                }
            };
            offset += length + 1;
        }
        Ok(here)
    }
}

/// Closed lists of words: `enum`, or `oneOf` of constants when each word has a description.
fn words(node: &Json) -> Option<Vec<Box<str>>> {
    let text = |json: &Json| json.as_str().map(Box::from);
    if let Some(word) = node.get("const") {
        return text(word).map(|word| vec![word]);
    }
    if let Some(words) = node.get("enum").and_then(Json::as_array) {
        return words.iter().filter(|word| !word.is_null()).map(text).collect();
    }
    let mut all = Vec::new();
    for one in node.get("oneOf")?.as_array()? {
        match (one.get("const"), words(one)) {
            (Some(word), _) => all.push(text(word)?),
            (None, Some(words)) => all.extend(words),
            (None, None) => return None,
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::SHAPES;

    #[test]
    fn a_target_is_found_and_a_wrong_one_explained() {
        let target = Target::of(&(SHAPES[0].schema)()).unwrap();
        assert!(matches!(target.find("patient.traits.birth_date"), Ok(Target::Leaf(Leaf::Text))));
        assert!(matches!(target.find("patient.ins.ins"), Ok(Target::Leaf(Leaf::Format(_)))));
        assert!(matches!(target.find("event"), Ok(Target::Leaf(Leaf::Words(words))) if words.len() == 18));
        assert!(matches!(target.find("patient.local_ids"), Ok(Target::List(_))));
        let fault = target.find("patient.trait.sex").unwrap_err();
        assert_eq!((fault.offset, fault.length), (8, 5));
        assert!(fault.remedy.contains("« traits »"));
        assert!(target.find("patient.local_ids.id").unwrap_err().remedy.contains("each"));
        assert!(target.find("event.x").is_err());
    }
}
