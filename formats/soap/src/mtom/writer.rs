//! Writing a multipart body without holding documents.
//! In: the envelope, and for each document its identifier, type and length. Out: pieces in order, and the total length.
//! Source: dmp-xds.md §3. The length is known beforehand: old SOAP stacks dislike chunked bodies.

use bytes::Bytes;

use crate::Error;

/// The root part.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// Bytes of the envelope; its `xop:Include` name the documents by `cid:`.
    pub xml: Bytes,
    /// Content-ID of the root, without brackets.
    pub content_id: &'a str,
    /// SOAP action, repeated in the Content-Type.
    pub action: &'a str,
    /// Boundary: 1 to 70 characters that need no quoting but `:`; random, because documents are not searched for it.
    pub boundary: &'a str,
}

/// A document part whose bytes the sender streams.
#[derive(Clone, Debug)]
pub struct DocumentPart<'a> {
    /// Content-ID, without brackets.
    pub content_id: &'a str,
    /// `text/xml`, `application/octet-stream`…
    pub content_type: &'a str,
    /// Exact number of bytes.
    pub length: u64,
}

/// One piece of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// The bytes of the document of this rank, exactly as many as announced.
    Document(usize),
}

/// A multipart body ready to be sent.
#[derive(Clone, Debug)]
pub struct Multipart {
    /// Value of the Content-Type header.
    pub content_type: String,
    /// Value of the Content-Length header.
    pub content_length: u64,
    /// What to send, in order.
    pub pieces: Vec<Piece>,
}

impl Multipart {
    /// The whole body in memory, for small ones and for simulators.
    /// Errors: a document that is missing or not of the announced length.
    pub fn into_bytes(self, documents: &[Bytes]) -> Result<Bytes, Error> {
        let mut body = Vec::with_capacity(usize::try_from(self.content_length).unwrap_or(0));
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => body.extend_from_slice(bytes),
                Piece::Document(rank) => {
                    let document = documents.get(*rank).ok_or(Error::Unwritable("a document is missing"))?;
                    body.extend_from_slice(document);
                }
            }
        }
        if body.len() as u64 != self.content_length {
            return Err(Error::Unwritable("a document is not of its announced length"));
        }
        Ok(body.into())
    }
}

/// Lays out a body. Errors: an identifier, a type or a boundary that would break the headers; an identifier used twice.
pub fn write(envelope: &Envelope<'_>, documents: &[DocumentPart<'_>]) -> Result<Multipart, Error> {
    let boundary = envelope.boundary;
    let fits = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=?".contains(c);
    if boundary.is_empty() || boundary.len() > 70 || !boundary.chars().all(fits) {
        return Err(Error::Unwritable("a boundary that is none"));
    }
    let identifiers: Vec<&str> = std::iter::once(envelope.content_id)
        .chain(documents.iter().map(|document| document.content_id))
        .collect();
    for (at, identifier) in identifiers.iter().enumerate() {
        if !is_header_safe(identifier) || identifier.contains(['<', '>', ' ']) || identifier.is_empty() {
            return Err(Error::Unwritable("a content-id that is none"));
        }
        if identifiers[..at].contains(identifier) {
            return Err(Error::Unwritable("a content-id used twice"));
        }
    }
    let root = format!(
        "--{boundary}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n\
         Content-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n",
        envelope.content_id
    );
    let mut pieces = vec![Piece::Bytes(root.into()), Piece::Bytes(envelope.xml.clone())];
    let mut length = 0_u64;
    for (rank, document) in documents.iter().enumerate() {
        if !is_header_safe(document.content_type) || document.content_type.is_empty() {
            return Err(Error::Unwritable("a content type that is none"));
        }
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n",
            document.content_type, document.content_id
        );
        pieces.extend([Piece::Bytes(head.into()), Piece::Document(rank)]);
        length = length.saturating_add(document.length);
    }
    pieces.push(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()));
    for piece in &pieces {
        if let Piece::Bytes(bytes) = piece {
            length = length.saturating_add(bytes.len() as u64);
        }
    }
    if !is_header_safe(envelope.action) {
        return Err(Error::Unwritable("an action that would break the header"));
    }
    Ok(Multipart {
        content_type: format!(
            "multipart/related; type=\"application/xop+xml\"; start=\"<{}>\"; start-info=\"application/soap+xml\"; \
             boundary=\"{boundary}\"; action=\"{}\"",
            envelope.content_id, envelope.action
        ),
        content_length: length,
        pieces,
    })
}

/// Printable ASCII that needs no escape inside quotes.
fn is_header_safe(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}
