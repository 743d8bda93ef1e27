//! Registry and repository of the simulator: versions of documents, in memory and perhaps in a folder.
//! In: lots already judged. Out: what the registry keeps, or the code it refuses with. Source: dmp-xds.md §2.4, §11.1.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;
use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{BodyId, Masked};
use jonction_xds::{AvailabilityStatus, DocumentEntry, metadata::Cx};
use serde::{Deserialize, Serialize};

/// A document of a lot to be stored.
pub(crate) struct NewDocument {
    /// uniqueId.
    pub(crate) unique_id: String,
    /// The patient.
    pub(crate) patient: Cx,
    /// Struct_IdNat of the author of the lot.
    pub(crate) structure: String,
    /// entryUUID of the version it replaces.
    pub(crate) replaces: Option<String>,
    /// Whether it is the signature of the lot.
    pub(crate) signature: bool,
    /// Type code, for screens.
    pub(crate) type_code: String,
    /// Its metadata as received.
    pub(crate) entry: DocumentEntry,
    /// Its bytes.
    pub(crate) content: Bytes,
}

/// A version kept by the registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredDocument {
    /// uniqueId.
    pub unique_id: String,
    /// Current entryUUID.
    pub entry_uuid: String,
    /// lid; a replacement gets its own.
    pub logical_id: String,
    /// versionName.
    pub version: u32,
    /// `Approved`, `Deprecated`, `Archived` or `Deleted`: last part of the URI.
    pub status: String,
    /// The patient; prints masked.
    pub patient: Masked<String>,
    /// Struct_IdNat of the structure that fed it.
    pub structure: String,
    /// uniqueId of its SubmissionSet.
    pub submission_set: String,
    /// entryUUID of the version it replaced.
    pub replaces: Option<String>,
    /// Whether it is the signature of a lot.
    pub signature: bool,
    /// Type code.
    pub type_code: String,
    /// SHA-1 of the bytes, hexadecimal.
    pub hash: String,
    /// SHA-256 of the bytes: name of the file in the folder.
    pub sha256: BodyId,
    /// Length in bytes.
    pub size: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// Everything the simulated DMP holds.
#[derive(Default)]
pub(crate) struct Store {
    documents: Vec<StoredDocument>,
    entries: BTreeMap<String, DocumentEntry>,
    contents: BTreeMap<BodyId, Bytes>,
    folder: Option<PathBuf>,
}

const INDEX: &str = "registry.json";

impl Store {
    /// A store in memory, written to `folder` when there is one; what the folder already holds is read back.
    pub(crate) fn open(folder: Option<PathBuf>) -> io::Result<Self> {
        let Some(folder) = folder else { return Ok(Self::default()) };
        fs::create_dir_all(&folder)?;
        let documents: Vec<StoredDocument> = match fs::read(folder.join(INDEX)) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut contents = BTreeMap::new();
        for document in &documents {
            let bytes = fs::read(folder.join(file_name(&document.sha256)))?;
            contents.insert(document.sha256, Bytes::from(bytes));
        }
        Ok(Self { documents, entries: BTreeMap::new(), contents, folder: Some(folder) })
    }

    /// Every version, oldest first.
    pub(crate) fn documents(&self) -> &[StoredDocument] {
        &self.documents
    }

    /// Bytes of a version.
    pub(crate) fn content(&self, unique_id: &str) -> Option<Bytes> {
        let document = self.documents.iter().find(|document| document.unique_id == unique_id)?;
        self.contents.get(&document.sha256).cloned()
    }

    /// The version of this uniqueId that queries show: deleted ones disappear.
    pub(crate) fn by_unique_id(&self, unique_id: &str) -> Option<&StoredDocument> {
        self.documents.iter().find(|document| document.unique_id == unique_id && !is_deleted(document))
    }

    /// The version of this entryUUID that queries show.
    pub(crate) fn by_entry_uuid(&self, entry_uuid: &str) -> Option<&StoredDocument> {
        self.documents.iter().find(|document| document.entry_uuid == entry_uuid && !is_deleted(document))
    }

    /// Metadata of a version as an answer shows them; `None` when the program was started anew since.
    pub(crate) fn entry(&self, document: &StoredDocument) -> Option<DocumentEntry> {
        let entry = self.entries.get(&document.entry_uuid)?.clone();
        Some(DocumentEntry {
            id: document.entry_uuid.clone(),
            logical_id: Some(document.logical_id.clone()),
            version: Some(document.version.to_string()),
            status: Some(status_of(&document.status)),
            hash: Some(document.hash.clone()),
            size: Some(document.size),
            ..entry
        })
    }

    /// Whether a uniqueId was ever used: it is never free again.
    pub(crate) fn knows(&self, unique_id: &str) -> bool {
        self.documents.iter().any(|document| document.unique_id == unique_id)
            || self.documents.iter().any(|document| document.submission_set == unique_id)
    }

    /// Stores a lot whole. `uuid` gives the identifiers the registry makes.
    pub(crate) fn commit(
        &mut self,
        submission_set: &str,
        lot: Vec<NewDocument>,
        at: Timestamp,
        mut uuid: impl FnMut() -> String,
    ) -> io::Result<()> {
        for new in lot {
            if let Some(replaced) = &new.replaces {
                self.set_status(replaced, &AvailabilityStatus::Deprecated);
            }
            let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &new.content);
            let document = StoredDocument {
                unique_id: new.unique_id,
                entry_uuid: uuid(),
                logical_id: uuid(),
                version: 1,
                status: short(&AvailabilityStatus::Approved),
                patient: new.patient.expose().into(),
                structure: new.structure,
                submission_set: submission_set.to_owned(),
                replaces: new.replaces,
                signature: new.signature,
                type_code: new.type_code,
                hash: jonction_model::hex(sha1.as_ref()),
                sha256: BodyId::of(&new.content),
                size: new.content.len() as u64,
                stored_at: at,
            };
            if let Some(folder) = &self.folder {
                write_whole(&folder.join(file_name(&document.sha256)), &new.content)?;
            }
            self.contents.insert(document.sha256, new.content);
            self.entries.insert(document.entry_uuid.clone(), new.entry);
            self.documents.push(document);
        }
        self.write_index()
    }

    /// Changes the status of a version. A deleted one stays, unseen: its uniqueId is never free again.
    pub(crate) fn change_status(&mut self, entry_uuid: &str, status: &AvailabilityStatus) -> io::Result<()> {
        self.set_status(entry_uuid, status);
        self.write_index()
    }

    fn set_status(&mut self, entry_uuid: &str, status: &AvailabilityStatus) {
        for document in &mut self.documents {
            if document.entry_uuid == entry_uuid {
                document.status = short(status);
            }
        }
    }

    fn write_index(&self) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        write_whole(&folder.join(INDEX), &serde_json::to_vec_pretty(&self.documents)?)
    }
}

fn is_deleted(document: &StoredDocument) -> bool {
    document.status == short(&AvailabilityStatus::Deleted)
}

/// Last part of a status URI.
fn short(status: &AvailabilityStatus) -> String {
    status.uri().rsplit(':').next().unwrap_or_default().to_owned()
}

/// The status of a last part.
pub(crate) fn status_of(short_name: &str) -> AvailabilityStatus {
    use AvailabilityStatus::{Approved, Archived, Deleted, Deprecated};
    let known = [Approved, Deprecated, Archived, Deleted];
    known
        .into_iter()
        .find(|status| short(status) == short_name)
        .unwrap_or_else(|| AvailabilityStatus::Other(short_name.to_owned()))
}

fn file_name(sha256: &BodyId) -> String {
    format!("{sha256}.xml")
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(unique_id: &str, replaces: Option<&str>) -> NewDocument {
        NewDocument {
            unique_id: unique_id.to_owned(),
            patient: Cx::from_text("279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH"),
            structure: "1120456789".to_owned(),
            replaces: replaces.map(str::to_owned),
            signature: false,
            type_code: "18748-4".to_owned(),
            entry: DocumentEntry::new("Document01"),
            content: Bytes::from(format!("<x>{unique_id}</x>")),
        }
    }

    fn numbered() -> impl FnMut() -> String {
        let mut n = 0;
        move || {
            n += 1;
            format!("urn:uuid:{n}")
        }
    }

    #[test]
    fn a_replacement_deprecates_and_gets_its_own_lid_and_a_deleted_version_is_never_seen_nor_free_again() {
        let mut store = Store::default();
        let mut uuid = numbered();
        store.commit("1.1", vec![document("1.2", None)], Timestamp::UNIX_EPOCH, &mut uuid).unwrap();
        let old = store.by_unique_id("1.2").unwrap().clone();
        store
            .commit("1.3", vec![document("1.4", Some(&old.entry_uuid))], Timestamp::UNIX_EPOCH, &mut uuid)
            .unwrap();
        let new = store.by_unique_id("1.4").unwrap().clone();
        store.change_status(&new.entry_uuid, &AvailabilityStatus::Deleted).unwrap();

        assert_eq!(store.by_unique_id("1.2").unwrap().status, "Deprecated");
        assert_ne!(new.logical_id, old.logical_id);
        assert!(store.by_unique_id("1.4").is_none() && store.by_entry_uuid(&new.entry_uuid).is_none());
        assert!(store.knows("1.4") && store.knows("1.3") && !store.knows("1.5"));
    }

    #[test]
    fn a_folder_gives_back_what_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(Some(folder.path().to_owned())).unwrap();
        store.commit("1.1", vec![document("1.2", None)], Timestamp::UNIX_EPOCH, numbered()).unwrap();

        let again = Store::open(Some(folder.path().to_owned())).unwrap();
        assert_eq!(again.content("1.2").unwrap(), "<x>1.2</x>");
        assert_eq!(again.documents()[0].status, "Approved");
    }
}
