//! Pages that are read aloud to the program: what a page tells to type is typed, what it shows is compared.
//! In: Markdown. A block whose language is followed by a path is a file; a `console` block is commands, with what they say.
//! Out: the first line that is not true. `…` stands for any text, alone on a line for any lines.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::program::{BINARY, PATIENCE, Program, copy_folder, project};

/// Commands that only look: asked again until they say what the page says, since what they show takes time.
const LOOKS: [&str; 7] =
    ["ls", "cat", "grep", "jonction journey", "jonction find", "jonction balance", "jonction parked list"];

/// A block of a page.
enum Block {
    /// A file to write.
    File { path: String, text: String },
    /// A command, and the lines it says, if the page shows any.
    Typed { command: String, says: Vec<String>, line: usize },
}

/// Reads a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let body: Vec<(usize, &str)> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
        match info.split_once(' ') {
            Some((_, path)) => {
                let text = body.iter().map(|(_, line)| format!("{line}\n")).collect();
                blocks.push(Block::File { path: path.trim().to_owned(), text });
            }
            None if info == "console" => {
                for (line, text) in body {
                    match (text.strip_prefix("$ "), blocks.last_mut()) {
                        (Some(command), _) => {
                            // What is said after two blanks and a # is for the reader.
                            let command = command.split("   #").next().unwrap_or(command).trim().to_owned();
                            blocks.push(Block::Typed { command, says: Vec::new(), line: line + 1 });
                        }
                        (None, Some(Block::Typed { says, .. })) => says.push(text.trim_end().to_owned()),
                        (None, _) => panic!("line {}: what is said comes after a command", line + 1),
                    }
                }
            }
            None => {}
        }
    }
    blocks
}

/// Whether what was said is what the page says.
fn agrees(expected: &[String], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == "…" => (0..=said.len()).any(|from| agrees(rest, &said[from..])),
        Some((first, rest)) => {
            said.split_first().is_some_and(|(line, said)| like(first, line) && agrees(rest, said))
        }
    }
}

/// Whether a line is like another in which `…` is any text.
fn like(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

/// Somebody who follows a page, in a folder of their own.
struct Reading {
    folder: tempfile::TempDir,
    /// What runs beside, and the data folder of the gateway.
    gateway: Option<(Program, String)>,
    simulators: Vec<Program>,
}

impl Reading {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&project().join("examples"), &folder.path().join("examples"));
        for entry in fs::read_dir(folder.path().join("examples")).unwrap() {
            // Whoever tried an example left its data there.
            let _ = fs::remove_dir_all(entry.unwrap().path().join("data"));
        }
        let bin = folder.path().join(".bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(BINARY, bin.join("jonction")).unwrap();
        Self { folder, gateway: None, simulators: Vec::new() }
    }

    fn follow(&mut self, page: &Path) {
        let text = fs::read_to_string(page).unwrap();
        for block in blocks(&text) {
            match block {
                Block::File { path, text } => {
                    let path = self.folder.path().join(path);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, text).unwrap();
                }
                Block::Typed { command, says, line } => {
                    let place = format!("{}:{line}", page.display());
                    self.types(&command, &says, &place);
                }
            }
        }
    }

    fn types(&mut self, command: &str, expected: &[String], place: &str) {
        let words: Vec<&str> = command.trim_end_matches(" &").split_whitespace().collect();
        match words.as_slice() {
            ["jonction", "run", dir, ..] => return self.run(&words, &format!("{dir}/data")),
            ["jonction", "simulate", ..] => return self.simulate(&words),
            _ => {}
        }
        let mut command = command.to_owned();
        if command.starts_with("jonction send")
            && let Some((_, data)) = &self.gateway
        {
            command += &format!(" --data {data}");
        }
        let looks = LOOKS.iter().any(|look| command.starts_with(look));
        let end = Instant::now() + PATIENCE;
        loop {
            let (said, succeeded) = self.shell(&command);
            let fine = if expected.is_empty() { succeeded } else { agrees(expected, &said) };
            if fine {
                break;
            }
            let patient = looks && Instant::now() < end;
            assert!(
                patient,
                "{place}\n$ {command}\n--- expected\n{}\n--- said\n{}\n{}",
                expected.join("\n"),
                said.join("\n"),
                self.gateway.as_ref().map(|(gateway, _)| gateway.story()).unwrap_or_default()
            );
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// What a shell says of a command, its errors among the rest.
    fn shell(&self, command: &str) -> (Vec<String>, bool) {
        let path = format!(
            "{}:{}",
            self.folder.path().join(".bin").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let output = Command::new("sh")
            .args(["-c", &format!("{{ {command} ; }} 2>&1")])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (text.lines().map(|line| line.trim_end().to_owned()).collect(), output.status.success())
    }

    fn beside(&self, words: &[&str]) -> Program {
        let mut command = Command::new("sh");
        // The program takes the place of the shell, in the folder of the page.
        command.arg("-c").arg(format!(
            "cd '{}' && exec '{BINARY}' {} --ports auto --json",
            self.folder.path().display(),
            words[1..].join(" ")
        ));
        Program::spawn(command, "error")
    }

    fn run(&mut self, words: &[&str], data: &str) {
        // The one before ends, as in the terminal where it runs.
        if let Some((mut before, _)) = self.gateway.take() {
            before.terminate();
            before.ended();
        }
        let mut gateway = self.beside(words);
        gateway.wait_for("the administration", |line| line.contains("\"administration\"").then_some(()));
        self.gateway = Some((gateway, data.to_owned()));
    }

    fn simulate(&mut self, words: &[&str]) {
        let mut simulators = self.beside(words);
        simulators.listening(1);
        self.simulators.push(simulators);
    }
}

fn follow(page: &str) {
    Reading::new().follow(&project().join(page));
}

#[test]
fn the_tutorial_does_what_it_says() {
    follow("docs/guide/tutoriel.md");
}

#[test]
fn the_movements_of_a_hospital_do_what_their_page_says() {
    follow("examples/mouvements/README.md");
}

#[test]
fn the_export_of_an_esms_does_what_its_page_says() {
    follow("examples/export-esms/README.md");
}

#[test]
fn the_appointments_do_what_their_page_says() {
    follow("examples/rendez-vous/README.md");
}

#[test]
fn the_bad_sender_does_what_its_page_says() {
    follow("examples/mauvais-emetteur/README.md");
}

#[test]
fn test_and_production_do_what_their_page_says() {
    follow("examples/essai-et-production/README.md");
}

/// Whatever is under `examples` is checked and tested, with nothing that no case exercises where there are cases.
#[test]
fn every_example_passes_its_check_and_its_cases() {
    let examples = project().join("examples");
    let mut stories = 0;
    for entry in fs::read_dir(&examples).unwrap() {
        let dir = entry.unwrap().path();
        if !dir.join("jonction.yaml").exists() {
            continue;
        }
        let dir = dir.to_str().unwrap();
        crate::program::jonction(["check", dir]).exits(0);
        crate::program::jonction(["test", dir]).exits(0);
        stories += 1;
    }
    assert!(stories >= 6, "{stories} stories");
}

#[test]
fn a_page_that_lies_is_caught() {
    let page = "```console\n$ echo un; echo deux   # dit deux mots\nun\ntrois\n```\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.md");
    fs::write(&path, page).unwrap();
    assert!(std::panic::catch_unwind(|| Reading::new().follow(&path)).is_err());
    fs::write(&path, page.replace("trois", "d…x")).unwrap();
    Reading::new().follow(&path);
    fs::write(&path, page.replace("un\ntrois", "…\ndeux")).unwrap();
    Reading::new().follow(&path);
}
