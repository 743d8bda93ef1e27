//! A journey, told line by line: what came, what was decided, each attempt, each acknowledgement.

use std::{fmt::Write as _, time::Duration};

use jonction_engine::{
    journal::{AttemptState, DeliveryState, MessageState},
    questions::{DeliveryJourney, MessageJourney},
};
use jonction_model::Severity;

use super::{count, day, duration, live::told, number, padded, shortened, time_ms};

/// The whole story. `findings`: with every finding of the checks.
pub(crate) fn journey(journey: &MessageJourney, findings: bool) -> String {
    let mut text = String::new();
    for document in &journey.documents {
        let version = document.version.map_or_else(String::new, |version| format!(", version {version}"));
        let _ = writeln!(
            text,
            "document  {} ({}){version}, {}  {}",
            document.type_label,
            document.type_code,
            operation(&document.operation),
            document.unique_id
        );
    }
    let known_by = match (&journey.control_id, journey.kind.as_str()) {
        (Some(control), _) => format!("MSH-10 {control}"),
        // The mailbox of ours, and the domain of who wrote: what stands before the @ may name a patient.
        (None, "MAIL") => format!("boîte {}, d'une boîte de {}", journey.profile, journey.sending_facility),
        (None, _) => "MSH-10 illisible".to_owned(),
    };
    let _ = writeln!(
        text,
        "{} {}  reçu               {} de {}, {known_by}, {} octets, message n° {}",
        day(journey.received_at),
        time_ms(journey.received_at),
        if journey.kind.is_empty() { "message illisible" } else { &journey.kind },
        journey.partner,
        number(journey.bytes),
        journey.id
    );
    let commit = journey.commit_us.map_or_else(String::new, |us| {
        format!(" (écriture et fsync {})", duration(Duration::from_micros(u64::from(us))))
    });
    let said = match journey.state {
        MessageState::Refused => "refusé",
        _ => "accepté",
    };
    line(&mut text, &time_ms(journey.received_at), "journalisé", &format!("{said}{commit}"));
    if journey.state == MessageState::Refused {
        for finding in journey.findings.iter().filter(|finding| finding.severity == Severity::Error) {
            line(&mut text, "", "refus", &told(finding));
            if let Some(remedy) = &finding.remedy {
                line(&mut text, "", "remède", remedy);
            }
        }
    }
    linked(&mut text, journey);
    edited(&mut text, journey);
    routed(&mut text, journey, findings);
    for answer in &journey.answers {
        let said = format!("envoi {} du message #{} : {}", answer.delivery, answer.message, answer.detail);
        line(&mut text, "", "répond à", &format!("{said}{}", coded(answer.code.as_deref())));
    }
    for repetition in &journey.repetitions {
        line(
            &mut text,
            &time_ms(repetition.received_at),
            "répété",
            "même acquittement rendu, rien n'est renvoyé",
        );
    }
    for delivery in &journey.deliveries {
        tell(&mut text, delivery);
    }
    if let Some(at) = journey.purged_at {
        line(
            &mut text,
            &time_ms(at),
            "corps détruits",
            &format!("le {}, durée de conservation passée", day(at)),
        );
    }
    if journey.legal_hold {
        line(&mut text, "", "gel légal", "aucune purge ne le détruit (jonction legal list)");
    }
    if let Some(key) = &journey.patient_key {
        let _ = writeln!(
            text,
            "patient   clé {} (jonction find --patient pour retrouver par identifiant)",
            shortened(key, 13)
        );
    }
    text
}

fn line(text: &mut String, at: &str, word: &str, what: &str) {
    let line = format!("           {}  {} {what}", padded(at, 12), padded(word, 18));
    let _ = writeln!(text, "{}", line.trim_end());
}

fn operation(word: &str) -> &str {
    match word {
        "replace" => "remplacement",
        "delete" => "suppression",
        _ => "dépôt",
    }
}

/// A recall and what it takes back name each other.
fn linked(text: &mut String, journey: &MessageJourney) {
    let at = time_ms(journey.received_at);
    if let Some(first) = journey.recalls {
        line(text, &at, "rappel", &format!("du document du message #{first} : jonction journey '#{first}'"));
    }
    for recall in &journey.recalled_by {
        line(text, "", "rappelé", &format!("par le message #{recall} : jonction journey '#{recall}'"));
    }
}

fn edited(text: &mut String, journey: &MessageJourney) {
    for edition in &journey.editions {
        let at = format!("{} {}", day(edition.until), time_ms(edition.until));
        let reason = edition.reason.as_deref().unwrap_or_default();
        line(text, "", "corrigé", &format!("le {at} par {} : {reason}", edition.author));
        let kept = if journey.purged_at.is_none() { "gardés" } else { "détruits" };
        let (number, bytes) = (edition.number, self::number(edition.bytes));
        let hash = shortened(&edition.sha256, 16);
        line(text, "", "", &format!("édition {number} : {bytes} octets {kept}, SHA-256 {hash}"));
    }
}

fn routed(text: &mut String, journey: &MessageJourney, findings: bool) {
    let at = journey.routed_at.map(time_ms).unwrap_or_default();
    let all: Vec<_> = journey.findings.iter().chain(&journey.route_findings).collect();
    match (&journey.route, &journey.filtered_by) {
        (Some(route), _) if is_put_aside(journey.state) => {
            line(text, &at, journey.state.label(), &format!("route {route}"));
            for finding in &journey.route_findings {
                line(text, "", "", &told(finding));
            }
        }
        (Some(route), _) if journey.state == MessageState::Held => {
            let why =
                format!("la route {route} est retenue à la main ; la lever : jonction lift route {route}");
            line(text, &at, "retenu", &why);
        }
        (Some(route), _) => {
            let noted = all.iter().filter(|finding| finding.severity >= Severity::Warning).count();
            let noted = if noted > 0 && !findings {
                format!(", {} (--findings)", count(noted, "remarque"))
            } else {
                String::new()
            };
            line(text, &at, "routé", &format!("route {route}{noted}"));
        }
        (None, None) if is_put_aside(journey.state) => {
            line(text, &at, journey.state.label(), "avant toute route");
            for finding in &journey.route_findings {
                line(text, "", "", &told(finding));
            }
        }
        (None, Some(by)) => line(text, &at, "filtré", &format!("aucune route ne le prend : {by}")),
        _ => {}
    }
    if !is_put_aside(journey.state) {
        // What forbids something is always told; remarks on demand.
        for finding in all.into_iter().filter(|finding| findings || finding.severity == Severity::Error) {
            line(text, "", finding.severity.label(), &format!("{}  {}", finding.check, told(finding)));
        }
    }
}

fn is_put_aside(state: MessageState) -> bool {
    matches!(state, MessageState::Parked | MessageState::RefusedByHand)
}

fn tell(text: &mut String, delivery: &DeliveryJourney) {
    let what = |rest: &str| format!("{}  {rest}", delivery.label);
    if delivery.attempts.is_empty() {
        let word = super::live::state_word(delivery.state);
        let why = delivery.finding.as_ref().map(told).unwrap_or_default();
        line(text, &time_ms(delivery.created_at), delivery.sink.as_str(), &what(&format!("{word} {why}")));
        remedy(text, delivery);
        return;
    }
    for attempt in &delivery.attempts {
        let took = attempt.duration_us.and_then(|us| u64::try_from(us).ok()).map(Duration::from_micros);
        let took = took.map(|took| format!(", {}", duration(took))).unwrap_or_default();
        let code = attempt.code.as_ref().map(|code| format!(", réponse {code}")).unwrap_or_default();
        let why = match (attempt.outcome, &attempt.detail, &attempt.finding) {
            (AttemptState::Done, Some(detail), _) => detail.clone(),
            (_, _, Some(finding)) => told(finding),
            _ => "en cours".to_owned(),
        };
        let numbered = format!("tentative {} : {why}{code}{took}", attempt.number);
        line(text, &time_ms(attempt.started_at), delivery.sink.as_str(), &what(&numbered));
        for note in &attempt.notes {
            line(text, "", "", &format!("note : {}", told(note)));
        }
    }
    if delivery.state == DeliveryState::Parked {
        let hint = format!("envoi {} mis de côté : jonction parked release {}", delivery.id, delivery.id);
        line(text, "", "", &hint);
    }
    if delivery.state == DeliveryState::Replaced {
        line(text, "", "", &delivery.finding.as_ref().map(told).unwrap_or_default());
    } else if delivery.state != DeliveryState::Delivered {
        remedy(text, delivery);
        if let Some(next) = delivery.next_at {
            line(text, "", "", &format!("prochaine tentative à {}", time_ms(next)));
        }
    }
    for (name, id) in ids(delivery) {
        line(text, "", "", &format!("{name} {id}"));
    }
    answered(text, delivery);
}

/// What came back after the end.
fn answered(text: &mut String, delivery: &DeliveryJourney) {
    for answer in &delivery.answers {
        let code = coded(answer.code.as_deref());
        let said = format!("{}{code}  {} (message #{})", answer.detail, delivery.label, answer.message);
        line(text, &time_ms(answer.at), delivery.sink.as_str(), &said);
    }
}

fn coded(code: Option<&str>) -> String {
    code.map(|code| format!(", code {code}")).unwrap_or_default()
}

fn remedy(text: &mut String, delivery: &DeliveryJourney) {
    if let Some(remedy) = delivery.finding.as_ref().and_then(|finding| finding.remedy.as_ref()) {
        line(text, "", "remède", remedy);
    }
}

/// The sink's own identifiers that a person may want to quote.
fn ids(delivery: &DeliveryJourney) -> Vec<(&'static str, String)> {
    const SHOWN: &[(&str, &str)] =
        &[("/requests/0/submission_set", "lot"), ("/message_id", "Message-ID"), ("/control_id", "MSH-10")];
    let Some(ids) = &delivery.ids else { return Vec::new() };
    SHOWN.iter().filter_map(|(path, name)| Some((*name, ids.pointer(path)?.as_str()?.to_owned()))).collect()
}
