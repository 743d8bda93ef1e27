//! Whether a folder can serve: it is there, it can be read, a file can be written into it and taken away.
//! In: settings. Out: steps. Leaves nothing behind.

use std::{fs, io, path::PathBuf};

use jonction_model::{Clock, Finding};
use jonction_ports::{BoxFuture, Probe, ProbeStep, StepKind, Steps};

use crate::{
    config::{Collect, Deliver},
    disk,
};

/// Tries one folder.
pub struct FolderProbe {
    folder: PathBuf,
    /// Folders something is written into.
    written: Vec<PathBuf>,
}

impl FolderProbe {
    /// The folder files are taken from.
    pub fn collecting(settings: &Collect) -> Self {
        let written = vec![settings.from.clone(), settings.taken.clone(), settings.refused.clone()];
        Self { folder: settings.from.clone(), written }
    }

    /// The folder deliveries are written into.
    pub fn delivering(settings: &Deliver) -> Self {
        Self { folder: settings.into.clone(), written: vec![settings.into.clone()] }
    }

    fn steps(&self) -> Vec<ProbeStep> {
        let mut steps = Steps::default();
        match fs::read_dir(&self.folder) {
            Ok(entries) => steps.done(StepKind::Name, format!("{} entrées", entries.take(10_000).count())),
            Err(error) => {
                steps.failed(StepKind::Name, told("folder.unreadable", "ce dossier ne se lit pas", &error));
                return steps.into_vec();
            }
        }
        // `taken` and `refused` are made at the start.
        for folder in self.written.iter().filter(|folder| folder.exists()) {
            let path = folder.join(".jonction-essai");
            let tried = disk::write_new(&path, &b"essai"[..]).and_then(|_| fs::remove_file(&path));
            if let Err(error) = tried {
                let sentence = format!("{} : ce dossier ne s'écrit pas", folder.display());
                steps.failed(StepKind::Exchange, told("folder.not-writable", &sentence, &error));
                return steps.into_vec();
            }
        }
        steps.done(StepKind::Exchange, "un fichier écrit puis retiré");
        steps.into_vec()
    }
}

fn told(code: &str, sentence: &str, error: &io::Error) -> Finding {
    Finding::error(code, format!("{sentence} ({})", error.kind()))
        .remedy("vérifier le montage du dossier, et que l'utilisateur de la passerelle y a les droits")
}

impl Probe for FolderProbe {
    fn target(&self) -> String {
        self.folder.display().to_string()
    }

    fn run<'a>(&'a self, _: &'a dyn Clock) -> BoxFuture<'a, Vec<ProbeStep>> {
        Box::pin(async move { self.steps() })
    }
}
