//! Letters that must still leave, per channel, until they did: a channel that is down delays nobody, and loses nothing.
//! In: letters, what became of a try, `now`. Out: what to try next. Kept in the journal, so that a restart goes on.
//! A stop between a success and its note sends a letter twice: never not at all.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jonction_model::Finding;
use jonction_ports::BoxFuture;
use serde::{Deserialize, Serialize};

use super::letter::Letter;

/// Letters kept; beyond, the oldest is given up, and said so.
const LETTERS_MAX: usize = 200;
/// First wait after a failure; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(10);
/// Longest wait.
const RETRY_MAX: Duration = Duration::from_secs(600);

/// A way out.
pub trait Channel: Send + Sync {
    /// `mail`, `webhook`.
    fn name(&self) -> &'static str;

    /// Where it leads: `smtps://smtp.chu.example:465`. No datum of a person, no secret.
    fn target(&self) -> String;

    /// Sends; at most as long as its own limits allow. Errors: why, and what to do: no datum of a person, no secret.
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Finding>>;
}

/// A letter and the channels it has not left by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owed {
    number: u64,
    letter: Letter,
    channels: Vec<String>,
}

/// A channel that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Patience {
    failures: u32,
    not_before: Option<Timestamp>,
}

/// What must leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    next_number: u64,
    owed: Vec<Owed>,
    #[serde(skip)]
    patience: std::collections::BTreeMap<String, Patience>,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Which letter.
    number: u64,
    /// By which channel.
    pub channel: String,
    /// What.
    pub letter: Letter,
}

impl Outbox {
    /// Adds a letter for these channels. Out: how many old letters were given up to make room.
    pub fn add(&mut self, letter: Letter, channels: &[&'static str]) -> usize {
        if channels.is_empty() {
            return 0;
        }
        let channels = channels.iter().map(|name| (*name).to_owned()).collect();
        self.owed.push(Owed { number: self.next_number, letter, channels });
        self.next_number += 1;
        let too_many = self.owed.len().saturating_sub(LETTERS_MAX);
        self.owed.drain(..too_many);
        too_many
    }

    /// Forgets what is owed to channels that are gone from the configuration.
    pub fn keep_channels(&mut self, known: &[&'static str]) {
        for owed in &mut self.owed {
            owed.channels.retain(|name| known.contains(&name.as_str()));
        }
        self.owed.retain(|owed| !owed.channels.is_empty());
    }

    /// The oldest letter of this channel, when its time has come.
    pub fn due(&self, channel: &str, now: Timestamp) -> Option<Try> {
        let patience = self.patience.get(channel).copied().unwrap_or_default();
        // A wait longer than any of ours is a clock that was set back.
        let waits = patience.not_before.is_some_and(|at| {
            let left = at.duration_since(now);
            left.is_positive() && left <= signed(RETRY_MAX)
        });
        let owed = self.owed.iter().find(|owed| owed.channels.iter().any(|name| name == channel))?;
        (!waits).then(|| Try {
            number: owed.number,
            channel: channel.to_owned(),
            letter: owed.letter.clone(),
        })
    }

    /// It left, or not.
    pub fn tried(&mut self, tried: &Try, left: bool, now: Timestamp) {
        if left {
            self.patience.remove(&tried.channel);
            for owed in self.owed.iter_mut().filter(|owed| owed.number == tried.number) {
                owed.channels.retain(|name| *name != tried.channel);
            }
            self.owed.retain(|owed| !owed.channels.is_empty());
            return;
        }
        let patience = self.patience.entry(tried.channel.clone()).or_default();
        let wait = RETRY_FIRST.saturating_mul(1 << patience.failures.min(10)).min(RETRY_MAX);
        patience.failures += 1;
        patience.not_before = now.checked_add(signed(wait)).ok();
    }

    /// How many letters have not left.
    pub fn len(&self) -> usize {
        self.owed.len()
    }

    /// Whether everything left.
    pub fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn letter(n: usize) -> Letter {
        Letter { subject: n.to_string(), text: String::new(), json: serde_json::Value::Null }
    }

    #[test]
    fn a_channel_that_is_down_is_tried_again_later_and_does_not_hold_the_other() {
        let mut outbox = Outbox::default();
        outbox.add(letter(1), &["mail", "webhook"]);
        let mail = outbox.due("mail", at(0)).unwrap();
        outbox.tried(&mail, false, at(0));
        assert_eq!(outbox.due("mail", at(9)), None);
        let webhook = outbox.due("webhook", at(0)).unwrap();
        outbox.tried(&webhook, true, at(0));
        assert_eq!((outbox.due("webhook", at(0)), outbox.len()), (None, 1));
        let mail = outbox.due("mail", at(10)).unwrap();
        outbox.tried(&mail, false, at(10));
        assert_eq!((outbox.due("mail", at(29)), outbox.due("mail", at(30)).is_some()), (None, true));
        outbox.tried(&mail, true, at(30));
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_is_owed_survives_a_restart_and_is_tried_at_once() {
        let mut outbox = Outbox::default();
        outbox.add(letter(1), &["mail"]);
        let tried = outbox.due("mail", at(0)).unwrap();
        outbox.tried(&tried, false, at(0));
        let kept = serde_json::to_string(&outbox).unwrap();
        let outbox: Outbox = serde_json::from_str(&kept).unwrap();
        assert_eq!(outbox.due("mail", at(1)).unwrap().letter, letter(1));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_tries() {
        let mut outbox = Outbox::default();
        outbox.add(letter(1), &["mail"]);
        let tried = outbox.due("mail", at(7200)).unwrap();
        outbox.tried(&tried, false, at(7200));
        assert!(outbox.due("mail", at(0)).is_some());
    }

    #[test]
    fn the_oldest_is_given_up_beyond_the_limit() {
        let mut outbox = Outbox::default();
        let dropped: usize = (0..=LETTERS_MAX).map(|n| outbox.add(letter(n), &["mail"])).sum();
        assert_eq!((dropped, outbox.len()), (1, LETTERS_MAX));
        assert_eq!(outbox.due("mail", at(0)).unwrap().letter, letter(1));
        outbox.keep_channels(&["webhook"]);
        assert!(outbox.is_empty());
    }
}
