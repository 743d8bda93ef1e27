//! What a purge destroyed or would destroy, and what is kept from it.

use std::fmt::Write as _;

use jiff::Timestamp;
use jonction_engine::{Aging, Destroyed, LegalHold};

use super::{day, number, padded, size, time};

/// `corps  reçus avant le 25/10/2026 : 1 204 messages détruits …`.
pub(crate) fn step(
    what: Aging,
    before: Timestamp,
    destroyed: &Destroyed,
    (held, open): (u64, u64),
    dry_run: bool,
) -> String {
    let title = match what {
        Aging::Bodies => "corps",
        Aging::Metadata => "métadonnées",
    };
    let mut text = format!("{}  reçus avant le {} {} : ", padded(title, 11), day(before), time(before));
    if destroyed.messages == 0 {
        text.push_str("rien à détruire\n");
    } else {
        let verb = if dry_run { "seraient détruits" } else { "détruits" };
        let range = match (destroyed.first, destroyed.last) {
            (Some(first), Some(last)) => format!(" (n° {first} à {last})"),
            _ => String::new(),
        };
        // Writing to a String never fails.
        let _ = writeln!(
            text,
            "{} messages{range}, {} corps, {}, {} fichiers {verb}",
            number(destroyed.messages),
            number(destroyed.bodies),
            size(destroyed.bytes),
            number(destroyed.files)
        );
    }
    for (count, why) in
        [(held, "par un gel légal (jonction legal list)"), (open, "parce qu'un envoi n'est pas fini")]
    {
        if count > 0 {
            let _ = writeln!(text, "             {} gardés {why}", number(count));
        }
    }
    text
}

/// One line a hold; a sentence when there is none.
pub(crate) fn holds(holds: &[LegalHold]) -> String {
    if holds.is_empty() {
        return "aucun gel légal\n".to_owned();
    }
    let mut text = String::new();
    for hold in holds {
        let what = match hold.kind.as_str() {
            "patient" => format!("patient, clé {}", hold.name),
            "document" => format!("document, clé {}", hold.name),
            _ => format!("message n° {}", hold.name),
        };
        let reason = hold.reason.as_ref().map(|reason| format!("  « {reason} »")).unwrap_or_default();
        let _ = writeln!(
            text,
            "gel {:<5} depuis le {} {}  {} {} {} messages{reason}",
            hold.number,
            day(hold.since),
            time(hold.since),
            padded(&hold.author, 16),
            padded(&what, 28),
            hold.messages
        );
    }
    text
}
