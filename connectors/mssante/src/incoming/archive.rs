//! The XDM archives of a mail, found by what they hold.
//! In: a mail that was read. Out: archives with the handle of each document, findings. Source: mssante.md §3.4, §8 n° 3,
//! 7, 13, 21. A ZIP file that is no XDM archive and does not claim to be one is an attachment like another.

use bytes::Bytes;
use jonction_mime::{Mail, Part};
use jonction_model::{BodyId, ContentRef, Finding, Layer};
use jonction_xds::{
    DocumentEntry, Submission,
    xdm::{self, XdmError},
};

/// Mails an archive may be nested in (forwards).
const NESTING_MAX: usize = 3;
/// Archives of one mail that are opened.
const ARCHIVES_MAX: usize = 20;

/// An archive that was read.
pub struct Archive {
    /// Part of the mail it stands in.
    pub path: String,
    /// Its submission sets.
    pub sets: Vec<Set>,
}

/// A submission set.
pub struct Set {
    /// Its metadata.
    pub submission: Submission,
    /// Its documents, those that were found.
    pub documents: Vec<Opened>,
}

/// A document of a set.
pub struct Opened {
    /// Index into the entries of the submission.
    pub entry: usize,
    /// Its bytes.
    pub bytes: Bytes,
    /// Where to read it later; `None`: it stands in something that has no handle.
    pub content: Option<ContentRef>,
    /// What its header says; `None`: it is no CDA that can be read.
    pub header: Option<jonction_cda::Header>,
    /// Its hash or its size is not the one announced.
    pub altered: bool,
}

impl Set {
    /// The entry of one of its documents.
    pub fn entry(&self, opened: &Opened) -> &DocumentEntry {
        &self.submission.entries[opened.entry]
    }
}

/// What looking for archives gave.
#[derive(Default)]
pub(super) struct Found {
    pub(super) archives: Vec<Archive>,
    pub(super) findings: Vec<Finding>,
    /// An archive claims to be XDM, and cannot be used.
    pub(super) refused: bool,
    /// An archive stands in a mail that was forwarded.
    pub(super) forwarded: bool,
}

/// Opens every archive of a mail. `id` is the body the mail is stored under.
pub(super) fn open(mail: &Mail, id: BodyId, limits: &xdm::Limits) -> Found {
    let mut found = Found::default();
    let mut left = limits.unpacked_bytes_max;
    for (at, part) in mail.parts().iter().enumerate() {
        let nesting = mail.nesting(at);
        if nesting > NESTING_MAX || !part.starts_with(b"PK") {
            continue;
        }
        if found.archives.len() == ARCHIVES_MAX {
            found.findings.push(too_many(part));
            found.refused = true;
            break;
        }
        let limits = xdm::Limits { unpacked_bytes_max: left, ..*limits };
        match xdm::read(part.content(), &limits) {
            Ok(archive) => {
                let unpacked: u64 = archive.documents().map(|(_, bytes)| bytes.len() as u64).sum();
                left = left.saturating_sub(unpacked);
                let at = |finding: Finding| placed(finding, part);
                found.findings.extend(archive.findings.iter().cloned().map(at));
                found.forwarded |= nesting > 0;
                found.archives.push(opened(archive, part, id));
            }
            Err(error) if claims_to_be_xdm(part) => {
                found.findings.push(refusal(&error, part));
                found.refused = true;
            }
            Err(_) => {}
        }
    }
    found
}

fn opened(archive: xdm::XdmArchive, part: &Part, id: BodyId) -> Archive {
    let handle = part.content_ref(id);
    let document = |document: xdm::XdmDocument| {
        let packed = document.packed;
        let inside = packed.map(|packed| {
            let inflate = packed.deflated.then_some(Layer::Inflate);
            [Layer::Slice(packed.start, packed.end)].into_iter().chain(inflate)
        });
        Opened {
            entry: document.entry,
            header: jonction_cda::Header::read(&document.bytes, &jonction_cda::Limits::default()).ok(),
            bytes: document.bytes,
            content: handle.clone().zip(inside).map(|(handle, inside)| handle.then(inside)),
            altered: document.altered,
        }
    };
    let set = |set: xdm::XdmSet| Set {
        submission: set.submission,
        documents: set.documents.into_iter().map(document).collect(),
    };
    Archive { path: part.path.clone(), sets: archive.sets.into_iter().map(set).collect() }
}

/// By its name, or by the names it holds, whatever their case and slashes.
fn claims_to_be_xdm(part: &Part) -> bool {
    const MARKS: [&[u8]; 4] = [b"IHE_XDM", b"ihe_xdm", b"METADATA.XML", b"metadata.xml"];
    let name = part.name.to_ascii_uppercase();
    let named = name.starts_with("IHE_XDM") || name.starts_with("IHE-XDM");
    named || MARKS.iter().any(|mark| memchr::memmem::find(part.content(), mark).is_some())
}

/// Findings of the archive say where in it; the part says which archive.
fn placed(mut finding: Finding, part: &Part) -> Finding {
    let inside = std::mem::take(&mut finding.place.path);
    finding.place.path = match inside.is_empty() {
        true => format!("partie {}", part.path),
        false => format!("partie {}, {inside}", part.path),
    };
    finding
}

fn refusal(error: &XdmError, part: &Part) -> Finding {
    let sentence = match error {
        XdmError::NotZip => "l'archive est abîmée : ce n'est pas un fichier ZIP lisible",
        XdmError::OverLimit { .. } => "l'archive dépasse une limite : elle n'est pas ouverte",
        XdmError::Refused { .. } => "l'archive contient ce qu'aucun émetteur honnête n'y met",
        XdmError::NoMetadata => "l'archive ne contient pas IHE_XDM/*/METADATA.XML",
        _ => "le fichier METADATA.XML de l'archive ne se lit pas",
    };
    let found = match error {
        XdmError::OverLimit { limit } => Some((*limit).to_owned()),
        XdmError::Refused { reason, .. } => Some(reason.to_string()),
        _ => None,
    };
    let mut finding = Finding::error(error.code(), sentence)
        .remedy("ne rien intégrer ; demander à l'émetteur un nouvel envoi")
        .requirement("mssante.md §3.4, §8");
    finding.found = found;
    placed(finding, part)
}

fn too_many(part: &Part) -> Finding {
    let finding = Finding::error("mssante.too-many-archives", "le courriel porte trop d'archives XDM")
        .expected(format!("{ARCHIVES_MAX} au plus"), "davantage")
        .remedy("demander à l'émetteur plusieurs courriels");
    placed(finding, part)
}
