//! Any element of a resource, looked at without ever failing: what is absent, or of another type, is empty.
//! In: a tree. Out: texts, codings, extensions, identifiers, references. Source: annuaires.md §2.5, §3.5.

use jiff::Timestamp;
use jonction_model::directory::Coded;
use serde_json::Value;

/// An element; `null` when there is none.
#[derive(Clone, Copy, Debug)]
pub struct Node<'v>(&'v Value);

impl<'v> Node<'v> {
    /// Looks at a tree.
    pub fn of(value: &'v Value) -> Self {
        Self(value)
    }

    /// The tree itself.
    pub fn value(self) -> &'v Value {
        self.0
    }

    /// Whether there is nothing.
    pub fn is_none(self) -> bool {
        self.0.is_null()
    }

    /// Type of a resource.
    pub fn kind(self) -> &'v str {
        self.text("resourceType")
    }

    /// A member. Of a list, that of its first item.
    pub fn at(self, name: &str) -> Self {
        let object = match self.0 {
            Value::Array(items) => items.first().unwrap_or(&Value::Null),
            other => other,
        };
        Self(object.get(name).unwrap_or(&Value::Null))
    }

    /// The text of a member; empty when there is none.
    pub fn text(self, name: &str) -> &'v str {
        self.at(name).as_text()
    }

    /// This element as a text; of a list, its first item.
    pub fn as_text(self) -> &'v str {
        match self.0 {
            Value::Array(items) => items.first().and_then(Value::as_str),
            other => other.as_str(),
        }
        .unwrap_or_default()
    }

    /// This element as a whole number.
    pub fn number(self) -> Option<u64> {
        self.0.as_u64()
    }

    /// This element as a number.
    pub fn decimal(self) -> Option<f64> {
        self.0.as_f64().filter(|number| number.is_finite())
    }

    /// This element as a flag.
    pub fn flag(self) -> Option<bool> {
        self.0.as_bool()
    }

    /// The items of a member; what is not a list is a list of one.
    pub fn items(self, name: &str) -> impl Iterator<Item = Self> + use<'v> {
        let items: &'v [Value] = match self.at(name).0 {
            Value::Null => &[],
            Value::Array(items) => items,
            one => std::slice::from_ref(one),
        };
        items.iter().map(Self)
    }

    /// An instant, or a day at its first moment in UTC.
    pub fn instant(self) -> Option<Timestamp> {
        let text = self.as_text();
        text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
    }

    /// Last change of a resource, by the clock of its server.
    pub fn last_updated(self) -> Option<Timestamp> {
        self.at("meta").at("lastUpdated").instant()
    }

    /// Extensions of a name: the last segment of their address, since the same ones are published under several.
    pub fn extensions(self, name: &str) -> impl Iterator<Item = Self> + use<'v> {
        let name = name.to_owned();
        self.items("extension").filter(move |one| last_segment(one.text("url")) == name)
    }

    /// The first extension of a name.
    pub fn extension(self, name: &str) -> Self {
        self.extensions(name).next().unwrap_or(Self(&Value::Null))
    }

    /// Codings of this element (a CodeableConcept, or a list of them) with the table each is of.
    pub fn codings(self) -> impl Iterator<Item = (&'v str, Coded)> + use<'v> {
        let concepts: &'v [Value] = match self.0 {
            Value::Array(items) => items,
            one => std::slice::from_ref(one),
        };
        concepts.iter().flat_map(|concept| Self(concept).items("coding")).map(|coding| {
            (nos_table(coding.text("system")), Coded::new(coding.text("code"), coding.text("display")))
        })
    }

    /// The first coding of a table (`TRE_R66`).
    pub fn coded(self, table: &str) -> Coded {
        self.codings().find(|(own, _)| *own == table).map(|(_, coded)| coded).unwrap_or_default()
    }

    /// The value of the identifier of a system, `http` or `https` alike; the one of that type when `code` is told.
    /// Empty when there is none.
    pub fn identifier(self, system: &str, code: Option<&str>) -> &'v str {
        let same = |one: &Self| bare(one.text("system")) == bare(system);
        let of_type = |one: &Self| {
            code.is_none_or(|code| one.at("type").items("coding").any(|coding| coding.text("code") == code))
        };
        self.items("identifier").find(|one| same(one) && of_type(one)).map_or("", |one| one.text("value"))
    }

    /// What a member refers to; of a list, its first item.
    pub fn reference(self, name: &str) -> Option<Reference<'v>> {
        Reference::of(self.at(name).text("reference"))
    }
}

fn last_segment(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// A system without its scheme: the same one is written both ways.
fn bare(system: &str) -> &str {
    system.strip_prefix("https://").or_else(|| system.strip_prefix("http://")).unwrap_or(system)
}

/// Table of the national nomenclatures a system stands for: `TRE_R66`, `JDV_J139`. Another system is its own table.
pub fn nos_table(system: &str) -> &str {
    let named = system.split('/').find(|part| part.starts_with("TRE_") || part.starts_with("JDV_"));
    named.map_or(system, |part| part.split('-').next().unwrap_or(part))
}

/// What a reference leads to: a resource of the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference<'v> {
    /// Type of the resource.
    pub kind: &'v str,
    /// Its technical id.
    pub id: &'v str,
}

impl<'v> Reference<'v> {
    /// `Organization/12`, `https://serveur/fhir/Organization/12/_history/3`. None for what is inside the resource
    /// (`#a`), or has no type (`urn:uuid:…`).
    pub fn of(text: &'v str) -> Option<Self> {
        let text = text.split("/_history/").next().unwrap_or_default();
        let (rest, id) = text.rsplit_once('/')?;
        let kind = last_segment(rest);
        let typed = kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.bytes().all(|c| c.is_ascii_alphabetic());
        (typed && !id.is_empty()).then_some(Self { kind, id })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_or_of_another_type_is_empty() {
        let value = json!({ "name": 3, "alias": ["a", "b"], "address": { "city": "X" }, "total": -1 });
        let node = Node::of(&value);
        assert_eq!((node.text("name"), node.text("none"), node.text("alias")), ("", "", "a"));
        assert!(node.at("none").at("further").is_none());
        assert_eq!(node.items("alias").count(), 2);
        assert_eq!(node.items("address").map(|one| one.text("city")).collect::<Vec<_>>(), ["X"]);
        assert_eq!((node.at("total").number(), node.at("total").decimal()), (None, Some(-1.0)));
    }

    #[test]
    fn a_table_is_known_by_its_name_wherever_it_is_published() {
        let url = "https://mos.esante.gouv.fr/NOS/TRE_R66-CategorieEtablissement/FHIR/TRE-R66-CategorieEtablissement";
        assert_eq!(nos_table(url), "TRE_R66");
        assert_eq!(nos_table("https://example.org/canal"), "https://example.org/canal");
        let value = json!([{ "coding": [{ "system": "x", "code": "1" }] },
                           { "coding": [{ "system": url, "code": "101", "display": "CHR" }] }]);
        assert_eq!(Node::of(&value).coded("TRE_R66"), Coded::new("101", "CHR"));
        assert_eq!(Node::of(&value).coded("TRE_R30"), Coded::default());
    }

    #[test]
    fn an_identifier_is_found_whether_its_system_is_http_or_https() {
        let value = json!({ "identifier": [
            { "system": "http://sirene.fr", "value": "1", "type": { "coding": [{ "code": "2" }] } },
            { "system": "http://sirene.fr", "value": "2", "type": { "coding": [{ "code": "3" }] } }] });
        let node = Node::of(&value);
        assert_eq!(node.identifier("https://sirene.fr", Some("3")), "2");
        assert_eq!(node.identifier("https://sirene.fr", None), "1");
        assert_eq!(node.identifier("https://finess.esante.gouv.fr", None), "");
    }

    #[test]
    fn a_reference_is_a_type_and_an_id_however_it_is_written() {
        let some = |kind, id| Some(Reference { kind, id });
        assert_eq!(Reference::of("Organization/ror-1"), some("Organization", "ror-1"));
        assert_eq!(Reference::of("https://s/ws/Location/7/_history/2"), some("Location", "7"));
        for none in ["", "#a", "urn:uuid:1", "Organization/", "organization/1", "/1"] {
            assert_eq!(Reference::of(none), None, "{none}");
        }
    }

    #[test]
    fn an_extension_is_known_by_the_end_of_its_address() {
        let value = json!({ "extension": [{ "url": "https://a/StructureDefinition/ror-x", "valueBoolean": true }],
                            "meta": { "lastUpdated": "2026-01-01T10:00:00+01:00" } });
        let node = Node::of(&value);
        assert_eq!(node.extension("ror-x").at("valueBoolean").flag(), Some(true));
        assert!(node.extension("ror-y").is_none());
        assert_eq!(node.last_updated(), "2026-01-01T09:00:00Z".parse().ok());
    }
}
