//! One thing that waits for a human: why, since when, what waits behind it, what may be decided.

use std::fmt::Write as _;

use jonction_engine::{
    DeliveryState, MessageState,
    questions::{DeliveryJourney, MessageJourney},
};
use jonction_model::Finding;

use super::{count, day, live::told, time};

/// A delivery of the journey, or the message itself.
pub(crate) fn parked(journey: &MessageJourney, delivery: Option<&DeliveryJourney>) -> String {
    match delivery {
        Some(delivery) => of_delivery(journey, delivery),
        None => of_message(journey),
    }
}

fn of_delivery(journey: &MessageJourney, delivery: &DeliveryJourney) -> String {
    let mut text = String::new();
    let id = delivery.id;
    // Writing to a String never fails.
    let _ = writeln!(
        text,
        "envoi {id}  {} vers {}, {}, du message n° {} ({})",
        delivery.label,
        delivery.sink,
        delivery.state.label(),
        journey.id,
        origin(journey)
    );
    if delivery.state != DeliveryState::Parked {
        let _ = writeln!(text, "voir    jonction journey {}", journey.id);
        return text;
    }
    why(&mut text, delivery.finding.as_ref());
    if !delivery.attempts.is_empty() {
        let tried = count(delivery.attempts.len(), "tentative");
        let unknown = if delivery.after_unknown { " ; l'issue de l'une d'elles est inconnue" } else { "" };
        let _ = writeln!(text, "essais  {tried}{unknown}");
    }
    if delivery.behind > 0 {
        let behind = count(usize::try_from(delivery.behind).unwrap_or(usize::MAX), "envoi");
        let _ = writeln!(
            text,
            "derrière  {behind} du même patient ou de la même suite, retenus pour garder l'ordre"
        );
    }
    if delivery.barred {
        let _ = writeln!(text, "libérer   impossible : une règle l'a refusé avant tout essai");
    } else {
        let _ = writeln!(text, "libérer   jonction parked release {id}");
    }
    let _ = writeln!(text, "refuser   jonction parked refuse {id} --reason \"…\"");
    correct(&mut text, journey);
    let _ = writeln!(text, "voir      jonction journey {}", journey.id);
    text
}

fn of_message(journey: &MessageJourney) -> String {
    let mut text = String::new();
    let id = journey.id;
    let _ = writeln!(text, "message n° {id}  {}  {}", journey.state.label(), origin(journey));
    if journey.state == MessageState::Parked {
        why(&mut text, journey.route_findings.last());
        let _ = writeln!(text, "libérer   jonction parked release --message {id}   (routé à nouveau)");
        let _ = writeln!(text, "refuser   jonction parked refuse --message {id} --reason \"…\"");
        correct(&mut text, journey);
    }
    let _ = writeln!(text, "voir      jonction journey {id}");
    text
}

/// How a message is corrected: its bytes out, then in again.
fn correct(text: &mut String, journey: &MessageJourney) {
    if journey.purged_at.is_none() {
        let id = journey.id;
        let _ = writeln!(text, "corriger  jonction parked export {id} --to message.hl7 --reason \"…\", puis");
        let _ = writeln!(text, "          jonction parked resend {id} --edited message.hl7 --reason \"…\"");
    }
}

/// What becomes of each delivery of a message that was just corrected.
pub(crate) fn corrected(journey: &MessageJourney) -> String {
    let mut text = String::new();
    for delivery in journey.deliveries.iter().filter(|delivery| delivery.report_of.is_none()) {
        let becomes = match delivery.state {
            DeliveryState::Delivered => "déjà remis : n'est pas renvoyé",
            DeliveryState::Refused => "refusé pour de bon : n'est pas renvoyé",
            DeliveryState::Sending => "en train de partir : n'est pas remplacé",
            DeliveryState::Replaced => "remplacé : n'est jamais parti",
            _ if delivery.after_unknown => "peut-être déjà parti : n'est pas remplacé",
            DeliveryState::Parked | DeliveryState::Held => "remplacé dès que le message est routé",
            DeliveryState::Waiting | DeliveryState::Retrying => "à envoyer",
        };
        let what = format!("{}  {}", delivery.sink, delivery.label);
        let _ = writeln!(text, "envoi {}  {what}  {becomes}", delivery.id);
    }
    text
}

fn origin(journey: &MessageJourney) -> String {
    let control = journey.control_id.as_deref().unwrap_or("illisible");
    let (day, time) = (day(journey.received_at), time(journey.received_at));
    format!("{} de {}, MSH-10 {control}, reçu le {day} à {time}", journey.kind, journey.partner)
}

fn why(text: &mut String, finding: Option<&Finding>) {
    let Some(finding) = finding else { return };
    let _ = writeln!(text, "raison  {}  {}", finding.check, told(finding));
    let pair = |expected: &Option<String>, word: &str| {
        expected.as_ref().map(|value| format!("        {word} {value}\n")).unwrap_or_default()
    };
    text.push_str(&pair(&finding.expected, "attendu"));
    text.push_str(&pair(&finding.found, "trouvé"));
    if let Some(remedy) = &finding.remedy {
        let _ = writeln!(text, "remède  {remedy}");
    }
}
