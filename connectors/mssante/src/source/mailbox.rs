//! One mailbox, watched: connect, collect what is there, wait for news, begin again when the link breaks.
//! In: settings, a stop. Out: mails in the journal, in the order of their UIDs; nothing else is remembered between restarts,
//! the journal recognises what it has. Source: mssante.md §2.8, §8 rows 29 to 32; MSS-T18 to T20.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jonction_model::{Entropy, Masked};
use jonction_ports::{AccessToken, IntakeError, Stop, TokenSource};
use tokio::time::{Instant, sleep};

use super::{
    Counters, Shared,
    collect::{Collector, Delay, Place},
    link::Link,
};
use crate::{
    client::Failure,
    config::{After, LoginSettings, MailboxSettings, Pauses},
    imap::{Bearer, Folder, Login, Request, Selected},
    session::SessionError,
};

/// Sizes asked for in one command.
const SIZES_MAX: usize = 500;
/// Mails remembered as taken and not filed, or as giving no bytes.
const REMEMBERED_MAX: usize = 100_000;
/// A mailbox this full is told, in hundredths.
const QUOTA_TOLD: u64 = 80;

/// Why a mailbox is not watched for now.
#[derive(Debug)]
enum Trouble {
    Link(Failure),
    /// The journal does not take mails.
    Journal(IntakeError),
    /// No token; `over`: until a human does something.
    Token {
        code: &'static str,
        over: bool,
    },
    /// The folder cannot be worked in.
    Unusable(&'static str),
    Stopped,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Link(failure)
    }
}

impl Trouble {
    fn code(&self) -> &'static str {
        match self {
            Self::Link(failure) => failure.code(),
            Self::Journal(_) => "mssante.mail-not-stored",
            Self::Token { code, .. } | Self::Unusable(code) => code,
            Self::Stopped => "mssante.stopped",
        }
    }

    /// Whether asking again at once would only annoy whoever refuses.
    fn is_refusal(&self) -> bool {
        let refused = |error: &SessionError| {
            matches!(error, SessionError::AuthRefused(_) | SessionError::AuthNotOffered)
        };
        match self {
            Self::Link(Failure::Session(error)) => refused(error),
            Self::Token { over, .. } => *over,
            Self::Unusable(_) => true,
            _ => false,
        }
    }
}

/// One mailbox.
pub(super) struct Watch {
    shared: Arc<Shared>,
    mailbox: MailboxSettings,
    password: Option<Masked<String>>,
    tokens: Option<Arc<dyn TokenSource>>,
    /// Value under which UIDs mean what is remembered.
    uid_validity: u32,
    /// Durable already, and still there.
    taken: BTreeMap<u32, Place>,
    /// How often the bytes of a mail did not come.
    troubles: BTreeMap<u32, u32>,
    quota_told: bool,
}

impl Watch {
    pub(super) fn new(
        shared: Arc<Shared>,
        mailbox: MailboxSettings,
        password: Option<Masked<String>>,
        tokens: Option<Arc<dyn TokenSource>>,
    ) -> Self {
        Self {
            shared,
            mailbox,
            password,
            tokens,
            uid_validity: 0,
            taken: BTreeMap::new(),
            troubles: BTreeMap::new(),
            quota_told: false,
        }
    }

    /// Watches until told to stop.
    pub(super) async fn run(mut self, mut stop: Stop) {
        let mut failures = 0_u32;
        loop {
            let (began, pauses) = (Instant::now(), self.shared.settings.pauses);
            let trouble = match self.session(&mut stop).await {
                Ok(()) | Err(Trouble::Stopped) => return,
                Err(trouble) => trouble,
            };
            // A link that lived for a while broke for a reason of its own.
            failures = if began.elapsed() > pauses.longest { 1 } else { failures.saturating_add(1) };
            let pause = pause(pauses, failures, trouble.is_refusal(), &*self.shared.tools.entropy);
            Counters::add(&self.shared.counters.failures, 1);
            tracing::warn!(
                partner = self.shared.partner.as_str(),
                mailbox = self.mailbox.address.label(),
                error_code = trouble.code(),
                attempt = failures,
                retry_in_ms = pause.as_millis() as u64,
                cause = cause(&trouble),
                "mailbox not watched"
            );
            tokio::select! {
                () = stop.stopped() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// One link, from the call to its end. `Ok`: told to stop.
    async fn session(&mut self, stop: &mut Stop) -> Result<(), Trouble> {
        let (mut link, token) = tokio::select! {
            () = stop.stopped() => return Ok(()),
            opened = self.open() => opened?,
        };
        let selected = link.ask(Request::Select(Folder::inbox())).await?;
        let selected = selected.map_err(|_| Trouble::Unusable("mssante.no-inbox"))?.selected;
        self.check(selected)?;
        self.check_quota(&mut link).await?;
        Counters::add(&self.shared.counters.links, 1);
        loop {
            self.collect(&mut link, stop).await?;
            if stop.is_stopped() {
                link.leave().await;
                return Ok(());
            }
            // A token that ends soon is shown no more: the link is made anew with the next one (§8 row 30).
            if let Some(token) = &token
                && token.expires_at <= self.shared.tools.clock.now()
            {
                link.leave().await;
                return self.reopened();
            }
            let stopped = tokio::select! {
                () = stop.stopped() => true,
                waited = self.wait(&mut link) => {
                    waited?;
                    false
                }
            };
            if stopped {
                link.leave().await;
                return Ok(());
            }
        }
    }

    /// Nothing is wrong: the same mailbox over a new link, soon.
    fn reopened(&self) -> Result<(), Trouble> {
        Err(Trouble::Token { code: "mssante.token-ended", over: false })
    }

    async fn open(&self) -> Result<(Link, Option<AccessToken>), Trouble> {
        // The semaphore is never closed. It keeps five hundred mailboxes from calling at once.
        let _place = self.shared.calling.acquire().await;
        let (login, token) = self.login().await?;
        match Link::open(&self.shared.reach, login).await {
            Ok(link) => Ok((link, token)),
            Err(failure) => {
                if let (Failure::Session(SessionError::AuthRefused(_)), Some(tokens), Some(token)) =
                    (&failure, &self.tokens, &token)
                {
                    tokens.refused(token);
                }
                Err(failure.into())
            }
        }
    }

    async fn login(&self) -> Result<(Login, Option<AccessToken>), Trouble> {
        let mailbox = self.mailbox.address.clone();
        Ok(match &self.mailbox.login {
            LoginSettings::Certificate => (Login::Certificate, None),
            LoginSettings::External => (Login::External(mailbox), None),
            LoginSettings::Password { user, .. } => {
                let (user, password) = (user.clone().into(), self.password.clone().unwrap_or_default());
                (Login::Password { user, password }, None)
            }
            LoginSettings::Token { mechanism, .. } => {
                let none = Trouble::Token { code: "mssante.no-token-source", over: true };
                let tokens = self.tokens.as_ref().ok_or(none)?;
                let token = tokens.token().await;
                let token = token.map_err(|error| Trouble::Token { code: error.code, over: error.over })?;
                (bearer(*mechanism, mailbox, &token), Some(token))
            }
        })
    }

    /// What a folder must allow; what UIDs meant before is forgotten when they mean something else (§8 row 29).
    fn check(&mut self, selected: Selected) -> Result<(), Trouble> {
        if selected.uid_validity == 0 {
            return Err(Trouble::Unusable("mssante.no-uidvalidity"));
        }
        if selected.read_only {
            return Err(Trouble::Unusable("mssante.mailbox-read-only"));
        }
        if self.shared.settings.after == After::Mark && !selected.keeps_keyword {
            return Err(Trouble::Unusable("mssante.no-keywords"));
        }
        if self.uid_validity != selected.uid_validity {
            if self.uid_validity != 0 {
                tracing::warn!(
                    partner = self.shared.partner.as_str(),
                    mailbox = self.mailbox.address.label(),
                    error_code = "mssante.uidvalidity-changed",
                    "mailbox was made anew: everything in it is read again, what is known is recognised"
                );
            }
            self.uid_validity = selected.uid_validity;
            self.taken.clear();
            self.troubles.clear();
        }
        Ok(())
    }

    /// A full mailbox silently breaks care: it is told before.
    async fn check_quota(&mut self, link: &mut Link) -> Result<(), Failure> {
        if !link.capabilities().offers("QUOTA") {
            return Ok(());
        }
        let said = link.ask(Request::Quota).await?;
        let Some((used, limit)) = said.ok().and_then(|told| told.quota) else { return Ok(()) };
        let full = used.saturating_mul(100) >= limit.saturating_mul(QUOTA_TOLD);
        if full && !self.quota_told {
            tracing::warn!(
                partner = self.shared.partner.as_str(),
                mailbox = self.mailbox.address.label(),
                error_code = "mssante.mailbox-nearly-full",
                used,
                limit,
                "mailbox nearly full"
            );
        }
        self.quota_told = full;
        Ok(())
    }

    /// Takes what is there, in the order in which it came.
    async fn collect(&mut self, link: &mut Link, stop: &Stop) -> Result<(), Trouble> {
        let said = link.ask(Request::Untreated).await?;
        let mut uids = said.map_err(|_| Trouble::Unusable("mssante.no-search"))?.found;
        uids.sort_unstable();
        uids.dedup();
        for uids in uids.chunks(SIZES_MAX) {
            let sizes = link.ask(Request::Sizes(uids.to_vec())).await?;
            let mut sizes = sizes.map_err(|_| Trouble::Unusable("mssante.no-sizes"))?.sizes;
            sizes.sort_unstable();
            for (uid, size) in sizes {
                if stop.is_stopped() {
                    return Ok(());
                }
                self.treat(link, uid, size).await?;
            }
        }
        Ok(())
    }

    async fn treat(&mut self, link: &mut Link, uid: u32, size: u64) -> Result<(), Trouble> {
        let shared = self.shared.clone();
        let _place = shared.collecting.acquire().await;
        let peer = link.peer()?;
        let mut collector = Collector { shared: &shared, mailbox: &self.mailbox, link, peer };
        let place = match self.taken.get(&uid) {
            Some(place) => *place,
            None => {
                let troubles = self.troubles.get(&uid).copied().unwrap_or(0);
                match collector.take(uid, size, troubles).await {
                    Ok(place) => place,
                    Err(Delay::Gone) => {
                        tracing::debug!(partner = shared.partner.as_str(), "mail gone before it was taken");
                        return Ok(());
                    }
                    Err(Delay::Journal(IntakeError::Stopping)) => return Err(Trouble::Stopped),
                    Err(Delay::Journal(error)) => return Err(Trouble::Journal(error)),
                    Err(delay) => {
                        remember(&mut self.troubles, uid, troubles + 1);
                        return match delay {
                            Delay::Link(failure) => Err(failure.into()),
                            _ => Ok(()),
                        };
                    }
                }
            }
        };
        // Before it is filed: whatever breaks now, it is not journaled a second time by this process.
        remember(&mut self.taken, uid, place);
        if collector.file(uid, place).await? {
            self.taken.remove(&uid);
            self.troubles.remove(&uid);
        }
        Ok(())
    }

    /// Until there is news, or for one round: a server that says nothing is asked all the same.
    async fn wait(&self, link: &mut Link) -> Result<(), Failure> {
        let settings = &self.shared.settings;
        if settings.idle && link.capabilities().offers("IDLE") {
            return link.listen(settings.poll).await;
        }
        sleep(settings.poll).await;
        // Also what makes the server say what arrived.
        link.ask(Request::Noop).await.map(|_| ())
    }
}

fn remember<T>(known: &mut BTreeMap<u32, T>, uid: u32, value: T) {
    if known.len() >= REMEMBERED_MAX {
        known.pop_first();
    }
    known.insert(uid, value);
}

fn bearer(mechanism: Bearer, mailbox: jonction_model::MssAddress, token: &AccessToken) -> Login {
    Login::Bearer { mechanism, mailbox, token: token.expose().into() }
}

/// Longer at each failure, never at the same moment as everybody else.
fn pause(pauses: Pauses, failures: u32, refused: bool, entropy: &dyn Entropy) -> Duration {
    let first = if refused { pauses.refused } else { pauses.first };
    let longest = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(pauses.longest);
    // From the whole of it down to three quarters; after a refusal never less than the first pause.
    let share = u32::try_from(entropy.number() % 256).unwrap_or(0);
    (longest - longest / 4 * share / 256).max(if refused { first } else { Duration::ZERO })
}

fn cause(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Link(failure) => failure.to_string(),
        Trouble::Journal(error) => error.to_string(),
        other => other.code().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jonction_model::SeededEntropy;

    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_a_refusal_waits_a_minute_at_least() {
        let entropy = SeededEntropy::new(1);
        let pauses = Pauses::default();
        for failures in [1, 2, 5, 20, u32::MAX] {
            let passing = pause(pauses, failures, false, &entropy);
            assert!(passing <= pauses.longest && passing >= pauses.first * 3 / 4, "{passing:?}");
            let refused = pause(pauses, failures, true, &entropy);
            assert!((pauses.refused..=pauses.longest).contains(&refused), "{refused:?}");
        }
        assert!(pause(pauses, 9, false, &entropy) > Duration::from_secs(180));
    }
}
