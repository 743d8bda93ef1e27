//! SOAP faults.
//! In: the `Fault` element of a body, 1.2 or 1.1. Out: code, subcodes, reason, detail; and back.
//! Sources: dmp-xds.md §3, §9.1 (`soap:Sender/soap:DMPInvalidCertificate`).

use crate::{
    Error, Limits,
    dom::{Node, Tree},
    name,
    text::{is_xml_text, push_text},
};

/// Whose fault it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The request is wrong (`Sender`, 1.1 `Client`).
    Sender,
    /// The server failed (`Receiver`, 1.1 `Server`).
    Receiver,
    /// A header marked mustUnderstand was not understood.
    MustUnderstand,
    /// The envelope version is not supported.
    VersionMismatch,
    /// Any other code, local name.
    Other(String),
}

impl FaultCode {
    /// Local name in SOAP 1.2.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sender => "Sender",
            Self::Receiver => "Receiver",
            Self::MustUnderstand => "MustUnderstand",
            Self::VersionMismatch => "VersionMismatch",
            Self::Other(code) => code,
        }
    }

    fn parse(local: &str) -> Self {
        match local {
            "Sender" | "Client" => Self::Sender,
            "Receiver" | "Server" => Self::Receiver,
            "MustUnderstand" => Self::MustUnderstand,
            "VersionMismatch" => Self::VersionMismatch,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A fault. Its texts come from the partner: they are shown to the user (PRE_ERR), not logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whose fault.
    pub code: FaultCode,
    /// Subcodes, outermost first, local names (`DMPInvalidCertificate`). May be empty.
    pub subcodes: Vec<String>,
    /// Reason in words; the French one when there are several.
    pub reason: String,
    /// Text of the detail; may be empty.
    pub detail: String,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fault")
            .field("code", &self.code)
            .field("subcodes", &self.subcodes)
            .finish_non_exhaustive()
    }
}

impl Fault {
    /// A fault without detail. Empty `subcode`: none.
    pub fn new(code: FaultCode, subcode: &str, reason: impl Into<String>) -> Self {
        let subcodes = if subcode.is_empty() { vec![] } else { vec![subcode.to_owned()] };
        Self { code, subcodes, reason: reason.into(), detail: String::new() }
    }

    /// The code that says most: the innermost subcode, else the code.
    pub fn specific_code(&self) -> &str {
        self.subcodes.last().map_or(self.code.as_str(), String::as_str)
    }

    pub(crate) fn is_fault(ns: &str, local: &str) -> bool {
        local == "Fault" && (ns == name::SOAP_12 || ns == name::SOAP_11)
    }

    /// Reads a `Fault` element that stands alone.
    pub(crate) fn parse(xml: &str, limits: &Limits) -> Result<Self, Error> {
        let tree = Tree::parse(xml, limits)?;
        let root = tree.root();
        let fault = if root.is(name::SOAP_11, "Fault") { soap_11(root) } else { soap_12(root) };
        fault.ok_or(Error::Envelope("a fault without code"))
    }

    pub(crate) fn to_xml(&self) -> Result<String, Error> {
        let texts = [&self.reason, &self.detail];
        let codes = self.subcodes.iter().chain(match &self.code {
            FaultCode::Other(code) => Some(code),
            _ => None,
        });
        if texts.into_iter().chain(codes).any(|text| !is_xml_text(text)) {
            return Err(Error::Unwritable("a control character in a fault"));
        }
        let mut out = format!("<soap:Fault xmlns:soap=\"{}\"><soap:Code>", name::SOAP_12);
        value(&mut out, self.code.as_str());
        for subcode in &self.subcodes {
            out.push_str("<soap:Subcode>");
            value(&mut out, subcode);
        }
        out.push_str(&"</soap:Subcode>".repeat(self.subcodes.len()));
        out.push_str("</soap:Code><soap:Reason><soap:Text xml:lang=\"fr\">");
        push_text(&mut out, &self.reason);
        out.push_str("</soap:Text></soap:Reason>");
        if !self.detail.is_empty() {
            out.push_str("<soap:Detail><message xmlns=\"\">");
            push_text(&mut out, &self.detail);
            out.push_str("</message></soap:Detail>");
        }
        out.push_str("</soap:Fault>");
        Ok(out)
    }
}

fn value(out: &mut String, code: &str) {
    out.push_str("<soap:Value>soap:");
    push_text(out, code);
    out.push_str("</soap:Value>");
}

/// Local part of a code written as a qualified name.
fn local(qname: &str) -> &str {
    qname.rsplit_once(':').map_or(qname, |(_, local)| local)
}

fn soap_12(fault: Node<'_>) -> Option<Fault> {
    let ns = name::SOAP_12;
    let code = fault.child(ns, "Code")?;
    let mut subcodes = Vec::new();
    let mut next = code.child(ns, "Subcode");
    while let Some(subcode) = next {
        subcodes.extend(subcode.child(ns, "Value").map(|value| local(value.text()).to_owned()));
        next = subcode.child(ns, "Subcode");
    }
    let texts: Vec<_> =
        fault.child(ns, "Reason").map(|reason| reason.each(ns, "Text").collect()).unwrap_or_default();
    let french = texts.iter().find(|text| {
        text.element().attributes.iter().any(|(ns, name, value)| {
            ns == name::XML && name == "lang" && value.to_ascii_lowercase().starts_with("fr")
        })
    });
    Some(Fault {
        code: FaultCode::parse(local(code.child(ns, "Value")?.text())),
        subcodes,
        reason: french.or(texts.first()).map_or_else(String::new, |text| text.text().to_owned()),
        detail: fault.child(ns, "Detail").map(Node::deep_text).unwrap_or_default(),
    })
}

fn soap_11(fault: Node<'_>) -> Option<Fault> {
    // `Client.Something`: the dot makes a subcode.
    let code = local(fault.child("", "faultcode")?.text());
    let (code, subcode) = code.split_once('.').unwrap_or((code, ""));
    Some(Fault {
        detail: fault.child("", "detail").map(Node::deep_text).unwrap_or_default(),
        ..Fault::new(FaultCode::parse(code), subcode, fault.child("", "faultstring").map_or("", Node::text))
    })
}
