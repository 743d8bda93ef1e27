//! Bounded reader of archives that others made.
//! In: bytes, limits. Out: submission sets with their documents, and findings; or why the archive is refused.
//! Source: mssante.md §3.4, §8 n° 3, 7, 13. Names are compared without case; nothing is ever written to disk.

use std::{
    cell::OnceCell,
    collections::HashMap,
    io::{Cursor, Read},
};

use bytes::Bytes;
use jonction_model::{Finding, Place};
use zip::{HasZipMetadata, ZipArchive, ZipReadOptions, read::ZipFileEntry};

use crate::{
    build::ContentFacts,
    ebrim::{self, read_submit_objects},
    metadata::{DocumentEntry, Submission},
};

/// What an archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the archive.
    pub archive_bytes_max: usize,
    /// Files and directories.
    pub files_max: usize,
    /// Bytes of all files, unpacked.
    pub unpacked_bytes_max: u64,
    /// Unpacked bytes per packed byte of one file.
    pub ratio_max: u64,
    /// Unpacked bytes under which the ratio of a file does not matter: a few blanks compress well.
    pub ratio_free_bytes: u64,
    /// Bytes of a name.
    pub name_bytes_max: usize,
    /// Limits of each `METADATA.XML`.
    pub metadata: ebrim::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive_bytes_max: 100 << 20,
            files_max: 1_000,
            unpacked_bytes_max: 200 << 20,
            ratio_max: 100,
            ratio_free_bytes: 64 << 10,
            name_bytes_max: 255,
            metadata: ebrim::Limits::default(),
        }
    }
}

/// Why an archive is refused as a whole. Says which file by its number, never by its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XdmError {
    /// Not a ZIP archive, or a damaged one.
    #[error("not a readable ZIP archive")]
    NotZip,
    /// Over a limit.
    #[error("the archive is over the limit {limit}")]
    OverLimit {
        /// Name of the limit in [`Limits`].
        limit: &'static str,
    },
    /// A file that a well-meaning sender does not make.
    #[error("file {number} of the archive is refused: {reason}")]
    Refused {
        /// Number of the file in the central directory, from 1; 0: the archive as a whole.
        number: usize,
        /// Why.
        reason: RefusedReason,
    },
    /// No `IHE_XDM/*/METADATA.XML`.
    #[error("the archive holds no IHE_XDM/*/METADATA.XML")]
    NoMetadata,
    /// A `METADATA.XML` that cannot be read.
    #[error("METADATA.XML cannot be read: {0}")]
    Metadata(#[from] ebrim::ReadError),
}

/// What is wrong with a file of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedReason {
    /// `..`, absolute, drive letter, backslash, control character, empty part.
    #[error("unsafe name")]
    UnsafeName,
    /// Twice the same name, without case.
    #[error("duplicate name")]
    DuplicateName,
    /// A link.
    #[error("symbolic link")]
    Symlink,
    /// Encrypted.
    #[error("encrypted")]
    Encrypted,
    /// Another method than stored or deflated.
    #[error("compression method")]
    Method,
    /// An archive in the archive.
    #[error("nested archive")]
    Nested,
    /// Local and central headers differ, files overlap, or a file is not listed.
    #[error("inconsistent headers")]
    Inconsistent,
    /// Its bytes do not decompress, or their CRC is wrong.
    #[error("damaged content")]
    Damaged,
}

impl XdmError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotZip => "xdm.not-zip",
            Self::OverLimit { .. } => "xdm.over-limit",
            Self::Refused { .. } => "xdm.unsafe-archive",
            Self::NoMetadata => "xdm.no-metadata",
            Self::Metadata(_) => "xdm.unreadable-metadata",
        }
    }
}

/// An archive that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdmArchive {
    /// One per directory of `IHE_XDM`, in the order of the archive.
    pub sets: Vec<XdmSet>,
    /// What is irregular, errors included: a wrong hash, a missing document.
    pub findings: Vec<Finding>,
}

impl XdmArchive {
    /// Every document that was found, over all sets.
    pub fn documents(&self) -> impl Iterator<Item = (&DocumentEntry, &Bytes)> {
        self.sets.iter().flat_map(|set| {
            set.documents.iter().filter_map(|d| Some((set.submission.entries.get(d.entry)?, &d.bytes)))
        })
    }
}

/// One submission set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdmSet {
    /// Its metadata.
    pub submission: Submission,
    /// Its documents, those that were found.
    pub documents: Vec<XdmDocument>,
}

/// The bytes of an entry.
#[derive(Clone, PartialEq, Eq)]
pub struct XdmDocument {
    /// Index into `submission.entries`.
    pub entry: usize,
    /// The document.
    pub bytes: Bytes,
    /// Where its packed bytes stand in the archive.
    pub packed: Option<Packed>,
    /// Its hash or its size is not the one announced.
    pub altered: bool,
}

/// The packed bytes of a file in the bytes of its archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Deflated; else stored as it is.
    pub deflated: bool,
}

impl std::fmt::Debug for XdmDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "XdmDocument(entry {}, {} bytes)", self.entry, self.bytes.len())
    }
}

/// Reads an archive whole.
/// Errors: anything that is not an honest, bounded XDM archive. A document that misses or differs is a finding.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<XdmArchive, XdmError> {
    if bytes.len() > limits.archive_bytes_max {
        return Err(XdmError::OverLimit { limit: "archive_bytes_max" });
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| XdmError::NotZip)?;
    let names = judge_directory(&mut archive, limits)?;
    let files = Files::unpack(&mut archive, names, limits)?;

    let mut findings = files.missing_root_files();
    let mut sets = Vec::new();
    for (name, content) in files.metadata() {
        let decoded = read_submit_objects(content, &limits.metadata)?;
        findings.extend(decoded.notes);
        let directory = name.rsplit_once('/').map(|(directory, _)| directory).unwrap_or_default();
        sets.push(gather(decoded.value, directory, &files, &mut findings));
    }
    if sets.is_empty() {
        return Err(XdmError::NoMetadata);
    }
    Ok(XdmArchive { sets, findings })
}

/// Everything that can be refused without decompressing. Gives the names, `None` for directories.
fn judge_directory(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    limits: &Limits,
) -> Result<Vec<Option<String>>, XdmError> {
    if archive.len() > limits.files_max {
        return Err(XdmError::OverLimit { limit: "files_max" });
    }
    if archive.has_duplicate_names() {
        return Err(XdmError::Refused { number: 0, reason: RefusedReason::DuplicateName });
    }
    let mut names: Vec<Option<String>> = Vec::with_capacity(archive.len());
    let mut seen = HashMap::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_data(at).map_err(|_| XdmError::NotZip)?;
        let refused = |reason| XdmError::Refused { number: at + 1, reason };
        let name = safe_name(&entry, limits).map_err(refused)?;
        if entry.get_metadata().is_encrypted() {
            return Err(refused(RefusedReason::Encrypted));
        }
        if entry.is_symlink() {
            return Err(refused(RefusedReason::Symlink));
        }
        let method = entry.compression();
        if !matches!(method, zip::CompressionMethod::Stored | zip::CompressionMethod::Deflated) {
            return Err(refused(RefusedReason::Method));
        }
        if seen.insert(key(name.trim_end_matches('/')), at).is_some() {
            return Err(refused(RefusedReason::DuplicateName));
        }
        names.push((!entry.is_dir()).then_some(name));
    }
    let consistent = archive.validate_header_consistency();
    consistent.map_err(|_| XdmError::Refused { number: 0, reason: RefusedReason::Inconsistent })?;
    Ok(names)
}

fn safe_name(entry: &ZipFileEntry<'_>, limits: &Limits) -> Result<String, RefusedReason> {
    let name = entry.name().map_err(|_| RefusedReason::UnsafeName)?;
    let path = name.strip_suffix('/').unwrap_or(&name);
    let unsafe_part = |part: &str| part.is_empty() || part == "." || part == "..";
    let safe = name.len() <= limits.name_bytes_max
        && !name.contains(['\\', ':'])
        && !name.chars().any(char::is_control)
        && !path.split('/').any(unsafe_part);
    if safe { Ok(name.into_owned()) } else { Err(RefusedReason::UnsafeName) }
}

/// Names are compared without case (mssante.md §3.4).
fn key(name: &str) -> String {
    name.to_lowercase()
}

/// An unpacked file. Hashed once, however many entries point to it.
struct File {
    name: String,
    content: Bytes,
    packed: Option<Packed>,
    facts: OnceCell<ContentFacts>,
}

impl File {
    fn facts(&self) -> &ContentFacts {
        self.facts.get_or_init(|| ContentFacts::of(&self.content))
    }
}

/// The unpacked files, in the order of the archive.
struct Files {
    list: Vec<File>,
    by_name: HashMap<String, usize>,
}

impl Files {
    fn unpack(
        archive: &mut ZipArchive<Cursor<&[u8]>>,
        names: Vec<Option<String>>,
        limits: &Limits,
    ) -> Result<Self, XdmError> {
        let mut files = Self { list: Vec::new(), by_name: HashMap::new() };
        let mut left = limits.unpacked_bytes_max;
        for (at, name) in names.into_iter().enumerate() {
            let Some(name) = name else { continue };
            let (content, packed) = unpack_one(archive, at, left, limits)?;
            left -= content.len() as u64;
            files.by_name.insert(key(&name), files.list.len());
            files.list.push(File { name, content, packed, facts: OnceCell::new() });
        }
        Ok(files)
    }

    fn get(&self, path: &str) -> Option<&File> {
        self.by_name.get(&key(path)).and_then(|at| self.list.get(*at))
    }

    fn metadata(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.list.iter().filter_map(|file| {
            let key = key(&file.name);
            let inside = key.strip_prefix("ihe_xdm/")?.strip_suffix("/metadata.xml")?;
            (!inside.contains('/')).then_some((file.name.as_str(), &file.content))
        })
    }

    fn missing_root_files(&self) -> Vec<Finding> {
        let missing = ["INDEX.HTM", "README.TXT"].into_iter().filter(|name| self.get(name).is_none());
        let finding = |name: &str| {
            Finding::warning(
                "xdm.root-file-missing",
                "un fichier obligatoire manque à la racine de l'archive",
            )
            .at(Place::path(name))
            .requirement("mssante.md §3.4")
        };
        missing.map(finding).collect()
    }

    /// Same directory, `IHE_XDM/`, root of the archive; then by hash. Source: mssante.md §3.4.
    fn resolve(&self, entry: &DocumentEntry, directory: &str) -> Option<&File> {
        let by_uri = entry.uri.as_deref().map(str::trim).filter(|uri| !uri.is_empty()).and_then(|uri| {
            let uri = uri.strip_prefix("./").unwrap_or(uri);
            self.get(&format!("{directory}/{uri}"))
                .or_else(|| self.get(&format!("IHE_XDM/{uri}")))
                .or_else(|| self.get(uri))
        });
        by_uri.or_else(|| {
            let hash = entry.hash.as_deref().filter(|hash| !hash.is_empty())?;
            self.list.iter().find(|file| file.facts().sha1.eq_ignore_ascii_case(hash.trim()))
        })
    }
}

/// Decompresses through a capped reader: what the archive declares is never believed.
fn unpack_one(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    at: usize,
    left: u64,
    limits: &Limits,
) -> Result<(Bytes, Option<Packed>), XdmError> {
    let damaged = XdmError::Refused { number: at + 1, reason: RefusedReason::Damaged };
    let options = ZipReadOptions::new().enforce_header_consistency(true);
    let file = archive.by_index_with_options(at, options).map_err(|_| damaged.clone())?;
    let packed = file.data_start().map(|start| Packed {
        start,
        end: start.saturating_add(file.compressed_size()),
        deflated: file.compression() == zip::CompressionMethod::Deflated,
    });
    let by_ratio = file.compressed_size().saturating_mul(limits.ratio_max).max(limits.ratio_free_bytes);
    let cap = left.min(by_ratio);
    let mut content = Vec::new();
    file.take(cap.saturating_add(1)).read_to_end(&mut content).map_err(|_| damaged)?;
    if content.len() as u64 > cap {
        let limit = if left < by_ratio { "unpacked_bytes_max" } else { "ratio_max" };
        return Err(XdmError::OverLimit { limit });
    }
    // Local header, empty archive, spanned archive.
    if [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| content.starts_with(*magic)) {
        return Err(XdmError::Refused { number: at + 1, reason: RefusedReason::Nested });
    }
    Ok((content.into(), packed))
}

/// Finds the bytes of each entry, and compares them with what the entry says of them.
fn gather(submission: Submission, directory: &str, files: &Files, findings: &mut Vec<Finding>) -> XdmSet {
    let mut documents = Vec::new();
    for (index, entry) in submission.entries.iter().enumerate() {
        let place = |slot: &str| Place::path(format!("ExtrinsicObject[{}]/Slot[@name='{slot}']", index + 1));
        let Some(file) = files.resolve(entry, directory) else {
            findings.push(
                Finding::error(
                    "xdm.document-missing",
                    "aucun fichier de l'archive ne correspond à cette fiche",
                )
                .at(place("URI"))
                .remedy("demander à l'émetteur de renvoyer le message")
                .requirement("mssante.md §3.4"),
            );
            continue;
        };
        let facts = file.facts();
        let hash_wrong = entry.hash.as_ref().is_some_and(|h| !h.trim().eq_ignore_ascii_case(&facts.sha1));
        let altered = hash_wrong || entry.size.is_some_and(|size| size != facts.size);
        if altered {
            let (slot, what) = if hash_wrong { ("hash", "l'empreinte") } else { ("size", "la taille") };
            findings.push(
                Finding::error(
                    "xdm.document-altered",
                    format!("{what} du document n'est pas celle annoncée"),
                )
                .at(place(slot))
                .remedy("ne pas intégrer le document ; demander à l'émetteur de renvoyer le message")
                .requirement("mssante.md §3.6"),
            );
        }
        for (missing, slot) in
            [(entry.uri.is_none(), "URI"), (entry.hash.is_none(), "hash"), (entry.size.is_none(), "size")]
        {
            if missing {
                findings.push(
                    Finding::warning("xdm.slot-missing", "un attribut obligatoire dans une archive manque")
                        .at(place(slot))
                        .requirement("dmp-xds.md §7.10"),
                );
            }
        }
        documents.push(XdmDocument {
            entry: index,
            bytes: file.content.clone(),
            packed: file.packed,
            altered,
        });
    }
    XdmSet { submission, documents }
}
