//! The text of a recall: what left, when, to whom; what is deleted, what is cancelled. For the structure that sent it.
//! In: the journeys of the messages that carried the document, as they stood before. Out: French text, no patient.

use std::fmt::Write as _;

use jonction_engine::{DeliveryJourney, DeliveryState, MessageJourney};

use super::{day, padded, time};

/// The text; `done`: ordered, else only looked at.
pub(crate) fn letter(journeys: &[MessageJourney], document: &str, done: bool) -> String {
    let mut text = String::new();
    for journey in journeys {
        let kind = journey.documents.iter().find(|one| one.unique_id == document);
        let kind = kind.map(|one| format!("{} ({})", one.type_label, one.type_code)).unwrap_or_default();
        // Writing to a String never fails.
        let _ = writeln!(
            text,
            "document {document}, {kind}\nenvoyé par {} le {} à {}, MSH-10 {}, message #{}",
            journey.sending_facility,
            day(journey.received_at),
            time(journey.received_at),
            journey.control_id.as_deref().unwrap_or("-"),
            journey.id,
        );
        for delivery in journey.deliveries.iter().filter(|delivery| delivery.report_of.is_none()) {
            let _ = writeln!(text, "  {}", line(delivery, done));
        }
    }
    let ending = match done {
        true => "Chaque suppression se suit comme un envoi : jonction journey.\n",
        false => "Rien n'a été fait : recommencer sans --dry-run pour rappeler ce document.\n",
    };
    text + ending
}

fn line(delivery: &DeliveryJourney, done: bool) -> String {
    let may_have_left = matches!(delivery.state, DeliveryState::Delivered | DeliveryState::Sending);
    let will = |past: &str, future: &str| if done { past.to_owned() } else { future.to_owned() };
    let (word, what) = match delivery.state {
        DeliveryState::Replaced => ("pas parti", "remplacé, rien à faire".to_owned()),
        DeliveryState::Refused => ("pas parti", "refusé, rien à faire".to_owned()),
        _ if may_have_left => ("parti", will("suppression demandée", "sa suppression serait demandée")),
        _ if delivery.after_unknown => (
            "peut-être",
            will("annulé, suppression demandée", "serait annulé, sa suppression serait demandée"),
        ),
        _ => ("pas parti", will("annulé", "serait annulé")),
    };
    let when = delivery.ended_at.map(|at| format!("{} {}", day(at), time(at))).unwrap_or_default();
    format!(
        "{} {} {} {} {what}",
        padded(word, 10),
        padded(delivery.sink.as_str(), 20),
        padded(&delivery.label, 24),
        padded(&when, 20)
    )
}
