//! Data folders that something happened to, and disks with no room: what the program says, and that it goes on.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bytes::Bytes;

use crate::{
    program::{BINARY, IDLE, Program, Said, copy_folder, example, example_messages, jonction},
    world::{Counterparts, World},
};

fn message(at: usize) -> Bytes {
    fs::read(&example_messages()[at]).unwrap().into()
}

/// A world whose gateway took a message and stopped.
fn used() -> World {
    let world = World::start(&Counterparts::default());
    let (mut gateway, address) = world.gateway(&example());
    assert!(world.send(address, &message(0)).reply.is_ok());
    world.settled(&mut gateway);
    gateway.terminate();
    gateway.ended().exits(0);
    world
}

fn run(world: &World) -> Said {
    let data = world.data.to_str().unwrap();
    jonction(["run", example().to_str().unwrap(), "--ports", "auto", "--data", data])
}

fn find(world: &World) -> Said {
    jonction(["find", "--data", world.data.to_str().unwrap()])
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let world = used();
    let path = world.data.join("journal.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute("UPDATE store SET value = 9 WHERE name = 'format'", []).unwrap();
    drop(database);
    for said in [run(&world), find(&world)] {
        said.exits(3).warns(["journal.newer-format", "au format 9", "version de jonction"]);
    }
}

#[test]
fn a_lost_an_overwritten_and_a_cut_journal_are_told_with_file_and_remedy() {
    let world = used();
    let path = world.data.join("journal.db");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() / 3]).unwrap();
    run(&world).exits(3).warns(["journal.damaged", "journal.db", "abîmé ou tronqué", "sauvegarde"]);
    fs::write(&path, "un fichier posé là par erreur").unwrap();
    run(&world).exits(3).warns(["journal.not-a-journal", "journal.db", "--data"]);
    find(&world).exits(3).warns(["journal.not-a-journal"]);
    fs::remove_file(&path).unwrap();
    run(&world).exits(3).warns(["journal.lost", "effacé ou déplacé", "jamais recréé en silence"]);
    assert!(!path.exists(), "made again");
    fs::write(&path, good).unwrap();
    find(&world).exits(0).says(["DEMO-0001"]);
}

#[test]
fn a_folder_in_use_names_the_process_that_has_it() {
    let world = World::start(&Counterparts::default());
    let (gateway, _) = world.gateway(&example());
    run(&world).exits(3).warns(["journal.locked", &format!("{} (jonction)", gateway.number())]);
    find(&world).exits(1).says(["rien ne correspond"]);
}

/// The program under another account than root, which writes anywhere. `None`: it cannot be had here.
fn without_rights(arguments: &[&str]) -> Option<Program> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout == b"0\n");
    let mut command = Command::new(if root { "setpriv" } else { BINARY });
    if root {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
        if !Command::new("setpriv").arg("--version").output().is_ok_and(|said| said.status.success()) {
            jonction_testkit::skipped("setpriv is not installed, and root writes anywhere");
            return None;
        }
        command.arg(BINARY);
    }
    command.args(arguments);
    Some(Program::spawn(command, "error"))
}

#[test]
fn a_folder_without_rights_is_told_with_its_place() {
    let world = used();
    let (project, data) = (example(), world.data.to_str().unwrap());
    // Others may look, and write nothing.
    let open = format!("chmod -R a+rX,go-w {} {}", world.folder().display(), world.data.display());
    assert!(Command::new("sh").args(["-c", &open]).status().unwrap().success());
    fs::set_permissions(&world.data, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    for path in [world.data.join("lock"), world.data.join("journal.db")] {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    }
    let arguments = ["run", project.to_str().unwrap(), "--ports", "auto", "--data", data];
    let Some(program) = without_rights(&arguments) else { return };
    let said = program.ended().exits(3);
    said.warns(["journal.forbidden", data, "lecture seule", "chown"]);
    fs::set_permissions(&world.data, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// A gateway whose data stand on a file system of their own, of a few megabytes, seen by nobody else.
struct SmallDisk {
    gateway: Program,
    at: PathBuf,
}

impl SmallDisk {
    /// `None`: this system lets nobody make a file system.
    fn start(world: &World, kilobytes: u32, filled: bool) -> Option<Self> {
        let at = world.folder().join("disk");
        fs::create_dir_all(&at).unwrap();
        let can = Command::new("unshare")
            .args(["-Urm", "mount", "-t", "tmpfs", "none"])
            .arg(&at)
            .stderr(Stdio::null())
            .status();
        if !can.is_ok_and(|status| status.success()) {
            jonction_testkit::skipped("no file system can be made here (unshare -Urm)");
            return None;
        }
        let fill = if filled { "dd if=/dev/zero of=$AT/fill bs=1k 2>/dev/null;" } else { "" };
        let script = format!(
            "mount -t tmpfs -o size={kilobytes}k none $AT && cp -r $FROM/addresses.json $FROM/certs-dev $AT/ && {fill} \
             exec \"$@\""
        );
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", &script, "sh", BINARY, "run"]).arg(example());
        command.args(["--ports", "auto", "--json", "--data"]).arg(&at);
        command.env("AT", &at).env("FROM", &world.data);
        Some(Self { gateway: Program::spawn(command, "error"), at })
    }

    /// The disk, seen from here.
    fn seen(&self) -> PathBuf {
        let inside = self.at.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.gateway.number().to_string()).join("root").join(inside)
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let fill = format!("dd if=/dev/zero of={}/fill bs=1k 2>/dev/null; true", self.seen().display());
        assert!(Command::new("sh").args(["-c", &fill]).status().unwrap().success());
    }

    fn free(&self) {
        fs::remove_file(self.seen().join("fill")).unwrap();
    }
}

fn answered(world: &World, to: SocketAddr, at: usize) -> String {
    world.send(to, &message(at)).reply.unwrap().ack.code.as_str().to_owned()
}

#[test]
fn a_full_disk_at_the_start_is_told_and_nothing_listens() {
    let world = World::start(&Counterparts::default());
    let Some(disk) = SmallDisk::start(&world, 600, true) else { return };
    let said = disk.gateway.ended().exits(3);
    assert!(!said.out.contains("listening"), "{}", said.out);
    assert!(said.err.contains("disque") && said.err.contains("plein"), "{}", said.err);
    assert!(said.err.contains("remède"), "{}", said.err);
}

/// The sender is asked to come again, what was taken stays, and nobody has to do anything when there is room again.
#[test]
fn a_disk_that_fills_makes_senders_wait_and_everything_goes_on_when_there_is_room() {
    let world = World::start(&Counterparts::default());
    let Some(mut disk) = SmallDisk::start(&world, 12_000, false) else { return };
    let address = disk.gateway.listening(1);
    assert_eq!(answered(&world, address, 0), "AA");
    disk.gateway.wait_for("the end of what is owed", |line| (line == IDLE).then_some(()));

    disk.fill();
    for at in [2, 3, 2] {
        assert_eq!(answered(&world, address, at), "AR", "taken without being stored, or refused for good");
    }
    disk.free();

    assert_eq!(answered(&world, address, 2), "AA");
    disk.gateway.wait_for("the replacement", |line| line.contains(r#""detail":"remplacé""#).then_some(()));
    disk.gateway.wait_for("the end of what is owed", |line| (line == IDLE).then_some(()));
    // Looked at after the end, outside its file system.
    let kept = world.folder().join("kept");
    copy_folder(&disk.seen(), &kept);
    let said = jonction(["balance", "--json", "--data", kept.to_str().unwrap()]).exits(0);
    assert_eq!(said.json()[0]["total"]["messages"]["received"], 2, "{}", said.out);
    assert_eq!(said.json()[0]["total"]["messages"]["routed"], 2, "{}", said.out);
}
