//! The way in: watches mailboxes at one operator and hands each mail to the engine, whole and once.
//! In: IMAP. Out: arrivals. Source: mssante.md §2.8; architecture §3, §4.1; decision 0038.
//! One task a mailbox, few of which work at once: what waits costs its TLS session and no buffer.

mod admission;
mod collect;
mod link;
mod mailbox;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use jonction_model::{Clock, Entropy, Masked, PartnerName};
use jonction_ports::{BoxFuture, Intake, LinkError, Source, Stop, TokenSource};
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

pub use admission::KIND;
pub use link::Reach;
use mailbox::Watch;

use crate::config::{CollectSettings, MailboxSettings};

/// What is handed in to a source.
#[derive(Clone)]
pub struct SourceTools {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, so that pauses differ.
    pub entropy: Arc<dyn Entropy>,
}

/// What opens one mailbox, beside its settings.
#[derive(Clone, Default)]
pub struct Access {
    /// Its password, for a login that has one.
    pub password: Option<Masked<String>>,
    /// Who gives its tokens, for a login by token.
    pub tokens: Option<Arc<dyn TokenSource>>,
}

/// What a source has counted since it was made. Free of any datum of a person.
#[derive(Debug, Default)]
pub struct Counters {
    /// Links opened and usable.
    pub links: AtomicU64,
    /// Links that failed or broke.
    pub failures: AtomicU64,
    /// Mails taken.
    pub collected: AtomicU64,
    /// Mails that the journal knew already.
    pub repeated: AtomicU64,
    /// Mails refused: too large, no mail, unreadable.
    pub refused: AtomicU64,
    /// Mails taken that the server does not let us move.
    pub not_filed: AtomicU64,
    /// Bytes of mails.
    pub bytes: AtomicU64,
}

impl Counters {
    fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Relaxed);
    }
}

/// What all mailboxes of a source share.
struct Shared {
    partner: PartnerName,
    settings: CollectSettings,
    reach: Reach,
    tools: SourceTools,
    intake: Arc<dyn Intake>,
    counters: Arc<Counters>,
    /// Places of those who open a link.
    calling: Semaphore,
    /// Places of those who have a mail in their hands.
    collecting: Semaphore,
}

/// Source of one partner: its mailboxes.
pub struct MailboxSource {
    partner: PartnerName,
    settings: CollectSettings,
    reach: Reach,
    access: Vec<Access>,
    tools: SourceTools,
    counters: Arc<Counters>,
}

impl MailboxSource {
    /// Opens nothing. `access`: one for each mailbox of the settings, in their order.
    pub fn new(
        partner: PartnerName,
        settings: CollectSettings,
        reach: Reach,
        access: Vec<Access>,
        tools: SourceTools,
    ) -> Self {
        Self { partner, settings, reach, access, tools, counters: Arc::default() }
    }

    /// What it counts; keep it before the source is run.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }
}

impl Source for MailboxSource {
    /// A source that calls has nothing to bind; an operator that is down keeps no gateway from starting (ECO.1.2.3).
    fn open(&mut self) -> BoxFuture<'_, Result<Vec<SocketAddr>, LinkError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn run(
        self: Box<Self>,
        intake: Arc<dyn Intake>,
        mut stop: Stop,
        grace: Duration,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mailboxes: Vec<MailboxSettings> = self.settings.mailboxes.clone();
            let shared = Arc::new(Shared {
                partner: self.partner,
                calling: Semaphore::new(self.settings.calling_max),
                collecting: Semaphore::new(self.settings.collecting_max),
                settings: self.settings,
                reach: self.reach,
                tools: self.tools,
                intake,
                counters: self.counters,
            });
            let mut watches = JoinSet::new();
            let mut access = self.access.into_iter();
            for mailbox in mailboxes {
                let Access { password, tokens } = access.next().unwrap_or_default();
                watches.spawn(Watch::new(shared.clone(), mailbox, password, tokens).run(stop.clone()));
            }
            while tokio::select! {
                () = stop.stopped() => false,
                Some(ended) = watches.join_next() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        tracing::error!(error_code = "mssante.mailbox-panicked", "mailbox task failed");
                    }
                    true
                }
                else => false,
            } {}
            let ended = timeout(grace, async { while watches.join_next().await.is_some() {} }).await;
            if ended.is_err() {
                // Cut in the middle of a mail: it was not journaled, or it is recognised when it is read again.
                watches.shutdown().await;
            }
        })
    }
}
