//! A folder of data shared by terminals: simulators, gateway, sender, questions, each the program itself.
//! In: a project folder. Out: running programs and what commands said.

use std::path::Path;

use crate::program::{Program, Said, jonction};

/// Where the README sends.
pub(crate) const TO: &str = "mllp://127.0.0.1:2575";

/// A folder of data shared by the terminals.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn data(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub(crate) fn simulate(&self, project: &Path) -> Program {
        let project = project.to_str().unwrap();
        let mut program =
            Program::start(["simulate", project, "--ports", "auto", "--data", self.data(), "--json"]);
        program.listening(3);
        program
    }

    pub(crate) fn run(&self, project: &Path) -> Program {
        let mut program = Program::start([
            "run",
            project.to_str().unwrap(),
            "--ports",
            "auto",
            "--data",
            self.data(),
            "--json",
        ]);
        program.listening(1);
        program
    }

    #[track_caller]
    pub(crate) fn send(&self, files: &[&Path], json: bool) -> Said {
        let mut arguments = vec!["send", "--to", TO, "--data", self.data()];
        arguments.extend(json.then_some("--json"));
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        jonction(arguments)
    }

    /// Asks a question, in words.
    #[track_caller]
    pub(crate) fn ask<const N: usize>(&self, question: [&str; N]) -> Said {
        jonction(question.into_iter().chain(["--data", self.data()]))
    }

    /// Asks the same for a program.
    #[track_caller]
    pub(crate) fn ask_json<const N: usize>(&self, question: [&str; N]) -> Said {
        jonction(question.into_iter().chain(["--json", "--data", self.data()]))
    }
}

#[track_caller]
pub(crate) fn stops(mut program: Program) {
    program.terminate();
    program.ended().exits(0);
}

/// Messages whose deliveries all ended or are parked.
pub(crate) fn answered(desk: &Desk) -> usize {
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    let number = |of: &str, word: &str| balance["total"][of][word].as_u64().unwrap();
    if number("messages", "waiting") + number("deliveries", "in_flight") > 0 {
        return 0;
    }
    usize::try_from(number("messages", "received")).unwrap()
}
