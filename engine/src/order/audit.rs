//! The audit chain: what people and the process itself did, each row's hash covering the row before it.
//! In: a row and the hash it stands on. Out: its hash, the same for every journal and for whoever checks it by hand:
//! SHA-256 of the previous hash (32 bytes), then of the JSON array `[number, at, author, reason, act, message, delivery,
//! detail]` without blanks, `at` in milliseconds since 1970, `detail` as the text that is stored.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{AuditHash, AuditHead};
use crate::error::Error;

/// Author of what nobody asked for: a start.
pub(crate) const PROCESS: &str = "jonction";

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// From 1, without a hole.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub author: String,
    /// Why.
    pub reason: Option<String>,
    /// Word of the act: `release`, `start`.
    pub act: String,
    /// The message it is about.
    pub message: Option<u64>,
    /// The delivery it is about.
    pub delivery: Option<u64>,
    /// What else must be known, JSON.
    #[serde(serialize_with = "as_json")]
    pub detail: Option<String>,
}

/// A row with its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    /// The row.
    #[serde(flatten)]
    pub row: AuditRow,
    /// Its hash.
    pub hash: AuditHash,
}

fn as_json<S: Serializer>(detail: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let value = detail.as_deref().map(serde_json::from_str::<serde_json::Value>);
    value.and_then(Result::ok).serialize(serializer)
}

impl AuditRow {
    /// Its hash, standing on the one before.
    pub fn hash(&self, previous: AuditHash) -> Result<AuditHash, Error> {
        let row = (
            self.number,
            self.at.as_millisecond(),
            &self.author,
            &self.reason,
            &self.act,
            self.message,
            self.delivery,
            &self.detail,
        );
        let text = serde_json::to_vec(&row).map_err(|error| Error::Inconsistent(error.to_string()))?;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&previous.0);
        context.update(&text);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Ok(AuditHash(hash))
    }
}

/// What a check of the whole chain says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditVerdict {
    /// Rows that hold, from the first one on.
    pub head: AuditHead,
    /// Where it breaks first.
    pub broken: Option<Broken>,
    /// Row of the head that somebody noted elsewhere; absent when none was given or when no row has it.
    pub noted: Option<u64>,
}

/// How a chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Broken {
    /// The row is not what was written.
    Changed {
        /// Its number.
        row: u64,
    },
    /// The row is gone, later ones are there.
    Missing {
        /// Its number.
        row: u64,
    },
    /// Rows at the end are gone.
    Cut {
        /// Number of the first one that is gone.
        row: u64,
        /// How many there were.
        count: u64,
    },
    /// Rows were added behind the end, or the noted end was changed.
    Unknown {
        /// Number of the first row that should not be there.
        row: u64,
    },
}

impl Broken {
    /// The first row that is wrong.
    pub fn row(self) -> u64 {
        let (Self::Changed { row } | Self::Missing { row } | Self::Cut { row, .. } | Self::Unknown { row }) =
            self;
        row
    }
}

/// Checks a chain, row by row.
pub(crate) struct Verifier {
    head: AuditHead,
    noted: Option<AuditHash>,
    found: Option<u64>,
}

impl Verifier {
    pub(crate) fn new(noted: Option<AuditHash>) -> Self {
        Self { head: AuditHead { count: 0, hash: AuditHash::START }, noted, found: None }
    }

    /// Adds the next row that is stored. Out: how it breaks the chain.
    pub(crate) fn add(&mut self, line: &AuditLine) -> Result<Option<Broken>, Error> {
        let row = self.head.count + 1;
        if line.row.number != row {
            return Ok(Some(Broken::Missing { row }));
        }
        if line.row.hash(self.head.hash)? != line.hash {
            return Ok(Some(Broken::Changed { row }));
        }
        self.head = AuditHead { count: row, hash: line.hash };
        if self.noted == Some(line.hash) {
            self.found = Some(row);
        }
        Ok(None)
    }

    /// The next row cannot even be read.
    pub(crate) fn unreadable(&self) -> Broken {
        Broken::Changed { row: self.head.count + 1 }
    }

    /// Compares with the end the journal remembers.
    pub(crate) fn end(self, broken: Option<Broken>, remembered: AuditHead) -> AuditVerdict {
        let row = self.head.count + 1;
        let broken = broken.or(match remembered {
            end if end == self.head => None,
            AuditHead { count, .. } if count > self.head.count => Some(Broken::Cut { row, count }),
            AuditHead { count, .. } if count < self.head.count => Some(Broken::Unknown { row: count + 1 }),
            AuditHead { count, .. } => Some(Broken::Changed { row: count }),
        });
        AuditVerdict { head: self.head, broken, noted: self.found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64) -> AuditRow {
        AuditRow {
            number,
            at: Timestamp::from_millisecond(1_795_590_000_000).unwrap(),
            author: "zoé".into(),
            reason: Some("« oui »".into()),
            act: "release".into(),
            message: Some(7),
            delivery: None,
            detail: Some(r#"{"b":1,"a":2}"#.into()),
        }
    }

    fn chain(rows: u64) -> Vec<AuditLine> {
        let mut previous = AuditHash::START;
        (1..=rows)
            .map(|number| {
                previous = row(number).hash(previous).unwrap();
                AuditLine { row: row(number), hash: previous }
            })
            .collect()
    }

    fn verdict(lines: &[AuditLine], remembered: AuditHead) -> Option<Broken> {
        let mut verifier = Verifier::new(None);
        let broken = lines.iter().find_map(|line| verifier.add(line).unwrap());
        verifier.end(broken, remembered).broken
    }

    /// Computed once by another program (Python: `hashlib.sha256(bytes(32) + json.encode())`).
    #[test]
    fn the_hash_is_the_one_of_the_page() {
        let hash = row(1).hash(AuditHash::START).unwrap();
        assert_eq!(hash.to_string(), "44609dc2b24427af5ce9805ba34dae634399df538f9fb701f9dcb95b8cdffbc7");
    }

    #[test]
    fn every_way_of_breaking_it_is_named() {
        let whole = chain(4);
        let head = AuditHead { count: 4, hash: whole[3].hash };
        assert_eq!(verdict(&whole, head), None);
        let mut changed = whole.clone();
        changed[1].row.author = "autre".into();
        assert_eq!(verdict(&changed, head), Some(Broken::Changed { row: 2 }));
        let holed: Vec<_> = whole.iter().filter(|line| line.row.number != 3).cloned().collect();
        assert_eq!(verdict(&holed, head), Some(Broken::Missing { row: 3 }));
        assert_eq!(verdict(&whole[..2], head), Some(Broken::Cut { row: 3, count: 4 }));
        let short = AuditHead { count: 3, hash: whole[2].hash };
        assert_eq!(verdict(&whole, short), Some(Broken::Unknown { row: 4 }));
        let other = AuditHead { count: 4, hash: AuditHash::START };
        assert_eq!(verdict(&whole, other), Some(Broken::Changed { row: 4 }));
    }
}
