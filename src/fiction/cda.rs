//! A CDA document: people of its header replaced, what its body says taken out.
//! In: XML, a cast. Out: XML of the same structure; its texts and attributes alone, to be searched.
//! Bounded: elements are a stack of names, the text of one element is kept at a time; entities beyond XML's own are refused.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event, attributes::Attribute},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    FictionError,
    cast::{BIRTH_PLACE, Cast},
    hl7::{EMPTY_PDF, REMOVED},
};
use crate::graph::svg::escaped;

const DEPTH_MAX: usize = 200;
/// Roots of identifiers: matricules, professionals, structures.
const INS: &str = "1.2.250.1.213.1.4.";
const PROFESSIONALS: &str = "1.2.250.1.71.4.2.1";
const STRUCTURES: &str = "1.2.250.1.71.4.2.2";

/// The new document, and what it says.
pub(super) fn rewrite(xml: &str, cast: &mut Cast<'_>) -> Result<(String, String), FictionError> {
    let mut reader = Reader::from_str(xml);
    let mut writer =
        Writer { cast, stack: Vec::new(), out: String::with_capacity(xml.len()), said: String::new() };
    let mut text = String::new();
    loop {
        let event = reader.read_event().map_err(|_| FictionError::Document)?;
        match event {
            Event::Text(part) => text += &part,
            Event::CData(part) => text += &part,
            Event::GeneralRef(name) => text.push(resolved(&name)?),
            Event::Start(start) => {
                writer.text(&std::mem::take(&mut text));
                writer.element(&start, false)?;
                writer.stack.push(local(&start));
                if writer.stack.len() > DEPTH_MAX {
                    return Err(FictionError::Document);
                }
            }
            Event::Empty(start) => {
                writer.text(&std::mem::take(&mut text));
                writer.element(&start, true)?;
            }
            Event::End(end) => {
                writer.text(&std::mem::take(&mut text));
                writer.stack.pop();
                writer.out += &format!("</{}>", end.name().into_inner());
            }
            Event::Decl(_) => writer.out += "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            // They may say anything, and no route reads them.
            Event::Comment(_) | Event::PI(_) => {}
            Event::DocType(_) => return Err(FictionError::Document),
            Event::Eof => return Ok((writer.out, writer.said)),
        }
    }
}

fn resolved(name: &quick_xml::events::BytesRef<'_>) -> Result<char, FictionError> {
    if let Ok(Some(character)) = name.resolve_char_ref() {
        return Ok(character);
    }
    match &**name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(FictionError::Document),
    }
}

fn local(start: &BytesStart<'_>) -> String {
    start.local_name().into_inner().to_owned()
}

struct Writer<'c, 'e> {
    cast: &'c mut Cast<'e>,
    stack: Vec<String>,
    out: String,
    said: String,
}

impl Writer<'_, '_> {
    fn inside(&self, name: &str) -> bool {
        self.stack.iter().any(|element| element == name)
    }

    fn element(&mut self, start: &BytesStart<'_>, empty: bool) -> Result<(), FictionError> {
        let wrong = |_| FictionError::Document;
        let name = start.name().into_inner().to_owned();
        let element = local(start);
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute: Attribute<'_> = attribute.map_err(|_| FictionError::Document)?;
            let key = attribute.key.into_inner().to_owned();
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(wrong)?.into_owned();
            attributes.push((key, value));
        }
        let of = |key: &str| attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        let (root, extension) = (of("root").unwrap_or_default(), of("extension"));
        self.out += &format!("<{name}");
        for (key, value) in &attributes {
            let made = match (element.as_str(), key.as_str()) {
                (_, "extension") if root.starts_with(INS) => self.cast.ins(value),
                (_, "extension") if root == PROFESSIONALS => self.cast.professional(value),
                (_, "extension") if root == STRUCTURES || element == "templateId" => value.clone(),
                (_, "extension") => self.cast.id(value),
                ("id" | "setId", "root") if extension.is_none() => self.cast.id(value),
                ("birthTime", "value") => self.cast.birth(value),
                ("telecom", "value") => self.telecom(value),
                (_, "value")
                    if value.len() >= 8 && value.bytes().take(8).all(|byte| byte.is_ascii_digit()) =>
                {
                    self.cast.moment(value)
                }
                (_, "value") if self.inside("structuredBody") && !is_short(value) => REMOVED.to_owned(),
                _ => value.clone(),
            };
            self.said += &format!("{made}|");
            self.out += &format!(" {key}=\"{}\"", escaped(&made));
        }
        self.out += if empty { "/>" } else { ">" };
        Ok(())
    }

    fn telecom(&mut self, value: &str) -> String {
        match value.split_once(':') {
            Some(("mailto", address)) => format!("mailto:{}", self.cast.mail(address)),
            Some((scheme @ ("tel" | "fax"), number)) => format!("{scheme}:{}", self.cast.phone(number)),
            _ => String::new(),
        }
    }

    fn text(&mut self, text: &str) {
        if text.trim().is_empty() {
            self.out += text;
            return;
        }
        let element = self.stack.last().map(String::as_str).unwrap_or_default();
        let made = match element {
            "family" => self.cast.family(text),
            "given" => self.cast.given(text),
            "prefix" | "suffix" => text.to_owned(),
            "name" if self.is_of_a_structure() => text.to_owned(),
            "country" | "languageCode" => text.to_owned(),
            "county" => BIRTH_PLACE.to_owned(),
            "postalCode" => "75001".to_owned(),
            "city" => "VILLE-EXEMPLE".to_owned(),
            // A PDF copy, in base64.
            "text" if self.inside("nonXMLBody") => STANDARD.encode(EMPTY_PDF),
            "value" if self.inside("observationMedia") => STANDARD.encode(EMPTY_PDF),
            _ => REMOVED.to_owned(),
        };
        self.said += &format!("{made}|");
        self.out += &escaped(&made);
    }

    /// The name of an organisation, of a service, of a place: nobody.
    fn is_of_a_structure(&self) -> bool {
        let parent = self.stack.len().checked_sub(2).and_then(|at| self.stack.get(at));
        const STRUCTURES: [&str; 4] = ["rganization", "Custodian", "ocation", "healthCareFacility"];
        parent.is_some_and(|parent| STRUCTURES.iter().any(|word| parent.contains(word)))
    }
}

/// A code, a number, a flag.
fn is_short(value: &str) -> bool {
    value.len() <= 12
}
