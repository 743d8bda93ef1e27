//! Why a command could not do its work, as the user reads it, and what the shell gets.

use std::fmt;

/// Exit codes. Source: architecture §8.
pub(crate) mod exit {
    /// Done.
    pub(crate) const DONE: u8 = 0;
    /// Findings or differences.
    pub(crate) const FINDINGS: u8 = 1;
    /// Usage or configuration.
    pub(crate) const CONFIGURATION: u8 = 2;
    /// Could not run.
    pub(crate) const COULD_NOT_RUN: u8 = 3;
}

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Stable name.
    pub(crate) code: String,
    /// What is wrong, in French.
    pub(crate) sentence: String,
    /// What to do.
    pub(crate) remedy: Option<String>,
    /// What the shell gets.
    pub(crate) exit: u8,
}

impl Failure {
    /// It could not run.
    pub(crate) fn new(code: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { code: code.into(), sentence: sentence.into(), remedy: None, exit: exit::COULD_NOT_RUN }
    }

    /// What was typed cannot be understood.
    pub(crate) fn usage(code: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { exit: exit::CONFIGURATION, ..Self::new(code, sentence) }
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "erreur  {}\n        {}\n", self.code, self.sentence)?;
        match &self.remedy {
            Some(remedy) => writeln!(f, "remède  {remedy}"),
            None => Ok(()),
        }
    }
}

impl From<jonction_engine::Error> for Failure {
    fn from(error: jonction_engine::Error) -> Self {
        Self::new(error.code(), error.sentence()).remedy(error.remedy())
    }
}

impl From<crate::certificates::CertificateError> for Failure {
    fn from(error: crate::certificates::CertificateError) -> Self {
        Self::new(error.code, error.sentence)
    }
}

impl From<jonction_admin::AdminError> for Failure {
    fn from(error: jonction_admin::AdminError) -> Self {
        Self::new(error.code(), error.sentence()).remedy(error.remedy())
    }
}

impl From<crate::simulators::StartError> for Failure {
    fn from(error: crate::simulators::StartError) -> Self {
        let failure = Self::new("simulator.cannot-start", error.to_string());
        match error {
            crate::simulators::StartError::Listen { .. } => {
                failure.remedy("libérer ce port, ou ajouter --ports auto")
            }
            _ => failure,
        }
    }
}

impl From<jonction_ports::LinkError> for Failure {
    fn from(error: jonction_ports::LinkError) -> Self {
        Self::new(error.code, error.sentence).remedy("libérer ce port, ou ajouter --ports auto")
    }
}

/// A file could not be read or written.
pub(crate) fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    let (why, remedy) = in_french(error);
    Failure::new("data.io", format!("{what} : {} : {why}", path.display())).remedy(remedy)
}

/// The system speaks English; its usual causes are told in French. A cause of ours is kept as it is.
fn in_french(error: &std::io::Error) -> (String, &'static str) {
    use std::io::ErrorKind as Kind;
    const USUAL: &str = "vérifier que le dossier existe, ses droits et la place sur le disque";
    let (why, remedy) = match error.kind() {
        Kind::NotFound => ("il n'existe pas", "vérifier ce qui a été tapé"),
        Kind::PermissionDenied => {
            ("les droits ne le permettent pas", "vérifier à qui il appartient et ses droits")
        }
        Kind::StorageFull => ("le disque est plein", "faire de la place"),
        Kind::IsADirectory => ("c'est un dossier", "donner un fichier"),
        Kind::NotADirectory => ("ce n'est pas un dossier", "donner un dossier"),
        _ => return (error.to_string(), USUAL),
    };
    (why.to_owned(), remedy)
}

impl From<jonction_directory::Error> for Failure {
    fn from(error: jonction_directory::Error) -> Self {
        let (sentence, remedy) = directory_words(error.code());
        Self::new(error.code(), format!("{sentence} ({error})")).remedy(remedy)
    }
}

impl From<jonction_ports::DirectoryError> for Failure {
    fn from(error: jonction_ports::DirectoryError) -> Self {
        let (sentence, remedy) = directory_words(error.code);
        Self::new(error.code, format!("{sentence} ({})", error.detail)).remedy(remedy)
    }
}

impl From<jonction_ports::PullError> for Failure {
    fn from(error: jonction_ports::PullError) -> Self {
        Self::new(error.code, error.sentence).remedy(error.remedy)
    }
}

/// Faults of the local directories, for the operator.
fn directory_words(code: &str) -> (&'static str, &'static str) {
    match code {
        "directory.disk-full" => {
            ("le disque est plein : l'annuaire en service reste", "faire de la place, puis relancer")
        }
        "directory.busy" => ("une mise à jour de cette source est déjà en cours", "attendre qu'elle finisse"),
        "directory.never-pulled" => {
            ("cette source n'a jamais été chargée entière", "jonction directory pull SOURCE --whole")
        }
        "directory.damaged" => (
            "l'annuaire local est abîmé, ou d'une autre version",
            "supprimer le dossier de cette source dans annuaires/, puis jonction directory pull SOURCE",
        ),
        _ => (
            "l'annuaire local ne se lit ou ne s'écrit pas",
            "vérifier le dossier de données, ses droits et la place",
        ),
    }
}
