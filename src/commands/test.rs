//! `jonction test DIR`: the cases of its routes and of its mappings, what differs, what no case exercises or notices.
//! A case of a mapping is a message and what it gives (`mappings/cases/NOM/`); a case of a route is a message, a moment, what
//! the directories say, and what comes of it (`routes/cases/`).

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use bytes::Bytes;
use jonction_hl7v2::Limits;
use jonction_rows::{Case, Mapping};
use jonction_settings::Diagnoses;

use crate::{
    cases::{
        Bench, RouteCase, Suite,
        case::{MESSAGE_BYTES_MAX, read_all},
        coverage::{Answers, Never},
        mutation::{MappingCase, Subject},
        suite::Played,
    },
    cli::{Common, TestArgs},
    commands::{check, record},
    failure::{Failure, exit, io},
    gateway::{self, Checked},
    mappings::{self, Mappings},
    out,
    project::read_yaml,
    show::tested::{Tested, Tried},
};

pub(super) fn run(args: &TestArgs, common: &Common) -> Result<u8, Failure> {
    if let Some(message) = args.record {
        return record::run(args, message, common);
    }
    let began = Instant::now();
    let mut diagnoses = Diagnoses::default();
    // A folder of mappings alone has cases too.
    if !args.dir.join("jonction.yaml").exists() && args.dir.join("mappings").is_dir() {
        let read = mappings::read(&args.dir, &mut diagnoses);
        let files = read.files;
        let cases = mapping_cases(&args.dir, &read, &mut diagnoses)?;
        if diagnoses.has_errors() {
            check::report(&diagnoses, files, common.json);
            return Ok(exit::CONFIGURATION);
        }
        let mut tested = Tested::default();
        let wrote = try_mappings(&read, &cases, &mut tested);
        tested.never = silent_rows(&read, &wrote);
        return told(args, tested, began, common);
    }
    let checked = gateway::check(common.folder(&args.dir), None, &mut diagnoses);
    let Some(Checked { project, partners, .. }) = checked else {
        check::report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    let route_cases = read_all(&project, &partners, &mut diagnoses);
    let cases = mapping_cases(&args.dir, &project.mappings, &mut diagnoses)?;
    if diagnoses.has_errors() {
        check::report(&diagnoses, project.files, common.json);
        return Ok(exit::CONFIGURATION);
    }
    let mut tested = Tested::default();
    let mut wrote = try_mappings(&project.mappings, &cases, &mut tested);
    let bench = Bench::new(project, partners)?;
    let files = &bench.project.routes;
    let suite = Suite { bench: &bench, files, steps: &[], cases: &route_cases };
    let answers = Answers::default();
    let played = if route_cases.is_empty() { Vec::new() } else { suite.play(&answers)? };
    if args.coverage {
        rows_of_routes(&bench.project.mappings, &route_cases, &played, &mut wrote);
        tested.never = silent_rows(&bench.project.mappings, &wrote);
        tested.never.extend(answers.never(files));
    }
    for (case, played) in route_cases.iter().zip(played) {
        tested.tried.push(Tried {
            of: played.outcome.by.clone().unwrap_or_else(|| played.outcome.verdict.to_owned()),
            case: case.path.clone(),
            differences: played.differences,
            elapsed: played.elapsed,
        });
    }
    if args.mutate && tested.failed() == 0 {
        let mapping_cases: Vec<MappingCase> = cases.into_iter().map(|case| case.ready).collect();
        let subject =
            Subject { suite, mappings: &bench.project.mappings.nodes, mapping_cases: &mapping_cases };
        tested.mutants = Some(subject.mutants()?);
    }
    told(args, tested, began, common)
}

/// The cases of a folder, for those who will not go on when one fails. The folder has passed its check.
pub(super) fn failing_cases(dir: &Path, common: &Common) -> Result<Option<Failure>, Failure> {
    let mut diagnoses = Diagnoses::default();
    let Some(Checked { project, partners, .. }) = gateway::check(common.folder(dir), None, &mut diagnoses)
    else {
        return Ok(None);
    };
    let route_cases = read_all(&project, &partners, &mut diagnoses);
    let cases = mapping_cases(dir, &project.mappings, &mut diagnoses)?;
    let mut tested = Tested::default();
    try_mappings(&project.mappings, &cases, &mut tested);
    let bench = Bench::new(project, partners)?;
    let suite = Suite { bench: &bench, files: &bench.project.routes, steps: &[], cases: &route_cases };
    let played = if route_cases.is_empty() { Vec::new() } else { suite.play(&())? };
    let of_routes = route_cases.iter().zip(&played).filter(|(_, played)| !played.differences.is_empty());
    let of_mappings = tested.tried.iter().filter(|one| !one.differences.is_empty());
    let failed: Vec<String> = of_routes
        .map(|(case, _)| case.path.display().to_string())
        .chain(of_mappings.map(|one| one.case.display().to_string()))
        .chain(diagnoses.has_errors().then(|| "un cas qui ne se lit pas".to_owned()))
        .collect();
    let refusal =
        || Failure::usage("case.differs", format!("des cas ne passent pas : {}", failed.join(", ")));
    Ok((!failed.is_empty()).then(refusal))
}

fn told(args: &TestArgs, mut tested: Tested, began: Instant, common: &Common) -> Result<u8, Failure> {
    tested.elapsed = began.elapsed();
    if let Some(path) = &args.junit {
        fs::write(path, tested.junit()).map_err(|error| io("ce fichier ne s'écrit pas", path, &error))?;
    }
    if !args.coverage {
        tested.never.clear();
    }
    if common.json {
        tested.values().iter().for_each(out::json);
    } else {
        out::write(&tested.text());
    }
    let survivors = tested.mutants.iter().flatten().any(|mutant| !mutant.noticed);
    Ok(if tested.failed() > 0 || survivors { exit::FINDINGS } else { exit::DONE })
}

/// A case of a mapping.
struct OfMapping {
    message: PathBuf,
    ready: MappingCase,
}

fn mapping_cases(
    dir: &Path,
    mappings: &Mappings,
    diagnoses: &mut Diagnoses,
) -> Result<Vec<OfMapping>, Failure> {
    let mut cases = Vec::new();
    for (mapping, _) in &mappings.all {
        for message in messages(dir, mapping.name())? {
            let expected = ["yaml", "json"].map(|extension| message.with_extension(extension));
            let expected = expected.iter().find(|path| path.exists()).unwrap_or(&expected[0]);
            let Some(node) = read_yaml(expected, expected, None, diagnoses) else { continue };
            let Some(case) = Case::read(&node, diagnoses) else { continue };
            let unreadable = |error| io("ce message ne se lit pas", &message, &error);
            if fs::metadata(&message).map_err(unreadable)?.len() > MESSAGE_BYTES_MAX {
                return Err(Failure::new("data.too-large", format!("{} dépasse 64 Mo", message.display())));
            }
            let bytes = Bytes::from(fs::read(&message).map_err(unreadable)?);
            let ready = MappingCase { mapping: mapping.name().to_owned(), bytes, case };
            cases.push(OfMapping { message, ready });
        }
    }
    Ok(cases)
}

/// The messages of the cases of a mapping: every file that is not what is expected of another.
fn messages(dir: &Path, name: &str) -> Result<Vec<PathBuf>, Failure> {
    let folder = dir.join("mappings/cases").join(name);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| io("ce dossier ne se lit pas", &folder, &error))?;
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension != "yaml" && extension != "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Rows of each mapping that wrote something.
type Wrote = Vec<Vec<bool>>;

fn try_mappings(mappings: &Mappings, cases: &[OfMapping], tested: &mut Tested) -> Wrote {
    let mut wrote = Wrote::new();
    for (mapping, _) in &mappings.all {
        let mut known: Vec<bool> = mapping.rows().map(|_| false).collect();
        for case in cases.iter().filter(|case| case.ready.mapping == mapping.name()) {
            let began = Instant::now();
            let done = account(mapping, &case.ready.bytes, &mut known);
            tested.tried.push(Tried {
                of: mapping.name().to_owned(),
                case: case.message.clone(),
                differences: case.ready.case.differences(&done),
                elapsed: began.elapsed(),
            });
        }
        wrote.push(known);
    }
    wrote
}

fn account(
    mapping: &Mapping,
    bytes: &Bytes,
    wrote: &mut [bool],
) -> Result<jonction_rows::Mapped, jonction_model::Finding> {
    let account = mapping.account(bytes, &Limits::default())?;
    wrote.iter_mut().zip(&account.wrote).for_each(|(known, now)| *known |= now);
    Ok(account.mapped)
}

/// Rows that wrote something for a case of a route: whatever its route maps with.
fn rows_of_routes(mappings: &Mappings, cases: &[RouteCase], played: &[Played], wrote: &mut Wrote) {
    for (case, _) in cases.iter().zip(played).filter(|(_, played)| played.outcome.verdict == "routed") {
        for ((mapping, _), wrote) in mappings.all.iter().zip(wrote.iter_mut()) {
            // A mapping of another message says so, and wrote nothing.
            let _ = account(mapping, &case.raw, wrote);
        }
    }
}

fn silent_rows(mappings: &Mappings, wrote: &Wrote) -> Vec<Never> {
    let mut never = Vec::new();
    for ((mapping, path), wrote) in mappings.all.iter().zip(wrote) {
        let silent = mapping.rows().zip(wrote).filter(|(_, wrote)| !**wrote);
        never.extend(silent.map(|((line, target), _)| Never {
            file: path.display().to_string(),
            line,
            what: target.to_owned(),
            how: "ne sert jamais",
        }));
    }
    never
}
