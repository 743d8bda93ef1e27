//! `jonction send`: HL7 files over MLLP, the acknowledgement of each shown.

use std::fs;

use jonction_mllp::session::ClientLimits;
use jonction_mllp::{Limits, Sender, Target, messages_of};
use serde_json::json;

use super::read_addresses;
use crate::{
    cli::{Common, SendArgs},
    failure::{Failure, exit, io},
    out, show,
};

pub(super) async fn run(args: &SendArgs, common: &Common) -> Result<u8, Failure> {
    if args.to.starts_with(super::send_mail::SCHEME) {
        return super::send_mail::run(args, common).await;
    }
    let to = match &common.data {
        Some(data) => read_addresses(data)?.translate_text(&args.to),
        None => args.to.clone(),
    };
    let target = Target::parse(&to).map_err(|expected| {
        Failure::usage("send.address", format!("« {to} » n'est pas une adresse : {expected}"))
    })?;
    let client = ClientLimits { ack_timeout: args.timeout, ..ClientLimits::default() };
    let sender = Sender::new(target, None, &Limits { client, ..Limits::default() });
    let mut worst = exit::DONE;
    for path in &args.files {
        let bytes = fs::read(path).map_err(|error| io("ce fichier ne se lit pas", path, &error))?;
        let messages = messages_of(&bytes);
        if messages.is_empty() {
            return Err(Failure::usage(
                "send.no-message",
                format!("{} ne contient aucun message HL7", path.display()),
            )
            .remedy("un message commence par MSH"));
        }
        let name = path.file_name().unwrap_or_default().display().to_string();
        for message in &messages {
            let sent = sender.send(message).await;
            match sent.reply {
                Ok(reply) => {
                    let positive = reply.ack.code.is_positive();
                    if !positive {
                        worst = worst.max(exit::FINDINGS);
                    }
                    if common.json {
                        out::json(&json!({
                            "file": name, "kind": sent.kind, "control_id": sent.control_id, "bytes": sent.bytes,
                            "ack": reply.ack.code.as_str(), "elapsed_us": reply.elapsed.as_micros(),
                            "errors": reply.ack.errors.iter().map(|error| json!({
                                "location": error.location, "code": error.code, "text": error.text,
                            })).collect::<Vec<_>>(),
                        }));
                        continue;
                    }
                    out::say(format!(
                        "{}  {}  {:>9}  ──►  {} en {}",
                        show::padded(&name, 34),
                        show::padded(&format!("{} {}", sent.kind, sent.control_id), 20),
                        show::size(sent.bytes as u64),
                        reply.ack.code.as_str(),
                        show::duration(reply.elapsed)
                    ));
                    for error in &reply.ack.errors {
                        out::say(format!("    {} {}  {}", error.code, error.location, error.text));
                    }
                }
                Err(error) => {
                    if common.json {
                        out::json(
                            &json!({"file": name, "kind": sent.kind, "control_id": sent.control_id, "error": error.code()}),
                        );
                    }
                    return Err(Failure::new(
                        error.code(),
                        format!("{name} vers {to} : {}", error.sentence()),
                    )
                    .remedy(
                        "vérifier que « jonction run » tourne et que l'adresse est celle de son écoute",
                    ));
                }
            }
        }
    }
    Ok(worst)
}
