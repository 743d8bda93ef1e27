//! What a case expects, and where what happened differs.
//! In: the block `expect`, an outcome. Out: differences by path. Only what is named is compared, unless the case is whole.

use std::{fs, path::Path};

use bytes::Bytes;
use jonction_hl7v2::{Limits, Message, Path as Hl7Path};
use jonction_rows::{Difference, Extent, differences};
use jonction_settings::{Diagnoses, Fields, Node, Value};
use serde_json::{Map, Value as Json, json};

use super::outcome::{Outcome, Sending};

/// What is expected.
pub(crate) struct Expected {
    node: Node,
    extent: Extent,
    /// Where files named by the case are.
    folder: std::path::PathBuf,
}

/// Keys of a delivery.
const OF_DELIVERY: &[&str] = &["to", "part", "state", "why", "leaves", "order_with", "shape", "sent", "told"];
/// Keys of what is sent.
const OF_SENT: &[&str] = &["ids", "hl7", "text", "contains", "bytes"];

impl Expected {
    pub(crate) fn new(node: Node, extent: Extent, folder: &Path) -> Self {
        Self { node, extent, folder: folder.to_owned() }
    }

    /// Reads the block; an unknown key is told with the one that is near.
    pub(crate) fn read(node: &Node, folder: &Path, diagnoses: &mut Diagnoses) -> Option<Self> {
        let before = diagnoses.counts().0;
        let mut fields = Fields::of(node, "expect", diagnoses)?;
        for key in ["verdict", "by", "findings"] {
            fields.node(key);
        }
        if let Some(ack) = fields.node("ack") {
            paths(ack, diagnoses);
        }
        for key in ["deliveries", "reports"] {
            fields.list(key).iter().for_each(|one| delivery(one, diagnoses));
        }
        fields.finish(diagnoses);
        (diagnoses.counts().0 == before).then(|| Self::new(node.clone(), Extent::Named, folder))
    }

    /// Where the outcome is not as expected; none: it is.
    pub(crate) fn differences(&self, outcome: &Outcome) -> Vec<Difference> {
        let named = Named { folder: &self.folder };
        let found = named.outcome(&self.node, outcome);
        let mut told = differences(&sorted_findings(&self.node), &found, "", self.extent);
        for difference in &mut told {
            difference.path = difference.path.trim_start_matches('.').to_owned();
        }
        told
    }
}

fn delivery(node: &Node, diagnoses: &mut Diagnoses) {
    let Some(mut fields) = Fields::of(node, "un envoi attendu", diagnoses) else { return };
    let mut sent = None;
    for key in OF_DELIVERY {
        let found = fields.node(key);
        if *key == "sent" {
            sent = found;
        }
    }
    fields.finish(diagnoses);
    let Some(mut fields) = sent.and_then(|sent| Fields::of(sent, "sent", diagnoses)) else { return };
    let mut hl7 = None;
    for key in OF_SENT {
        let found = fields.node(key);
        if *key == "hl7" {
            hl7 = found;
        }
    }
    fields.finish(diagnoses);
    if let Some(hl7) = hl7 {
        paths(hl7, diagnoses);
    }
}

/// The keys of a block are HL7 paths.
fn paths(node: &Node, diagnoses: &mut Diagnoses) {
    for entry in node.as_map().unwrap_or_default() {
        if let Err(error) = Hl7Path::parse(&entry.key) {
            diagnoses
                .error("case.wrong-path", &entry.key_span, format!("ce chemin HL7 ne se lit pas ({error})"))
                .remedy("par exemple PID-3[5='INS'].1 ou MSA-1");
        }
    }
}

/// Findings are expected in any order.
fn sorted_findings(node: &Node) -> Node {
    let mut node = node.clone();
    if let Value::Map(entries) = &mut node.value {
        for entry in entries.iter_mut().filter(|entry| entry.key == "findings") {
            if let Value::Scalar(_) = entry.value.value {
                let one = entry.value.clone();
                entry.value.value = Value::List(vec![one]);
            }
            if let Value::List(items) = &mut entry.value.value {
                items.sort_by(|a, b| a.as_text().cmp(&b.as_text()));
            }
        }
    }
    node
}

/// Turns an outcome into what the case names of it.
struct Named<'e> {
    folder: &'e Path,
}

impl Named<'_> {
    fn outcome(&self, expected: &Node, outcome: &Outcome) -> Json {
        let ack = match expected.get("ack") {
            Some(node) if node.as_map().is_some() => fields_of(node, &outcome.reply),
            _ => outcome.ack.clone().map_or(Json::Null, Json::String),
        };
        let list = |key: &str, reports: bool| -> Json {
            let wanted = expected.get(key).and_then(Node::as_list).unwrap_or_default();
            let sendings = outcome.sendings.iter().filter(|one| one.about.is_some() == reports);
            sendings.enumerate().map(|(at, one)| self.sending(wanted.get(at), one)).collect()
        };
        json!({
            "ack": ack, "verdict": outcome.verdict, "by": outcome.by, "findings": outcome.findings,
            "deliveries": list("deliveries", false), "reports": list("reports", true),
        })
    }

    fn sending(&self, expected: Option<&Node>, one: &Sending) -> Json {
        let asked = |key: &str| expected.and_then(|node| node.get(key));
        let mut json = json!({
            "to": one.to, "part": one.part, "state": one.state, "why": one.why,
            "leaves": one.leaves, "order_with": one.order_with, "shape": one.shape,
        });
        if let (Some(sent), Some(found)) = (asked("sent"), &one.sent) {
            json["sent"] = self.sent(sent, &found.ids, &found.bytes);
        }
        if asked("told").is_some() {
            json["told"] = one.told.clone();
        }
        json
    }

    fn sent(&self, expected: &Node, ids: &Json, bytes: &Bytes) -> Json {
        let mut found = Map::new();
        found.insert("ids".to_owned(), ids.clone());
        found.insert("bytes".to_owned(), bytes.len().into());
        if let Some(hl7) = expected.get("hl7") {
            found.insert("hl7".to_owned(), fields_of(hl7, bytes));
        }
        if let Some(file) = expected.get("text").and_then(Node::as_text) {
            found.insert("text".to_owned(), self.same_text(file, bytes).into());
        }
        if let Some(wanted) = expected.get("contains") {
            let items = wanted.as_list().unwrap_or(std::slice::from_ref(wanted));
            let there = |item: &Node| {
                let text = item.as_text().unwrap_or_default();
                let there = holds(bytes, text.as_bytes());
                Json::String(if there { text.to_owned() } else { "absent de ce qui est envoyé".to_owned() })
            };
            let told: Vec<Json> = items.iter().map(there).collect();
            let told = if wanted.as_list().is_some() {
                told.into()
            } else {
                told.into_iter().next().unwrap_or_default()
            };
            found.insert("contains".to_owned(), told);
        }
        Json::Object(found)
    }

    /// The name of the file when it holds the very same text, whatever the ends of its lines; else the first line that differs.
    fn same_text(&self, file: &str, bytes: &[u8]) -> String {
        let Ok(wanted) = fs::read(self.folder.join(file)) else { return format!("{file} ne se lit pas") };
        let lines = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec());
            let text = text.unwrap_or_else(|error| error.as_bytes().escape_ascii().to_string());
            text.replace("\r\n", "\n")
                .replace('\r', "\n")
                .trim_end()
                .split('\n')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let (wanted, found) = (lines(&wanted), lines(bytes));
        let differs = (0..wanted.len().max(found.len())).find(|at| wanted.get(*at) != found.get(*at));
        match differs {
            None => file.to_owned(),
            Some(at) => format!(
                "ligne {} : {}",
                at + 1,
                found.get(at).map_or("rien", |line| line.as_str()).chars().take(200).collect::<String>()
            ),
        }
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The values of an HL7 message at the paths that a block names.
fn fields_of(expected: &Node, bytes: &Bytes) -> Json {
    let Ok(message) = Message::parse(bytes.clone(), &Limits::default()) else {
        return Json::String("ce n'est pas un message HL7".to_owned());
    };
    let value = |entry: &jonction_settings::Entry| {
        let path = Hl7Path::parse(&entry.key).ok()?;
        let text = message.get(&path).text().into_owned();
        Some((entry.key.clone(), if text.is_empty() { Json::Null } else { Json::String(text) }))
    };
    Json::Object(expected.as_map().unwrap_or_default().iter().filter_map(value).collect())
}
