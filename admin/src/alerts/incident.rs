//! Incidents: one notice at the start, one when it gets worse, one at the end; never a flood.
//! In: what is seen at each look, and `now`. Out: letters to send, and a state that survives a restart. IO, clock: none.
//! A sign between « bad » and « good » changes nothing (hysteresis); good must last `calm` before the end is said.
//! Letters leave at most one per `spacing`: the first at once, what begins meanwhile together in the next one.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cause::Cause;

/// Incidents kept at once: beyond, the oldest letter already says that everything is on fire.
const OPEN_MAX: usize = 1000;
/// Notices that wait for the next letter.
const PENDING_MAX: usize = 1000;

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Over the threshold. The number grows with how bad it is: a new alert leaves when it does.
    Bad(u8),
    /// Neither bad nor well enough to say that it is over.
    Between,
    /// Well.
    Good,
}

/// What was seen of one thing at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Why it would be an incident.
    pub cause: Cause,
    /// Of what: a partner, a certificate; empty when there is only one.
    pub subject: String,
    /// How it stands.
    pub level: Level,
    /// Since when, when that is known better than by this look.
    pub since: Option<Timestamp>,
    /// In words.
    pub said: Said,
}

/// The words of a sign, in French, with no datum of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// First line: `dmp-national ne répond plus {depuis} (net.refused)`. `{depuis}` becomes the moment.
    pub title: String,
    /// First line of the end: `dmp-national répond de nouveau {depuis}`.
    pub ended: String,
    /// How many things are concerned; shown, and carried by the webhook.
    pub count: u64,
    /// What is concerned: `214 envois ; le plus ancien 12 min`.
    pub facts: String,
    /// What to do.
    pub todo: String,
}

/// An incident that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Why.
    pub cause: Cause,
    /// Of what.
    pub subject: String,
    /// Since when.
    pub since: Timestamp,
    /// The worst that was announced.
    level: u8,
    /// Since when all is well again.
    pub(super) good_since: Option<Timestamp>,
    /// What was seen last while it was bad.
    pub said: Said,
}

/// What a notice says of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// It began.
    Start,
    /// It got worse.
    Worse,
    /// It is over.
    End,
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Start, worse or end.
    pub moment: Moment,
    /// When.
    pub at: Timestamp,
    /// The incident.
    pub incident: Incident,
}

/// How patient the watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long a thing must be well before its end is said.
    pub calm: Duration,
    /// Between two letters.
    pub spacing: Duration,
}

/// Everything open, and what was not told yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incidents {
    open: Vec<Incident>,
    pending: Vec<Notice>,
    last_letter: Option<Timestamp>,
}

/// What one look gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// What happened at this look: for the log, at once.
    pub notices: Vec<Notice>,
    /// What leaves now, together; empty: nothing.
    pub letter: Vec<Notice>,
    /// Whether the state must be kept.
    pub changed: bool,
}

impl Incidents {
    /// Takes what was seen. A thing that is not among the signs is as it was.
    pub fn look(&mut self, now: Timestamp, signs: Vec<Sign>, pace: Pace) -> Looked {
        let before = self.clone();
        let mut notices = Vec::new();
        for sign in signs {
            notices.extend(self.take(now, sign, pace));
        }
        let room = PENDING_MAX.saturating_sub(self.pending.len());
        self.pending.extend(notices.iter().take(room).cloned());
        let letter = self.letter(now, pace);
        Looked { notices, letter, changed: *self != before }
    }

    fn take(&mut self, now: Timestamp, sign: Sign, pace: Pace) -> Option<Notice> {
        let same = |incident: &Incident| incident.cause == sign.cause && incident.subject == sign.subject;
        let known = self.open.iter().position(same);
        match (known, sign.level) {
            (None, Level::Bad(level)) if self.open.len() < OPEN_MAX => {
                let incident = Incident {
                    cause: sign.cause,
                    subject: sign.subject,
                    since: sign.since.unwrap_or(now),
                    level,
                    good_since: None,
                    said: sign.said,
                };
                self.open.push(incident.clone());
                Some(Notice { moment: Moment::Start, at: now, incident })
            }
            (None, _) => None,
            (Some(at), Level::Bad(level)) => {
                let incident = &mut self.open[at];
                incident.good_since = None;
                // Kept for the end and the status; a count that moves is not a change worth a write.
                let worse = level > incident.level;
                if worse {
                    incident.level = level;
                    incident.said = sign.said;
                }
                worse.then(|| Notice { moment: Moment::Worse, at: now, incident: incident.clone() })
            }
            (Some(at), Level::Between) => {
                self.open[at].good_since = None;
                None
            }
            (Some(at), Level::Good) => {
                let since = *self.open[at].good_since.get_or_insert(now);
                let calm = now.duration_since(since) >= jiff::SignedDuration::try_from(pace.calm).ok()?;
                calm.then(|| {
                    let mut incident = self.open.remove(at);
                    if !sign.said.ended.is_empty() {
                        incident.said.ended = sign.said.ended;
                    }
                    incident.said.facts = sign.said.facts;
                    incident.said.count = sign.said.count;
                    Notice { moment: Moment::End, at: now, incident }
                })
            }
        }
    }

    /// What leaves now. A start and its end that both wait cancel out for nobody: both are told.
    fn letter(&mut self, now: Timestamp, pace: Pace) -> Vec<Notice> {
        let spacing = jiff::SignedDuration::try_from(pace.spacing).unwrap_or(jiff::SignedDuration::ZERO);
        let early = self.last_letter.is_some_and(|last| {
            let since = now.duration_since(last);
            // A clock set back must not silence the alerts.
            !since.is_negative() && since < spacing
        });
        if self.pending.is_empty() || early {
            return Vec::new();
        }
        self.last_letter = Some(now);
        std::mem::take(&mut self.pending)
    }

    /// Open incidents, by cause.
    pub fn open(&self) -> &[Incident] {
        &self.open
    }

    /// How many are open, per cause.
    pub fn counts(&self) -> BTreeMap<Cause, usize> {
        let mut counts = BTreeMap::new();
        for incident in &self.open {
            *counts.entry(incident.cause).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { calm: Duration::from_secs(120), spacing: Duration::from_secs(60) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn sign(subject: &str, level: Level) -> Sign {
        let said = Said { title: format!("{subject} ne répond plus"), ..Said::default() };
        Sign { cause: Cause::PartnerDown, subject: subject.to_owned(), level, since: None, said }
    }

    /// One look at one partner: what is noticed and what leaves.
    fn look(incidents: &mut Incidents, second: i64, level: Level) -> (Vec<Moment>, usize) {
        let looked = incidents.look(at(second), vec![sign("dmp", level)], PACE);
        (looked.notices.iter().map(|notice| notice.moment).collect(), looked.letter.len())
    }

    #[test]
    fn an_incident_is_told_at_its_start_and_at_its_end_and_not_between() {
        let mut incidents = Incidents::default();
        assert_eq!(look(&mut incidents, 0, Level::Good), (vec![], 0));
        assert_eq!(look(&mut incidents, 10, Level::Bad(1)), (vec![Moment::Start], 1));
        for second in [20, 30, 3600] {
            assert_eq!(look(&mut incidents, second, Level::Bad(1)), (vec![], 0));
        }
        assert_eq!(look(&mut incidents, 3610, Level::Good), (vec![], 0));
        assert_eq!(look(&mut incidents, 3730, Level::Good), (vec![Moment::End], 1));
        assert_eq!(incidents.open(), []);
    }

    #[test]
    fn what_comes_and_goes_is_one_incident() {
        let mut incidents = Incidents::default();
        let mut told = Vec::new();
        for second in 0..600 {
            let level = if second % 20 < 10 { Level::Bad(1) } else { Level::Good };
            told.extend(look(&mut incidents, second, level).0);
        }
        assert_eq!(told, [Moment::Start]);
    }

    #[test]
    fn between_the_thresholds_nothing_begins_and_nothing_ends() {
        let mut incidents = Incidents::default();
        assert_eq!(look(&mut incidents, 0, Level::Between).0, []);
        assert_eq!(look(&mut incidents, 1, Level::Bad(1)).0, [Moment::Start]);
        for second in [100, 1000, 10_000] {
            assert_eq!(look(&mut incidents, second, Level::Between).0, []);
        }
    }

    #[test]
    fn worse_is_told_once_per_level() {
        let mut incidents = Incidents::default();
        let levels = [1, 1, 2, 1, 2, 4, 3].map(Level::Bad);
        let told: Vec<_> = levels
            .iter()
            .enumerate()
            .flat_map(|(n, level)| look(&mut incidents, n as i64 * 100, *level).0)
            .collect();
        assert_eq!(told, [Moment::Start, Moment::Worse, Moment::Worse]);
    }

    #[test]
    fn many_at_once_are_one_letter_and_those_that_follow_are_the_next() {
        let mut incidents = Incidents::default();
        let many = |prefix: &str| -> Vec<Sign> {
            (0..50).map(|n| sign(&format!("{prefix}{n}"), Level::Bad(1))).collect()
        };
        assert_eq!(incidents.look(at(0), many("a"), PACE).letter.len(), 50);
        assert_eq!(incidents.look(at(1), many("b"), PACE).letter.len(), 0);
        assert_eq!(incidents.look(at(30), many("c"), PACE).letter.len(), 0);
        let looked = incidents.look(at(60), vec![], PACE);
        assert_eq!((looked.letter.len(), looked.notices.len()), (100, 0));
    }

    #[test]
    fn a_restart_does_not_tell_the_start_again_and_tells_the_end() {
        let mut incidents = Incidents::default();
        look(&mut incidents, 0, Level::Bad(1));
        let kept = serde_json::to_string(&incidents).unwrap();
        let mut incidents: Incidents = serde_json::from_str(&kept).unwrap();
        assert_eq!(look(&mut incidents, 100, Level::Bad(1)), (vec![], 0));
        look(&mut incidents, 200, Level::Good);
        assert_eq!(look(&mut incidents, 320, Level::Good), (vec![Moment::End], 1));
    }

    #[test]
    fn a_clock_set_back_silences_nothing() {
        let mut incidents = Incidents::default();
        assert_eq!(incidents.look(at(7200), vec![sign("a", Level::Bad(1))], PACE).letter.len(), 1);
        assert_eq!(incidents.look(at(0), vec![sign("b", Level::Bad(1))], PACE).letter.len(), 1);
    }

    #[test]
    fn only_what_changed_is_kept_again() {
        let mut incidents = Incidents::default();
        let mut look = |second, level| incidents.look(at(second), vec![sign("dmp", level)], PACE).changed;
        let changed =
            [look(0, Level::Good), look(1, Level::Bad(1)), look(2, Level::Bad(1)), look(3, Level::Good)];
        assert_eq!(changed, [false, true, false, true]);
    }
}
