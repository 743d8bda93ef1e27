//! A journal that keeps what it is given in memory and writes nothing: routes are tried on it.
//! In: a store opened for reading, or the bytes of messages that never came. Out: what `decide` asks of a journal.
//! Deliberately absent: whatever only a gateway that runs asks; it is refused.

use std::io::Read;

use bytes::Bytes;
use jonction_model::{BodyId, ContentRef, PartnerName, RouteName};
use jonction_ports::{Bodies, BodyError, DeliveryId, MemoryBodies, MessageId};

use crate::{
    error::Error,
    journal::{
        Change, Committed, Due, Journal, Key, KnownAnswer, LoadChange, Millis, NewBody, SqliteJournal, Stale,
        StoredDelivery, Unrouted,
    },
    order::hold::HeldKey,
    scratch::Scratch,
};

/// Where the bytes of messages are.
pub(crate) enum Dry {
    /// In a store of the past.
    Past(Box<SqliteJournal>),
    /// In memory: none of them ever came.
    Imagined(MemoryBodies),
}

impl Bodies for Dry {
    fn open_raw(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        match self {
            Self::Past(journal) => journal.open_raw(content),
            Self::Imagined(bodies) => bodies.open_raw(content),
        }
    }
}

impl Journal for Dry {
    fn keep_as(&self, id: BodyId, bytes: Bytes) -> Result<NewBody, Error> {
        Ok(NewBody { id, length: bytes.len() as u64, key: None, bytes: Some(bytes) })
    }

    fn verify(&self, body: BodyId) -> Result<(), BodyError> {
        match self {
            Self::Past(journal) => journal.verify(body),
            // Bytes of the moment: nothing could have damaged them.
            Self::Imagined(_) => Ok(()),
        }
    }

    fn held_routes(&self) -> Result<Vec<RouteName>, Error> {
        Ok(Vec::new())
    }

    fn left_with(&self, key: &Key) -> Result<Vec<DeliveryId>, Error> {
        match self {
            Self::Past(journal) => journal.left_with(key),
            Self::Imagined(_) => Ok(Vec::new()),
        }
    }

    fn understood(&self, _: MessageId) -> Result<Option<ContentRef>, Error> {
        Err(Error::Closed)
    }

    /// As if each message came for the first time.
    fn answered(&self, _: DeliveryId) -> Result<Vec<KnownAnswer>, Error> {
        Ok(Vec::new())
    }

    // Nobody asks these of a trial.

    fn commit(&self, _: &[Vec<Change>]) -> Result<Committed, Error> {
        Err(Error::Closed)
    }

    fn scratch(&self) -> Result<Scratch, Error> {
        Err(Error::Closed)
    }

    fn keep_pieces(&self, _: Scratch) -> Result<ContentRef, Error> {
        Err(Error::Closed)
    }

    fn kept(&self, content: &ContentRef) -> NewBody {
        NewBody { id: content.body, length: content.end, key: None, bytes: None }
    }

    fn sweep(&self) -> Result<u32, Error> {
        Err(Error::Closed)
    }

    fn compact(&self) -> Result<(), Error> {
        Err(Error::Closed)
    }

    fn unrouted(&self, _: MessageId, _: u32) -> Result<Vec<Unrouted>, Error> {
        Err(Error::Closed)
    }

    fn message(&self, _: MessageId) -> Result<Option<Unrouted>, Error> {
        Err(Error::Closed)
    }

    fn owed(&self, _: MessageId) -> Result<Vec<DeliveryId>, Error> {
        Err(Error::Closed)
    }

    fn hold_keys(&self) -> Result<Vec<(HeldKey, bool)>, Error> {
        Err(Error::Closed)
    }

    fn unsettled(&self, _: &HeldKey, _: bool, _: DeliveryId, _: u32) -> Result<Vec<DeliveryId>, Error> {
        Err(Error::Closed)
    }

    fn tally_agrees(&self) -> Result<bool, Error> {
        Err(Error::Closed)
    }

    fn due(&self, _: &PartnerName, _: Millis, _: u32) -> Result<Due, Error> {
        Err(Error::Closed)
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<StoredDelivery>, Error> {
        match self {
            Self::Past(journal) => journal.delivery(id),
            Self::Imagined(_) => Ok(None),
        }
    }

    fn stale(&self, _: i64, _: u32) -> Result<Option<Stale>, Error> {
        Err(Error::Closed)
    }

    fn noted(&self, name: &str) -> Result<Option<String>, Error> {
        match self {
            Self::Past(journal) => journal.noted(name),
            Self::Imagined(_) => Ok(None),
        }
    }

    fn load(&self) -> Result<LoadChange, Error> {
        Err(Error::Closed)
    }
}
