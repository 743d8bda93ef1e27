//! Durable intake: messages of 2 KB journaled and acknowledged, against a bare SQLite loop with the same rows.
//! Several turns, ours and the reference in turn: a disk has moods.

use std::path::{Path, PathBuf};

use jonction_engine::bench_support::{Load, Rate, bare_loop, durable_intake};

use super::measure::{Goal, Measure, median};
use crate::failure::{Failure, io};

const TURNS: usize = 5;

/// One sender, then 64. The bare loop commits as many messages at once as the engine did.
pub(super) fn intake() -> Result<Vec<Measure>, Failure> {
    let one = Load { connections: 1, messages: 1500, message_bytes: 2048 };
    let many = Load { connections: 64, messages: 20_000, message_bytes: 2048 };
    Ok(vec![
        rate(
            "intake-1",
            "réception durable de 2 Ko, 1 connexion, contre un commit nu par message",
            one,
            0.7,
        )?,
        rate(
            "intake-64",
            "réception durable de 2 Ko, 64 connexions, contre une boucle SQLite nue",
            many,
            0.5,
        )?,
    ])
}

fn rate(name: &'static str, what: &'static str, load: Load, least: f64) -> Result<Measure, Failure> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let rate = in_folder(name, turn, |folder| durable_intake(folder, load))?;
        ours.push(rate.per_second());
        bare.push(in_folder(name, turn, |folder| bare_loop(folder, load, rate.batch()))?.per_second());
    }
    let (ours, bare) = (median(&mut ours), median(&mut bare));
    Ok(Measure::new(name, what, "per_s", ours, Some(bare), Goal::RatioAtLeast(least)))
}

/// Runs in an empty folder that goes away afterwards.
fn in_folder(
    name: &str,
    turn: usize,
    run: impl FnOnce(&Path) -> Result<Rate, jonction_engine::Error>,
) -> Result<Rate, Failure> {
    let folder: PathBuf =
        std::env::temp_dir().join(format!("jonction-bench-{name}-{turn}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| io("dossier de mesure", &folder, &error))?;
    let rate = run(&folder);
    // What stays behind is in the system's temporary folder.
    let _ = std::fs::remove_dir_all(&folder);
    Ok(rate?)
}
