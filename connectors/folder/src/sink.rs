//! The way out: any shape as a folder of its own, `metadata.json` and a file for each content, there whole or not at all.
//! In: shapes. Out: `into/<our numbers>/`. Names come from our numbers and randomness, never from what is delivered.
//! Source: README.md; architecture §4.3, §4.10. Deliberately absent: reports: nobody answers for a folder.

use std::{fs, io, path::Path};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{ContentRef, DeliveryReport, Finding, PartnerName, Shape};
use jonction_ports::{
    Artefact, AttemptReport, Bodies, BodyError, BoxFuture, Delivery, Due, Ending, Outcome, Part, Piece,
    Prepared, Sink, Tools,
};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use crate::{config::Deliver, disk};

/// Name of the file that says what the others are.
const METADATA: &str = "metadata.json";

/// Sink of one partner.
#[derive(Debug)]
pub struct FolderSink {
    partner: PartnerName,
    settings: Deliver,
}

impl FolderSink {
    /// A sink that writes where the settings say.
    pub fn new(partner: PartnerName, settings: Deliver) -> Self {
        Self { partner, settings }
    }
}

impl Sink for FolderSink {
    fn connector(&self) -> &'static str {
        "folder"
    }

    fn parts(&self, shape: &Shape) -> Vec<Part> {
        let ordering = shape.patient().and_then(|patient| {
            let local = || patient.local_ids.first().map(|id| format!("{}^{}", id.id.expose(), id.authority));
            patient.ins.as_ref().map(|ins| ins.ins.expose().to_owned()).or_else(local)
        });
        let name = shape.name();
        vec![Part { key: name.to_owned(), label: name.to_owned(), ordering, mailbox: None, due: Due::Owed }]
    }

    fn prepare(&self, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome> {
        let mut shape = serde_json::to_value(&*delivery.shape).map_err(|_| unreadable())?;
        let mut contents = Contents::default();
        contents.take_out(&mut shape);
        let name =
            format!("{:012}-{:012}-{:08x}", delivery.message.0, delivery.id.0, tools.entropy.number() as u32);
        let metadata = json!({
            "name": name, "message": delivery.message, "delivery": delivery.id, "route": delivery.route,
            "received_at": delivery.received_at.to_string(), "part": delivery.part.key, "content": shape,
            "files": contents.files,
        });
        let mut metadata = serde_json::to_vec_pretty(&metadata).map_err(|_| unreadable())?;
        metadata.push(b'\n');
        let mut pieces = vec![Piece::New(Bytes::from(metadata))];
        pieces.extend(contents.found.into_iter().map(Piece::Stored));
        let names: Vec<_> = contents.files.iter().map(|file| file["name"].clone()).collect();
        Ok(Prepared { ids: json!({ "folder": name, "files": names }), pieces, keys: Vec::new() })
    }

    fn attempt<'a>(
        &'a self,
        _: &'a Delivery,
        artefact: &'a Artefact,
        tools: &'a Tools,
    ) -> BoxFuture<'a, AttemptReport> {
        Box::pin(async move {
            let into = self.settings.into.clone();
            let (owned, bodies) = (artefact.clone(), tools.bodies.clone());
            let written = spawn_blocking(move || write(&into, &owned, &*bodies)).await;
            let (outcome, bytes_sent) = match written {
                Ok(Ok(Written::Now(bytes))) => (Outcome::Done { detail: "écrit".to_owned() }, bytes),
                Ok(Ok(Written::Before)) => (Outcome::Done { detail: "déjà écrit".to_owned() }, 0),
                Ok(Err(Fault::Body(error))) => (of_body(&error), 0),
                Ok(Err(Fault::Disk(error))) => (of_disk(&error, &self.settings.into), 0),
                Ok(Err(Fault::Artefact)) | Err(_) => (Outcome::Park { finding: lost() }, 0),
            };
            tracing::debug!(partner = %self.partner, bytes = bytes_sent, "folder attempted");
            AttemptReport { outcome, peer: None, code: None, bytes_sent, notes: Vec::new() }
        })
    }

    /// What was written under this name before is looked for first, whatever became of the attempt.
    fn probes(&self) -> bool {
        true
    }

    fn report(&self, _: &Shape, _: &Part, _: &Ending<'_>, _: Timestamp) -> Option<DeliveryReport> {
        None
    }
}

/// The contents that a shape names, taken out of its JSON.
#[derive(Default)]
struct Contents {
    found: Vec<ContentRef>,
    files: Vec<Value>,
}

/// Endings of files, by what the shape says of them.
const ENDINGS: &[(&str, &str)] = &[
    ("cda", "xml"),
    ("xml", "xml"),
    ("pdf", "pdf"),
    ("html", "html"),
    ("json", "json"),
    ("hl7", "er7"),
    ("text", "txt"),
    ("zip", "zip"),
    ("jpeg", "jpg"),
    ("png", "png"),
];

impl Contents {
    /// Each handle on stored bytes becomes the name of a file. The depth is that of our own types.
    fn take_out(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.take_out(item)),
            Value::Object(members) => {
                let ending = ending(members);
                for member in members.values_mut() {
                    match serde_json::from_value::<ContentRef>(member.clone()) {
                        Ok(content) if member.is_object() => *member = self.file(content, ending),
                        _ => self.take_out(member),
                    }
                }
            }
            _ => {}
        }
    }

    fn file(&mut self, content: ContentRef, ending: &str) -> Value {
        let known = self.found.iter().position(|known| *known == content);
        let at = known.unwrap_or_else(|| {
            self.found.push(content);
            let name = format!("contenu-{}.{ending}", self.found.len());
            self.files.push(json!({ "name": name }));
            self.found.len() - 1
        });
        json!({ "file": self.files[at]["name"] })
    }
}

/// From the words beside a content: its kind, its media type.
fn ending(members: &Map<String, Value>) -> &'static str {
    let words = ["kind", "media_type", "mime", "format"].iter().filter_map(|key| members.get(*key));
    let words: String = words.map(|value| value.to_string().to_lowercase()).collect();
    ENDINGS.iter().find(|(word, _)| words.contains(word)).map_or("bin", |(_, ending)| *ending)
}

enum Written {
    Now(u64),
    /// By an attempt whose end was never journaled.
    Before,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("disk")]
    Disk(#[from] io::Error),
    #[error("body")]
    Body(BodyError),
    #[error("artefact")]
    Artefact,
}

/// Writes beside, then gives the final name: a reader never sees a half.
fn write(into: &Path, artefact: &Artefact, bodies: &dyn Bodies) -> Result<Written, Fault> {
    let name = artefact.ids["folder"].as_str().filter(|name| is_ours(name)).ok_or(Fault::Artefact)?;
    let files = artefact.ids["files"].as_array().ok_or(Fault::Artefact)?;
    let files = files.iter().map(|file| file.as_str().filter(|name| is_ours(name)).ok_or(Fault::Artefact));
    let names = std::iter::once(Ok(METADATA)).chain(files).collect::<Result<Vec<_>, _>>()?;
    if names.len() != artefact.pieces.len() {
        return Err(Fault::Artefact);
    }
    let target = into.join(name);
    if fs::symlink_metadata(&target).is_ok() {
        return Ok(Written::Before);
    }
    let fresh = into.join(format!(".{name}.nouveau"));
    if fs::symlink_metadata(&fresh).is_ok() {
        // Left by an attempt that was cut.
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir(&fresh)?;
    let mut bytes = 0;
    for (name, piece) in names.iter().zip(&artefact.pieces) {
        let content = bodies.open(piece).map_err(Fault::Body)?;
        bytes += disk::write_new(&fresh.join(name), content).map_err(in_reading)?;
    }
    disk::sync_folder(&fresh)?;
    fs::rename(&fresh, &target)?;
    disk::sync_folder(into)?;
    Ok(Written::Now(bytes))
}

/// Copying reads and writes: an error of ours tells of the body.
fn in_reading(error: io::Error) -> Fault {
    match error.downcast::<BodyError>() {
        Ok(error) => Fault::Body(error),
        Err(error) => Fault::Disk(error),
    }
}

/// Names that `prepare` makes; what is stored is believed no more than that.
fn is_ours(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn of_disk(error: &io::Error, into: &Path) -> Outcome {
    let sentence = match error.kind() {
        io::ErrorKind::NotFound => format!("le dossier {} n'est pas là", into.display()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("plus de place dans {}", into.display())
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("les droits ne permettent pas d'écrire dans {}", into.display())
        }
        _ => format!("{} ne s'écrit pas", into.display()),
    };
    let finding = Finding::error("folder.not-writable", sentence)
        .remedy("vérifier le dossier, son montage, ses droits et la place ; l'envoi est repris de lui-même");
    Outcome::Retry { after: None, finding }
}

fn of_body(error: &BodyError) -> Outcome {
    match error {
        BodyError::Io(_) => Outcome::Retry { after: None, finding: lost() },
        _ => Outcome::Park { finding: lost() },
    }
}

fn lost() -> Finding {
    Finding::error("folder.content-unreadable", "ce qui devait être écrit ne se relit pas au journal")
        .remedy("vérifier le disque du journal, puis libérer : jonction parked release")
}

fn unreadable() -> Outcome {
    let finding = Finding::error("folder.cannot-write", "cette forme de données ne s'écrit pas en JSON")
        .remedy("transmettre ce message aux auteurs de jonction");
    Outcome::Park { finding }
}
