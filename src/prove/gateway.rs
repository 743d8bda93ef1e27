//! The gateway of the proof: this program as a child, which is killed without a word (SIGKILL).
//! In: a folder. Out: what it says (where it listens, when nothing is left to do), how long it took to listen.

use std::{
    env,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use crate::failure::{Failure, io};

/// Something it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It listens there.
    Listens(SocketAddr),
    /// Nothing is left to do.
    Idle,
}

/// A gateway that runs. Dropped: killed.
pub(super) struct Gateway {
    child: Child,
    words: Receiver<Word>,
    launched: Instant,
}

impl Gateway {
    pub(super) fn launch(project: &Path, data: &Path) -> Result<Self, Failure> {
        let failed = |error| io("la passerelle ne se lance pas", Path::new("jonction"), &error);
        let launched = Instant::now();
        let mut child = Command::new(env::current_exe().map_err(failed)?)
            .arg("run")
            .arg(project)
            .args(["--ports", "auto", "--json", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (say, words) = channel();
        if let Some(out) = child.stdout.take() {
            // Ends with the child: its end of the pipe closes.
            thread::spawn(move || {
                let lines = BufReader::new(out).lines().map_while(Result::ok);
                lines.filter_map(|line| word(&line)).try_for_each(|word| say.send(word))
            });
        }
        Ok(Self { child, words, launched })
    }

    /// The next thing it says until then; `None`: nothing.
    pub(super) fn word_until(&self, end: Instant) -> Option<Word> {
        let wait = end.saturating_duration_since(Instant::now());
        match self.words.recv_timeout(wait) {
            Ok(word) => Some(word),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // It died by itself: its time is waited for all the same, and the round will tell.
                thread::sleep(end.saturating_duration_since(Instant::now()));
                None
            }
        }
    }

    /// Since its launch.
    pub(super) fn age(&self) -> Duration {
        self.launched.elapsed()
    }

    /// Gone when this returns.
    pub(super) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end();
    }
}

fn word(line: &str) -> Option<Word> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    match event["event"].as_str()? {
        "idle" => Some(Word::Idle),
        "listening" => event["address"].as_str()?.parse().ok().map(Word::Listens),
        _ => None,
    }
}
