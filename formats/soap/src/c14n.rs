//! Canonical XML, inclusive 1.0 and exclusive 1.0, with or without comments, of a document or of one element.
//! In: bytes, or text and byte ranges. Out: canonical bytes, in pieces. One pass, no tree, no recursion.
//! Sources: W3C xml-c14n 1.0 and xml-exc-c14n 1.0; dmp-xds.md §5.2 and §6. Absent: XPath node sets.

use std::{borrow::Cow, ops::Range};

use aws_lc_rs::digest;
use bytes::Bytes;

use crate::{
    Error, Limits, name, text,
    xml::{Attr, Binding, Scanner, Token, lookup},
};

/// Which canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Whether comments are kept.
    pub comments: bool,
    /// Whether only visibly used namespaces are written.
    pub exclusive: bool,
    /// Prefixes of an `InclusiveNamespaces` list, treated as the inclusive form does; `#default` is the empty one.
    pub inclusive_prefixes: Vec<String>,
}

impl Method {
    /// Inclusive, with comments: lots of the DMP.
    pub const INCLUSIVE_WITH_COMMENTS: Method =
        Method { comments: true, exclusive: false, inclusive_prefixes: Vec::new() };
    /// Inclusive, without comments: what a reference without transform means.
    pub const INCLUSIVE: Method =
        Method { comments: false, exclusive: false, inclusive_prefixes: Vec::new() };
    /// Exclusive, without comments: the VIHF.
    pub const EXCLUSIVE: Method = Method { comments: false, exclusive: true, inclusive_prefixes: Vec::new() };

    /// The method of an algorithm identifier; `None` for any other algorithm.
    pub fn of(algorithm: &str) -> Option<Method> {
        let (comments, exclusive) = match algorithm {
            name::C14N => (false, false),
            name::C14N_COMMENTS => (true, false),
            name::EXC_C14N => (false, true),
            name::EXC_C14N_COMMENTS => (true, true),
            _ => return None,
        };
        Some(Method { comments, exclusive, inclusive_prefixes: Vec::new() })
    }
}

/// Inclusive canonical form, with comments, of a whole document.
/// Errors: XML that is not well formed, or has a DTD; a depth beyond the default limits.
pub fn inclusive_with_comments(xml: &[u8]) -> Result<Bytes, Error> {
    canonicalize(xml, &Method::INCLUSIVE_WITH_COMMENTS, &Limits::default())
}

/// Exclusive canonical form, without comments, of a whole document. Errors: as above.
pub fn exclusive(xml: &[u8]) -> Result<Bytes, Error> {
    canonicalize(xml, &Method::EXCLUSIVE, &Limits::default())
}

/// Canonical form of a whole document.
pub fn canonicalize(xml: &[u8], method: &Method, limits: &Limits) -> Result<Bytes, Error> {
    let text = text::decode(xml)?;
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    write(&text, &Selection::default(), method, limits, &mut |piece| out.extend_from_slice(piece))?;
    Ok(out.into())
}

/// Digest of the canonical form of a whole document, which is never held in memory.
pub fn digest(
    xml: &[u8],
    method: &Method,
    algorithm: &'static digest::Algorithm,
    limits: &Limits,
) -> Result<digest::Digest, Error> {
    let text = text::decode(xml)?;
    let mut context = digest::Context::new(algorithm);
    write(&text, &Selection::default(), method, limits, &mut |piece| context.update(piece))?;
    Ok(context.finish())
}

/// Which part of a document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Byte range of the one element to keep; the whole document otherwise.
    pub(crate) only: Option<Range<usize>>,
    /// Byte range of one element to leave out (an enveloped signature).
    pub(crate) without: Option<Range<usize>>,
}

/// Writes the canonical form of a part of a document, piece by piece.
pub(crate) fn write(
    source: &str,
    selection: &Selection,
    method: &Method,
    limits: &Limits,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
    let mut writer = Writer {
        method,
        only: selection.only.clone(),
        apex: None,
        out: String::with_capacity(PIECE + PIECE / 4),
        rendered: Vec::new(),
        marks: Vec::new(),
        inherited: Vec::new(),
        root_seen: false,
    };
    let mut scanner = Scanner::new(source, limits);
    // Depth of the element left out, while inside it.
    let mut skipped: Option<usize> = None;
    loop {
        let token = scanner.next()?;
        if let Some(depth) = skipped {
            if matches!(token, Token::End { .. }) && scanner.depth() < depth {
                skipped = None;
            }
            continue;
        }
        if scanner.declared().iter().any(|binding| !binding.uri.is_empty() && !binding.uri.contains(':')) {
            return Err(scanner.error("relative namespace"));
        }
        let at = scanner.range().start;
        if matches!(token, Token::Start { .. }) && selection.without.as_ref().is_some_and(|r| r.start == at) {
            skipped = Some(scanner.depth());
            continue;
        }
        if matches!(token, Token::Eof) {
            break;
        }
        writer.token(&token, &scanner);
        if writer.out.len() >= PIECE {
            sink(writer.out.as_bytes());
            writer.out.clear();
        }
    }
    sink(writer.out.as_bytes());
    if writer.root_seen { Ok(()) } else { Err(scanner.error("the element to write is not there")) }
}

/// Bytes gathered before they are handed over.
const PIECE: usize = 16 * 1024;

struct Writer<'m, 'a> {
    method: &'m Method,
    only: Option<Range<usize>>,
    /// Depth of the element that is the apex of what is written, while inside it.
    apex: Option<usize>,
    out: String,
    /// Namespaces in force in the output, innermost last.
    rendered: Vec<Binding<'a>>,
    /// For each open element of the output, how many were in force outside it.
    marks: Vec<usize>,
    /// `xml:` attributes of the ancestors of the apex, with their depth: the inclusive form imports them.
    inherited: Vec<(usize, Attr<'a>)>,
    root_seen: bool,
}

impl<'a> Writer<'_, 'a> {
    fn token(&mut self, token: &Token<'a>, scanner: &Scanner<'a>) {
        match token {
            Token::Start { prefix, local } => self.start(prefix, local, scanner),
            Token::End { qname } => self.end(qname, scanner.depth()),
            Token::Text(text) if self.apex.is_some() => text::push_text(&mut self.out, text),
            Token::Comment(text) if self.method.comments => {
                self.beside_root(|out| {
                    out.push_str("<!--");
                    out.push_str(text);
                    out.push_str("-->");
                });
            }
            Token::Pi { target, data } => self.beside_root(|out| {
                out.push_str("<?");
                out.push_str(target);
                if !data.is_empty() {
                    out.push(' ');
                    out.push_str(data);
                }
                out.push_str("?>");
            }),
            _ => {}
        }
    }

    /// Comments and instructions: inside as they are, beside the root on lines of their own.
    fn beside_root(&mut self, write: impl FnOnce(&mut String)) {
        if self.apex.is_some() {
            write(&mut self.out);
        } else if self.only.is_none() {
            if self.root_seen {
                self.out.push('\n');
            }
            write(&mut self.out);
            if !self.root_seen {
                self.out.push('\n');
            }
        }
    }

    fn start(&mut self, prefix: &'a str, local: &str, scanner: &Scanner<'a>) {
        if self.apex.is_none() {
            let is_apex = match &self.only {
                Some(range) => range.start == scanner.range().start,
                None => true,
            };
            if !is_apex {
                let xml = scanner.attributes().iter().filter(|attribute| attribute.ns == name::XML);
                self.inherited.extend(xml.map(|attribute| (scanner.depth(), attribute.clone())));
                return;
            }
            self.apex = Some(scanner.depth());
            self.root_seen = true;
        }
        let is_apex = self.apex == Some(scanner.depth());
        self.out.push('<');
        push_name(&mut self.out, prefix, local);
        self.namespaces(prefix, scanner, is_apex);
        self.attributes(scanner, is_apex);
        self.out.push('>');
    }

    fn namespaces(&mut self, prefix: &'a str, scanner: &Scanner<'a>, is_apex: bool) {
        self.marks.push(self.rendered.len());
        let mut prefixes: Vec<&'a str> = Vec::new();
        if self.method.exclusive {
            prefixes.push(prefix);
            prefixes.extend(
                scanner.attributes().iter().map(|attribute| attribute.prefix).filter(|p| !p.is_empty()),
            );
        }
        let listed = |prefix: &str| {
            !self.method.exclusive
                || self.method.inclusive_prefixes.iter().any(|listed| match listed.as_str() {
                    "#default" => prefix.is_empty(),
                    listed => listed == prefix,
                })
        };
        // Below the apex every ancestor was written, so only what this element declares can be new.
        let candidates = if is_apex { scanner.scope() } else { scanner.declared() };
        prefixes.extend(candidates.iter().map(|binding| binding.prefix).filter(|prefix| listed(prefix)));
        prefixes.sort_unstable();
        prefixes.dedup();
        for prefix in prefixes {
            if prefix == "xml" {
                continue;
            }
            let Some(uri) = scanner.lookup(prefix) else { continue };
            let in_force = lookup(&self.rendered, prefix);
            if in_force == Some(uri) {
                continue;
            }
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.out.push_str("=\"");
            text::push_attribute(&mut self.out, uri);
            self.out.push('"');
            self.rendered.push(Binding { prefix, uri: uri.clone() });
        }
    }

    fn attributes(&mut self, scanner: &Scanner<'a>, is_apex: bool) {
        let mut attributes: Vec<Cow<'_, Attr<'a>>> = scanner.attributes().iter().map(Cow::Borrowed).collect();
        if is_apex && !self.method.exclusive {
            // The nearest ancestor wins, the element itself above all.
            for (_, inherited) in self.inherited.iter().rev() {
                let known = |a: &Cow<'_, Attr<'a>>| a.ns == name::XML && a.local == inherited.local;
                if !attributes.iter().any(known) {
                    attributes.push(Cow::Owned(inherited.clone()));
                }
            }
        }
        attributes.sort_by(|a, b| (a.ns.as_ref(), a.local).cmp(&(b.ns.as_ref(), b.local)));
        for attribute in attributes {
            self.out.push(' ');
            push_name(&mut self.out, attribute.prefix, attribute.local);
            self.out.push_str("=\"");
            text::push_attribute(&mut self.out, &attribute.value);
            self.out.push('"');
        }
    }

    /// `depth` counts the elements still open.
    fn end(&mut self, qname: &str, depth: usize) {
        let Some(apex) = self.apex else {
            self.inherited.retain(|(of, _)| *of <= depth);
            return;
        };
        self.out.push_str("</");
        self.out.push_str(qname);
        self.out.push('>');
        self.rendered.truncate(self.marks.pop().unwrap_or(0));
        if depth < apex {
            self.apex = None;
            // Nothing else is an apex: the range names one element, a document has one root.
            self.only = Some(usize::MAX..usize::MAX).filter(|_| self.only.is_some());
        }
    }
}

fn push_name(out: &mut String, prefix: &str, local: &str) {
    if !prefix.is_empty() {
        out.push_str(prefix);
        out.push(':');
    }
    out.push_str(local);
}

#[cfg(test)]
mod tests;
