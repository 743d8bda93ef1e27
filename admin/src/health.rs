//! Whether the gateway lives, and whether it may be given work: the journal writes, every source listens.
//! In: what the program opened, a write to the journal. Out: an answer that says why not, in French.

use std::sync::{Mutex, PoisonError};

use jonction_engine::Engine;
use serde::Serialize;
use tokio::{
    task::AbortHandle,
    time::{Duration, Instant, timeout},
};

/// A write to the journal that takes longer is a journal that does not write.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// An answer younger than this is given again: a monitor in a loop costs no fsync.
const WRITE_KEPT: Duration = Duration::from_secs(1);

/// Something that listens for partners.
#[derive(Debug)]
pub struct Link {
    /// The partner.
    pub name: String,
    /// Its task: over, nobody listens any more.
    pub task: AbortHandle,
}

/// What the answers depend on.
#[derive(Debug, Default)]
pub struct Health {
    links: Mutex<Option<Vec<Link>>>,
    stopping: std::sync::atomic::AtomicBool,
    written: Mutex<Option<(Instant, Result<(), &'static str>)>>,
}

/// One reason not to be ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// Stable name.
    pub code: &'static str,
    /// In French.
    pub sentence: String,
}

/// Answer of `/health/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// May be given work.
    pub ready: bool,
    /// Why not.
    pub obstacles: Vec<Obstacle>,
}

impl Health {
    /// Everything that must listen.
    pub fn set_links(&self, links: Vec<Link>) {
        *self.links.lock().unwrap_or_else(PoisonError::into_inner) = Some(links);
    }

    fn started(&self) -> bool {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Partners for whom nobody listens any more; none while stopping, when that is meant.
    pub fn silent(&self) -> Vec<String> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let over = links.iter().flatten().filter(|link| link.task.is_finished());
        match self.is_stopping() {
            true => Vec::new(),
            false => over.map(|link| link.name.clone()).collect(),
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(std::sync::atomic::Ordering::Acquire)
    }

    /// From now on it is not ready.
    pub fn set_stopping(&self) {
        self.stopping.store(true, std::sync::atomic::Ordering::Release);
    }

    /// Looks.
    pub async fn readiness(&self, engine: &Engine) -> Readiness {
        let mut obstacles = Vec::new();
        if self.is_stopping() {
            obstacles.push(obstacle("engine.stopping", "la passerelle s'arrête"));
        }
        if let Err(code) = self.writes(engine).await {
            obstacles.push(obstacle(code, "le journal ne peut pas être écrit"));
        }
        if !self.started() && obstacles.is_empty() {
            obstacles.push(obstacle("admin.starting", "la passerelle démarre : rien n'écoute encore"));
        }
        for name in self.silent() {
            obstacles.push(obstacle("admin.not-listening", format!("plus rien n'écoute pour {name}")));
        }
        Readiness { ready: obstacles.is_empty(), obstacles }
    }

    async fn writes(&self, engine: &Engine) -> Result<(), &'static str> {
        let kept = *self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, result)) = kept.filter(|(at, _)| at.elapsed() < WRITE_KEPT) {
            return result;
        }
        let result = match timeout(WRITE_MAX, engine.touch()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.code()),
            Err(_) => Err("journal.slow"),
        };
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), result));
        result
    }
}

fn obstacle(code: &'static str, sentence: impl Into<String>) -> Obstacle {
    Obstacle { code, sentence: sentence.into() }
}
