//! A world: one disk, one sender with two links, three partners, and gateways that live and die one after the other.
//! In: a seed, a plan for each life. Out: what was promised (kept by the [`Oracle`]), and what the partners hold.
//! One thread, a virtual clock, everything drawn from the seed: the same world does the same again.

mod damage;
mod hands;
mod letter;
mod mutation;
mod partners;
mod restored;
#[cfg(test)]
mod tests;
mod upkeep;

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use jonction_engine::{
    BodyKey, CommitMode, Condition, Departure, Engine, EngineSettings, Error, LaneSettings, OrderBy, Policy,
    ReplyBinding, Route, RouteStep, Running, Seals, SinkBinding, Storage, Wired, route::Stage,
};
use jonction_model::{Clock, Environment, PartnerName, RouteName, SeededEntropy};
use tokio::time::Instant;

use crate::{
    dice::Dice,
    disk::{Disk, Plan},
    oracle::Oracle,
};
pub use damage::Fate;
pub(crate) use damage::Parked;
pub(crate) use letter::{BODY_FILE_BYTES, Letter};
pub use mutation::Mutation;
pub(crate) use partners::{Outside, Taken, envelope};

/// Links of the sender. Letters about one person go over one of them, each after the receipt of the one before.
const LINKS: usize = 2;
/// Longest a gateway may need to be done with everything, in virtual time.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);
/// Pages of log after which the database is brought up to date: often, as that is what cuts fall on.
const CHECKPOINT_PAGES: i32 = 40;
/// Events kept: more than a life has.
const EVENTS: usize = 1 << 12;
/// Letters sent again although they were acknowledged, in percent.
const REPEATED_PERCENT: u64 = 15;
/// Wait of a link before it sends again what was not acknowledged.
const LINK_PAUSE: Duration = Duration::from_secs(1);

/// The runtime's clock, paused: it jumps to the next timer when everybody waits.
struct VirtualClock {
    start: Timestamp,
    zero: Instant,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.start.saturating_add(self.zero.elapsed()).unwrap_or(self.start)
    }
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The power went.
    Cut,
    /// Nothing was left to do.
    Rest,
    /// It did not open or start, as the disk refused.
    Refused,
    /// Something was left to do, and nothing happened any more.
    Stuck,
}

/// A world.
pub(crate) struct World {
    pub(crate) disk: Disk,
    pub(crate) outside: Arc<Outside>,
    pub(crate) oracle: RefCell<Oracle>,
    dice: RefCell<Dice>,
    clock: Arc<VirtualClock>,
    mutation: Option<Mutation>,
    sealed: bool,
    letters: u64,
    /// The disk fails by plan in this life.
    trouble: Cell<bool>,
    /// The last backup that was said to be there.
    backup: RefCell<Option<upkeep::Backup>>,
    /// What an operator holds back, as far as he knows.
    held: RefCell<Vec<hands::Hold>>,
    /// Times something was.
    pub(crate) holds: Cell<u64>,
    /// Letters each link has yet to send, or to see acknowledged.
    queues: RefCell<[VecDeque<Letter>; LINKS]>,
}

impl World {
    /// A new one. Called within its runtime.
    pub(crate) fn new(seed: u64, mutation: Option<Mutation>) -> Self {
        let dice = Dice::new(seed);
        Self {
            disk: Disk::new(dice.fork(1).number(), Mutation::lie(mutation)),
            outside: Outside::new(dice.fork(2), mutation),
            oracle: RefCell::default(),
            dice: RefCell::new(dice.fork(3)),
            clock: Arc::new(VirtualClock {
                start: Timestamp::from_second(1_795_000_000).unwrap_or(Timestamp::UNIX_EPOCH),
                zero: Instant::now(),
            }),
            mutation,
            sealed: dice.fork(4).percent(50),
            letters: 0,
            trouble: Cell::new(false),
            backup: RefCell::default(),
            held: RefCell::default(),
            holds: Cell::default(),
            queues: RefCell::default(),
        }
    }

    /// Adds letters to send.
    pub(crate) fn write_letters(&mut self, count: u64) {
        for _ in 0..count {
            self.letters += 1;
            let letter = Letter::draw(self.letters, self.dice.get_mut());
            self.queues.get_mut()[letter.patient as usize % LINKS].push_back(letter);
        }
    }

    /// Opens the store as it stands.
    pub(crate) fn open(&self) -> Result<Engine, Error> {
        self.open_at(&self.data_dir())
    }

    fn open_at(&self, data_dir: &Path) -> Result<Engine, Error> {
        let mut settings = EngineSettings::new(data_dir, Environment::Test);
        settings.commit_mode = CommitMode::Inline;
        settings.events_kept = EVENTS;
        settings.limits.body_file_bytes = letter::BODY_FILE_BYTES;
        settings.limits.checkpoint_pages = CHECKPOINT_PAGES;
        settings.storage = Storage { seals: self.seals(), ..self.storage() };
        // A process that starts again does not draw the same identifiers.
        let entropy = SeededEntropy::new(self.dice.borrow_mut().number());
        Engine::open(settings, self.clock.clone(), Arc::new(entropy))
    }

    fn storage(&self) -> Storage {
        Storage {
            files: Arc::new(self.disk.clone()),
            vfs: Some(crate::VFS),
            checkpoints: CommitMode::Inline,
            seals: Seals::default(),
        }
    }

    /// Half of the worlds seal their bodies; the key changes from life to life, as one that is renewed would.
    fn seals(&self) -> Seals {
        let keys = ["11", "22"].map(|byte| BodyKey::parse(&byte.repeat(32)).ok());
        let [one, two] = keys;
        match (self.sealed, self.dice.borrow_mut().percent(50)) {
            (false, _) => Seals::default(),
            (true, true) => Seals { current: one, old: two.into_iter().collect() },
            (true, false) => Seals { current: two, old: one.into_iter().collect() },
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.disk.root().join("data")
    }

    /// Lives until nothing is left to do or the power goes; it is gone in the end in any case.
    pub(crate) async fn live(&self, plan: Plan) -> End {
        let trouble = !plan.faults.is_empty();
        self.trouble.set(trouble);
        self.disk.plan(plan);
        let end = match self.start_and_work().await {
            Ok(end) => end,
            Err(_) if !self.disk.is_powered() => End::Cut,
            Err(error) => {
                if !trouble {
                    self.oracle.borrow_mut().broken(format!("the gateway does not start: {error}"));
                }
                End::Refused
            }
        };
        self.disk.cut();
        self.disk.power_on();
        end
    }

    async fn start_and_work(&self) -> Result<End, Error> {
        let engine = self.open()?;
        self.oracle.borrow_mut().stands(&engine, &self.outside);
        self.holds_stand(&engine);
        let mut heard = engine.subscribe();
        let running = self.start(&engine).await?;
        let work = async {
            tokio::join!(
                self.link(0, &engine),
                self.link(1, &engine),
                self.upkeep(&engine),
                self.hands(&engine)
            );
            engine.wait_idle().await;
        };
        let end = tokio::select! {
            biased;
            () = self.disk.died() => End::Cut,
            done = tokio::time::timeout(PATIENCE, work) => if done.is_ok() { End::Rest } else { End::Stuck },
        };
        while let Ok(event) = heard.try_recv() {
            self.oracle.borrow_mut().heard(&event);
        }
        // Nothing was left to do because nothing can be done any more.
        let end = if self.disk.is_powered() { end } else { End::Cut };
        if end == End::Rest && self.dice.borrow_mut().percent(50) {
            // A clean stop, during which the power may go as well.
            running.stop(Duration::from_secs(10)).await;
            drop(engine);
            return Ok(if self.disk.is_powered() { End::Rest } else { End::Cut });
        }
        // The plug is pulled: nothing is closed before it.
        self.disk.cut();
        drop(running);
        Ok(end)
    }

    /// Starts it, lets it come to rest, and judges it so.
    pub(crate) async fn at_rest(&self, engine: &Engine, judge: impl FnOnce()) -> Result<(), Error> {
        self.disk.plan(Plan::default());
        let running = self.start(engine).await?;
        // What it does in the background is not waited for by anybody.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if tokio::time::timeout(PATIENCE, engine.wait_idle()).await.is_err() {
            self.oracle.borrow_mut().broken("it comes to no rest".to_owned());
        }
        judge();
        running.stop(Duration::from_secs(1)).await;
        Ok(())
    }

    async fn start(&self, engine: &Engine) -> Result<Running, Error> {
        let (routes, sinks, lanes) = (vec![route()?], self.outside.sinks(), lanes()?);
        engine.start(Wired { routes, sinks, lanes, ..Wired::default() }).await
    }

    /// Sends the letters of a link in their order, each until it is acknowledged.
    async fn link(&self, number: usize, engine: &Engine) {
        loop {
            let Some(letter) = self.queues.borrow()[number].front().cloned() else { return };
            if self.mutation == Some(Mutation::AcknowledgesFirst) {
                self.oracle.borrow_mut().acknowledged(&letter, None);
            }
            self.oracle.borrow_mut().sent(&letter, self.clock.now());
            match self.submit(&letter, engine).await {
                Ok(receipt) => {
                    self.queues.borrow_mut()[number].pop_front();
                    self.oracle.borrow_mut().acknowledged(&letter, Some(receipt));
                    if self.dice.borrow_mut().percent(REPEATED_PERCENT)
                        && let Ok(again) = self.submit(&letter, engine).await
                    {
                        self.oracle.borrow_mut().acknowledged(&letter, Some(again));
                    }
                }
                Err(_) if !self.disk.is_powered() => return,
                Err(_) => tokio::time::sleep(LINK_PAUSE).await,
            }
            if self.mutation == Some(Mutation::AcknowledgesFirst) {
                self.queues.borrow_mut()[number].retain(|queued| queued != &letter);
            }
        }
    }

    /// Sends one letter.
    pub(crate) async fn submit(
        &self,
        letter: &Letter,
        engine: &Engine,
    ) -> Result<jonction_ports::Receipt, jonction_ports::IntakeError> {
        let mut arrival = letter
            .arrival(self.clock.now(), partner("sil").map_err(|_| jonction_ports::IntakeError::Stopping)?);
        if self.mutation == Some(Mutation::ForgetsRepeats) {
            arrival.admitted.repeat = None;
        }
        engine.intake().submit(arrival).await
    }
}

fn partner(name: &str) -> Result<PartnerName, Error> {
    PartnerName::parse(name).map_err(|_| Error::Inconsistent("name of a partner".to_owned()))
}

fn lanes() -> Result<HashMap<PartnerName, LaneSettings>, Error> {
    let settings = LaneSettings { concurrency: 3, ..LaneSettings::default() };
    partners::SINKS.into_iter().map(|name| Ok((partner(name)?, settings.clone()))).collect()
}

/// The only route: to the registry, to the recipients, and reports back.
fn route() -> Result<Route, Error> {
    let wrong = |what: &str| Error::Inconsistent(what.to_owned());
    let when = |text: &str, stage| Condition::parse(text, stage).map_err(|_| wrong("a condition"));
    let policy = Policy {
        initial: Duration::from_millis(20),
        factor: 2,
        max: Duration::from_secs(2),
        give_up: Duration::from_secs(365 * 86_400),
    };
    let to = |sink: &str, text: &str| {
        let when = when(text, Stage::Shape)?;
        Ok::<_, Error>(SinkBinding {
            sink: partner(sink)?,
            when,
            order_by: OrderBy::Sink,
            policy,
            departure: Departure::default(),
        })
    };
    Ok(Route {
        name: RouteName::parse("essai").map_err(|_| wrong("name of a route"))?,
        from: Some(partner("sil")?),
        accept: when("message.type == \"MDM^T02\"", Stage::Message)?,
        steps: vec![RouteStep::map(Arc::new(letter::ReadLetter))],
        links: Vec::new(),
        to: vec![to("dmp", "wants.dmp")?, to("mail", "wants.mssante")?],
        reply: vec![ReplyBinding { sink: partner("sil")?, policy }],
        version: "1".to_owned(),
    })
}
