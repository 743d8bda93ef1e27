//! Bodies that the disk does not give: asked for again for a minute, then left to a human; and what a crash leaves behind.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::world::{Act, World};
use crate::{
    DeliveryState, Error, MessageState,
    files::{Access, FileReader, FileWriter, Files, Seen, StoreGuard, SystemFiles},
    order,
};

/// The system's files, some of which cannot be read.
#[derive(Clone, Debug, Default)]
struct Dead(Arc<Mutex<Vec<PathBuf>>>);

impl Dead {
    fn kill(&self, path: &Path) {
        self.0.lock().unwrap().push(path.to_owned());
    }

    fn mend(&self) {
        self.0.lock().unwrap().clear();
    }
}

struct Sector {
    file: Box<dyn FileReader>,
    dead: bool,
}

impl Read for Sector {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.dead { Err(io::Error::other("the sector is dead")) } else { self.file.read(buffer) }
    }
}

impl Seek for Sector {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl FileReader for Sector {
    fn seen(&self) -> io::Result<Seen> {
        self.file.seen()
    }
}

impl Files for Dead {
    fn exists(&self, path: &Path) -> bool {
        SystemFiles.exists(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        SystemFiles.create_dir(path)
    }

    fn create(&self, path: &Path, access: Access) -> io::Result<Box<dyn FileWriter>> {
        SystemFiles.create(path, access)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn FileReader>> {
        let dead = self.0.lock().unwrap().iter().any(|dead| path.starts_with(dead));
        Ok(Box::new(Sector { file: SystemFiles.open(path)?, dead }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemFiles.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemFiles.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        SystemFiles.list(folder)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        SystemFiles.sync_file(path)
    }

    fn rewrite(&self, path: &Path) -> io::Result<()> {
        SystemFiles.rewrite(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        SystemFiles.sync_dir(path)
    }

    fn lock(&self, data_dir: &Path) -> Result<StoreGuard, Error> {
        SystemFiles.lock(data_dir)
    }
}

fn large(id: &str) -> String {
    format!("{id};dmp;x={}", "0123456789abcdef".repeat(1000))
}

fn file_of(world: &World, text: &str) -> PathBuf {
    let name = jonction_model::BodyId::of(text.as_bytes()).to_string();
    world.path().join("bodies").join(&name[..2]).join(&name[2..])
}

/// A world on such files, not started.
fn world(body_file_bytes: u64) -> (World, Dead) {
    let dead = Dead::default();
    let files = dead.clone();
    let world = World::on(|settings| {
        settings.storage.files = Arc::new(files);
        settings.limits.body_file_bytes = body_file_bytes;
    });
    (world, dead)
}

async fn route_again(world: &World, id: &str) {
    let message = world.journey(id).id;
    world.order(order::Act::RouteAgain { message }, "le fichier est revenu").await.unwrap();
    world.idle().await;
}

/// The router began again from the first message every second, for ever: nothing was routed any more.
#[tokio::test(start_paused = true)]
async fn a_message_the_disk_never_gives_is_parked_after_a_minute_and_leaves_once_it_does() {
    let (mut world, dead) = world(4096);
    world.send_all(&[&large("M1"), "M2;dmp"]).await;
    dead.kill(&file_of(&world, &large("M1")));
    let began = world.steady_ms();
    world.start().await;
    world.idle().await;

    let took = world.steady_ms() - began;
    assert!((60_000..70_000).contains(&took), "{took} ms");
    assert_eq!(world.message_state("M1"), MessageState::Parked);
    let finding = world.journey("M1").route_findings.pop().unwrap();
    assert_eq!(finding.check, "journal.body-unreadable");
    assert!(finding.remedy.unwrap().contains("parked release"));
    assert_eq!(world.seen_ids("dmp"), ["M2"]);

    dead.mend();
    route_again(&world, "M1").await;
    assert_eq!(world.seen_ids("dmp"), ["M2", "M1"]);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_comes_back_within_a_minute_parks_nothing() {
    let (mut world, dead) = world(4096);
    world.send_all(&[&large("M1"), "M2;dmp"]).await;
    dead.kill(&world.path().join("bodies"));
    world.start().await;
    tokio::time::sleep(std::time::Duration::from_secs(45)).await;
    dead.mend();
    world.idle().await;

    assert_eq!(world.seen_ids("dmp"), ["M1", "M2"], "and in their order");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_the_disk_never_gives_is_parked_and_leaves_once_it_is_released() {
    // Shapes, parts and what is prepared are files too.
    let (mut world, dead) = world(16);
    world.start().await;
    world.script("dmp", "M1", &[Act::RetryAfter(10)]);
    world.send("M1;patient=A;dmp").await;
    world.seen_at_least("dmp", 1).await;
    dead.kill(&world.path().join("bodies"));
    world.idle().await;
    let delivery = world.journey("M1").deliveries.remove(0);
    assert_eq!(delivery.finding.unwrap().check, "journal.body-unreadable");
    assert_eq!((delivery.state, world.seen("dmp").len()), (DeliveryState::Parked, 1));

    dead.mend();
    world.release(delivery.id).await.unwrap();
    world.idle().await;
    let seen = world.seen("dmp");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].bytes, seen[1].bytes);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_put_back_and_released_leaves() {
    let damages: [fn(&Path); 2] =
        [|path| fs::remove_file(path).unwrap(), |path| fs::write(path, "rubbish").unwrap()];
    for damage in damages {
        let (mut world, _) = world(4096);
        world.send(&large("M1")).await;
        let file = file_of(&world, &large("M1"));
        damage(&file);
        world.start().await;
        world.idle().await;
        assert_eq!(world.message_state("M1"), MessageState::Parked);

        fs::write(&file, large("M1")).unwrap();
        route_again(&world, "M1").await;
        assert_eq!(world.seen_ids("dmp"), ["M1"]);
    }
}

fn waiting(world: &World) -> Vec<OsString> {
    SystemFiles.list(&world.path().join("bodies/new")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_left_goes_away_and_what_is_named_takes_its_place() {
    let world = World::unstarted();
    world.send(&large("M1")).await;
    let staging = world.path().join("bodies/new");
    let staged = |text: &str| staging.join(jonction_model::BodyId::of(text.as_bytes()).to_string());
    // As if it had died between the commit and the move.
    fs::rename(file_of(&world, &large("M1")), staged(&large("M1"))).unwrap();
    fs::write(staged("never taken"), "never taken").unwrap();
    fs::write(staged(&large("M2")), large("M2")).unwrap();
    fs::write(staging.join("part-7"), "half").unwrap();

    let mut world = world.die();
    // Sent again before the sweep: it needs the file that was left.
    world.send(&large("M2")).await;
    world.start().await;
    world.idle().await;
    while !waiting(&world).is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.seen_ids("dmp"), ["M1", "M2"]);
    assert!(file_of(&world, &large("M1")).exists() && file_of(&world, &large("M2")).exists());
}

/// The body of a repeat was written, and named by nothing: after a purge, it would have brought back what was destroyed.
#[tokio::test(start_paused = true)]
async fn a_repeat_of_a_purged_message_leaves_no_file() {
    let world = World::new().await;
    world.send(&large("M1")).await;
    world.idle().await;
    let step = crate::PurgeStep {
        what: crate::Aging::Bodies,
        before: jiff::Timestamp::from_millisecond(world.now_ms() + 1000).unwrap(),
        after: None,
        compact: false,
    };
    world.order(order::Act::Purge(step), "essai").await.unwrap();
    assert!(!file_of(&world, &large("M1")).exists());
    world.send(&large("M1")).await;
    assert_eq!((waiting(&world).len(), file_of(&world, &large("M1")).exists()), (0, false));
}
