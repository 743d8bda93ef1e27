//! Bounded reading of XML into a small tree: no recursion, no DTD, no entity but the five of XML.
//! In: bytes, limits. Out: a tree in one vector, or a `ReadError`. Source: architecture §4.8, dependencies §4.2.

use quick_xml::{
    NsReader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    name::ResolveResult,
};

/// What a partner may send in one ebRIM message, METADATA.XML included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the XML text.
    pub xml_bytes_max: usize,
    /// Levels of elements.
    pub depth_max: usize,
    /// Elements in all.
    pub elements_max: usize,
    /// Attributes of one element.
    pub attributes_max: usize,
    /// Document entries.
    pub entries_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            xml_bytes_max: 16 << 20,
            depth_max: 32,
            elements_max: 200_000,
            attributes_max: 32,
            entries_max: 1_000,
        }
    }
}

/// Why an ebRIM message cannot be read at all. Says where, never what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Too big, too deep, too many.
    #[error("the message is over the limit {limit}")]
    OverLimit {
        /// Name of the limit in [`Limits`].
        limit: &'static str,
    },
    /// Not UTF-8.
    #[error("the text is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// First wrong byte.
        at: usize,
    },
    /// A document type declaration.
    #[error("a document type declaration is refused")]
    Doctype,
    /// Not well-formed.
    #[error("the text is not well-formed XML at byte {at}")]
    NotXml {
        /// About where.
        at: usize,
    },
    /// Another root element.
    #[error("the root element is not {expected}")]
    WrongRoot {
        /// Local name that was expected.
        expected: &'static str,
    },
}

impl ReadError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OverLimit { .. } => "xds.over-limit",
            Self::NotUtf8 { .. } => "xds.not-utf8",
            Self::Doctype => "xds.doctype-refused",
            Self::NotXml { .. } => "xds.not-xml",
            Self::WrongRoot { .. } => "xds.wrong-root",
        }
    }
}

/// An element; children are indices into the tree.
#[derive(Debug, Default)]
struct Node {
    local: String,
    namespace: Option<String>,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<usize>,
}

/// All elements, the root first.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

/// One element of a tree.
#[derive(Clone, Copy)]
pub(super) struct Element<'t> {
    tree: &'t Tree,
    at: usize,
}

impl Tree {
    pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, ReadError> {
        if bytes.len() > limits.xml_bytes_max {
            return Err(ReadError::OverLimit { limit: "xml_bytes_max" });
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text =
            std::str::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 { at: error.valid_up_to() })?;
        let mut reader = NsReader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut builder = Builder { nodes: Vec::new(), open: Vec::new(), limits };
        loop {
            let at =
                |reader: &NsReader<&[u8]>| usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let not_xml = |at| ReadError::NotXml { at };
            let position = at(&reader);
            let (resolved, event) = reader.read_resolved_event().map_err(|_| not_xml(position))?;
            match event {
                Event::Start(start) => {
                    let namespace = match resolved {
                        ResolveResult::Bound(namespace) => Some(namespace.as_ref().to_owned()),
                        ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
                    };
                    builder.start(&start, namespace, position)?;
                }
                Event::End(_) => {
                    builder.open.pop();
                }
                Event::Text(text) => builder.text(&text.xml10_content()).map_err(|()| not_xml(position))?,
                Event::CData(text) => builder.text(&text.xml10_content()).map_err(|()| not_xml(position))?,
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().map_err(|_| not_xml(position))? {
                        Some(c) => c.to_string(),
                        None => {
                            resolve_predefined_entity(&reference).ok_or_else(|| not_xml(position))?.to_owned()
                        }
                    };
                    builder.text(&resolved).map_err(|()| not_xml(position))?;
                }
                Event::DocType(_) => return Err(ReadError::Doctype),
                Event::Eof => break,
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
        if builder.nodes.is_empty() || !builder.open.is_empty() {
            return Err(ReadError::NotXml { at: text.len() });
        }
        Ok(Self { nodes: builder.nodes })
    }

    pub(super) fn root(&self) -> Element<'_> {
        Element { tree: self, at: 0 }
    }

    /// The root, if it has this local name; a request still in its SOAP envelope is found in the body.
    pub(super) fn root_named(&self, expected: &'static str) -> Result<Element<'_>, ReadError> {
        let root = self.root();
        let found = if root.local() == "Envelope" {
            root.child("Body").and_then(|body| body.child(expected))
        } else {
            Some(root).filter(|root| root.local() == expected)
        };
        found.ok_or(ReadError::WrongRoot { expected })
    }
}

struct Builder<'l> {
    nodes: Vec<Node>,
    open: Vec<usize>,
    limits: &'l Limits,
}

impl Builder<'_> {
    fn start(
        &mut self,
        start: &BytesStart<'_>,
        namespace: Option<String>,
        at: usize,
    ) -> Result<(), ReadError> {
        let over = |limit| Err(ReadError::OverLimit { limit });
        if self.open.len() >= self.limits.depth_max {
            return over("depth_max");
        }
        if self.nodes.len() >= self.limits.elements_max {
            return over("elements_max");
        }
        if self.open.is_empty() && !self.nodes.is_empty() {
            return Err(ReadError::NotXml { at });
        }
        let mut node = Node { local: start.local_name().as_ref().to_owned(), namespace, ..Node::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| ReadError::NotXml { at })?;
            if node.attributes.len() >= self.limits.attributes_max {
                return over("attributes_max");
            }
            let name = attribute.key.as_ref();
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| ReadError::NotXml { at })?
                .into_owned();
            node.attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
        }
        let index = self.nodes.len();
        if let Some(parent) = self.open.last() {
            self.nodes[*parent].children.push(index);
        }
        self.nodes.push(node);
        self.open.push(index);
        Ok(())
    }

    /// Text outside the root must be blank.
    fn text(&mut self, text: &str) -> Result<(), ()> {
        match self.open.last() {
            Some(node) => self.nodes[*node].text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(()),
        }
        Ok(())
    }
}

impl<'t> Element<'t> {
    fn node(self) -> &'t Node {
        &self.tree.nodes[self.at]
    }

    pub(super) fn local(self) -> &'t str {
        &self.node().local
    }

    pub(super) fn namespace(self) -> Option<&'t str> {
        self.node().namespace.as_deref()
    }

    /// An attribute by local name.
    pub(super) fn attribute(self, name: &str) -> Option<&'t str> {
        self.node().attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(self) -> &'t str {
        &self.node().text
    }

    pub(super) fn children(self) -> impl Iterator<Item = Element<'t>> {
        self.node().children.iter().map(move |at| Element { tree: self.tree, at: *at })
    }

    /// First child with this local name.
    pub(super) fn child(self, local: &str) -> Option<Element<'t>> {
        self.children().find(|child| child.local() == local)
    }

    pub(super) fn children_named(self, local: &'static str) -> impl Iterator<Item = Element<'t>> {
        self.children().filter(move |child| child.local() == local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tree, ReadError> {
        Tree::parse(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn texts_entities_and_cdata_are_joined() {
        let tree = parse("<a x=\"1 &amp; 2\">A&#233;<![CDATA[<&]]>&lt;</a>").unwrap();
        assert_eq!(tree.root().text(), "Aé<&<");
        assert_eq!(tree.root().attribute("x"), Some("1 & 2"));
    }

    #[test]
    fn a_document_type_is_refused_before_anything_is_expanded() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxx\">]><a>&x;</a>";
        assert_eq!(parse(bomb).err(), Some(ReadError::Doctype));
        assert!(matches!(parse("<a>&x;</a>"), Err(ReadError::NotXml { .. })));
    }

    #[test]
    fn depth_stops_at_its_limit() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        let limits = Limits { depth_max: 5, ..Limits::default() };
        assert!(Tree::parse(nested(5).as_bytes(), &limits).is_ok());
        let error = Tree::parse(nested(6).as_bytes(), &limits).unwrap_err();
        assert_eq!(error, ReadError::OverLimit { limit: "depth_max" });
    }

    #[test]
    fn elements_attributes_and_bytes_stop_at_their_limits() {
        let limits = Limits { elements_max: 3, attributes_max: 2, xml_bytes_max: 40, ..Limits::default() };
        let error = |text: &str| Tree::parse(text.as_bytes(), &limits).err();
        assert_eq!(error("<a><b/><b/></a>"), None);
        assert_eq!(error("<a><b/><b/><b/></a>"), Some(ReadError::OverLimit { limit: "elements_max" }));
        assert_eq!(error("<a b='1' c='2'/>"), None);
        assert_eq!(error("<a b='1' c='2' d='3'/>"), Some(ReadError::OverLimit { limit: "attributes_max" }));
        assert_eq!(error(&format!("<a>{}</a>", " ".repeat(33))), None);
        let over = error(&format!("<a>{}</a>", " ".repeat(34)));
        assert_eq!(over, Some(ReadError::OverLimit { limit: "xml_bytes_max" }));
    }

    #[test]
    fn what_is_not_one_well_formed_element_is_refused() {
        for wrong in ["", " ", "<a>", "<a></b>", "<a/><b/>", "x<a/>", "<a/>x", "<a b='1' b='2'/>", "<a b=1/>"]
        {
            assert!(matches!(parse(wrong), Err(ReadError::NotXml { .. })), "{wrong}");
        }
        assert_eq!(Tree::parse(b"<a>\xff</a>", &Limits::default()).err(), Some(ReadError::NotUtf8 { at: 3 }));
    }
}
