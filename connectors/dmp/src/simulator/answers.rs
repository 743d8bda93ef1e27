//! Answers of the simulator, good and bad, as bytes.
//! In: what was decided, or a fault. Out: status, type, body. Source: dmp-xds.md §3, §11.2.

use bytes::Bytes;
use jonction_soap::envelope::{
    CONTENT_TYPE, Fault as SoapFault, FaultCode, ReplyHead, write_fault, write_reply,
};
use jonction_soap::{mtom, name::WSA_FAULT};

use super::{desk::Handled, faults::Fault};
use crate::wire::Transaction;

/// What an answer must repeat and what it is called.
#[derive(Clone, Copy)]
pub(crate) struct Envelope<'a> {
    /// MessageID of the answer.
    pub(crate) message_id: &'a str,
    /// MessageID of the request; empty when it had none.
    pub(crate) relates_to: &'a str,
}

impl Envelope<'_> {
    /// A success, or a refusal of the registry: both travel with HTTP 200.
    pub(crate) fn body(&self, transaction: Transaction, body: &str) -> Handled {
        let head = ReplyHead {
            message_id: self.message_id,
            relates_to: self.relates_to,
            action: transaction.reply_action(),
        };
        match write_reply(&head, body.as_bytes()) {
            Ok(bytes) => soap(200, bytes),
            Err(_) => html(500),
        }
    }

    /// A SOAP fault: HTTP 500 in practice.
    pub(crate) fn fault(&self, fault: &SoapFault) -> Handled {
        match self.fault_bytes(fault) {
            Some(bytes) => soap(500, bytes),
            None => html(500),
        }
    }

    fn fault_bytes(&self, fault: &SoapFault) -> Option<Bytes> {
        let head = ReplyHead { message_id: self.message_id, relates_to: self.relates_to, action: WSA_FAULT };
        write_fault(&head, fault).ok()
    }

    /// The answer of a fault that stands in place of an answer. `None`: the fault lets the duty be done.
    pub(crate) fn of_fault(&self, fault: Fault) -> Option<Handled> {
        let receiver = SoapFault::new(FaultCode::Receiver, "", "panne simulée");
        let whole = |content_type: &str, body: Bytes| Handled {
            status: 200,
            content_type: content_type.to_owned(),
            body,
            outcome: String::new(),
        };
        Some(match fault {
            Fault::Soap(subcode) => self.fault(&SoapFault::new(FaultCode::Sender, subcode, "panne simulée")),
            Fault::Html(status) => html(status),
            Fault::FaultWith200 => Handled { status: 200, ..self.fault(&receiver) },
            Fault::MultipartFault => self.multipart_fault(&receiver),
            Fault::Garbage => whole(CONTENT_TYPE, Bytes::from_static(b"\x00\xff<not xml")),
            Fault::BillionLaughs => whole(CONTENT_TYPE, billion_laughs()),
            Fault::DeepNesting => whole(CONTENT_TYPE, "<a>".repeat(10_000).into()),
            Fault::BrokenMultipart => whole(
                "multipart/related; type=\"application/xop+xml\"; start=\"<nobody>\"; boundary=b",
                Bytes::from_static(b"--b\nContent-ID: <x>\nContent-ID: <y>\n\n<a/>"),
            ),
            _ => return None,
        })
    }

    fn multipart_fault(&self, fault: &SoapFault) -> Handled {
        let Some(xml) = self.fault_bytes(fault) else { return html(500) };
        let root =
            mtom::Envelope { xml, content_id: "fault@simulator", action: WSA_FAULT, boundary: "simulator" };
        let written = mtom::write(&root, &[]).and_then(|multipart| {
            let content_type = multipart.content_type.clone();
            Ok((content_type, multipart.into_bytes(&[])?))
        });
        match written {
            Ok((content_type, body)) => Handled { status: 500, content_type, body, outcome: String::new() },
            Err(_) => html(500),
        }
    }
}

fn soap(status: u16, body: Bytes) -> Handled {
    Handled { status, content_type: CONTENT_TYPE.to_owned(), body, outcome: String::new() }
}

/// A page of a front that is not the DMP.
pub(crate) fn html(status: u16) -> Handled {
    Handled {
        status,
        content_type: "text/html; charset=utf-8".to_owned(),
        body: format!("<html><body><h1>{status}</h1><br></body></html>").into(),
        outcome: String::new(),
    }
}

fn billion_laughs() -> Bytes {
    let mut text = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY l0 \"lol\">".to_owned();
    for level in 1..10 {
        let previous = format!("&l{};", level - 1).repeat(10);
        text += &format!("<!ENTITY l{level} \"{previous}\">");
    }
    text += "]><a>&l9;</a>";
    text.into()
}
