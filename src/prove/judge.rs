//! The judge: what the partners hold against what was sent. The journal is asked only whether a copy has an excuse.
//! In: letters, what each partner got. Out: counts, and what went wrong one by one.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use jonction_dmp::simulator::StoredDocument;
use jonction_engine::{AttemptState, DeliveryState, MessageJourney, MessageState, Reader, Window};
use jonction_mllp::{Received, simulator::Fault};
use jonction_model::{BodyId, Finding};
use jonction_mssante::simulator::StoredMail;
use jonction_simkit::Judged as Verdict;
use jonction_xds::xdm;

use super::{Counts, letters::Sending};
use crate::{failure::Failure, simulators};

/// Sinks of the example.
const DMP: &str = "dmp-national";
const MAIL: &str = "operateur-regional";
const SENDER: &str = "sil";
/// Reports that each letter gets.
const REPORTS: [&str; 2] = ["ZAM^Z01", "ZAM^Z02"];

/// What the partners hold.
pub(super) struct Seen {
    documents: Vec<StoredDocument>,
    mails: Vec<StoredMail>,
    reports: Vec<Received>,
    /// What does not conform to its text, as the simulators judged it.
    irregular: Vec<String>,
}

impl Seen {
    pub(super) fn of(simulators: &simulators::Running) -> Self {
        let documents = simulators.dmp.as_ref().map(|dmp| dmp.documents()).unwrap_or_default();
        Self {
            documents: documents.into_iter().filter(|document| !document.signature).collect(),
            mails: simulators.mssante.as_ref().map(|mssante| mssante.mails()).unwrap_or_default(),
            reports: simulators.lps.as_ref().map(|lps| lps.received()).unwrap_or_default(),
            irregular: simulators.verdicts().iter().filter_map(irregular).collect(),
        }
    }
}

/// Whatever the moment, what left the gateway is as its text wants it. A handshake that a kill cut is no fault of ours.
fn irregular(verdict: &Verdict) -> Option<String> {
    let cut = |finding: &Finding| finding.check == "dmp/TLS-02";
    let wrong = !verdict.conforms() && !verdict.findings.iter().all(cut);
    wrong.then(|| {
        let checks: Vec<_> = verdict.findings.iter().map(|finding| finding.check.as_str()).collect();
        format!("{}: {}", verdict.what, checks.join(", "))
    })
}

/// What was counted, and why.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) counts: Counts,
    /// Attempts whose outcome nobody knew.
    pub(super) interrupted: u64,
    pub(super) wrong: Vec<String>,
}

impl Judged {
    fn lost(&mut self, what: String) {
        self.counts.lost += 1;
        self.wrong.push(what);
    }

    fn duplicated(&mut self, what: String) {
        self.counts.duplicated += 1;
        self.wrong.push(what);
    }

    fn altered(&mut self, what: String) {
        self.counts.altered += 1;
        self.wrong.push(what);
    }

    fn broken(&mut self, what: String) {
        self.counts.broken += 1;
        self.wrong.push(what);
    }

    /// Copies of one thing, `unknown` outcomes of its attempts being known.
    fn copies(&mut self, what: String, copies: usize, unknown: usize) {
        match copies {
            0 => self.lost(format!("{what}: never came")),
            1 => {}
            more if more - 1 <= unknown => self.counts.possible_duplicates += more as u64 - 1,
            more => self.duplicated(format!("{what}: {more} copies, {unknown} unknown outcomes")),
        }
    }

    /// Of one person, things came in the order of their letters.
    fn in_order(&mut self, what: &str, places: impl Iterator<Item = (usize, usize)>) {
        let mut last: HashMap<usize, usize> = HashMap::new();
        for (person, place) in places {
            if last.insert(person, place).is_some_and(|before| before > place) {
                self.counts.reordered += 1;
                self.wrong
                    .push(format!("letter {place}: {what} got it after a later one of the same person"));
            }
        }
    }
}

/// Judges a round that came to rest.
pub(super) fn judge(data: &Path, letters: &[Arc<Sending>], seen: &Seen) -> Result<Judged, Failure> {
    let mut judged = Judged::default();
    let reader = Reader::open(data)?;
    let mut journeys = HashMap::new();
    for letter in letters {
        match reader.journey(&letter.control_id)?.as_slice() {
            [] => judged.lost(format!("{}: not in the journal", letter.control_id)),
            [journey] => {
                judged.counts.accepted += 1;
                stands(&mut judged, letter, journey);
                journeys.insert(letter.control_id.as_str(), journey.clone());
            }
            several => {
                judged.duplicated(format!("{}: {} times in the journal", letter.control_id, several.len()))
            }
        }
    }
    let balance = reader.balance(Window::default())?;
    if !balance.closes() || balance.total.messages.routed != letters.len() as u64 {
        judged.broken(format!("balance: {:?}", balance.total));
    }
    seen.irregular.iter().for_each(|what| judged.broken(format!("does not conform: {what}")));
    documents(&mut judged, letters, &seen.documents);
    mails(&mut judged, letters, &seen.mails, &journeys);
    reports(&mut judged, letters, &seen.reports, &journeys);
    Ok(judged)
}

/// In the journal, everything a letter owed is delivered.
fn stands(judged: &mut Judged, letter: &Sending, journey: &MessageJourney) {
    let id = &letter.control_id;
    let attempts = journey.deliveries.iter().flat_map(|delivery| &delivery.attempts);
    judged.interrupted += attempts.filter(|attempt| attempt.outcome == AttemptState::Unknown).count() as u64;
    if journey.state != MessageState::Routed {
        judged.lost(format!("{id}: {}", journey.state.word()));
    }
    for delivery in journey.deliveries.iter().filter(|delivery| delivery.state != DeliveryState::Delivered) {
        let why = delivery.finding.as_ref().map(|finding| finding.check.as_str());
        judged.lost(format!("{id}: {} is {} ({why:?})", delivery.sink, delivery.state.word()));
    }
}

/// Unknown outcomes of the attempts of a letter to a sink.
fn unknown(journeys: &HashMap<&str, MessageJourney>, control_id: &str, sink: &str) -> usize {
    let deliveries = journeys.get(control_id).into_iter().flat_map(|journey| &journey.deliveries);
    deliveries
        .filter(|delivery| delivery.sink.as_str() == sink)
        .flat_map(|delivery| &delivery.attempts)
        .filter(|attempt| attempt.outcome == AttemptState::Unknown)
        .count()
}

/// The registry can be asked: nothing excuses a second document.
fn documents(judged: &mut Judged, letters: &[Arc<Sending>], held: &[StoredDocument]) {
    let mut of: HashMap<&str, Vec<&StoredDocument>> = HashMap::new();
    for document in held {
        of.entry(document.unique_id.as_str()).or_default().push(document);
    }
    for letter in letters {
        let held = of.remove(letter.document.as_str()).unwrap_or_default();
        judged.copies(format!("{}: {DMP}", letter.control_id), held.len(), 0);
        if held.iter().any(|document| document.sha256 != letter.hash) {
            judged.altered(format!("{}: {DMP} holds other bytes", letter.control_id));
        }
    }
    for id in of.keys() {
        judged.altered(format!("{DMP} holds a document that nobody sent: {id}"));
    }
    let places: HashMap<&str, usize> =
        letters.iter().enumerate().map(|(at, letter)| (letter.document.as_str(), at)).collect();
    let came = held.iter().filter_map(|document| places.get(document.unique_id.as_str()).copied());
    judged.in_order(DMP, came.map(|at| (letters[at].person, at)));
}

/// A mail says which letter it is by the document in its archive, byte for byte.
fn mails(
    judged: &mut Judged,
    letters: &[Arc<Sending>],
    held: &[StoredMail],
    journeys: &HashMap<&str, MessageJourney>,
) {
    let places: HashMap<BodyId, usize> =
        letters.iter().enumerate().map(|(at, letter)| (letter.hash, at)).collect();
    let mut of: BTreeMap<usize, Vec<&StoredMail>> = BTreeMap::new();
    for mail in held {
        match carried(mail).into_iter().find_map(|hash| places.get(&hash).copied()) {
            Some(at) => of.entry(at).or_default().push(mail),
            None => judged.altered(format!("mail {} carries no document that was sent", mail.number)),
        }
    }
    for (at, letter) in letters.iter().enumerate() {
        let mails = of.get(&at).map(Vec::as_slice).unwrap_or_default();
        if mails.len() > 1 {
            judged.duplicated(format!("{}: {} Message-IDs", letter.control_id, mails.len()));
        }
        let copies = mails.first().map_or(0, |mail| mail.copies as usize);
        let unknown = unknown(journeys, &letter.control_id, MAIL);
        judged.copies(format!("{}: {MAIL}", letter.control_id), copies, unknown);
    }
    let mut came: Vec<(u64, usize)> =
        of.iter().flat_map(|(at, mails)| mails.iter().map(|mail| (mail.number, *at))).collect();
    came.sort_unstable();
    judged.in_order(MAIL, came.into_iter().map(|(_, at)| (letters[at].person, at)));
}

/// Hashes of the documents in the archive of a mail; none when it cannot be read.
fn carried(mail: &StoredMail) -> Vec<BodyId> {
    let Ok(mail) = mail.read() else { return Vec::new() };
    let archives = mail.leaves().filter(|part| part.media_type.ends_with("zip"));
    let read = archives.filter_map(|part| xdm::read(part.content(), &xdm::Limits::default()).ok());
    read.flat_map(|archive| archive.documents().map(|(_, bytes)| BodyId::of(bytes)).collect::<Vec<_>>())
        .collect()
}

/// A report that comes again is the same, byte for byte.
fn reports(
    judged: &mut Judged,
    letters: &[Arc<Sending>],
    received: &[Received],
    journeys: &HashMap<&str, MessageJourney>,
) {
    let mut of: HashMap<(&str, &str), (usize, usize)> = HashMap::new();
    let mut turned_away: HashMap<&str, usize> = HashMap::new();
    for report in received {
        let Some(answers) = &report.answers else {
            judged.altered(format!("a report answers nobody: {}", report.control_id));
            continue;
        };
        let (first, again) = of.entry((answers.as_str(), report.kind.as_str())).or_default();
        *(if report.repeated { again } else { first }) += 1;
        if report.fault == Some(Fault::AckAr) {
            *turned_away.entry(answers.as_str()).or_default() += 1;
        }
    }
    for letter in letters {
        let id = letter.control_id.as_str();
        let mut copies = 0;
        for kind in REPORTS {
            let (first, again) = of.get(&(id, kind)).copied().unwrap_or_default();
            copies += again;
            if first != 1 {
                judged.copies(format!("{id}: {kind}"), first, 0);
            }
        }
        // Both reports of a letter go to one sink: their excuses are counted together. One that was answered « not now »
        // was not taken.
        let copies = copies.saturating_sub(turned_away.get(id).copied().unwrap_or(0));
        judged.copies(format!("{id}: its reports"), 1 + copies, unknown(journeys, id, SENDER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> Vec<Arc<Sending>> {
        // The first and the last are about the same person.
        (0..=super::super::letters::PEOPLE).map(|at| Arc::new(Sending::number(at))).collect()
    }

    fn held(letter: &Sending) -> StoredDocument {
        StoredDocument {
            unique_id: letter.document.clone(),
            entry_uuid: String::new(),
            logical_id: String::new(),
            version: 1,
            status: "Approved".to_owned(),
            patient: String::new().into(),
            structure: String::new(),
            submission_set: String::new(),
            replaces: None,
            signature: false,
            type_code: String::new(),
            hash: String::new(),
            sha256: letter.hash,
            size: 1,
            stored_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn counts(change: impl FnOnce(&mut Vec<StoredDocument>)) -> Counts {
        let letters = letters();
        let mut registry: Vec<_> = letters.iter().map(|letter| held(letter)).collect();
        change(&mut registry);
        let mut judged = Judged::default();
        documents(&mut judged, &letters, &registry);
        judged.counts
    }

    #[test]
    fn each_way_to_break_the_promise_is_counted_for_what_it_is() {
        assert!(counts(|_| {}).holds());
        assert_eq!(counts(|held| drop(held.remove(3))).lost, 1);
        assert_eq!(counts(|held| held.push(held[3].clone())).duplicated, 1);
        assert_eq!(counts(|held| held[3].sha256 = BodyId::of(b"other")).altered, 1);
        assert_eq!(counts(|held| held.rotate_right(1)).reordered, 1);
        assert_eq!(counts(|held| held[3].unique_id = "1.2.3".to_owned()).altered, 1);
    }

    #[test]
    fn a_copy_is_excused_by_an_unknown_outcome_and_by_nothing_else() {
        let judged = |copies, unknown| {
            let mut judged = Judged::default();
            judged.copies(String::new(), copies, unknown);
            (judged.counts.lost, judged.counts.duplicated, judged.counts.possible_duplicates)
        };
        assert_eq!(judged(0, 5), (1, 0, 0));
        assert_eq!(judged(1, 0), (0, 0, 0));
        assert_eq!(judged(2, 1), (0, 0, 1));
        assert_eq!(judged(3, 1), (0, 1, 0));
    }
}
