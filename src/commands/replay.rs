//! `jonction replay DIR --with OTHER`: last month's messages through another version, before it goes live.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jonction_engine::replay::{Past, Trial};
use jonction_model::{Clock, OsEntropy, SystemClock};
use jonction_ports::MessageId;
use jonction_settings::Diagnoses;

use super::{check::report, data_folder, questions};
use crate::{
    certificates::Certificates,
    cli::{Common, ReplayArgs},
    directories,
    failure::{Failure, exit},
    gateway::{self, Checked},
    out,
    project::Folder,
    registry::Wiring,
    renewal::Renewals,
    replaying::{Cause, Compared, Counted, Kind, compare, follow},
    show,
    signals::Signals,
};

pub(super) fn run(args: &ReplayArgs, common: &Common) -> Result<u8, Failure> {
    let window = questions::window(args.from.as_deref(), args.to.as_deref())?;
    let Some(before) = check(common.folder(&args.dir), common) else { return Ok(exit::CONFIGURATION) };
    let Some(after) = check(Folder { dir: &args.with, ..common.folder(&args.dir) }, common) else {
        return Ok(exit::CONFIGURATION);
    };
    let data = data_folder(common.data.as_ref(), &before.project.gateway.data);
    let past = Past::open(&data, before.project.encryption.keys(&before.project.dir)?)?;
    let (before, after) = (trial(before, &data)?, trial(after, &data)?);
    let began = Instant::now();
    if args.follow {
        let counted = super::runtime()?.block_on(shadow((&past, &before, &after), args, common))?;
        return Ok(end(&counted.told(), args, began, common));
    }
    let compared = compare(&past, &before, &after, window)?;
    Ok(end(&compared, args, began, common))
}

fn end(compared: &Compared, args: &ReplayArgs, began: Instant, common: &Common) -> u8 {
    if common.json {
        out::json(compared);
    } else {
        tell(compared, args, began.elapsed().as_secs_f64());
    }
    if compared.different == 0 { exit::DONE } else { exit::FINDINGS }
}

/// How often the journal is looked at for what came.
const LOOK: Duration = Duration::from_millis(300);

/// The other version in the shadow of the one that runs, until it is told to stop, or its time is over.
async fn shadow(
    trials: (&Past, &Trial, &Trial),
    args: &ReplayArgs,
    common: &Common,
) -> Result<Counted, Failure> {
    let mut signals =
        Signals::new().map_err(|error| Failure::new("runtime.cannot-start", error.to_string()))?;
    let (mut counted, mut cursor) = (Counted::default(), trials.0.last()?);
    if common.json {
        out::json(&serde_json::json!({ "event": "following", "after": cursor }));
    } else {
        out::say(format!(
            "{} dans l'ombre de {}, à partir du message n° {} ; rien ne sera envoyé (Ctrl-C : bilan)",
            args.with.display(),
            args.dir.display(),
            cursor.0 + 1
        ));
    }
    let over = tokio::time::sleep(args.during.unwrap_or(Duration::MAX / 4));
    tokio::pin!(over);
    loop {
        let more;
        (cursor, more) =
            follow(trials, cursor, &mut counted, |message, causes| differs(message, &causes, common))?;
        if more {
            continue;
        }
        tokio::select! {
            () = signals.stop() => return Ok(counted),
            () = &mut over => return Ok(counted),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn differs(message: MessageId, causes: &BTreeSet<Cause>, common: &Common) {
    if common.json {
        let causes: Vec<_> =
            causes.iter().map(|(kind, path)| serde_json::json!({ "kind": kind, "path": path })).collect();
        out::json(&serde_json::json!({ "event": "different", "message": message, "causes": causes }));
        return;
    }
    for (kind, path) in causes {
        out::say(format!("  #{:<7} {}  {path}", message.0, word(*kind)));
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Added => "ajouté",
        Kind::Removed => "retiré",
        Kind::Changed => "changé",
    }
}

/// A folder without mistakes; what is wrong with it is told.
fn check(folder: Folder<'_>, common: &Common) -> Option<Checked> {
    let mut diagnoses = Diagnoses::default();
    let checked = gateway::check(folder, None, &mut diagnoses).filter(|_| !diagnoses.has_errors());
    if checked.is_none() {
        report(&diagnoses, 1, common.json);
    }
    checked
}

/// Routes with their sinks, which say what they would owe and open nothing.
fn trial(checked: Checked, data: &Path) -> Result<Trial, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let certificates = Certificates::open(&checked.project, data)?;
    let store = directories::open(data, clock.clone())?;
    checked.put_directories(store.clone());
    let gateway = &checked.project.gateway;
    let wiring = Wiring {
        certificates: &certificates,
        renewals: &Renewals::default(),
        environment: gateway.environment,
        clock,
        entropy: Arc::new(OsEntropy),
        source_id: gateway.source_id.clone(),
        gateway: gateway.name.clone(),
        directory: Some(store),
        base: &checked.project.dir,
        free_ports: false,
        trial: false,
    };
    let mut sinks = std::collections::HashMap::new();
    for partner in &checked.partners {
        if let Some(sink) = partner.configured.sink(&partner.name, &wiring)? {
            sinks.insert(partner.name.clone(), sink);
        }
    }
    let environment = gateway.environment;
    Ok(Trial::new(checked.routes, sinks, environment)?)
}

fn tell(compared: &Compared, args: &ReplayArgs, seconds: f64) {
    let rate = compared.messages as f64 / seconds.max(0.001);
    out::say(format!(
        "{} par {} puis par {} : {} ({:.0} par seconde) ; rien n'a été envoyé",
        show::count(usize::try_from(compared.messages).unwrap_or(usize::MAX), "message"),
        args.dir.display(),
        args.with.display(),
        show::count(usize::try_from(compared.different).unwrap_or(usize::MAX), "différent"),
        rate,
    ));
    for cause in &compared.causes {
        let kind = word(cause.kind);
        let examples: Vec<_> = cause.examples.iter().map(|id| format!("#{id}")).collect();
        out::say(format!("  {kind}  {:>7}  {}   {}", cause.messages, cause.path, examples.join(" ")));
    }
}
