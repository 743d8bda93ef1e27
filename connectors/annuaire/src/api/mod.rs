//! The FHIR API of the Annuaire Santé: everything the first time and each week, then what changed.
//! In: what is in use. Out: a whole snapshot, or changes. Source: annuaires.md §2.
//! Deliberately absent: activities and equipments (HealthcareService, Device), which FINESS+ and the ROR tell better.

mod delta;
mod links;
mod pages;
mod resources;
mod snapshot;
mod spool;

use std::{path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use jonction_model::{Clock, directory::Source};
use jonction_ports::{
    BoxFuture, PullError, Puller,
    pull::{Brought, InUse, Progress},
};
use jonction_web::{Client, Url};

use crate::config::ApiSettings;
use links::Links;
use pages::{Asker, Page, Stopped, refused};
use resources::Resource;
use snapshot::ApiSnapshot;
use spool::{Spool, on_disk};

pub(crate) use pages::KEY_HEADER;
pub use snapshot::read_page;

/// Changes older than 30 days are lost: a day before that, everything is pulled again.
const MEMORY: SignedDuration = SignedDuration::from_hours(29 * 24);
/// How often a kind is begun again within one pull.
const RESTARTS: usize = 4;
/// Pages are never made smaller than that.
const COUNT_MIN: u32 = 25;

/// Brings the FHIR API.
pub struct ApiPuller {
    settings: ApiSettings,
    asker: Asker,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl ApiPuller {
    /// `key`: the one of the portal. What is under way stays in `folder`, where a later call takes it up.
    pub fn new(
        settings: ApiSettings,
        key: String,
        client: Client,
        folder: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let asker = Asker { client, base: settings.url.clone(), key };
        Self { settings, asker, folder, clock }
    }

    async fn look(
        &self,
        in_use: Option<InUse>,
        whole: bool,
        progress: &dyn Progress,
    ) -> Result<Brought, PullError> {
        let now = self.clock.now();
        if let Some(in_use) = in_use.as_ref().filter(|_| !whole) {
            let weekly = SignedDuration::try_from(self.settings.whole_every).unwrap_or(MEMORY);
            let (since, since_whole) = (now.duration_since(in_use.date), now.duration_since(in_use.whole));
            if since < MEMORY && since_whole < weekly {
                progress.stage("changements", None);
                std::fs::create_dir_all(&self.folder).map_err(on_disk)?;
                let links = Links::open(&self.folder).map_err(on_disk)?;
                let found = delta::changes(&self.asker, in_use.date, self.settings.page, now, links).await?;
                if let Some(changes) = found {
                    return Ok(Brought::Changes(changes));
                }
            }
        }
        let used = in_use.map(|in_use| in_use.date);
        let mut spool =
            Spool::open(&self.folder, &self.settings.url.to_string(), self.settings.page, now, used)?;
        for kind in Resource::ALL {
            self.fill(&mut spool, kind, progress).await?;
            if let Some((came, total)) = spool.missing(kind) {
                spool.restart(kind, self.settings.page)?;
                return Err(PullError::new(
                    "annuaire.incomplete",
                    format!("l'API annonce {total} {} et en donne {came}", kind.name()),
                    "l'annuaire en service reste ; relancer plus tard",
                ));
            }
        }
        Ok(Brought::Snapshot(Box::new(ApiSnapshot::new(spool))))
    }

    /// Every page of a kind, each kept before the next is asked for.
    async fn fill(
        &self,
        spool: &mut Spool,
        kind: Resource,
        progress: &dyn Progress,
    ) -> Result<(), PullError> {
        progress.stage(kind.name(), None);
        for _ in 0..RESTARTS {
            if spool.is_done(kind) {
                return Ok(());
            }
            let count = spool.count().to_string();
            let first = match spool.next(kind) {
                Some(link) => {
                    let url = Url::parse(&link).map_err(|_| refused("son lien est illisible"))?;
                    self.asker.link(url)
                }
                None => self.asker.question(kind, &[("_count", count.as_str()), ("_total", "accurate")])?,
            };
            let resumed = spool.next(kind).is_some();
            let mut take = |page: Page| {
                spool.append(kind, &page)?;
                progress.at(spool.bytes());
                Ok(())
            };
            match self.asker.walk(first, resumed, &mut take).await {
                Ok(()) => return Ok(()),
                Err(Stopped::Refused(error)) => return Err(error),
                Err(Stopped::Expired) => spool.restart(kind, spool.count())?,
                Err(Stopped::Slow) => {
                    let smaller = (spool.count() / 2).max(COUNT_MIN);
                    spool.restart(kind, smaller)?;
                }
            }
        }
        Err(refused("ses liens expirent avant d'être suivis, ou elle ne répond pas à temps"))
    }
}

impl Puller for ApiPuller {
    fn source(&self) -> Source {
        Source::AnnuaireFhir
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
