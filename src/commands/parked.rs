//! `jonction parked`: what waits for a human, why, and what is decided of it.

use std::{fs::OpenOptions, io::Write as _};

use jonction_engine::{Act, Filter, MessageBytes, StateWord};
use jonction_ports::{DeliveryId, MessageId};

use super::{orders, questions::reader};
use crate::{
    cli::{Common, ExportArgs, ParkedAction, ParkedArgs, ParkedListArgs, ResendArgs, Target, TargetArgs},
    failure::{Failure, exit, io},
    out, show,
};

/// Lines at most: more than a human decides in a day.
const LISTED_MAX: u32 = 1000;

pub(super) fn run(args: &ParkedArgs, common: &Common) -> Result<u8, Failure> {
    match &args.action {
        ParkedAction::List(which) => list(which, common),
        ParkedAction::Show(target) => show(*target, common),
        ParkedAction::Release(args) => {
            let decide = |delivery| Act::Release { delivery };
            let again = |message| Act::RouteAgain { message };
            order(args, common, decide, again, "remis dans sa file", "va être routé à nouveau")
        }
        ParkedAction::Export(args) => export(args, common),
        ParkedAction::Resend(args) => resend(args, common),
        ParkedAction::Refuse(args) => {
            let decide = |delivery| Act::Refuse { delivery };
            let refuse = |message| Act::RefuseMessage { message };
            let done = "refusé pour de bon ; son émetteur en a l'acquittement : le prévenir";
            order(args, common, decide, refuse, "refusé pour de bon", done)
        }
    }
}

fn list(which: &ParkedListArgs, common: &Common) -> Result<u8, Failure> {
    let filter = Filter {
        state: StateWord::parse("parked"),
        route: which.route.clone(),
        partner: which.partner.clone(),
        error: which.error.clone(),
        limit: LISTED_MAX,
        ..Filter::default()
    };
    let lines = reader(common)?.find(&filter)?;
    if common.json {
        lines.iter().for_each(out::json);
    } else if lines.is_empty() {
        out::say("rien n'est mis de côté");
    } else {
        out::write(&show::found::found(&lines));
        out::say("voir    jonction parked show ENVOI");
    }
    Ok(exit::DONE)
}

fn show(target: Target, common: &Common) -> Result<u8, Failure> {
    let reader = reader(common)?;
    let journey = match (target.delivery, target.message) {
        (Some(delivery), _) => reader.journey_of(DeliveryId(delivery))?,
        (None, message) => reader.message(MessageId(message.unwrap_or_default()))?,
    };
    let Some(journey) = journey else {
        out::say("rien n'est connu sous ce numéro");
        return Ok(exit::FINDINGS);
    };
    let delivery =
        target.delivery.and_then(|id| journey.deliveries.iter().find(|delivery| delivery.id.0 == id));
    if common.json {
        match delivery {
            Some(delivery) => out::json(delivery),
            None => out::json(&journey),
        }
    } else {
        out::write(&show::parked::parked(&journey, delivery));
    }
    Ok(exit::DONE)
}

/// The file is made before the order is given: what cannot be written is not taken out.
fn export(args: &ExportArgs, common: &Common) -> Result<u8, Failure> {
    let act = Act::Export { message: MessageId(args.message) };
    let order = orders::order(&args.order, act)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&args.to).map_err(|error| {
        io("le fichier ne s'écrit pas", &args.to, &error).remedy("donner un fichier qui n'existe pas encore")
    })?;
    let written = orders::carry_out(common, order).and_then(|ordered| {
        let bytes = ordered.exported.as_ref().map(|bytes| bytes.expose().clone()).unwrap_or_default();
        let written = file.write_all(&bytes).and_then(|()| file.sync_all());
        written.map_err(|error| io("le fichier ne s'écrit pas", &args.to, &error))?;
        Ok((ordered.audit, bytes.len()))
    });
    let (audit, bytes) = match written {
        Ok(written) => written,
        Err(failure) => {
            // Made by this command a moment ago.
            let _ = std::fs::remove_file(&args.to);
            return Err(failure);
        }
    };
    if common.json {
        out::json(&serde_json::json!({ "audit": audit, "file": args.to, "bytes": bytes }));
    } else {
        let (id, file) = (args.message, args.to.display());
        out::say(format!("message {id} écrit dans {file} (audit, ligne {})", audit.count));
        out::say("ce fichier porte un patient, en clair : l'effacer dès que le message est renvoyé");
        out::say(format!("ensuite   jonction parked resend {id} --edited {file} --reason \"…\""));
    }
    Ok(exit::DONE)
}

fn resend(args: &ResendArgs, common: &Common) -> Result<u8, Failure> {
    let message = MessageId(args.message);
    // Before a large file is read: a reason that is missing is told at once.
    let act = |edited| Act::Resend { message, edited, not_received: args.not_received };
    orders::order(&args.order, act(MessageBytes::new(Vec::new())))?;
    let edited =
        std::fs::read(&args.edited).map_err(|error| io("le fichier ne se lit pas", &args.edited, &error))?;
    let ordered = orders::carry_out(common, orders::order(&args.order, act(MessageBytes::new(edited)))?)?;
    if common.json {
        out::json(&ordered);
        return Ok(exit::DONE);
    }
    out::say(format!(
        "message {message} corrigé (audit, ligne {}) ; ses octets d'avant sont gardés ; il est routé à nouveau",
        ordered.audit.count
    ));
    if let Some(journey) = reader(common)?.message(message)? {
        out::write(&show::parked::corrected(&journey));
    }
    out::say(format!("voir    jonction journey '#{message}'"));
    Ok(exit::DONE)
}

fn order(
    args: &TargetArgs,
    common: &Common,
    of_delivery: impl Fn(DeliveryId) -> Act,
    of_message: impl Fn(MessageId) -> Act,
    delivery_done: &str,
    message_done: &str,
) -> Result<u8, Failure> {
    let (act, done) = match (args.target.delivery, args.target.message) {
        (Some(id), _) => (of_delivery(DeliveryId(id)), format!("envoi {id} {delivery_done}")),
        (None, id) => {
            let id = id.unwrap_or_default();
            (of_message(MessageId(id)), format!("message {id} {message_done}"))
        }
    };
    orders::give(common, orders::order(&args.order, act)?, &done)
}
