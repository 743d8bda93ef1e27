//! A status on a terminal, and as one line of a Nagios or Centreon plugin.

use jonction_engine::{HoldLine, Queue};

use super::{count, day, duration, number, padded, size, time};
use crate::{
    cli::StatusArgs,
    commands::status::{Lane, LaneView, Level, Status},
};

/// One screen.
pub(crate) fn screen(status: &Status) -> String {
    let mut text = head(status);
    text += &format!(
        "journal      {}   dernier message {}   dernière écriture {}\n",
        status.data.display(),
        moment(status, status.recent.last_message_at),
        moment(status, status.recent.last_commit_at)
    );
    text += &format!(
        "attend       {} à router   {} à envoyer   mis de côté {}   retenu {}\n",
        number(status.queues.messages_waiting),
        number(status.waiting() - status.queues.messages_waiting),
        number(status.parked()),
        number(status.held())
    );
    for hold in &status.holds {
        text += &format!(
            "retenu       {} {}, {}, par {} depuis {}\n",
            hold.kind,
            hold.name,
            waiting(hold),
            hold.author,
            moment(status, Some(hold.since))
        );
    }
    if let Some(disk) = status.disk {
        text += &format!("disque       {} libres sur {}\n", size(disk.free), size(disk.size));
    }
    for certificate in &status.certificates {
        text += &format!(
            "certificat   {}   jusqu'au {} ({} jours)\n",
            certificate.name,
            day(certificate.not_after),
            certificate.days_left
        );
    }
    let lanes = status.lanes();
    if !lanes.is_empty() {
        text += &format!(
            "\n{}  {}  {:>9}  {:>11}  {:>11}  {}\n",
            padded("partenaire", 20),
            padded("file", 10),
            "attendent",
            "plus ancien",
            "mis de côté",
            "dernier succès"
        );
    }
    for view in &lanes {
        text += &lane(status, view);
    }
    text += "\n";
    if status.problems.is_empty() {
        text += "tout va bien\n";
    }
    for problem in &status.problems {
        let word = if problem.level == Level::Critical { "grave" } else { "à voir" };
        text += &format!("{}  {}\n", padded(word, 8), problem.sentence);
    }
    for incident in status.live.iter().flat_map(|live| &live.incidents) {
        text += &format!("          depuis {} : {}\n", time(incident.since), incident.todo);
    }
    text
}

/// What waits for a hold: `3 messages, 12 envois`.
pub(crate) fn waiting(hold: &HoldLine) -> String {
    let of = |n: u64, what| count(usize::try_from(n).unwrap_or(usize::MAX), what);
    match hold.messages {
        0 => of(hold.waiting, "envoi"),
        messages => format!("{}, {}", of(messages, "message"), of(hold.waiting, "envoi")),
    }
}

fn head(status: &Status) -> String {
    match (&status.live, &status.process) {
        (Some(live), _) => format!(
            "passerelle   {} {}, en marche depuis {}{}\n",
            live.gateway.name,
            live.gateway.version,
            moment(status, Some(live.gateway.started_at)),
            if live.readiness.ready { ", prête" } else { ", PAS PRÊTE" }
        ),
        (None, Some(process)) => {
            format!(
                "passerelle   processus {process}, son administration ne répond pas ; le reste vient du journal\n"
            )
        }
        (None, None) => "passerelle   ne tourne pas ; tout ce qui suit vient du journal\n".to_owned(),
    }
}

fn lane(status: &Status, view: &LaneView<'_>) -> String {
    let LaneView { name, queue, recent, live } = *view;
    let oldest = queue.and_then(|queue| queue.oldest_at);
    let mut line = format!(
        "{}  {}  {:>9}  {:>11}  {:>11}  {}\n",
        padded(name, 20),
        padded(&standing(live), 10),
        number(queue.map_or(0, Queue::owed)),
        oldest.map_or_else(|| "—".to_owned(), |since| duration(status.age(since))),
        number(queue.map_or(0, |queue| queue.parked)),
        moment(status, recent.and_then(|recent| recent.last_success_at))
    );
    if let Some(failure) = recent.and_then(|recent| recent.failure.as_ref()) {
        let again = failure.again_at.map_or_else(String::new, |at| format!(", reprise à {}", time(at)));
        line += &format!(
            "    essai {} : {} ({}{again})\n",
            failure.attempts, failure.finding.sentence, failure.finding.check
        );
    }
    line
}

fn standing(live: Option<&Lane>) -> String {
    match live.map(|lane| (lane.state.as_str(), lane.until, lane.failing_since)) {
        None => "—".to_owned(),
        Some(("held", ..)) => "retenue".to_owned(),
        Some(("closed", Some(until), _)) => format!("fermée {}", time(until)),
        Some(("closed", None, _)) => "fermée".to_owned(),
        Some((_, _, Some(_))) => "en échec".to_owned(),
        Some(("limited", ..)) => "au débit".to_owned(),
        Some(("open", ..)) => "ouverte".to_owned(),
        Some((other, ..)) => other.to_owned(),
    }
}

/// The hour when it is today, the day too otherwise.
fn moment(status: &Status, at: Option<jiff::Timestamp>) -> String {
    match at {
        None => "—".to_owned(),
        Some(at) if day(at) == day(status.at) => time(at),
        Some(at) => format!("{} {}", day(at), time(at)),
    }
}

/// `JONCTION OK - … | …`: first line of a plugin, with its measures.
pub(crate) fn nagios(status: &Status, limits: &StatusArgs) -> String {
    let word = match status.level() {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "CRITICAL",
    };
    let mut said: Vec<String> = status.problems.iter().map(|problem| problem.sentence.clone()).collect();
    if said.is_empty() {
        said.push(format!("{} en attente, rien d'anormal", number(status.waiting())));
    }
    // A bar or a line end would cut the line in two for whoever reads it.
    let said = said.join(" ; ").replace('|', "/").replace(['\n', '\r'], " ").replace('\u{a0}', " ");
    let mut measures = vec![
        format!(
            "oldest={}s;{};{};0",
            status.oldest().as_secs(),
            limits.warning_age.as_secs(),
            limits.critical_age.as_secs()
        ),
        format!(
            "parked={};{};{};0",
            status.parked(),
            at_least(limits.warning_parked),
            at_least(limits.critical_parked)
        ),
        format!("waiting={};;;0", status.waiting()),
        format!("held={};;;0", status.held()),
    ];
    if let Some(disk) = status.disk {
        measures.push(format!(
            "disk_free={}B;{}:;{}:;0;{}",
            disk.free, limits.warning_disk, limits.critical_disk, disk.size
        ));
    }
    for LaneView { name, queue, .. } in status.lanes() {
        measures.push(format!("'{name}'={};;;0", queue.map_or(0, Queue::owed)));
    }
    for certificate in &status.certificates {
        measures.push(format!("'{}_days'={}", certificate.name, certificate.days_left));
    }
    format!("JONCTION {word} - {said} | {}", measures.join(" "))
}

/// A threshold of the convention is passed when the value is above it.
fn at_least(limit: u64) -> u64 {
    limit.saturating_sub(1)
}
