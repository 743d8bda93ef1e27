//! What `jonction find` found, one line a message and one a delivery.

use std::fmt::Write as _;

use jonction_engine::questions::MessageLine;

use super::{
    day,
    live::{state_word, told},
    padded, size, time,
};

/// The list; a sentence when it is empty.
pub(crate) fn found(lines: &[MessageLine]) -> String {
    if lines.is_empty() {
        return "rien ne correspond\n".to_owned();
    }
    let mut text = String::new();
    for message in lines {
        let route = message.route.as_ref().map_or("sans route", |route| route.as_str());
        let mut error = message.error.as_ref().map(|code| format!("  {code}")).unwrap_or_default();
        if message.legal_hold {
            error.push_str("  gel légal");
        }
        if message.purged_at.is_some() {
            error.push_str("  corps détruits");
        }
        // Writing to a String never fails.
        let _ = writeln!(
            text,
            "#{:<5} {} {}  {} {} {}  {route}  {}{error}",
            message.id.0,
            day(message.received_at),
            time(message.received_at),
            padded(&message.kind, 8),
            padded(message.control_id.as_deref().unwrap_or("-"), 16),
            size(message.bytes),
            message.state.word(),
        );
        for delivery in &message.deliveries {
            let why = delivery.finding.as_ref().map(told).unwrap_or_default();
            let line = format!(
                "       envoi {:<5} {} {} {} {why}",
                delivery.id.0,
                padded(delivery.sink.as_str(), 20),
                padded(&delivery.label, 24),
                padded(state_word(delivery.state), 12)
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}
