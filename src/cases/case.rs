//! The file of a case: what comes in, when, what the directories say, what is expected.
//! In: YAML with places, the message beside it. Out: a [`RouteCase`], or diagnoses.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{
    PartnerName,
    clock::moment,
    directory::{Domain, Mailbox, Offer, Professional, Record, Source, Structure},
};
use jonction_rows::Extent;
use jonction_settings::{Diagnoses, Fields, Node, parse, typed};

use super::expected::Expected;
use crate::{
    project::{Project, read_yaml},
    registry::Ready,
};

/// Largest message of a case, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 64 << 20;

/// A case, read.
pub(crate) struct RouteCase {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Who sends the message.
    pub(crate) from: PartnerName,
    /// When it comes.
    pub(crate) at: Timestamp,
    /// The file of the message.
    pub(crate) message: PathBuf,
    /// Its bytes.
    pub(crate) raw: Bytes,
    /// What the directories hold.
    pub(crate) records: Arc<[(Source, Record)]>,
    pub(crate) expected: Expected,
}

/// Reads every case of a folder, in the order of the names.
pub(crate) fn read_all(project: &Project, partners: &[Ready], diagnoses: &mut Diagnoses) -> Vec<RouteCase> {
    let folder = project.dir.join("routes/cases");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    // What a whole case expects stands beside it.
    paths.retain(|path| !path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().ends_with(b".attendu")));
    paths.sort();
    let reader = Reader { partners, folder: &folder };
    paths.iter().filter_map(|path| reader.read(path, diagnoses)).collect()
}

struct Reader<'r> {
    partners: &'r [Ready],
    folder: &'r Path,
}

impl Reader<'_> {
    fn read(&self, path: &Path, diagnoses: &mut Diagnoses) -> Option<RouteCase> {
        let node = read_yaml(path, path, None, diagnoses)?;
        let before = diagnoses.counts().0;
        let mut fields = Fields::of(&node, "le cas", diagnoses)?;
        fields.optional("about", parse::text, diagnoses);
        let from = self.sender(&mut fields, diagnoses);
        let at = fields.required(
            "at",
            |text| moment(text).ok_or_else(|| "un jour et une heure : 2026-11-21T08:00".to_owned()),
            diagnoses,
        );
        let (message, raw) = self.message(path, &node, &mut fields, diagnoses).unzip();
        let at_hand = at.unwrap_or(Timestamp::UNIX_EPOCH);
        let records =
            fields.list("directory").iter().filter_map(|node| record(node, diagnoses)).collect::<Vec<_>>();
        let expect = fields.node("expect").and_then(|node| Expected::read(node, self.folder, diagnoses));
        let whole = fields.optional("expect_whole", parse::text, diagnoses);
        let expected = match (expect, whole) {
            (Some(expected), None) => Some(expected),
            (None, Some(file)) => {
                let path = self.beside(&file, &node, diagnoses)?;
                read_yaml(&path, &path, None, diagnoses)
                    .map(|node| Expected::new(node, Extent::Whole, self.folder))
            }
            (expect, whole) => {
                if diagnoses.counts().0 == before || (expect.is_some() && whole.is_some()) {
                    diagnoses
                        .error("case.expects-nothing", &node.span, "ce cas n'attend rien, ou deux choses")
                        .remedy(
                            "écrire « expect: … » avec les champs attendus, ou « expect_whole: FICHIER »",
                        );
                }
                None
            }
        };
        fields.finish(diagnoses);
        if diagnoses.counts().0 > before {
            return None;
        }
        Some(RouteCase {
            path: path.to_owned(),
            from: from?,
            at: at_hand,
            message: message?,
            raw: raw?,
            records: records.into(),
            expected: expected?,
        })
    }

    /// The partner it comes from: the one named, else the only one that sends.
    fn sender(&self, fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<PartnerName> {
        let senders: Vec<_> = self
            .partners
            .iter()
            .filter(|ready| ready.configured.directions().0)
            .map(|ready| &ready.name)
            .collect();
        let known = senders.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let parse = |text: &str| {
            let found = senders.iter().find(|name| name.as_str() == text);
            found.map(|name| (*name).clone()).ok_or_else(|| format!("un partenaire qui émet : {known}"))
        };
        match senders.as_slice() {
            [only] => Some(fields.optional("from", parse, diagnoses).unwrap_or_else(|| (*only).clone())),
            _ => fields.required("from", parse, diagnoses),
        }
    }

    /// `message`, else the file of the same name that is no YAML.
    fn message(
        &self,
        path: &Path,
        node: &Node,
        fields: &mut Fields<'_>,
        diagnoses: &mut Diagnoses,
    ) -> Option<(PathBuf, Bytes)> {
        let file = match fields.optional("message", parse::text, diagnoses) {
            Some(name) => self.beside(&name, node, diagnoses)?,
            None => {
                let known = ["er7", "hl7", "eml", "csv", "json", "xml", "txt"];
                let found =
                    known.map(|extension| path.with_extension(extension)).into_iter().find(|p| p.exists());
                found.unwrap_or_else(|| path.with_extension("er7"))
            }
        };
        let told = |what: String, diagnoses: &mut Diagnoses| {
            diagnoses
                .error("case.no-message", &node.span, format!("{} : {what}", file.display()))
                .remedy("mettre le message à côté du cas, sous le même nom, ou écrire « message: FICHIER »");
        };
        match fs::metadata(&file) {
            Ok(data) if data.len() > MESSAGE_BYTES_MAX => {
                told("ce message dépasse 64 Mo".to_owned(), diagnoses);
                return None;
            }
            Err(_) => {
                told("ce message n'existe pas".to_owned(), diagnoses);
                return None;
            }
            Ok(_) => {}
        }
        let bytes = fs::read(&file).map_err(|error| told(error.to_string(), diagnoses)).ok()?;
        Some((file, bytes.into()))
    }

    /// A file of the folder of cases or below, or of the project's own messages: never elsewhere.
    fn beside(&self, name: &str, node: &Node, diagnoses: &mut Diagnoses) -> Option<PathBuf> {
        let inside = |path: &Path| {
            path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        };
        let path = Path::new(name);
        if inside(path) {
            return Some(self.folder.join(path));
        }
        match path.strip_prefix("../../messages") {
            Ok(rest) if inside(rest) => Some(self.folder.join(path)),
            _ => {
                diagnoses
                    .error("case.outside", &node.span, format!("« {name} » sort du dossier des cas"))
                    .remedy("mettre ce fichier dans routes/cases, ou dans messages (../../messages/…)");
                None
            }
        }
    }
}

/// A line of a directory: one key says of what kind.
fn record(node: &Node, diagnoses: &mut Diagnoses) -> Option<(Source, Record)> {
    let mut fields = Fields::of(node, "une ligne d'annuaire", diagnoses)?;
    let entries = fields.one_of(&["professional", "structure", "mailbox", "offer", "domain"], diagnoses);
    fields.finish(diagnoses);
    let [entry] = entries.as_slice() else {
        diagnoses
            .error("case.wrong-record", &node.span, "une ligne d'annuaire a une seule clé")
            .remedy("écrire professional, structure, mailbox, offer ou domain, puis ses champs");
        return None;
    };
    let value = &entry.value;
    let read = match entry.key.as_str() {
        "professional" => {
            typed::<Professional>(value).map(|one| (Source::Rpps, Record::Professional(Box::new(one))))
        }
        "structure" => {
            typed::<Structure>(value).map(|one| (Source::Finess, Record::Structure(Box::new(one))))
        }
        "mailbox" => typed::<Mailbox>(value).map(|one| (Source::Mssante, Record::Mailbox(Box::new(one)))),
        "domain" => typed::<Domain>(value).map(|one| (Source::ListeBlanche, Record::Domain(Box::new(one)))),
        _ => typed::<Offer>(value).map(|one| (Source::Ror, Record::Offer(Box::new(one)))),
    };
    read.map_err(|error| {
        let span = error.span.as_ref().unwrap_or(&value.span);
        let sentence = format!("cette ligne d'annuaire ne se lit pas ({})", error.what);
        diagnoses
            .error("case.wrong-record", span, sentence)
            .remedy("les champs sont ceux de jonction directory lookup --json");
    })
    .ok()
}
