//! How an attempt ends: the next state, the report to the sender, one commit for both.
//! In: what a sink answered. Out: one change, an event. Source: architecture §3, §4.3, §10.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use jonction_model::{Finding, ReportCode, Severity, Shape};
use jonction_ports::{Ending, Outcome, Part};

use super::{
    Lane, PAUSE,
    attempt::{Attempted, Loaded, read_json},
    settings::OnUnknown,
};
use crate::{
    LABEL_PLACE,
    error::Error,
    event::Event,
    journal::{
        Applied, AttemptState, Change, DeliveryState, Finish, NewDelivery, NewShape, Next, StoredDelivery,
    },
    plan::{Plan, Reported},
    route::Policy,
    shared::{Shared, blocking},
};

/// Longest delay a partner may ask for.
const AFTER_MAX: Duration = Duration::from_secs(86_400);

/// Journals the end of an attempt, with its report, and announces it.
pub(super) async fn finish(
    lane: &Arc<Lane>,
    loaded: &Arc<Loaded>,
    attempted: Attempted,
) -> Result<(), Error> {
    let Attempted { report, ids, began, started, unknown } = attempted;
    let now = lane.shared.clock.now();
    let stored = &loaded.stored;
    let verdict = judge(lane, stored, report.outcome, now);
    let mut notes = verdict.notes;
    notes.extend(report.notes);
    if started && stored.after_unknown && !lane.sink.probes() {
        notes.push(possible_duplicate());
    }
    let told = insist(lane, || {
        let (owned, subject, ended) = (lane.clone(), loaded.clone(), verdict.ended.clone());
        // The sink's own code runs here: a panic must not lose what the attempt did.
        let told = blocking(move || tell(&owned.shared, &owned.plan, &subject, ended, now));
        async { told.await.map_or(Ok(None), |told| told.map(Some)) }
    });
    let told = match told.await? {
        Some(told) => told,
        None => {
            notes.push(crate::router::panicked("le compte rendu à l'émetteur n'a pas pu être écrit"));
            Told::default()
        }
    };
    let next = next_state(verdict.ended, told.carried);
    let (state, next_at) = match &next {
        Next::Delivered => (DeliveryState::Delivered, None),
        Next::Refused(_) => (DeliveryState::Refused, None),
        Next::Parked(_) => (DeliveryState::Parked, None),
        Next::Again { next_at } => (DeliveryState::Retrying, Some(*next_at)),
    };
    let elapsed = began.elapsed();
    let finish = Finish {
        delivery: stored.id,
        at: now.as_millisecond(),
        duration_us: i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX),
        outcome: verdict.outcome,
        unknown,
        code: report.code,
        peer: report.peer,
        bytes_sent: report.bytes_sent,
        detail: verdict.detail.as_deref().map(|detail| without_label(detail, &loaded.part.label)),
        finding: verdict.finding.clone(),
        notes,
        next,
        shapes: told.shapes,
        replies: told.replies,
    };
    let wake: Vec<_> = finish.replies.iter().map(|reply| reply.sink.clone()).collect();
    let change = Change::Finish(Box::new(finish));
    let (answer, _) = insist(lane, || lane.shared.commit_one(change.clone())).await?;
    let Applied::Done(attempt) = answer else { return Ok(()) };
    lane.shared.wake(&wake);
    let failed = matches!(verdict.outcome, AttemptState::Retry | AttemptState::Unknown);
    let error = verdict.finding.as_ref().filter(|_| failed).map(|finding| finding.check.as_str());
    lane.shared.lane_answered(&lane.name, error);
    tracing::debug!(
        lane = lane.name.as_str(),
        delivery = stored.id.0,
        attempt,
        started,
        outcome = verdict.outcome.word(),
        error_code = verdict.finding.as_ref().map(|finding| finding.check.as_str()),
        elapsed_ms = elapsed.as_millis() as u64,
        "attempt ended"
    );
    lane.shared.say(Event::Attempt {
        message: stored.message,
        delivery: stored.id,
        route: stored.route.clone(),
        age: Duration::from_millis(u64::try_from(lane.shared.now() - stored.received_at).unwrap_or(0)),
        sink: stored.sink.clone(),
        label: loaded.part.label.clone(),
        is_report: stored.is_report,
        attempt,
        outcome: verdict.outcome,
        detail: verdict.detail,
        finding: verdict.finding,
        state,
        next_at: next_at.and_then(|at| Timestamp::from_millisecond(at).ok()),
        elapsed,
        ids,
    });
    Ok(())
}

/// Tries until the journal takes it. Nobody else knows how the attempt ended: given up, the delivery would hold its key
/// as « sending » until the next start, though the disk may have room again in a minute.
async fn insist<T, F>(lane: &Lane, mut run: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        match run().await {
            Err(error) if !matches!(error, Error::Closed) => {
                tracing::error!(lane = lane.name.as_str(), error_code = error.code(), %error, "ending not journaled yet");
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

/// What an outcome means, before it is known who learns of it.
struct Judged {
    outcome: AttemptState,
    ended: Ended,
    detail: Option<String>,
    finding: Option<Finding>,
    notes: Vec<Finding>,
}

/// How a delivery goes on.
#[derive(Clone)]
pub(crate) enum Ended {
    Delivered,
    Refused(ReportCode),
    Parked,
    Again(i64),
}

fn judge(lane: &Lane, stored: &StoredDelivery, outcome: Outcome, now: Timestamp) -> Judged {
    let judged =
        |outcome, ended, finding| Judged { outcome, ended, detail: None, finding, notes: Vec::new() };
    let parks_unknown = lane.settings.on_unknown == OnUnknown::Park && !lane.sink.probes();
    let (outcome, after, finding) = match outcome {
        Outcome::Done { detail } => {
            let done = judged(AttemptState::Done, Ended::Delivered, None);
            return Judged { detail: Some(detail), ..done };
        }
        Outcome::Park { finding } => return judged(AttemptState::Parked, Ended::Parked, Some(finding)),
        Outcome::Refuse { finding, code } => {
            return judged(AttemptState::Refused, Ended::Refused(code), Some(finding));
        }
        Outcome::Retry { after, finding } => (AttemptState::Retry, after, finding),
        Outcome::Unknown { finding } if parks_unknown => {
            let parked = judged(AttemptState::Unknown, Ended::Parked, Some(unknown_outcome(&finding.check)));
            return Judged { notes: vec![finding], ..parked };
        }
        Outcome::Unknown { finding } => (AttemptState::Unknown, None, finding),
    };
    let policy = lane.plan.policy(&stored.route, &stored.sink, stored.is_report);
    let attempts = stored.attempts.saturating_add(1);
    // What waits for a closed partner does not age.
    let since = Timestamp::from_millisecond(stored.ages_from).unwrap_or(now);
    let received = Timestamp::from_millisecond(stored.received_at).unwrap_or(now);
    let binding = lane.plan.binding(&stored.route, &stored.sink).filter(|_| !stored.is_report);
    let could_leave = binding.map_or(i64::MAX, |binding| binding.departure.open_ms(received, since, now));
    let age = u64::try_from(lane.settings.hours.open_ms(since, now).min(could_leave)).unwrap_or(0);
    if Duration::from_millis(age) >= policy.give_up {
        let gave_up = gave_up(attempts, &policy, &finding);
        return Judged { notes: vec![finding], ..judged(outcome, Ended::Parked, Some(gave_up)) };
    }
    let delay = policy.delay(attempts, lane.shared.entropy.number());
    let delay = delay.max(after.unwrap_or_default().min(AFTER_MAX));
    let next_at = now.as_millisecond().saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
    judged(outcome, Ended::Again(next_at), Some(finding))
}

fn gave_up(attempts: u32, policy: &Policy, last: &Finding) -> Finding {
    let hours = policy.give_up.as_secs() / 3600;
    let age = if hours > 0 { format!("{hours} h") } else { format!("{} s", policy.give_up.as_secs()) };
    Finding::error(
        "engine.gave-up",
        format!(
            "toujours pas parti après {attempts} essais et plus de {age} ; dernière raison : {}",
            last.check
        ),
    )
    .remedy("voir cette raison, puis libérer (jonction parked release) ou refuser (jonction parked refuse)")
}

/// The policy of a lane whose partner cannot be asked. Source: decision 0019.
pub(crate) fn unknown_outcome(cause: &str) -> Finding {
    let sentence =
        format!("nul ne sait si le partenaire l'a reçu, et il ne peut pas être interrogé ({cause})");
    Finding::error("engine.unknown-outcome", sentence).remedy(
        "demander au partenaire s'il l'a reçu ; sinon le libérer (jonction parked release), ou le refuser \
         (jonction parked refuse)",
    )
}

/// The mark of a resend: the same bytes and the same identifiers, by which the partner knows them again.
fn possible_duplicate() -> Finding {
    Finding::new(
        Severity::Info,
        "engine.possible-duplicate",
        "renvoyé à l'identique, sous le même identifiant : l'issue de l'envoi précédent est inconnue",
    )
}

/// A report as rows.
#[derive(Default)]
pub(crate) struct Told {
    carried: bool,
    pub(crate) shapes: Vec<NewShape>,
    pub(crate) replies: Vec<NewDelivery>,
}

/// Asks who learns of an ending. Reports of reports do not exist.
pub(crate) fn tell(
    shared: &Shared,
    plan: &Plan,
    loaded: &Loaded,
    ended: Ended,
    at: Timestamp,
) -> Result<Told, Error> {
    let ending = match &ended {
        Ended::Delivered => Ending::Delivered,
        Ended::Refused(code) => Ending::Refused(code),
        Ended::Parked | Ended::Again(_) => return Ok(Told::default()),
    };
    let stored = &loaded.stored;
    let Some(shape) = loaded.shape.as_deref().filter(|_| !stored.is_report) else {
        return Ok(Told::default());
    };
    let reported = report(plan, stored, shape, &loaded.part, &ending, at);
    let mut told = Told::default();
    for reported in reported.into_iter().chain(whole(shared, plan, stored, &ending, at)?) {
        // A refusal that nobody carries stays with its delivery, which is parked.
        if reported.carried() || matches!(ended, Ended::Delivered) {
            let (shape, replies) =
                reported.rows(told.shapes.len(), None, &shared.hasher, &*shared.journal)?;
            told.carried |= reported.carried();
            told.shapes.push(shape);
            told.replies.extend(replies);
        }
    }
    Ok(told)
}

/// What is told of the whole message, where somebody does: what it is stands in the journal.
fn whole(
    shared: &Shared,
    plan: &Plan,
    stored: &StoredDelivery,
    ending: &Ending<'_>,
    at: Timestamp,
) -> Result<Option<Reported>, Error> {
    if !plan.tells_whole(&stored.route) {
        return Ok(None);
    }
    let Some(message) = shared.journal.message(stored.message)? else { return Ok(None) };
    let Some(first) = shared.journal.understood(stored.message)? else { return Ok(None) };
    // What cannot be read any more tells nothing.
    let Ok(Ok(understood)) = read_json(&*shared.journal, &first, true) else { return Ok(None) };
    let told =
        crate::plan::Told { message: &message.raw, door: &message.facts.profile, understood: &understood };
    Ok(plan.outcome(&stored.route, &told, ending, at))
}

fn report(
    plan: &Plan,
    stored: &StoredDelivery,
    shape: &Shape,
    part: &Part,
    ending: &Ending<'_>,
    at: Timestamp,
) -> Option<Reported> {
    plan.report(&stored.route, &stored.sink, shape, part, ending, at)
}

/// A refusal that nobody would learn of waits for a human. Source: architecture §10 « Admission ».
fn next_state(ended: Ended, carried: bool) -> Next {
    match ended {
        Ended::Delivered => Next::Delivered,
        Ended::Refused(code) if carried => Next::Refused(code),
        Ended::Refused(code) => Next::Parked(Some(code)),
        Ended::Parked => Next::Parked(None),
        Ended::Again(next_at) => Next::Again { next_at },
    }
}

/// Labels stay in bodies: they may name a professional.
fn without_label(detail: &str, label: &str) -> String {
    if label.is_empty() { detail.to_owned() } else { detail.replace(label, LABEL_PLACE) }
}
