//! Alerts by mail: the SMTP session of MSSanté mails, spoken to a relay of the house.
//! In: a letter. Out: taken by the relay for everybody, or why not. One mail per recipient.

use std::{sync::Arc, time::Duration};

use jonction_admin::alerts::{Channel, Letter, MailSecurity, MailSettings};
use jonction_mime::{AttachmentBlock, MailId, OutgoingMail, Sender};
use jonction_model::{Clock, Entropy, Finding, Masked, MssAddress};
use jonction_mssante::session::{
    Action, Auth, Envelope, MailResult, Security, Session, SessionConfig, reply::ReplyLimits,
};
use jonction_net::{ClientTls, DialError, Endpoint, Stream, dial, upgrade_client};
use jonction_ports::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longest wait for the whole dialogue of one mail.
const DIALOGUE_MAX: Duration = Duration::from_secs(60);

/// Mails to a relay.
pub(crate) struct AlertMail {
    pub(crate) settings: MailSettings,
    /// Absent only in clear.
    pub(crate) tls: Option<ClientTls>,
    pub(crate) password: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl AlertMail {
    fn peer(&self) -> String {
        let Endpoint { host, port } = &self.settings.host;
        format!("{host}:{port}")
    }

    async fn deliver(&self, to: &MssAddress, letter: &Letter) -> Result<(), Finding> {
        let settings = &self.settings;
        let from_the_first_byte =
            if settings.security == MailSecurity::Tls { self.tls.as_ref() } else { None };
        let stream = dial(&settings.host, from_the_first_byte, DIALOGUE_MAX)
            .await
            .map_err(|error| error.finding(&self.peer()))?;
        let auth = match (&settings.login, &self.password) {
            (Some((user, _)), Some(password)) => {
                Auth::Plain { user: user.clone(), password: password.clone() }
            }
            _ => Auth::None,
        };
        // In clear, the session starts as it does inside TLS: nothing more is asked of the link.
        let security = match settings.security {
            MailSecurity::StartTls => Security::StartTls,
            MailSecurity::Tls | MailSecurity::None => Security::Implicit,
        };
        let client_name = settings.from.expose().rsplit('@').next().unwrap_or("localhost").to_owned();
        let config = SessionConfig { security, auth, client_name, limits: ReplyLimits::default() };
        let mail = self.compose(to, letter)?;
        let mut link = Link { stream: Some(stream), session: Session::new(config), peer: self.peer() };
        match link.drive(self).await? {
            Action::Ready => {}
            _ => return Err(out_of_step()),
        }
        link.session.submit(Envelope {
            from: settings.from.clone(),
            to: vec![to.clone()],
            size: mail.len() as u64,
            envelope_id: self.entropy.uuid().to_string(),
            notify: None,
        });
        let result = match link.drive(self).await? {
            Action::SendBody => {
                let body = link.session.body(&mail);
                link.write(&body).await?;
                link.session.end_body();
                link.drive(self).await?
            }
            other => other,
        };
        match result {
            Action::Done(MailResult::Accepted { .. }) => Ok(()),
            Action::Done(MailResult::TooLarge { .. }) => {
                Err(refused("une lettre de cette taille", "552", "relever la taille que le relais accepte"))
            }
            Action::Done(MailResult::SenderRefused(reply)) => {
                Err(refused("l'expéditeur", &reply.code.to_string(), "vérifier alerts.mail.from"))
            }
            Action::Done(MailResult::DataRefused(reply)) => {
                Err(refused("la lettre", &reply.code.to_string(), "voir les journaux du relais"))
            }
            Action::Done(MailResult::RecipientsRefused(replies)) => {
                let code = replies.first().map_or(0, |reply| reply.code).to_string();
                Err(refused(
                    "un destinataire",
                    &code,
                    "vérifier alerts.mail.to, et ce que le relais transmet",
                ))
            }
            _ => Err(out_of_step()),
        }
    }

    fn compose(&self, to: &MssAddress, letter: &Letter) -> Result<Vec<u8>, Finding> {
        let from = &self.settings.from;
        let domain = from.expose().rsplit('@').next().unwrap_or("localhost");
        let message_id =
            MailId::parse(&format!("{}@{domain}", self.entropy.uuid())).map_err(|_| out_of_step())?;
        let mail = OutgoingMail {
            from: Sender { name: "Jonction".to_owned(), address: from.clone() },
            to: to.clone(),
            reply_to: Vec::new(),
            date: self.clock.now(),
            message_id,
            in_reply_to: None,
            references: Vec::new(),
            subject: Masked::new(letter.subject.clone()),
            cda_codes: Vec::new(),
            ins_qualified: None,
            nil: None,
            no_reply: false,
            read_receipt_to: None,
            delivery_receipt_to: None,
            auto_replied: true,
            text: Masked::new(letter.text.clone()),
        };
        let block = AttachmentBlock::none();
        Ok([mail.head(&block), block.bytes().clone()].concat())
    }
}

fn refused(what: &str, code: &str, remedy: &str) -> Finding {
    Finding::error("alert.relay-refused", format!("le relais refuse {what}"))
        .expected("250", code)
        .remedy(remedy)
}

fn out_of_step() -> Finding {
    Finding::error("alert.relay-lost", "le relais ne suit pas le dialogue d'un envoi")
        .remedy("vérifier le port : alerts.mail.host doit être celui d'un relais SMTP")
}

fn silent(peer: &str) -> Finding {
    Finding::error("net.silent", format!("{peer} ne répond pas dans le délai"))
        .remedy("si ce port attend TLS d'emblée, écrire « security: tls » (port 465)")
}

/// One dialogue with the relay.
struct Link {
    /// Taken out only while TLS begins.
    stream: Option<Stream>,
    session: Session,
    /// `host:port`, for what is told.
    peer: String,
}

impl Link {
    /// Does what the session asks until it asks for something else than bytes.
    async fn drive(&mut self, mail: &AlertMail) -> Result<Action, Finding> {
        loop {
            match self.session.next_action() {
                Action::Send(bytes) => self.write(&bytes).await?,
                Action::Read => self.read().await?,
                Action::StartTls => {
                    let (plain, tls) = (
                        self.stream.take().ok_or_else(out_of_step)?,
                        mail.tls.as_ref().ok_or_else(out_of_step)?,
                    );
                    let host = &mail.settings.host.host;
                    let secured = upgrade_client(plain, tls, host, DIALOGUE_MAX).await;
                    self.stream = Some(secured.map_err(|error| error.finding(&self.peer))?);
                    self.session.secured();
                }
                Action::Broken(error) => return Err(error.finding(&self.peer)),
                other => return Ok(other),
            }
        }
    }

    async fn read(&mut self) -> Result<(), Finding> {
        let mut buffer = [0; 4096];
        let stream = self.stream.as_mut().ok_or_else(out_of_step)?;
        match stream.read(&mut buffer).await.map_err(|error| DialError::of(&error).finding(&self.peer))? {
            0 => self.session.closed(),
            n => self.session.received(&buffer[..n]),
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Finding> {
        let stream = self.stream.as_mut().ok_or_else(out_of_step)?;
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        }
        .await;
        written.map_err(|error| DialError::of(&error).finding(&self.peer))
    }
}

impl Channel for AlertMail {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn target(&self) -> String {
        let scheme = if self.settings.security == MailSecurity::Tls { "smtps" } else { "smtp" };
        format!("{scheme}://{}", self.peer())
    }

    /// Sent anew to everybody when one recipient could not be reached: twice rather than not at all.
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Finding>> {
        Box::pin(async move {
            for to in &self.settings.to {
                let delivered = tokio::time::timeout(DIALOGUE_MAX, self.deliver(to, letter)).await;
                delivered.unwrap_or_else(|_| Err(silent(&self.peer())))?;
            }
            Ok(())
        })
    }
}
