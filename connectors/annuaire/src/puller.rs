//! Brings a flat extraction: from its service, or from files somebody put there.
//! In: what is in use. Out: a snapshot on disk, or « nothing new ». Source: annuaires.md §1.1, §9.3 n° 15 to 21.

use std::{path::PathBuf, sync::Arc};

use jonction_model::{Clock, directory::Source};
use jonction_ports::{
    BoxFuture, PullError, Puller,
    pull::{Brought, InUse, Progress, Snapshot as _},
};
use jonction_web::{Client, Request, Url, fetch};

use crate::{
    config::{FlatSettings, Origin},
    flat::{FlatSnapshot, stamp},
};

/// Brings one flat source.
pub struct FlatPuller {
    settings: FlatSettings,
    client: Client,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl FlatPuller {
    /// Downloads go to `folder`, where an unfinished one is taken up.
    pub fn new(settings: FlatSettings, client: Client, folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { settings, client, folder, clock }
    }

    async fn look(
        &self,
        in_use: Option<InUse>,
        whole: bool,
        progress: &dyn Progress,
    ) -> Result<Brought, PullError> {
        let files = match &self.settings.origin {
            Origin::Files(files) => files.clone(),
            Origin::Url(url) => {
                if let (Some(in_use), false) = (&in_use, whole)
                    && self.announced(url).await.as_deref() == Some(in_use.name.as_str())
                {
                    return Ok(Brought::NothingNew(format!("{} est déjà en service", in_use.name)));
                }
                vec![fetch(&self.client, url.clone(), &self.folder, None, progress).await?.path]
            }
        };
        let snapshot = FlatSnapshot::open(self.settings.source, files, self.settings.encoding)?;
        let facts = snapshot.facts();
        if let Some(in_use) = in_use.filter(|_| !whole) {
            if facts.date < in_use.date {
                return Ok(Brought::NothingNew(format!(
                    "{} est plus ancien que {}, qui reste en service",
                    facts.name, in_use.name
                )));
            }
            if facts.name == in_use.name {
                return Ok(Brought::NothingNew(format!("{} est déjà en service", in_use.name)));
            }
        }
        if facts.is_ahead(self.clock.now()) {
            return Err(PullError::new(
                "annuaire.future",
                format!("{} porte une date à venir", facts.name),
                "vérifier l'heure de cette machine ; sinon attendre l'extraction suivante : l'annuaire en service reste",
            ));
        }
        Ok(Brought::Snapshot(Box::new(snapshot)))
    }

    /// The name the service would give; `None` when it does not say.
    async fn announced(&self, url: &Url) -> Option<String> {
        let mut request = Request::get(url.clone());
        request.method = "HEAD".parse().ok()?;
        let answer = self.client.follow(&request).await.ok()?;
        let told = answer.header("content-disposition")?;
        let name = told
            .split(';')
            .find_map(|part| part.trim().strip_prefix("filename="))?
            .trim_matches('"')
            .to_owned();
        // Read to its end, which is at once: the connection serves the download.
        let _ = answer.bytes(0).await;
        stamp(&name).map(|_| name)
    }
}

impl Puller for FlatPuller {
    fn source(&self) -> Source {
        self.settings.source
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
