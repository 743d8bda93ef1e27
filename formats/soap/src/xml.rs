//! XML as a flat sequence of tokens, with namespaces resolved and limits kept: the one reader under all others.
//! In: text. Out: tokens with byte ranges. DTD and entities refused; no recursion.
//! Sources: XML 1.0, Namespaces in XML 1.0; dmp-xds.md §11.2 (hostile documents).

use std::{borrow::Cow, ops::Range};

use quick_xml::{Reader, events::Event};

use crate::{Error, Limits, limits::within, name};

/// An attribute that is not a namespace declaration.
#[derive(Clone, Debug)]
pub(crate) struct Attr<'a> {
    /// Prefix as written, may be empty.
    pub(crate) prefix: &'a str,
    /// Local name.
    pub(crate) local: &'a str,
    /// Namespace; empty without prefix.
    pub(crate) ns: Cow<'a, str>,
    /// Normalised value.
    pub(crate) value: Cow<'a, str>,
}

/// A prefix and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) uri: Cow<'a, str>,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Token<'a> {
    /// A start tag; its attributes are in [`Scanner::attributes`]. An empty element gives a start and an end.
    Start { prefix: &'a str, local: &'a str },
    /// An end tag.
    End { qname: &'a str },
    /// Character data: references resolved, line ends normalised. One run may come in several pieces.
    Text(Cow<'a, str>),
    /// A comment.
    Comment(Cow<'a, str>),
    /// A processing instruction.
    Pi { target: &'a str, data: Cow<'a, str> },
    /// The end, after exactly one root element.
    Eof,
}

/// Reads tokens one by one.
pub(crate) struct Scanner<'a> {
    source: &'a str,
    reader: Reader<&'a [u8]>,
    limits: Limits,
    /// Bindings in scope, innermost last.
    scope: Vec<Binding<'a>>,
    /// For each open element: its qualified name, and how many bindings its parent had.
    open: Vec<(&'a str, usize)>,
    attributes: Vec<Attr<'a>>,
    /// First binding declared by the current start tag.
    declared_from: usize,
    range: Range<usize>,
    roots: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(source: &'a str, limits: &Limits) -> Self {
        let mut reader = Reader::from_str(source);
        let config = reader.config_mut();
        // End tags are matched here, on names borrowed from the source.
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.expand_empty_elements = true;
        config.check_comments = true;
        Self {
            source,
            reader,
            limits: *limits,
            scope: vec![Binding { prefix: "xml", uri: Cow::Borrowed(name::XML) }],
            open: Vec::new(),
            attributes: Vec::new(),
            declared_from: 0,
            range: 0..0,
            roots: 0,
        }
    }

    /// Attributes of the start tag just read, in the order of the source.
    pub(crate) fn attributes(&self) -> &[Attr<'a>] {
        &self.attributes
    }

    /// Byte range of the token just read. An empty element's end is the empty range behind it.
    pub(crate) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Where the name of the start tag just read ends.
    pub(crate) fn name_end(&self) -> usize {
        self.range.start + 1 + self.open.last().map_or(0, |(qname, _)| qname.len())
    }

    /// Open elements, the one just started included, the one just ended not.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Bindings in scope, innermost last; an inner one hides an outer one of the same prefix.
    pub(crate) fn scope(&self) -> &[Binding<'a>] {
        &self.scope
    }

    /// Bindings declared by the start tag just read.
    pub(crate) fn declared(&self) -> &[Binding<'a>] {
        &self.scope[self.declared_from..]
    }

    /// What a prefix means here; `None` when it means nothing. No default namespace gives the empty text.
    pub(crate) fn lookup(&self, prefix: &str) -> Option<&Cow<'a, str>> {
        lookup(&self.scope, prefix)
    }

    /// Namespace of an element of this prefix; empty when there is none.
    pub(crate) fn namespace(&self, prefix: &str) -> &str {
        self.lookup(prefix).map_or("", |uri| uri)
    }

    pub(crate) fn error(&self, reason: &'static str) -> Error {
        Error::Xml { offset: u64::try_from(self.range.start).unwrap_or(u64::MAX), reason }
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, Error> {
        // The first mark was taken off before; the reader would drop a second one and shift every range.
        if self.source.starts_with('\u{feff}') {
            return Err(self.error("byte order mark inside the text"));
        }
        loop {
            let start = self.position();
            let event = self.reader.read_event();
            self.range = start..self.position();
            let event = event.map_err(|_| self.error("not well formed"))?;
            if let Some(token) = self.token(event)? {
                return Ok(token);
            }
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX).min(self.source.len())
    }

    fn token(&mut self, event: Event<'a>) -> Result<Option<Token<'a>>, Error> {
        match event {
            Event::Start(_) => self.start().map(Some),
            // `expand_empty_elements` is on.
            Event::Empty(_) => Err(self.error("not well formed")),
            Event::End(_) => self.end().map(Some),
            Event::Text(text) => self.text(line_ends(text.into_inner())),
            Event::CData(text) => self.text(line_ends(text.into_inner())),
            Event::GeneralRef(reference) => self.reference(&reference),
            Event::Comment(text) => {
                let text = line_ends(text.into_inner());
                self.legal(&text)?;
                Ok(Some(Token::Comment(text)))
            }
            Event::PI(_) => self.instruction().map(Some),
            Event::Decl(_) if self.range.start == 0 => Ok(None),
            Event::Decl(_) => Err(self.error("xml declaration out of place")),
            Event::DocType(_) => Err(self.error("document type declaration refused")),
            Event::Eof if self.open.is_empty() && self.roots == 1 => Ok(Some(Token::Eof)),
            Event::Eof => Err(self.error("ends too early")),
        }
    }

    fn start(&mut self) -> Result<Token<'a>, Error> {
        let raw = self.source.get(self.range.clone()).unwrap_or("");
        let inner = raw.strip_prefix('<').and_then(|raw| raw.strip_suffix('>'));
        let inner = inner.ok_or_else(|| self.error("not well formed"))?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let name_end = inner.find(is_blank).unwrap_or(inner.len());
        let qname = &inner[..name_end];
        let (prefix, local) = split_name(qname).ok_or_else(|| self.error("element name refused"))?;
        if self.open.is_empty() {
            self.roots += 1;
            if self.roots > 1 {
                return Err(self.error("more than one root element"));
            }
        }
        self.open.push((qname, self.scope.len()));
        within("depth of elements", self.open.len(), self.limits.depth_max)?;
        self.declared_from = self.scope.len();
        self.read_attributes(&inner[name_end..])?;
        if !prefix.is_empty() && self.lookup(prefix).is_none_or(|uri| uri.is_empty()) {
            return Err(self.error("undeclared prefix"));
        }
        Ok(Token::Start { prefix, local })
    }

    fn read_attributes(&mut self, mut rest: &'a str) -> Result<(), Error> {
        self.attributes.clear();
        loop {
            let trimmed = rest.trim_start_matches(is_blank);
            if trimmed.is_empty() {
                break;
            }
            if trimmed.len() == rest.len() {
                return Err(self.error("attributes run together"));
            }
            let (qname, value, after) =
                split_attribute(trimmed).ok_or_else(|| self.error("attribute refused"))?;
            rest = after;
            let value = self.attribute_value(value)?;
            let (prefix, local) = split_name(qname).ok_or_else(|| self.error("attribute name refused"))?;
            match (prefix, local) {
                ("", "xmlns") => self.declare("", value)?,
                ("xmlns", _) => self.declare(local, value)?,
                _ => self.attributes.push(Attr { prefix, local, ns: Cow::Borrowed(""), value }),
            }
            let count = self.attributes.len() + self.scope.len() - self.declared_from;
            within("attributes of an element", count, self.limits.attributes_max)?;
        }
        // Prefixes of attributes may be declared behind them.
        for at in 0..self.attributes.len() {
            let prefix = self.attributes[at].prefix;
            if !prefix.is_empty() {
                let uri = lookup(&self.scope, prefix).filter(|uri| !uri.is_empty()).cloned();
                self.attributes[at].ns = uri.ok_or_else(|| self.error("undeclared prefix"))?;
            }
            let (before, this) = (&self.attributes[..at], &self.attributes[at]);
            if before.iter().any(|other| other.local == this.local && other.ns == this.ns) {
                return Err(self.error("attribute given twice"));
            }
        }
        Ok(())
    }

    fn declare(&mut self, prefix: &'a str, uri: Cow<'a, str>) -> Result<(), Error> {
        let reserved = prefix == "xmlns"
            || uri == name::XMLNS
            || (prefix == "xml") != (uri == name::XML)
            || (!prefix.is_empty() && uri.is_empty());
        if reserved {
            return Err(self.error("namespace declaration refused"));
        }
        if self.declared().iter().any(|binding| binding.prefix == prefix) {
            return Err(self.error("namespace declared twice"));
        }
        self.scope.push(Binding { prefix, uri });
        within("namespaces in scope", self.scope.len(), self.limits.namespaces_max)
    }

    fn attribute_value(&self, raw: &'a str) -> Result<Cow<'a, str>, Error> {
        if raw.contains('<') {
            return Err(self.error("attribute refused"));
        }
        self.legal(raw)?;
        if !raw.contains(['&', '\t', '\n', '\r']) {
            return Ok(Cow::Borrowed(raw));
        }
        let mut value = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
            value.push_str(&rest[..at]);
            let special = &rest[at..];
            if special.starts_with('&') {
                let end = special.find(';').ok_or_else(|| self.error("reference without end"))?;
                value.push(self.resolve(&special[1..end])?);
                rest = &special[end + 1..];
            } else {
                value.push(' ');
                rest = special.strip_prefix("\r\n").unwrap_or(&special[1..]);
            }
        }
        value.push_str(rest);
        Ok(Cow::Owned(value))
    }

    fn end(&mut self) -> Result<Token<'a>, Error> {
        let (qname, bindings) = self.open.pop().ok_or_else(|| self.error("end tag without start"))?;
        let raw = self.source.get(self.range.clone()).unwrap_or("");
        // The end of an empty element has no text of its own.
        if !raw.is_empty() {
            let name = raw.strip_prefix("</").and_then(|raw| raw.strip_suffix('>'));
            if name.map(|name| name.trim_end_matches(is_blank)) != Some(qname) {
                return Err(self.error("end tag of another element"));
            }
        }
        self.scope.truncate(bindings);
        self.declared_from = self.scope.len();
        self.attributes.clear();
        Ok(Token::End { qname })
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<Option<Token<'a>>, Error> {
        if self.open.is_empty() {
            // Only blanks may stand beside the root element; a second BOM is no blank.
            return if text.chars().all(is_blank) {
                Ok(None)
            } else {
                Err(self.error("text outside the root"))
            };
        }
        self.legal(&text)?;
        Ok(Some(Token::Text(text)))
    }

    fn reference(&mut self, reference: &str) -> Result<Option<Token<'a>>, Error> {
        if self.open.is_empty() {
            return Err(self.error("text outside the root"));
        }
        let mut buffer = [0; 4];
        let resolved = self.resolve(reference)?.encode_utf8(&mut buffer).to_owned();
        Ok(Some(Token::Text(Cow::Owned(resolved))))
    }

    /// One of the five predefined entities, or a character by its number. There is no other entity without a DTD.
    fn resolve(&self, reference: &str) -> Result<char, Error> {
        let number = match reference {
            "amp" => return Ok('&'),
            "lt" => return Ok('<'),
            "gt" => return Ok('>'),
            "quot" => return Ok('"'),
            "apos" => return Ok('\''),
            _ => reference.strip_prefix('#').ok_or_else(|| self.error("unknown entity"))?,
        };
        let digits = |text: &str, radix| {
            let plain = !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
            plain.then(|| u32::from_str_radix(text, radix).ok()).flatten()
        };
        let code = match number.strip_prefix('x') {
            Some(hexadecimal) => digits(hexadecimal, 16),
            None => digits(number, 10),
        };
        let character = code.and_then(char::from_u32).filter(|c| {
            matches!(c, '\t' | '\n' | '\r') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
        });
        character.ok_or_else(|| self.error("character reference refused"))
    }

    fn instruction(&mut self) -> Result<Token<'a>, Error> {
        let raw = self.source.get(self.range.clone()).unwrap_or("");
        let inner = raw.strip_prefix("<?").and_then(|raw| raw.strip_suffix("?>"));
        let inner = inner.ok_or_else(|| self.error("not well formed"))?;
        let (target, data) = inner.split_at(inner.find(is_blank).unwrap_or(inner.len()));
        let legal = split_name(target).is_some_and(|(prefix, _)| prefix.is_empty());
        if !legal || target.eq_ignore_ascii_case("xml") {
            return Err(self.error("processing instruction refused"));
        }
        let data = line_ends(Cow::Borrowed(data.trim_start_matches(is_blank)));
        self.legal(&data)?;
        Ok(Token::Pi { target, data })
    }

    fn legal(&self, text: &str) -> Result<(), Error> {
        if crate::text::is_xml_text(text) { Ok(()) } else { Err(self.error("control character")) }
    }
}

/// What a prefix means in a list of bindings, innermost last. The default namespace is empty unless declared.
pub(crate) fn lookup<'s, 'a>(scope: &'s [Binding<'a>], prefix: &str) -> Option<&'s Cow<'a, str>> {
    const NONE: &Cow<'static, str> = &Cow::Borrowed("");
    let found = scope.iter().rev().find(|binding| binding.prefix == prefix).map(|binding| &binding.uri);
    found.or(if prefix.is_empty() { Some(NONE) } else { None })
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Prefix and local name; `None` for what is no name.
fn split_name(qname: &str) -> Option<(&str, &str)> {
    let part = |part: &str| {
        let first = part.chars().next()?;
        let starts = first.is_alphabetic() || first == '_' || (!first.is_ascii() && !first.is_numeric());
        let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.') || !c.is_ascii();
        (starts && part.chars().all(goes_on)).then_some(())
    };
    let (prefix, local) = match qname.split_once(':') {
        Some((prefix, local)) => {
            part(prefix)?;
            (prefix, local)
        }
        None => ("", qname),
    };
    part(local)?;
    Some((prefix, local))
}

/// Name, raw value, and what follows, of `name="value"…`.
fn split_attribute(text: &str) -> Option<(&str, &str, &str)> {
    let equals = text.find('=')?;
    let name = text[..equals].trim_end_matches(is_blank);
    let rest = text[equals + 1..].trim_start_matches(is_blank);
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, after) = rest[1..].split_once(quote)?;
    Some((name, value, after))
}

/// CRLF and CR become LF, as every XML processor must do.
fn line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return text;
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

#[cfg(test)]
mod tests;
