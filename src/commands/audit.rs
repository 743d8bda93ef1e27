//! `jonction audit`: what was decided, by whom and why; and whether that is still what was written.

use jonction_engine::{AuditHash, AuditQuery};

use super::questions::reader;
use crate::{
    cli::{AuditAction, AuditArgs, Common},
    failure::{Failure, exit},
    out, show,
};

pub(super) fn run(args: &AuditArgs, common: &Common) -> Result<u8, Failure> {
    match &args.action {
        AuditAction::List { message, act, before, limit } => {
            let query = AuditQuery { before: *before, message: *message, act: act.clone(), limit: *limit };
            list(&query, common)
        }
        AuditAction::Verify { noted } => verify(*noted, common),
    }
}

fn list(query: &AuditQuery, common: &Common) -> Result<u8, Failure> {
    let lines = reader(common)?.audit(query)?;
    if common.json {
        lines.iter().for_each(out::json);
    } else {
        out::write(&show::audit::lines(&lines));
    }
    Ok(if lines.is_empty() { exit::FINDINGS } else { exit::DONE })
}

fn verify(noted: Option<AuditHash>, common: &Common) -> Result<u8, Failure> {
    let verdict = reader(common)?.verify_audit(noted)?;
    if common.json {
        out::json(&verdict);
    } else {
        out::write(&show::audit::verdict(&verdict, noted));
    }
    let holds = verdict.broken.is_none() && (noted.is_none() || verdict.noted.is_some());
    Ok(if holds { exit::DONE } else { exit::FINDINGS })
}
