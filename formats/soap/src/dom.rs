//! A small document as a flat list of elements: what is signed, and faults.
//! In: text within limits. Out: elements with names, attributes, direct text, byte ranges. No recursion.
//! Source: ours. Not for documents of unknown size: see `xml` for those.

use std::ops::Range;

use crate::{
    Error, Limits,
    limits::within,
    xml::{Scanner, Token},
};

/// One element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) ns: String,
    pub(crate) local: String,
    /// Namespace, local name, value.
    pub(crate) attributes: Vec<(String, String, String)>,
    /// Its own character data, children's not included.
    pub(crate) text: String,
    pub(crate) children: Vec<usize>,
    pub(crate) parent: Option<usize>,
    /// From its `<` to behind its end tag.
    pub(crate) range: Range<usize>,
}

/// Elements in document order; the root is the first.
#[derive(Debug)]
pub(crate) struct Tree(Vec<Element>);

impl Tree {
    pub(crate) fn parse(source: &str, limits: &Limits) -> Result<Self, Error> {
        within("bytes of a signed part", source.len(), limits.signed_bytes_max)?;
        let mut scanner = Scanner::new(source, limits);
        let mut elements: Vec<Element> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        loop {
            match scanner.next()? {
                Token::Start { prefix, local } => {
                    within("elements of a signed part", elements.len() + 1, limits.signed_elements_max)?;
                    let this = elements.len();
                    let parent = open.last().copied();
                    if let Some(parent) = parent {
                        elements[parent].children.push(this);
                    }
                    let attributes = scanner.attributes().iter();
                    elements.push(Element {
                        ns: scanner.namespace(prefix).to_owned(),
                        local: local.to_owned(),
                        attributes: attributes
                            .map(|a| {
                                (a.ns.clone().into_owned(), a.local.to_owned(), a.value.clone().into_owned())
                            })
                            .collect(),
                        parent,
                        range: scanner.range(),
                        ..Element::default()
                    });
                    open.push(this);
                }
                Token::End { .. } => {
                    if let Some(this) = open.pop() {
                        elements[this].range.end = scanner.range().end;
                    }
                }
                Token::Text(text) => {
                    if let Some(this) = open.last() {
                        elements[*this].text.push_str(&text);
                    }
                }
                Token::Comment(_) | Token::Pi { .. } => {}
                Token::Eof => return Ok(Self(elements)),
            }
        }
    }

    /// The root element; every parsed document has one.
    pub(crate) fn root(&self) -> Node<'_> {
        Node { tree: self, at: 0 }
    }

    /// Every element, in document order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.0.len()).map(|at| Node { tree: self, at })
    }
}

/// An element in its tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'t> {
    tree: &'t Tree,
    at: usize,
}

impl<'t> Node<'t> {
    pub(crate) fn element(self) -> &'t Element {
        &self.tree.0[self.at]
    }

    pub(crate) fn is(self, ns: &str, local: &str) -> bool {
        self.element().ns == ns && self.element().local == local
    }

    pub(crate) fn same(self, other: Node<'_>) -> bool {
        std::ptr::eq(self.tree, other.tree) && self.at == other.at
    }

    pub(crate) fn parent(self) -> Option<Node<'t>> {
        self.element().parent.map(|at| Node { tree: self.tree, at })
    }

    pub(crate) fn children(self) -> impl Iterator<Item = Node<'t>> {
        self.element().children.iter().map(move |at| Node { tree: self.tree, at: *at })
    }

    /// Children of this name.
    pub(crate) fn each(self, ns: &'t str, local: &'t str) -> impl Iterator<Item = Node<'t>> {
        self.children().filter(move |child| child.is(ns, local))
    }

    /// The first child of this name.
    pub(crate) fn child(self, ns: &str, local: &str) -> Option<Node<'t>> {
        self.children().find(|child| child.is(ns, local))
    }

    /// The only child of this name; `None` when there is none or several.
    pub(crate) fn only(self, ns: &str, local: &str) -> Option<Node<'t>> {
        let mut found = self.children().filter(|child| child.is(ns, local));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// An attribute without namespace.
    pub(crate) fn attribute(self, local: &str) -> Option<&'t str> {
        let found = self.element().attributes.iter().find(|(ns, name, _)| ns.is_empty() && name == local);
        found.map(|(_, _, value)| value.as_str())
    }

    /// Its own text, without blanks around.
    pub(crate) fn text(self) -> &'t str {
        self.element().text.trim()
    }

    /// Its text and that of everything below, in document order, runs separated by one blank.
    pub(crate) fn deep_text(self) -> String {
        let range = &self.element().range;
        let inside = self.tree.0[self.at..].iter().take_while(|element| element.range.start < range.end);
        inside
            .map(|element| element.text.trim())
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}
