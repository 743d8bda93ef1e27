//! The server side of one SMTP session.
//! In: bytes of the client. Out: what to write, when TLS begins, when to hang up. IO: none.
//! Source: mssante.md §6.2, §6.4. Commands are parsed by smtp-proto, not by the parser of our client.

use std::{slice::Iter, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_model::ids::PATIENT_DOMAIN;
use smtp_proto::{
    AUTH_EXTERNAL, AUTH_PLAIN, Error as ProtoError, MailFrom, RcptTo, Request,
    request::receiver::{DataReceiver, RequestReceiver},
};

use super::{
    faults::{ConnectionFault, Faults, MailFault},
    world::{RecipientVerdict, ServerAuth, World},
};
use crate::session::Security;

/// Recipients of one mail.
const RECIPIENTS_MAX: usize = 100;
/// Wrong commands before we hang up.
const MISTAKES_MAX: u32 = 20;

/// What the shell does next, in order.
#[derive(Debug)]
pub(crate) enum Step {
    Write(Vec<u8>),
    /// Written byte by byte.
    WriteSlowly(Vec<u8>),
    StartTls,
    /// A mail is complete: it is kept (and judged) before what follows is written.
    Deliver(Box<Delivered>),
    /// Nothing more is said nor read until the client gives up.
    Stall,
    Close,
}

/// A mail as it came.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) from: String,
    /// ENVID; empty when none was given.
    pub(crate) envelope_id: String,
    pub(crate) recipients: Vec<(String, u64)>,
    pub(crate) raw: Bytes,
    pub(crate) authenticated: Option<String>,
    pub(crate) dsn_offered: bool,
}

#[derive(Debug, Default)]
struct Transaction {
    from: String,
    envelope_id: String,
    recipients: Vec<(String, u64)>,
    fault: Option<MailFault>,
}

struct Body {
    receiver: DataReceiver,
    data: Vec<u8>,
    too_large: bool,
}

pub(crate) struct Dialogue {
    world: Arc<World>,
    faults: Arc<Faults>,
    fault: Option<ConnectionFault>,
    secured: bool,
    certificate: bool,
    authenticated: Option<String>,
    greeted: bool,
    receiver: RequestReceiver,
    transaction: Option<Transaction>,
    body: Option<Body>,
    mistakes: u32,
    over: bool,
}

impl Dialogue {
    /// A new session and its greeting.
    pub(crate) fn open(world: Arc<World>, faults: Arc<Faults>, certificate: bool) -> (Self, Vec<Step>) {
        let fault = faults.connections.draw();
        let host = &world.settings.host;
        let greeting = match fault {
            Some(ConnectionFault::Busy) => vec![reply(421, "4.3.2", "surcharge"), Step::Close],
            Some(ConnectionFault::Silent) => vec![Step::Close],
            Some(ConnectionFault::Endless) => vec![Step::Write(b"220-bla\r\n".repeat(20_000)), Step::Stall],
            Some(ConnectionFault::Binary) => {
                vec![Step::Write((0..=255).cycle().take(4096).collect()), Step::Stall]
            }
            _ => vec![Step::Write(format!("220 {host} ESMTP simulateur\r\n").into_bytes())],
        };
        let dialogue = Self {
            secured: world.settings.security == Security::Implicit,
            world,
            faults,
            fault,
            certificate,
            authenticated: None,
            greeted: false,
            receiver: RequestReceiver::default(),
            transaction: None,
            body: None,
            mistakes: 0,
            over: false,
        };
        (dialogue, greeting)
    }

    /// TLS is up.
    pub(crate) fn secured(&mut self, certificate: bool) {
        self.secured = true;
        self.certificate = certificate;
        self.greeted = false;
    }

    /// Bytes came.
    pub(crate) fn ingest(&mut self, bytes: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut iter = bytes.iter();
        while !self.over && iter.len() > 0 {
            if self.body.is_some() {
                self.ingest_body(&mut iter, &mut steps);
            } else {
                match self.receiver.ingest(&mut iter).map(Request::into_owned) {
                    Ok(request) => self.request(request, &mut steps),
                    Err(ProtoError::NeedsMoreData { .. }) => break,
                    Err(error) => self.mistake(&error, &mut steps),
                }
            }
            self.over |= matches!(steps.last(), Some(Step::Close | Step::Stall));
            if matches!(steps.last(), Some(Step::StartTls)) {
                // Whatever follows in clear is thrown away with the parser's buffer.
                self.receiver = RequestReceiver::default();
                break;
            }
        }
        if self.transaction.as_ref().is_some_and(|t| t.fault == Some(MailFault::Slow)) {
            steps = steps.into_iter().map(slowly).collect();
        }
        steps
    }

    fn mistake(&mut self, error: &ProtoError, steps: &mut Vec<Step>) {
        self.mistakes += 1;
        steps.push(match error {
            ProtoError::UnknownCommand => reply(500, "5.5.1", "commande inconnue"),
            ProtoError::InvalidSenderAddress => reply(501, "5.1.7", "adresse d'expéditeur illisible"),
            ProtoError::InvalidRecipientAddress => reply(501, "5.1.3", "adresse de destinataire illisible"),
            ProtoError::ResponseTooLong => reply(500, "5.5.2", "ligne trop longue"),
            _ => reply(501, "5.5.4", "syntaxe"),
        });
        if self.mistakes >= MISTAKES_MAX {
            steps.push(Step::Close);
        }
    }

    fn request(&mut self, request: Request<String>, steps: &mut Vec<Step>) {
        match request {
            Request::Ehlo { .. } => {
                self.greeted = true;
                self.transaction = None;
                steps.push(Step::Write(self.offer()));
            }
            Request::Helo { .. } => {
                self.greeted = true;
                steps.push(Step::Write(format!("250 {}\r\n", self.world.settings.host).into_bytes()));
            }
            Request::StartTls => self.start_tls(steps),
            Request::Auth { mechanism, initial_response } => {
                steps.push(self.auth(mechanism, &initial_response))
            }
            Request::Mail { from } => steps.push(self.mail(&from)),
            Request::Rcpt { to } => self.recipient(&to, steps),
            Request::Data => steps.push(self.data()),
            Request::Rset => {
                self.transaction = None;
                steps.push(reply(250, "2.0.0", "ok"));
            }
            Request::Noop { .. } => steps.push(reply(250, "2.0.0", "ok")),
            Request::Vrfy { .. } => steps.push(reply(252, "2.5.2", "non vérifié")),
            Request::Quit => steps.extend([reply(221, "2.0.0", "au revoir"), Step::Close]),
            _ => steps.push(reply(502, "5.5.1", "non offert")),
        }
    }

    fn offers_starttls(&self) -> bool {
        !self.secured && !matches!(self.fault, Some(ConnectionFault::NoStartTls | ConnectionFault::Strip))
    }

    fn offers_dsn(&self) -> bool {
        self.secured && self.fault != Some(ConnectionFault::Minimal)
    }

    /// mssante.md §6.2: what is advertised before and after TLS.
    fn offer(&self) -> Vec<u8> {
        let settings = &self.world.settings;
        let mut lines = vec![settings.host.clone()];
        if !self.secured {
            match self.fault {
                Some(ConnectionFault::NoStartTls) => {}
                Some(ConnectionFault::Strip) => lines.push("XXXXXXXX".to_owned()),
                _ => lines.push("STARTTLS".to_owned()),
            }
        }
        if self.fault != Some(ConnectionFault::Minimal) {
            lines.push(format!("SIZE {}", settings.size_max));
        }
        if self.offers_dsn() {
            lines.push("DSN".to_owned());
        }
        if self.secured {
            match &settings.auth {
                ServerAuth::Plain { .. } => lines.push("AUTH PLAIN".to_owned()),
                _ if self.certificate => lines.push("AUTH EXTERNAL".to_owned()),
                _ => {}
            }
        }
        lines.extend(["8BITMIME".to_owned(), "ENHANCEDSTATUSCODES".to_owned()]);
        let last = lines.len() - 1;
        let line =
            |(at, line): (usize, String)| format!("250{}{line}\r\n", if at == last { ' ' } else { '-' });
        lines.into_iter().enumerate().map(line).collect::<String>().into_bytes()
    }

    fn start_tls(&mut self, steps: &mut Vec<Step>) {
        if !self.offers_starttls() {
            steps.push(reply(502, "5.5.1", "non offert"));
            return;
        }
        let mut answer = b"220 2.0.0 pret pour TLS\r\n".to_vec();
        if self.fault == Some(ConnectionFault::Inject) {
            answer.extend_from_slice(b"250-smtp.evil.example\r\n250 AUTH PLAIN\r\n");
        }
        steps.extend([Step::Write(answer), Step::StartTls]);
    }

    fn auth(&mut self, mechanism: u64, initial: &str) -> Step {
        if !self.secured {
            return reply(530, "5.7.0", "STARTTLS d'abord");
        }
        if self.fault == Some(ConnectionFault::AuthRefused) {
            return reply(535, "5.7.8", "authentification refusée");
        }
        let text = STANDARD.decode(initial).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let identity = match (&self.world.settings.auth, mechanism) {
            (ServerAuth::Plain { user, password }, AUTH_PLAIN) => {
                let expected = format!("\0{user}\0{password}");
                text.filter(|given| *given == expected).map(|_| user.clone())
            }
            (ServerAuth::Certificate | ServerAuth::Open, AUTH_EXTERNAL) if self.certificate => text,
            _ => return reply(504, "5.5.4", "mécanisme non offert"),
        };
        match identity {
            Some(identity) => {
                self.authenticated = Some(identity);
                reply(235, "2.7.0", "ok")
            }
            None => reply(535, "5.7.8", "authentification refusée"),
        }
    }

    fn is_allowed(&self) -> bool {
        if self.fault == Some(ConnectionFault::AuthRefused) {
            return false;
        }
        match self.world.settings.auth {
            ServerAuth::Open => true,
            ServerAuth::Certificate => self.certificate,
            ServerAuth::Plain { .. } => self.authenticated.is_some(),
        }
    }

    fn mail(&mut self, from: &MailFrom<String>) -> Step {
        if !self.secured {
            return reply(530, "5.7.0", "STARTTLS d'abord");
        }
        if !self.greeted {
            return reply(503, "5.5.1", "EHLO d'abord");
        }
        if !self.is_allowed() {
            return reply(530, "5.7.0", "authentification requise");
        }
        if self.transaction.is_some() {
            return reply(503, "5.5.1", "un courriel est déjà commencé");
        }
        if from.size > self.world.settings.size_max {
            return reply(552, "5.3.4", "courriel trop gros");
        }
        let fault = self.faults.mails.draw();
        let envelope_id = from.env_id.clone().unwrap_or_default();
        let from = from.address.clone();
        self.transaction = Some(Transaction { from, envelope_id, fault, ..Transaction::default() });
        reply(250, "2.1.0", "ok")
    }

    fn recipient(&mut self, to: &RcptTo<String>, steps: &mut Vec<Step>) {
        let Some(transaction) = &mut self.transaction else {
            return steps.push(reply(503, "5.5.1", "MAIL d'abord"));
        };
        if transaction.recipients.len() == RECIPIENTS_MAX {
            return steps.push(reply(452, "4.5.3", "trop de destinataires"));
        }
        let local = to.address.split('@').next().unwrap_or_default();
        if let Some(asked) = local.strip_prefix("sim+").and_then(|name| self.faults.mails.named(name)) {
            transaction.fault = Some(asked);
        }
        match transaction.fault {
            Some(MailFault::Recipient { code, status }) => {
                steps.push(reply(code, status, "panne demandée"));
                if code == 421 {
                    steps.push(Step::Close);
                }
                return;
            }
            Some(MailFault::Grey) if self.world.is_grey(&to.address) => {
                return steps.push(reply(451, "4.7.1", "liste grise, revenez"));
            }
            Some(MailFault::DropRecipient) => return steps.push(Step::Close),
            _ => {}
        }
        steps.push(match self.world.recipient(&to.address) {
            RecipientVerdict::Known => {
                transaction.recipients.push((to.address.clone(), to.flags));
                reply(250, "2.1.5", "ok")
            }
            RecipientVerdict::UnknownMailbox => reply(550, "5.1.1", "boîte inconnue"),
            RecipientVerdict::UnknownDomain => reply(554, "5.7.1", "domaine hors de la liste blanche"),
            RecipientVerdict::NotAnAddress => reply(553, "5.1.3", "adresse invalide"),
        });
    }

    fn data(&mut self) -> Step {
        if self.transaction.as_ref().is_none_or(|transaction| transaction.recipients.is_empty()) {
            return reply(503, "5.5.1", "RCPT d'abord");
        }
        self.body = Some(Body { receiver: DataReceiver::new(), data: Vec::new(), too_large: false });
        Step::Write(b"354 continuez\r\n".to_vec())
    }

    fn ingest_body(&mut self, iter: &mut Iter<'_, u8>, steps: &mut Vec<Step>) {
        let (Some(body), Some(transaction)) = (&mut self.body, &self.transaction) else { return };
        if transaction.fault == Some(MailFault::DropBody) {
            return steps.push(Step::Close);
        }
        let done = body.receiver.ingest(iter, &mut body.data);
        let patient = transaction.recipients.iter().any(|(to, _)| is_patient(to));
        let limit = match patient {
            true => self.world.settings.size_max.min(self.world.settings.patient_size_max),
            false => self.world.settings.size_max,
        };
        if body.data.len() > limit {
            // The rest is read to its end and thrown away, within the limit.
            body.too_large = true;
            let keep = body.data.len().min(2);
            body.data.drain(..body.data.len() - keep);
        }
        if done {
            self.finish(steps);
        }
    }

    fn finish(&mut self, steps: &mut Vec<Step>) {
        let (Some(body), Some(transaction)) = (self.body.take(), self.transaction.take()) else { return };
        if body.too_large {
            return steps.push(reply(552, "5.3.4", "courriel trop gros"));
        }
        if let Some(MailFault::Body { code, status }) = transaction.fault {
            return steps.push(reply(code, status, "panne demandée"));
        }
        steps.push(Step::Deliver(Box::new(Delivered {
            from: transaction.from,
            envelope_id: transaction.envelope_id,
            recipients: transaction.recipients,
            raw: body.data.into(),
            authenticated: self.authenticated.clone(),
            dsn_offered: self.offers_dsn(),
        })));
        steps.push(match transaction.fault {
            Some(MailFault::Dup) => Step::Close,
            Some(MailFault::Stall) => Step::Stall,
            Some(MailFault::Slow) => slowly(reply(250, "2.0.0", "remis")),
            _ => reply(250, "2.0.0", "remis"),
        });
    }
}

fn is_patient(address: &str) -> bool {
    address.rsplit('@').next().is_some_and(|domain| domain.eq_ignore_ascii_case(PATIENT_DOMAIN))
}

fn reply(code: u16, status: &str, text: &str) -> Step {
    Step::Write(format!("{code} {status} {text}\r\n").into_bytes())
}

fn slowly(step: Step) -> Step {
    match step {
        Step::Write(bytes) => Step::WriteSlowly(bytes),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulator::world::{SimulatorSettings, World};

    fn open(security: Security) -> Dialogue {
        let settings = SimulatorSettings {
            security,
            auth: ServerAuth::Open,
            size_max: 1000,
            ..SimulatorSettings::with_domains(["ville.mssante.example", "patient.mssante.fr"])
        };
        Dialogue::open(
            World::new(settings, Arc::new(jonction_model::SystemClock)),
            Arc::new(Faults::none(1)),
            false,
        )
        .0
    }

    fn codes(steps: &[Step]) -> Vec<String> {
        let word = |step: &Step| match step {
            Step::Write(bytes) | Step::WriteSlowly(bytes) => String::from_utf8(bytes[..3].to_vec()).unwrap(),
            Step::StartTls => "tls".to_owned(),
            Step::Deliver(_) => "deliver".to_owned(),
            Step::Stall => "stall".to_owned(),
            Step::Close => "close".to_owned(),
        };
        steps.iter().map(word).collect()
    }

    #[test]
    fn nothing_but_starttls_is_done_in_clear() {
        let mut dialogue = open(Security::StartTls);
        let steps = dialogue.ingest(b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nAUTH PLAIN AAAA\r\nSTARTTLS\r\nMAIL FROM:<x@y.example>\r\n");
        assert_eq!(codes(&steps), ["250", "530", "530", "220", "tls"]);

        dialogue.secured(false);
        assert_eq!(
            codes(&dialogue.ingest(b"MAIL FROM:<a@b.example>\r\n")),
            ["503"],
            "what followed STARTTLS is forgotten"
        );
    }

    #[test]
    fn a_whole_mail_is_delivered_before_its_answer() {
        let mut dialogue = open(Security::Implicit);
        let steps = dialogue.ingest(b"EHLO a.example\r\nMAIL FROM:<a@b.example> SIZE=10\r\nRCPT TO:<c@ville.mssante.example> NOTIFY=SUCCESS,FAILURE\r\nRCPT TO:<d@ailleurs.example>\r\nDATA\r\nSubject: x\r\n\r\n..a\r\n.\r\nQUIT\r\n");
        assert_eq!(codes(&steps), ["250", "250", "250", "554", "354", "deliver", "250", "221", "close"]);
        let Some(Step::Deliver(mail)) = steps.into_iter().nth(5) else { panic!() };
        assert_eq!((mail.recipients.len(), mail.raw.as_ref()), (1, b"Subject: x\r\n\r\n.a\r\n".as_slice()));
    }

    #[test]
    fn the_limit_on_size_is_exact_and_a_wrong_command_costs_one_line() {
        for (bytes, code) in [(1000, "250"), (1001, "552")] {
            let mut dialogue = open(Security::Implicit);
            let mail = format!("X: {}\r\n", "y".repeat(bytes - 5));
            let dialogue_text = format!(
                "EHLO a\r\nFOO bar\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@ville.mssante.example>\r\nDATA\r\n{mail}.\r\nNOOP\r\n"
            );
            let steps = codes(&dialogue.ingest(dialogue_text.as_bytes()));
            assert_eq!(steps[..5], ["250", "500", "250", "250", "354"], "{bytes}");
            assert_eq!(steps[steps.len() - 2..], [code, "250"], "{bytes}");
        }
    }

    #[test]
    fn a_client_that_only_makes_mistakes_is_left() {
        let mut dialogue = open(Security::Implicit);
        let steps = dialogue.ingest("\0\u{1}garbage\r\n".repeat(1000).as_bytes());
        assert_eq!(codes(&steps).last().unwrap(), "close");
        assert_eq!(steps.len(), MISTAKES_MAX as usize + 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(chunks in proptest::collection::vec(prop_oneof![
            any::<Vec<u8>>(), Just(b"EHLO a\r\n".to_vec()), Just(b"MAIL FROM:<a@b.example>\r\n".to_vec()),
            Just(b"RCPT TO:<sim+grey@ville.mssante.example>\r\n".to_vec()), Just(b"DATA\r\n".to_vec()),
            Just(b"\r\n.\r\n".to_vec()), Just(b"RSET\r\n".to_vec())], 0..12)) {
            let mut dialogue = open(Security::Implicit);
            for chunk in chunks {
                dialogue.ingest(&chunk);
            }
        }
    }
}
