//! One SMTP session of a client, as a state machine.
//! In: bytes of the server, « TLS is up », a mail to submit. Out: actions for a shell that has the socket. IO, clock: none.
//! Sources: mssante.md §2.1, §2.2, §2.5; RFC 5321, 3207, 4954, 3461, 1870. No pipelining: an answer belongs to its question.

mod capabilities;
pub mod reply;
pub mod stuffing;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jonction_model::MssAddress;

pub use capabilities::Capabilities;
use reply::{Reply, ReplyError, ReplyLimits, ReplyParser};
use stuffing::Stuffer;

use crate::imap::WireError;

/// How the session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// In clear, then STARTTLS: the prescribed mode (port 587).
    StartTls,
    /// TLS from the first byte (port 465); the session starts inside it.
    Implicit,
}

/// How the client says who it is, once TLS is up. Unconfirmed for a BAL APP, hence a setting (mssante.md §2.5).
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// The client certificate says it all.
    None,
    /// SASL EXTERNAL: the certificate, and the mailbox as authorization identity.
    External(MssAddress),
    /// SASL PLAIN, off in every text read; some operators give passwords.
    Plain {
        /// User name.
        user: String,
        /// Password. Never printed.
        password: String,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::External(_) => "External(***)",
            Self::Plain { .. } => "Plain(***)",
        })
    }
}

/// What a session needs to know.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// How it begins.
    pub security: Security,
    /// How the client says who it is.
    pub auth: Auth,
    /// Name said in EHLO: a host name or an address literal.
    pub client_name: String,
    /// Limits on replies.
    pub limits: ReplyLimits,
}

/// Delivery notices wanted for a mail (RFC 3461), used only when the server offers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Success, failure and delay.
    All,
    /// Failure and delay: for operators only.
    Problems,
    /// It is a notice itself: its return path is null, and nothing comes back of it (RFC 8098 §3, RFC 3464 §2).
    Nothing,
}

/// Envelope of one mail.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Return path: our mailbox.
    pub from: MssAddress,
    /// Recipients; each gets its own verdict.
    pub to: Vec<MssAddress>,
    /// Bytes of the mail before dot-stuffing.
    pub size: u64,
    /// Our identifier of the mail, for delivery notices: printable ASCII.
    pub envelope_id: String,
    /// Which notices; `None`: no DSN parameter at all.
    pub notify: Option<Notify>,
}

/// What the server said of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailResult {
    /// It was not even offered: larger than the SIZE that the server announced.
    TooLarge {
        /// Announced limit, in bytes.
        limit: u64,
    },
    /// MAIL was refused.
    SenderRefused(Reply),
    /// Every recipient was refused, in order of the envelope.
    RecipientsRefused(Vec<Reply>),
    /// DATA was refused, before or after the body.
    DataRefused(Reply),
    /// The server took it, for the recipients whose reply is positive.
    Accepted {
        /// Reply to each RCPT, in order of the envelope.
        recipients: Vec<Reply>,
        /// Reply to the body.
        reply: Reply,
    },
}

/// Why a session ended. Says nothing of persons nor of the server's texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The server greeted with a refusal, or closes (421).
    #[error("server is closing: {0}")]
    Closing(String),
    /// The server does not offer STARTTLS: never continued in clear (MSS-T03).
    #[error("server does not offer STARTTLS")]
    NoStartTls,
    /// The server refused STARTTLS.
    #[error("server refused STARTTLS: {0}")]
    StartTlsRefused(String),
    /// Bytes followed the answer to STARTTLS in clear: somebody injects commands (MSS-T22).
    #[error("bytes in clear after the answer to STARTTLS")]
    Injected,
    /// The mechanism that is configured is not offered.
    #[error("server does not offer the configured authentication")]
    AuthNotOffered,
    /// Authentication refused.
    #[error("authentication refused: {0}")]
    AuthRefused(String),
    /// A reply that answers no question, or not this one.
    #[error("reply out of step: {0}")]
    OutOfStep(&'static str),
    /// Bytes that are no reply.
    #[error("not a reply: {0}")]
    BadReply(#[from] ReplyError),
    /// Bytes that are no answer of an IMAP server.
    #[error("not an IMAP answer: {0}")]
    NotImap(#[from] WireError),
    /// The server closed without a word.
    #[error("connection closed by the server")]
    Closed,
}

impl SessionError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closing(_) => "mssante.server-closing",
            Self::NoStartTls => "mssante.no-starttls",
            Self::StartTlsRefused(_) => "mssante.starttls-refused",
            Self::Injected => "mssante.starttls-injection",
            Self::AuthNotOffered => "mssante.auth-not-offered",
            Self::AuthRefused(_) => "mssante.auth-refused",
            Self::OutOfStep(_) => "mssante.reply-out-of-step",
            Self::BadReply(_) => "mssante.not-a-reply",
            Self::NotImap(_) => "mssante.not-imap",
            Self::Closed => "mssante.connection-closed",
        }
    }
}

/// What the shell does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Write these bytes, then ask again.
    Send(Vec<u8>),
    /// Read some bytes, give them to [`Session::received`] (or call [`Session::closed`]), then ask again.
    Read,
    /// Do the TLS handshake, then call [`Session::secured`]. Nothing in clear is left over.
    StartTls,
    /// Nothing to do: a mail may be submitted.
    Ready,
    /// Stream the body through [`Session::body`], then call [`Session::end_body`].
    SendBody,
    /// The mail is over; the session is ready again.
    Done(MailResult),
    /// The session is over.
    Broken(SessionError),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Something to send, then wait for the answer to this question.
    Ask(Question, Vec<u8>),
    Wait(Question),
    Handshake,
    Idle,
    Body,
    Report(MailResult),
    Over(SessionError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Reset,
    Mail,
    Rcpt(usize),
    Data,
    EndOfData,
}

/// The machine.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    parser: ReplyParser,
    phase: Phase,
    secured: bool,
    capabilities: Capabilities,
    envelope: Option<Envelope>,
    recipients: Vec<Reply>,
    stuffer: Stuffer,
    /// The final dot may have left: whatever breaks now leaves the outcome unknown.
    end_sent: bool,
    /// A refusal came in the middle of a body: the server still waits for its end.
    spoiled: bool,
}

impl Session {
    /// A session that waits for the greeting.
    pub fn new(config: SessionConfig) -> Self {
        Self {
            parser: ReplyParser::new(config.limits),
            secured: config.security == Security::Implicit,
            config,
            phase: Phase::Wait(Question::Greeting),
            capabilities: Capabilities::default(),
            envelope: None,
            recipients: Vec::new(),
            stuffer: Stuffer::default(),
            end_sent: false,
            spoiled: false,
        }
    }

    /// Whether another mail may be submitted, after [`Session::reset`].
    pub fn is_reusable(&self) -> bool {
        self.phase == Phase::Idle && !self.spoiled
    }

    /// Whether the reply to a question is still incomplete.
    pub fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Wait(_))
    }

    /// Whether the server greeted, and lets us go on.
    pub fn was_greeted(&self) -> bool {
        !matches!(self.phase, Phase::Over(_) | Phase::Wait(Question::Greeting))
    }

    /// What the server offers, as said inside TLS.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether the body was sent to its end and not answered: the mail may be delivered or not.
    pub fn outcome_is_unknown(&self) -> bool {
        self.end_sent
    }

    /// What to do next.
    pub fn next_action(&mut self) -> Action {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Ask(question, bytes) => {
                self.phase = Phase::Wait(question);
                Action::Send(bytes)
            }
            Phase::Report(result) => {
                self.envelope = None;
                Action::Done(result)
            }
            Phase::Idle => Action::Ready,
            other => {
                let action = match &other {
                    Phase::Handshake => Action::StartTls,
                    Phase::Body => Action::SendBody,
                    Phase::Over(error) => Action::Broken(error.clone()),
                    _ => Action::Read,
                };
                self.phase = other;
                action
            }
        }
    }

    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
        match self.parser.next_reply() {
            Err(error) => self.over(error.into()),
            Ok(None) => {}
            Ok(Some(reply)) => {
                let end_sent = self.end_sent;
                self.answered(&reply);
                // We never ask two questions at once, so nothing may follow an answer. When something does, which of
                // the two answered the mail is anybody's guess.
                if !self.parser.is_empty() && !matches!(self.phase, Phase::Over(_)) {
                    self.end_sent = end_sent;
                    let injected = self.phase == Phase::Handshake;
                    self.over(if injected {
                        SessionError::Injected
                    } else {
                        SessionError::OutOfStep("unsolicited")
                    });
                }
            }
        }
    }

    /// The server closed the connection.
    pub fn closed(&mut self) {
        if !matches!(self.phase, Phase::Over(_)) {
            self.over(SessionError::Closed);
        }
    }

    /// The TLS handshake succeeded. Everything learned in clear is forgotten.
    pub fn secured(&mut self) {
        if self.phase == Phase::Handshake {
            self.secured = true;
            self.capabilities = Capabilities::default();
            self.ask_ehlo();
        }
    }

    /// Asks an idle session whether it still lives, before it is used again.
    pub fn reset(&mut self) {
        if self.phase == Phase::Idle {
            self.ask(Question::Reset, b"RSET\r\n".to_vec());
        }
    }

    /// Submits a mail on a ready session. A mail over the announced SIZE is refused here, before anything is said.
    pub fn submit(&mut self, envelope: Envelope) {
        if self.phase != Phase::Idle {
            return;
        }
        match self.capabilities.size {
            Some(limit) if limit > 0 && envelope.size > limit => {
                self.phase = Phase::Report(MailResult::TooLarge { limit });
            }
            _ => {
                self.recipients.clear();
                self.end_sent = false;
                self.stuffer = Stuffer::default();
                let command = self.mail_command(&envelope);
                self.envelope = Some(envelope);
                self.ask(Question::Mail, command);
            }
        }
    }

    /// A piece of the body: what to write for it.
    pub fn body(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.phase == Phase::Body {
            self.stuffer.push(piece, &mut out);
        }
        out
    }

    /// The body is complete: the bytes of its end come with the next action. From here on the outcome may be unknown.
    pub fn end_body(&mut self) {
        if self.phase == Phase::Body {
            let mut out = Vec::new();
            self.stuffer.finish(&mut out);
            self.end_sent = true;
            self.ask(Question::EndOfData, out);
        }
    }

    fn ask(&mut self, question: Question, bytes: Vec<u8>) {
        self.phase = Phase::Ask(question, bytes);
    }

    fn ask_ehlo(&mut self) {
        let hello = format!("EHLO {}\r\n", self.config.client_name);
        self.ask(Question::Ehlo, hello.into_bytes());
    }

    fn over(&mut self, error: SessionError) {
        self.phase = Phase::Over(error);
    }

    fn answered(&mut self, reply: &Reply) {
        let question = match &self.phase {
            Phase::Wait(question) => *question,
            // A server may refuse before the end of the body; it cannot accept what it has not seen.
            Phase::Body if reply.is_transient() || reply.is_permanent() => {
                self.spoiled = true;
                let refused = MailResult::DataRefused(reply.clone());
                return self.phase = Phase::Report(refused);
            }
            _ => return self.over(SessionError::OutOfStep("nothing was asked")),
        };
        if reply.code == 421 {
            return self.closing(question, reply);
        }
        match (question, reply.code) {
            (Question::Greeting, 220) => self.ask_ehlo(),
            (Question::Greeting, 400..) => self.over(SessionError::Closing(reply.codes())),
            (Question::Ehlo, 250) => self.greeted(reply),
            (Question::Ehlo, 400..) => self.over(SessionError::Closing(reply.codes())),
            (Question::StartTls, 220) => self.phase = Phase::Handshake,
            (Question::StartTls, 400..) => self.over(SessionError::StartTlsRefused(reply.codes())),
            (Question::Auth, 235) | (Question::Reset, 250) => self.phase = Phase::Idle,
            (Question::Auth, 400..) => self.over(SessionError::AuthRefused(reply.codes())),
            (Question::Mail, 250) => self.ask_recipient(0),
            (Question::Mail, 400..) => self.phase = Phase::Report(MailResult::SenderRefused(reply.clone())),
            (Question::Rcpt(at), 250..=252 | 400..) => {
                self.recipients.push(reply.clone());
                self.ask_recipient(at + 1);
            }
            (Question::Data, 354) => self.phase = Phase::Body,
            (Question::Data | Question::EndOfData, 400..) => {
                self.end_sent = false;
                self.phase = Phase::Report(MailResult::DataRefused(reply.clone()));
            }
            (Question::EndOfData, 250) => {
                self.end_sent = false;
                let recipients = std::mem::take(&mut self.recipients);
                self.phase = Phase::Report(MailResult::Accepted { recipients, reply: reply.clone() });
            }
            _ => self.over(SessionError::OutOfStep("unexpected code")),
        }
    }

    /// 421 ends the session at any moment. Inside a transaction it is the mail's answer first: nothing was taken.
    fn closing(&mut self, question: Question, reply: &Reply) {
        if question == Question::EndOfData {
            self.end_sent = false;
        }
        self.over(SessionError::Closing(reply.codes()));
    }

    fn greeted(&mut self, reply: &Reply) {
        self.capabilities = Capabilities::of(reply);
        if !self.secured {
            //= SC.MSS/CONF.05
            match self.capabilities.starttls {
                true => self.ask(Question::StartTls, b"STARTTLS\r\n".to_vec()),
                false => self.over(SessionError::NoStartTls),
            }
            return;
        }
        let (mechanism, initial) = match &self.config.auth {
            Auth::None => return self.phase = Phase::Idle,
            Auth::External(mailbox) => ("EXTERNAL", STANDARD.encode(mailbox.expose())),
            Auth::Plain { user, password } => ("PLAIN", STANDARD.encode(format!("\0{user}\0{password}"))),
        };
        if !self.capabilities.offers(mechanism) {
            return self.over(SessionError::AuthNotOffered);
        }
        self.ask(Question::Auth, format!("AUTH {mechanism} {initial}\r\n").into_bytes());
    }

    fn mail_command(&self, envelope: &Envelope) -> Vec<u8> {
        let from = if envelope.notify == Some(Notify::Nothing) { "" } else { envelope.from.expose() };
        let mut line = format!("MAIL FROM:<{from}>");
        if self.capabilities.size.is_some() {
            line += &format!(" SIZE={}", envelope.size);
        }
        if self.capabilities.dsn && envelope.notify.is_some() {
            line += &format!(" RET=HDRS ENVID={}", xtext(&envelope.envelope_id));
        }
        line += "\r\n";
        line.into_bytes()
    }

    fn ask_recipient(&mut self, at: usize) {
        let Some(envelope) = &self.envelope else {
            return self.over(SessionError::OutOfStep("no mail was submitted"));
        };
        if let Some(to) = envelope.to.get(at) {
            let mut line = format!("RCPT TO:<{}>", to.expose());
            //= ECO.2.3.1
            if let (true, Some(notify)) = (self.capabilities.dsn, envelope.notify) {
                let kinds = match notify {
                    Notify::All => "SUCCESS,FAILURE,DELAY",
                    Notify::Problems => "FAILURE,DELAY",
                    Notify::Nothing => "NEVER",
                };
                line += &format!(" NOTIFY={kinds} ORCPT=rfc822;{}", xtext(to.expose()));
            }
            line += "\r\n";
            self.ask(Question::Rcpt(at), line.into_bytes());
        } else if self.recipients.iter().any(Reply::is_positive) {
            self.ask(Question::Data, b"DATA\r\n".to_vec());
        } else {
            let refused = std::mem::take(&mut self.recipients);
            self.phase = Phase::Report(MailResult::RecipientsRefused(refused));
        }
    }
}

/// xtext of RFC 3461 §4: printable ASCII, `+` and `=` in hexadecimal.
fn xtext(text: &str) -> String {
    let one = |c: u8| match c {
        b'!'..=b'~' if c != b'+' && c != b'=' => char::from(c).to_string(),
        c => format!("+{c:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests;
