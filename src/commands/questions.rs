//! The journal's questions: find, journey, balance. Also while the gateway runs.

use std::{
    io::BufRead as _,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil};
use jonction_engine::{Filter, Reader, Seals, StateWord, Window};
use jonction_model::{ReportStage, clock::paris, nearest};
use jonction_ports::MessageId;

use crate::{
    cli::{Awaited, BalanceArgs, Common, FindArgs, JourneyArgs},
    encryption::Encryption,
    failure::{Failure, exit},
    out, show,
};

pub(super) fn find(args: &FindArgs, common: &Common) -> Result<u8, Failure> {
    let filter = Filter {
        patient: if args.patient { Some(ask_patient()?) } else { None },
        document: args.document.clone(),
        control_id: args.control_id.clone(),
        mail_id: args.mail_id.clone(),
        state: args.state.as_deref().map(state).transpose()?,
        route: args.route.clone(),
        partner: args.partner.clone(),
        error: args.error.clone(),
        unanswered: args.unanswered.map(|awaited| match awaited {
            Awaited::Remise => ReportStage::Delivery,
            Awaited::Lecture => ReportStage::Reading,
        }),
        window: window(args.since.as_deref(), args.until.as_deref())?,
        before: args.before.map(MessageId),
        limit: args.limit,
    };
    let lines = reader(common)?.find(&filter)?;
    if common.json {
        lines.iter().for_each(out::json);
    } else {
        out::write(&show::found::found(&lines));
        if let Some(last) = lines.last().filter(|_| lines.len() >= args.limit as usize) {
            out::say(format!("… suite éventuelle : ajouter --before {}", last.id));
        }
    }
    Ok(if lines.is_empty() { exit::FINDINGS } else { exit::DONE })
}

pub(super) fn journey(args: &JourneyArgs, common: &Common) -> Result<u8, Failure> {
    let journeys = reader(common)?.journey(&args.id)?;
    if common.json {
        journeys.iter().for_each(out::json);
    } else if journeys.is_empty() {
        out::say(format!("rien n'est connu sous « {} »", args.id));
    } else {
        let texts: Vec<String> =
            journeys.iter().map(|journey| show::journey::journey(journey, args.findings)).collect();
        out::write(&texts.join("\n"));
    }
    Ok(if journeys.is_empty() { exit::FINDINGS } else { exit::DONE })
}

pub(super) fn balance(args: &BalanceArgs, common: &Common) -> Result<u8, Failure> {
    let balance = reader(common)?.balance(window(args.since.as_deref(), args.until.as_deref())?)?;
    if common.json {
        out::json(&balance);
    } else {
        out::write(&show::balance::whole(&balance));
    }
    Ok(if balance.closes() { exit::DONE } else { exit::FINDINGS })
}

/// The data folder a question is about.
pub(super) fn data(common: &Common) -> PathBuf {
    common.data.clone().unwrap_or_else(|| Path::new("data").to_owned())
}

pub(super) fn reader(common: &Common) -> Result<Reader, Failure> {
    Reader::open_with(&data(common), seals(common)?).map_err(|error| {
        let failure = Failure::from(error);
        if common.data.is_none() {
            return failure.remedy(
                "dire où est le journal : --data DOSSIER, par exemple --data examples/etablissement/data",
            );
        }
        failure
    })
}

/// The keys typed; paths are relative to the current folder.
pub(super) fn seals(common: &Common) -> Result<Seals, Failure> {
    Encryption::typed(&common.body_keys)?.keys(Path::new("."))
}

pub(super) fn ask_patient() -> Result<String, Failure> {
    ask("identifiant du patient (INS ou IPP)")
}

/// Typed on standard input: a command line is kept by shells and shown by `ps`.
pub(super) fn ask(what: &str) -> Result<String, Failure> {
    out::warn(&format!("{what}, puis Entrée : "));
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match read.map(|_| line.trim().to_owned()) {
        Ok(id) if !id.is_empty() => Ok(id),
        _ => Err(Failure::usage("cli.nothing-typed", "rien n'a été tapé")
            .remedy(format!("taper sur l'entrée standard : {what}"))),
    }
}

fn state(word: &str) -> Result<StateWord, Failure> {
    StateWord::parse(word).ok_or_else(|| {
        let words = StateWord::words();
        let remedy = match nearest(word, words.iter().copied()) {
            Some(near) => format!("vouliez-vous {near} ?"),
            None => format!("états connus : {}", words.join(", ")),
        };
        Failure::usage("find.unknown-state", format!("aucun état ne s'appelle « {word} »")).remedy(remedy)
    })
}

pub(super) fn window(since: Option<&str>, until: Option<&str>) -> Result<Window, Failure> {
    let read = |text: Option<&str>| text.map(date).transpose();
    Ok(Window { since: read(since)?, until: read(until)? })
}

/// A day or a minute in French legal time.
fn date(text: &str) -> Result<Timestamp, Failure> {
    let day = text.parse::<civil::Date>().map(civil::DateTime::from);
    day.or_else(|_| text.parse::<civil::DateTime>())
        .and_then(|date| date.to_zoned_datetime(paris()))
        .map(|date| date.timestamp())
        .map_err(|_| {
            Failure::usage("find.date", format!("« {text} » n'est pas une date"))
                .remedy("écrire 2026-01-31 ou 2026-01-31T08:00")
        })
}
