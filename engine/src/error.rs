//! What can go wrong with a store, whose fault it is, and what the operator does about it.
//! In: a failure. Out: a stable code, an English line for logs, a French sentence and its remedy for people.
//! Source: style part 2 « Errors ».

use std::{
    io,
    path::{Path, PathBuf},
};

use jonction_model::Finding;

use crate::{seal::KeyName, store_fault::StoreFault};

/// Why the engine or its journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the store.
    #[error("store {} is in use by process {holder}", path.display())]
    Locked {
        /// Data directory.
        path: PathBuf,
        /// Process number of the holder, `?` when unknown.
        holder: String,
    },
    /// Nothing was ever stored there.
    #[error("no store in {}", path.display())]
    NoStore {
        /// Data directory.
        path: PathBuf,
    },
    /// A later program wrote the store.
    #[error("store format {found} is newer than {known}")]
    NewerFormat {
        /// Format of the store.
        found: i64,
        /// Latest format this program reads.
        known: i64,
    },
    /// An earlier program wrote the store, and whoever only reads cannot bring it to our format.
    #[error("store format {found} is older than {known}")]
    OlderFormat {
        /// Format of the store.
        found: i64,
        /// Format this program reads.
        known: i64,
    },
    /// The store has data, and the key of its index is gone.
    #[error("index key {} is missing", path.display())]
    IndexKeyLost {
        /// Where it should be.
        path: PathBuf,
    },
    /// The key file is not the one the store was made with.
    #[error("index key {} is not the one of this store", path.display())]
    IndexKeyChanged {
        /// The file.
        path: PathBuf,
    },
    /// There was a store here: its key, or its bodies, are there, and the journal is gone.
    #[error("the journal {} is gone", path.display())]
    StoreLost {
        /// Where it should be.
        path: PathBuf,
    },
    /// The store is there and cannot be used as it is.
    #[error("store cannot be used ({fault:?}): {cause}")]
    Unusable {
        /// Why.
        fault: StoreFault,
        /// Which file, when known.
        path: Option<PathBuf>,
        /// What the database said.
        cause: String,
    },
    /// Bodies are sealed with a key that the configuration does not give.
    #[error("body key {name} is missing")]
    BodyKeyMissing {
        /// Its name.
        name: KeyName,
    },
    /// A file or a directory failed.
    #[error("{what}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// Cause.
        source: io::Error,
    },
    /// A stored body cannot be read now: the system failed, not the body. It is asked for again for a while.
    #[error("a body cannot be read: {0}")]
    BodyUnreadable(io::Error),
    /// The database failed.
    #[error("database: {0}")]
    Database(String),
    /// A row does not make sense: damaged, or written by somebody else.
    #[error("stored data are inconsistent: {0}")]
    Inconsistent(String),
    /// The journal was closed.
    #[error("journal is closed")]
    Closed,
    /// The delivery is not waiting for a human.
    #[error("delivery {0} is not parked")]
    NotParked(u64),
    /// The message is not parked in routing.
    #[error("message {0} is not parked")]
    MessageNotParked(u64),
    /// A backup or a restoration needs a folder with nothing in it.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file of a backup is missing or is not the one that was copied.
    #[error("backup is damaged: {file}")]
    BackupDamaged {
        /// The file.
        file: String,
    },
    /// A restoration was cut before the store was told of it: what left since the backup would be sent again.
    #[error("the restoration of {} did not come to its end", path.display())]
    RestoreUnfinished {
        /// Data directory.
        path: PathBuf,
    },
    /// A purge destroyed a file while it was to be copied.
    #[error("a purge passed during the backup")]
    BackupOvertaken,
    /// There is no legal hold of this number.
    #[error("no legal hold {0}")]
    NoLegalHold(u64),
    /// There is no message of this number.
    #[error("no message {0}")]
    NoMessage(u64),
    /// An order that loses or changes something says why.
    #[error("order {0} needs a reason")]
    ReasonMissing(&'static str),
    /// The delivery may be refused, never released: a rule refused it before its first attempt.
    #[error("delivery {0} was refused by a rule and cannot be released")]
    NotReleasable(u64),
    /// No route, or no partner, has this name.
    #[error("no {kind} is called {name}")]
    UnknownTarget {
        /// `route` or `partner`.
        kind: &'static str,
        /// As typed.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Nothing to take back: no such document in this message, or it is a deletion itself.
    #[error("message {0} holds nothing that can be recalled under this identifier")]
    NothingToRecall(u64),
    /// The document was taken back before.
    #[error("this document of message {0} was recalled already")]
    RecalledAlready(u64),
    /// Nothing of the message waits for a human.
    #[error("nothing of message {0} is parked")]
    NothingParked(u64),
    /// Somebody must ask the partner first.
    #[error("the outcome of a parked delivery of message {0} is unknown")]
    OutcomeUnknown(u64),
    /// The corrected bytes are those that were there.
    #[error("message {0} is not changed")]
    Unchanged(u64),
    /// The corrected bytes are another message.
    #[error("the bytes are not message {message}: {field} differs")]
    OtherMessage {
        /// The message.
        message: u64,
        /// Where.
        field: &'static str,
    },
    /// Admission refuses the corrected bytes.
    #[error("the corrected message is refused: {}", .0.check)]
    EditionRefused(Box<Finding>),
    /// The partner of the message sends nothing any more.
    #[error("nobody can judge message {message}: partner {partner} is no source")]
    NoAdmission {
        /// The message.
        message: u64,
        /// Its partner.
        partner: String,
    },
    /// The bytes of the message are destroyed or damaged.
    #[error("the bytes of message {0} cannot be read")]
    Unreadable(u64),
    /// Only a running gateway can do that.
    #[error("the gateway is not running")]
    NotRunning,
    /// It is held already.
    #[error("this {0} is held already")]
    HeldAlready(&'static str),
    /// It is not held.
    #[error("this {0} is not held")]
    NotHeld(&'static str),
    /// A route names a sink that was not given.
    #[error("route {route} names sink {sink}, which does not exist")]
    UnknownSink {
        /// The route.
        route: String,
        /// The sink.
        sink: String,
    },
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Stopping,
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Stable name: log field, metric label, page of documentation.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "journal.locked",
            Self::NoStore { .. } => "journal.no-store",
            Self::NewerFormat { .. } => "journal.newer-format",
            Self::OlderFormat { .. } => "journal.older-format",
            Self::IndexKeyLost { .. } => "journal.index-key-lost",
            Self::IndexKeyChanged { .. } => "journal.index-key-changed",
            Self::StoreLost { .. } => "journal.lost",
            Self::Unusable { fault, .. } => fault.code(),
            Self::Io { source, .. } => StoreFault::of_system(source).map_or("journal.io", StoreFault::code),
            Self::BodyKeyMissing { .. } => "journal.body-key-missing",
            Self::BodyUnreadable(_) => "journal.body-unreadable",
            Self::Database(_) => "journal.database",
            Self::Inconsistent(_) => "journal.inconsistent",
            Self::Closed => "journal.closed",
            Self::NotParked(_) => "engine.not-parked",
            Self::MessageNotParked(_) => "engine.message-not-parked",
            Self::NotEmpty { .. } => "backup.not-empty",
            Self::BackupDamaged { .. } => "backup.damaged",
            Self::RestoreUnfinished { .. } => "backup.restore-unfinished",
            Self::BackupOvertaken => "backup.overtaken",
            Self::NoLegalHold(_) => "engine.no-legal-hold",
            Self::NoMessage(_) => "engine.no-message",
            Self::ReasonMissing(_) => "engine.reason-missing",
            Self::NotReleasable(_) => "engine.not-releasable",
            Self::UnknownTarget { .. } => "engine.unknown-target",
            Self::NothingToRecall(_) => "engine.nothing-to-recall",
            Self::RecalledAlready(_) => "engine.recalled-already",
            Self::NothingParked(_) => "engine.nothing-parked",
            Self::OutcomeUnknown(_) => "engine.outcome-unknown",
            Self::Unchanged(_) => "engine.unchanged",
            Self::OtherMessage { .. } => "engine.other-message",
            Self::EditionRefused(_) => "engine.edition-refused",
            Self::NoAdmission { .. } => "engine.no-admission",
            Self::Unreadable(_) => "engine.unreadable",
            Self::NotRunning => "engine.not-running",
            Self::HeldAlready(_) => "engine.held-already",
            Self::NotHeld(_) => "engine.not-held",
            Self::UnknownSink { .. } => "engine.unknown-sink",
            Self::Stopping => "engine.stopping",
        }
    }

    /// What happened, in French.
    pub fn sentence(&self) -> String {
        match self {
            Self::Locked { path, holder } => {
                format!("le dossier {} est déjà utilisé par le processus {holder}", path.display())
            }
            Self::NoStore { path } => format!("aucun journal dans {}", path.display()),
            Self::NewerFormat { found, known } => {
                format!("le journal est au format {found} ; ce programme lit jusqu'au format {known}")
            }
            Self::OlderFormat { found, known } => {
                format!("le journal est encore au format {found} ; ce programme lit le format {known}")
            }
            Self::IndexKeyLost { path } => {
                format!("la clé d'index {} manque alors que le journal n'est pas vide", path.display())
            }
            Self::IndexKeyChanged { path } => {
                format!("{} n'est pas la clé d'index de ce journal", path.display())
            }
            Self::StoreLost { path } => {
                format!(
                    "{} manque, alors que ce dossier a déjà servi : le journal a été effacé ou déplacé",
                    path.display()
                )
            }
            Self::Unusable { fault, path, .. } => fault.sentence(path.as_deref()),
            Self::Io { what, source } => match StoreFault::of_system(source) {
                // « write /data/keys/index.key »: the place is what follows.
                Some(fault) => fault.sentence(what.split_once(' ').map(|(_, path)| Path::new(path))),
                None => format!("le disque refuse ({what}) : {source}"),
            },
            Self::BodyKeyMissing { name } => {
                format!("des corps sont chiffrés avec la clé {name}, que la configuration ne donne pas")
            }
            Self::BodyUnreadable(cause) => format!("le disque ne rend pas un corps conservé : {cause}"),
            Self::Database(cause) => format!("la base du journal refuse : {cause}"),
            Self::Inconsistent(cause) => format!("le journal contient une donnée incohérente : {cause}"),
            Self::Closed => "le journal est fermé".to_owned(),
            Self::NotParked(delivery) => format!("l'envoi {delivery} n'attend personne"),
            Self::MessageNotParked(message) => format!("le message {message} n'est pas mis de côté"),
            Self::NotEmpty { path } => format!("le dossier {} n'est pas vide", path.display()),
            Self::BackupDamaged { file } => {
                format!("la sauvegarde est abîmée : {file} manque ou n'est plus ce qui a été copié")
            }
            Self::RestoreUnfinished { path } => {
                format!("la restauration de {} a été coupée avant sa fin", path.display())
            }
            Self::BackupOvertaken => "une purge est passée pendant la sauvegarde".to_owned(),
            Self::NoLegalHold(hold) => format!("aucun gel légal ne porte le numéro {hold}"),
            Self::NoMessage(message) => format!("aucun message ne porte le numéro {message}"),
            Self::ReasonMissing(act) => format!("l'ordre « {act} » demande une raison"),
            Self::NotReleasable(delivery) => {
                format!(
                    "l'envoi {delivery} a été refusé par une règle avant tout essai : il ne peut pas partir"
                )
            }
            Self::UnknownTarget { kind, name, .. } => {
                let kind = if *kind == "route" { "aucune route" } else { "aucun partenaire" };
                format!("{kind} ne s'appelle « {name} »")
            }
            Self::NothingToRecall(message) => {
                format!("le message {message} ne porte aucun document à rappeler sous cet identifiant")
            }
            Self::RecalledAlready(message) => format!("ce document du message {message} est déjà rappelé"),
            Self::NothingParked(message) => format!("rien du message {message} n'est mis de côté"),
            Self::OutcomeUnknown(message) => format!(
                "un envoi mis de côté du message {message} est peut-être arrivé : son issue est inconnue"
            ),
            Self::Unchanged(message) => {
                format!("ces octets sont ceux du message {message} : rien n'est corrigé")
            }
            Self::OtherMessage { message, field } => {
                format!("ces octets ne sont pas le message {message} : {field} diffère")
            }
            Self::EditionRefused(finding) => {
                let place = finding.place.to_string();
                let place = if place.is_empty() { place } else { format!("{place} : ") };
                let pair = match (&finding.expected, &finding.found) {
                    (Some(expected), Some(found)) => format!(" (attendu {expected}, trouvé {found})"),
                    _ => String::new(),
                };
                format!("le message corrigé est refusé, {}, {place}{}{pair}", finding.check, finding.sentence)
            }
            Self::NoAdmission { message, partner } => {
                format!(
                    "nul ne peut juger le message {message} : {partner} n'envoie plus rien à la passerelle"
                )
            }
            Self::Unreadable(message) => {
                format!(
                    "les octets du message {message} ne se lisent plus : détruits par une purge, ou abîmés"
                )
            }
            Self::NotRunning => "la passerelle ne tourne pas".to_owned(),
            Self::HeldAlready(_) => "c'est déjà retenu".to_owned(),
            Self::NotHeld(_) => "ce n'est pas retenu".to_owned(),
            Self::UnknownSink { route, sink } => {
                format!("la route {route} envoie vers {sink}, qui n'existe pas")
            }
            Self::Stopping => "la passerelle s'arrête".to_owned(),
        }
    }

    /// What to do, in French.
    pub fn remedy(&self) -> String {
        match self {
            Self::Locked { .. } => {
                "arrêter l'autre passerelle, ou donner un autre dossier avec --data ; \
                 find, journey et balance se lancent sans arrêter"
            }
            Self::NoStore { .. } => "donner le dossier des données d'une passerelle avec --data",
            Self::NewerFormat { .. } => "utiliser la version de jonction qui a écrit ce journal, ou une plus récente",
            Self::OlderFormat { .. } => {
                "lancer la passerelle avec ce programme : elle met le journal à jour à son démarrage"
            }
            Self::IndexKeyLost { .. } => {
                "remettre le fichier depuis la sauvegarde : sans lui, plus aucune recherche par patient \
                 ni détection de répétition ; il n'est jamais recréé en silence"
            }
            Self::IndexKeyChanged { .. } => "remettre le fichier d'origine depuis la sauvegarde",
            Self::StoreLost { .. } => {
                "remettre journal.db, ou restaurer la dernière sauvegarde ; \
                 pour repartir de rien, mettre d'abord tout le dossier de côté : il n'est jamais recréé en silence"
            }
            Self::Unusable { fault, .. } => fault.remedy(),
            Self::Io { source, .. } if StoreFault::of_system(source).is_some() => {
                StoreFault::of_system(source).map_or("", StoreFault::remedy)
            }
            Self::BodyKeyMissing { .. } => {
                "la remettre dans le bloc « encryption » de jonction.yaml : key si elle sert encore, old sinon ; \
                 jonction key --name FICHIER dit le nom d'une clé"
            }
            Self::Io { .. } | Self::BodyUnreadable(_) | Self::Database(_) => {
                "vérifier l'espace libre, les droits et l'état du disque ; l'émetteur garde ce qui n'est pas acquitté"
            }
            Self::Inconsistent(_) => "restaurer la dernière sauvegarde et transmettre ce message",
            Self::Closed | Self::Stopping => "relancer la passerelle",
            Self::NotEmpty { .. } => "donner un dossier vide, ou qui n'existe pas encore",
            Self::BackupDamaged { .. } => "prendre une autre sauvegarde ; rien n'a été restauré",
            Self::RestoreUnfinished { .. } => "vider ce dossier et recommencer : jonction restore",
            Self::BackupOvertaken => "effacer ce dossier et recommencer la sauvegarde",
            Self::NoLegalHold(_) => "voir les gels : jonction legal list",
            Self::NoMessage(_) => "chercher le message : jonction find",
            Self::ReasonMissing(_) => "dire pourquoi avec --reason, sans nommer de patient",
            Self::NotParked(_) | Self::MessageNotParked(_) => "voir ce qui est mis de côté : jonction parked list",
            Self::NotReleasable(_) => {
                "le refuser (jonction parked refuse), corriger la cause chez l'émetteur, et faire renvoyer le message"
            }
            Self::UnknownTarget { known, .. } => return format!("noms connus : {known}"),
            Self::NothingToRecall(_) | Self::RecalledAlready(_) => "voir son parcours : jonction journey",
            Self::NothingParked(_) => {
                "voir ce qui est mis de côté : jonction parked list ; seul ce qui attend un humain se corrige"
            }
            Self::OutcomeUnknown(_) => {
                "demander au partenaire ; s'il l'a reçu, refuser cet envoi (jonction parked refuse) ; \
                 s'il ne l'a pas reçu, ajouter --not-received"
            }
            Self::Unchanged(_) => "corriger le fichier ; pour renvoyer les mêmes octets : jonction parked release",
            Self::OtherMessage { .. } => "remettre MSH-3, MSH-4 et MSH-10 tels qu'ils ont été reçus",
            Self::EditionRefused(finding) => {
                return finding.remedy.clone().unwrap_or_else(|| "corriger le fichier, puis recommencer".to_owned());
            }
            Self::NoAdmission { .. } => "remettre ce partenaire et son adresse d'écoute dans jonction.yaml",
            Self::Unreadable(_) => "voir son parcours : jonction journey ; sinon restaurer une sauvegarde",
            Self::NotRunning => "la lancer (jonction run), puis recommencer",
            Self::HeldAlready(_) | Self::NotHeld(_) => "voir ce qui est retenu : jonction hold list",
            Self::UnknownSink { .. } => "déclarer ce partenaire dans jonction.yaml",
        }
        .to_owned()
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let cause = error.to_string();
        match StoreFault::of_database(&error) {
            Some(fault) => Self::Unusable { fault, path: None, cause },
            None => Self::Database(cause),
        }
    }
}

impl Error {
    /// Says which file an unusable store is.
    pub(crate) fn in_file(self, file: &Path) -> Self {
        match self {
            Self::Unusable { fault, path: None, cause } => {
                Self::Unusable { fault, path: Some(file.to_owned()), cause }
            }
            other => other,
        }
    }
}
