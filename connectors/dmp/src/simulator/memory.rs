//! What the simulator remembers from one request to the next, and what it shows of it.
//! In: requests handled. Out: identifiers seen, records for screens. Bounded: a simulator may run for days.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::BodyId;
use serde::Serialize;

/// Requests, captures and identifiers remembered at most.
pub(super) const REMEMBERED_MAX: usize = 100_000;
pub(super) const CAPTURED_MAX: usize = 64;

/// A request, for screens. Free of any datum of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestSeen {
    /// When.
    pub at: Timestamp,
    /// `TD2.1`, `TD3.1b`, `TD3.3c`, `?`.
    pub transaction: String,
    /// wsa:MessageID.
    pub message_id: String,
    /// `Success`, an error code, a fault code.
    pub outcome: String,
    /// Name of the fault that was played.
    pub fault: Option<String>,
    /// Length of the body.
    pub bytes: u64,
    /// Address and port of the client: requests of one connection share it.
    pub peer: SocketAddr,
    /// Subject of the client certificate.
    pub client: Option<String>,
}

/// A request kept whole. Holds documents: prints its length only.
#[derive(Clone)]
pub struct Captured {
    /// Content-Type.
    pub content_type: String,
    /// Body.
    pub body: Bytes,
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Captured({} bytes)", self.body.len())
    }
}

/// What the desk remembers from one request to the next.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) message_ids: BTreeSet<String>,
    pub(super) assertion_ids: BTreeSet<String>,
    /// SubmissionSet uniqueIds, with what each held.
    pub(super) sets: BTreeMap<String, BodyId>,
    /// uniqueIds of lots whose answer was cut, and that nobody asked for since.
    pub(super) unanswered: BTreeSet<String>,
    pub(super) requests: VecDeque<RequestSeen>,
    pub(super) captured: VecDeque<Captured>,
}

impl Memory {
    /// Records a request; the oldest goes when there are too many.
    pub(super) fn record(&mut self, seen: RequestSeen) {
        self.requests.push_back(seen);
        if self.requests.len() > REMEMBERED_MAX {
            self.requests.pop_front();
        }
    }

    /// Keeps a request whole.
    pub(super) fn capture(&mut self, captured: Captured) {
        self.captured.push_back(captured);
        if self.captured.len() > CAPTURED_MAX {
            self.captured.pop_front();
        }
    }
}
