//! What a partner asks of its lane: how many at once, how often, at which hours, what to do when nobody knows.
//! In: the block `lane` of a partner. Out: [`LaneSettings`], or diagnoses in French.
//! The same block for every connector: nothing in it is about a protocol.

use std::{collections::BTreeSet, time::Duration};

use jiff::civil::Date;
use jonction_settings::{Diagnoses, Fields, Node, fields::scalar, parse};

use super::{
    hours::{Hours, Opening},
    rate::Rate,
};

/// Settings of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    /// Attempts at once. Default 4.
    pub concurrency: usize,
    /// How often an attempt may begin. Default: as often as there is something to send.
    pub rate: Option<Rate>,
    /// When the partner is open. Default: always.
    pub hours: Hours,
    /// What follows an unknown outcome that cannot be probed. Default: resend.
    pub on_unknown: OnUnknown,
    /// After so long an attempt is given up and its outcome is unknown: a net under the connector's own timeouts.
    /// Default 15 min.
    pub attempt_max: Duration,
}

/// What follows an unknown outcome, where the sink cannot ask the partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// The same bytes again, under the same identifiers, told in the journey as a possible duplicate.
    #[default]
    Resend,
    /// A human decides.
    Park,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self {
            concurrency: 4,
            rate: None,
            hours: Hours::default(),
            on_unknown: OnUnknown::default(),
            attempt_max: Duration::from_secs(15 * 60),
        }
    }
}

impl LaneSettings {
    /// Reads `{ concurrency: 4, rate: 10/s, burst: 20, on_unknown: park, attempt_max: 15min, hours: […], closed: […],
    /// holidays: closed }`.
    pub fn read(node: &Node, diagnoses: &mut Diagnoses) -> Option<Self> {
        let default = Self::default();
        let mut fields = Fields::of(node, "lane", diagnoses)?;
        let concurrency = fields.or("concurrency", 4, parse::number(1, 256), diagnoses);
        let rate = fields.optional("rate", Rate::parse, diagnoses);
        let burst_node = fields.node("burst");
        let burst = burst_node.and_then(|node| scalar(node, "burst", parse::number(1, 100_000), diagnoses));
        if let (None, Some(node)) = (rate, burst_node) {
            diagnoses
                .error("lane.burst-without-rate", &node.span, "« burst » ne veut rien dire sans « rate »")
                .remedy("ajouter « rate: 10/s »");
        }
        let on_unknown = fields.choice(
            "on_unknown",
            OnUnknown::Resend,
            &[("resend", OnUnknown::Resend), ("park", OnUnknown::Park)],
            diagnoses,
        );
        let attempt_max = fields.or("attempt_max", default.attempt_max, parse::duration, diagnoses);
        let openings = each(fields.list("hours"), "hours", Opening::parse, diagnoses);
        let closed: BTreeSet<Date> =
            each(fields.list("closed"), "closed", day, diagnoses).into_iter().collect();
        let holidays_closed =
            fields.choice("holidays", false, &[("open", false), ("closed", true)], diagnoses);
        let hours = Hours::new(openings, holidays_closed, closed);
        fields.finish(diagnoses);
        Some(Self {
            concurrency: usize::try_from(concurrency).unwrap_or(default.concurrency),
            rate: rate
                .map(|rate| Rate { burst: burst.and_then(|n| u32::try_from(n).ok()).unwrap_or(1), ..rate }),
            hours,
            on_unknown,
            attempt_max: attempt_max.max(Duration::from_secs(1)),
        })
    }
}

fn each<T>(
    nodes: &[Node],
    key: &str,
    parse: impl Fn(&str) -> Result<T, String>,
    diagnoses: &mut Diagnoses,
) -> Vec<T> {
    nodes.iter().filter_map(|node| scalar(node, key, &parse, diagnoses)).collect()
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "un jour : 2026-12-24".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::SourceFile;

    use super::*;

    fn read(text: &str) -> (Option<LaneSettings>, Vec<String>) {
        let file = Arc::new(SourceFile { path: "essai.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let node = jonction_settings::read(file, &mut diagnoses).unwrap();
        let settings = LaneSettings::read(&node, &mut diagnoses);
        (settings, diagnoses.list().iter().map(|diagnosis| diagnosis.code.clone()).collect())
    }

    #[test]
    fn a_lane_is_read_whole() {
        let (settings, codes) = read(
            "concurrency: 2\nrate: 10/s\nburst: 20\non_unknown: park\nattempt_max: 5min\n\
             hours: [lun-ven 08:00-19:00, 'sam 09:00-12:00']\nclosed: [2026-12-24]\nholidays: closed\n",
        );
        assert!(codes.is_empty(), "{codes:?}");
        let settings = settings.unwrap();
        assert_eq!(settings.rate, Some(Rate { count: 10, per: Duration::from_secs(1), burst: 20 }));
        assert_eq!((settings.concurrency, settings.on_unknown), (2, OnUnknown::Park));
        assert!(!settings.hours.is_always_open());
        assert_eq!(read("concurrency: 4\n").0, Some(LaneSettings::default()));
    }

    #[test]
    fn every_mistake_of_a_lane_is_told() {
        let (_, codes) =
            read("concurrency: 0\nburst: 3\nhours: lundi matin\nclosed: noël\nhollidays: closed\n");
        assert_eq!(
            codes,
            [
                "settings.wrong-value",
                "lane.burst-without-rate",
                "settings.wrong-value",
                "settings.wrong-value",
                "settings.unknown-key"
            ]
        );
    }
}
