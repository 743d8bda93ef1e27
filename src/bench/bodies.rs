//! From which size on a body is better a file: taken durably, read back once, all of it in its place on the disk.
//! In: sizes. Out: the time of a message whose body is a file, against the same kept in the database, turn by turn.

use jonction_engine::bench_support::{Kept, Load, body_cost};

use super::{
    measure::{Goal, Measure, median},
    scale::Folder,
};
use crate::failure::Failure;

const TURNS: usize = 5;
/// Bytes written in a turn, about.
const TURN_BYTES: usize = 24 << 20;
/// Senders: a hospital has a few.
const CONNECTIONS: usize = 4;

/// Name of the measure, kilobytes.
const SIZES: [(&str, usize); 9] = [
    ("body-16k", 16),
    ("body-32k", 32),
    ("body-64k", 64),
    ("body-128k", 128),
    ("body-256k", 256),
    ("body-384k", 384),
    ("body-512k", 512),
    ("body-1m", 1024),
    ("body-4m", 4096),
];

pub(super) fn threshold() -> Result<Vec<Measure>, Failure> {
    SIZES.into_iter().map(|(name, kilobytes)| at(name, kilobytes << 10)).collect()
}

fn at(name: &'static str, message_bytes: usize) -> Result<Measure, Failure> {
    let each = (TURN_BYTES / message_bytes).clamp(8, 1200).next_multiple_of(CONNECTIONS);
    let load = Load { connections: CONNECTIONS, messages: each, message_bytes };
    let (mut files, mut inline) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        for (kept, times) in [(Kept::Files, &mut files), (Kept::Inline, &mut inline)] {
            let folder = Folder::new(&format!("{name}-{turn}"))?;
            times.push(body_cost(folder.path(), load, kept)?.as_secs_f64() * 1000.0 / each as f64);
        }
    }
    let what = "un message dont le corps est un fichier, contre le même dans la base : reçu, relu, en place";
    Ok(Measure::new(name, what, "ms", median(&mut files), Some(median(&mut inline)), Goal::None))
}
