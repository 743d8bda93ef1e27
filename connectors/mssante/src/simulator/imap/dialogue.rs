//! The server side of one IMAP session.
//! In: bytes of the client, news of the mailbox. Out: what to write, when TLS begins, when to hang up. IO: none.
//! Source: mssante.md §6.2, §6.4. Commands are parsed by imap-codec, not by the grammar of our client.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use imap_codec::{
    AuthenticateDataCodec, CommandCodec,
    fragmentizer::{DecodeMessageError, FragmentInfo, Fragmentizer},
};
use imap_types::{
    auth::{AuthMechanism, AuthenticateData},
    command::CommandBody,
    core::LiteralMode,
    mailbox::Mailbox,
};

use super::super::{
    faults::{Faults, ImapFault},
    world::{RecipientVerdict, ServerAuth, World},
};
use super::folder::{self, Selected};
use crate::session::Security;

/// Largest command, an appended mail included.
const COMMAND_BYTES_MAX: u32 = 32 << 20;
/// Wrong commands before we hang up.
const MISTAKES_MAX: u32 = 20;

/// What the shell does next, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Write(Vec<u8>),
    StartTls,
    /// Nothing more is said nor read until the client gives up.
    Stall,
    Close,
}

pub(crate) fn line(text: impl std::fmt::Display) -> Step {
    Step::Write(format!("{text}\r\n").into_bytes())
}

/// What comes next is no command.
#[derive(Debug)]
enum Waiting {
    Command,
    /// The message of a SASL mechanism.
    Sasl {
        tag: String,
        mechanism: Mechanism,
    },
    /// The word that ends an explained refusal.
    Refusal {
        tag: String,
    },
    Done {
        tag: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    External,
    Plain,
    XOAuth2,
    OAuthBearer,
}

pub(crate) struct Dialogue {
    pub(super) world: Arc<World>,
    pub(super) fault: Option<ImapFault>,
    secured: bool,
    certificate: bool,
    /// Mailbox of whoever logged in.
    pub(super) mailbox: Option<String>,
    pub(super) selected: Option<Selected>,
    waiting: Waiting,
    input: Fragmentizer,
    mistakes: u32,
    over: bool,
}

impl Dialogue {
    /// A new session and its greeting.
    pub(crate) fn open(world: Arc<World>, faults: &Faults, certificate: bool) -> (Self, Vec<Step>) {
        let fault = faults.imap.draw();
        let dialogue = Self {
            secured: world.settings.imap_security == Security::Implicit,
            world,
            fault,
            certificate,
            mailbox: None,
            selected: None,
            waiting: Waiting::Command,
            input: Fragmentizer::new(COMMAND_BYTES_MAX),
            mistakes: 0,
            over: false,
        };
        let greeting = match fault {
            Some(ImapFault::Busy) => vec![line("* BYE [UNAVAILABLE] surcharge"), Step::Close],
            Some(ImapFault::Endless) => vec![Step::Write(b"* OK bla bla bla".repeat(200_000)), Step::Stall],
            Some(ImapFault::Preauth) => vec![line("* PREAUTH deja connu")],
            _ => vec![line(format!("* OK {} simulateur IMAP", dialogue.world.settings.host))],
        };
        (dialogue, greeting)
    }

    /// TLS is up.
    pub(crate) fn secured(&mut self, certificate: bool) {
        (self.secured, self.certificate) = (true, certificate);
        self.input = Fragmentizer::new(COMMAND_BYTES_MAX);
    }

    /// Mailbox whose news are told, while the client waits for them.
    pub(crate) fn idles_on(&self) -> Option<&str> {
        let mute = matches!(self.fault, Some(ImapFault::IdleMute | ImapFault::NoExists));
        match self.waiting {
            Waiting::Done { .. } if !mute => self.mailbox.as_deref(),
            _ => None,
        }
    }

    /// Something changed in the mailbox.
    pub(crate) fn news(&mut self) -> Vec<Step> {
        self.exists()
    }

    /// Bytes came.
    pub(crate) fn ingest(&mut self, bytes: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        self.input.enqueue_bytes(bytes);
        while !self.over
            && let Some(fragment) = self.input.progress()
        {
            if let FragmentInfo::Line { announcement: Some(literal), .. } = fragment
                && literal.mode == LiteralMode::Sync
            {
                match literal.length > COMMAND_BYTES_MAX {
                    true => steps.extend([line("* BYE [LIMIT] trop long"), Step::Close]),
                    false => steps.push(line("+ suite")),
                }
            }
            if self.input.is_message_complete() {
                self.message(&mut steps);
            }
            self.over |= matches!(steps.last(), Some(Step::Close | Step::Stall));
            if matches!(steps.last(), Some(Step::StartTls)) {
                // Whatever follows in clear is thrown away with the buffer.
                break;
            }
        }
        steps
    }

    fn message(&mut self, steps: &mut Vec<Step>) {
        match std::mem::replace(&mut self.waiting, Waiting::Command) {
            Waiting::Command => self.command(steps),
            Waiting::Sasl { tag, mechanism } => {
                let word = match self.input.decode_message(&AuthenticateDataCodec::default()) {
                    Ok(AuthenticateData::Continue(word)) => Some(word.declassify().to_vec()),
                    _ => None,
                };
                match word {
                    Some(word) => self.sasl(&tag, mechanism, &word, steps),
                    None => steps.push(line(format!("{tag} BAD mot SASL illisible"))),
                }
            }
            Waiting::Refusal { tag } => {
                steps.push(line(format!("{tag} NO [AUTHENTICATIONFAILED] jeton refuse")));
            }
            Waiting::Done { tag } => {
                let done = self.input.message_bytes().trim_ascii().eq_ignore_ascii_case(b"DONE");
                let said = if done { "OK fini" } else { "BAD DONE attendu" };
                steps.push(line(format!("{tag} {said}")));
            }
        }
    }

    fn command(&mut self, steps: &mut Vec<Step>) {
        let input = std::mem::replace(&mut self.input, Fragmentizer::new(COMMAND_BYTES_MAX));
        match input.decode_message(&CommandCodec::default()) {
            Ok(command) => {
                let tag = command.tag.as_ref().to_owned();
                self.obey(&tag, command.body, steps);
            }
            Err(DecodeMessageError::MessageTooLong { .. }) => {
                steps.push(line("* BYE [LIMIT] commande trop longue"));
                steps.push(Step::Close);
            }
            Err(_) => {
                self.mistakes += 1;
                let tag = input.decode_tag().map_or("*".to_owned(), |tag| tag.as_ref().to_owned());
                steps.push(line(format!("{tag} BAD commande illisible")));
                if self.mistakes >= MISTAKES_MAX {
                    steps.push(line("* BYE trop d'erreurs"));
                    steps.push(Step::Close);
                }
            }
        }
        self.input = input;
    }

    fn obey(&mut self, tag: &str, body: CommandBody<'_>, steps: &mut Vec<Step>) {
        match body {
            CommandBody::Capability => {
                steps.push(line(format!("* CAPABILITY {}", self.capabilities())));
                steps.push(line(format!("{tag} OK fait")));
            }
            CommandBody::Noop | CommandBody::Check => {
                if self.fault != Some(ImapFault::NoExists) {
                    steps.extend(self.exists());
                }
                steps.push(line(format!("{tag} OK fait")));
            }
            CommandBody::Logout => {
                steps.extend([line("* BYE au revoir"), line(format!("{tag} OK fait")), Step::Close]);
            }
            CommandBody::StartTLS => self.start_tls(tag, steps),
            _ if !self.secured => steps.push(line(format!("{tag} NO [PRIVACYREQUIRED] STARTTLS d'abord"))),
            CommandBody::Login { username, password } => {
                let (user, password) = (text(username.as_ref()), text(password.declassify().as_ref()));
                match self.by_password(&user, &password) {
                    Some(mailbox) => self.welcome(tag, mailbox, steps),
                    None => steps.push(line(format!("{tag} NO [AUTHENTICATIONFAILED] non"))),
                }
            }
            CommandBody::Authenticate { mechanism, initial_response } => {
                let Some(mechanism) = self.mechanism(&mechanism) else {
                    return steps.push(line(format!("{tag} NO [CANNOT] mecanisme inconnu")));
                };
                match initial_response {
                    Some(word) => self.sasl(tag, mechanism, word.declassify(), steps),
                    None => {
                        self.waiting = Waiting::Sasl { tag: tag.to_owned(), mechanism };
                        steps.push(line("+ "));
                    }
                }
            }
            _ if self.mailbox.is_none() => steps.push(line(format!("{tag} NO s'authentifier d'abord"))),
            CommandBody::Idle if self.selected.is_some() => {
                self.waiting = Waiting::Done { tag: tag.to_owned() };
                steps.push(line("+ attente"));
                if self.idles_on().is_some() {
                    steps.extend(self.exists());
                }
            }
            other => folder::obey(self, tag, other, steps),
        }
    }

    fn start_tls(&mut self, tag: &str, steps: &mut Vec<Step>) {
        match self.fault {
            _ if self.secured => steps.push(line(format!("{tag} BAD deja chiffre"))),
            Some(ImapFault::NoStartTls) => steps.push(line(format!("{tag} NO non"))),
            Some(ImapFault::Inject) => {
                let forged = format!("{tag} OK allez\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n");
                steps.extend([Step::Write(forged.into_bytes()), Step::StartTls]);
            }
            _ => steps.extend([line(format!("{tag} OK allez")), Step::StartTls]),
        }
    }

    fn capabilities(&self) -> String {
        if !self.secured {
            let masked = self.fault == Some(ImapFault::NoStartTls);
            return if masked { "IMAP4rev1 LOGINDISABLED" } else { "IMAP4rev1 STARTTLS LOGINDISABLED" }
                .to_owned();
        }
        let mut words = vec!["IMAP4rev1"];
        if self.mailbox.is_none() {
            if self.certificate {
                words.push("AUTH=EXTERNAL");
            }
            if self.world.settings.tokens.is_some() {
                words.extend(["AUTH=XOAUTH2", "AUTH=OAUTHBEARER"]);
            }
            match self.world.settings.auth {
                ServerAuth::Certificate => words.push("LOGINDISABLED"),
                ServerAuth::Plain { .. } | ServerAuth::Open => words.push("AUTH=PLAIN"),
            }
        }
        if self.fault == Some(ImapFault::Minimal) {
            return words.join(" ");
        }
        words.extend(["SASL-IR", "UIDPLUS", "MOVE", "QUOTA", "UNSELECT", "LITERAL+"]);
        if self.fault != Some(ImapFault::NoExists) {
            words.push("IDLE");
        }
        words.join(" ")
    }

    fn mechanism(&self, mechanism: &AuthMechanism<'_>) -> Option<Mechanism> {
        let tokens = self.world.settings.tokens.is_some();
        let passwords = !matches!(self.world.settings.auth, ServerAuth::Certificate);
        match mechanism {
            AuthMechanism::XOAuth2 if tokens => Some(Mechanism::XOAuth2),
            AuthMechanism::OAuthBearer if tokens => Some(Mechanism::OAuthBearer),
            AuthMechanism::Plain if passwords => Some(Mechanism::Plain),
            other if self.certificate && other.as_ref().eq_ignore_ascii_case("EXTERNAL") => {
                Some(Mechanism::External)
            }
            _ => None,
        }
    }

    fn sasl(&mut self, tag: &str, mechanism: Mechanism, word: &[u8], steps: &mut Vec<Step>) {
        let words = text(word);
        let (mailbox, bearer) = match mechanism {
            Mechanism::External if self.fault == Some(ImapFault::CertUnmapped) => (None, false),
            Mechanism::External => (self.known(&words), false),
            Mechanism::Plain => {
                let mut parts = words.split('\0').skip(1);
                let (user, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                (self.by_password(user, password), false)
            }
            Mechanism::XOAuth2 | Mechanism::OAuthBearer => (self.by_token(&words), true),
        };
        match mailbox {
            Some(mailbox) => self.welcome(tag, mailbox, steps),
            // RFC 7628 §3.2.2: the refusal is explained first, and waits for an empty word.
            None if bearer => {
                self.waiting = Waiting::Refusal { tag: tag.to_owned() };
                let why = STANDARD.encode(r#"{"status":"401","schemes":"bearer","scope":"openid"}"#);
                steps.push(line(format!("+ {why}")));
            }
            None => steps.push(line(format!("{tag} NO [AUTHENTICATIONFAILED] non"))),
        }
    }

    fn welcome(&mut self, tag: &str, mailbox: String, steps: &mut Vec<Step>) {
        self.mailbox = Some(mailbox);
        steps.push(line(format!("{tag} OK bienvenue")));
        if self.fault == Some(ImapFault::Bye) {
            steps.extend([line("* BYE [UNAVAILABLE] arret"), Step::Close]);
        }
    }

    /// The mailbox of this name, when the operator has it.
    fn known(&self, address: &str) -> Option<String> {
        let known = self.world.recipient(address) == RecipientVerdict::Known;
        known.then(|| address.to_ascii_lowercase())
    }

    fn by_password(&self, user: &str, password: &str) -> Option<String> {
        match &self.world.settings.auth {
            ServerAuth::Certificate => None,
            ServerAuth::Open => self.known(user),
            ServerAuth::Plain { user: expected, password: secret } => {
                let right = password == secret && (user == expected || user.contains('@'));
                right.then(|| self.known(user)).flatten()
            }
        }
    }

    /// `user=…^Aauth=Bearer …^A^A` or `n,a=…,^Aauth=Bearer …^A^A`.
    fn by_token(&self, words: &str) -> Option<String> {
        let judge = self.world.settings.tokens.as_ref()?;
        let mut fields = words.split('\x01');
        let first = fields.next()?;
        let address =
            first.strip_prefix("user=").or_else(|| first.strip_prefix("n,a=")?.strip_suffix(','))?;
        let token = fields.find_map(|field| field.strip_prefix("auth=Bearer "))?;
        match self.fault {
            Some(ImapFault::TokenExpired | ImapFault::TokenWrongBox) => None,
            _ => self.known(address).filter(|mailbox| (judge.0)(mailbox, token)),
        }
    }

    /// What arrived or left since the client was told.
    fn exists(&mut self) -> Vec<Step> {
        let (Some(mailbox), Some(selected)) = (&self.mailbox, &mut self.selected) else { return Vec::new() };
        selected.refresh(&self.world.post, mailbox)
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.escape_ascii().to_string(), str::to_owned)
}

pub(super) fn folder_name(mailbox: &Mailbox<'_>) -> String {
    match mailbox {
        Mailbox::Inbox => "INBOX".to_owned(),
        Mailbox::Other(other) => text(other.as_ref()),
    }
}
