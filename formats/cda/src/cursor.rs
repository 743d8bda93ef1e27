//! A cursor over the elements of a document: children in order, what is not wanted is skipped.
//! In: text. Out: elements with their place; limits, DTD, entities and well-formedness are judged on the way.
//! It never builds a tree and never recurses: how deep a reader goes is decided by its own code.

use std::ops::Range;

use quick_xml::{
    NsReader,
    escape::EscapeError,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
};

use crate::{
    error::{CdaError, Spot},
    facts::{Observation, ObservationKind, Observations},
    limits::Limits,
    source::characters,
};

/// Namespace of CDA.
pub(crate) const HL7: &str = "urn:hl7-org:v3";

/// Namespace of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// `urn:hl7-org:v3`.
    Hl7,
    /// `urn:hl7-org:sdtc`.
    Sdtc,
    /// XSLT.
    Xsl,
    /// `urn:asip-sante:ci-sis`: wrapper of self-displaying documents.
    CiSis,
    /// XML signature.
    Signature,
    /// `urn:dicom-org:ps3-20`: accession numbers.
    Dicom,
    /// Anything else, or none.
    Other,
}

impl Space {
    fn of(resolved: &ResolveResult<'_>) -> Self {
        let ResolveResult::Bound(Namespace(uri)) = resolved else { return Self::Other };
        match *uri {
            HL7 => Self::Hl7,
            "urn:hl7-org:sdtc" => Self::Sdtc,
            "http://www.w3.org/1999/XSL/Transform" => Self::Xsl,
            "urn:asip-sante:ci-sis" => Self::CiSis,
            "http://www.w3.org/2000/09/xmldsig#" => Self::Signature,
            "urn:dicom-org:ps3-20" => Self::Dicom,
            _ => Self::Other,
        }
    }
}

/// An element that was just opened.
#[derive(Debug)]
pub(crate) struct Element<'i> {
    pub(crate) space: Space,
    pub(crate) local: &'i str,
    /// Offset of its `<`.
    pub(crate) start: usize,
    attributes: Vec<(String, String)>,
}

impl Element<'_> {
    /// Local name in the HL7 namespace; empty in any other, so that it matches no name of the model.
    pub(crate) fn name(&self) -> &str {
        if self.space == Space::Hl7 { self.local } else { "" }
    }

    /// An attribute without prefix, blanks around it taken off; `None` when absent or empty.
    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(known, _)| known == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether it says that its value is not known.
    pub(crate) fn is_null(&self) -> bool {
        self.attr("nullFlavor").is_some()
    }
}

/// What is known of an open element: enough to write its XPath.
#[derive(Debug, Default)]
struct Level<'i> {
    name: &'i str,
    /// Which one of its name among its siblings, from 1.
    index: u32,
    /// Names met below, and how often. At most [`Level::NAMES_MAX`]; beyond, indexes are left out.
    children: Vec<(&'i str, u32)>,
}

impl<'i> Level<'i> {
    const NAMES_MAX: usize = 64;

    fn next_index(&mut self, name: &'i str) -> u32 {
        if let Some((_, count)) = self.children.iter_mut().find(|(known, _)| *known == name) {
            *count = count.saturating_add(1);
            return *count;
        }
        if self.children.len() < Self::NAMES_MAX {
            self.children.push((name, 1));
        }
        1
    }
}

/// Where line and column were last counted: counting goes on from there.
#[derive(Clone, Copy, Debug)]
struct Pen {
    offset: usize,
    line: u32,
    column: u32,
}

pub(crate) struct Cursor<'i> {
    reader: NsReader<&'i [u8]>,
    text: &'i str,
    limits: Limits,
    /// Elements open now.
    depth: usize,
    elements: usize,
    /// As many as `depth` while children are visited one by one.
    levels: Vec<Level<'i>>,
    /// How many levels stand outside the ClinicalDocument.
    base: usize,
    pen: Pen,
    /// What stands out in any element of the header.
    pub(crate) observations: Observations,
    /// Whether elements are observed: those of the header are.
    pub(crate) watching: bool,
}

impl<'i> Cursor<'i> {
    pub(crate) fn new(text: &'i str, limits: &Limits) -> Self {
        let mut reader = NsReader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Self {
            reader,
            text,
            limits: *limits,
            depth: 0,
            elements: 0,
            levels: vec![Level::default()],
            base: 0,
            pen: Pen { offset: 0, line: 1, column: 1 },
            observations: Observations::default(),
            watching: true,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// From here on, paths start at the element just opened.
    pub(crate) fn root_here(&mut self) {
        self.base = self.depth;
    }

    /// Opens the next child of the open element; `None` once the end tag of that element was read
    /// (for the document itself: at the end of the text).
    pub(crate) fn open(&mut self) -> Result<Option<Element<'i>>, CdaError> {
        loop {
            let start = self.position();
            let (resolved, event) = match self.reader.read_resolved_event() {
                Ok(read) => read,
                Err(error) => return Err(self.fault(&error)),
            };
            let space = Space::of(&resolved);
            match event {
                Event::Start(tag) => {
                    self.enter(start, &tag)?;
                    return self.element(start, space, &tag).map(Some);
                }
                Event::End(_) => {
                    self.depth -= 1;
                    self.levels.truncate(self.depth + 1);
                    return Ok(None);
                }
                Event::Eof => return self.at_end().map(|()| None),
                other => self.between(start, &other)?,
            }
        }
    }

    /// Visits the children of the open element, in order. What a visitor does not read is skipped.
    pub(crate) fn each(
        &mut self,
        mut visit: impl FnMut(&mut Self, &Element<'i>) -> Result<(), CdaError>,
    ) -> Result<(), CdaError> {
        let inside = self.depth;
        while let Some(element) = self.open()? {
            visit(self, &element)?;
            self.close_to(inside)?;
        }
        Ok(())
    }

    /// Reads on until `depth` elements are open.
    pub(crate) fn close_to(&mut self, depth: usize) -> Result<(), CdaError> {
        while self.depth > depth {
            let start = self.position();
            match self.reader.read_event() {
                Ok(Event::Start(tag)) => self.enter(start, &tag)?,
                Ok(Event::End(_)) => self.depth -= 1,
                Ok(Event::Eof) => return self.at_end(),
                Ok(other) => self.between(start, &other)?,
                Err(error) => return Err(self.fault(&error)),
            }
        }
        self.levels.truncate(depth + 1);
        Ok(())
    }

    /// How many elements are open.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Text of the open element up to its end tag, inner elements left out, runs of blanks made one.
    pub(crate) fn text(&mut self) -> Result<String, CdaError> {
        let inside = self.depth;
        let mut text = String::new();
        while self.depth >= inside {
            let start = self.position();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.fault(&error)),
            };
            match event {
                Event::Start(tag) => self.enter(start, &tag)?,
                Event::End(_) => self.depth -= 1,
                Event::Eof => return self.at_end().map(|()| text),
                Event::Text(piece) if self.depth == inside => text.push_str(&piece.into_inner()),
                Event::CData(piece) if self.depth == inside => text.push_str(&piece.into_inner()),
                Event::GeneralRef(name) => {
                    let resolved = self.reference(start, &name.into_inner())?;
                    if self.depth == inside {
                        text.push(resolved);
                    }
                }
                other => self.between(start, &other)?,
            }
            if text.len() > self.limits.text_bytes_max {
                return Err(self.limit(start, "text bytes", self.limits.text_bytes_max));
            }
        }
        self.levels.truncate(self.depth + 1);
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Where the text of the open element stands, up to its end tag: the range of its only piece, blanks around it
    /// taken off. `None`: there is none, or it is cut by comments, references or elements.
    pub(crate) fn payload(&mut self) -> Result<Option<Range<usize>>, CdaError> {
        let inside = self.depth;
        let mut pieces: Vec<Range<usize>> = Vec::new();
        while self.depth >= inside {
            let start = self.position();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.fault(&error)),
            };
            let end = position(&self.reader);
            let piece = match event {
                Event::Start(tag) => {
                    self.enter(start, &tag)?;
                    continue;
                }
                Event::End(_) => {
                    self.depth -= 1;
                    continue;
                }
                Event::Eof => return self.at_end().map(|()| None),
                Event::Text(_) => start..end,
                Event::CData(_) => start + "<![CDATA[".len()..end - "]]>".len(),
                other => {
                    self.between(start, &other)?;
                    start..end
                }
            };
            let piece = trim(self.text, piece);
            if !piece.is_empty() && pieces.len() < 2 {
                pieces.push(piece);
            }
        }
        self.levels.truncate(self.depth + 1);
        Ok(pieces.pop().filter(|_| pieces.is_empty()))
    }

    /// Line and column of an offset, counted on from the last one asked.
    pub(crate) fn spot(&mut self, offset: usize) -> Spot {
        let text = self.text.as_bytes();
        let offset = offset.min(text.len());
        if offset < self.pen.offset {
            return crate::source::spot(self.text, offset);
        }
        let piece = &text[self.pen.offset..offset];
        let grown = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.pen = match memchr::memrchr(b'\n', piece) {
            Some(newline) => Pen {
                offset,
                line: self.pen.line.saturating_add(grown(memchr::memchr_iter(b'\n', piece).count())),
                column: grown(characters(&piece[newline + 1..])).saturating_add(1),
            },
            None => {
                Pen { offset, column: self.pen.column.saturating_add(grown(characters(piece))), ..self.pen }
            }
        };
        Spot { offset, line: self.pen.line, column: self.pen.column }
    }

    /// XPath of the open element, from the ClinicalDocument: `/ClinicalDocument/recordTarget/patientRole/id[2]`.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for level in self.levels.iter().skip(self.base.max(1)) {
            path.push('/');
            path.push_str(level.name);
            if level.index > 1 {
                path.push_str(&format!("[{}]", level.index));
            }
        }
        path
    }

    /// The text of a range.
    pub(crate) fn slice(&self, range: Range<usize>) -> &'i str {
        self.text.get(range).unwrap_or_default()
    }

    fn position(&self) -> usize {
        position(&self.reader)
    }

    /// Counts an element that opens. Its attributes are counted before anything looks at them.
    fn enter(&mut self, start: usize, tag: &BytesStart<'i>) -> Result<(), CdaError> {
        if self.depth == 0 && self.elements > 0 {
            return Err(self.ill_formed(start, "a second root element"));
        }
        self.depth += 1;
        self.elements += 1;
        if self.depth > self.limits.depth_max {
            return Err(self.limit(start, "nested elements", self.limits.depth_max));
        }
        if self.elements > self.limits.elements_max {
            return Err(self.limit(start, "elements", self.limits.elements_max));
        }
        // Every attribute has its `=`: too few of them make counting needless.
        let raw = tag.attributes_raw().as_bytes();
        if raw.len() > self.limits.attributes_max {
            let mut attributes = tag.attributes();
            let count = attributes.with_checks(false).take(self.limits.attributes_max + 1).count();
            if count > self.limits.attributes_max {
                return Err(self.limit(start, "attributes", self.limits.attributes_max));
            }
        }
        Ok(())
    }

    /// Reads name and attributes, and notes what stands out.
    fn element(&mut self, start: usize, space: Space, tag: &BytesStart<'i>) -> Result<Element<'i>, CdaError> {
        let text = self.text;
        let qualified = text.get(start + 1..start + 1 + tag.name().0.len()).unwrap_or_default();
        let local = qualified.rsplit_once(':').map_or(qualified, |(_, local)| local);
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let Ok(attribute) = attribute else { return Err(self.ill_formed(start, "attributes")) };
            let value = match attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0) {
                Ok(value) => value,
                Err(error) => return Err(self.fault_at(start, &error)),
            };
            if value.len() > self.limits.text_bytes_max {
                return Err(self.limit(start, "text bytes", self.limits.text_bytes_max));
            }
            attributes.push((attribute.key.0.to_owned(), value.into_owned()));
        }
        let index = self.levels.last_mut().map_or(1, |parent| parent.next_index(local));
        self.levels.push(Level { name: local, index, children: Vec::new() });
        let element = Element { space, local, start, attributes };
        self.observe(&element);
        Ok(element)
    }

    fn observe(&mut self, element: &Element<'i>) {
        if self.base == 0 || !self.watching || self.observations.is_full() {
            return;
        }
        let at = Observations::of(element, self.levels.len() - self.base);
        if at.is_empty() {
            return;
        }
        let spot = self.spot(element.start);
        let path = self.path();
        for kind in at {
            self.observations.push(Observation { kind, place: spot.place(path.clone()) });
        }
    }

    /// Everything that is neither a start nor an end tag.
    fn between(&mut self, start: usize, event: &Event<'_>) -> Result<(), CdaError> {
        match event {
            Event::DocType(_) => Err(CdaError::Doctype { at: self.spot(start) }),
            Event::GeneralRef(name) => self.reference(start, &name.borrow().into_inner()).map(|_| ()),
            Event::Text(text) if self.depth == 0 && !text.borrow().into_inner().trim().is_empty() => {
                Err(self.ill_formed(start, "text outside the root element"))
            }
            Event::CData(_) if self.depth == 0 => {
                Err(self.ill_formed(start, "text outside the root element"))
            }
            Event::Decl(_) if start > 0 => {
                Err(self.ill_formed(start, "XML declaration not at the beginning"))
            }
            Event::PI(instruction) => {
                // A style sheet reference is the only one that the profile knows (H-35).
                let foreign = instruction.target() != "xml-stylesheet";
                if foreign && !self.observations.is_full() {
                    let place = self.spot(start).place("");
                    self.observations.push(Observation { kind: ObservationKind::Instruction, place });
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A character reference, or one of the five entities that need no DTD.
    fn reference(&mut self, start: usize, name: &str) -> Result<char, CdaError> {
        let code = match (name, name.strip_prefix("#x"), name.strip_prefix('#')) {
            ("amp", ..) => return Ok('&'),
            ("lt", ..) => return Ok('<'),
            ("gt", ..) => return Ok('>'),
            ("quot", ..) => return Ok('"'),
            ("apos", ..) => return Ok('\''),
            (_, Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
            (_, None, Some(digits)) => digits.parse().ok(),
            _ => return Err(CdaError::Entity { at: self.spot(start) }),
        };
        let allowed = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r') || *c >= '\u{80}';
        match code.and_then(char::from_u32).filter(allowed) {
            Some(character) => Ok(character),
            None => Err(self.ill_formed(start, "character reference")),
        }
    }

    /// The text ends here: only sound when every element was closed and there was one.
    fn at_end(&mut self) -> Result<(), CdaError> {
        match (self.depth, self.elements) {
            (0, 0) => Err(CdaError::Empty),
            (0, _) => Ok(()),
            _ => Err(self.ill_formed(self.text.len(), "end of document inside an element")),
        }
    }

    pub(crate) fn limit(&mut self, start: usize, what: &'static str, limit: usize) -> CdaError {
        CdaError::Limit { at: self.spot(start), what, limit }
    }

    fn ill_formed(&mut self, start: usize, detail: &'static str) -> CdaError {
        CdaError::NotXml { at: self.spot(start), detail }
    }

    fn fault(&mut self, error: &quick_xml::Error) -> CdaError {
        let at = usize::try_from(self.reader.error_position()).unwrap_or(0);
        self.fault_at(at, error)
    }

    fn fault_at(&mut self, at: usize, error: &quick_xml::Error) -> CdaError {
        use quick_xml::{Error, errors::SyntaxError, name::NamespaceError};
        match error {
            Error::Syntax(SyntaxError::UnclosedDoctype) => CdaError::Doctype { at: self.spot(at) },
            Error::Escape(EscapeError::UnrecognizedEntity(..)) => CdaError::Entity { at: self.spot(at) },
            Error::Namespace(NamespaceError::TooManyBindings(limit)) => {
                self.limit(at, "namespace bindings", *limit)
            }
            Error::Syntax(_) => self.ill_formed(at, "markup is not closed"),
            Error::IllFormed(_) => self.ill_formed(at, "tags do not match"),
            Error::InvalidAttr(_) => self.ill_formed(at, "attributes"),
            Error::Namespace(_) => self.ill_formed(at, "namespaces"),
            Error::Escape(_) => self.ill_formed(at, "character reference"),
            _ => self.ill_formed(at, "unreadable"),
        }
    }
}

fn position(reader: &NsReader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let piece = text.as_bytes().get(range.clone()).unwrap_or_default();
    let start = range.start + (piece.len() - piece.trim_ascii_start().len());
    start..start + piece.trim_ascii().len()
}
