//! What is wrong with a store on its disk: a table from what SQLite or the system says to cause and remedy.
//! In: their errors. Out: a fault with its stable code, its French sentence, its remedy.

use std::{io, path::Path};

use rusqlite::ErrorCode;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// No room left.
    Full,
    /// The file is cut, or its pages do not fit together.
    Damaged,
    /// The file is something else.
    NotAJournal,
    /// The rights, or the disk, forbid it.
    Forbidden,
    /// Somebody else holds the file for too long.
    Busy,
}

impl StoreFault {
    /// From what SQLite says; `None`: an error of a question, not of the store.
    pub(crate) fn of_database(error: &rusqlite::Error) -> Option<Self> {
        Some(match error.sqlite_error_code()? {
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::DatabaseCorrupt => Self::Damaged,
            ErrorCode::NotADatabase => Self::NotAJournal,
            ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => Self::Forbidden,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            _ => return None,
        })
    }

    /// From what the system says.
    pub(crate) fn of_system(error: &io::Error) -> Option<Self> {
        Some(match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Forbidden,
            _ => return None,
        })
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static str) {
        // Every variant has its row (test below); the first stands in for one that could be forgotten.
        ROWS.iter().find(|row| row.0 == self).unwrap_or(&ROWS[0])
    }

    /// Stable name.
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// What happened, in French, about this place.
    pub(crate) fn sentence(self, place: Option<&Path>) -> String {
        let place = place.map_or_else(|| "le journal".to_owned(), |place| place.display().to_string());
        format!("{place} : {}", self.row().2)
    }

    /// What to do, in French.
    pub fn remedy(self) -> &'static str {
        self.row().3
    }
}

/// Fault, code, what happened, what to do.
const ROWS: &[(StoreFault, &str, &str, &str)] = &[
    (
        StoreFault::Full,
        "journal.disk-full",
        "le disque est plein",
        "faire de la place sur ce disque ; rien n'est perdu : l'émetteur garde ce qui n'est pas acquitté, et tout reprend seul",
    ),
    (
        StoreFault::Damaged,
        "journal.damaged",
        "le journal est abîmé ou tronqué",
        "arrêter, copier le dossier entier à part, vérifier le disque, puis restaurer la dernière sauvegarde ; ne rien effacer",
    ),
    (
        StoreFault::NotAJournal,
        "journal.not-a-journal",
        "ce fichier n'est pas un journal : il a été écrasé par autre chose",
        "vérifier que « --data » est le bon dossier ; sinon copier ce fichier à part et restaurer la dernière sauvegarde",
    ),
    (
        StoreFault::Forbidden,
        "journal.forbidden",
        "ce compte n'a pas le droit d'écrire ici, ou le disque est en lecture seule",
        "lancer la commande avec le compte de la passerelle, ou rendre le dossier à ce compte (chown) ; \
         si le système a remis le disque en lecture seule, le vérifier",
    ),
    (
        StoreFault::Busy,
        "journal.busy",
        "un autre programme tient le journal depuis trop longtemps",
        "fermer l'outil qui ouvre ce fichier (sauvegarde, antivirus, sqlite3), puis recommencer",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_own_row() {
        use StoreFault::*;
        let all = [Full, Damaged, NotAJournal, Forbidden, Busy];
        assert!(all.iter().all(|fault| fault.row().0 == *fault));
        assert_eq!(all.len(), ROWS.len());
    }
}
