//! `jonction report`: the day of each sending structure, in plain words.

use jiff::{ToSpan as _, civil::Date};
use jonction_model::{Clock as _, SystemClock, clock::paris};

use super::questions::reader;
use crate::{
    cli::{Common, ReportArgs},
    failure::{Failure, exit},
    out, show,
};

pub(super) fn run(args: &ReportArgs, common: &Common) -> Result<u8, Failure> {
    let day = match &args.day {
        Some(text) => text.parse::<Date>().map_err(|_| {
            Failure::usage("report.day", format!("« {text} » n'est pas un jour")).remedy("écrire 2026-01-31")
        })?,
        None => SystemClock.now().to_zoned_datetime(paris()).date().saturating_sub(1.day()),
    };
    let days = reader(common)?.day(day, args.structure.as_deref())?;
    if days.is_empty() && !common.json {
        let who = args.structure.as_deref().unwrap_or("personne");
        let said = if args.structure.is_some() { "n'a rien envoyé" } else { "n'a envoyé" };
        out::say(format!("{who} {said} de message le {}", day.strftime("%d/%m/%Y")));
    }
    let mut troubled = false;
    for (at, of) in days.iter().enumerate() {
        troubled |= !of.troubles.is_empty();
        match (common.json, args.html) {
            (true, _) => out::json(&show::report::json(of)),
            (false, true) => out::write(&show::report::html(of)),
            (false, false) => {
                out::write(if at > 0 { "\n────────\n\n" } else { "" });
                out::write(&show::report::text(of));
            }
        }
    }
    Ok(if troubled { exit::FINDINGS } else { exit::DONE })
}
