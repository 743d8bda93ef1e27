//! What came of a case, as data: the answer, the verdict, what was noted, every delivery with what would be sent.
//! In: what admission, routes and sinks said. Out: an [`Outcome`]; the file of a whole case.

use bytes::Bytes;
use serde_json::{Value as Json, json};

/// What came of one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Code of the acknowledgement (MSA-1); `None` where nothing is answered, or no HL7.
    pub(crate) ack: Option<String>,
    /// The answer, whole.
    pub(crate) reply: Bytes,
    /// `refused` (at admission), `routed`, `filtered`, `parked`.
    pub(crate) verdict: &'static str,
    /// The route, the filter, or the routes that did not take it.
    pub(crate) by: Option<String>,
    /// Codes of what admission and steps noted, sorted.
    pub(crate) findings: Vec<String>,
    /// Deliveries and reports, in order.
    pub(crate) sendings: Vec<Sending>,
}

/// One delivery.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    /// To whom.
    pub(crate) to: String,
    /// Its key: `lot`, `recipient 2`.
    pub(crate) part: String,
    /// `owed`, `refused`, `parked`.
    pub(crate) state: &'static str,
    /// Code of why not.
    pub(crate) why: Option<String>,
    /// When it may leave, if not at once.
    pub(crate) leaves: Option<String>,
    /// The first delivery of the message that must leave before it: they share an ordering key.
    pub(crate) order_with: Option<usize>,
    /// What it carries.
    pub(crate) shape: Json,
    /// What would be sent.
    pub(crate) sent: Option<Sent>,
    /// What the sender is told once it is delivered.
    pub(crate) told: Json,
    /// A report about that delivery.
    pub(crate) about: Option<usize>,
}

/// What a sink prepared.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Its identifiers.
    pub(crate) ids: Json,
    /// What goes on the wire.
    pub(crate) bytes: Bytes,
}

impl Outcome {
    /// Everything that is the same each time: the file of a whole case.
    pub(crate) fn whole(&self) -> Json {
        let list = |reports: bool| -> Vec<Json> {
            let sendings = self.sendings.iter().filter(|one| one.about.is_some() == reports);
            sendings.map(Sending::whole).collect()
        };
        without_nothing(json!({
            "ack": self.ack, "verdict": self.verdict, "by": self.by, "findings": self.findings,
            "deliveries": list(false), "reports": list(true),
        }))
    }
}

impl Sending {
    fn whole(&self) -> Json {
        json!({
            "to": self.to, "part": self.part, "state": self.state, "why": self.why, "leaves": self.leaves,
            "order_with": self.order_with, "shape": self.shape,
        })
    }
}

/// What is absent is not written.
fn without_nothing(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            members.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nothing(v))).collect()
        }
        Json::Array(items) => items.into_iter().map(without_nothing).collect(),
        other => other,
    }
}
