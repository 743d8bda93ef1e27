//! The table of a proof: what was done, what should not have happened, the verdict.

use std::fmt::Write as _;

use super::number;
use crate::prove::{Counts, Flips, Report};

/// A kind of proof: its name, how many, what was counted.
type Column<'c> = (&'static str, u64, &'c Counts);
/// A row: what it takes from a column.
type Value = fn(&Column<'_>) -> u64;

/// The table.
pub(crate) fn table(report: &Report) -> String {
    let mut columns: Vec<Column<'_>> = Vec::new();
    if report.kills > 0 {
        columns.push(("arrêts brutaux", report.kills, &report.counts));
    }
    if let Some(cuts) = &report.cuts {
        columns.push(("coupures", cuts.cuts, &cuts.counts));
    }
    let heads: String = columns.iter().map(|(name, _, _)| format!("{name:>16}")).collect();
    let mut text = format!("\n  preuve, graine {}\n\n  {:<34}{heads}\n", report.seed, "");
    let rows: [(&str, Value); 8] = [
        ("nombre", |column| column.1),
        ("messages acquittés", |column| column.2.accepted),
        ("perdus", |column| column.2.lost),
        ("en double", |column| column.2.duplicated),
        ("dans le désordre", |column| column.2.reordered),
        ("altérés", |column| column.2.altered),
        ("autres écarts (bilan, reprise)", |column| column.2.broken),
        ("doubles possibles, annoncés", |column| column.2.possible_duplicates),
    ];
    for (name, value) in rows {
        let values: String = columns.iter().map(|column| format!("{:>16}", number(value(column)))).collect();
        // Writing to a String never fails.
        let _ = writeln!(text, "  {name:<34}{values}");
    }
    if report.kills > 0 {
        let _ = writeln!(text, "  {:<34}{:>16}", "envois coupés au milieu", number(report.interrupted));
        let _ = writeln!(text, "  {:<34}{:>13} ms", "reprise la plus longue", number(report.recovery_ms_max));
    }
    if let Some(cuts) = &report.cuts {
        let _ = writeln!(
            text,
            "  entre les coupures : {} arrêts du seul processus, {} vies sur un disque plein ou en panne",
            number(cuts.deaths),
            number(cuts.troubles)
        );
        let _ = writeln!(
            text,
            "                       {} messages purgés, {} sauvegardes restaurées et jugées, {} mises en attente",
            number(cuts.destroyed),
            number(cuts.restored),
            number(cuts.held)
        );
        text += &flips(&cuts.flips);
    }
    for wrong in &report.wrong {
        let _ = writeln!(text, "  ÉCART      {wrong}");
    }
    let verdict = if report.holds() {
        "tenu : rien de perdu, rien en double, rien dans le désordre, rien d'altéré"
    } else {
        "NON TENU : transmettre ce tableau et la graine aux auteurs"
    };
    let _ = writeln!(text, "\n  verdict    {verdict}");
    text
}

/// Flipped bits: where, and what came of them.
fn flips(flips: &Flips) -> String {
    let places =
        [("un corps", flips.body), ("une page de la base", flips.database), ("son journal", flips.log)];
    let heads = ["sans effet", "signalé", "magasin refusé", "passé inaperçu"];
    let heads: String = heads.iter().map(|head| format!("{head:>16}")).collect();
    let mut text = format!("\n  {:<34}{heads}\n", "un bit inversé dans");
    for (place, flip) in places {
        let values = [flip.harmless, flip.told, flip.refused, flip.unseen];
        let values: String = values.iter().map(|value| format!("{:>16}", number(*value))).collect();
        let _ = writeln!(text, "  {place:<34}{values}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loss_is_told_and_changes_the_verdict() {
        let counts = Counts { accepted: 4, ..Counts::default() };
        let kept = Report { seed: 1, kills: 2, counts, recovery_ms_max: 9, ..Report::default() };
        let mut lost = kept.clone();
        lost.counts.lost = 1;
        lost.wrong.push("M1: never came".to_owned());
        assert!(kept.holds() && table(&kept).contains("tenu : rien de perdu"));
        assert!(
            !lost.holds() && table(&lost).contains("NON TENU") && table(&lost).contains("M1: never came")
        );
    }
}
