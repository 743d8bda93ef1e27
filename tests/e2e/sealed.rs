//! Bodies at rest under a key: nothing to read on the disk, everything to tell with the key.
//! In: the example with a block `encryption`. Out: what the files of the data folder hold, and what commands say.

use std::{fs, path::Path};

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, copy_folder, example, example_messages, jonction},
};

/// Everything below a folder, read.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => bytes.extend(bytes_below(&path)),
            false => bytes.extend(fs::read(path).unwrap()),
        }
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn with_a_key_the_disk_tells_nothing_and_the_commands_tell_all_when_it_is_given() {
    let desk = Desk::new();
    let project = desk.folder.path().join("projet");
    copy_folder(&example(), &project);
    let key = project.join("corps.key");
    let name = jonction(["key", key.to_str().unwrap(), "--json"]).exits(0).json()[0]["name"].clone();
    jonction(["key", key.to_str().unwrap()]).exits(3).warns(["remède"]);
    jonction(["key", "--name", key.to_str().unwrap()]).exits(0).says([name.as_str().unwrap()]);
    let yaml = project.join("jonction.yaml");
    let text = fs::read_to_string(&yaml).unwrap();
    fs::write(&yaml, format!("{text}\nencryption:\n  key: \"@file:corps.key\"\n")).unwrap();

    let simulators = desk.simulate(&project);
    let mut gateway = desk.run(&project);
    let message = &example_messages()[0];
    desk.send(&[message], true).exits(0);
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) == 1).then_some(()));
    stops(gateway);
    stops(simulators);

    // A name of the message: also inside its encoded document, and in the mails of the simulated mailboxes.
    let person = "VASSEUR-DEMO";
    assert!(holds(&fs::read(message).unwrap(), person), "the test looks for what the message says");
    let stored = ["bodies", "journal.db", "journal.db-wal"].map(|name| Path::new(desk.data()).join(name));
    for path in stored.iter().filter(|path| path.exists()) {
        let bytes = if path.is_dir() { bytes_below(path) } else { fs::read(path).unwrap() };
        assert!(!holds(&bytes, person), "{}", path.display());
        assert!(!holds(&bytes, "MSH|"), "{}", path.display());
    }

    desk.ask(["journey", "1"]).exits(0).says(["(corps chiffré)"]);
    let reference = format!("@file:{}", key.display());
    let told = desk.ask(["journey", "1", "--body-key", &reference]).exits(0);
    assert!(!told.out.contains("chiffré"), "{}", told.out);
    closes(&desk.ask_json(["balance"]).exits(0).json()[0]);

    // The key taken out of the configuration: nothing starts, and the key is named.
    fs::write(&yaml, text).unwrap();
    let refused = jonction(["run", project.to_str().unwrap(), "--ports", "auto", "--data", desk.data()]);
    refused.exits(3).warns(["journal.body-key-missing", name.as_str().unwrap(), "remède"]);
}
