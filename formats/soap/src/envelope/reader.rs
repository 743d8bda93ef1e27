//! Reading envelopes, ours and those of partners.
//! In: the bytes of an envelope. Out: headers, assertion, body and fault; nothing copied but what lacks namespaces.
//! Source: dmp-xds.md §3. SOAP 1.1 is read too: a published sample uses it.

use std::ops::Range;

use bytes::Bytes;

use super::Fault;
use crate::{
    Error, Limits,
    limits::within,
    name, text,
    xml::{Scanner, Token},
};

/// Version of the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// SOAP 1.1: irregular at the DMP.
    Soap11,
    /// SOAP 1.2.
    Soap12,
}

/// How a header is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MustUnderstand {
    /// Not at all, or `0`/`false`.
    No,
    /// `soap:mustUnderstand="1"`, the meaningful form.
    Qualified,
    /// `mustUnderstand` without namespace, as published samples write it.
    Unqualified,
}

/// A WS-Addressing header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its text, without blanks around; the Address for ReplyTo. May be empty.
    pub value: String,
    /// Its mark.
    pub must_understand: MustUnderstand,
}

/// An envelope taken apart.
#[derive(Clone, Debug)]
pub struct Message {
    /// Version.
    pub version: Version,
    /// MessageID.
    pub message_id: Option<Header>,
    /// To.
    pub to: Option<Header>,
    /// ReplyTo.
    pub reply_to: Option<Header>,
    /// Action.
    pub action: Option<Header>,
    /// RelatesTo, in answers.
    pub relates_to: Option<Header>,
    /// Header blocks marked mustUnderstand that this reader does not know: `{namespace}name`. A receiver faults on them.
    pub not_understood: Vec<String>,
    /// Every assertion of `wsse:Security`, with its byte range in the envelope. The DMP wants exactly one.
    pub assertions: Vec<Assertion>,
    /// The one element of the body as a document of its own; empty when the body is.
    pub body: Bytes,
    /// Byte range of that element in the envelope.
    pub body_range: Range<usize>,
    /// Namespace and local name of that element; empty when the body is.
    pub body_name: (String, String),
    /// The fault, when the body is one.
    pub fault: Option<Fault>,
}

impl Message {
    /// Whether this is the answer to the request of that MessageID. An answer to another question must be rejected.
    pub fn answers(&self, message_id: &str) -> bool {
        self.relates_to.as_ref().is_some_and(|header| header.value == message_id)
    }
}

/// An assertion found in an envelope.
#[derive(Clone)]
pub struct Assertion {
    /// Byte range in the envelope.
    pub range: Range<usize>,
    /// The assertion as a document of its own: the same bytes, with the namespaces of the envelope declared on it when
    /// there are some. Canonical forms, hence signatures, are not changed by that.
    pub xml: Bytes,
}

/// An assertion names a person.
impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Assertion({:?})", self.range)
    }
}

/// Reads an envelope.
/// Errors: XML refused, limits, no envelope, a header given twice, several body elements, content behind the body.
pub fn read(xml: &Bytes, limits: &Limits) -> Result<Message, Error> {
    within("bytes of an envelope", xml.len(), limits.envelope_bytes_max)?;
    if !matches!(text::declared_encoding(xml).as_deref(), None | Some("utf-8" | "us-ascii")) {
        return Err(Error::Envelope("the declared encoding is not utf-8"));
    }
    let start = if xml.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let source = std::str::from_utf8(&xml[start..])
        .map_err(|error| Error::Xml { offset: error.valid_up_to() as u64, reason: "bytes are not utf-8" })?;
    let mut reader = Reader {
        xml: xml.slice(start..),
        mark: start,
        block: None,
        message: None,
        in_body: false,
        bodies: 0,
    };
    let mut scanner = Scanner::new(source, limits);
    loop {
        match scanner.next()? {
            Token::Start { prefix, local } => reader.start(prefix, local, &scanner)?,
            Token::End { .. } => reader.end(&scanner)?,
            Token::Text(text) => reader.text(&text, scanner.depth())?,
            Token::Comment(_) | Token::Pi { .. } => {}
            Token::Eof => break,
        }
    }
    let mut message = reader.message.ok_or(Error::Envelope("no envelope"))?;
    if reader.bodies == 0 {
        return Err(Error::Envelope("no body"));
    }
    if Fault::is_fault(&message.body_name.0, &message.body_name.1) {
        let body = std::str::from_utf8(&message.body).unwrap_or_default();
        message.fault = Some(Fault::parse(body, limits)?);
    }
    Ok(message)
}

/// A header block being read.
struct Block {
    ns: String,
    local: String,
    must_understand: MustUnderstand,
    text: String,
    pending: Option<Pending>,
}

/// An element whose end is not read yet.
struct Pending {
    start: usize,
    /// Where declarations can be added: behind its name.
    name_end: usize,
    /// Prefixes declared outside of it, with their declarations.
    outside: Vec<(String, String)>,
}

struct Reader {
    /// The envelope without its byte order mark.
    xml: Bytes,
    /// Bytes of that mark, counted in the ranges that are given out.
    mark: usize,
    message: Option<Message>,
    block: Option<Block>,
    in_body: bool,
    bodies: usize,
}

impl Reader {
    fn start(&mut self, prefix: &str, local: &str, scanner: &Scanner<'_>) -> Result<(), Error> {
        let ns = scanner.namespace(prefix);
        match scanner.depth() {
            1 => self.envelope(ns, local),
            2 => self.section(ns, local),
            3 if self.in_body => {
                let message = self.message.as_mut().ok_or(Error::Envelope("no envelope"))?;
                if !message.body_name.1.is_empty() {
                    return Err(Error::Envelope("several elements in the body"));
                }
                message.body_name = (ns.to_owned(), local.to_owned());
                self.block = Some(self.new_block(ns, local, scanner, true));
                Ok(())
            }
            3 => {
                self.block = Some(self.new_block(ns, local, scanner, false));
                Ok(())
            }
            4 if !self.in_body && ns == name::SAML2 && local == "Assertion" => {
                if let Some(block) = self.block.as_mut().filter(|block| block.is(name::WSSE, "Security")) {
                    block.pending = Some(Pending::new(scanner));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn new_block(&self, ns: &str, local: &str, scanner: &Scanner<'_>, body: bool) -> Block {
        let mut must_understand = MustUnderstand::No;
        for attribute in scanner.attributes().iter().filter(|a| a.local == "mustUnderstand") {
            if matches!(attribute.value.trim(), "1" | "true") {
                must_understand = match attribute.ns.as_ref() {
                    name::SOAP_12 | name::SOAP_11 => MustUnderstand::Qualified,
                    _ => MustUnderstand::Unqualified,
                };
            }
        }
        Block {
            ns: ns.to_owned(),
            local: local.to_owned(),
            must_understand,
            text: String::new(),
            pending: body.then(|| Pending::new(scanner)),
        }
    }

    fn envelope(&mut self, ns: &str, local: &str) -> Result<(), Error> {
        let version = match (ns, local) {
            (name::SOAP_12, "Envelope") => Version::Soap12,
            (name::SOAP_11, "Envelope") => Version::Soap11,
            _ => return Err(Error::Envelope("the root element is no soap envelope")),
        };
        self.message = Some(Message {
            version,
            message_id: None,
            to: None,
            reply_to: None,
            action: None,
            relates_to: None,
            not_understood: Vec::new(),
            assertions: Vec::new(),
            body: Bytes::new(),
            body_range: 0..0,
            body_name: (String::new(), String::new()),
            fault: None,
        });
        Ok(())
    }

    fn section(&mut self, ns: &str, local: &str) -> Result<(), Error> {
        let expected = match self.message.as_ref().map(|message| message.version) {
            Some(Version::Soap11) => name::SOAP_11,
            _ => name::SOAP_12,
        };
        match local {
            _ if ns != expected => Err(Error::Envelope("an element that is neither header nor body")),
            "Header" if self.bodies == 0 => Ok(()),
            "Body" if self.bodies == 0 => {
                self.in_body = true;
                self.bodies = 1;
                Ok(())
            }
            _ => Err(Error::Envelope("header and body out of order or given twice")),
        }
    }

    /// The depth counts what is still open.
    fn end(&mut self, scanner: &Scanner<'_>) -> Result<(), Error> {
        let end = scanner.range().end;
        match scanner.depth() {
            3 => {
                let pending =
                    self.block.as_mut().filter(|_| !self.in_body).and_then(|block| block.pending.take());
                if let (Some(pending), Some(message)) = (pending, self.message.as_mut()) {
                    let range = pending.start + self.mark..end + self.mark;
                    message.assertions.push(Assertion { xml: pending.with_all(&self.xml, end), range });
                }
            }
            2 => {
                let (Some(block), Some(message)) = (self.block.take(), self.message.as_mut()) else {
                    return Ok(());
                };
                match block.pending {
                    Some(pending) if self.in_body => {
                        message.body_range = pending.start + self.mark..end + self.mark;
                        message.body = pending.with_used(&self.xml, end);
                    }
                    _ => block.into_header(message)?,
                }
            }
            1 => self.in_body = false,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str, depth: usize) -> Result<(), Error> {
        match depth {
            1 | 2 if !text.trim().is_empty() => {
                Err(Error::Envelope("text outside of header blocks and body"))
            }
            // Headers hold their text themselves, ReplyTo in its Address. Reference parameters lie deeper.
            3 | 4 if !self.in_body => {
                if let Some(block) = self.block.as_mut().filter(|block| block.ns == name::WSA) {
                    block.text.push_str(text);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Block {
    fn is(&self, ns: &str, local: &str) -> bool {
        self.ns == ns && self.local == local
    }

    fn into_header(self, message: &mut Message) -> Result<(), Error> {
        let known = self.is(name::WSSE, "Security");
        let slot = match (self.ns.as_str(), self.local.as_str()) {
            (name::WSA, "MessageID") => Some(&mut message.message_id),
            (name::WSA, "To") => Some(&mut message.to),
            (name::WSA, "ReplyTo") => Some(&mut message.reply_to),
            (name::WSA, "Action") => Some(&mut message.action),
            (name::WSA, "RelatesTo") => Some(&mut message.relates_to),
            _ => None,
        };
        match slot {
            Some(slot) => {
                let header =
                    Header { value: self.text.trim().to_owned(), must_understand: self.must_understand };
                if slot.replace(header).is_some() {
                    return Err(Error::Envelope("a ws-addressing header given twice"));
                }
            }
            None if !known && self.must_understand == MustUnderstand::Qualified => {
                message.not_understood.push(format!("{{{}}}{}", self.ns, self.local));
            }
            None => {}
        }
        Ok(())
    }
}

impl Pending {
    fn new(scanner: &Scanner<'_>) -> Self {
        let start = scanner.range().start;
        let declared = scanner.declared();
        let outside = &scanner.scope()[1..scanner.scope().len() - declared.len()];
        let mut found = Vec::new();
        for (at, binding) in outside.iter().enumerate() {
            let hidden = outside[at + 1..].iter().chain(declared).any(|inner| inner.prefix == binding.prefix);
            if hidden || (binding.prefix.is_empty() && binding.uri.is_empty()) {
                continue;
            }
            let mut declaration = String::from(if binding.prefix.is_empty() { " xmlns" } else { " xmlns:" });
            declaration.push_str(binding.prefix);
            declaration.push_str("=\"");
            text::push_attribute(&mut declaration, &binding.uri);
            declaration.push('"');
            found.push((binding.prefix.to_owned(), declaration));
        }
        Self { start, name_end: scanner.name_end(), outside: found }
    }

    /// With every declaration: inclusive canonical forms write unused ones too.
    fn with_all(&self, xml: &Bytes, end: usize) -> Bytes {
        self.standalone(xml, end, |_| true)
    }

    /// With the declarations that may be used: a prefix that occurs nowhere, not even in a value, is not. Mostly no copy.
    fn with_used(&self, xml: &Bytes, end: usize) -> Bytes {
        let inside = &xml[self.start..end];
        let used = |prefix: &str| {
            prefix.is_empty() || memchr::memmem::find(inside, format!("{prefix}:").as_bytes()).is_some()
        };
        self.standalone(xml, end, used)
    }

    fn standalone(&self, xml: &Bytes, end: usize, wanted: impl Fn(&str) -> bool) -> Bytes {
        let wanted = self.outside.iter().filter(|(prefix, _)| wanted(prefix));
        let declarations: String = wanted.map(|(_, declaration)| declaration.as_str()).collect();
        if declarations.is_empty() {
            return xml.slice(self.start..end);
        }
        [&xml[self.start..self.name_end], declarations.as_bytes(), &xml[self.name_end..end]].concat().into()
    }
}
