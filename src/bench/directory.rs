//! The directories at national size, generated: 2.29 million lines of practices, 540,000 mailboxes.
//! Reading and comparing are told in a bare line counter on the same cold file; writing is told apart.

use std::{
    fs::{self, File},
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use jonction_annuaire::{
    flat::{Encoding, FlatSnapshot},
    simulator::generate::{Nation, Sizes},
};
use jonction_directory::{Judge, Snapshot, Store, Suspicion};
use jonction_model::{
    PersonId, SystemClock,
    directory::{Professional, Record, Source},
};
use jonction_ports::{Directory as _, directory::ProfessionalQuery, pull::Snapshot as _};

use super::measure::{Goal, Measure, median, memory_mb};
use crate::failure::{Failure, io};

/// Look-ups of each kind: enough for a 99th percentile.
const LOOKUPS: usize = 20_000;
/// Few: each brings its pages, and their neighbours, into memory.
const COLD_LOOKUPS: usize = 1_000;
const CHANGES: usize = 10_000;
const SEED: u64 = 1;

pub(super) fn directory() -> Result<Vec<Measure>, Failure> {
    let folder = std::env::temp_dir().join(format!("jonction-bench-directory-{}", std::process::id()));
    let result = measured(&folder);
    // What is left is only temporary files.
    let _ = fs::remove_dir_all(&folder);
    result
}

fn measured(folder: &Path) -> Result<Vec<Measure>, Failure> {
    fs::create_dir_all(folder).map_err(|error| io("dossier de mesure", folder, &error))?;
    let (rpps, mailboxes) = generate(folder)?;
    let source_bytes: u64 =
        rpps.iter().chain([&mailboxes]).filter_map(|path| fs::metadata(path).ok()).map(|m| m.len()).sum();
    forget_peak();
    let counting = count_lines(&rpps)?;
    let store = Store::open(&folder.join("annuaires"), Arc::new(SystemClock))?;
    let (read, written) = load(&store, Source::Rpps, rpps)?;
    let (mss_read, mss_written) = load(&store, Source::Mssante, vec![mailboxes])?;
    let peak = memory_mb("self", "VmHWM").unwrap_or(0.0);
    let disk = store.disk_bytes(Source::Rpps)? + store.disk_bytes(Source::Mssante)?;
    let people = sample(&store)?;
    let by_key = |person: &Professional| store.professional(&person.id).map(|found| found.is_some());
    [Source::Rpps, Source::Mssante].iter().for_each(|source| cool(&snapshot_file(folder, *source)));
    let cold = lookups(people.get(..COLD_LOOKUPS).unwrap_or(&people), by_key)?;
    // As the gateway does when it starts.
    store.warm()?;
    let key = lookups(&people, by_key)?;
    let boxes = lookups(&people, |person| store.mailboxes_of(&person.id).map(|_| true))?;
    let named = lookups(&people, |person| {
        let query = ProfessionalQuery {
            family: Some(person.family.clone()),
            given: Some(person.given.clone()),
            ..ProfessionalQuery::default()
        };
        store
            .professionals(&query)
            .map(|page| page.found.iter().any(|f| f.sourced.record.id == person.id) || page.more)
    })?;
    let family = lookups(&people, |person| {
        let query = ProfessionalQuery { family: Some(person.family.clone()), ..ProfessionalQuery::default() };
        store.professionals(&query).map(|page| !page.found.is_empty())
    })?;
    let delta = changes(&store, people)?;
    #[expect(clippy::cast_precision_loss, reason = "bytes of files, far below 2^53")]
    let (disk_mb, source_mb) = (disk as f64 / 1e6, source_bytes as f64 / 1e6);
    let m = Measure::new;
    Ok(vec![
        m(
            "directory-read",
            "lire et comparer les trois fichiers RPPS, contre un compteur de lignes nu, à froid",
            "s",
            read,
            Some(counting),
            Goal::RatioAtMost(10.0),
        ),
        m("directory-write", "écrire l'annuaire RPPS et ses index", "s", written, None, Goal::None),
        m(
            "directory-mssante",
            "lire, comparer et écrire 540 000 boîtes",
            "s",
            mss_read + mss_written,
            None,
            Goal::AtMost(10.0),
        ),
        m(
            "directory-load",
            "chargement national entier",
            "s",
            read + written + mss_read + mss_written,
            None,
            Goal::AtMost(60.0),
        ),
        m(
            "directory-memory",
            "mémoire la plus haute pendant le chargement",
            "MB",
            peak,
            None,
            Goal::AtMost(256.0),
        ),
        m(
            "directory-disk",
            "annuaire sur le disque, contre les fichiers lus",
            "MB",
            disk_mb,
            Some(source_mb),
            Goal::RatioAtMost(0.6),
        ),
        m("directory-key", "un professionnel par son RPPS, 99e centile", "us", key, None, Goal::AtMost(20.0)),
        m(
            "directory-key-cold",
            "de même quand le disque doit être lu, 99e centile",
            "us",
            cold,
            None,
            Goal::None,
        ),
        m(
            "directory-boxes",
            "les boîtes d'un professionnel, 99e centile",
            "us",
            boxes,
            None,
            Goal::AtMost(20.0),
        ),
        m(
            "directory-name",
            "un professionnel par nom et prénom, 99e centile",
            "us",
            named,
            None,
            Goal::AtMost(2000.0),
        ),
        m("directory-family", "une page par nom seul, 99e centile", "us", family, None, Goal::AtMost(2000.0)),
        m("directory-delta", "10 000 changements appliqués", "s", delta, None, Goal::AtMost(1.0)),
    ])
}

fn generate(folder: &Path) -> Result<(Vec<PathBuf>, PathBuf), Failure> {
    let nation = Nation::new(SEED, sizes());
    type Writer = fn(&Nation, &mut BufWriter<File>) -> std::io::Result<u64>;
    let files: [(&str, Writer); 4] = [
        ("PS_LibreAcces_Personne_activite", |nation, out| nation.personne_activite(out)),
        ("PS_LibreAcces_SavoirFaire", |nation, out| nation.savoir_faire(out)),
        ("PS_LibreAcces_Dipl_AutExerc", |nation, out| nation.dipl_autexerc(out)),
        ("Extraction_Correspondance_MSSante", |nation, out| nation.mssante(out)),
    ];
    let mut paths = Vec::new();
    for (name, write) in files {
        let path = folder.join(format!("{name}_202601010830.txt"));
        let failed = |error: std::io::Error| io("fichier de mesure", &path, &error);
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed)?);
        write(&nation, &mut out).and_then(|_| out.flush()).map_err(failed)?;
        paths.push(path);
    }
    let mailboxes = paths.pop().unwrap_or_default();
    Ok((paths, mailboxes))
}

/// The nation; a smaller one when asked, for a quick look.
fn sizes() -> Sizes {
    let asked = std::env::var("JONCTION_BENCH_PERSONS").ok().and_then(|text| text.parse::<u64>().ok());
    asked.map_or(Sizes::NATION, |persons| Sizes { persons, mailboxes: persons * 2 / 7 })
}

/// The kernel forgets the highest memory of this process; where it cannot, the figure is that of the whole life.
fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Writes a file back and takes it out of the memory of the system, so that the next reading comes from the disk.
fn cool(path: &Path) {
    let _ = Command::new("sync").arg(path).status();
    let _ = Command::new("dd")
        .arg(format!("if={}", path.display()))
        .args(["iflag=nocache", "count=0", "status=none"])
        .status();
}

fn snapshot_file(folder: &Path, source: Source) -> PathBuf {
    folder.join("annuaires").join(source.name()).join("1.sqlite")
}

fn count_lines(paths: &[PathBuf]) -> Result<f64, Failure> {
    paths.iter().for_each(|path| cool(path));
    let start = Instant::now();
    let mut lines = 0_usize;
    let mut buffer = vec![0; 256 << 10];
    for path in paths {
        let failed = |error: std::io::Error| io("fichier de mesure", path, &error);
        let mut file = File::open(path).map_err(failed)?;
        loop {
            let count = file.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            lines += buffer[..count].iter().filter(|byte| **byte == b'\n').count();
        }
    }
    std::hint::black_box(lines);
    Ok(start.elapsed().as_secs_f64())
}

fn load(store: &Store, source: Source, paths: Vec<PathBuf>) -> Result<(f64, f64), Failure> {
    paths.iter().for_each(|path| cool(path));
    let start = Instant::now();
    let mut snapshot = FlatSnapshot::open(source, paths, Encoding::Utf8)?;
    let mut pull = store.draft(source)?;
    let intake = snapshot.read(&mut pull.draft, &mut |_| {})?;
    let compared = store.compare(pull)?;
    let read = start.elapsed().as_secs_f64();
    let described = Snapshot::of(snapshot.facts(), intake.sha256, intake.bytes);
    compared.commit(store, described, Judge::Suspicious(Suspicion::default()))?;
    Ok((read, start.elapsed().as_secs_f64() - read))
}

/// People drawn evenly, in no order.
fn sample(store: &Store) -> Result<Vec<Professional>, Failure> {
    let every = (usize::try_from(sizes().persons).unwrap_or(usize::MAX) / LOOKUPS).max(1);
    let mut people = Vec::with_capacity(LOOKUPS);
    let mut at = 0;
    store.each_professional(|found| {
        if at % every == 0 {
            people.push(found.record);
        }
        at += 1;
        Ok(())
    })?;
    // The order of a hash of the number: neighbours in the store are no neighbours here.
    people.sort_by_key(|person| spread(&person.id));
    Ok(people)
}

fn spread(id: &PersonId) -> u64 {
    id.as_str().bytes().fold(0, |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// 99th percentile, in microseconds. Every look-up must find what it looks for.
fn lookups(
    people: &[Professional],
    look: impl Fn(&Professional) -> Result<bool, jonction_ports::DirectoryError>,
) -> Result<f64, Failure> {
    let mut times = Vec::with_capacity(people.len());
    for person in people {
        let start = Instant::now();
        let found = look(person)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        if !found {
            return Err(Failure::new("bench.directory", "une recherche n'a pas trouvé ce qu'elle devait"));
        }
    }
    times.sort_by(f64::total_cmp);
    std::hint::black_box(median(&mut times.clone()));
    Ok(times.get(times.len() * 99 / 100).copied().unwrap_or(0.0))
}

/// As many people move as the API tells in a day: applied to the snapshot in use.
fn changes(store: &Store, people: Vec<Professional>) -> Result<f64, Failure> {
    let changed: Vec<Record> = people
        .into_iter()
        .take(CHANGES)
        .map(|mut person| {
            person.family.push_str("-NOUVEAU");
            Record::Professional(Box::new(person))
        })
        .collect();
    let described = Snapshot {
        name: "delta".into(),
        date: jonction_model::Clock::now(&SystemClock),
        sha256: String::new(),
        bytes: 0,
    };
    let start = Instant::now();
    store.apply(Source::Rpps, changed, described)?;
    Ok(start.elapsed().as_secs_f64())
}
