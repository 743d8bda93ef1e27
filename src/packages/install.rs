//! A package put into a folder: judged there first, in a copy, with its check and its cases; then written, file by file.
//! In: a judged archive, a folder. Out: the files that changed; or why nothing was written.
//! What somebody changed by hand since the last installation is never overwritten.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use super::{Archive, Manifest, archive::PARTNERS, manifest::Entry};
use crate::failure::{Failure, io};

/// Where the manifests of what was installed are.
const INSTALLED: &str = "paquets";
/// What a copy of a folder takes: nothing larger, no more.
const COPIED_BYTES_MAX: u64 = 16 << 20;
const COPIED_FILES_MAX: usize = 20_000;

/// What installing would do.
pub(crate) struct Plan<'a> {
    archive: &'a Archive,
    dir: PathBuf,
    /// Files to write, by path.
    write: BTreeMap<&'a str, &'a [u8]>,
    /// Files of the version before that this one has no more.
    remove: Vec<String>,
    pub(crate) before: Option<Manifest>,
}

/// What is installed.
pub(crate) struct Installed {
    pub(crate) manifest: Manifest,
    /// Files that are not any more what the package brought.
    pub(crate) changed: Vec<String>,
}

impl<'a> Plan<'a> {
    /// Errors: files that would be lost, every one of them.
    pub(crate) fn new(archive: &'a Archive, dir: &Path) -> Result<Self, Failure> {
        let before = read_installed(&manifest_path(dir, &archive.manifest.name))?;
        let known = |path: &str| before.as_ref().and_then(|before| before.files.get(path));
        let here = |path: &str| fs::read(dir.join(path)).ok().map(|bytes| Entry::of(&bytes));
        let (mut write, mut conflicts) = (BTreeMap::new(), Vec::new());
        let wanted = archive.files.iter().filter(|(path, _)| is_installed(path));
        for (path, bytes) in wanted {
            if leads_out(dir, path) {
                return Err(Failure::usage("package.link", format!("{path} passe par un lien du dossier"))
                    .remedy("remplacer ce lien par un dossier"));
            }
            match here(path) {
                Some(entry) if archive.manifest.files.get(path) == Some(&entry) => {}
                Some(entry) if known(path) != Some(&entry) => conflicts.push(path.as_str()),
                _ => {
                    write.insert(path.as_str(), bytes.as_slice());
                }
            }
        }
        if !conflicts.is_empty() {
            return Err(Failure::usage(
                "package.conflict",
                format!("ces fichiers sont déjà là, écrits ou changés ici : {}", conflicts.join(", ")),
            )
            .remedy("les renommer, ou les déplacer, puis recommencer ; rien n'a été écrit"));
        }
        let gone = before.iter().flat_map(|before| before.files.iter()).filter(|(path, entry)| {
            is_installed(path) && !archive.files.contains_key(*path) && here(path).as_ref() == Some(*entry)
        });
        let remove = gone.map(|(path, _)| path.clone()).collect();
        Ok(Self { archive, dir: dir.to_owned(), write, remove, before })
    }

    /// The folder as it would be, elsewhere: to be checked. `data` is left out.
    pub(crate) fn rehearse(&self, data: &Path) -> Result<tempfile::TempDir, Failure> {
        let copy = tempfile::tempdir()
            .map_err(|error| Failure::new("data.io", format!("pas de dossier temporaire : {error}")))?;
        copy_folder(&self.dir, copy.path(), data)?;
        self.put(copy.path())?;
        Ok(copy)
    }

    /// Writes. Out: files written and removed.
    pub(crate) fn carry_out(&self) -> Result<(Vec<String>, Vec<String>), Failure> {
        self.put(&self.dir)?;
        let path = manifest_path(&self.dir, &self.archive.manifest.name);
        write_file(&path, &self.archive.manifest_bytes)?;
        Ok((self.write.keys().map(|path| (*path).to_owned()).collect(), self.remove.clone()))
    }

    fn put(&self, dir: &Path) -> Result<(), Failure> {
        for (path, bytes) in &self.write {
            write_file(&dir.join(path), bytes)?;
        }
        for path in &self.remove {
            let path = dir.join(path);
            fs::remove_file(&path).map_err(|error| io("ce fichier ne se retire pas", &path, &error))?;
        }
        Ok(())
    }
}

/// The manifest and the model of partners are for whoever reads, the page is the package's own.
fn is_installed(path: &str) -> bool {
    path != PARTNERS && path != "README.md"
}

/// Whether a folder on the way is a link: what is written would land elsewhere.
fn leads_out(dir: &Path, path: &str) -> bool {
    let mut at = dir.to_owned();
    Path::new(path).components().any(|part| match part {
        Component::Normal(part) => {
            at.push(part);
            at.is_symlink()
        }
        _ => true,
    })
}

/// Whole or not at all.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let unwritable = |error| io("ce fichier ne s'écrit pas", path, &error);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(unwritable)?;
    let mut fresh = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    std::io::Write::write_all(&mut fresh, bytes).map_err(unwritable)?;
    fresh.as_file().sync_all().map_err(unwritable)?;
    #[cfg(unix)]
    fs::set_permissions(fresh.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .map_err(unwritable)?;
    fresh.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path, data: &Path) -> Result<(), Failure> {
    let mut folders = vec![from.to_owned()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).map_err(|error| io("ce dossier ne se lit pas", &folder, &error))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let Ok(inside) = path.strip_prefix(from) else { continue };
            if path == data || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            count += 1;
            let small =
                fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() <= COPIED_BYTES_MAX);
            if !small {
                continue;
            }
            if count > COPIED_FILES_MAX {
                return Err(Failure::new(
                    "package.folder-too-large",
                    format!("{} a trop de fichiers", from.display()),
                )
                .remedy("mettre les données hors du dossier de configuration (gateway.data)"));
            }
            let target = to.join(inside);
            let copied =
                fs::create_dir_all(target.parent().unwrap_or(to)).and_then(|()| fs::copy(&path, &target));
            copied.map_err(|error| io("ce fichier ne se copie pas", &path, &error))?;
        }
    }
    Ok(())
}

fn manifest_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(INSTALLED).join(format!("{name}.json"))
}

fn read_installed(path: &Path) -> Result<Option<Manifest>, Failure> {
    let Ok(bytes) = fs::read(path) else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Failure::usage("package.bad-manifest", format!("{} ne se lit plus ({error})", path.display()))
            .remedy("le remettre depuis la sauvegarde, ou le supprimer et installer de nouveau")
    })
}

/// What is installed in a folder, by name.
pub(crate) fn installed(dir: &Path) -> Result<Vec<Installed>, Failure> {
    let Ok(entries) = fs::read_dir(dir.join(INSTALLED)) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let Some(manifest) = read_installed(&path)? else { continue };
        let differs = |path: &String, entry: &Entry| {
            fs::read(dir.join(path)).ok().map(|bytes| Entry::of(&bytes)).as_ref() != Some(entry)
        };
        let files = manifest.files.iter().filter(|(path, _)| is_installed(path));
        let changed =
            files.filter(|(path, entry)| differs(path, entry)).map(|(path, _)| path.clone()).collect();
        all.push(Installed { manifest, changed });
    }
    Ok(all)
}
