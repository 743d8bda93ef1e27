//! One IMAP session of a client, as a state machine.
//! In: bytes of the server, « TLS is up », requests. Out: actions for a shell that has the socket. IO, clock: none.
//! Sources: mssante.md §2.1, §2.2, §2.5, §2.8; RFC 3501, 2177, 4959, 6851, 7628, 9051 §11.
//!
//! One question at a time: an answer belongs to its question. The grammar is ours and the simulator's is imap-codec's, so that
//! a mistake in one is seen by the other (decision 0038).

mod answer;
mod command;
mod wire;

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jonction_model::{Masked, MssAddress};

use answer::{Answer, Condition, Fetched, Status};
pub use command::{Folder, KEYWORD, Request, Slice};
use wire::Splitter;
pub use wire::{WireError, WireLimits};

use crate::session::{Security, SessionError};

/// SASL mechanism that carries an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// What the texts name (SC.MSS/CONF.07).
    XOAuth2,
    /// RFC 7628; named by no MSSanté text read.
    OAuthBearer,
}

/// How the client says who it is, once TLS is up (mssante.md §2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// The client certificate says it all: the server greets with PREAUTH.
    Certificate,
    /// SASL EXTERNAL: the certificate, and the mailbox as authorization identity.
    External(MssAddress),
    /// PLAIN, or LOGIN where there is nothing else.
    Password {
        /// User name.
        user: Masked<String>,
        /// Password.
        password: Masked<String>,
    },
    /// A token for a mailbox.
    Bearer {
        /// Mechanism.
        mechanism: Bearer,
        /// Mailbox.
        mailbox: MssAddress,
        /// Access token.
        token: Masked<String>,
    },
}

/// What a session needs to know.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// How TLS begins.
    pub security: Security,
    /// How the client says who it is.
    pub login: Login,
    /// Bounds on answers.
    pub limits: WireLimits,
}

/// What a server offers, as far as this client uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(BTreeSet<String>);

impl Capabilities {
    /// Whether a word of the list is there: `MOVE`, `AUTH=XOAUTH2`.
    pub fn offers(&self, word: &str) -> bool {
        self.0.contains(word)
    }

    /// The words, in alphabetical order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// What a folder says when it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Under another value, UIDs mean other mails.
    pub uid_validity: u32,
    /// Mails in it.
    pub exists: u32,
    /// Nothing may be moved or marked.
    pub read_only: bool,
    /// It keeps our keyword.
    pub keeps_keyword: bool,
}

/// What the server said to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Of SELECT.
    pub selected: Selected,
    /// Of a search.
    pub found: Vec<u32>,
    /// UID and bytes, of FETCH.
    pub sizes: Vec<(u32, u64)>,
    /// Of FETCH; `None`: the mail is not there any more, or the server gives nothing for it.
    pub slice: Option<Vec<u8>>,
    /// Used and allowed.
    pub quota: Option<(u64, u64)>,
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
    /// Nothing to do: something may be asked.
    Ready,
    /// The server tells news from now on. Read as long as you like, then call [`Session::wake`].
    Idling,
    /// The request was done.
    Done(Told),
    /// The request was refused with this code (`TRYCREATE`, `OVERQUOTA`, or empty); the session goes on.
    Refused(&'static str),
    /// The session is over.
    Broken(SessionError),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Bytes to send, then go to the state.
    Send(Vec<u8>, State),
    At(State),
    Report(Result<Told, &'static str>),
    Over(SessionError),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    /// The capabilities, before TLS or after it, before login or after it.
    Capability {
        logged_in: bool,
    },
    StartTls,
    Handshake,
    /// What the server gets when it asks for more, in order.
    Login(Vec<String>),
    Idle,
    Asked,
    /// IDLE was sent; the server has not said go yet.
    Entering,
    Idling,
    /// LOGOUT was answered.
    Left,
}

/// Untagged answers one question may bring beyond what it asks for. More is a flood, not a mailbox.
const UNTAGGED_MAX: usize = 10_000;

/// The machine.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    splitter: Splitter,
    phase: Phase,
    secured: bool,
    greeted: bool,
    capabilities: Capabilities,
    tags: u32,
    request: Option<Request>,
    told: Told,
    untagged: usize,
    /// Mails in the folder, as last told.
    exists: u32,
    /// More of them than when they were last searched: whatever command the server said it with.
    news: bool,
}

impl Session {
    /// A session that waits for the greeting.
    pub fn new(config: SessionConfig) -> Self {
        Self {
            splitter: Splitter::new(config.limits),
            secured: config.security == Security::Implicit,
            config,
            phase: Phase::At(State::Greeting),
            greeted: false,
            capabilities: Capabilities::default(),
            tags: 0,
            request: None,
            told: Told::default(),
            untagged: 0,
            exists: 0,
            news: false,
        }
    }

    /// What the server offers, as said inside TLS.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether the server greeted, and lets us go on.
    pub fn was_greeted(&self) -> bool {
        self.greeted
    }

    /// Whether something arrived since the last search.
    pub fn has_news(&self) -> bool {
        self.news
    }

    /// Whether bytes of the server are waited for, and nothing else can happen before.
    pub fn is_waiting(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Send(..)
                | Phase::Report(_)
                | Phase::Over(_)
                | Phase::At(State::Idle | State::Handshake | State::Idling | State::Left)
        )
    }

    /// What to do next.
    pub fn next_action(&mut self) -> Action {
        match std::mem::replace(&mut self.phase, Phase::At(State::Idle)) {
            Phase::Send(bytes, state) => {
                self.phase = Phase::At(state);
                Action::Send(bytes)
            }
            Phase::Report(told) => told.map_or_else(Action::Refused, Action::Done),
            Phase::Over(error) => {
                self.phase = Phase::Over(error.clone());
                Action::Broken(error)
            }
            Phase::At(state) => {
                let action = match &state {
                    State::Idle => Action::Ready,
                    State::Handshake => Action::StartTls,
                    State::Idling => Action::Idling,
                    State::Left => Action::Broken(SessionError::Closed),
                    _ => Action::Read,
                };
                self.phase = Phase::At(state);
                action
            }
        }
    }

    /// Asks something of a ready session. What is not ready is not asked.
    pub fn ask(&mut self, request: Request) {
        if self.phase != Phase::At(State::Idle) {
            return;
        }
        self.told = Told::default();
        if request == Request::Untreated {
            self.news = false;
        }
        let state = if request == Request::Idle { State::Entering } else { State::Asked };
        let line = request.line();
        self.request = Some(request);
        self.command(&line, state);
    }

    /// Ends IDLE; the answer comes as to any request.
    pub fn wake(&mut self) {
        if self.phase == Phase::At(State::Idling) {
            self.phase = Phase::Send(b"DONE\r\n".to_vec(), State::Asked);
        }
    }

    /// The TLS handshake succeeded. Everything learned in clear is forgotten.
    pub fn secured(&mut self) {
        if self.phase == Phase::At(State::Handshake) {
            self.secured = true;
            self.ask_capability(false);
        }
    }

    /// The server closed the connection.
    pub fn closed(&mut self) {
        if !matches!(self.phase, Phase::Over(_) | Phase::At(State::Left)) {
            self.over(SessionError::Closed);
        }
    }

    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8]) {
        self.splitter.push(bytes);
        while !matches!(self.phase, Phase::Over(_)) {
            if self.phase == Phase::At(State::Handshake) {
                // Somebody in the middle speaks for the server (MSS-T22).
                if !self.splitter.is_empty() {
                    self.over(SessionError::Injected);
                }
                return;
            }
            let literal_max = self.request.as_ref().map_or(0, Request::literal_max);
            match self.splitter.next(literal_max) {
                Err(error) => self.over(error.into()),
                Ok(None) => return,
                Ok(Some(bytes)) => match Answer::read(&bytes) {
                    Err(error) => self.over(error.into()),
                    Ok(answer) => self.answered(answer),
                },
            }
        }
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Continue => self.go_ahead(),
            Answer::Tagged { tag, status } => self.tagged(&tag, &status),
            Answer::Status(status) => self.status(&status),
            untagged => self.untagged(untagged),
        }
    }

    fn over(&mut self, error: SessionError) {
        self.phase = Phase::Over(error);
    }

    fn command(&mut self, line: &str, state: State) {
        self.tags += 1;
        self.untagged = 0;
        self.phase = Phase::Send(format!("J{} {line}\r\n", self.tags).into_bytes(), state);
    }

    fn ask_capability(&mut self, logged_in: bool) {
        self.capabilities = Capabilities::default();
        self.command("CAPABILITY", State::Capability { logged_in });
    }

    fn go_ahead(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::At(State::Idle)) {
            Phase::At(State::Login(mut words)) if !words.is_empty() => {
                let word = words.remove(0);
                self.phase = Phase::Send(format!("{word}\r\n").into_bytes(), State::Login(words));
            }
            Phase::At(State::Entering) => self.phase = Phase::At(State::Idling),
            _ => self.over(SessionError::OutOfStep("asked to go on with nothing")),
        }
    }

    fn status(&mut self, status: &Status) {
        if status.condition == Condition::Bye {
            if self.request != Some(Request::Logout) {
                self.over(SessionError::Closing(status.code.to_owned()));
            }
            return;
        }
        if self.phase == Phase::At(State::Greeting) {
            return self.greeting(status);
        }
        let Some(Request::Select(_)) = self.request else { return };
        let selected = &mut self.told.selected;
        match status.code {
            "UIDVALIDITY" => selected.uid_validity = status.argument.trim().parse().unwrap_or(0),
            "PERMANENTFLAGS" => {
                let allows = |word: &str| word == "\\*" || word.eq_ignore_ascii_case(KEYWORD);
                selected.keeps_keyword = status.argument.split(['(', ')', ' ']).any(allows);
            }
            _ => {}
        }
    }

    fn greeting(&mut self, status: &Status) {
        self.greeted = true;
        match (status.condition, self.secured) {
            (Condition::Ok, _) => self.ask_capability(false),
            (Condition::Preauth, true) => self.ask_capability(true),
            // Nobody may know us before TLS; and TLS could not begin any more (RFC 9051 §11.1).
            (Condition::Preauth, false) => self.over(SessionError::NoStartTls),
            _ => self.over(SessionError::OutOfStep("no greeting")),
        }
    }

    fn untagged(&mut self, answer: Answer) {
        let expected = match &self.request {
            Some(Request::Sizes(uids)) => uids.len(),
            _ => 0,
        };
        self.untagged += 1;
        if self.untagged > UNTAGGED_MAX + expected {
            return self.over(SessionError::OutOfStep("a flood of untagged answers"));
        }
        if !self.greeted {
            return self.over(SessionError::OutOfStep("no greeting"));
        }
        match answer {
            Answer::Capability(words) => {
                if matches!(self.phase, Phase::At(State::Capability { .. })) {
                    self.capabilities.0.extend(words);
                }
            }
            // A server that repeats its number at each command has no news by that.
            Answer::Exists(count) => {
                self.news |= count > self.exists;
                self.exists = count;
                if matches!(self.request, Some(Request::Select(_))) {
                    self.told.selected.exists = count;
                }
            }
            Answer::Search(found) => {
                if matches!(self.request, Some(Request::Untreated | Request::Deleted)) {
                    self.told.found.extend(found);
                }
            }
            Answer::Quota { used, limit } if self.request == Some(Request::Quota) && limit > 0 => {
                self.told.quota = Some((used, limit));
            }
            Answer::Expunge => self.exists = self.exists.saturating_sub(1),
            Answer::Fetch(fetched) => self.fetched(fetched),
            _ => {}
        }
    }

    /// A size counts when it was asked for; a body that was not asked for is somebody else's mail.
    fn fetched(&mut self, fetched: Fetched) {
        match (&self.request, fetched) {
            (Some(Request::Sizes(uids)), Fetched { uid: Some(uid), size: Some(size), body: None })
                if uids.binary_search(&uid).is_ok() =>
            {
                self.told.sizes.push((uid, size));
            }
            (Some(Request::Slice(slice)), Fetched { uid, body: Some(body), .. }) => {
                let section = if slice.headers { b"HEADER".as_slice() } else { b"" };
                let ours = uid == Some(slice.uid)
                    && body.section.eq_ignore_ascii_case(section)
                    && body.origin.is_none_or(|origin| origin == slice.from)
                    && (body.origin.is_some() || slice.from == 0)
                    && body.bytes.as_ref().is_none_or(|bytes| bytes.len() <= slice.length as usize)
                    && self.told.slice.is_none();
                if !ours {
                    return self.over(SessionError::OutOfStep("a mail nobody asked for"));
                }
                self.told.slice = body.bytes;
            }
            (_, Fetched { body: Some(_), .. }) => {
                self.over(SessionError::OutOfStep("a mail nobody asked for"))
            }
            // Flags of some mail: other programs work in the mailbox too.
            _ => {}
        }
    }

    fn tagged(&mut self, tag: &str, status: &Status) {
        let ours = tag.strip_prefix('J').is_some_and(|number| number == self.tags.to_string());
        let state = match &self.phase {
            Phase::At(state) if ours && self.is_waiting() => state.clone(),
            _ => return self.over(SessionError::OutOfStep("an answer to no question")),
        };
        let code = status.code.to_owned();
        match (state, status.condition) {
            (State::Capability { logged_in }, Condition::Ok) => self.capable(logged_in),
            (State::StartTls, Condition::Ok) => self.phase = Phase::At(State::Handshake),
            (State::StartTls, Condition::No | Condition::Bad) => {
                self.over(SessionError::StartTlsRefused(code))
            }
            (State::Login(_), Condition::Ok) => self.ask_capability(true),
            (State::Login(_), Condition::No | Condition::Bad) => self.over(SessionError::AuthRefused(code)),
            (State::Asked | State::Entering, Condition::Ok) => {
                if self.request == Some(Request::Logout) {
                    return self.phase = Phase::At(State::Left);
                }
                if matches!(self.request, Some(Request::Select(_))) {
                    self.told.selected.read_only = status.code == "READ-ONLY";
                }
                self.request = None;
                self.phase = Phase::Report(Ok(std::mem::take(&mut self.told)));
            }
            (State::Asked | State::Entering, Condition::No | Condition::Bad) => {
                self.request = None;
                self.phase = Phase::Report(Err(status.code));
            }
            _ => self.over(SessionError::OutOfStep("unexpected answer")),
        }
    }

    fn capable(&mut self, logged_in: bool) {
        if !self.secured {
            //= SC.MSS/CONF.06
            return match self.capabilities.offers("STARTTLS") {
                true => self.command("STARTTLS", State::StartTls),
                false => self.over(SessionError::NoStartTls),
            };
        }
        if logged_in {
            return self.phase = Phase::At(State::Idle);
        }
        match self.config.login.clone() {
            // The server knows nobody yet, and nothing else is configured.
            Login::Certificate => self.over(SessionError::AuthNotOffered),
            Login::External(mailbox) => {
                self.authenticate("EXTERNAL", &STANDARD.encode(mailbox.expose()), None)
            }
            Login::Password { user, password } => self.log_in(user.expose(), password.expose()),
            Login::Bearer { mechanism, mailbox, token } => {
                let (name, words, again) = bearer(mechanism, &mailbox, token.expose());
                self.authenticate(name, &STANDARD.encode(words), Some(again));
            }
        }
    }

    fn log_in(&mut self, user: &str, password: &str) {
        let quotable = |text: &str| text.is_ascii() && !text.contains(['\r', '\n', '\0']);
        if self.capabilities.offers("AUTH=PLAIN") {
            self.authenticate("PLAIN", &STANDARD.encode(format!("\0{user}\0{password}")), None);
        } else if self.capabilities.offers("LOGINDISABLED") || !quotable(user) || !quotable(password) {
            self.over(SessionError::AuthNotOffered);
        } else {
            let line = format!("LOGIN {} {}", command::quoted(user), command::quoted(password));
            self.command(&line, State::Login(Vec::new()));
        }
    }

    /// `again`: what a server gets that explains its refusal and waits for a word (XOAUTH2, OAUTHBEARER).
    fn authenticate(&mut self, mechanism: &str, initial: &str, again: Option<&str>) {
        if !self.capabilities.offers(&format!("AUTH={mechanism}")) {
            return self.over(SessionError::AuthNotOffered);
        }
        let mut words: Vec<String> = again.map(str::to_owned).into_iter().collect();
        if self.capabilities.offers("SASL-IR") {
            return self.command(&format!("AUTHENTICATE {mechanism} {initial}"), State::Login(words));
        }
        words.insert(0, initial.to_owned());
        self.command(&format!("AUTHENTICATE {mechanism}"), State::Login(words));
    }
}

/// Name of the mechanism, its only message, and the empty answer to an explanation of the refusal.
fn bearer(mechanism: Bearer, mailbox: &MssAddress, token: &str) -> (&'static str, String, &'static str) {
    let mailbox = mailbox.expose();
    match mechanism {
        Bearer::XOAuth2 => ("XOAUTH2", format!("user={mailbox}\x01auth=Bearer {token}\x01\x01"), ""),
        // A lone kvsep, in base64 (RFC 7628 §3.2.3).
        Bearer::OAuthBearer => {
            ("OAUTHBEARER", format!("n,a={mailbox},\x01auth=Bearer {token}\x01\x01"), "AQ==")
        }
    }
}

#[cfg(test)]
mod tests;
