//! Mappings on a terminal: the account of one message.

use std::fmt::Write as _;

use jonction_model::Finding;
use jonction_rows::{Account, Mapping};

use super::padded;

/// Longest value shown whole.
const VALUE_MAX: usize = 60;

/// Where each value comes from, notes, what was left aside.
pub(crate) fn account(mapping: &Mapping, account: &Account) -> String {
    let mut text = format!("traduction {}, version {}\n", mapping.name(), mapping.version());
    for (at, values) in account.values.iter().enumerate() {
        let _ = writeln!(text, "\n{} {}", mapping.shape(), at + 1);
        let width =
            |of: &dyn Fn(&jonction_rows::Provenance) -> usize| values.iter().map(of).max().unwrap_or(0);
        let targets = width(&|value| value.target.chars().count());
        let places = width(&|value| value.place.chars().count());
        for value in values {
            let shown: String = value.value.chars().take(VALUE_MAX).collect();
            let more = if value.value.chars().nth(VALUE_MAX).is_some() { "…" } else { "" };
            let (target, place) = (padded(&value.target, targets), padded(&value.place, places));
            let _ = writeln!(text, "  {target}  {place}  ligne {:<4} {shown}{more}", value.line);
        }
    }
    if !account.mapped.notes.is_empty() {
        text += "\nremarques\n";
        text += &findings(&account.mapped.notes);
    }
    if !account.unread.is_empty() {
        let _ = writeln!(text, "\nlu par aucune ligne\n  {}", account.unread.join(" "));
    }
    text
}

/// Findings, one or two lines each.
pub(crate) fn findings(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let place = &finding.place.path;
        let _ = writeln!(text, "  {}  {place}  {}", finding.check, finding.sentence);
        if let Some(expected) = &finding.expected {
            let _ = writeln!(text, "    attendu {expected}");
        }
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "    remède  {remedy}");
        }
    }
    text
}
