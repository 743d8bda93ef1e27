//! Brings the FINESS+ file of the day, or a file somebody put there.
//! In: what is in use. Out: a snapshot whose length and SHA-1 are those published, or « nothing new ».
//! Source: annuaires.md §4.2.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use jonction_model::directory::Source;
use jonction_ports::{
    BoxFuture, PullError, Puller,
    pull::{Brought, InUse, Progress, Snapshot},
};
use jonction_web::{Client, Request, Url, fetch};
use serde::Deserialize;

use crate::{
    archive::ArchiveSnapshot,
    config::{FinessSettings, Origin},
    json::{JsonSnapshot, SOURCE, stamp},
};

/// The description of a dataset.
const DATASET_BYTES_MAX: u64 = 8 << 20;
/// Beginnings of the titles of the daily files.
const STRUCTURES: &str = "finess-structures-journalier-";
const ACTIVITIES: &str = "finess-activites-journalier-";

/// Brings FINESS.
pub struct FinessPuller {
    settings: FinessSettings,
    client: Client,
    folder: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Dataset {
    resources: Vec<Resource>,
}

/// One file of a dataset.
#[derive(Debug, Deserialize)]
struct Resource {
    title: String,
    url: String,
    #[serde(default)]
    filesize: Option<u64>,
    #[serde(default)]
    checksum: Option<Checksum>,
}

#[derive(Debug, Deserialize)]
struct Checksum {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl FinessPuller {
    /// Downloads go to `folder`.
    pub fn new(settings: FinessSettings, client: Client, folder: PathBuf) -> Self {
        Self { settings, client, folder }
    }

    async fn look(
        &self,
        in_use: Option<InUse>,
        whole: bool,
        progress: &dyn Progress,
    ) -> Result<Brought, PullError> {
        let snapshot: Box<dyn Snapshot> = match &self.settings.origin {
            Origin::File(path) => match of_file(path)? {
                File::Json(snapshot) => self.with_activities(snapshot, progress).await?,
                File::Archive(snapshot) => Box::new(snapshot),
            },
            Origin::Dataset(dataset) => {
                let resource = self.resource(dataset, STRUCTURES).await?;
                if let Some(in_use) = in_use.as_ref().filter(|in_use| in_use.name == resource.title && !whole)
                {
                    return Ok(Brought::NothingNew(format!("{} est déjà en service", in_use.name)));
                }
                let path = self.fetch(&resource, dataset, &self.folder, progress).await?;
                self.with_activities(JsonSnapshot::open(path, resource.title)?, progress).await?
            }
        };
        if let Some(in_use) = in_use.filter(|in_use| snapshot.facts().date < in_use.date && !whole) {
            let why = format!(
                "{} est plus ancien que {}, qui reste en service",
                snapshot.facts().name,
                in_use.name
            );
            return Ok(Brought::NothingNew(why));
        }
        Ok(Brought::Snapshot(snapshot))
    }

    async fn with_activities(
        &self,
        snapshot: JsonSnapshot,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Snapshot>, PullError> {
        let path = match &self.settings.activities {
            None => return Ok(Box::new(snapshot)),
            Some(Origin::File(path)) => path.clone(),
            Some(Origin::Dataset(dataset)) => {
                let resource = self.resource(dataset, ACTIVITIES).await?;
                self.fetch(&resource, dataset, &self.folder.join("activites"), progress).await?
            }
        };
        Ok(Box::new(snapshot.with_activities(path)?))
    }

    /// The latest daily file of the dataset.
    async fn resource(&self, dataset: &Url, daily: &str) -> Result<Resource, PullError> {
        let answer =
            self.client.follow(&Request::get(dataset.clone())).await.map_err(|error| error.to_pull())?;
        if answer.status != 200 {
            return Err(jonction_web::WebError::Status(answer.status).to_pull());
        }
        let body = answer.bytes(DATASET_BYTES_MAX).await.map_err(|error| error.to_pull())?;
        let unknown = |why: &str| {
            PullError::new(
                "finess.dataset",
                format!("la description du jeu de données n'est pas lisible : {why}"),
                "l'annuaire en service reste ; vérifier l'adresse (dataset)",
            )
        };
        let dataset: Dataset =
            serde_json::from_slice(&body).map_err(|_| unknown("ce n'est pas le JSON attendu"))?;
        let files = dataset.resources.into_iter().filter(|resource| resource.title.starts_with(daily));
        let latest =
            files.filter(|resource| stamp(&resource.title).is_some()).max_by(|a, b| a.title.cmp(&b.title));
        latest.ok_or_else(|| unknown("elle ne nomme aucun fichier journalier"))
    }

    async fn fetch(
        &self,
        resource: &Resource,
        dataset: &Url,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<PathBuf, PullError> {
        let url = dataset.join(&resource.url).map_err(|_| damaged("son adresse est illisible"))?;
        let got = fetch(&self.client, url, folder, resource.filesize, progress).await?;
        if resource.filesize.is_some_and(|size| size != got.bytes) {
            return Err(damaged("sa longueur n'est pas celle publiée"));
        }
        if let Some(checksum) = resource.checksum.as_ref().filter(|checksum| checksum.kind == "sha1") {
            let own = sha1(&got.path).map_err(|_| damaged("il ne se relit pas"))?;
            if !own.eq_ignore_ascii_case(&checksum.value) {
                return Err(damaged("son empreinte SHA-1 n'est pas celle publiée"));
            }
        }
        Ok(got.path)
    }
}

/// What a file that somebody put there is.
enum File {
    Json(JsonSnapshot),
    /// One of the last archives: without activities.
    Archive(ArchiveSnapshot),
}

fn of_file(path: &Path) -> Result<File, PullError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    Ok(match name.ends_with(".csv") {
        true => File::Archive(ArchiveSnapshot::open(&path.to_owned())?),
        false => File::Json(JsonSnapshot::open(path.to_owned(), name)?),
    })
}

fn sha1(path: &Path) -> std::io::Result<String> {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(jonction_model::hex(hash.finish().as_ref()));
        }
        hash.update(&buffer[..count]);
    }
}

fn damaged(why: &str) -> PullError {
    PullError::new(
        "finess.damaged",
        format!("le fichier FINESS+ n'est pas accepté : {why}"),
        "l'annuaire en service reste ; le fichier sera repris au prochain passage",
    )
}

impl Puller for FinessPuller {
    fn source(&self) -> Source {
        SOURCE
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
