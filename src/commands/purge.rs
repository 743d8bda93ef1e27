//! `jonction purge`: what is older than its retention is destroyed, step by step, and certified.
//! In: the clocks of `jonction.yaml`, or typed ones. Out: what is gone, a certificate, rows of the audit chain.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use jonction_engine::{Act, Aging, Certificate, Destroyed, Order, PurgeStep, Purged, Reader};
use jonction_model::{Clock as _, SystemClock, clock::paris};
use jonction_settings::Diagnoses;

use super::{
    check::report,
    data_folder,
    orders::{self, Holder},
    questions, runtime,
};
use crate::{
    cli::{Common, PurgeArgs},
    failure::{Failure, exit, io},
    out,
    project::{Project, Retention},
    show,
};

/// Folder of the certificates, in the data folder.
const CERTIFICATES: &str = "destructions";

pub(super) fn run(args: &PurgeArgs, common: &Common) -> Result<u8, Failure> {
    let (retention, data, seals) = match &args.dir {
        Some(dir) => {
            let mut diagnoses = Diagnoses::default();
            let project = Project::read(common.folder(dir), None, &mut diagnoses);
            let Some(project) = project.filter(|_| !diagnoses.has_errors()) else {
                report(&diagnoses, 1, common.json);
                return Ok(exit::CONFIGURATION);
            };
            let data = data_folder(common.data.as_ref(), &project.gateway.data);
            (project.retention, data, project.encryption.keys(&project.dir)?)
        }
        None => (Retention::default(), questions::data(common), questions::seals(common)?),
    };
    let bodies = args.bodies.unwrap_or(retention.bodies);
    let metadata = args.metadata.unwrap_or(retention.metadata);
    if metadata < bodies {
        return Err(Failure::usage(
            "purge.metadata-first",
            "les métadonnées d'un message ne peuvent pas être détruites avant ses corps",
        )
        .remedy("donner à --metadata au moins la durée de --bodies"));
    }
    let now = SystemClock.now();
    let clocks = [(Aging::Bodies, too_old(now, bodies)), (Aging::Metadata, too_old(now, metadata))];
    if args.dry_run {
        return preview(&data, clocks, common);
    }
    destroy(args, (&data, Holder::of(&data, seals)?), clocks, common)
}

/// What came before is too old. Whole days in French legal time, so that totals per day stay whole.
fn too_old(now: Timestamp, kept: std::time::Duration) -> Timestamp {
    let before = SignedDuration::try_from(kept).ok().and_then(|kept| now.checked_sub(kept).ok());
    let before = before.unwrap_or(Timestamp::MIN);
    if kept < std::time::Duration::from_secs(86_400) {
        return before;
    }
    let midnight = before.to_zoned_datetime(paris()).start_of_day();
    midnight.map_or(before, |midnight| midnight.timestamp())
}

fn preview(data: &Path, clocks: [(Aging, Timestamp); 2], common: &Common) -> Result<u8, Failure> {
    let reader = Reader::open(data)?;
    for (what, before) in clocks {
        let Purged { destroyed, held, open, .. } = reader.purge_preview(what, before)?;
        if common.json {
            let would = serde_json::json!({
                "what": what, "before": before, "would_destroy": destroyed, "held": held, "open": open
            });
            out::json(&would);
        } else {
            out::write(&show::purge::step(what, before, &destroyed, (held, open), true));
        }
    }
    if !common.json {
        out::say("rien n'a été détruit (--dry-run)");
    }
    Ok(exit::DONE)
}

fn destroy(
    args: &PurgeArgs,
    (data, holder): (&Path, Holder),
    clocks: [(Aging, Timestamp); 2],
    common: &Common,
) -> Result<u8, Failure> {
    let runtime = runtime()?;
    let mut certificates = Vec::new();
    for (what, before) in clocks {
        let compact = args.compact && what == Aging::Metadata;
        let first = PurgeStep { what, before, after: None, compact };
        let order = orders::order(&args.order, Act::Purge(first.clone()))?;
        let certificate = runtime.block_on(all_steps(&holder, order, first))?;
        if common.json {
            out::json(&certificate);
        } else {
            let kept = (certificate.held, certificate.open);
            out::write(&show::purge::step(what, before, &certificate.destroyed, kept, false));
        }
        certificates.push(certificate);
    }
    if certificates.iter().all(|certificate| certificate.destroyed.messages == 0) {
        return Ok(exit::DONE);
    }
    for path in write_certificates(&certificates, data, args.certificate.as_ref())? {
        if !common.json {
            out::say(format!("certificat   {}", path.display()));
        }
    }
    Ok(exit::DONE)
}

/// Steps, until nothing old is left. A purge that is cut is whole up to its last step: the next one goes on.
async fn all_steps(holder: &Holder, order: Order, mut step: PurgeStep) -> Result<Certificate, Failure> {
    let mut certificate = Certificate {
        what: step.what,
        before: step.before,
        author: order.author.to_string(),
        reason: order.reason.as_ref().map(ToString::to_string).unwrap_or_default(),
        began_at: SystemClock.now(),
        ended_at: SystemClock.now(),
        destroyed: Destroyed::default(),
        held: 0,
        open: 0,
        audit_from: None,
        audit: None,
    };
    loop {
        let act = Act::Purge(step.clone());
        let ordered = holder.order(Order { act, ..order.clone() }).await?;
        let purged = ordered.purged.unwrap_or_default();
        if purged.destroyed.messages > 0 {
            certificate.audit_from.get_or_insert(ordered.audit.count);
        }
        certificate.audit = Some(ordered.audit);
        certificate.destroyed.add(purged.destroyed);
        certificate.held += purged.held;
        certificate.open += purged.open;
        step.after = purged.next;
        if step.after.is_none() {
            certificate.ended_at = SystemClock.now();
            return Ok(certificate);
        }
    }
}

/// In the data folder, and where it was asked.
fn write_certificates(
    certificates: &[Certificate],
    data: &Path,
    asked: Option<&PathBuf>,
) -> Result<Vec<PathBuf>, Failure> {
    let folder = data.join(CERTIFICATES);
    fs::create_dir_all(&folder).map_err(|error| io("ce dossier ne se crée pas", &folder, &error))?;
    let row = certificates.iter().filter_map(|certificate| certificate.audit).map(|head| head.count).max();
    let paths = [Some(folder.join(format!("{}.json", row.unwrap_or_default()))), asked.cloned()];
    let text = serde_json::to_vec_pretty(certificates)
        .map_err(|error| Failure::new("purge.certificate", error.to_string()))?;
    let mut written = Vec::new();
    for path in paths.into_iter().flatten() {
        fs::write(&path, &text).map_err(|error| io("le certificat ne s'écrit pas", &path, &error))?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_whole_days_of_paris() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let before = |seconds| too_old(now, Duration::from_secs(seconds)).to_string();
        assert_eq!(before(0), "2026-11-24T10:00:00Z");
        assert_eq!(before(90 * 86_400), "2026-08-25T22:00:00Z");
        assert_eq!(too_old(now, Duration::MAX), Timestamp::MIN);
    }
}
