//! `bench disk`: what the disk of a folder does with fsync, and how many messages a second that allows.
//! In: a folder. Out: percentiles of appends, of preallocated overwrites, of a rename with its folder.
//! Source: dependencies §1 (same operations) and §5 « group-commit limit ».

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use super::measure::{Goal, Measure};
use crate::failure::{Failure, io as failed};

/// Longest time of one series: a slow disk is measured with fewer rounds.
const SERIES: Duration = Duration::from_secs(4);
/// Rounds of one series at most, and at least.
const ROUNDS: (usize, usize) = (5000, 20);
/// Processor time of one message in a commit (dependencies §5: SQLite, 2 KB).
const MESSAGE_S: f64 = 30e-6;

/// A series: its name, what it is in French, and one round of it.
struct Series {
    name: [&'static str; 3],
    what: &'static str,
    bytes: usize,
    overwrite: bool,
}

const SERIES_OF_WRITES: &[Series] = &[
    Series {
        name: ["append-2KB-p50", "append-2KB-p99", "append-2KB-p99.9"],
        what: "ajout de 2 Ko puis fdatasync : un message sans document",
        bytes: 2 << 10,
        overwrite: false,
    },
    Series {
        name: ["append-50KB-p50", "append-50KB-p99", "append-50KB-p99.9"],
        what: "ajout de 50 Ko puis fdatasync : une lettre",
        bytes: 50 << 10,
        overwrite: false,
    },
    Series {
        name: ["append-512KB-p50", "append-512KB-p99", "append-512KB-p99.9"],
        what: "ajout de 512 Ko puis fdatasync : un compte rendu avec images",
        bytes: 512 << 10,
        overwrite: false,
    },
    Series {
        name: ["overwrite-2KB-p50", "overwrite-2KB-p99", "overwrite-2KB-p99.9"],
        what: "réécriture de 2 Ko dans un fichier déjà étendu, puis fdatasync : ce que fait le journal",
        bytes: 2 << 10,
        overwrite: true,
    },
];

const RENAME: [&str; 3] = ["rename-p50", "rename-p99", "rename-p99.9"];
const RENAME_WHAT: &str = "fichier de 2 Ko écrit, renommé, dossier synchronisé : un corps mis à sa place";
const BATCHES: &[(&str, f64, &str)] = &[
    (
        "messages-x1",
        1.0,
        "messages par seconde quand chacun attend l'acquittement du précédent (une liaison MLLP)",
    ),
    ("messages-x16", 16.0, "messages par seconde par lots de 16 (16 liaisons)"),
    ("messages-x64", 64.0, "messages par seconde par lots de 64 (le plus grand lot du journal)"),
];

/// Measures the disk under a folder; leaves nothing there.
pub(super) fn disk(folder: &Path) -> Result<Vec<Measure>, Failure> {
    fs::create_dir_all(folder).map_err(|error| failed("ce dossier ne se crée pas", folder, &error))?;
    let place = folder.join(format!("bench-disk-{}", std::process::id()));
    fs::create_dir(&place).map_err(|error| failed("rien ne s'écrit ici", folder, &error))?;
    let measured = all(&place, SERIES).map_err(|error| failed("la mesure s'est arrêtée", folder, &error));
    // Whatever happened, nothing of ours stays; a failure to remove is not that of the measure.
    let _ = fs::remove_dir_all(&place);
    measured
}

fn all(place: &Path, longest: Duration) -> io::Result<Vec<Measure>> {
    let mut measures = Vec::new();
    let mut journal_sync = 0.0;
    for series in SERIES_OF_WRITES {
        let times = writes(place, series, longest)?;
        if series.overwrite {
            journal_sync = at(&times, 0.5);
        }
        measures.extend(percentiles(series.name, series.what, &times));
    }
    measures.extend(percentiles(RENAME, RENAME_WHAT, &renames(place, longest)?));
    for (name, batch, what) in BATCHES {
        let allowed = batch / (journal_sync / 1e6 + batch * MESSAGE_S);
        measures.push(Measure::new(name, what, "per_s", allowed, None, Goal::None));
    }
    Ok(measures)
}

fn writes(place: &Path, series: &Series, longest: Duration) -> io::Result<Vec<f64>> {
    let path = place.join("written");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    let bytes = noise(series.bytes);
    if series.overwrite {
        (0..256).try_for_each(|_| file.write_all(&bytes))?;
        file.sync_all()?;
    }
    let mut round = 0;
    let times = timed(longest, || {
        if series.overwrite {
            file.seek(SeekFrom::Start((round % 256) * series.bytes as u64))?;
            round += 1;
        }
        file.write_all(&bytes)?;
        file.sync_data()
    })?;
    fs::remove_file(path)?;
    Ok(times)
}

fn renames(place: &Path, longest: Duration) -> io::Result<Vec<f64>> {
    let (draft, kept, bytes) = (place.join("draft"), place.join("kept"), noise(2 << 10));
    let folder = File::open(place)?;
    timed(longest, || {
        let mut file = File::create(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&draft, &kept)?;
        folder.sync_all()
    })
}

/// Bytes that no disk compresses away.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Microseconds of each round.
fn timed(longest: Duration, mut round: impl FnMut() -> io::Result<()>) -> io::Result<Vec<f64>> {
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < ROUNDS.1 || (times.len() < ROUNDS.0 && began.elapsed() < longest) {
        let start = Instant::now();
        round()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Value at a rank, of sorted values.
fn at(sorted: &[f64], rank: f64) -> f64 {
    let place = (sorted.len() as f64 * rank).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

fn percentiles(names: [&'static str; 3], what: &'static str, times: &[f64]) -> Vec<Measure> {
    let ranks = [0.5, 0.99, 0.999];
    names
        .iter()
        .zip(ranks)
        .map(|(name, rank)| Measure::new(name, what, "us", at(times, rank), None, Goal::None))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_for_each_operation_and_larger_batches_allow_more() {
        let folder = tempfile::tempdir().unwrap();
        let measures = all(folder.path(), Duration::from_millis(5)).unwrap();
        let value = |name: &str| measures.iter().find(|measure| measure.name == name).unwrap().value;
        assert_eq!(measures.len(), 3 * (SERIES_OF_WRITES.len() + 1) + BATCHES.len());
        assert!(value("append-2KB-p50") > 0.0 && value("rename-p50") <= value("rename-p99.9"));
        assert!(
            value("messages-x1") < value("messages-x16") && value("messages-x16") < value("messages-x64")
        );
        assert!(!folder.path().join("written").exists(), "what was written stays");
    }

    #[test]
    fn ranks_are_those_of_sorted_values() {
        let sorted: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!([0.5, 0.99, 0.999, 1.0].map(|rank| at(&sorted, rank)), [500.0, 990.0, 999.0, 1000.0]);
        assert_eq!(at(&[], 0.5), 0.0);
    }

    #[test]
    fn noise_is_not_a_pattern() {
        let noise = noise(4096);
        assert!(noise.windows(64).skip(1).all(|window| window != &noise[..64]));
    }
}
