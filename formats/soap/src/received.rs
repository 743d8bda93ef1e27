//! What came over HTTP, whichever of the two forms it has.
//! In: Content-Type and body of a request or an answer. Out: the envelope, and the parts when there are some.
//! Source: dmp-xds.md §3, MTOM-04: retrieval answers are multipart even when they are faults.

use bytes::Bytes;

use crate::{
    Error, Limits,
    envelope::{self, Message},
    mtom::{self, ContentType, Package},
};

/// An envelope with its parts.
#[derive(Clone, Debug)]
pub struct Received {
    /// The envelope.
    pub message: Message,
    /// The multipart it came in.
    pub package: Option<Package>,
}

/// Reads a request or an answer.
/// Errors: a Content-Type that is no SOAP (an HTML error page: a transport failure, dmp-xds.md §9.1), and those of
/// [`envelope::read`] and [`mtom::read`].
pub fn receive(content_type: &str, body: &Bytes, limits: &Limits) -> Result<Received, Error> {
    let parsed = ContentType::parse(content_type).ok_or(Error::Envelope("content type is unreadable"))?;
    match parsed.media_type() {
        "multipart/related" => {
            let package = mtom::read(content_type, body, limits)?;
            let message = envelope::read(&package.root.body, limits)?;
            Ok(Received { message, package: Some(package) })
        }
        // The second is what SOAP 1.1 stacks send.
        "application/soap+xml" | "text/xml" => {
            Ok(Received { message: envelope::read(body, limits)?, package: None })
        }
        _ => Err(Error::Envelope("content type is no soap")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Fault, FaultCode, ReplyHead, write_fault};

    fn fault() -> Bytes {
        let head = ReplyHead { message_id: "urn:uuid:2", relates_to: "urn:uuid:1", action: "a" };
        write_fault(&head, &Fault::new(FaultCode::Receiver, "DMPx", "r")).unwrap()
    }

    #[test]
    fn a_fault_is_read_alone_and_inside_a_multipart() {
        let alone = receive(envelope::CONTENT_TYPE, &fault(), &Limits::default()).unwrap();
        let root = mtom::Envelope { xml: fault(), content_id: "r", action: "a", boundary: "b" };
        let multipart = mtom::write(&root, &[]).unwrap();
        let content_type = multipart.content_type.clone();
        let inside = receive(&content_type, &multipart.into_bytes(&[]).unwrap(), &Limits::default()).unwrap();
        assert_eq!(alone.message.fault, inside.message.fault);
        assert_eq!(alone.message.fault.unwrap().specific_code(), "DMPx");
        assert!(alone.package.is_none() && inside.package.is_some());
    }

    #[test]
    fn an_error_page_is_not_an_envelope() {
        let page = Bytes::from_static(b"<html>503</html>");
        for content_type in ["text/html", "", "application/soap+xml", "multipart/related; boundary=x"] {
            assert!(receive(content_type, &page, &Limits::default()).is_err(), "{content_type}");
        }
    }
}
