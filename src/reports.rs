//! The daily reports of a gateway: written each day into a folder, one page per sending structure.
//! In: block `reports` of jonction.yaml, the journal, a clock. Out: files. What is written already is the only memory:
//! a gateway that was stopped at the hour writes the days it missed when it comes back.
//! Deliberately absent: sending them; a folder is shared, synchronised or mailed by whoever runs the machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, Time},
};
use jonction_engine::Reader;
use jonction_model::{Clock, clock::paris};
use jonction_ports::Stop;
use jonction_settings::{Diagnoses, Fields, Node, parse};

use crate::show;

/// Days written late at most: an older one is had with `jonction report --day`.
const LATE_DAYS: i64 = 7;
/// How often the hour is looked at: a clock that is set is noticed within this time.
const EVERY: Duration = Duration::from_secs(30);

/// Block `reports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// From this hour of French legal time on, the day before is written.
    pub(crate) hour: Time,
    /// Where.
    pub(crate) folder: PathBuf,
}

impl Settings {
    /// Reads the block. `None`: a mistake, told.
    pub(crate) fn read(dir: &Path, node: &Node, diagnoses: &mut Diagnoses) -> Option<Self> {
        let mut fields = Fields::of(node, "reports", diagnoses)?;
        let hour = |text: &str| text.parse::<Time>().map_err(|_| "une heure : 06:00".to_owned());
        let hour = fields.or("hour", Time::constant(6, 0, 0, 0), hour, diagnoses);
        let folder = fields.required("folder", parse::text, diagnoses);
        fields.finish(diagnoses);
        Some(Self { hour, folder: dir.join(folder?) })
    }

    /// The days to write now, oldest first. `written`: whether a day is there already.
    fn due(&self, now: Timestamp, written: impl Fn(Date) -> bool) -> Vec<Date> {
        let now = now.to_zoned_datetime(paris());
        // Before the hour, yesterday is not due yet.
        let last = if now.time() >= self.hour { 1 } else { 2 };
        let days = (last..last + LATE_DAYS).rev().map(|ago| now.date().saturating_sub(ago.days()));
        days.filter(|day| !written(*day)).collect()
    }

    /// Says that a day is whole; written last.
    fn mark(&self, day: Date) -> PathBuf {
        self.folder.join(format!("{day}.json"))
    }
}

/// Writes what is due, until told to stop. A failure is told and tried again at the next look.
pub(crate) async fn run(settings: Settings, reader: Reader, clock: Arc<dyn Clock>, mut stop: Stop) {
    while !stop.is_stopped() {
        let due = settings.due(clock.now(), |day| settings.mark(day).exists());
        for day in due {
            let (to, reader, now) = (settings.clone(), reader.clone(), clock.now());
            let written = tokio::task::spawn_blocking(move || write(&to, &reader, day, now)).await;
            match written {
                Ok(Ok(structures)) => tracing::info!(%day, structures, "daily reports were written"),
                Ok(Err(error)) => {
                    let error_code = "reports.not-written";
                    tracing::error!(error_code, %day, %error, "daily reports were not written");
                    break;
                }
                Err(_) => break,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.stopped() => {}
        }
    }
}

/// Writes one day. Out: how many structures it has.
fn write(settings: &Settings, reader: &Reader, day: Date, now: Timestamp) -> io::Result<usize> {
    let days = reader.day(day, None).map_err(io::Error::other)?;
    fs::create_dir_all(&settings.folder)?;
    let mut names = Vec::new();
    for of in &days {
        let name = format!("{}.html", show::report::file_stem(of));
        replace(&settings.folder.join(&name), show::report::html(of).as_bytes())?;
        names.push(serde_json::json!({"file": name, "report": show::report::json(of)}));
    }
    let whole =
        serde_json::json!({"day": day, "written_at": show::report::written_at(now), "structures": names});
    replace(&settings.mark(day), whole.to_string().as_bytes())?;
    Ok(days.len())
}

/// Whole or not at all: a reader never meets half a page.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(hour: i8) -> Settings {
        Settings { hour: Time::constant(hour, 0, 0, 0), folder: "rapports".into() }
    }

    fn due(now: &str, hour: i8, written: &[&str]) -> Vec<String> {
        let known = |day: Date| written.contains(&day.to_string().as_str());
        settings(hour).due(now.parse().unwrap(), known).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn yesterday_is_due_from_the_hour_of_paris_on() {
        let earlier = [
            "2026-11-16",
            "2026-11-17",
            "2026-11-18",
            "2026-11-19",
            "2026-11-20",
            "2026-11-21",
            "2026-11-22",
        ];
        // 05:59 in Paris, then 06:00.
        assert!(due("2026-11-24T04:59:59Z", 6, &earlier).is_empty());
        assert_eq!(due("2026-11-24T05:00:00Z", 6, &earlier), ["2026-11-23"]);
    }

    #[test]
    fn days_missed_are_written_late_and_old_ones_never() {
        let missed = due("2026-11-24T10:00:00Z", 6, &["2026-11-21"]);
        assert_eq!(
            missed,
            ["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-22", "2026-11-23"]
        );
    }
}
