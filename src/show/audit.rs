//! The audit chain: what was decided, and whether it still holds.

use std::fmt::Write as _;

use jonction_engine::{AuditHash, AuditLine, AuditVerdict, Broken};

use super::{count, day, padded, time};

/// One line a decision; a sentence when there is none.
pub(crate) fn lines(lines: &[AuditLine]) -> String {
    if lines.is_empty() {
        return "rien ne correspond\n".to_owned();
    }
    let mut text = String::new();
    for AuditLine { row, .. } in lines {
        let message = row.message.map(|id| format!("#{id}"));
        let delivery = row.delivery.map(|id| format!("envoi {id}"));
        let about: Vec<String> = message.into_iter().chain(delivery).collect();
        let reason = row.reason.as_ref().map(|reason| format!("  « {reason} »")).unwrap_or_default();
        let line = format!(
            "{:>5}  {} {}  {} {} {}{reason}",
            row.number,
            day(row.at),
            time(row.at),
            padded(&row.author, 16),
            padded(act(&row.act), 22),
            padded(&about.join(" "), 16)
        );
        // Writing to a String never fails.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The acts as people say them. One that is not here is shown by its word.
fn act(word: &str) -> &str {
    const ACTS: &[(&str, &str)] = &[
        ("start", "démarrage"),
        ("clock-back", "l'horloge a reculé"),
        ("release", "libéré"),
        ("refuse", "refusé"),
        ("route-again", "routé à nouveau"),
        ("refuse-message", "message refusé"),
        ("purge", "détruit"),
        ("restored", "restauré"),
        ("legal-hold", "gelé"),
        ("legal-lift", "gel levé"),
        ("hold", "mis en attente"),
        ("lift", "attente levée"),
        ("recall", "rappelé"),
        ("resend", "corrigé et renvoyé"),
        ("export", "octets extraits"),
        ("deploy", "routes en service"),
    ];
    ACTS.iter().find(|(known, _)| *known == word).map_or(word, |(_, french)| *french)
}

/// The verdict, and the head to note elsewhere.
pub(crate) fn verdict(verdict: &AuditVerdict, noted: Option<AuditHash>) -> String {
    let mut text = String::new();
    let count = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "ligne");
    let head = &verdict.head;
    let _ = match verdict.broken {
        None => writeln!(text, "audit  {}, la chaîne est intacte", count(head.count)),
        Some(broken) => writeln!(text, "audit  {}", told(broken)),
    };
    if verdict.broken.is_some() {
        let _ = writeln!(text, "       {} avant elle, intactes", count(head.count));
        let _ = writeln!(
            text,
            "remède comparer avec la dernière sauvegarde (jonction audit verify --data …), prévenir la sécurité"
        );
    }
    let _ = writeln!(text, "       empreinte {} à la ligne {}", head.hash, head.count);
    match (noted, verdict.noted) {
        (None, _) => {
            let _ = writeln!(
                text,
                "       à noter ailleurs : jonction audit verify --noted EMPREINTE dira si elle y est toujours"
            );
        }
        (Some(_), Some(row)) => {
            let _ = writeln!(
                text,
                "       l'empreinte notée est celle de la ligne {row} : rien n'a changé jusque là"
            );
        }
        (Some(_), None) => {
            let _ = writeln!(
                text,
                "       l'empreinte notée n'est pas dans cette chaîne : elle a été réécrite, ou vient d'un autre journal"
            );
        }
    }
    text
}

fn told(broken: Broken) -> String {
    match broken {
        Broken::Changed { row } => format!("ROMPU à la ligne {row} : elle n'est plus celle qui a été écrite"),
        Broken::Missing { row } => format!("ROMPU à la ligne {row} : elle a disparu, des suivantes sont là"),
        Broken::Cut { row, count } => {
            format!("ROMPU à la ligne {row} : la fin a disparu, il y avait {count} lignes")
        }
        Broken::Unknown { row } => format!("ROMPU à la ligne {row} : elle a été ajoutée hors du programme"),
    }
}
