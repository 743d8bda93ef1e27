//! The archive of a package, judged whole before anything of it is used.
//! In: bytes of a stranger. Out: an [`Archive`] whose every file is named, bounded and what the manifest says; or a refusal.
//! Limits come before the reader: number, size and ratio of entries; names that stay where they are put.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read as _, Write as _},
    path::Path,
};

use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::manifest::{Entry, FORMAT, Manifest, word};
use crate::failure::{Failure, io};

/// Largest archive, entry, and all entries together, in bytes.
const ARCHIVE_BYTES_MAX: u64 = 32 << 20;
const ENTRY_BYTES_MAX: u64 = 16 << 20;
const TOTAL_BYTES_MAX: u64 = 64 << 20;
/// Most entries.
const ENTRIES_MAX: usize = 2_000;
/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 200;

pub(crate) const MANIFEST: &str = "paquet.json";
pub(crate) const SIGNATURE: &str = "paquet.sig";
/// The model of the partners: shown, never installed.
pub(crate) const PARTNERS: &str = "partenaires.yaml";
/// What a package may hold beside its manifest.
const ROOMS: [&str; 3] = ["routes/", "mappings/", "messages/"];
const PAGES: [&str; 2] = ["README.md", PARTNERS];

/// A package that was judged.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) manifest: Manifest,
    /// The manifest, as it was signed.
    pub(crate) manifest_bytes: Vec<u8>,
    pub(crate) signature: Option<String>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

fn refused(code: &str, sentence: impl Into<String>) -> Failure {
    Failure::usage(format!("package.{code}"), sentence)
        .remedy("demander à qui l'a fait un paquet intact ; rien n'a été écrit")
}

/// A path that stays inside, of a kind that is ours to write.
pub(crate) fn is_allowed(path: &str) -> bool {
    let plain = path.len() <= PATH_BYTES_MAX
        && !path.chars().any(|letter| letter.is_control() || letter == '\\' || letter == ':');
    let inside =
        path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with([' ', '.']));
    plain && inside && (PAGES.contains(&path) || ROOMS.iter().any(|room| path.starts_with(room)))
}

impl Archive {
    /// Reads an archive. Errors: everything that is not exactly what the manifest says.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error| io("ce paquet ne se lit pas", path, &error);
        if fs::metadata(path).map_err(unreadable)?.len() > ARCHIVE_BYTES_MAX {
            return Err(refused("too-large", format!("{} dépasse 32 Mo", path.display())));
        }
        Self::of(fs::read(path).map_err(unreadable)?)
    }

    pub(crate) fn of(bytes: Vec<u8>) -> Result<Self, Failure> {
        let mut files = entries(bytes)?;
        let manifest_bytes = files
            .remove(MANIFEST)
            .ok_or_else(|| refused("no-manifest", format!("ce paquet n'a pas de {MANIFEST}")))?;
        let signature = files.remove(SIGNATURE).map(|bytes| String::from_utf8(bytes).unwrap_or_default());
        let manifest: Manifest = serde_json::from_slice(&manifest_bytes)
            .map_err(|error| refused("bad-manifest", format!("{MANIFEST} ne se lit pas ({error})")))?;
        if manifest.format != FORMAT {
            return Err(refused(
                "other-format",
                format!("ce paquet est au format {}, ce programme lit le {FORMAT}", manifest.format),
            ));
        }
        if word(&manifest.name).is_err() || word(&manifest.version).is_err() {
            return Err(refused("bad-manifest", "le nom ou la version du paquet n'est pas accepté"));
        }
        for path in manifest.files.keys() {
            if !files.contains_key(path) {
                return Err(refused(
                    "missing-file",
                    format!("{} manque dans le paquet", path.escape_debug()),
                ));
            }
        }
        for (path, bytes) in &files {
            match manifest.files.get(path) {
                None => {
                    return Err(refused(
                        "unnamed-file",
                        format!("{} n'est pas dans le manifeste", path.escape_debug()),
                    ));
                }
                Some(entry) if *entry != Entry::of(bytes) => {
                    return Err(refused(
                        "altered",
                        format!("{} n'est pas ce que dit le manifeste", path.escape_debug()),
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(Self { manifest, manifest_bytes, signature, files })
    }

    /// Writes an archive: the manifest first, then files in the order of their names, always the same bytes.
    pub(crate) fn write(
        manifest: &[u8],
        signature: Option<&str>,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> zip::result::ZipResult<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o644);
        let first = [(MANIFEST, manifest)]
            .into_iter()
            .chain(signature.map(|signature| (SIGNATURE, signature.as_bytes())));
        for (name, bytes) in first.chain(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
        {
            writer.start_file(name, options)?;
            writer.write_all(bytes)?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

/// The entries of a ZIP file, bounded.
fn entries(bytes: Vec<u8>) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let not_zip =
        |_: zip::result::ZipError| refused("not-a-package", "ce fichier n'est pas un paquet (archive ZIP)");
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(not_zip)?;
    if zip.len() > ENTRIES_MAX {
        return Err(refused("too-many", format!("ce paquet a plus de {ENTRIES_MAX} fichiers")));
    }
    let (mut files, mut total) = (BTreeMap::new(), 0_u64);
    for at in 0..zip.len() {
        let entry = zip.by_index(at).map_err(not_zip)?;
        let name = entry.name().map_err(not_zip)?.into_owned();
        let shown = name.escape_debug().to_string();
        let plain = entry.is_file()
            && !entry.encrypted()
            && entry.unix_mode().is_none_or(|mode| mode & 0o170_000 == 0o100_000 || mode & 0o170_000 == 0);
        if !plain {
            return Err(refused("not-a-file", format!("{shown} n'est pas un simple fichier")));
        }
        if !(name == MANIFEST || name == SIGNATURE || is_allowed(&name)) {
            return Err(refused("bad-path", format!("{shown} n'a pas sa place dans un paquet")));
        }
        // What it says of its size is not believed.
        let mut content = Vec::new();
        entry
            .take(ENTRY_BYTES_MAX + 1)
            .read_to_end(&mut content)
            .map_err(|_| refused("damaged", format!("{shown} est abîmé")))?;
        total += content.len() as u64;
        if content.len() as u64 > ENTRY_BYTES_MAX || total > TOTAL_BYTES_MAX {
            return Err(refused("too-large", format!("{shown} : ce paquet se déplie au-delà des limites")));
        }
        if files.insert(name, content).is_some() {
            return Err(refused("twice", format!("{shown} est deux fois dans le paquet")));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
        let manifest = Manifest {
            format: FORMAT,
            name: "essai".to_owned(),
            version: "1.0".to_owned(),
            about: String::new(),
            made_by: "test".to_owned(),
            made_at: jiff::Timestamp::UNIX_EPOCH,
            routes: Vec::new(),
            mappings: Vec::new(),
            needs: super::super::manifest::Needs::default(),
            checked: super::super::manifest::Checked::default(),
            files: files.iter().map(|(path, bytes)| (path.clone(), Entry::of(bytes))).collect(),
        };
        serde_json::to_vec(&manifest).unwrap()
    }

    fn files(entries: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        entries.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn code(bytes: Vec<u8>) -> String {
        Archive::of(bytes).err().map_or_else(|| "accepted".to_owned(), |failure| failure.code)
    }

    #[test]
    fn what_was_written_is_read_back_and_is_always_the_same_bytes() {
        let files = files(&[("routes/a.yaml", "route: a\n"), ("README.md", "# A\n")]);
        let write = || Archive::write(&manifest(&files), Some("c2ln"), &files).unwrap();
        let read = Archive::of(write()).unwrap();
        assert_eq!((read.files, read.signature.as_deref()), (files.clone(), Some("c2ln")));
        assert_eq!(write(), write());
    }

    #[test]
    fn each_hostile_archive_is_refused_for_its_own_reason() {
        let good = files(&[("routes/a.yaml", "route: a\n")]);
        let with = |inside: &[(&str, &str)], named: &BTreeMap<String, Vec<u8>>| {
            Archive::write(&manifest(named), None, &files(inside)).unwrap()
        };
        assert_eq!(code(with(&[("routes/a.yaml", "route: a\n")], &good)), "accepted");
        assert_eq!(code(b"PK nothing".to_vec()), "package.not-a-package");
        assert_eq!(code(with(&[], &good)), "package.missing-file");
        assert_eq!(code(with(&[("routes/a.yaml", "route: b\n")], &good)), "package.altered");
        assert_eq!(
            code(with(&[("routes/a.yaml", "route: a\n"), ("routes/b.yaml", "")], &good)),
            "package.unnamed-file"
        );
        for path in [
            "../evil.yaml",
            "/etc/passwd",
            "routes/../../x",
            "jonction.yaml",
            "routes//a",
            "routes/.a",
            "routes\\a",
            "C:/routes/a",
            "data/x",
            "routes/",
        ] {
            let inside = files(&[(path, "x")]);
            let told = code(Archive::write(&manifest(&inside), None, &inside).unwrap());
            assert!(told == "package.bad-path" || told == "package.not-a-file", "{path}: {told}");
        }
        let bomb = files(&[("routes/a.yaml", &"0".repeat(17 << 20))]);
        assert_eq!(code(Archive::write(&manifest(&bomb), None, &bomb).unwrap()), "package.too-large");
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("routes/a.yaml", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        assert_eq!(code(writer.finish().unwrap().into_inner()), "package.not-a-file");
        let none = files(&[("README.md", "x")]);
        let other = String::from_utf8(manifest(&none)).unwrap().replace("\"format\":1", "\"format\":2");
        assert_eq!(code(Archive::write(other.as_bytes(), None, &none).unwrap()), "package.other-format");
        assert_eq!(code(Archive::write(b"{}", None, &none).unwrap()), "package.bad-manifest");
        // Cut anywhere: refused, never a panic.
        let whole = with(&[("routes/a.yaml", "route: a\n")], &good);
        for length in 0..whole.len() {
            assert_ne!(code(whole[..length].to_vec()), "accepted", "{length}");
        }
    }
}
