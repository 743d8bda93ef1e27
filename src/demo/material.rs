//! The folder of the demonstration: the example `examples/etablissement`, carried inside the program.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Files of the example, as they are in the project.
const FILES: &[(&str, &str)] = &[
    ("jonction.yaml", include_str!("../../examples/etablissement/jonction.yaml")),
    ("simulators.yaml", include_str!("../../examples/etablissement/simulators.yaml")),
    ("listeblanche.xml", include_str!("../../examples/etablissement/listeblanche.xml")),
    ("routes/documents.yaml", include_str!("../../examples/etablissement/routes/documents.yaml")),
];

/// Says that a folder was made by the demonstration, which may therefore empty it.
const MARK: &str = "demonstration.txt";
const MARK_TEXT: &str = "Dossier de « jonction demo » : vidé à chaque lancement.\n";

/// Empties the data folder of an earlier demonstration and writes the example into it. Out: the example's folder.
/// Errors: the folder holds something else; the disk.
pub(crate) fn prepare(data: &Path) -> io::Result<PathBuf> {
    let empty = match fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error),
    };
    if !empty {
        if !data.join(MARK).exists() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "ce dossier n'a pas été fait par la démonstration",
            ));
        }
        for entry in fs::read_dir(data)? {
            let entry = entry?;
            // The test authority costs a second and is the same every time.
            let kept = entry.file_name() == "certs-dev" || entry.file_name() == MARK;
            match (kept, entry.file_type()?.is_dir()) {
                (true, _) => {}
                (false, true) => fs::remove_dir_all(entry.path())?,
                (false, false) => fs::remove_file(entry.path())?,
            }
        }
    }
    fs::create_dir_all(data)?;
    fs::write(data.join(MARK), MARK_TEXT)?;
    let folder = data.join("etablissement");
    for (name, text) in FILES {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        fs::write(path, text)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_never_emptied() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("precious"), "x").unwrap();
        assert_eq!(prepare(folder.path()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(folder.path().join("precious").exists());
    }

    #[test]
    fn an_earlier_demonstration_is_emptied_but_for_its_certificates() {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path()).unwrap();
        fs::create_dir(folder.path().join("certs-dev")).unwrap();
        fs::write(folder.path().join("journal.db"), "x").unwrap();
        let example = prepare(folder.path()).unwrap();
        assert!(folder.path().join("certs-dev").exists() && !folder.path().join("journal.db").exists());
        assert!(example.join("routes/documents.yaml").exists());
    }
}
