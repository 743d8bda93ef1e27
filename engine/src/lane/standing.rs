//! How a lane stands, for status screens, metrics and alerts: what it does, since when, how its last attempt ended.
//! In: what lanes and attempts say. Out: one small value per lane, in memory; what waits is asked of the journal.

use jiff::Timestamp;
use jonction_model::PartnerName;
use serde::Serialize;

/// What a lane does. Closed or held is not down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum LaneState {
    /// Sends what is due.
    Open,
    /// Sends as fast as its rate allows, and no faster.
    Limited,
    /// Outside the partner's hours.
    Closed {
        /// When it opens; `None`: never.
        until: Option<Timestamp>,
    },
    /// Held by a human.
    Held,
}

/// One lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LaneStanding {
    /// Its partner.
    pub partner: PartnerName,
    /// What it does.
    #[serde(flatten)]
    pub state: LaneState,
    /// Since when.
    pub since: Timestamp,
    /// Since when nothing but failures came back: the partner may be down. `None`: the last attempt was answered.
    pub failing_since: Option<Timestamp>,
    /// Code of the last failure, while they last.
    pub error: Option<String>,
}
