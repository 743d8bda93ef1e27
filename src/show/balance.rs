//! The balance: two lines that must close.

use std::fmt::Write as _;

use jonction_engine::questions::{Balance, DeliveryBalance, MessageBalance};

use super::number;

/// `messages   reçus 13 = routés 11 + …   juste`.
pub(crate) fn messages(line: &MessageBalance) -> String {
    let parts = [
        ("routés", line.routed),
        ("filtrés", line.filtered),
        ("refusés à l'entrée", line.refused),
        ("répétés", line.repeated),
        ("mis de côté", line.parked),
        ("refusés à la main", line.refused_by_hand),
        ("à router", line.waiting),
        ("retenus", line.held),
    ];
    one("messages", "reçus", line.received, &parts, line.closes())
}

/// `envois     dus 34 = livrés 29 + …   juste`.
pub(crate) fn deliveries(line: &DeliveryBalance) -> String {
    let parts = [
        ("faits", line.delivered),
        ("refusés", line.refused),
        ("mis de côté", line.parked),
        ("remplacés", line.replaced),
        ("en cours", line.in_flight),
    ];
    one("envois", "dus", line.owed, &parts, line.closes())
}

fn one(title: &str, sum: &str, total: u64, parts: &[(&str, u64)], closes: bool) -> String {
    let shown = parts.iter().enumerate().filter(|(at, (_, count))| *at == 0 || *count > 0);
    let parts: Vec<String> = shown.map(|(_, (word, count))| format!("{word} {}", number(*count))).collect();
    let text = format!("  {title:<10} {sum} {} = {}", number(total), parts.join(" + "));
    let verdict = if closes { "juste" } else { "FAUX : quelque chose a disparu" };
    let gap = 92_usize.saturating_sub(text.chars().count()).max(2);
    format!("{text}{:gap$}{verdict}", "")
}

/// Per day, route and structure, then the total.
pub(crate) fn whole(balance: &Balance) -> String {
    let mut text = String::new();
    for line in &balance.lines {
        let route = line.route.as_ref().map_or("sans route", |route| route.as_str());
        let structure = match line.structure.as_str() {
            "" => String::new(),
            structure => format!("  de {structure}"),
        };
        let day = line.day.strftime("%d/%m/%Y");
        // Writing to a String never fails.
        let _ = write!(
            text,
            "{day}  {route}{structure}\n{}\n{}\n",
            messages(&line.lines.messages),
            deliveries(&line.lines.deliveries)
        );
    }
    let _ = write!(
        text,
        "total\n{}\n{}\n",
        messages(&balance.total.messages),
        deliveries(&balance.total.deliveries)
    );
    if balance.missing > 0 {
        let _ = writeln!(
            text,
            "  {} numéros de message n'ont plus de ligne : le journal a été altéré",
            balance.missing
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_what_is_there_and_its_verdict() {
        let line =
            MessageBalance { received: 13, routed: 11, refused: 1, repeated: 1, ..MessageBalance::default() };
        let text = messages(&line);
        assert!(
            text.starts_with("  messages   reçus 13 = routés 11 + refusés à l'entrée 1 + répétés 1 "),
            "{text}"
        );
        assert!(text.ends_with("juste"));
        assert!(messages(&MessageBalance { received: 14, ..line }).contains("FAUX"));
    }
}
