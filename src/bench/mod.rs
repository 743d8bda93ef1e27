//! `jonction bench`: what this machine does, each figure told in a reference measured in the same run.
//! A measure is a row of [`ROWS`]; one row may give several figures. Source: docs/performance.md.

mod bodies;
mod cases;
mod directory;
mod disk;
mod formats;
mod intake;
mod job;
pub(crate) mod measure;
mod program;
mod routes;
mod scale;

use std::path::Path;

use crate::failure::Failure;
use measure::Measure;

/// A measure: its name, what it says in French, how it is taken.
struct Row {
    name: &'static str,
    what: &'static str,
    /// Takes minutes and gigabytes: only when named, or asked for.
    long: bool,
    /// On a folder, for what depends on its disk.
    run: fn(&Path) -> Result<Vec<Measure>, Failure>,
}

const ROWS: &[Row] = &[
    Row {
        name: "hl7-index",
        what: "index HL7 contre une passe memchr nue, 2,7 Ko et 1 Mo",
        long: false,
        run: |_| formats::hl7_index(),
    },
    Row {
        name: "hl7-charset",
        what: "lecture du jeu de caractères, à part",
        long: false,
        run: |_| formats::hl7_charset(),
    },
    Row {
        name: "intake",
        what: "réception durable contre une boucle SQLite nue, 1 et 64 connexions",
        long: false,
        run: |_| intake::intake(),
    },
    Row {
        name: "main-job",
        what: "un compte rendu de 330 Ko au DMP et à deux boîtes : processeur, débit, mémoire",
        long: false,
        run: |_| job::main_job(),
    },
    Row {
        name: "directory",
        what: "annuaire national : lecture, différence, écriture, mémoire, disque, recherches, 10 000 changements",
        long: false,
        run: |_| directory::directory(),
    },
    Row {
        name: "intake-sinks",
        what: "réception pendant que tout est routé et remis à 1, 4 et 16 partenaires",
        long: false,
        run: |_| scale::intake_sinks(),
    },
    Row {
        name: "drain",
        what: "envois en attente remis par 1 et 64 files à des partenaires instantanés",
        long: false,
        run: |_| scale::drains(),
    },
    Row {
        name: "body-threshold",
        what: "corps en fichier contre corps dans la base, de 16 Ko à 4 Mo : d'où vient le seuil",
        long: false,
        run: |_| bodies::threshold(),
    },
    Row {
        name: "reload",
        what: "300 routes relues pendant que des messages arrivent : durée, messages refusés",
        long: false,
        run: |_| routes::reload(),
    },
    Row {
        name: "replay",
        what: "messages passés par deux versions des routes, rien n'est envoyé",
        long: false,
        run: |_| routes::replay(),
    },
    Row {
        name: "cases",
        what: "1 000 cas de routes, comme jonction test les joue",
        long: false,
        run: |_| cases::cases(),
    },
    Row {
        name: "restart",
        what: "redémarrage avec un million d'envois en attente : écoute, mémoire (1 Go de disque)",
        long: true,
        run: |_| scale::restart(),
    },
    Row {
        name: "stored",
        what: "dix millions de messages gardés : recherche par patient, coût d'un de plus (12 Go de disque)",
        long: true,
        run: |_| scale::stored(),
    },
    Row {
        name: "disk",
        what: "ce que fait fdatasync sur le disque du dossier donné par --data, et les messages par seconde qu'il permet",
        long: false,
        run: disk::disk,
    },
    Row {
        name: "start",
        what: "du lancement à l'écoute ; mémoire au repos",
        long: false,
        run: |_| program::start(),
    },
    Row { name: "demo", what: "durée de la démonstration", long: false, run: |_| program::demo() },
];

/// Names of the measures, and what they say.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.name, row.what))
}

/// Runs the measures; `only`: the one of that name; `long`: also those that take minutes. Tells each figure as it comes.
pub(crate) fn run(
    only: Option<&str>,
    long: bool,
    folder: &Path,
    mut told: impl FnMut(&Measure),
) -> Result<Vec<Measure>, Failure> {
    let is_chosen = |row: &&Row| only.map_or(long || !row.long, |only| row.name == only);
    let chosen: Vec<&Row> = ROWS.iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        let known: Vec<_> = names().map(|(name, _)| name).collect();
        return Err(Failure::usage("bench.unknown", "aucune mesure ne porte ce nom")
            .remedy(format!("mesures connues : {}", known.join(", "))));
    }
    let mut measures = Vec::new();
    for row in chosen {
        for measure in (row.run)(folder)? {
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
    line.trim_end().to_owned()
}
