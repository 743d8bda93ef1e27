//! A node as a plain Rust value, by its serde form.
//! In: a node. Out: the value, or where it is not one. Scalars are text until their type asks for something else:
//! `010003861` stays a FINESS, `true` is a boolean only where one is wanted. Depth is that of the tree, bounded by its reader.

use std::fmt;

use serde::{
    de::{
        self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
        SeqAccess, VariantAccess, Visitor,
    },
    forward_to_deserialize_any,
};

use crate::node::{Node, Span, Value};

/// A node that is no such value.
#[derive(Debug)]
pub struct Untyped {
    /// Where; the node itself when the library names no place.
    pub span: Option<Span>,
    /// What serde says, in English: names of fields and kinds, never a value of ours.
    pub what: String,
}

impl fmt::Display for Untyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Untyped {}

impl de::Error for Untyped {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self { span: None, what: what.to_string() }
    }
}

/// Reads a node as a value. Errors: the innermost node that does not fit.
pub fn typed<T: DeserializeOwned>(node: &Node) -> Result<T, Untyped> {
    T::deserialize(Typed(node))
}

#[derive(Clone, Copy)]
struct Typed<'n>(&'n Node);

impl Typed<'_> {
    fn place<T>(self, done: Result<T, Untyped>) -> Result<T, Untyped> {
        done.map_err(|error| Untyped { span: error.span.or_else(|| Some(self.0.span.clone())), ..error })
    }

    fn scalar<T: std::str::FromStr>(self, wanted: &str) -> Result<T, Untyped> {
        let parsed = self.0.as_text().and_then(|text| text.parse().ok());
        self.place(parsed.ok_or_else(|| de::Error::custom(format!("expected {wanted}"))))
    }
}

/// Scalars that their type asks for.
macro_rules! scalars {
    ($($method:ident $visit:ident $wanted:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untyped> {
            visitor.$visit(self.scalar($wanted)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Typed<'_> {
    type Error = Untyped;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untyped> {
        let done = match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
        };
        self.place(done)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untyped> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untyped> {
        let done = match &self.0.value {
            Value::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(Variant { name: &entries[0].key, value: Some(&entries[0].value) })
            }
            Value::Scalar(name) => visitor.visit_enum(Variant { name, value: None }),
            _ => Err(de::Error::custom("expected a word, or one key with its value")),
        };
        self.place(done)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Untyped> {
        visitor.visit_newtype_struct(self)
    }

    scalars! {
        deserialize_bool visit_bool "true or false";
        deserialize_i8 visit_i8 "a number"; deserialize_i16 visit_i16 "a number";
        deserialize_i32 visit_i32 "a number"; deserialize_i64 visit_i64 "a number";
        deserialize_u8 visit_u8 "a number"; deserialize_u16 visit_u16 "a number";
        deserialize_u32 visit_u32 "a number"; deserialize_u64 visit_u64 "a number";
        deserialize_f32 visit_f32 "a number"; deserialize_f64 visit_f64 "a number";
        deserialize_char visit_char "one character";
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'n>(std::slice::Iter<'n, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Untyped;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Untyped> {
        self.0.next().map(|node| seed.deserialize(Typed(node))).transpose()
    }
}

struct Entries<'n> {
    entries: std::slice::Iter<'n, crate::node::Entry>,
    value: Option<&'n Node>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Untyped;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Untyped> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(&entry.value);
        let key: de::value::StrDeserializer<'_, Untyped> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Untyped> {
        match self.value.take() {
            Some(node) => seed.deserialize(Typed(node)),
            None => Err(de::Error::custom("a value without its key")),
        }
    }
}

struct Variant<'n> {
    name: &'n str,
    value: Option<&'n Node>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Untyped;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Untyped> {
        let name: de::value::StrDeserializer<'_, Untyped> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Untyped;

    fn unit_variant(self) -> Result<(), Untyped> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Untyped> {
        seed.deserialize(Typed(
            self.value.ok_or_else(|| <Untyped as de::Error>::custom("a value is missing"))?,
        ))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Untyped> {
        match self.value {
            Some(node) => Typed(node).deserialize_any(visitor),
            None => Err(de::Error::custom("a value is missing")),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untyped> {
        self.tuple_variant(0, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde::Deserialize;

    use super::*;
    use crate::{Diagnoses, SourceFile, node};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Plain,
        Sized(u32),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Site {
        finess: String,
        legal: Option<bool>,
        kinds: Vec<Kind>,
    }

    fn read(text: &str) -> Result<Site, Untyped> {
        let file = Arc::new(SourceFile { path: "essai.yaml".into(), text: text.to_owned() });
        typed(&node::read(file, &mut Diagnoses::default()).unwrap())
    }

    #[test]
    fn a_scalar_becomes_what_its_field_asks_for() {
        let site = read("finess: 010003861\nlegal: true\nkinds: [plain, { sized: 3 }]\n").unwrap();
        let kinds = vec![Kind::Plain, Kind::Sized(3)];
        assert_eq!(site, Site { finess: "010003861".to_owned(), legal: Some(true), kinds });
    }

    #[test]
    fn what_does_not_fit_is_told_at_its_own_line() {
        let error = read("finess: x\nlegal: peut-être\nkinds: []\n").unwrap_err();
        assert_eq!((error.span.unwrap().line, error.what.as_str()), (2, "expected true or false"));
        assert!(read("finess: x\n").unwrap_err().what.contains("kinds"));
    }
}
