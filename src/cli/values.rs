//! Values as they are typed; each error in French, since clap's own are not.

use jonction_engine::{AuditHash, Author, Reason};

use super::directory::Subject;

/// clap's own numbers complain in English.
pub(super) fn lines(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|lines| *lines > 0)
        .ok_or_else(|| "un nombre de lignes, à partir de 1".to_owned())
}

pub(super) fn counted(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "un nombre".to_owned())
}

pub(super) fn message(text: &str) -> Result<u64, String> {
    text.trim_start_matches('#').parse().map_err(|_| "un numéro".to_owned())
}

pub(super) fn audit_hash(text: &str) -> Result<AuditHash, String> {
    AuditHash::parse(text)
        .ok_or_else(|| "64 chiffres hexadécimaux, comme les montre jonction audit verify".to_owned())
}

pub(super) fn author(text: &str) -> Result<Author, String> {
    Author::parse(text).map_err(|_| "un nom de 1 à 64 caractères".to_owned())
}

pub(super) fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text).map_err(|_| "une phrase de 1 à 500 caractères".to_owned())
}

pub(super) fn subject(text: &str) -> Result<Subject, String> {
    use jonction_directory::gaps::Missing;
    match text {
        "sans-boite" => Ok(Subject::Missing(Missing::Mailbox)),
        "sans-rpps" => Ok(Subject::Missing(Missing::Rpps)),
        "remplissage-ror" => Ok(Subject::Filling),
        _ => source(text)
            .map(Subject::Source)
            .map_err(|error| format!("{error}, ou sans-boite, sans-rpps, remplissage-ror")),
    }
}

pub(super) fn source(text: &str) -> Result<jonction_model::directory::Source, String> {
    use jonction_model::directory::Source;
    Source::of(text).ok_or_else(|| format!("une source parmi {}", Source::ALL.map(Source::name).join(", ")))
}

pub(super) fn kilometres(text: &str) -> Result<f64, String> {
    let km = text.replace(',', ".").parse::<f64>().ok().filter(|km| (0.0..=500.0).contains(km));
    km.ok_or_else(|| "une distance entre 0 et 500".to_owned())
}

pub(super) fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "un nombre entier".to_owned())
}

pub(super) fn delivery(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "un numéro d'envoi, comme le montre jonction parked list".to_owned())
}
