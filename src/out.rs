//! Writing to the terminal. A reader that closes its end (`| head`) ends the program quietly.

use std::{
    io::{self, Write as _},
    process,
};

/// Writes a line.
pub(crate) fn say(line: impl AsRef<str>) {
    write(&format!("{}\n", line.as_ref()));
}

/// Writes a text that has its own line ends.
pub(crate) fn write(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        process::exit(0);
    }
}

/// Writes a value for a program: one line of JSON.
pub(crate) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => say(text),
        Err(error) => warn(&format!("erreur  out.json\n        {error}\n")),
    }
}

/// Writes to the error output.
pub(crate) fn warn(text: &str) {
    // Nobody is left to tell when this fails.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
