//! The program `jonction`: reads the command line, wires connectors, engine and simulators, shows results.
//! No protocol and no rule lives here.

use std::{io::Write as _, process::ExitCode};

mod addresses;
mod cli;
mod demo;
mod letters;
mod project;

fn main() -> ExitCode {
    let cli = match cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err((text, code)) => {
            let written = if code == 0 {
                std::io::stdout().write_all(text.as_bytes())
            } else {
                std::io::stderr().write_all(text.as_bytes())
            };
            // A closed pipe is the reader's choice, not our error.
            let _ = written;
            return ExitCode::from(code);
        }
    };
    let _ = cli;
    ExitCode::from(3)
}
