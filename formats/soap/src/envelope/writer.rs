//! Writing envelopes.
//! In: header values; assertion and body as ready XML, each with its own namespace declarations. Out: bytes.
//! Source: dmp-xds.md §3. The assertion's bytes go in untouched: its signature covers them as they stand.

use bytes::Bytes;

use super::fault::Fault;
use crate::{
    Error, name,
    text::{is_xml_text, push_text},
};

/// Headers of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// `urn:uuid:…`, new for every attempt.
    pub message_id: &'a str,
    /// URL of the endpoint.
    pub to: &'a str,
    /// SOAP action of the transaction.
    pub action: &'a str,
    /// The signed assertion, alone in `wsse:Security`.
    pub assertion: Option<&'a [u8]>,
}

/// Headers of an answer.
#[derive(Clone, Copy, Debug)]
pub struct ReplyHead<'a> {
    /// `urn:uuid:…` of the answer.
    pub message_id: &'a str,
    /// MessageID of the request.
    pub relates_to: &'a str,
    /// SOAP action of the answer.
    pub action: &'a str,
}

/// Writes a request. `body` is one element.
/// Errors: a header value that XML cannot carry, an assertion that is not UTF-8.
pub fn write_request(head: &RequestHead<'_>, body: &[u8]) -> Result<Bytes, Error> {
    let mut text = String::with_capacity(2048 + head.assertion.map_or(0, <[u8]>::len) + body.len());
    open(&mut text, head.assertion.is_some());
    header(&mut text, "Action", " soap:mustUnderstand=\"1\"", head.action)?;
    header(&mut text, "MessageID", "", head.message_id)?;
    text.push_str("<wsa:ReplyTo soap:mustUnderstand=\"1\"><wsa:Address>");
    text.push_str(name::WSA_ANONYMOUS);
    text.push_str("</wsa:Address></wsa:ReplyTo>");
    header(&mut text, "To", "", head.to)?;
    if let Some(assertion) = head.assertion {
        text.push_str("<wsse:Security>");
        text.push_str(utf8(assertion)?);
        text.push_str("</wsse:Security>");
    }
    close(text, body)
}

/// Writes an answer. `body` is one element, or nothing.
/// Errors: a header value that XML cannot carry.
pub fn write_reply(head: &ReplyHead<'_>, body: &[u8]) -> Result<Bytes, Error> {
    let mut text = String::with_capacity(1024 + body.len());
    open(&mut text, false);
    header(&mut text, "Action", " soap:mustUnderstand=\"1\"", head.action)?;
    header(&mut text, "MessageID", "", head.message_id)?;
    header(&mut text, "To", "", name::WSA_ANONYMOUS)?;
    header(&mut text, "RelatesTo", "", head.relates_to)?;
    close(text, body)
}

/// Writes a fault as an answer. Errors: a value that XML cannot carry.
pub fn write_fault(head: &ReplyHead<'_>, fault: &Fault) -> Result<Bytes, Error> {
    write_reply(head, fault.to_xml()?.as_bytes())
}

fn open(text: &mut String, security: bool) {
    text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?><soap:Envelope xmlns:soap=\"");
    text.push_str(name::SOAP_12);
    text.push_str("\" xmlns:wsa=\"");
    text.push_str(name::WSA);
    if security {
        text.push_str("\" xmlns:wsse=\"");
        text.push_str(name::WSSE);
    }
    text.push_str("\"><soap:Header>");
}

fn header(text: &mut String, local: &str, attributes: &str, value: &str) -> Result<(), Error> {
    if !is_xml_text(value) {
        return Err(Error::Unwritable("a control character in a soap header"));
    }
    for part in ["<wsa:", local, attributes, ">"] {
        text.push_str(part);
    }
    push_text(text, value);
    for part in ["</wsa:", local, ">"] {
        text.push_str(part);
    }
    Ok(())
}

fn close(mut text: String, body: &[u8]) -> Result<Bytes, Error> {
    text.push_str("</soap:Header><soap:Body>");
    text.push_str(utf8(body)?);
    text.push_str("</soap:Body></soap:Envelope>");
    Ok(text.into_bytes().into())
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::Unwritable("an assertion or body that is not utf-8"))
}
