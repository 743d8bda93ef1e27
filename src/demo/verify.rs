//! Whether the morning went as it should: every journey, the balance, and what the partners really hold.
//! In: scenes, the journal, the simulators. Out: differences, in French; none means success.

use jonction_engine::{DeliveryState, MessageJourney, questions::Balance};
use jonction_simkit::Judged;

use super::scenes::{End, Scene};

/// Compares a journey with what the scene says.
pub(crate) fn journey(scene: &Scene, ack: &str, journey: Option<&MessageJourney>) -> Vec<String> {
    let mut wrong = Vec::new();
    if ack != scene.ack {
        wrong.push(format!("{} : acquittement {ack}, {} attendu", scene.file, scene.ack));
    }
    let Some(journey) = journey else {
        wrong.push(format!("{} : le journal ne le connaît pas", scene.file));
        return wrong;
    };
    let mut found: Vec<(String, String, DeliveryState)> = journey
        .deliveries
        .iter()
        .map(|delivery| (delivery.sink.to_string(), delivery.label.clone(), delivery.state))
        .collect();
    for (sink, label, end) in scene.deliveries {
        let state = match end {
            End::Delivered => DeliveryState::Delivered,
            End::Refused => DeliveryState::Refused,
            End::Parked => DeliveryState::Parked,
        };
        match found.iter().position(|(s, l, found)| s == sink && l == label && *found == state) {
            Some(at) => drop(found.swap_remove(at)),
            None => {
                wrong.push(format!("{} : il manque « {label} » vers {sink}, {}", scene.file, state.label()))
            }
        }
    }
    for (sink, label, state) in found {
        wrong.push(format!(
            "{} : « {label} » vers {sink}, {}, n'était pas attendu",
            scene.file,
            state.label()
        ));
    }
    wrong
}

/// The balance must close, with nothing left in flight.
pub(crate) fn balance(balance: &Balance) -> Vec<String> {
    let mut wrong = Vec::new();
    if !balance.closes() {
        wrong.push("le bilan ne tombe pas juste".to_owned());
    }
    if balance.total.deliveries.in_flight > 0 || balance.total.messages.waiting > 0 {
        wrong.push("il reste des envois en cours".to_owned());
    }
    wrong
}

/// What the DMP holds: (uniqueId, availability), for the documents the morning speaks of.
pub(crate) fn registry(documents: &[(String, String)], expected: &[(String, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, status) in expected {
        let found: Vec<&str> = documents
            .iter()
            .filter(|(unique_id, _)| unique_id == id)
            .map(|(_, status)| status.as_str())
            .collect();
        if found != [*status] {
            wrong.push(format!("DMP : {id} devrait y être une fois, {status} ; trouvé : {found:?}"));
        }
    }
    for (id, _) in documents.iter().filter(|(id, _)| !expected.iter().any(|(known, _)| known == id)) {
        wrong.push(format!("DMP : {id} ne devrait pas y être"));
    }
    wrong
}

/// Every exchange must conform, as the simulators judge.
pub(crate) fn verdicts(verdicts: &[Judged]) -> Vec<String> {
    let errors = verdicts.iter().filter(|judged| !judged.conforms()).flat_map(|judged| {
        judged.findings.iter().filter(|finding| finding.severity == jonction_model::Severity::Error).map(
            |finding| {
                format!("{} n° {} : {} {}", judged.what, judged.request, finding.check, finding.sentence)
            },
        )
    });
    errors.collect()
}
