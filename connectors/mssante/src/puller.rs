//! The liste blanche, pulled like a directory: one whole list, or the one in use stays.
//! In: an address or a file, what is in use. Out: a snapshot of domains, or « nothing new ».
//! Source: mssante.md §1.5; annuaires.md §7, §9.3 n° 65.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};
use jonction_model::{
    Clock, Mode,
    clock::paris,
    directory::{Domain, Record, Source},
    hex,
};
use jonction_ports::{
    BoxFuture, PullError, Puller,
    directory::Records,
    pull::{Brought, Facts, InUse, Intake, Progress, Snapshot},
};
use jonction_settings::{Diagnoses, Fields, parse};
use jonction_web::{Client, Url, fetch};

use crate::whitelist::{Limits, Whitelist, WhitelistError};

/// Where the espace de confiance publishes it.
const SERVICE: &str = "https://espacedeconfiance.mssante.fr/listeblanchemssante.xml";

/// Settings of the pulled list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSettings {
    /// Where it comes from.
    pub origin: Origin,
    /// Authorities of the service; `None`: those of the gateway.
    pub trust: Option<String>,
}

/// Where the list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The service.
    Url(Url),
    /// A file somebody else puts there.
    File(PathBuf),
}

impl ListSettings {
    /// Reads a block: `url` or `file`, `trust`.
    pub fn read(base: &Path, fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<Self> {
        let trust = fields.optional("trust", parse::text, diagnoses);
        let file = fields.optional("file", parse::text, diagnoses);
        let url = fields.optional("url", Url::parse, diagnoses);
        let origin = match (file, url) {
            (Some(_), Some(_)) => {
                diagnoses
                    .error("directory.two-origins", fields.span(), "url et file ne vont pas ensemble")
                    .remedy("garder l'un des deux");
                return None;
            }
            (Some(file), None) => Origin::File(base.join(file)),
            (None, Some(url)) => Origin::Url(url),
            (None, None) => Origin::Url(Url::parse(SERVICE).ok()?),
        };
        Some(Self { origin, trust })
    }
}

/// Brings the liste blanche.
pub struct ListPuller {
    settings: ListSettings,
    client: Client,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl ListPuller {
    /// Downloads go to `folder`, where an unfinished one is taken up.
    pub fn new(settings: ListSettings, client: Client, folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { settings, client, folder, clock }
    }

    async fn look(
        &self,
        in_use: Option<InUse>,
        whole: bool,
        progress: &dyn Progress,
    ) -> Result<Brought, PullError> {
        let path = match &self.settings.origin {
            Origin::File(path) => path.clone(),
            Origin::Url(url) => fetch(&self.client, url.clone(), &self.folder, None, progress).await?.path,
        };
        let snapshot = ListSnapshot::open(&path)?;
        let date = snapshot.facts.date;
        if snapshot.facts.is_ahead(self.clock.now()) {
            return Err(PullError::new(
                "mssante.whitelist-future",
                "la liste blanche porte une date à venir",
                "vérifier l'heure de cette machine ; sinon attendre la liste suivante : celle en service reste",
            ));
        }
        if let Some(in_use) = in_use.filter(|in_use| date <= in_use.date && !whole) {
            let why = match date == in_use.date {
                true => format!("{} est déjà en service", in_use.name),
                false => format!(
                    "{} est plus ancienne que {}, qui reste en service",
                    snapshot.facts.name, in_use.name
                ),
            };
            return Ok(Brought::NothingNew(why));
        }
        Ok(Brought::Snapshot(Box::new(snapshot)))
    }
}

/// A list that was read to its end.
struct ListSnapshot {
    facts: Facts,
    sha256: String,
    list: Whitelist,
}

impl ListSnapshot {
    fn open(path: &Path) -> Result<Self, PullError> {
        let limits = Limits::default();
        let unreadable = |_| {
            refused("mssante.whitelist-missing", "le fichier de la liste blanche ne se lit pas".to_owned())
        };
        // Bounded before it is held in memory.
        if fs::metadata(path).map_err(unreadable)?.len() > limits.bytes_max as u64 {
            return Err(of_list(&WhitelistError::TooLarge("bytes")));
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        let list = Whitelist::read(&bytes, Mode::Strict, &limits).map_err(|error| of_list(&error))?;
        let sha256 = hex(digest(&SHA256, &bytes).as_ref());
        let facts = Facts {
            name: list
                .generated_at
                .to_zoned_datetime(paris())
                .strftime("liste blanche du %d/%m/%Y à %H:%M")
                .to_string(),
            date: list.generated_at,
            bytes: bytes.len() as u64,
        };
        Ok(Self { facts, sha256, list })
    }
}

fn refused(code: &'static str, sentence: String) -> PullError {
    PullError::new(
        code,
        sentence,
        "la liste en service reste ; si cela dure, prévenir l'espace de confiance MSSanté",
    )
}

fn of_list(error: &WhitelistError) -> PullError {
    let sentence = match error {
        WhitelistError::TooLarge(what) => format!("la liste blanche dépasse la limite prévue ({what})"),
        WhitelistError::NotReadable { at, .. } => {
            format!("la liste blanche n'est pas le XML attendu (octet {at})")
        }
        WhitelistError::Cut => "la liste blanche est coupée avant sa fin".to_owned(),
        WhitelistError::Older | WhitelistError::Shrunk { .. } => {
            "la liste blanche n'est pas acceptée".to_owned()
        }
    };
    refused(error.code(), sentence)
}

impl Snapshot for ListSnapshot {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(
        &mut self,
        records: &mut dyn Records,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Intake, PullError> {
        for (name, operators) in self.list.domains() {
            let domain = Domain { name: name.to_owned(), operators: operators.map(str::to_owned).collect() };
            records.put(Record::Domain(Box::new(domain)))?;
        }
        progress(self.facts.bytes);
        Ok(Intake {
            sha256: self.sha256.clone(),
            bytes: self.facts.bytes,
            rows: [("domaines".to_owned(), self.list.entries as u64)].into(),
            remarks: Vec::new(),
        })
    }
}

impl Puller for ListPuller {
    fn source(&self) -> Source {
        Source::ListeBlanche
    }

    fn bring<'p>(
        &'p self,
        in_use: Option<InUse>,
        whole: bool,
        progress: &'p dyn Progress,
    ) -> BoxFuture<'p, Result<Brought, PullError>> {
        Box::pin(self.look(in_use, whole, progress))
    }
}
