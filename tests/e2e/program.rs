//! The program `jonction` as a child process: its lines as they come, its end, the signals it gets.
//! In: arguments. Out: text, JSON values, exit codes. Every wait is bounded and ends with what was said so far.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

/// The program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_jonction");

/// Longest wait for anything: a debug build on a slow machine, other tests beside it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The event that says that nothing is left to do.
pub(crate) const IDLE: &str = r#"{"event":"idle"}"#;

/// Root of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `examples/etablissement`.
pub(crate) fn example() -> PathBuf {
    project().join("examples/etablissement")
}

/// The example's messages, in the order of their names.
pub(crate) fn example_messages() -> Vec<PathBuf> {
    files_of(&example().join("messages"))
}

/// Files of a folder, in the order of their names.
pub(crate) fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// Copies a folder, whole.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Fails unless the command ended so.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Fails unless the output says all of this.
    #[track_caller]
    pub(crate) fn says<const N: usize>(self, expected: [&str; N]) -> Self {
        for text in expected {
            assert!(self.out.contains(text), "« {text} » is missing\n--- stdout\n{}", self.out);
        }
        self
    }

    /// Fails unless the error output says all of this.
    #[track_caller]
    pub(crate) fn warns<const N: usize>(self, expected: [&str; N]) -> Self {
        for text in expected {
            assert!(self.err.contains(text), "« {text} » is missing\n--- stderr\n{}", self.err);
        }
        self
    }

    /// One JSON value a line: everything the output holds.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.out.lines().map(parse).collect()
    }
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn jonction<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Said {
    jonction_with(arguments, "")
}

/// Runs a command to its end with something typed on its standard input.
#[track_caller]
pub(crate) fn jonction_with<A: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    typed: &str,
) -> Said {
    let mut program = Program::start(arguments);
    program.types(typed);
    program.ended()
}

/// A running `jonction`. Dropped: killed.
pub(crate) struct Program {
    what: String,
    child: Child,
    lines: Receiver<String>,
    /// Everything read from its output so far.
    said: Vec<String>,
    warned: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

impl Program {
    /// Starts it.
    #[track_caller]
    pub(crate) fn start<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::start_logging(arguments, "error")
    }

    /// Starts it with logs of this level.
    #[track_caller]
    pub(crate) fn start_logging<A: AsRef<std::ffi::OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        level: &str,
    ) -> Self {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        Self::spawn(command, level)
    }

    /// Starts a command that becomes the program: another account, another file system.
    #[track_caller]
    pub(crate) fn spawn(mut command: Command, level: &str) -> Self {
        command.current_dir(project()).env("JONCTION_LOG", level);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (heard, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if heard.send(line).is_err() {
                    return;
                }
            }
        });
        let warned = Arc::new(Mutex::new(String::new()));
        let mut err = child.stderr.take().unwrap();
        let written = Arc::clone(&warned);
        let reading = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read) = err.read(&mut bytes)
                && read > 0
            {
                // Pieces may cut a letter in two: only shown, and compared in ASCII.
                written.lock().unwrap().extend(bytes[..read].utf8_chunks().map(|chunk| chunk.valid()));
            }
        });
        let what = format!("{:?}", command.get_args().collect::<Vec<_>>());
        Self { what, child, lines, said: Vec::new(), warned, reading: Some(reading) }
    }

    /// Types on its standard input, then closes it.
    pub(crate) fn types(&mut self, text: &str) {
        if let Some(mut input) = self.child.stdin.take() {
            // A program that reads nothing may be gone already.
            let _ = input.write_all(text.as_bytes());
        }
    }

    /// Reads lines until one gives what is looked for.
    #[track_caller]
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut found: impl FnMut(&str) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let value = found(&line);
                    self.said.push(line);
                    if let Some(value) = value {
                        return value;
                    }
                }
                Err(why) => {
                    let ended = if why == RecvTimeoutError::Disconnected { "ended" } else { "is too slow" };
                    panic!("{}: {ended}, without {what}\n{}", self.what, self.story());
                }
            }
        }
    }

    /// Waits until `count` event lines of JSON said where something listens. Out: the last of these addresses.
    #[track_caller]
    pub(crate) fn listening(&mut self, mut count: usize) -> SocketAddr {
        self.wait_for("a listening address", |line| {
            let address = listening_address(line)?;
            count -= 1;
            (count == 0).then_some(address)
        })
    }

    /// Everything it said so far.
    pub(crate) fn story(&self) -> String {
        let from = self.said.len().saturating_sub(40);
        let lines: Vec<String> =
            self.said[from..].iter().map(|line| line.chars().take(400).collect()).collect();
        format!("--- stdout\n{}\n--- stderr\n{}", lines.join("\n"), self.warned.lock().unwrap())
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM), as a service manager does.
    pub(crate) fn terminate(&mut self) {
        self.signal("TERM");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, name: &str) {
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status();
        assert!(status.unwrap().success(), "{}: cannot be signalled", self.what);
    }

    /// SIGKILL, and gone when this returns.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its own end.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Said {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.said.push(line),
                // Its output is closed: it ended, or is about to.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{}: does not end\n{}", self.what, self.story()),
            }
        }
        let status = self.child.wait().unwrap();
        self.reading.take().map(JoinHandle::join);
        let out: String = self.said.iter().map(|line| format!("{line}\n")).collect();
        let err = self.warned.lock().unwrap().clone();
        Said { code: status.code().unwrap_or(-1), out, err }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already gone in most cases.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of an event `listening`.
pub(crate) fn listening_address(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    if event["event"] != "listening" {
        return None;
    }
    event["address"].as_str()?.parse().ok()
}
