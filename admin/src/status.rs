//! One screen: how the running gateway stands.
//! In: health, queues, lanes, open incidents. Out: [`Status`], the JSON of `GET /v1/status`.

use jiff::Timestamp;
use jonction_engine::{HoldLine, LaneStanding, Queues, Recent};
use serde::Serialize;

use crate::{
    alerts::{Cause, incident::Incident, letter::since_then},
    api::Api,
    health::Readiness,
    watch::{Disk, disk},
};

/// Which gateway this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its name in `jonction.yaml`.
    pub name: String,
    /// Version of the program.
    pub version: &'static str,
    /// When it started.
    pub started_at: Timestamp,
}

/// How it stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Which.
    pub gateway: Identity,
    /// Whether it may be given work.
    pub readiness: Readiness,
    /// What waits; `null` when it could not be counted.
    pub queues: Option<Queues>,
    /// Last message, last commit, last success and failure of each lane; `null` when the journal did not say.
    pub recent: Option<Recent>,
    /// Room of the disk of the data; `null` when the system does not say.
    pub disk: Option<Disk>,
    /// How each lane stands.
    pub lanes: Vec<LaneStanding>,
    /// What humans hold back.
    pub holds: Vec<HoldLine>,
    /// Open incidents.
    pub incidents: Vec<OpenIncident>,
}

/// An incident, short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenIncident {
    /// Stable name.
    pub code: &'static str,
    /// Of what.
    pub subject: String,
    /// Since when.
    pub since: Timestamp,
    /// In words, French.
    pub title: String,
    /// What to do, French.
    pub todo: String,
    /// Page that says more.
    pub page: String,
}

impl OpenIncident {
    fn of(incident: Incident, now: Timestamp) -> Self {
        let Incident { cause, subject, since, said, .. } = incident;
        let page = format!("docs/operate/{}", Cause::page(cause));
        let title = since_then(&said.title, since, now);
        Self { code: cause.code(), subject, since, title, todo: said.todo, page }
    }
}

impl Status {
    pub(crate) async fn of(api: &Api) -> Self {
        let shared = &api.0;
        let now = shared.watch.now();
        let incidents = shared.watch.incidents().await;
        Self {
            gateway: shared.gateway.clone(),
            readiness: shared.health.readiness(&shared.engine).await,
            queues: api.ask(|reader| reader.queues()).await.ok(),
            recent: api.ask(|reader| reader.recent()).await.ok(),
            disk: disk(shared.engine.data_dir()),
            lanes: shared.engine.lanes(),
            holds: api.ask(|reader| reader.holds()).await.unwrap_or_default(),
            incidents: incidents.into_iter().map(|incident| OpenIncident::of(incident, now)).collect(),
        }
    }
}
