//! When a running gateway reads its routes again, beside SIGHUP: asked by the administration, or when their files change.
//! In: requests, the files of `routes/` and `mappings/`. Out: one thing to do at a time, for the loop that owns the gateway.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use jonction_admin::{Reload, Reloaded};
use jonction_ports::BoxFuture;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Interval, MissedTickBehavior},
};

/// Between two looks at the files. A change is taken once it stood still for one of these: an editor writes in pieces.
const EVERY: Duration = Duration::from_secs(1);
/// Reloads that may wait: more are asked by nobody sane.
const WAITING_MAX: usize = 8;

/// Whoever waits for what a reload took.
pub(crate) type Asker = oneshot::Sender<Reloaded>;

/// The side of the administration.
struct Door(mpsc::Sender<Asker>);

impl Reload for Door {
    fn reload(&self) -> BoxFuture<'_, Option<Reloaded>> {
        Box::pin(async {
            let (asker, answer) = oneshot::channel();
            self.0.send(asker).await.ok()?;
            answer.await.ok()
        })
    }
}

/// The side of the loop.
pub(crate) struct Reloads {
    asked: mpsc::Receiver<Asker>,
    files: Option<Watched>,
}

/// Both sides.
pub(crate) fn reloads() -> (Arc<dyn Reload>, Reloads) {
    let (door, asked) = mpsc::channel(WAITING_MAX);
    (Arc::new(Door(door)), Reloads { asked, files: None })
}

impl Reloads {
    /// Also when the files of `routes/` or `mappings/` change.
    pub(crate) fn watch(&mut self, dir: &Path) {
        self.files = Some(Watched::new(["routes", "mappings"].map(|name| dir.join(name)).into()));
    }

    /// Waits for the next reason. `None`: the files changed, nobody waits for an answer.
    pub(crate) async fn next(&mut self) -> Option<Asker> {
        let changed = async {
            match &mut self.files {
                Some(files) => files.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(asker) = self.asked.recv() => Some(asker),
            () = changed => None,
        }
    }
}

/// Name, time and length of each file.
type Stamps = Vec<(PathBuf, Option<SystemTime>, u64)>;

struct Watched {
    folders: Vec<PathBuf>,
    taken: Stamps,
    seen: Stamps,
    looks: Interval,
}

impl Watched {
    fn new(folders: Vec<PathBuf>) -> Self {
        let taken = stamps(folders.clone());
        let mut looks = tokio::time::interval(EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { folders, seen: taken.clone(), taken, looks }
    }

    /// May be dropped at any time: nothing it saw is lost.
    async fn changed(&mut self) {
        loop {
            self.looks.tick().await;
            let folders = self.folders.clone();
            // Files may be on a slow disk.
            let Ok(now) = tokio::task::spawn_blocking(move || stamps(folders)).await else { continue };
            let still = now == self.seen;
            self.seen = now;
            if still && self.seen != self.taken {
                self.taken.clone_from(&self.seen);
                return;
            }
        }
    }
}

fn stamps(mut folders: Vec<PathBuf>) -> Stamps {
    let mut stamps = Stamps::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            // Of a link, the link itself: it may lead round in circles.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            stamps.push((entry.path(), metadata.modified().ok(), metadata.len()));
        }
    }
    stamps.sort();
    stamps
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_change_is_told_once_it_stands_still() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), "1").unwrap();
        let mut watched = Watched::new(vec![folder.path().to_owned()]);
        watched.looks = tokio::time::interval(Duration::from_millis(5));
        fs::write(folder.path().join("b.yaml"), "22").unwrap();
        watched.changed().await;
        assert_eq!(watched.taken.len(), 2);
        let quiet = tokio::time::timeout(Duration::from_millis(60), watched.changed()).await;
        assert!(quiet.is_err(), "told once");
        fs::remove_file(folder.path().join("a.yaml")).unwrap();
        watched.changed().await;
        assert_eq!(watched.taken.len(), 1);
    }
}
