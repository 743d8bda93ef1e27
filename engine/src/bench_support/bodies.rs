//! What a body costs, kept in the database or as a file: taken, read back once, and everything in its place on the disk.
//! In: a directory, a size. Out: the time of each way. The measure that sets [`crate::journal::sqlite::Limits`].

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jonction_model::{BodyId, ContentRef};
use jonction_ports::RawBody;

use super::{Load, arrivals, open_with, runtime, taken};
use crate::Error;

/// Where bodies are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In a row of the database: written to its log, then to its pages.
    Inline,
    /// As files of their own: two syncs more, written once.
    Files,
}

/// Messages taken durably, each read back once as routing does, then the log emptied into the database.
/// `directory` must be empty. Blocking; runs its own runtime.
pub fn body_cost(directory: &Path, load: Load, kept: Kept) -> Result<Duration, Error> {
    let engine = open_with(directory, |limits| {
        limits.body_file_bytes = if kept == Kept::Inline { u64::MAX } else { 0 };
    })?;
    let (runtime, arrivals) = (runtime()?, arrivals(load)?);
    let contents: Vec<_> = arrivals
        .iter()
        .flatten()
        .filter_map(|arrival| match &arrival.raw {
            RawBody::Whole(raw) => Some(ContentRef::whole(BodyId::of(raw), raw.len() as u64)),
            RawBody::Kept(_) => None,
        })
        .collect();
    let began = Instant::now();
    runtime.block_on(taken(&engine, arrivals))?;
    let bodies = engine.tools().bodies;
    for content in &contents {
        let read = bodies.read(content, u64::MAX).map_err(|error| Error::Database(error.to_string()))?;
        if read.len() as u64 != content.end {
            return Err(Error::Inconsistent("length of a body".to_owned()));
        }
    }
    drop(bodies);
    // Whoever closes the database last copies its log into it.
    drop(engine);
    Ok(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_way_every_message_is_taken_and_read_back() {
        for kept in [Kept::Inline, Kept::Files] {
            let folder = tempfile::tempdir().unwrap();
            let load = Load { connections: 2, messages: 6, message_bytes: 20_000 };
            assert!(body_cost(folder.path(), load, kept).unwrap() > Duration::ZERO);
            assert_eq!(folder.path().join("bodies").exists(), kept == Kept::Files);
        }
    }
}
