//! The reading side: the journal's questions, also while another process runs the gateway.
//! In: identifiers in clear, hashed here. Out: the answers of [`crate::questions`].

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::{ToSpan as _, civil::Date};
use jonction_model::clock::paris;

use jiff::Timestamp;
use jonction_model::ReportStage;
use jonction_ports::{DeliveryId, KeyKind, MessageId};

use crate::{
    Deployment, HoldLine, RouteSet,
    error::Error,
    index_key::IndexHasher,
    journal::{Key, SqliteJournal},
    order::{
        AuditHash,
        audit::{AuditLine, AuditVerdict},
        retention::{Aging, LegalHold, Purged},
    },
    questions::{
        AuditQuery, Balance, Filter, Lines, MessageJourney, MessageLine, Query, Queues, Recent, StructureDay,
        Unanswered, Window,
    },
    seal::Seals,
};

use crate::journal::Questions;

/// Journeys told for one identifier.
const JOURNEYS_MAX: u32 = 20;
/// Messages told one by one in the day of a structure.
const TROUBLES_MAX: u32 = 500;
/// Lines found when no limit was given.
const LINES_DEFAULT: u32 = 50;

/// Asks the journal. Blocking.
#[derive(Clone)]
pub struct Reader {
    questions: Arc<dyn Questions>,
    hasher: IndexHasher,
}

impl Reader {
    /// Opens the store of a data directory for reading. Errors: no store, newer format, lost index key.
    pub fn open(data_dir: &Path) -> Result<Self, Error> {
        Self::open_with(data_dir, Seals::default())
    }

    /// The same, with the keys of sealed bodies: without them, what only bodies tell is left out.
    pub fn open_with(data_dir: &Path, seals: Seals) -> Result<Self, Error> {
        let (journal, hasher) = SqliteJournal::open_read(data_dir, seals)?;
        Ok(Self::new(Arc::new(journal), hasher))
    }

    /// Sets of routes that were put in service, oldest first.
    pub fn deployments(&self) -> Result<Vec<Deployment>, Error> {
        self.questions.deployments()
    }

    /// The texts of a set.
    pub fn route_set(&self, version: &str) -> Result<Option<RouteSet>, Error> {
        self.questions.route_set(version)
    }

    pub(crate) fn new(questions: Arc<dyn Questions>, hasher: IndexHasher) -> Self {
        Self { questions, hasher }
    }

    fn key(&self, kind: KeyKind, value: &str) -> Key {
        (kind, self.hasher.key(kind, value))
    }

    /// Messages that match, latest first.
    pub fn find(&self, filter: &Filter) -> Result<Vec<MessageLine>, Error> {
        let mut keys = Vec::new();
        keys.extend(filter.patient.as_deref().map(|id| vec![self.key(KeyKind::Patient, id.trim())]));
        keys.extend(filter.document.as_deref().map(|id| vec![self.key(KeyKind::Document, id.trim())]));
        keys.extend(filter.mail_id.as_deref().map(|id| self.mail_keys(id.trim())));
        let control_id =
            filter.control_id.as_deref().map(|id| (id.to_owned(), self.key(KeyKind::ControlId, id)));
        self.questions.find(&Query {
            keys,
            control_id,
            state: filter.state,
            route: filter.route.clone(),
            partner: filter.partner.clone(),
            error: filter.error.clone(),
            unanswered: filter.unanswered,
            window: filter.window,
            before: filter.before,
            limit: if filter.limit == 0 { LINES_DEFAULT } else { filter.limit },
        })
    }

    /// Message-IDs are typed with or without their angle brackets.
    fn mail_keys(&self, id: &str) -> Vec<Key> {
        let bare = id.trim_start_matches('<').trim_end_matches('>');
        [bare.to_owned(), format!("<{bare}>")].iter().map(|id| self.key(KeyKind::MailId, id)).collect()
    }

    /// The journey of one message.
    pub fn message(&self, message: MessageId) -> Result<Option<MessageJourney>, Error> {
        self.questions.journey(message)
    }

    /// The journey of one delivery's message.
    pub fn journey_of(&self, delivery: DeliveryId) -> Result<Option<MessageJourney>, Error> {
        match self.questions.message_of(delivery)? {
            Some(message) => self.questions.journey(message),
            None => Ok(None),
        }
    }

    /// What humans hold back, oldest first.
    pub fn holds(&self) -> Result<Vec<HoldLine>, Error> {
        self.questions.holds()
    }

    /// Everything that happened to what is known under this identifier, oldest first: number of a message (`7` or
    /// `#7`), document, lot, Message-ID, number of a sender or of a message we sent. Empty: nothing is.
    pub fn journey(&self, id: &str) -> Result<Vec<MessageJourney>, Error> {
        let id = id.trim();
        let bare = id.strip_prefix('#').unwrap_or(id);
        let is_number = id.starts_with('#') || !bare.starts_with('0');
        if let Ok(number) = bare.parse::<u64>()
            && is_number
            && let Some(journey) = self.questions.journey(MessageId(number))?
        {
            return Ok(vec![journey]);
        }
        let mut keys = self.mail_keys(id);
        keys.extend(
            [KeyKind::Document, KeyKind::SubmissionSet, KeyKind::ControlId].map(|kind| self.key(kind, id)),
        );
        let known = self.questions.known_as(id, &keys, JOURNEYS_MAX)?;
        known.into_iter().filter_map(|message| self.questions.journey(message).transpose()).collect()
    }

    /// What waits, per lane.
    pub fn queues(&self) -> Result<Queues, Error> {
        self.questions.queues()
    }

    /// What each structure sent on a day, and what of it was not delivered. `structure`: that one alone, as MSH-4 says it.
    pub fn day(&self, day: Date, structure: Option<&str>) -> Result<Vec<StructureDay>, Error> {
        let window = window_of(day)?;
        let mut totals: BTreeMap<String, Lines> = BTreeMap::new();
        for line in self.balance(window)?.lines {
            totals.entry(line.structure).or_default().add(&line.lines);
        }
        let wanted = totals.into_iter().filter(|(name, _)| structure.is_none_or(|wanted| wanted == name));
        wanted
            .map(|(structure, lines)| {
                let troubled = self.questions.troubled(window, &structure, TROUBLES_MAX)?;
                let journeys = troubled.messages.iter().map(|id| self.questions.journey(*id));
                let troubles: Vec<_> = journeys.filter_map(Result::transpose).collect::<Result<_, _>>()?;
                let omitted = troubled.total.saturating_sub(troubled.messages.len() as u64);
                Ok(StructureDay { day, structure, lines, troubles, omitted })
            })
            .collect()
    }

    /// What the end of the journal says of how things go.
    pub fn recent(&self) -> Result<Recent, Error> {
        self.questions.recent()
    }

    /// Delivered for longer than `overdue`, and an answer that was asked for has not come. Those that left before `since`
    /// are given up.
    pub fn unanswered(
        &self,
        stage: ReportStage,
        since: Timestamp,
        overdue: Timestamp,
    ) -> Result<Unanswered, Error> {
        self.questions.unanswered(stage, since.as_millisecond(), overdue.as_millisecond())
    }

    /// The two lines, per route and day.
    pub fn balance(&self, window: Window) -> Result<Balance, Error> {
        self.questions.balance(window)
    }

    /// What a whole purge of messages received before this moment would destroy, exactly.
    pub fn purge_preview(&self, what: Aging, before: Timestamp) -> Result<Purged, Error> {
        self.questions.purge_preview(what, before.as_millisecond())
    }

    /// Every legal hold.
    pub fn legal_holds(&self) -> Result<Vec<LegalHold>, Error> {
        self.questions.legal_holds()
    }

    /// Rows of the audit chain, latest first.
    pub fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditLine>, Error> {
        self.questions.audit(query)
    }

    /// Checks the whole audit chain; `noted`: a head that somebody kept elsewhere.
    pub fn verify_audit(&self, noted: Option<AuditHash>) -> Result<AuditVerdict, Error> {
        self.questions.verify_audit(noted)
    }
}

/// A day of French legal time.
fn window_of(day: Date) -> Result<Window, Error> {
    let midnight = |day: Date| {
        day.to_zoned_datetime(paris())
            .map(|at| at.timestamp())
            .map_err(|_| Error::Inconsistent("day".to_owned()))
    };
    Ok(Window { since: Some(midnight(day)?), until: Some(midnight(day.saturating_add(1.day()))?) })
}
