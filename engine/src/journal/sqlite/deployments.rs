//! Sets of route files that were put in service, and their list.
//! In: a set, when. Out: one row per different set, one line per deployment.

use rusqlite::{OptionalExtension as _, params};
use serde_json::json;

use super::{
    SqliteJournal,
    rows::inconsistent,
    write::{Told, Writer},
};
use crate::{
    deployment::{DEPLOYMENTS, DEPLOYMENTS_MAX, Deployment, RouteSet},
    error::Error,
    journal::{Applied, Version},
    order::audit::PROCESS,
};

impl Writer<'_> {
    /// The same set again, as after a restart, is no deployment. Another one is told in the audit chain, whoever brought it:
    /// a start, a reload, a rollback.
    pub(super) fn deploy(&mut self, set: &Version, deployment: &Deployment) -> Result<Applied, Error> {
        let mut list = self.deployments()?;
        if list.last().is_some_and(|last| last.version == deployment.version) {
            return Ok(Applied::Skipped);
        }
        self.version(set)?;
        let before = list.last().map(|last| last.version.clone());
        let detail = json!({ "version": deployment.version, "routes": deployment.routes, "before": before });
        let told = Told { detail: Some(detail), ..Told::new("deploy") };
        self.audit(deployment.at.as_millisecond(), (PROCESS, None), &told)?;
        list.push(deployment.clone());
        let forgotten = list.len().saturating_sub(DEPLOYMENTS_MAX);
        list.drain(..forgotten);
        let text = serde_json::to_string(&list).map_err(|error| Error::Inconsistent(error.to_string()))?;
        self.note(DEPLOYMENTS, &text)
    }

    fn deployments(&self) -> Result<Vec<Deployment>, Error> {
        read_list(self.connection)
    }
}

fn read_list(connection: &rusqlite::Connection) -> Result<Vec<Deployment>, Error> {
    let text: Option<String> = connection
        .prepare_cached("SELECT value FROM store WHERE name = 'note:' || ?1")?
        .query_row(params![DEPLOYMENTS], |row| row.get(0))
        .optional()?;
    let Some(text) = text else { return Ok(Vec::new()) };
    serde_json::from_str(&text).map_err(|_| inconsistent("store.deployments"))
}

impl SqliteJournal {
    pub(super) fn read_deployments(&self) -> Result<Vec<Deployment>, Error> {
        self.reading(read_list)
    }

    pub(super) fn read_route_set(&self, version: &str) -> Result<Option<RouteSet>, Error> {
        self.reading(|connection| {
            let text: Option<String> = connection
                .prepare_cached("SELECT text FROM version WHERE hex(hash) = upper(?1)")?
                .query_row(params![version], |row| row.get(0))
                .optional()?;
            let Some(text) = text else { return Ok(None) };
            serde_json::from_str(&text).map(Some).map_err(|_| inconsistent("version.text"))
        })
    }
}
