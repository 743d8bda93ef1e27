//! SOAP envelopes: requests and answers with their WS-Addressing headers, and faults.
//! In: header values and ready bytes for assertion and body; or the bytes of an envelope. Out: the other of the two.
//! Source: dmp-xds.md §3. Absent: body signatures, intermediaries, several body elements.

mod fault;
mod reader;
mod writer;

pub use fault::{Fault, FaultCode};
pub use reader::{Header, Message, MustUnderstand, Version, read};
pub use writer::{ReplyHead, RequestHead, write_fault, write_reply, write_request};

/// Content-Type of an envelope that travels alone.
pub const CONTENT_TYPE: &str = "application/soap+xml; charset=UTF-8";

#[cfg(test)]
mod tests;
