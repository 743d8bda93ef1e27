//! What every journal must do, whoever wrote it: one suite, run against each implementation.
//! In: a function that opens an empty journal. Out: nothing, or a failed assertion.

use std::collections::BTreeMap;

use bytes::Bytes;
use jonction_model::{ContentRef, Finding, PartnerName, ReportCode, RouteName};
use jonction_ports::{Artefact, BodyError, DeliveryId, MessageFacts, MessageId};
use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::{
    index_key::KeyHash,
    order::{
        Author, Reason,
        retention::{Aging, Destroyed},
    },
    questions::AuditQuery,
};

fn sink() -> PartnerName {
    PartnerName::parse("dmp").unwrap()
}

fn keep(journal: &dyn Journal, bytes: impl Into<Bytes>) -> NewBody {
    journal.keep(bytes.into()).unwrap()
}

fn arrive(journal: &dyn Journal, content: &str, number: u8) -> Change {
    let mut digest = [0; 32];
    digest[..content.len()].copy_from_slice(content.as_bytes());
    Change::Arrive(Box::new(Arrive {
        partner: PartnerName::parse("sil").unwrap(),
        peer: "127.0.0.1:1".into(),
        received_at: 1_000,
        facts: MessageFacts::default(),
        findings: vec![],
        accepted: true,
        raw: keep(journal, content.to_owned()),
        reply: keep(journal, format!("ack {content}")),
        conflict_reply: None,
        repeat: Some(RepeatKey { key: KeyHash([number; 16]), digest }),
    }))
}

fn one(journal: &dyn Journal, change: Change) -> (Applied, LoadChange) {
    let mut committed = journal.commit(&[vec![change]]).unwrap();
    (committed.answers.remove(0).remove(0), committed.load)
}

/// Routes a message into deliveries with these ordering keys; `None`: order is free.
fn route(journal: &dyn Journal, message: u64, keys: &[Option<u8>], at: Millis) -> LoadChange {
    let (answer, load) = try_route(journal, message, keys, at);
    assert_eq!(answer, Applied::Done(0));
    load
}

fn try_route(journal: &dyn Journal, message: u64, keys: &[Option<u8>], at: Millis) -> (Applied, LoadChange) {
    let part = keep(journal, r#"{"key":"lot","label":"lot","ordering":null,"due":"owed"}"#);
    let deliveries = keys.iter().map(|key| NewDelivery {
        shape: 0,
        sink: sink(),
        ordering: key.map(|key| KeyHash([key; 16])),
        part: part.clone(),
        birth: Birth::Owed,
        recipient: None,
        cause: None,
        whole: None,
        earlier: Vec::new(),
    });
    let routed = Routed {
        message: MessageId(message),
        at,
        commit_us: None,
        route: RouteName::parse("essai").unwrap(),
        version: Version { hash: BodyId::of(b"v"), text: "{}".into() },
        findings: vec![],
        shapes: vec![NewShape { name: "document-submission", body: keep(journal, "{}") }],
        keys: vec![],
        deliveries: deliveries.collect(),
        once: vec![],
        edited: false,
        answers: vec![],
    };
    one(journal, Change::Route(Box::new(routed)))
}

fn start(journal: &dyn Journal, delivery: u64) -> (Applied, LoadChange) {
    let piece = keep(journal, "bytes to send");
    let artefact = Artefact {
        ids: serde_json::json!({ "uid": delivery }),
        pieces: vec![ContentRef::whole(piece.id, piece.length)],
    };
    let prepared = Some(NewArtefact { artefact, bodies: vec![piece], keys: vec![], awaits: vec![] });
    one(journal, Change::Start(Box::new(Start { delivery: DeliveryId(delivery), at: 0, prepared })))
}

fn finish(journal: &dyn Journal, delivery: u64, next: Next) -> (Applied, LoadChange) {
    finish_with(journal, delivery, next, None)
}

fn finish_with(
    journal: &dyn Journal,
    delivery: u64,
    next: Next,
    finding: Option<Finding>,
) -> (Applied, LoadChange) {
    let finish = Finish {
        delivery: DeliveryId(delivery),
        at: 0,
        duration_us: 1,
        outcome: AttemptState::Done,
        unknown: false,
        code: None,
        peer: None,
        bytes_sent: 0,
        detail: None,
        finding,
        notes: vec![],
        next,
        shapes: vec![],
        replies: vec![],
    };
    one(journal, Change::Finish(Box::new(finish)))
}

fn order(at: Millis, deed: Deed) -> Change {
    let (author, reason) = (Author::parse("marie").unwrap(), Reason::parse("essai").ok());
    Change::Order(Box::new(NewOrder { at, author, reason, deed }))
}

fn refuse(delivery: u64) -> Deed {
    Deed::Refuse(Box::new(HandRefusal {
        delivery: DeliveryId(delivery),
        finding: Finding::error("x", "x"),
        code: ReportCode::new("x", "x"),
        shapes: vec![],
        replies: vec![],
    }))
}

fn ready(journal: &dyn Journal, now: Millis) -> Vec<u64> {
    let mut ready: Vec<_> = journal.due(&sink(), now, 1000).unwrap().ready.iter().map(|id| id.0).collect();
    ready.sort_unstable();
    ready
}

/// Runs everything.
pub(crate) fn run<J: Journal + Questions, G>(open: impl Fn() -> (J, G)) {
    repeats_in_one_batch_are_one_message(&open().0);
    a_change_that_comes_too_late_is_skipped(&open().0);
    a_message_is_never_routed_before_an_older_one(&open().0);
    what_was_being_sent_is_unknown_after_a_start(&open().0);
    bodies_are_kept_once_and_read_in_pieces(&open().0);
    a_note_replaces_the_one_of_its_name(&open().0);
    an_order_and_its_audit_row_are_one(&open().0);
    a_purge_destroys_what_nobody_needs_and_the_lines_still_close(&open().0);
    what_fails_and_what_is_not_delivered_is_told(&open().0);
    heads_and_load_agree_with_their_definition(&open);
}

fn what_fails_and_what_is_not_delivered_is_told(journal: &(impl Journal + Questions)) {
    for (content, number) in [("a", 1), ("b", 2), ("c", 3)] {
        one(journal, arrive(journal, content, number));
    }
    let nothing = journal.recent().unwrap();
    assert_eq!(
        (nothing.last_message_at.map(|at| at.as_millisecond()), nothing.lanes.len()),
        (Some(1_000), 0)
    );
    route(journal, 1, &[None], 0);
    route(journal, 2, &[None], 0);
    start(journal, 1);
    finish(journal, 1, Next::Delivered);
    start(journal, 2);
    let why = Finding::warning("net.refused", "rien n'écoute");
    finish_with(journal, 2, Next::Again { next_at: 9_000 }, Some(why.clone()));

    let failure = |journal: &dyn Questions| journal.recent().unwrap().lanes.remove(0).failure;
    let lane = &journal.recent().unwrap().lanes[0];
    assert_eq!((lane.partner.as_str(), lane.last_success_at.map(|at| at.as_millisecond())), ("dmp", Some(0)));
    let told = failure(journal).unwrap();
    assert_eq!((told.finding, told.again_at.map(|at| at.as_millisecond())), (why, Some(9_000)));
    // Message 1 is delivered, 2 is not, 3 is not routed.
    let all = crate::Window::default();
    let troubled = journal.troubled(all, "", 10).unwrap();
    assert_eq!((troubled.messages, troubled.total), (vec![MessageId(2), MessageId(3)], 2));
    let cut = journal.troubled(all, "", 1).unwrap();
    assert_eq!((cut.messages, cut.total), (vec![MessageId(2)], 2), "what is left out is counted");
    assert_eq!(journal.troubled(all, "other", 10).unwrap().total, 0);

    start(journal, 2);
    finish(journal, 2, Next::Delivered);
    assert_eq!(failure(journal), None, "what succeeded fails no more");
    assert_eq!(journal.troubled(all, "", 10).unwrap().messages, [MessageId(3)]);
}

fn repeats_in_one_batch_are_one_message(journal: &(impl Journal + Questions)) {
    let batch = ["a", "a", "b"].map(|content| vec![arrive(journal, content, 1)]);
    let committed = journal.commit(&batch).unwrap();
    let answers: Vec<_> = committed.answers.iter().map(|answers| &answers[0]).collect();
    assert!(matches!(answers[0], Applied::Accepted { message: MessageId(1), reused: false }));
    let Applied::Repeated { message: MessageId(1), reply } = answers[1] else { panic!("{answers:?}") };
    assert_eq!(journal.read(reply, 100).unwrap(), "ack a");
    assert!(matches!(answers[2], Applied::Accepted { message: MessageId(2), reused: true }));
    assert_eq!(committed.load, LoadChange { messages: 2, deliveries: 0 });
    let balance = journal.balance(crate::Window::default()).unwrap();
    assert_eq!((balance.total.messages.received, balance.total.messages.repeated), (3, 1));
    assert!(balance.closes());
}

fn a_change_that_comes_too_late_is_skipped(journal: &dyn Journal) {
    one(journal, arrive(journal, "a", 1));
    route(journal, 1, &[None], 5);
    assert_eq!(start(journal, 1).0, Applied::Done(1));
    assert_eq!(start(journal, 1).0, Applied::Skipped, "it is running");
    assert_eq!(finish(journal, 1, Next::Delivered).0, Applied::Done(1));
    assert_eq!(finish(journal, 1, Next::Delivered).0, Applied::Skipped, "it ended");
    let release = order(9, Deed::Release { delivery: DeliveryId(1) });
    assert_eq!(one(journal, release).0, Applied::Skipped, "it is not parked");
    let again = order(9, Deed::RouteAgain { message: MessageId(1) });
    assert_eq!(one(journal, again).0, Applied::Skipped);
    let stored = journal.delivery(DeliveryId(1)).unwrap().unwrap();
    assert_eq!((stored.state, stored.attempts), (DeliveryState::Delivered, 1));
    assert_eq!(stored.artefact.unwrap().ids["uid"], 1);
    assert!(journal.delivery(DeliveryId(2)).unwrap().is_none());
}

/// The commit of the older one failed, that of the younger one was queued behind it.
fn a_message_is_never_routed_before_an_older_one(journal: &dyn Journal) {
    one(journal, arrive(journal, "a", 1));
    one(journal, arrive(journal, "b", 2));
    assert_eq!(try_route(journal, 2, &[Some(1)], 5).0, Applied::Skipped);
    route(journal, 1, &[Some(1)], 5);
    route(journal, 2, &[Some(1)], 5);
    let of = |delivery| journal.delivery(DeliveryId(delivery)).unwrap().unwrap().message.0;
    assert_eq!((of(1), of(2)), (1, 2));
}

fn what_was_being_sent_is_unknown_after_a_start(journal: &(impl Journal + Questions)) {
    one(journal, arrive(journal, "a", 1));
    route(journal, 1, &[Some(1), Some(1)], 5);
    start(journal, 1);
    assert_eq!(ready(journal, 10), [] as [u64; 0]);
    one(journal, Change::Recover { at: 7, sinks: vec![sink()], ask: vec![] });
    assert_eq!(ready(journal, 10), [1]);
    assert!(journal.delivery(DeliveryId(1)).unwrap().unwrap().after_unknown);
    let journey = journal.journey(MessageId(1)).unwrap().unwrap();
    assert_eq!(journey.deliveries[0].attempts[0].outcome, AttemptState::Unknown);
    // A lane that is gone parks what it owes; back, it goes on from its head.
    let (_, load) = one(journal, Change::Recover { at: 8, sinks: vec![], ask: vec![] });
    assert_eq!((load.deliveries, ready(journal, 10).len()), (-1, 0));
    one(journal, Change::Recover { at: 9, sinks: vec![sink()], ask: vec![] });
    assert_eq!(ready(journal, 10), [1]);
}

fn bodies_are_kept_once_and_read_in_pieces(journal: &dyn Journal) {
    let small = keep(journal, "0123456789");
    one(journal, arrive(journal, "0123456789", 1));
    let range = ContentRef { start: 2, end: 5, ..ContentRef::whole(small.id, small.length) };
    assert_eq!(journal.read(&range, 10).unwrap(), "234");
    assert!(journal.verify(small.id).is_ok());
    assert!(matches!(journal.verify(BodyId::of(b"nothing")), Err(BodyError::Missing(_))));
}

fn a_note_replaces_the_one_of_its_name(journal: &dyn Journal) {
    assert_eq!(journal.noted("incidents").unwrap(), None);
    for text in ["[]", "[1]"] {
        one(journal, Change::Note { name: "incidents", text: text.to_owned() });
    }
    assert_eq!(journal.noted("incidents").unwrap().as_deref(), Some("[1]"));
    assert_eq!(journal.noted("format").unwrap(), None, "what the store says of itself is not a note");
}

fn an_order_and_its_audit_row_are_one(journal: &(impl Journal + Questions)) {
    one(journal, arrive(journal, "a", 1));
    route(journal, 1, &[Some(1), Some(2), Some(3)], 5);
    for delivery in [1, 2] {
        start(journal, delivery);
        finish(journal, delivery, Next::Parked(None));
    }
    let release = |delivery| order(9, Deed::Release { delivery: DeliveryId(delivery) });
    // What does nothing says nothing; what one request tells is told together, in order.
    let batch = [vec![release(3)], vec![release(1), order(9, refuse(2))]];
    let answers = journal.commit(&batch).unwrap().answers;
    assert_eq!(answers[0], [Applied::Skipped]);
    let heads: Vec<_> = answers[1]
        .iter()
        .map(|answer| match answer {
            Applied::Ordered(head) => *head,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(heads.iter().map(|head| head.count).collect::<Vec<_>>(), [1, 2]);

    let lines = journal.audit(&AuditQuery { limit: 10, ..AuditQuery::default() }).unwrap();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.row.number, line.row.act.as_str(), line.row.message, line.row.delivery))
        .collect();
    assert_eq!(told, [(2, "refuse", Some(1), Some(2)), (1, "release", Some(1), Some(1))]);
    assert_eq!((lines[0].row.author.as_str(), lines[0].row.reason.as_deref()), ("marie", Some("essai")));
    let limit = AuditQuery { act: Some("release".into()), message: Some(1), before: Some(2), limit: 1 };
    assert_eq!(journal.audit(&limit).unwrap(), lines[1..]);

    let verdict = journal.verify_audit(Some(heads[0].hash)).unwrap();
    assert_eq!((verdict.head, verdict.broken, verdict.noted), (heads[1], None, Some(1)));
    assert_eq!(journal.verify_audit(Some(AuditHash::START)).unwrap().noted, None);
}

fn purge(journal: &(impl Journal + Questions), what: Aging, before: Millis) -> Option<Destroyed> {
    let window = journal.purge_window(what, before, None).unwrap();
    assert_eq!(window.next, None, "few enough for one step");
    let purge = NewPurge { what, before, messages: window.messages };
    match one(journal, order(20, Deed::Purge(Box::new(purge)))).0 {
        Applied::Destroyed(_, destroyed) => Some(*destroyed),
        Applied::Skipped => None,
        other => panic!("{other:?}"),
    }
}

/// What was delivered of three messages of which the third goes on, and what the three share.
fn a_purge_destroys_what_nobody_needs_and_the_lines_still_close(journal: &(impl Journal + Questions)) {
    for (number, content) in [(1, "first message"), (2, "second message"), (3, "third message")] {
        one(journal, arrive(journal, content, number));
        route(journal, number.into(), &[None], 5);
    }
    for delivery in [1, 2] {
        start(journal, delivery);
        finish(journal, delivery, Next::Delivered);
    }
    start(journal, 3);
    one(journal, order(9, Deed::LegalHold(LegalKey::Message(MessageId(2)))));
    let holds = journal.legal_holds().unwrap();
    assert_eq!((holds.len(), holds[0].number, holds[0].name.as_str()), (1, 1, "2"));
    let whole = journal.balance(crate::Window::default()).unwrap();
    let body = |content: &str| journal.verify(BodyId::of(content.as_bytes()));
    let (shared, ack) = ("bytes to send", "ack first message");

    // The first goes alone: the second is held, the third has not ended; what they share with it stays.
    let seen = journal.purge_window(Aging::Bodies, 10_000, None).unwrap();
    assert_eq!((seen.messages, seen.held, seen.open), (vec![MessageId(1)], 1, 1));
    assert!(journal.purge_window(Aging::Bodies, 1_000, None).unwrap().messages.is_empty(), "not old enough");
    let preview = journal.purge_preview(Aging::Bodies, 10_000).unwrap().destroyed;
    let gone = purge(journal, Aging::Bodies, 10_000).unwrap();
    assert_eq!((gone.messages, gone.bodies, gone.bytes), (1, 1, "first message".len() as u64));
    assert_eq!((preview.messages, preview.bodies, preview.bytes), (gone.messages, gone.bodies, gone.bytes));
    assert!(matches!(body("first message"), Err(BodyError::Missing(_))));
    assert!(body(shared).is_ok() && body("second message").is_ok() && body(ack).is_ok());
    assert_eq!(purge(journal, Aging::Bodies, 10_000), None, "gone is gone");

    // Named a moment ago, held since: not destroyed.
    let named = NewPurge { what: Aging::Bodies, before: 10_000, messages: vec![MessageId(2), MessageId(3)] };
    assert_eq!(one(journal, order(9, Deed::Purge(Box::new(named)))).0, Applied::Skipped);

    finish(journal, 3, Next::Delivered);
    one(journal, order(9, Deed::LegalLift { hold: 1 }));
    let lift = order(9, Deed::LegalLift { hold: 1 });
    assert_eq!(one(journal, lift).0, Applied::Skipped, "lifted once");
    let gone = purge(journal, Aging::Bodies, 10_000).unwrap();
    assert_eq!((gone.messages, gone.first, gone.last), (2, Some(MessageId(2)), Some(MessageId(3))));
    assert!(matches!(body(shared), Err(BodyError::Missing(_))));
    let journey = journal.journey(MessageId(1)).unwrap().unwrap();
    assert!(journey.purged_at.is_some() && journey.deliveries[0].attempts.len() == 1, "the story stays");

    // The same bytes, once more: they are stored anew.
    assert!(matches!(one(journal, arrive(journal, "first message", 9)).0, Applied::Accepted { .. }));
    assert!(body("first message").is_ok());

    // Rows go, totals stay; the highest numbers are never given again.
    let preview = journal.purge_preview(Aging::Metadata, 10_000).unwrap().destroyed;
    let gone = purge(journal, Aging::Metadata, 10_000).unwrap();
    assert_eq!((gone.messages, gone.last), (2, Some(MessageId(2))), "the third has the highest delivery");
    assert_eq!((preview.messages, preview.bodies), (gone.messages, gone.bodies));
    assert!(journal.journey(MessageId(1)).unwrap().is_none());
    assert!(body(ack).is_ok() && body("ack second message").is_err());
    assert!(body("first message").is_ok(), "the message that came later needs it");
    let after = journal.balance(crate::Window::default()).unwrap();
    assert!(after.closes(), "{after:?}");
    let waiting = after.total.messages.waiting;
    assert_eq!((after.total.messages.received, waiting), (whole.total.messages.received + 1, 1));
    assert_eq!((after.total.deliveries.owed, after.total.deliveries.delivered), (3, 3));
    assert_eq!(journal.verify_audit(None).unwrap().broken, None);
}

/// One step of a random life.
#[derive(Clone, Debug)]
enum Step {
    Create(Option<u8>),
    Done(usize),
    Park(usize),
    Again(usize),
    Release(usize),
    Refuse(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::option::weighted(0.8, 0..3_u8).prop_map(Step::Create),
        3 => (0..9_usize).prop_map(Step::Done),
        2 => (0..9_usize).prop_map(Step::Park),
        2 => (0..9_usize).prop_map(Step::Again),
        2 => (0..9_usize).prop_map(Step::Release),
        1 => (0..9_usize).prop_map(Step::Refuse),
    ];
    prop::collection::vec(step, 1..40)
}

/// Heads by their definition: claimable, and nothing older of the same key that has not ended.
fn heads(model: &BTreeMap<u64, (Option<u8>, DeliveryState)>) -> Vec<u64> {
    let claimable = |state| state < DeliveryState::Sending;
    let first = |id: u64, key: Option<u8>| {
        key.is_none()
            || !model.iter().any(|(other, (k, state))| *other < id && *k == key && !state.is_final())
    };
    model
        .iter()
        .filter(|(id, (key, state))| claimable(*state) && first(**id, *key))
        .map(|(id, _)| *id)
        .collect()
}

/// Open deliveries per state, as the journal counts them.
fn counted(journal: &impl Questions) -> [u64; 4] {
    let queues = journal.queues().unwrap();
    let lane = queues.lanes.first().map(|lane| [lane.waiting, lane.retrying, lane.sending, lane.parked]);
    assert!(queues.lanes.len() < 2, "{queues:?}");
    let owed = queues.lanes.first().is_some_and(|lane| lane.owed() > 0);
    assert_eq!(owed, queues.lanes.iter().any(|lane| lane.oldest_at.is_some()));
    lane.unwrap_or_default()
}

fn by_state(model: &BTreeMap<u64, (Option<u8>, DeliveryState)>) -> [u64; 4] {
    [DeliveryState::Waiting, DeliveryState::Retrying, DeliveryState::Sending, DeliveryState::Parked]
        .map(|state| model.values().filter(|(_, known)| *known == state).count() as u64)
}

fn heads_and_load_agree_with_their_definition<J: Journal + Questions, G>(open: &impl Fn() -> (J, G)) {
    let config = ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() };
    let live = |steps: Vec<Step>| {
        let (journal, _guard) = open();
        let mut model: BTreeMap<u64, (Option<u8>, DeliveryState)> = BTreeMap::new();
        let mut load = 0;
        for step in steps {
            let ready_now = ready(&journal, 10);
            let parked: Vec<u64> = model
                .iter()
                .filter(|(_, (_, state))| *state == DeliveryState::Parked)
                .map(|(id, _)| *id)
                .collect();
            let (pool, at) = match step {
                Step::Create(_) => (&ready_now, 0),
                Step::Done(at) | Step::Park(at) | Step::Again(at) => (&ready_now, at),
                Step::Release(at) | Step::Refuse(at) => (&parked, at),
            };
            let chosen = pool.get(at % pool.len().max(1)).copied();
            let (change, state) = match (step, chosen) {
                (Step::Create(key), _) => {
                    let message = model.len() as u64 + 1;
                    one(&journal, arrive(&journal, &format!("m{message}"), 1));
                    load += route(&journal, message, &[key], 5).deliveries;
                    model.insert(model.len() as u64 + 1, (key, DeliveryState::Waiting));
                    (LoadChange::default(), None)
                }
                (_, None) => continue,
                (Step::Release(_), Some(id)) => {
                    let release = order(5, Deed::Release { delivery: DeliveryId(id) });
                    (one(&journal, release).1, Some((id, DeliveryState::Retrying)))
                }
                (Step::Refuse(_), Some(id)) => {
                    (one(&journal, order(5, refuse(id))).1, Some((id, DeliveryState::Refused)))
                }
                (step, Some(id)) => {
                    assert!(matches!(start(&journal, id).0, Applied::Done(_)));
                    let (next, state) = match step {
                        Step::Done(_) => (Next::Delivered, DeliveryState::Delivered),
                        Step::Park(_) => (Next::Parked(None), DeliveryState::Parked),
                        _ => (Next::Again { next_at: 6 }, DeliveryState::Retrying),
                    };
                    (finish(&journal, id, next).1, Some((id, state)))
                }
            };
            load += change.deliveries;
            if let Some((id, state)) = state {
                model.get_mut(&id).unwrap().1 = state;
            }
            prop_assert_eq!(ready(&journal, 10), heads(&model));
            prop_assert_eq!(journal.load().unwrap().deliveries, load);
            prop_assert_eq!(counted(&journal), by_state(&model));
            prop_assert!(journal.tally_agrees().unwrap());
        }
        prop_assert!(journal.balance(crate::Window::default()).unwrap().closes());
        Ok(())
    };
    TestRunner::new(config).run(&steps(), live).unwrap();
}
