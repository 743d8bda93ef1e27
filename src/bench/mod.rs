//! `jonction bench`: what this machine does, each figure told in a reference measured in the same run.
//! A measure is a row of [`ROWS`]; one row may give several figures. Source: docs/performance.md.

mod directory;
mod formats;
mod intake;
mod job;
pub(crate) mod measure;
mod program;

use crate::failure::Failure;
use measure::Measure;

/// A measure: its name, what it says in French, how it is taken.
struct Row {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<Vec<Measure>, Failure>,
}

const ROWS: &[Row] = &[
    Row {
        name: "hl7-index",
        what: "index HL7 contre une passe memchr nue, 2,7 Ko et 1 Mo",
        run: formats::hl7_index,
    },
    Row { name: "hl7-charset", what: "lecture du jeu de caractères, à part", run: formats::hl7_charset },
    Row {
        name: "intake",
        what: "réception durable contre une boucle SQLite nue, 1 et 64 connexions",
        run: intake::intake,
    },
    Row {
        name: "main-job",
        what: "un compte rendu de 330 Ko au DMP et à deux boîtes : processeur, débit, mémoire",
        run: job::main_job,
    },
    Row {
        name: "directory",
        what: "annuaire national : lecture, différence, écriture, mémoire, disque, recherches, 10 000 changements",
        run: directory::directory,
    },
    Row { name: "start", what: "du lancement à l'écoute ; mémoire au repos", run: program::start },
    Row { name: "demo", what: "durée de la démonstration", run: program::demo },
];

/// Names of the measures, and what they say.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.name, row.what))
}

/// Runs the measures; `only`: the one of that name. Tells each figure as it comes.
pub(crate) fn run(only: Option<&str>, mut told: impl FnMut(&Measure)) -> Result<Vec<Measure>, Failure> {
    let chosen: Vec<&Row> = ROWS.iter().filter(|row| only.is_none_or(|only| row.name == only)).collect();
    if chosen.is_empty() {
        let known: Vec<_> = names().map(|(name, _)| name).collect();
        return Err(Failure::usage("bench.unknown", "aucune mesure ne porte ce nom")
            .remedy(format!("mesures connues : {}", known.join(", "))));
    }
    let mut measures = Vec::new();
    for row in chosen {
        for measure in (row.run)()? {
            told(&measure);
            measures.push(measure);
        }
    }
    Ok(measures)
}

/// One line for a screen.
pub(crate) fn line(measure: &Measure) -> String {
    let figure = |value: f64| if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    let mut line = format!("{:<24} {:>9} {:<6}", measure.name, figure(measure.value), measure.unit);
    match (measure.reference, measure.ratio) {
        (Some(reference), Some(ratio)) => {
            line += &format!(" référence {:>9}   rapport {ratio:>5.2}", figure(reference))
        }
        _ => line += &" ".repeat(37),
    }
    if let (Some(goal), Some(met)) = (&measure.goal, measure.met) {
        line += &format!("   but {goal} : {}", if met { "tenu" } else { "NON TENU" });
    }
    format!("{}\n    {}", line.trim_end(), measure.what)
}
