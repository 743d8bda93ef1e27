//! `jonction directory`: the national directories, updated and looked up by hand.

use std::{
    collections::BTreeMap,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use jonction_directory::{
    Ended, LastPull, Store,
    filling::{self, filling},
    gaps::{self, Missing},
    regional, regions,
};
use jonction_model::{
    Clock, MssAddress, PersonId, StructureId, SystemClock, clock::paris, directory::Source,
};
use jonction_ports::{
    Directory as _,
    directory::{Around, OfferQuery, ProfessionalQuery, StructureQuery},
    pull::Progress,
};
use jonction_settings::Diagnoses;
use serde_json::json;

use super::{check::report, data_folder, runtime};
use crate::{
    cli::{
        Common, DirectoryAction, DirectoryArgs, DirectoryExportArgs, GapsArgs, PullArgs, SearchArgs, Subject,
    },
    directories::{self, Asked},
    failure::{Failure, exit, io},
    out,
    project::Project,
    show::directory as show,
};

pub(super) fn run(args: &DirectoryArgs, common: &Common) -> Result<u8, Failure> {
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    if let DirectoryAction::Pull(pull) = &args.action {
        return runtime()?.block_on(pull_all(pull, &dir, common));
    }
    let store = store(&dir, common)?;
    match &args.action {
        DirectoryAction::Pull(_) => Ok(exit::DONE),
        DirectoryAction::Status => status(&store, common),
        DirectoryAction::Lookup { id } => lookup(&store, id, common),
        DirectoryAction::Search(search) => self::search(&store, search, common),
        DirectoryAction::Report(report) => match report.subject {
            Some(Subject::Filling) => filled(&store, report, &dir, common),
            Some(Subject::Missing(missing)) => gaps(&store, missing, report, common),
            Some(Subject::Source(source)) => changes(&store, Some(source), common),
            None => changes(&store, None, common),
        },
        DirectoryAction::Export(export) => self::export(&store, export, common),
        DirectoryAction::Rollback { source } => rollback(&store, *source, common),
    }
}

/// The project of the folder; what is wrong with it is told.
fn project(dir: &Path, common: &Common) -> Result<Project, Failure> {
    let mut diagnoses = Diagnoses::default();
    let project = Project::read(common.folder(dir), None, &mut diagnoses);
    match project {
        Some(project) if !diagnoses.has_errors() => {
            let addresses = super::read_addresses(&data_folder(common.data.as_ref(), &project.gateway.data))?;
            // Read again where the programs of this data folder really listen (`--ports auto`).
            Project::read(common.folder(dir), Some(&addresses), &mut Diagnoses::default()).ok_or_else(|| {
                Failure::new("settings.unreadable", "la configuration a changé pendant la lecture")
            })
        }
        _ => {
            report(&diagnoses, 1, common.json);
            Err(Failure::usage("directory.configuration", "la configuration n'est pas juste")
                .remedy(format!("jonction check {}", dir.display())))
        }
    }
}

/// The store: of `--data`, else of the folder's configuration.
fn store(dir: &Path, common: &Common) -> Result<Arc<Store>, Failure> {
    let data = match &common.data {
        Some(data) => data.clone(),
        None => project(dir, common)?.gateway.data,
    };
    directories::open(&data, Arc::new(SystemClock))
}

async fn pull_all(args: &PullArgs, dir: &Path, common: &Common) -> Result<u8, Failure> {
    let project = project(dir, common)?;
    let data = data_folder(common.data.as_ref(), &project.gateway.data);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = directories::open(&data, clock.clone())?;
    if let Some(unknown) =
        args.sources.iter().find(|source| !project.directories.sources().any(|known| known == **source))
    {
        return Err(Failure::usage(
            "directory.not-configured",
            format!("la source {unknown} n'est pas dans jonction.yaml"),
        )
        .remedy(format!("ajouter  directories: {{ {unknown}: {{ … }} }}")));
    }
    let pullers = directories::pullers(&project, &data, &clock)?;
    if pullers.is_empty() {
        return Err(Failure::usage("directory.none", "jonction.yaml ne nomme aucun annuaire")
            .remedy("ajouter un bloc directories: (docs/guide/configuration.md)"));
    }
    let mut worst = exit::DONE;
    for pulled in
        pullers.iter().filter(|pulled| args.sources.is_empty() || args.sources.contains(&pulled.source))
    {
        let asked = Asked { whole: args.whole, accepted: args.accept };
        let bar = Arc::new(Bar::new(pulled.source, common.json));
        let last = directories::pull(
            &store,
            pulled,
            project.directories.suspicion(),
            asked,
            bar.clone(),
            clock.as_ref(),
        )
        .await;
        bar.clear();
        if common.json {
            out::json(&json!({"source": pulled.source, "last": last}));
        } else {
            out::write(&show::pulled(pulled.source, &last));
        }
        worst = worst.max(code(&last));
    }
    Ok(worst)
}

fn code(last: &LastPull) -> u8 {
    match last.ended {
        Ended::Published { .. } | Ended::NothingNew { .. } => exit::DONE,
        Ended::Held { .. } => exit::FINDINGS,
        Ended::Failed { .. } => exit::COULD_NOT_RUN,
    }
}

fn status(store: &Store, common: &Common) -> Result<u8, Failure> {
    let states = store.states();
    let mut code = exit::DONE;
    for source in Source::ALL {
        let state = states.iter().find(|state| state.source == source);
        let last = store.last_pull(source)?;
        if state.is_none() && last.is_none() {
            continue;
        }
        let age = state.map(|state| SystemClock.now().duration_since(state.date));
        if common.json {
            out::json(&json!({
                "source": source, "in_use": state, "age_s": age.map(|age| age.as_secs()),
                "disk_bytes": store.disk_bytes(source)?, "last": last,
            }));
        } else {
            out::write(&show::status(source, state, age, store.disk_bytes(source)?, last.as_ref()));
        }
        let stale = age.is_none_or(|age| age.as_hours() >= show::STALE_HOURS);
        let wrong = last.is_some_and(|last| matches!(last.ended, Ended::Held { .. } | Ended::Failed { .. }));
        if stale || wrong {
            code = exit::FINDINGS;
        }
    }
    if states.is_empty() && !common.json {
        out::say("aucun annuaire n'a encore été chargé : jonction directory pull");
    }
    Ok(code)
}

fn lookup(store: &Store, typed: &str, common: &Common) -> Result<u8, Failure> {
    let text: String = typed.trim().chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = false;
    if let Ok(address) = MssAddress::parse(&text) {
        if let Some(mailbox) = store.mailbox(&address)? {
            found = true;
            if common.json {
                out::json(&json!({"mailbox": mailbox}))
            } else {
                out::write(&show::mailbox(&mailbox))
            }
        }
        return Ok(if found { exit::DONE } else { nothing(common) });
    }
    // A domain has points; no identifier has.
    if text.contains('.') {
        let domain = store.domain(&text.to_ascii_lowercase())?;
        if let Some(domain) = &domain {
            if common.json {
                out::json(&json!({"domain": domain}));
            } else {
                out::write(&show::domain(domain));
            }
        }
        return Ok(if domain.is_some() { exit::DONE } else { nothing(common) });
    }
    let person = match text.len() {
        11 => PersonId::normalise(&text, "RPPS"),
        _ => PersonId::prefixed(&text),
    };
    if let Some(professional) = store.professional(&person)? {
        found = true;
        let mailboxes = store.mailboxes_of(&person)?;
        if common.json {
            out::json(&json!({"professional": professional, "mailboxes": mailboxes}));
        } else {
            out::write(&show::professional(&professional, &mailboxes));
        }
    }
    let structure = structure_id(&text);
    if let Some(site) = store.structure(&structure)? {
        found = true;
        let mailboxes = store.mailboxes_at(&structure)?;
        let offers = store.offers(&OfferQuery { structure: Some(structure), ..OfferQuery::default() })?;
        if common.json {
            out::json(&json!({"structure": site, "mailboxes": mailboxes, "offers": offers.found}));
        } else {
            out::write(&show::structure(&site, &mailboxes));
            for found in &offers.found {
                out::say(format!("  {}", show::offer_line(found)));
            }
        }
    }
    Ok(if found { exit::DONE } else { nothing(common) })
}

fn nothing(common: &Common) -> u8 {
    if !common.json {
        out::say("rien n'est connu sous cet identifiant");
    }
    exit::FINDINGS
}

fn search(store: &Store, args: &SearchArgs, common: &Common) -> Result<u8, Failure> {
    let around = args.commune.clone().map(|commune| match args.km {
        Some(km) => Around::NearCommune { commune, km },
        None => Around::Commune(commune),
    });
    let limit = args.limit as usize;
    if args.offers || args.activity.is_some() || args.finess.is_some() {
        return offers(store, args, around, common);
    }
    if args.structure.is_some() || args.category.is_some() {
        if args.structure.is_none() && around.is_none() {
            return Err(vague());
        }
        let query = StructureQuery {
            name: args.structure.clone(),
            category: args.category.clone(),
            around,
            with_closed: false,
            limit,
        };
        let page = store.structures(&query)?;
        for found in &page.found {
            if common.json { out::json(found) } else { out::say(show::structure_line(found)) }
        }
        return Ok(end(page.found.len(), page.more, common));
    }
    if args.name.is_none() && around.is_none() {
        return Err(vague());
    }
    let query = ProfessionalQuery {
        family: args.name.clone(),
        given: args.given.clone(),
        profession: args.profession.clone(),
        skill: args.skill.clone(),
        around,
        with_ended: false,
        limit,
    };
    let page = store.professionals(&query)?;
    for found in &page.found {
        if common.json { out::json(found) } else { out::say(show::professional_line(found)) }
    }
    Ok(end(page.found.len(), page.more, common))
}

fn offers(store: &Store, args: &SearchArgs, around: Option<Around>, common: &Common) -> Result<u8, Failure> {
    if args.activity.is_none() && args.finess.is_none() && around.is_none() {
        return Err(vague());
    }
    let query = OfferQuery {
        activity: args.activity.clone(),
        structure: args.finess.as_deref().map(structure_id),
        around,
        age: args.age,
        with_sensitive: args.sensitive,
        limit: args.limit as usize,
    };
    let page = store.offers(&query)?;
    for found in &page.found {
        if common.json { out::json(found) } else { out::say(show::offer_line(found)) }
    }
    Ok(end(page.found.len(), page.more, common))
}

/// FINESS, SIRET, or a national id with its prefix.
fn structure_id(text: &str) -> StructureId {
    match text.len() {
        9 => StructureId::normalise(text, "FINEG"),
        14 => StructureId::prefixed(&format!("3{text}")),
        _ => StructureId::prefixed(text),
    }
}

fn vague() -> Failure {
    Failure::usage("directory.vague", "la recherche est trop vague")
        .remedy("donner un nom (--name, --structure), une commune (--commune), ou pour les offres --activity ou --finess")
}

fn end(count: usize, more: bool, common: &Common) -> u8 {
    if !common.json && more {
        out::say("… il y en a d'autres : préciser, ou augmenter --limit");
    }
    if count == 0 { nothing(common) } else { exit::DONE }
}

fn changes(store: &Store, only: Option<Source>, common: &Common) -> Result<u8, Failure> {
    let mut told = false;
    for source in Source::ALL.into_iter().filter(|source| only.is_none_or(|only| only == *source)) {
        let Some(report) = store.last_report(source)? else { continue };
        told = true;
        if common.json {
            out::json(&json!({"source": source, "report": report}));
        } else {
            out::write(&show::report(source, &report));
        }
    }
    Ok(if told { exit::DONE } else { nothing(common) })
}

/// Everybody who lacks a mailbox or a number: a line each, or a file, then how many there are.
fn gaps(store: &Store, missing: Missing, args: &GapsArgs, common: &Common) -> Result<u8, Failure> {
    let departments = args.department.iter().cloned().collect();
    let today = SystemClock.now().to_zoned_datetime(paris()).date();
    let mut counts: BTreeMap<(&'static str, String), u64> = BTreeMap::new();
    let mut rows = format!("{}\n", gaps::COLUMNS.join(";"));
    gaps::gaps(store, missing, &departments, today, |gap| {
        let what = if gap.what.label.is_empty() { &gap.what.code } else { &gap.what.label };
        *counts.entry((gap.who, what.clone())).or_default() += 1;
        match (&args.csv, common.json) {
            (Some(_), _) => rows += &format!("{}\n", gap.row()),
            (None, true) => out::json(&gap),
            (None, false) => out::say(show::gap_line(&gap)),
        }
        Ok(())
    })?;
    if let Some(path) = &args.csv {
        std::fs::write(path, rows).map_err(|error| io("liste", path, &error))?;
    }
    if args.csv.is_some() && common.json {
        let lines: Vec<_> = counts
            .iter()
            .map(|((who, what), count)| json!({"who": who, "what": what, "count": count}))
            .collect();
        out::json(&json!({"missing": missing, "counts": lines}));
    } else if !common.json {
        out::write(&show::gap_counts(missing, &counts, args.csv.as_deref()));
    }
    Ok(if counts.is_empty() { exit::DONE } else { exit::FINDINGS })
}

/// « ROR alimenté »: the summary on the screen, each establishment in a file or as JSON.
fn filled(store: &Store, args: &GapsArgs, dir: &Path, common: &Common) -> Result<u8, Failure> {
    // With `--data` alone there may be no configuration: the national rules and targets then.
    let wanted = match dir.join("jonction.yaml").is_file() {
        true => project(dir, common)?.directories.filling().clone(),
        false => filling::Wanted::default(),
    };
    if store.snapshot(Source::Finess)?.is_none() {
        return Err(Failure::new(
            "directory.no-perimeter",
            "le périmètre vient de FINESS, qui n'a jamais été chargé",
        )
        .remedy("jonction directory pull finess ror"));
    }
    let departments = args.department.iter().cloned().collect();
    let today = SystemClock.now().to_zoned_datetime(paris()).date();
    let mut rows = format!("{}\n", filling::COLUMNS.join(";"));
    let summary = filling(store, &wanted, &departments, today, |line| {
        match (&args.csv, common.json) {
            (Some(_), _) => rows += &format!("{}\n", line.row()),
            (None, true) => out::json(&line),
            (None, false) => {}
        }
        Ok(())
    })?;
    if let Some(path) = &args.csv {
        std::fs::write(path, rows).map_err(|error| io("liste", path, &error))?;
    }
    if common.json {
        out::json(&json!({"summary": summary}));
    } else {
        out::write(&show::filled(&summary, &wanted, args.csv.as_deref()));
    }
    Ok(if summary.hospitals_reached && summary.esms_reached { exit::DONE } else { exit::FINDINGS })
}

fn export(store: &Store, args: &DirectoryExportArgs, common: &Common) -> Result<u8, Failure> {
    let region = args.region.as_deref().map(|code| {
        regions::REGIONS.iter().find(|(known, _, _)| *known == code).ok_or_else(|| {
            let known: Vec<String> =
                regions::REGIONS.iter().map(|(code, name, _)| format!("{code} {name}")).collect();
            Failure::usage("directory.unknown-region", "aucune région ne porte ce code")
                .remedy(format!("régions connues : {}", known.join(", ")))
        })
    });
    let (territory, departments) = match region.transpose()? {
        Some((_, name, departments)) => {
            ((*name).to_owned(), departments.iter().map(|&code| code.to_owned()).collect())
        }
        None => {
            (format!("département {}", args.department.join(", ")), args.department.iter().cloned().collect())
        }
    };
    let day = SystemClock.now().to_zoned_datetime(paris()).date();
    let edition = regional::Edition { territory, departments, day, previous: args.previous.as_deref() };
    let manifest = regional::export(store, &edition, &args.out)?;
    if common.json {
        out::json(&manifest);
    } else {
        out::write(&show::exported(&manifest, &args.out));
    }
    Ok(exit::DONE)
}

fn rollback(store: &Store, source: Source, common: &Common) -> Result<u8, Failure> {
    let Some(back) = store.rollback(source)? else {
        return Err(Failure::new(
            "directory.no-previous",
            format!("{source} : il n'y a pas d'annuaire précédent à remettre"),
        )
        .remedy(format!("jonction directory pull {source} --whole")));
    };
    if common.json {
        out::json(&json!({"source": source, "in_use": back}));
    } else {
        out::say(format!("{source} : {} est de nouveau en service", back.name));
    }
    Ok(exit::DONE)
}

/// A bar on a terminal, nothing elsewhere.
struct Bar {
    bar: ProgressBar,
    source: Source,
}

impl Bar {
    fn new(source: Source, json: bool) -> Self {
        let shown = !json && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bar: ProgressBar::with_draw_target(None, target), source }
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn stage(&self, what: &str, total: Option<u64>) {
        let template = match total {
            Some(total) => {
                self.bar.set_length(total);
                "  {msg:<32} {bar:30} {done} sur {all}  {eta}"
            }
            None => "  {msg:<32} {spinner} {done}  {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            let size = |bytes: u64, out: &mut dyn std::fmt::Write| {
                // Writing to the screen's own buffer never fails.
                let _ = out.write_str(&crate::show::size(bytes));
            };
            let style = style
                .with_key("done", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    size(state.pos(), out)
                })
                .with_key("all", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    size(state.len().unwrap_or_default(), out)
                });
            self.bar.set_style(style);
        }
        self.bar.enable_steady_tick(Duration::from_millis(120));
        self.bar.set_position(0);
        self.bar.set_message(format!("{} : {what}", self.source));
    }

    fn at(&self, done: u64) {
        // Unpacked bytes pass the packed length: the bar waits at its end.
        self.bar.set_position(self.bar.length().map_or(done, |length| done.min(length)));
    }
}
