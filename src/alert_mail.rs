//! Alerts by mail: the SMTP session of MSSanté mails, spoken to a relay of the house.
//! In: a letter. Out: taken by the relay for everybody, or why not. One mail per recipient.

use std::{sync::Arc, time::Duration};

use jonction_admin::alerts::{Channel, Letter, MailSecurity, MailSettings};
use jonction_mime::{AttachmentBlock, MailId, OutgoingMail, Sender};
use jonction_model::{Clock, Entropy, Masked, MssAddress};
use jonction_mssante::session::{
    Action, Auth, Envelope, MailResult, Security, Session, SessionConfig, reply::ReplyLimits,
};
use jonction_net::{ClientTls, Stream, dial, upgrade_client};
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
    async fn deliver(&self, to: &MssAddress, letter: &Letter) -> Result<(), String> {
        let settings = &self.settings;
        let from_the_first_byte =
            if settings.security == MailSecurity::Tls { self.tls.as_ref() } else { None };
        let stream = dial(&settings.host, from_the_first_byte, DIALOGUE_MAX)
            .await
            .map_err(|error| error.code().to_owned())?;
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
        let mut link = Link { stream: Some(stream), session: Session::new(config) };
        match link.drive(self).await? {
            Action::Ready => {}
            _ => return Err("the relay is not ready".to_owned()),
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
                Err("the relay takes no mail of this size".to_owned())
            }
            Action::Done(MailResult::SenderRefused(reply) | MailResult::DataRefused(reply)) => {
                Err(format!("the relay answered {}", reply.code))
            }
            Action::Done(MailResult::RecipientsRefused(replies)) => Err(format!(
                "the relay refused a recipient: {}",
                replies.first().map_or(0, |reply| reply.code)
            )),
            _ => Err("the relay gave no verdict".to_owned()),
        }
    }

    fn compose(&self, to: &MssAddress, letter: &Letter) -> Result<Vec<u8>, String> {
        let from = &self.settings.from;
        let domain = from.expose().rsplit('@').next().unwrap_or("localhost");
        let message_id =
            MailId::parse(&format!("{}@{domain}", self.entropy.uuid())).map_err(|error| error.to_string())?;
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

/// One dialogue with the relay.
struct Link {
    /// Taken out only while TLS begins.
    stream: Option<Stream>,
    session: Session,
}

impl Link {
    /// Does what the session asks until it asks for something else than bytes.
    async fn drive(&mut self, mail: &AlertMail) -> Result<Action, String> {
        loop {
            match self.session.next_action() {
                Action::Send(bytes) => self.write(&bytes).await?,
                Action::Read => self.read().await?,
                Action::StartTls => {
                    let (plain, tls) =
                        (self.stream.take().ok_or("no link")?, mail.tls.as_ref().ok_or("no TLS material")?);
                    let host = &mail.settings.host.host;
                    let secured = upgrade_client(plain, tls, host, DIALOGUE_MAX).await;
                    self.stream = Some(secured.map_err(|error| error.code().to_owned())?);
                    self.session.secured();
                }
                Action::Broken(error) => return Err(error.code().to_owned()),
                other => return Ok(other),
            }
        }
    }

    async fn read(&mut self) -> Result<(), String> {
        let mut buffer = [0; 4096];
        let stream = self.stream.as_mut().ok_or("no link")?;
        match stream.read(&mut buffer).await.map_err(|error| error.kind().to_string())? {
            0 => self.session.closed(),
            n => self.session.received(&buffer[..n]),
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let stream = self.stream.as_mut().ok_or("no link")?;
        stream.write_all(bytes).await.map_err(|error| error.kind().to_string())?;
        stream.flush().await.map_err(|error| error.kind().to_string())
    }
}

impl Channel for AlertMail {
    fn name(&self) -> &'static str {
        "mail"
    }

    /// Sent anew to everybody when one recipient could not be reached: twice rather than not at all.
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            for to in &self.settings.to {
                let delivered = tokio::time::timeout(DIALOGUE_MAX, self.deliver(to, letter)).await;
                delivered.unwrap_or_else(|_| Err("no answer in time".to_owned()))?;
            }
            Ok(())
        })
    }
}
