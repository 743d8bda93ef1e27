//! `jonction send COURRIEL.eml --to mssante://…`: mails put into a simulated operator, as a correspondent would send them.
//! In: mails, a data folder whose test certificate opens the session. Out: what the operator said of each.
//! For simulators: the certificate is that of the test authority, which no real operator takes.

use std::{fs, path::Path};

use bytes::Bytes;
use jonction_mime::{Limits, Mail};
use jonction_model::MssAddress;
use jonction_mssante::{
    client::{Client, Operator},
    config::{PoolSettings, Timeouts},
    session::{Auth, Envelope, MailResult, Security, SessionConfig, reply::ReplyLimits},
};
use jonction_net::{ClientTls, Endpoint, client_config};
use serde_json::json;
use tokio::sync::mpsc;

use super::read_addresses;
use crate::{
    certificates::{material, test_client},
    cli::{Common, SendArgs},
    failure::{Failure, exit, io},
    out, show,
};

/// What stands before the address of an operator.
pub(super) const SCHEME: &str = "mssante://";

pub(super) async fn run(args: &SendArgs, common: &Common) -> Result<u8, Failure> {
    let data = common.data.clone().unwrap_or_else(|| Path::new("data").to_owned());
    let to = read_addresses(&data)?.translate_text(&args.to);
    let address = to.strip_prefix(SCHEME).unwrap_or(&to);
    let endpoint = Endpoint::parse(address).map_err(|_| {
        Failure::usage("send.address", format!("« {to} » n'est pas une adresse : mssante://hôte:port"))
    })?;
    let mut worst = exit::DONE;
    for path in &args.files {
        let bytes = fs::read(path).map_err(|error| io("ce fichier ne se lit pas", path, &error))?;
        let name = path.file_name().unwrap_or_default().display().to_string();
        let mail = Letter::read(bytes.into(), &name)?;
        let (code, taken) = mail.send(&endpoint, &data, args).await?;
        if !taken {
            worst = worst.max(exit::FINDINGS);
        }
        match common.json {
            true => {
                out::json(&json!({ "file": name, "bytes": mail.bytes.len(), "code": code, "taken": taken }))
            }
            false => out::say(format!(
                "{}  {:>9}  {}  ──►  {code}",
                show::padded(&name, 34),
                show::size(mail.bytes.len() as u64),
                if taken { "pris" } else { "refusé" },
            )),
        }
    }
    Ok(worst)
}

/// A mail with its envelope, which is what its headers say.
struct Letter {
    bytes: Bytes,
    from: MssAddress,
    to: Vec<MssAddress>,
}

impl Letter {
    fn read(bytes: Bytes, name: &str) -> Result<Self, Failure> {
        let wrong = |sentence: String| {
            Failure::usage("send.not-a-mail", sentence)
                .remedy("un courriel a un en-tête From et un en-tête To, chacun avec une adresse")
        };
        let bytes = with_line_ends(&bytes);
        let mail = Mail::read(&bytes, &Limits::default())
            .map_err(|error| wrong(format!("{name} n'est pas un courriel ({})", error.code())))?;
        let addresses = |header: &str| -> Vec<MssAddress> {
            let written = mail.mailboxes(header);
            written.iter().filter_map(|mailbox| MssAddress::parse(&mailbox.address).ok()).collect()
        };
        let from = addresses("From").into_iter().next();
        let to = addresses("To");
        match (from, to.is_empty()) {
            (Some(from), false) => Ok(Self { bytes, from, to }),
            _ => Err(wrong(format!("{name} ne dit pas de qui il vient, ou à qui il va"))),
        }
    }

    /// What the operator said, and whether it took the mail for everybody.
    async fn send(
        &self,
        endpoint: &Endpoint,
        data: &Path,
        args: &SendArgs,
    ) -> Result<(String, bool), Failure> {
        let (identity, anchors) = test_client(data)?;
        let tls = client_config(&anchors, Some(&identity)).map_err(|error| material("auth-cli", &error))?;
        let client = Client::new(Operator {
            endpoint: endpoint.clone(),
            tls: ClientTls { server_name: Some("localhost".to_owned()), ..ClientTls::new(tls) },
            session: SessionConfig {
                security: Security::StartTls,
                auth: Auth::None,
                client_name: self.from.domain().to_owned(),
                limits: ReplyLimits::default(),
            },
            timeouts: Timeouts { reply: args.timeout, ..Timeouts::default() },
            pool: PoolSettings::default(),
        });
        let envelope = Envelope {
            from: self.from.clone(),
            to: self.to.clone(),
            size: self.bytes.len() as u64,
            envelope_id: String::new(),
            notify: None,
        };
        let (sender, pieces) = mpsc::channel(1);
        // There is room for one piece, and it is the only one.
        let _ = sender.try_send(Ok(self.bytes.clone()));
        drop(sender);
        let result = client.send(envelope, || pieces).await.result.map_err(|failure| {
            Failure::new(
                failure.code(),
                format!("l'opérateur {endpoint} n'a pas pris le courriel : {failure}"),
            )
            .remedy("vérifier que « jonction simulate » tourne, et que --data est son dossier de données")
        })?;
        Ok(match result {
            MailResult::Accepted { recipients, reply } => {
                let refused = recipients.iter().find(|reply| !reply.is_positive());
                (refused.unwrap_or(&reply).codes(), refused.is_none())
            }
            MailResult::TooLarge { limit } => (format!("trop gros : {} Mo au plus", limit >> 20), false),
            MailResult::SenderRefused(reply) | MailResult::DataRefused(reply) => (reply.codes(), false),
            MailResult::RecipientsRefused(replies) => (
                replies.first().map(jonction_mssante::session::reply::Reply::codes).unwrap_or_default(),
                false,
            ),
        })
    }
}

/// Files kept for eyes have line feeds; mails have CRLF.
fn with_line_ends(bytes: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 64);
    let mut before = 0;
    for byte in bytes {
        if *byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(*byte);
        before = *byte;
    }
    out.into()
}
